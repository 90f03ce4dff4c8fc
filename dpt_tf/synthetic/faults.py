"""What is wrong with maps that DensePose really makes: ragged borders, confused parts, wrapped-around coordinates.

All of them keep `iuv` uint8 `[H, W, 3]` (I, U, V) and leave their argument alone.
"""

import numpy as np
from numpy.typing import NDArray

from dpt_tf.iuv import MIRRORED

Map = NDArray[np.uint8]

# The part on the other face of the same limb: what a front taken for a back becomes.
_TURNED = np.array([0, 2, 1, 3, 4, 5, 6, 9, 10, 7, 8, 13, 14, 11, 12, 17, 18, 15, 16, 21, 22, 19, 20, 24, 23], np.uint8)
_HEAD = (23, 24)


def apply(iuv: Map, rng: np.random.Generator) -> Map:
    """A map as DensePose might have made it: each fault with its own chance, none too strong to be lived with."""
    if not iuv[..., 0].any():
        return iuv.copy()
    faulty = ragged(iuv, rng)
    if rng.random() < 0.35:
        faulty = confused(faulty, rng)
    if rng.random() < 0.7:
        faulty = wrapped(faulty, rng)
    return faulty


def ragged(iuv: Map, rng: np.random.Generator) -> Map:
    """Borders of parts and of the body shifted in lumps, by up to one pixel in 128 of the picture's height."""
    height, width = iuv.shape[:2]
    reach = max(1, round(height / 128))
    lump = 2 * reach + 1
    coarse = rng.integers(-reach, reach + 1, (2, -(-height // lump), -(-width // lump)))
    down, right = np.kron(coarse, np.ones((1, lump, lump), int))[:, :height, :width]
    rows, columns = np.indices((height, width))
    moved = iuv[np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)]
    return np.where(_border(iuv[..., 0], reach)[..., None], moved, iuv)


def _border(part: NDArray, reach: int) -> NDArray[np.bool_]:
    """Pixels with another part than theirs within `reach`, up, down, left or right."""
    padded = np.pad(part, reach, mode="edge")
    height, width = part.shape
    near = np.zeros(part.shape, bool)
    for d in range(1, reach + 1):
        for y, x in ((d, 0), (-d, 0), (0, d), (0, -d)):
            near |= padded[reach + y : reach + y + height, reach + x : reach + x + width] != part
    return near


def confused(iuv: Map, rng: np.random.Generator) -> Map:
    """In one or two round patches a part is taken for the other side's, or its front for its back."""
    result = iuv.copy()
    part = iuv[..., 0]
    rows, columns = np.nonzero(part)
    for _ in range(rng.integers(1, 3)):
        k = rng.integers(len(rows))
        y, x, radius = rows[k], columns[k], iuv.shape[0] * rng.uniform(0.015, 0.05)
        down, right = np.ogrid[: iuv.shape[0], : iuv.shape[1]]
        patch = ((down - y) ** 2 + (right - x) ** 2 < radius**2) & (part == part[y, x])
        swap = np.array(MIRRORED, np.uint8) if rng.random() < 0.5 else _TURNED
        result[patch, 0] = swap[part[patch]]
    return result


def wrapped(iuv: Map, rng: np.random.Generator) -> Map:
    """Coordinates next to 0 come out below it, and as uint8 that is 253..255: V of the head mostly, others seldom."""
    result = iuv.copy()
    part = iuv[..., 0]
    head = np.isin(part, _HEAD)
    below = rng.integers(1, 4, part.shape).astype(np.uint8)
    for channel, chance in ((2, np.where(head, 0.7, 0.1)), (1, np.full(part.shape, 0.1))):
        hit = (part > 0) & (iuv[..., channel] < 3) & (rng.random(part.shape) < chance)
        result[hit, channel] = 0 - below[hit]  # uint8: 255, 254, 253
    return result
