"""OpenPose's JSON: `{"people": [{"pose_keypoints_2d": [x, y, confidence, x, y, confidence, ...]}, ...]}`.

Two bodies are known by their number of values: COCO's with 18 joints and BODY_25; `pose_keypoints` is the key of old
versions. Places are in pixels of the photo, x first, and confidence 0 means not found.
"""

import os

import numpy as np

from dpt_tf.system import files
from dpt_tf.system.errors import UserError

_LARGEST = 1e6
_KEYS = ("pose_keypoints_2d", "pose_keypoints")

# For each of our joints its number in the file: OpenPose has the right eye and ear before the left ones, and BODY_25
# the middle of the hips at 8.
_ROWS = {
    18 * 3: (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 14, 17, 16),
    25 * 3: (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 16, 15, 18, 17),
}


def read_openpose(path: str | os.PathLike) -> list[np.ndarray]:
    """The people of an OpenPose file, in its order, none if nobody was found: float `[18, 2]` (y, x) each, -1 missing.

    Raises:
      UserError: not such a file, another body, or places in 0..1 instead of pixels.
    """
    try:
        content = files.read_json(path)
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); have OpenPose write it again (--write_json)") from None
    if not isinstance(content, dict) or not isinstance(content.get("people"), list):
        raise UserError(f"{path}: no list `people` in it; give the JSON that OpenPose writes (--write_json)")
    people = [_joints(person, path) for person in content["people"]]
    found = [person[person[:, 0] >= 0] for person in people]
    places = np.concatenate(found) if found else np.zeros([0, 2])
    if len(places) > 1 and places.max() <= 1:
        raise UserError(f"{path}: its places lie in 0..1; have OpenPose write pixels (--keypoint_scale 0)")
    return people


def _joints(person, path: str | os.PathLike) -> np.ndarray:
    values = next((person[key] for key in _KEYS if key in person), None) if isinstance(person, dict) else None
    if not isinstance(values, list):
        raise UserError(f"{path}: a person without {_KEYS[0]}; give the JSON that OpenPose writes (--write_json)")
    if len(values) not in _ROWS:
        raise UserError(
            f"{path}: {len(values)} numbers a person, where COCO has {18 * 3} and BODY_25 has {25 * 3}; "
            "run OpenPose with one of these models"
        )
    if not all(type(value) in (int, float) and abs(value) < _LARGEST for value in values):
        raise UserError(f"{path}: {_KEYS[0]} holds something else than numbers; have OpenPose write it again")
    x, y, confidence = np.array(values, float).reshape(-1, 3)[list(_ROWS[len(values)])].T
    return np.where((confidence > 0)[:, None], np.stack([y, x], axis=1), -1.0)


def of_person(people: list[np.ndarray], iuv: np.ndarray) -> np.ndarray | None:
    """Those of `people` whose joints lie most on the foreground of `iuv` `[H, W, 3]`; None where nobody's do.

    Note: of two with as many joints there, the one with fewer joints elsewhere.
    """
    rated = [(on_person(points, iuv), -(points[:, 0] >= 0).sum(), -k) for k, points in enumerate(people)]
    best = max(rated, default=(0, 0, 0))
    return people[-best[2]] if best[0] else None


def on_person(points: np.ndarray, iuv: np.ndarray) -> int:
    """How many of the joints `[18, 2]` lie on the foreground of `iuv` `[H, W, 3]`, both in pixels of one frame."""
    rows, columns = np.floor(points + 0.5).astype(int).T
    height, width = iuv.shape[:2]
    inside = (points >= 0).all(axis=1) & (rows < height) & (columns < width)
    return int((iuv[rows[inside], columns[inside], 0] > 0).sum())
