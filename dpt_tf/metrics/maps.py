"""How alike two DensePose maps are: what was found of the person, which part each pixel is of, where on the part.

  maps are uint8 `[H, W, 3]` (I, U, V) as `dpt_tf.iuv` has them; the first argument is the truth `y`, the second the
  predicted `y_hat`

All scores of a pair, and of any number of pairs, follow from two tables of whole numbers that add up:

  confusion `[25, 25]`     pixels of true part i that were called j; 0 is the background
  distances `[130051]`     pixels whose part is right, by (u - u_hat)^2 + (v - v_hat)^2 in levels of 0..255

So a score over a set weighs each pixel alike, and neither order nor cuts of a stream change it. Nothing is rounded: U
and V are bytes, hence the second table is exact, and so are the median and the area under the curve.

Units: an error of U and V is the Euclidean distance on the part's chart, which is a square of side 1; in texels of a
chart of 256 x 256 (texel centres at j / 255) it is 255 times as much.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from dpt_tf.iuv.parts import NUM_PARTS

THRESHOLDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
"""Errors of U and V, in sides of a chart, at which the curve is given; the area ends at the last."""

PAIRS_OF_SIDES = {
    "torso": ((1,), (2,)),
    "upper legs": ((7, 8), (9, 10)),
    "lower legs": ((11, 12), (13, 14)),
    "upper arms": ((15, 16), (17, 18)),
    "lower arms": ((19, 20), (21, 22)),
}
"""The two sides of each piece of the body that has two: back and front, of arms inside and outside."""

_LEVELS = 2 * 255**2 + 1
_PARTS = 1 + NUM_PARTS

NAMES = (
    "foreground IoU",
    "mean part IoU",
    "part accuracy on the body",
    "part accuracy on the true person",
    "front/back accuracy",
    "median U-V error",
    "mean U-V error",
    "median U-V error in texels",
    "mean U-V error in texels",
    *(f"right within {threshold:g}" for threshold in THRESHOLDS),
    f"area of right within {THRESHOLDS[-1]:g}",
)
HIGHER_IS_BETTER = {name: "error" not in name for name in NAMES}


@dataclasses.dataclass(frozen=True)
class Counts:
    """The sums that all scores follow from; those of several pairs add up."""

    confusion: np.ndarray
    """int64 `[25, 25]`, row the true part, column the predicted one."""
    distances: np.ndarray
    """int64 `[130051]`, pixels of the right part by their squared distance in levels."""

    def __add__(self, other: "Counts") -> "Counts":
        """Of both."""
        return Counts(self.confusion + other.confusion, self.distances + other.distances)


def nothing() -> Counts:
    """The sums over no pair."""
    return Counts(np.zeros((_PARTS, _PARTS), np.int64), np.zeros(_LEVELS, np.int64))


def count(y: np.ndarray, y_hat: np.ndarray) -> Counts:
    """The sums of one pair of maps, or of a batch of them: uint8 `[..., H, W, 3]` twice.

    Raises:
      ValueError: two sizes, another dtype, or a part that there is not.
    """
    y, y_hat = np.asarray(y), np.asarray(y_hat)
    if y.shape != y_hat.shape or y.shape[-1:] != (3,) or y.dtype != np.uint8 or y_hat.dtype != np.uint8:
        raise ValueError(
            f"scores are of uint8 [..., H, W, 3] twice, got {y.dtype} {list(y.shape)} and {y_hat.dtype} "
            f"{list(y_hat.shape)}"
        )
    if max(y[..., 0].max(initial=0), y_hat[..., 0].max(initial=0)) > NUM_PARTS:
        raise ValueError(f"parts are 0..{NUM_PARTS}, got {max(y[..., 0].max(), y_hat[..., 0].max())}")
    true, called = y[..., 0].astype(np.int64), y_hat[..., 0].astype(np.int64)
    confusion = np.bincount((true * _PARTS + called).ravel(), minlength=_PARTS**2).reshape(_PARTS, _PARTS)
    right = (true == called) & (true > 0)
    apart = y[right][:, 1:].astype(np.int64) - y_hat[right][:, 1:]
    return Counts(confusion, np.bincount((apart**2).sum(axis=-1), minlength=_LEVELS))


def scores(counts: Counts) -> dict[str, float]:
    """Every score of `NAMES`; NaN where there is no pixel that it is about.

    foreground IoU                     pixels that both call person / pixels that one of them does
    mean part IoU                      the same of each part that is in the truth, averaged over these
    part accuracy on the body          of the pixels that BOTH call person, the share with the right part
    part accuracy on the true person   of the true person's pixels, the share with the right part
    front/back accuracy                of the pixels that are of one piece in both, left or right, the share on the
                                       right one of its two sides, `PAIRS_OF_SIDES`; heads, hands and feet have none
    median, mean U-V error             where the part is right, in sides of a chart; in texels of a chart of 256
    right within t                     of the true person's pixels, the share with the right part and an error below t
    area of right within t             the area under that curve from 0 to t, over t: 1 for a perfect map
    """
    table, person = counts.confusion, counts.confusion[1:].sum()
    right, both = np.trace(table[1:, 1:]), table[1:, 1:].sum()
    either = table.sum() - table[0, 0]
    own = np.diag(table)[1:]
    unions = table.sum(axis=1)[1:] + table.sum(axis=0)[1:] - own
    present = table.sum(axis=1)[1:] > 0
    errors = np.sqrt(np.arange(_LEVELS)) / 255
    mean, median = _share(counts.distances @ errors, right), _median(counts.distances)
    values = [
        _share(both, either),
        float(np.mean(own[present] / unions[present])) if present.any() else float("nan"),
        _share(right, both),
        _share(right, person),
        _sides(table),
        median,
        mean,
        median * 255,
        mean * 255,
        *(_share(counts.distances[errors < threshold].sum(), person) for threshold in THRESHOLDS),
        _share(counts.distances @ np.maximum(0, 1 - errors / THRESHOLDS[-1]), person),
    ]
    return dict(zip(NAMES, map(float, values), strict=True))


def part_ious(counts: Counts) -> dict[int, float]:
    """IoU of each part that is in the truth."""
    table = counts.confusion
    return {
        part: _share(table[part, part], table[part].sum() + table[:, part].sum() - table[part, part])
        for part in range(1, _PARTS)
        if table[part].any()
    }


def _share(part: Any, whole: Any) -> float:
    return float(part) / float(whole) if whole else float("nan")


def _sides(table: np.ndarray) -> float:
    """Both sides of each piece, summed over pieces."""
    same = piece = 0
    for sides in PAIRS_OF_SIDES.values():
        same += sum(table[np.ix_(side, side)].sum() for side in sides)
        piece += table[np.ix_(sum(sides, ()), sum(sides, ()))].sum()
    return _share(same, piece)


def _median(distances: np.ndarray) -> float:
    """The middle error, or the mean of the two that are in the middle, in sides of a chart."""
    total = int(distances.sum())
    if not total:
        return float("nan")
    middle = np.searchsorted(np.cumsum(distances), [(total - 1) // 2 + 1, total // 2 + 1])
    return float(np.sqrt(middle).mean() / 255)


class MapScores:
    """Streams pairs of maps: `update` adds one and gives its own scores, `result` those of all pixels so far."""

    names = NAMES

    def __init__(self) -> None:
        self._counts = nothing()

    def update(self, y: np.ndarray, y_hat: np.ndarray) -> dict[str, float]:
        """Adds a pair (or a batch, `[..., H, W, 3]`), the truth first; its scores, NaN where it has none."""
        counts = count(y, y_hat)
        self._counts += counts
        return scores(counts)

    def result(self) -> dict[str, float]:
        """Every score over all pixels so far."""
        return scores(self._counts)

    def part_ious(self) -> dict[int, float]:
        """IoU of each part that was in a truth."""
        return part_ious(self._counts)

    def state(self) -> dict[str, np.ndarray]:
        """The sums, as `np.savez` takes them."""
        return dataclasses.asdict(self._counts)

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the sums.

        Raises:
          ValueError: they are of something else.
        """
        counts = Counts(*(np.array(state[field.name], np.int64) for field in dataclasses.fields(Counts)))
        if counts.confusion.shape != (_PARTS, _PARTS) or counts.distances.shape != (_LEVELS,):
            raise ValueError(f"sums {counts.confusion.shape} and {counts.distances.shape} are not of scores of maps")
        self._counts = counts
