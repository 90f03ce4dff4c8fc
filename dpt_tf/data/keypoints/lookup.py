"""The joints of each photo, out of a keypoint csv or a folder of OpenPose JSON."""

import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from dpt_tf.data import matching
from dpt_tf.data.keypoints import openpose
from dpt_tf.data.keypoints.annotations import read_keypoints
from dpt_tf.system.errors import UserError

Joints = Callable[[np.ndarray], np.ndarray | None]
_MARK = "_keypoints"


def of_photos(source: pathlib.Path, photos: Iterable[pathlib.Path]) -> dict[pathlib.Path, Joints]:
    """Finds the joints of `photos`: `-> {photo: function}`, photos without any left out.

    `source` is a csv whose names are the photos' file names, or a folder with `x_keypoints.json` or `x.json` for the
    photo `x.jpg`, in it or below. A function gets the photo's map `[H, W, 3]`, which tells whose joints are meant, and
    gives `[18, 2]` (y, x) in pixels of the photo, or None where the person has none.

    Raises:
      UserError: neither a csv nor such a folder, or no photo is in it.
    """
    photos = list(photos)
    result: dict[pathlib.Path, Joints]
    if source.is_dir():
        files = {_entry(path, source): path for path in _json_files(source)}
        if not files:
            raise UserError(f"{source}: no .json file in it; give the folder that OpenPose wrote (--write_json)")
        found = matching.match({photo: photo.stem for photo in photos}, files, str(source))
        result = {photo: functools.partial(_of_file, files[entry]) for photo, entry in found.items()}
        wanted = f"{photos[0].stem}{_MARK}.json"
    elif not source.exists():
        raise UserError(f"{source}: no such file or folder; give a keypoint csv or the folder of OpenPose's JSON")
    else:
        table = read_keypoints(source)
        found = matching.match({photo: photo.name for photo in photos}, table, str(source))
        result = {photo: functools.partial(_of_table, table[entry]) for photo, entry in found.items()}
        wanted = photos[0].name
    if not result:
        raise UserError(
            f"{source}: nothing for any of the {len(photos)} photos; name its entries like them, for example {wanted}"
        )
    return result


def _of_table(points: np.ndarray, _iuv: np.ndarray) -> np.ndarray | None:
    return points if (points >= 0).all(axis=1).any() else None


def _of_file(path: pathlib.Path, iuv: np.ndarray) -> np.ndarray | None:
    return openpose.of_person(openpose.read_openpose(path), iuv)


def _json_files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """`x.json` before `x_keypoints.json`, which counts where both exist."""
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names, key=lambda name: (name.lower().endswith(f"{_MARK}.json"), name)):
            if name.lower().endswith(".json") and not name.startswith("."):
                yield pathlib.Path(above, name)


def _entry(path: pathlib.Path, root: pathlib.Path) -> str:
    stem = path.stem[: -len(_MARK)] if path.stem.lower().endswith(_MARK) else path.stem
    return path.relative_to(root).with_name(stem).as_posix()
