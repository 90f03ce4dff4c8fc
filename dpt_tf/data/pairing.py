"""Which views of an item make pairs, for training and for testing.

Pairs are (source view, target view). Training: all ordered pairs of the usable views that are not held out, identical
ones too (App. C). Test: for an item with held-out views one source, drawn by seed among the others, per held-out
target; for an item without, all ordered pairs of distinct usable views.

Usable is, by rule, `all`: every view; `joints`: a view in which both shoulders and both hips are seen, as DSC and the
paper's tables have it. A published list of test pairs goes before the rule, in its own order.
"""

import csv
import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
from etils import epath

from dpt_tf.data.keypoints import JOINTS
from dpt_tf.system.errors import UserError

RULES = ("all", "joints")
NEEDED = tuple(JOINTS.index(name) for name in ("right_shoulder", "left_shoulder", "right_hip", "left_hip"))
_HEADER = ["item", "source", "target"]


def usable(keypoints: np.ndarray, rule: str) -> np.ndarray:
    """Whether each view may be in a pair: int `[n, 18, 2]` -> bool `[n]`."""
    if rule == "all":
        return np.ones(len(keypoints), bool)
    return np.all(np.asarray(keypoints)[:, list(NEEDED)] >= 0, axis=(1, 2))


def ordered_pairs(keypoints: Mapping[str, np.ndarray]) -> list[tuple[str, str]]:
    """All (from, to) of distinct views of one item that are usable by `joints`, in the order of `keypoints`.

    The item is the name up to its last underscore. From DSC's annotations this gives the paper's 8,670 test pairs.
    """
    items: dict[str, list[str]] = {}
    for name, points in keypoints.items():
        if usable(points[None], "joints")[0]:
            items.setdefault(name.rsplit("_", 1)[0], []).append(name)
    return [pair for views in items.values() for pair in itertools.permutations(views, 2)]


def train_pairs(views):
    """How many ordered pairs `views` usable training views give, identical ones included; whole numbers or a tensor."""
    return views * views


def test_pairs(held_out: np.ndarray, seed: int = 0, may: np.ndarray | None = None) -> np.ndarray:
    """Test pairs of an item: bool `[n]` -> int `[pairs, 2]` (source, target), by the rule above.

    Args:
      held_out: which views were kept for testing.
      seed: draws the sources of held-out targets.
      may: which views are usable; all by default.
    """
    may = np.ones(len(held_out), bool) if may is None else may
    free, held = np.flatnonzero(~held_out & may), np.flatnonzero(held_out & may)
    if not held.size:
        return np.array(list(itertools.permutations(free, 2)), int).reshape(-1, 2)
    if not free.size:
        return np.zeros([0, 2], int)
    sources = np.random.default_rng(seed).choice(free, held.size)
    return np.stack([sources, held], axis=1)


@dataclasses.dataclass
class SplitCounts:
    """What a split comes to; sums, so that parts of it can be counted apart."""

    items: int = 0
    views: int = 0
    pairs: int = 0
    keypoints: bool = True
    """Whether every usable view has keypoints."""

    def add(self, split: str, keypoints: np.ndarray, held_out: np.ndarray, rule: str) -> None:
        """Counts an item: int `[n, 18, 2]`, bool `[n]`."""
        may = usable(keypoints, rule)
        self.items += 1
        self.views += len(may)
        self.pairs += (
            train_pairs(int((may & ~held_out).sum())) if split == "train" else len(test_pairs(held_out, 0, may))
        )
        self.keypoints &= bool((keypoints[may] >= 0).any((1, 2)).all())

    def merge(self, other: "SplitCounts") -> None:
        """Adds what was counted elsewhere."""
        self.items += other.items
        self.views += other.views
        self.pairs += other.pairs
        self.keypoints &= other.keypoints


def write_list(path: epath.PathLike, pairs: list[tuple[str, str, str]]) -> None:
    """Writes (item, source view, target view) in their order."""
    with epath.Path(path).open("w", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEADER)
        writer.writerows(pairs)


def read_list(path: epath.PathLike) -> list[tuple[str, str, str]]:
    """Reads what `write_list` wrote.

    Raises:
      UserError: the file is something else.
    """
    with epath.Path(path).open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or rows[0] != _HEADER or any(len(row) != 3 for row in rows):
        raise UserError(f"{path}: not a list of item,source,target; build the data set again")
    return [(item, source, target) for item, source, target in rows[1:]]
