"""Somebody to try a model on: a few people, poses, a turn round. Always the same, and strangers to every training set.

Photos are uint8 `[size, size, 3]`, maps uint8 `[size, size, 3]` (I, U, V).
"""

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
_MODEL = 2002  # the one who strikes the poses


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
    camera = Camera(fill=0.9, light=(0.35, 0.6, 0.72))
    return {name: _view(index, _RELAXED, turned, camera, size) for name, (index, turned) in _PEOPLE.items()}


@functools.cache
def poses(size: int) -> dict[str, np.ndarray]:
    """Maps of poses, by what they show."""
    return {name: _pose(pose, turned, size) for name, (pose, turned) in _POSES.items()}


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
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, (photo, made) in people(size).items():
        paths = folder / f"{plain(name)}.png", folder / f"{plain(name)}_IUV.png"
        Image.fromarray(photo).save(paths[0])
        paths[1].write_bytes(iuv.encode(made))
        written[name] = paths
    return written


def plain(name: str) -> str:
    """A name as files have it."""
    return name.lower().replace(" ", "_")


def _pose(pose: Pose, turned: float, size: int) -> np.ndarray:
    return _view(_MODEL, pose, turned, Camera(fill=0.9), size)[1]


def _view(index: int, pose: Pose, turned: float, camera: Camera, size: int) -> tuple[np.ndarray, np.ndarray]:
    posed = within_limits(pose | {("pelvis", "y"): turned})
    image, made, _ = render(person(number(0, "test", index)), posed, camera, size)
    return image[..., :3], made
