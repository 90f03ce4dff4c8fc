"""Which views of a person are kept for testing, and the order that this goes by.

Views are in the order of their names, numbers in them by their value: 2 before 10. Photos that have nothing to do with
each other are held out one here, one there. Frames of a video are like their neighbours: one between two that are
trained on is interpolated, not learnt, so a video gives up a stretch in one piece: its last, which has one neighbour
among the training frames, or one from a place that was asked for, where the last shows nothing new.
"""

import re
from collections.abc import Iterable

import numpy as np

_NUMBERED = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)


def by_numbers(name: str) -> tuple:
    """What to sort names by, so that numbers in them count by their value."""
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(part) if number % 2 else part for number, part in enumerate(parts)), name


def every_nth(views: int, n: int) -> np.ndarray:
    """The n-th, the 2n-th, ...: bool `[views]`."""
    return np.arange(1, views + 1) % n == 0


def stretch(views: int, share: float, start: float | None = None) -> np.ndarray:
    """`round(share * views)` in a row, one at least, and never all: bool `[views]`.

    They begin at the view `round(start * views)`, or earlier where so many do not follow; without `start` they are the
    last.
    """
    count = min(max(round(share * views), 1), views - 1)
    first = views - count if start is None else min(round(start * views), views - count)
    return (np.arange(views) >= first) & (np.arange(views) < first + count)


def look_like_frames(stems: Iterable[str]) -> bool:
    """Whether names differ in their last number alone, and three or more of these mostly go up by one step."""
    found = [_NUMBERED.fullmatch(stem) for stem in stems]
    if not all(found) or len({(match[1], match[3]) for match in found if match}) != 1:
        return False
    steps = np.diff(sorted({int(match[2]) for match in found if match}))
    return len(steps) > 1 and 2 * int((steps == steps.min()).sum()) >= len(steps)
