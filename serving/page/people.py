"""The people whom the page offers: synthetic, always the same, and strangers to whatever a model was trained on."""

import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from dpt_tf import iuv
from dpt_tf.synthetic import Camera, person, render
from dpt_tf.synthetic.dataset import number
from dpt_tf.synthetic.skeleton import Pose, within_limits
from page.painting import Upload

# Index in the split of strangers, where no training takes anybody from, and degrees turned from the camera.
_CHOSEN = {"Ada": (1007, 10.0), "Ben": (1040, -20.0), "Cleo": (1005, 15.0), "Dan": (1023, -12.0)}
_CAMERA = Camera(fill=0.9, light=(0.35, 0.6, 0.72))
_POSE: Pose = {
    ("shoulder_left", "z"): 18,
    ("shoulder_right", "z"): 16,
    ("elbow_left", "x"): -22,
    ("elbow_right", "x"): -12,
    ("hip_left", "z"): 5,
    ("hip_right", "z"): 4,
}
NAMES = tuple(_CHOSEN)


class Example(NamedTuple):
    """A photo and its map."""

    photo: Upload
    iuv: Upload


def write(folder: pathlib.Path, size: int) -> dict[str, Example]:
    """Writes everybody's photo and map, `size` pixels square, to `folder`; by name."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for name, (index, turned) in _CHOSEN.items():
        photo, coordinates = _view(index, turned, size)
        example = Example(*(_upload(folder, f"{name.lower()}{ending}.png") for ending in ("", "_IUV")))
        Image.fromarray(photo).save(example.photo.path)
        example.iuv.path.write_bytes(iuv.encode(coordinates))
        made[name] = example
    return made


def _view(index: int, turned: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    pose = within_limits(_POSE | {("pelvis", "y"): turned})
    photo, coordinates, _ = render(person(number(0, "test", index)), pose, _CAMERA, size)
    return photo, coordinates


def _upload(folder: pathlib.Path, name: str) -> Upload:
    return Upload(folder / name, name)
