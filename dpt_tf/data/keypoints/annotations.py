"""Keypoints as DSC, PATN and their followers publish them."""

import csv
import io
import json
import os

import numpy as np

from dpt_tf.system import files
from dpt_tf.system.errors import UserError

# fmt: off
JOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "left_eye", "right_eye", "left_ear", "right_ear",
)
# fmt: on

_HEADER = ["name", "keypoints_y", "keypoints_x"]


def read_keypoints(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a keypoint csv as DSC and PATN have it, in file order: `-> {picture: int [18, 2] (y, x)}`, -1 = missing.

    A line that comes twice counts once.

    Raises:
      UserError: not such a file, or a picture with two different lines; the message names file and line.
    """
    result: dict[str, np.ndarray] = {}
    number = 1
    try:
        rows = csv.reader(io.StringIO(files.read_text(path, "utf-8-sig"), newline=""), delimiter=":")
        if next(rows, None) != _HEADER:
            raise UserError(f"{path}: the first line must be {':'.join(_HEADER)}; give the keypoint csv")
        for number, row in enumerate(rows, start=2):
            if not row:
                continue
            name, points = _line(row)
            if not np.array_equal(result.setdefault(name, points), points):
                raise UserError(
                    f"{path}, line {number}: {name} a second time, with other joints; remove one of its lines"
                )
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file; give the keypoint csv") from None
    except (ValueError, TypeError, OverflowError, RecursionError, csv.Error):
        raise UserError(f"{path}, line {number}: not name: [18 y]: [18 x]; repair or remove the line") from None
    return result


def _line(row: list[str]) -> tuple[str, np.ndarray]:
    name, y, x = row
    columns = json.loads(y), json.loads(x)
    if any(type(column) is not list or len(column) != len(JOINTS) for column in columns):
        raise ValueError
    points = np.array(columns, float).T
    if points.ndim != 2 or not np.isfinite(points).all() or np.abs(points).max() > np.iinfo(np.int32).max:
        raise ValueError
    return name, np.rint(points).astype(np.int32)
