"""What a collection on disk comes down to, before any picture is opened: items, their shots, their splits.

A catalogue is made once, in one process, from names and lists alone; it is all that grows with the collection, a few
hundred bytes a picture. Opening pictures is the pipeline's work.
"""

import collections
import dataclasses
import random

import numpy as np

from dpt_tf.system.errors import UserError


@dataclasses.dataclass(frozen=True, slots=True)
class Shot:
    """A photo and the file that holds its map."""

    name: str
    """The view's name, unique in its item."""
    photo: str
    map: str
    keypoints: np.ndarray | None = None
    """int32 `[18, 2]` (y, x), -1 where missing, in the square frame of `KEYPOINT_FRAME` pixels."""
    entry: str | None = None
    """What the photo is called in `map`, where that is a dump."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outfit:
    """One person in one outfit: an item to be."""

    id: str
    shots: tuple[Shot, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Something that was left out."""

    kind: str
    """A few words, the same for all of a kind: `no map`, `listed, but no such picture`."""
    path: str
    reason: str = ""


KEYPOINT_FRAME = 256
TEST_ITEMS = 1000


@dataclasses.dataclass
class Catalogue:
    """Everything there is to prepare."""

    splits: dict[str, list[Outfit]]
    pairs: list[tuple[str, str, str]] | None = None
    """Test pairs (item, source view, target view) in the order of a published list; None: all by rule."""
    faults: list[Fault] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    """What a user should know of how the folder was read, a sentence each."""
    padded: bool = False
    """Whether square photos may have been padded after their maps were made."""

    def check(self) -> None:
        """Raises UserError where an item is in two splits, two items share an id, or there is nothing to train on."""
        places: dict[str, list[str]] = collections.defaultdict(list)
        for split, outfits in self.splits.items():
            for outfit in outfits:
                places[outfit.id].append(split)
        for name, splits in places.items():
            if len(splits) > 1:
                raise UserError(f"{name} is in {' and '.join(splits)}: an item belongs in one split; repair the lists")
        if not self.splits.get("train"):
            raise UserError("no item to train on is left; the report says what was left out and why")


def hold_out(outfits: list[Outfit], seed: int) -> tuple[list[Outfit], list[Outfit]]:
    """1,000 items for testing, a tenth where there are fewer than 10,000: `-> (train, test)`, by ids and seed alone."""
    ordered = sorted(outfits, key=lambda outfit: outfit.id)
    count = max(0, min(TEST_ITEMS, max(1, len(ordered) // 10), len(ordered) - 1))
    chosen = set(random.Random(seed).sample(range(len(ordered)), count))
    test = [outfit for index, outfit in enumerate(ordered) if index in chosen]
    return [outfit for index, outfit in enumerate(ordered) if index not in chosen], test
