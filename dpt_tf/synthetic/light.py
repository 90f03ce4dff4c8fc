"""How light falls: on a person, on what is behind, and the shadows between the two.

Colours are float32 in 0..1. In a studio (`Camera.scene` is None) light is white, its shadows are hard and the backdrop
is plain; elsewhere light has a colour and a width, and what is hidden from the sky is darker.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from dpt_tf.synthetic import backdrops
from dpt_tf.synthetic.camera import Camera, View
from dpt_tf.synthetic.surface import Floats

Colour = tuple[float, float, float]
Blocked = Callable[[Floats, Floats], NDArray[np.bool_]]
_SPREAD = np.array([[0.7, 0.3, 0.2], [-0.3, 0.7, -0.5], [-0.7, -0.3, 0.5], [0.3, -0.7, -0.2]], np.float32)


def on_person(
    camera: Camera, blocked: Blocked, colour: Floats, normal: Floats, where: Floats, sample: NDArray
) -> Floats:
    """Colours `[N, 3]` of points `where` [N, 3] with normals, in light; `sample` [N] of 0..3 spreads rays.

    `blocked` tells for each origin and direction whether the person is in the way.
    """
    light = np.array(camera.light, np.float32)
    facing = (normal @ light) / (np.linalg.norm(normal, axis=-1) + 1e-9)
    origin = (where + normal * 0.004 + light * 0.004).astype(np.float32)
    lit = np.zeros(len(colour), np.float32)
    towards = np.flatnonzero(facing > 0)
    rays = light + np.float32(camera.softness) * _SPREAD[sample[towards]] if camera.softness else light
    lit[towards] = np.where(blocked(origin[towards], rays), camera.leak, 1.0)
    sky = camera.ambient * (0.88 + 0.12 * normal[:, 1])
    wrap = np.clip(facing, 0, 1) ** 0.8
    if camera.scene is None:
        return colour * np.clip(sky + (1.12 - camera.ambient) * wrap * lit, 0, 1.15)[:, None]
    upwards = (normal + (0.0, 0.35, 0.0) + 0.8 * _SPREAD[sample]).astype(np.float32)
    sky *= 1 - 0.4 * blocked(origin, upwards)
    key = camera.power * (1.12 - camera.ambient) * wrap * lit
    total = sky[:, None] * np.array(camera.sky, np.float32) + key[:, None] * np.array(camera.tint, np.float32)
    return _shoulder(camera.exposure * colour * total)


def _shoulder(colour: Floats) -> Floats:
    """Highlights pressed together below 1, as film and cameras do."""
    bright = colour > 0.8
    colour[bright] = 0.8 + 0.2 * np.tanh((colour[bright] - 0.8) / 0.2)
    return colour


def on_backdrop(camera: Camera, view: View, points: Floats, size: int) -> Floats:
    """What is behind, shadows and all, `[S, S, 3]`: a scene, or a plain colour, darker downwards by `gradient`."""
    if camera.scene is None:
        rows = np.linspace(0, 1, size, dtype=np.float32)
        image = np.array(camera.backdrop, np.float32) * (1 - camera.gradient * rows[:, None, None])
        image = np.repeat(image, size, 1)
    else:
        image = _lit_scene(camera.scene, camera.exposure, camera.sky, camera.tint, size)
    feet = points[points[:, 1] < 0.04]
    seen = view.project(feet)
    (x, y), wide = (seen.min(0) + seen.max(0)) / 2, (seen[:, 0].max() - seen[:, 0].min()) * 0.75 + 0.02 * size
    y = seen[:, 1].max()
    grid = np.arange(size) + 0.5
    blob = np.exp(-(((grid[:, None] - y) / (0.016 * size)) ** 2) - ((grid[None] - x) / wide) ** 2)
    image = (image * (1 - camera.floor * blob[..., None])).astype(np.float32)
    return image * (1 - camera.cast * _shadow(camera, view, points, size)[..., None]) if camera.cast else image


@functools.lru_cache(maxsize=2)
def _lit_scene(scene: tuple[str, int], exposure: float, sky: Colour, tint: Colour, size: int) -> Floats:
    """A scene in the camera's light, not to be written to."""
    colour = np.array([exposure * (0.5 * s + 0.5 * t) for s, t in zip(sky, tint, strict=True)], np.float32)
    return _shoulder(backdrops.paint(*scene, size) * colour)


def _shadow(camera: Camera, view: View, points: Floats, size: int) -> Floats:
    """How dark the person's shadow is on floor and wall, `[S, S]` in 0..1: the points, thrown there and blurred."""
    light = np.array(camera.light, np.float32)
    floor = points[:, 1] / max(float(light[1]), 1e-3)
    wall = (points[:, 2] + camera.wall) / max(float(light[2]), 1e-3)
    thrown = points - np.minimum(floor, wall)[:, None] * light
    thrown = thrown[(view.eye[2] - thrown[:, 2]) > 0.3]
    cells = 96
    at = np.floor(view.project(thrown) * (cells / size)).astype(int) + cells // 4
    inside = ((at >= 0) & (at < cells * 3 // 2)).all(-1)
    mask = np.zeros((cells * 3 // 2,) * 2, np.uint8)
    mask[at[inside, 1], at[inside, 0]] = 255
    filled = Image.fromarray(mask).filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.MaxFilter(3))
    soft = filled.filter(ImageFilter.GaussianBlur(1 + 12 * camera.softness))
    box = (cells // 4, cells // 4, cells // 4 + cells, cells // 4 + cells)
    return np.asarray(soft.resize((size, size), Image.Resampling.BILINEAR, box=box), np.float32) / np.float32(255)


def _warmth(degree: float) -> tuple[float, float, float]:
    """The colour of light: 1 a lamp, 0 a flash or the noon, -1 the shade under a blue sky."""
    return 1 + 0.2 * degree, 1 + 0.03 * degree, 1 - 0.24 * degree


_INDOORS = ("soft", "flash", "side", "lamp", "behind"), (0.35, 0.17, 0.22, 0.18, 0.08)
# Degrees from the camera, height over distance, ambient, softness, power, warmth of the key light and of the sky.
_LIGHTS = {
    "sun": ((0, 100), (0.4, 1.6), (0.38, 0.6), (0.01, 0.03), (1.0, 1.25), (0, 0.8), (-0.7, 0)),
    "overcast": ((0, 60), (0.9, 2), (0.72, 0.9), (0.4, 0.6), (1, 1), (-0.1, 0.1), (-0.5, 0.2)),
    "behind": ((115, 165), (0.3, 1), (0.6, 0.85), (0.05, 0.2), (1.5, 2.5), (0, 1), (-0.4, 0.3)),
    "soft": ((0, 70), (0.3, 1.2), (0.5, 0.78), (0.1, 0.4), (1, 1), (-0.2, 0.3), (-0.2, 0.3)),
    "flash": ((0, 15), (0.05, 0.35), (0.3, 0.5), (0.01, 0.02), (1, 1.2), (-0.2, 0.1), (0, 0.8)),
    "side": ((60, 100), (0.2, 0.8), (0.35, 0.55), (0.1, 0.3), (1.2, 1.5), (-0.5, 0.3), (-0.3, 0.5)),
    "lamp": ((0, 70), (0.8, 2), (0.45, 0.65), (0.05, 0.25), (1, 1), (0.4, 1.2), (0.2, 0.9)),
}


def elsewhere(studio: Camera, rng: np.random.Generator) -> Camera:
    """The same camera before a backdrop of any kind, in light that may be there: lamps, flash, window, sun, shade."""
    scene = backdrops.choose(rng)
    outdoors = scene[0] in backdrops.OUTDOORS
    kinds, shares = (("sun", "overcast", "behind"), (0.45, 0.4, 0.15)) if outdoors else _INDOORS
    kind = str(rng.choice(kinds, p=shares))
    angle, height, ambient, softness, power, key, sky = (rng.uniform(*ends) for ends in _LIGHTS[kind])
    angle = np.deg2rad(angle * rng.choice([-1, 1]))
    towards = np.array([np.sin(angle), height, np.cos(angle)])
    towards /= np.linalg.norm(towards)
    shadowy = kind != "overcast" and rng.random() < 0.8
    return dataclasses.replace(
        studio,
        scene=scene,
        light=(float(towards[0]), float(towards[1]), float(towards[2])),
        ambient=float(ambient),
        softness=float(softness),
        power=float(power),
        tint=_warmth(float(key)),
        sky=_warmth(float(sky)),
        leak=float(rng.uniform(0, 0.2)),
        cast=float(rng.uniform(0.15, 0.6)) if shadowy else 0.0,
        wall=1e3 if outdoors else float(rng.uniform(0.15, 1.2)),
        floor=float(rng.uniform(0.2, 0.6)),
        exposure=float(np.exp(rng.normal(0, 0.14))),
    )
