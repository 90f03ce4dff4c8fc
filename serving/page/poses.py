"""Poses that need no upload: the maps of one synthetic body, standing, walking, turning round. (I, U, V), square."""

import functools

import numpy as np

from dpt_tf.synthetic import Camera, person, render
from dpt_tf.synthetic.dataset import number
from dpt_tf.synthetic.skeleton import Dof, Pose, within_limits

FRAMES = 24
_MODEL = number(0, "test", 2002)  # a stranger to every training set, and to the page's examples
_CAMERA = Camera(fill=0.9)


def _both(angles: dict[Dof, float]) -> Pose:
    return {(f"{joint}_{side}", axis): angle for (joint, axis), angle in angles.items() for side in ("left", "right")}


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

_READY: dict[str, tuple[Pose, float]] = {
    "Front": (_CALM, 0),
    "Half turned": (_CALM, 40),
    "Side": (_CALM, 90),
    "Back": (_CALM, 180),
    "Hands on hips": (_CALM | _both(_HIP), -10),
    "Walking": (_CALM | _STRIDE, 55),
    "Waving": (_CALM | _WAVE, 0),
    "Knee up": (_CALM | _KNEE, -25),
}
NAMES = tuple(_READY)


@functools.cache
def ready(size: int) -> dict[str, np.ndarray]:
    """The maps to choose from, `[size, size, 3]` each, by name."""
    return {name: _map(pose, turned, size) for name, (pose, turned) in _READY.items()}


@functools.cache
def turn(size: int) -> tuple[np.ndarray, ...]:
    """The maps of somebody who turns round once, in even steps, before a camera that stands still."""
    return tuple(_map(_CALM, 360 * k / FRAMES, size) for k in range(FRAMES))


def _map(pose: Pose, turned: float, size: int) -> np.ndarray:
    return render(person(_MODEL), within_limits(pose | {("pelvis", "y"): turned}), _CAMERA, size)[1]
