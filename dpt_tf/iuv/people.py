"""Which person of a map is meant."""

import numpy as np
import scipy

from dpt_tf.iuv.parts import NUM_PARTS
from dpt_tf.iuv.sources import NOBODY, NotIUV

_EIGHT = np.ones((3, 3), bool)
TRUNK = (1, 2, 23, 24)  # torso and head: a piece without them is somebody's hand or foot
SMALLEST = 0.02


def choose(iuv: np.ndarray, person: int | None = None) -> tuple[np.ndarray, list[int], int]:
    """Keeps one person: `-> (iuv, pixels of each person, number of the kept one)`, the largest being number 1.

    Note: a person is a connected piece of the map that holds torso or head which the largest piece holds too, and at
    least 2 % of its pixels. All other pieces (a hand cut off by a fold of the dress) belong to the person next to them.

    Raises:
      NotIUV: there is nobody, or no person of this number.
    """
    part = np.ascontiguousarray(iuv[..., 0])
    labels, count = scipy.ndimage.label(part > 0, _EIGHT)
    if count == 0:
        raise NotIUV(NOBODY)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable") + 1
    people = [order[0]]
    if count > 1:
        wanted = np.zeros(256, bool)
        wanted[list(TRUNK)] = np.bincount(part[labels == order[0]], minlength=1 + NUM_PARTS)[list(TRUNK)] > 0
        with_trunk = np.bincount(labels[wanted[part]], minlength=count + 1) > 0
        large = sizes >= SMALLEST * sizes[order[0] - 1]
        people += [piece for piece in order[1:] if large[piece - 1] and with_trunk[piece]]
    chosen = 1 if person is None else person
    if not 1 <= chosen <= len(people):
        raise NotIUV(f"no person {person}: it shows {len(people)}; choose 1 to {len(people)}, the largest being 1")
    if len(people) == 1:
        return iuv, [int(sizes.sum())], 1
    owner = labels if count == len(people) else _nearest(labels, people)
    pixels = np.bincount(owner.ravel(), minlength=count + 1)[people]
    return np.where((owner == people[chosen - 1])[..., None], iuv, 0).astype(np.uint8), pixels.tolist(), chosen


def _nearest(labels: np.ndarray, people: list[int]) -> np.ndarray:
    """The labels with every piece given to the person next to it."""
    nearest = scipy.ndimage.distance_transform_edt(
        ~np.isin(labels, people), return_distances=False, return_indices=True
    )
    return np.where(labels > 0, labels[tuple(nearest)], 0)
