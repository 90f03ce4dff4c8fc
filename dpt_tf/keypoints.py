"""Keypoints as DSC, PATN and their followers publish them, and the pairs of views that follow from them.

A view has 18 joints, int `[18, 2]`, (y, x) in pixels, -1 where missing.
"""

import ast
import csv
import itertools
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from dpt_tf.errors import UserError

# fmt: off
JOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "left_eye", "right_eye", "left_ear", "right_ear",
)
# fmt: on

_NEEDED = [JOINTS.index(name) for name in ("right_shoulder", "left_shoulder", "right_hip", "left_hip")]


def read_keypoints(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a keypoint csv as DSC and PATN have it, in file order: `-> {picture: int [18, 2] (y, x)}`, -1 = missing.

    Raises:
      UserError: not such a file; the message names file and line.
    """
    result = {}
    with pathlib.Path(path).open(newline="") as file:
        rows = csv.reader(file, delimiter=":")
        if next(rows, None) != ["name", "keypoints_y", "keypoints_x"]:
            raise UserError(f"{path}: the first line must be name:keypoints_y:keypoints_x; give the keypoint csv")
        for number, row in enumerate(rows, start=2):
            try:
                name, y, x = row
                points = np.array([ast.literal_eval(y.strip()), ast.literal_eval(x.strip())], np.int32).T
            except (ValueError, SyntaxError, TypeError):
                points, name = np.zeros(0, np.int32), ""
            if points.shape != (len(JOINTS), 2):
                raise UserError(f"{path}, line {number}: not name: [18 y]: [18 x]; repair or remove the line")
            result[name] = points
    return result


def ordered_pairs(keypoints: Mapping[str, np.ndarray]) -> list[tuple[str, str]]:
    """All (from, to) of distinct views of one item, both with shoulders and hips seen, in the order of `keypoints`.

    The item is the name up to its last underscore. From DSC's annotations this gives the paper's 8,670 test pairs.
    """
    items: dict[str, list[str]] = {}
    for name, points in keypoints.items():
        if (np.asarray(points)[_NEEDED] >= 0).all():
            items.setdefault(name.rsplit("_", 1)[0], []).append(name)
    return [pair for views in items.values() for pair in itertools.permutations(views, 2)]
