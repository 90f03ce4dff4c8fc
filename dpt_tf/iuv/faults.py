"""What goes wrong with real maps: damage, which is refused, and uint8 wrap-around, which is undone."""

from collections.abc import Iterator

import numpy as np
import scipy

from dpt_tf.iuv.sources import REMEDY, NotIUV

_EIGHT = np.ones((3, 3), bool)

# Of 180 real maps the worst has 0.07 % of lonely pixels; the mildest JPEG or smooth resizing leaves more than 11 %.
# Small bodies have more edge: reduced to 128, 64 and 32 pixels the same maps stay below 1.7 / sqrt(body's pixels), and
# damaged there they have 1.3 times what is allowed, or more.
MOST_LONELY = 0.05
MOST_LONELY_SMALL = 2.0  # over the square root of the body's pixels

# Of a body's pixels, how many more may have colour and no part.
MOST_STAINED = 0.05

# Wrapped values reach down to 238 on real maps, and lie among values below 32.
HIGH = 224
LOW = 64
MOSTLY = 0.9
_MOST_WORK = 16  # times the pixels of the map

_Box = tuple[slice, slice]


def refuse_damaged(iuv: np.ndarray) -> None:
    """Refuses maps whose part numbers are no patches any more, or that lie on colour.

    Raises:
      NotIUV: JPEG compression or smooth resizing mixed the part numbers, or there never were any.
    """
    part = np.ascontiguousarray(iuv[..., 0])
    body = part > 0
    pixels = np.count_nonzero(body)
    if not pixels:
        if iuv.any():
            raise NotIUV("a colour visualisation or a photo: it has colours, but no part numbers; " + REMEDY)
        return
    alone = body.copy()
    differ = part[1:] != part[:-1]
    alone[1:] &= differ
    alone[:-1] &= differ
    differ = part[:, 1:] != part[:, :-1]
    alone[:, 1:] &= differ
    alone[:, :-1] &= differ
    lonely, most = np.count_nonzero(alone) / pixels, max(MOST_LONELY, MOST_LONELY_SMALL / pixels**0.5)
    stained = np.count_nonzero((iuv[..., 1] | iuv[..., 2])[~body]) / pixels
    if lonely <= most and stained > 1:
        raise NotIUV("a colour visualisation or a photo: colour lies on more background than body; " + REMEDY)
    if lonely > most or stained > MOST_STAINED:
        raise NotIUV(
            "damaged by JPEG compression or by smooth resizing, or not a map at all: "
            f"{lonely:.0%} of the part numbers differ from all their neighbours, colour lies on {stained:.0%} as much "
            f"background; write the map as PNG at its first size, or {REMEDY}"
        )


def undo_wrap_around(iuv: np.ndarray) -> tuple[np.ndarray, int]:
    """Puts back to 0 what wrapped: `-> (iuv, number of values changed)`.

    A network's U or V slightly below 0 is stored as 238..255 by a bare cast. Inside a part U and V run smoothly, so a
    patch of high values whose neighbours of the same part are nearly all low has wrapped; one that
    borders on high values, or on no pixel of its part, is left alone.
    """
    part = np.ascontiguousarray(iuv[..., 0])
    mended, changed = iuv, 0
    for channel in (1, 2):
        values = np.ascontiguousarray(iuv[..., channel])
        for box, here, number in _patches(part, values):
            beside = _grown(here) & (part[box] == number) & ~here
            if (values[box][beside] <= LOW).mean() >= MOSTLY:
                if mended is iuv:
                    mended = iuv.copy()
                mended[..., channel][box][here] = 0
                changed += int(np.count_nonzero(here))
    return mended, changed


class _Work:
    """Pixels that may still be looked at: patches are few and small, unless somebody drew them to keep us busy."""

    def __init__(self, pixels: int):
        self.pixels = pixels

    def take(self, pixels: int) -> None:
        self.pixels -= pixels
        if self.pixels < 0:
            raise NotIUV("U or V jump between high and low nearly everywhere, as on no map; write it again")


def _patches(part: np.ndarray, values: np.ndarray) -> Iterator[tuple[_Box, np.ndarray, int]]:
    """Connected high pixels of one part next to a low one: (a box with a pixel to spare, where in it, the part)."""
    high = (values >= HIGH) & (part > 0)
    seeds = _beside_low(part, values, high)
    left = _Work(_MOST_WORK * part.size + (1 << 20))
    for box, here in _pieces(high, seeds, left):
        for number in np.flatnonzero(np.bincount(part[box][here & seeds[box]])).tolist():
            mine = here & (part[box] == number)
            if np.array_equal(mine, here):
                yield box, here, number
                continue
            for (rows, columns), piece in _pieces(mine, seeds[box] & mine, left):  # parts that touch: each for itself
                top, side = box[0].start, box[1].start
                inner = slice(top + rows.start, top + rows.stop), slice(side + columns.start, side + columns.stop)
                yield inner, piece, number


def _pieces(mask: np.ndarray, seeds: np.ndarray, left: _Work) -> Iterator[tuple[_Box, np.ndarray]]:
    """The connected pieces of a mask that hold a seed: (a box with a pixel to spare on each side, where in it)."""
    if not seeds.any():
        return
    left.take(mask.size)
    labels, count = scipy.ndimage.label(mask, _EIGHT)
    wanted = np.zeros(count + 1, bool)
    wanted[labels[seeds]] = True
    places = scipy.ndimage.find_objects(labels)
    for label in np.flatnonzero(wanted):
        rows, columns = (slice(max(side.start - 1, 0), side.stop + 1) for side in places[label - 1])
        here = labels[rows, columns] == label
        left.take(here.size + 1000)
        yield (slice(rows.start, rows.start + here.shape[0]), slice(columns.start, columns.start + here.shape[1])), here


def _beside_low(part: np.ndarray, values: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The high pixels that have a low one of their part among their eight neighbours."""
    # 1 for high, 2 for low: two codes differ in just these bits where the parts are the same.
    code = part << 2 | high | (values <= LOW).view(np.uint8) << 1
    seeds = np.zeros(high.shape, bool)
    up, down = slice(None, -1), slice(1, None)
    whole = slice(None)
    for one, other in (
        ((up, whole), (down, whole)),
        ((whole, up), (whole, down)),
        ((up, up), (down, down)),
        ((up, down), (down, up)),
    ):
        pair = code[one] ^ code[other] == 3
        seeds[one] |= pair
        seeds[other] |= pair
    return seeds & high


def _grown(mask: np.ndarray) -> np.ndarray:
    """The mask and its eight neighbours."""
    tall = mask.copy()
    tall[1:] |= mask[:-1]
    tall[:-1] |= mask[1:]
    grown = tall.copy()
    grown[:, 1:] |= tall[:, :-1]
    grown[:, :-1] |= tall[:, 1:]
    return grown
