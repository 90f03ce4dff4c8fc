"""Somebody to try a model on: a few people, poses, a turn round. Always the same, and strangers to every training set.

Photos are uint8 `[size, size, 3]`, maps uint8 `[size, size, 3]` (I, U, V).
"""

import dataclasses
import functools
import pathlib

import numpy as np
from PIL import Image

from dpt_tf import iuv
from dpt_tf.synthetic.camera import Camera
from dpt_tf.synthetic.dataset import number
from dpt_tf.synthetic.figure import person
from dpt_tf.synthetic.render import render
from dpt_tf.synthetic.skeleton import Dof, Pose, within_limits

FRAMES = 24

# Index in the split of strangers, where no training takes anybody from, and degrees turned from the camera.
_PEOPLE = {"Ada": (1007, 10.0), "Ben": (1040, -20.0), "Cleo": (1005, 15.0), "Dan": (1023, -12.0)}
_SIDES = 0, 90, 180  # degrees further, of those who are photographed more than once
_MODEL = 2002  # the one who strikes the poses
_BUILDS: dict[str, dict[str, float]] = {  # of `anatomy.Shape`
    "A slim adult": {"girth": 0.92, "limbs": 0.8, "head": 0.92},
    "A heavy adult": {"girth": 1.6, "limbs": 1.42, "head": 0.95},
    "A child": {"girth": 1.05, "limbs": 0.95, "head": 1.4, "legs": -0.055, "arms": 0.9},
}


def _both(angles: dict[Dof, float]) -> Pose:
    return {(f"{joint}_{side}", axis): angle for (joint, axis), angle in angles.items() for side in ("left", "right")}


_RELAXED: Pose = {
    ("shoulder_left", "z"): 18,
    ("shoulder_right", "z"): 16,
    ("elbow_left", "x"): -22,
    ("elbow_right", "x"): -12,
    ("hip_left", "z"): 5,
    ("hip_right", "z"): 4,
}
_CALM = _both({("shoulder", "z"): 14, ("elbow", "x"): -14, ("hip", "z"): 3, ("wrist", "y"): -8})
_HIP: dict[Dof, float] = {("shoulder", "z"): 42, ("shoulder", "y"): -70, ("shoulder", "x"): 12, ("elbow", "x"): -92}
_STRIDE: Pose = {
    ("hip_left", "x"): -24,
    ("knee_left", "x"): 8,
    ("hip_right", "x"): 16,
    ("knee_right", "x"): 18,
    ("shoulder_right", "x"): -22,
    ("shoulder_left", "x"): 22,
}
_WAVE: Pose = {("shoulder_right", "z"): 112, ("elbow_right", "x"): -40, ("shoulder_right", "x"): -20}
_KNEE: Pose = {("hip_left", "x"): -62, ("knee_left", "x"): 78}

_POSES: dict[str, tuple[Pose, float]] = {
    "Front": (_CALM, 0),
    "Half turned": (_CALM, 40),
    "Side": (_CALM, 90),
    "Back": (_CALM, 180),
    "Hands on hips": (_CALM | _both(_HIP), -10),
    "Walking": (_CALM | _STRIDE, 55),
    "Waving": (_CALM | _WAVE, 0),
    "Knee up": (_CALM | _KNEE, -25),
}


@functools.cache
def people(size: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Everybody's photo and its map, by name."""
    return {name: _view(index, _RELAXED, turned, _studio(), size) for name, (index, turned) in _PEOPLE.items()}


@functools.cache
def views(size: int) -> dict[str, tuple[tuple[np.ndarray, np.ndarray], ...]]:
    """Everybody's photos from the front, from a side and from the back, each with its map, by name."""
    return {
        name: tuple(_view(index, _RELAXED, turned + side, _studio(), size) for side in _SIDES)
        for name, (index, turned) in _PEOPLE.items()
    }


@functools.cache
def poses(size: int) -> dict[str, np.ndarray]:
    """Maps of poses, by what they show."""
    return {name: _pose(pose, turned, size) for name, (pose, turned) in _POSES.items()}


@functools.cache
def builds(size: int) -> dict[str, np.ndarray]:
    """Maps of somebody who stands there slim, heavy, or as a child is built, by what they show."""
    who = person(number(0, "test", _MODEL))
    built = {name: dataclasses.replace(who, shape=dataclasses.replace(who.shape, **by)) for name, by in _BUILDS.items()}
    posed = within_limits(_CALM | {("pelvis", "y"): 0})
    return {name: render(one, posed, Camera(fill=0.9), size)[1] for name, one in built.items()}


@functools.cache
def turn(size: int) -> tuple[np.ndarray, ...]:
    """The maps of somebody who turns round once, in even steps, before a camera that stands still."""
    return tuple(_pose(_CALM, 360 * k / FRAMES, size) for k in range(FRAMES))


def write(folder: pathlib.Path, size: int) -> None:
    """All of them as files: `ada.png` with `ada_IUV.png` and so on, `poses/front_IUV.png`, `turn/00_IUV.png`."""
    write_people(folder, size)
    maps = {f"poses/{name}": made for name, made in poses(size).items()}
    maps |= {f"turn/{k:02}": made for k, made in enumerate(turn(size))}
    for place in ("poses", "turn"):
        (folder / place).mkdir(exist_ok=True)
    for name, made in maps.items():
        (folder / f"{plain(name)}_IUV.png").write_bytes(iuv.encode(made))


def write_people(folder: pathlib.Path, size: int) -> dict[str, tuple[pathlib.Path, pathlib.Path]]:
    """The people alone: the paths of photo and map, by name."""
    return {name: _written(folder, plain(name), *made) for name, made in people(size).items()}


def write_views(folder: pathlib.Path, size: int) -> dict[str, list[tuple[pathlib.Path, pathlib.Path]]]:
    """The people from several sides, `ada_1.png` with `ada_1_IUV.png` and so on: the paths, by name."""
    return {
        name: [_written(folder, f"{plain(name)}_{k}", *made) for k, made in enumerate(several, 1)]
        for name, several in views(size).items()
    }


def _written(folder: pathlib.Path, stem: str, photo: np.ndarray, made: np.ndarray) -> tuple[pathlib.Path, pathlib.Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{stem}.png", folder / f"{stem}_IUV.png"
    Image.fromarray(photo).save(paths[0])
    paths[1].write_bytes(iuv.encode(made))
    return paths


def plain(name: str) -> str:
    """A name as files have it."""
    return name.lower().replace(" ", "_")


def _studio() -> Camera:
    return Camera(fill=0.9, light=(0.35, 0.6, 0.72))


def _pose(pose: Pose, turned: float, size: int) -> np.ndarray:
    return _view(_MODEL, pose, turned, Camera(fill=0.9), size)[1]


def _view(index: int, pose: Pose, turned: float, camera: Camera, size: int) -> tuple[np.ndarray, np.ndarray]:
    posed = within_limits(pose | {("pelvis", "y"): turned})
    image, made, _ = render(person(number(0, "test", index)), posed, camera, size)
    return image[..., :3], made
