"""What callers of `painter.Transfer` give, checked: photos, maps and coverages, one of each or lists."""

import os
from collections.abc import Sequence

import numpy as np

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.transfer.sources import Known

Photo = np.ndarray | str | os.PathLike
Several = Photo | Sequence[Photo]


def each(source, source_iuv, coverage) -> list[tuple[Photo, np.ndarray | None, np.ndarray | None]]:
    """Photo, map and coverage of each source, of which there may be one or a list."""
    if isinstance(source, np.ndarray | str | os.PathLike):
        return [(source, source_iuv, coverage)]
    if not len(source):
        raise ValueError("source is an empty list; give a photo")
    maps, coverages = ([None] * len(source) if x is None else x for x in (source_iuv, coverage))
    if not len(source) == len(maps) == len(coverages):
        raise ValueError(f"{len(source)} photos, {len(maps)} maps, {len(coverages)} coverages; give as many of each")
    return list(zip(source, maps, coverages, strict=True))


def equal(some: Sequence[Known], others: Sequence[Known]) -> bool:
    """Whether they are the same photos with the same maps and coverages, in the same order."""
    return same([x for one in some for x in one], [x for one in others for x in one])


def same(some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    """Whether they are the same arrays in the same order."""
    return len(some) == len(others) and all(map(np.array_equal, some, others))


def check_picture(name: str, picture: np.ndarray) -> None:
    """ValueError but for uint8 `[H, W, 3]`."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        got = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise ValueError(f"{name} must be a uint8 array [H, W, 3], got {got}")


def check_coverage(coverage: np.ndarray, source: np.ndarray) -> None:
    """ValueError but for uint8 `[H, W, 1]`, H and W the photo's."""
    if coverage.dtype != np.uint8 or coverage.shape != (*source.shape[:2], 1):
        height, width = source.shape[:2]
        raise ValueError(f"coverage must be uint8 [{height}, {width}, 1], got {coverage.dtype} {coverage.shape}")


def check_map(name: str, iuv: np.ndarray) -> None:
    """ValueError but for uint8 `[H, W, 3]` (I, U, V) with somebody in it."""
    check_picture(name, iuv)
    highest = int(iuv[..., 0].max())
    if highest > NUM_PARTS:
        raise ValueError(f"{name} has part {highest}; channels must be I, U, V with I in 0..{NUM_PARTS}")
    if highest == 0:
        raise ValueError(f"{name} has no person: I is 0 everywhere")
