"""What goes wrong with real maps: damage, which is refused, and uint8 wrap-around, which is undone."""

import numpy as np
from scipy import ndimage

from dpt_tf.iuv.forms import NotIUV

_EIGHT = np.ones((3, 3), bool)

# Of 180 real maps the worst has 0.07 % of lonely pixels; the mildest JPEG or smooth resizing leaves more than 11 %.
_MOST_LONELY = 0.05

# Wrapped values reach down to 238 on real maps, and lie among values below 32.
_HIGH = 224
_LOW = 64
_MOSTLY = 0.9


def refuse_damaged(iuv: np.ndarray) -> None:
    """Refuses maps whose part numbers are no patches any more, or that lie on colour.

    Raises:
      NotIUV: JPEG compression or smooth resizing mixed the part numbers.
    """
    part = iuv[..., 0]
    body = part > 0
    if not body.any():
        return
    alone = np.ones(part.shape, bool)
    for axis in (0, 1):
        same = np.diff(part.astype(np.int8), axis=axis) == 0
        before, after = (slice(None, -1), slice(1, None))
        alone[before if axis == 0 else (slice(None), before)] &= ~same
        alone[after if axis == 0 else (slice(None), after)] &= ~same
    lonely = (alone & body).sum() / body.sum()
    stained = (~body & iuv[..., 1:].any(-1)).sum() / body.sum()
    if lonely > _MOST_LONELY or stained > _MOST_LONELY:
        raise NotIUV(
            "damaged by JPEG compression or by smooth resizing, or not a map at all: "
            f"{lonely:.0%} of the part numbers differ from all their neighbours, colour lies on {stained:.0%} as much "
            "background; write the map as PNG at its first size"
        )


def undo_wrap_around(iuv: np.ndarray) -> tuple[np.ndarray, int]:
    """Puts back to 0 what wrapped: `-> (iuv, number of values changed)`.

    A network's U or V slightly below 0 is stored as 238..255 by a bare cast. Inside a part U and V run smoothly, so a
    patch of high values whose neighbours of the same part are nearly all low has wrapped; one that
    borders on high values, or on no pixel of its part, is left alone.
    """
    part = iuv[..., 0]
    mended, changed = iuv, 0
    for number, box in enumerate(ndimage.find_objects(part), start=1):
        if box is None:
            continue
        inside = part[box] == number
        for channel in (1, 2):
            values = iuv[..., channel][box]
            high = inside & (values >= _HIGH)
            if not high.any() or not (inside & (values <= _LOW)).any():
                continue
            labels, count = ndimage.label(high, _EIGHT)
            for patch in range(1, count + 1):
                here = labels == patch
                around = values[ndimage.binary_dilation(here, _EIGHT) & inside & ~here]
                if around.size and (around <= _LOW).mean() >= _MOSTLY:
                    if mended is iuv:
                        mended = iuv.copy()
                    mended[..., channel][box][here] = 0
                    changed += int(here.sum())
    return mended, changed
