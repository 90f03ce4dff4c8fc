"""Several photos of one person: what each shows of the surface, as one surface.

  texture uint8 `[24, R, R, 3]`   observed uint8 `[24, R, R, 1]`, 255 where a photo shows the texel; R a power of two

A texel takes its colour from the photo that saw it best: in which most pixels fall on that piece of the surface, which
is both nearness and angle, away from the outline, where the backdrop is mixed in, and whose colour there is near the
median of all that show it (a map that is wrong puts an arm's skin on a trunk). Where others agree with it they are
mixed in, where they do not it is alone, so that no edge shows twice. Photos differ in light and white balance: each is
first brought to the first one's colours, a factor a channel, by what both show.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dpt_tf.iuv import NUM_PARTS

Bytes = NDArray[np.uint8]

_CELLS = 16  # along a part's side, in which pixels are counted and colours compared
_AGREE = 25.0  # of 255: a difference of two cells' colours at which a photo counts a third
_SHARP = 4  # a photo that saw a texel half as well counts a half to this power
_FEWEST = 24  # cells that two photos must share before anything is concluded from them
_DOUBTED = 200  # cells at which half of what they say of the light is believed
_STRONGEST = 1.6  # times that a photo's light may differ
_FINE = 64  # along a part's side, in which it is told how well a photo saw a texel
_RIM = 3.0  # pixels from an outline, from which on nothing of the backdrop is mixed in, in a photo of 256


@dataclasses.dataclass(frozen=True)
class Shown:
    """What one photo shows: its texture and observed, as above, and its map uint8 `[H, W, 3]`."""

    texture: Bytes
    observed: Bytes
    iuv: Bytes


@dataclasses.dataclass(frozen=True)
class Merged:
    """One surface of several photos.

    Attributes:
      texture: uint8 `[24, R, R, 3]`, R the largest of the photos'.
      observed: uint8 `[24, R, R, 1]`, 255 where any photo shows the texel.
      photo: uint8 `[24, R, R, 1]`, 1 and up, whose colour it is; 0 where nobody's.
    """

    texture: Bytes
    observed: Bytes
    photo: Bytes


def merge(shown: Sequence[Shown]) -> Merged:
    """The surface that all photos show together."""
    resolution = max(len(one.texture[0]) for one in shown)
    textures = [_enlarged(one.texture, resolution) for one in shown]
    seen = np.stack([_enlarged(one.observed, resolution)[..., 0] for one in shown]) > 0  # [K, 24, R, R]
    cells, known = zip(*(_cells(one) for one in shown), strict=True)
    agreement = _agreement(np.stack(cells), np.stack(known))
    quality = np.stack([_quality(one.iuv) * _smoothly(like, _FINE) for one, like in zip(shown, agreement, strict=True)])
    fine = np.stack([_smoothly(one, resolution) for one in quality]) * seen + 1e-6 * seen
    best = fine.argmax(0)
    weight = (fine / np.maximum(fine.max(0), 1e-9)) ** _SHARP
    of_best = np.take_along_axis(np.stack(cells), _at_cells(best)[None, ..., None], 0)[0]
    total, colour = np.zeros((*best.shape, 1)), np.zeros((*best.shape, 3))
    for k, texture in enumerate(textures):
        differs = np.abs(cells[k] - of_best).mean(-1)
        like = _smoothly(np.exp(-((differs / _AGREE) ** 2)), resolution)
        own = (weight[k] * np.where(best == k, 1, like))[..., None]
        total, colour = total + own, colour + own * texture
    observed = seen.max(0)[..., None]
    colour = np.where(observed, np.rint(colour / np.maximum(total, 1e-9)), 0).astype(np.uint8)
    return Merged(colour, (255 * observed).astype(np.uint8), ((best[..., None] + 1) * observed).astype(np.uint8))


def light(first: Shown, other: Shown) -> NDArray[np.float64] | None:
    """By which factor a channel `[3]` the other's colours become the first's; None where they share too little."""
    (a, known_a), (b, known_b) = _cells(first), _cells(other)
    both = known_a & known_b
    if both.sum() < _FEWEST:
        return None
    ratio = (a[both] + 8) / (b[both] + 8)  # dark cells tell little
    believed = len(ratio) / (len(ratio) + _DOUBTED)
    return np.clip(np.median(ratio, 0), 1 / _STRONGEST, _STRONGEST) ** believed


def unlikeness(first: Shown, other: Shown) -> float | None:
    """The median difference of their colours where both show the surface, of 255; None where they share too little."""
    (a, known_a), (b, known_b) = _cells(first), _cells(other)
    both = known_a & known_b
    return float(np.median(np.abs(a[both] - b[both]).mean(-1))) if both.sum() >= _FEWEST else None


def seen_share(observed: Bytes, target_iuv: Bytes) -> float:
    """How much of a target's body a photo shows, by its observed texels."""
    part, u, v = np.moveaxis(target_iuv[target_iuv[..., 0] > 0].astype(int), -1, 0)
    last = observed.shape[1] - 1
    return float((observed[part - 1, v * last // 255, u * last // 255, 0] > 0).mean()) if len(part) else 0.0


def sources_of(photo: Bytes, target_iuv: Bytes) -> Bytes:
    """Which photo each pixel of a target shows, from `Merged.photo`: uint8 `[H, W, 1]`, 0 where none or beside it."""
    part, u, v = np.moveaxis(target_iuv.astype(int), -1, 0)
    last = photo.shape[1] - 1
    found = photo[np.maximum(part - 1, 0), np.rint(v * last / 255).astype(int), np.rint(u * last / 255).astype(int)]
    return np.where(part[..., None] > 0, found, 0).astype(np.uint8)


def _cells(one: Shown) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean colours `[24, C, C, 3]` of a photo's texels, and which cells it shows enough of `[24, C, C]`."""
    times = len(one.texture[0]) // _CELLS
    seen = (one.observed > 0).astype(np.float32)

    def mean(x):
        return x.reshape(NUM_PARTS, _CELLS, times, _CELLS, times, -1).mean((2, 4), dtype=np.float64)

    share = mean(seen)
    return mean(one.texture * seen) / np.maximum(share, 1e-6), share[..., 0] > 0.5


def _quality(iuv: Bytes) -> NDArray[np.float64]:
    """How well a photo saw each piece of the surface, by its map: `[24, F, F]`."""
    body = (iuv[..., 0] > 0) & (iuv[..., 0] <= NUM_PARTS)
    rim = _RIM * max(iuv.shape[:2]) / 256
    inner = np.minimum(ndimage.distance_transform_edt(body) / rim, 1)[body] ** 2
    part, u, v = np.moveaxis(iuv[body].astype(int), -1, 0)
    flat = ((part - 1) * _FINE + v * _FINE // 256) * _FINE + u * _FINE // 256

    def spread(weight, width):
        total = np.bincount(flat, weight, minlength=NUM_PARTS * _FINE**2).reshape(NUM_PARTS, _FINE, _FINE)
        return ndimage.gaussian_filter(total, (0, width, width), mode="nearest")

    near = spread(None, 1.0)
    return spread(None, 4.0) * spread(inner, 1.0) / np.maximum(near, 1e-9)


def _agreement(cells, known):
    """How near each photo's cell is to the median of those that show it, in 0..1: `[K, 24, C, C]`."""
    median = np.ma.median(np.ma.array(cells, mask=np.repeat(~known[..., None], 3, -1)), 0).filled(0)
    return 0.05 + np.exp(-((np.abs(cells - median).mean(-1) / _AGREE) ** 2))


def _at_cells(best):
    """Of an index at each texel, the one at each cell's middle: `[24, R, R] -> [24, C, C]`."""
    times = best.shape[1] // _CELLS
    return best[:, times // 2 :: times, times // 2 :: times]


def _enlarged(atlas, resolution):
    times = resolution // atlas.shape[1]
    return atlas.repeat(times, 1).repeat(times, 2)


def _smoothly(cells, resolution):
    """Bilinear between the middles of cells: `[24, C, C] -> [24, R, R]`."""
    count = cells.shape[1]
    at = np.clip((np.arange(resolution) + 0.5) * count / resolution - 0.5, 0, count - 1)
    low = np.minimum(at.astype(int), count - 2)
    share = at - low
    for axis in (1, 2):
        shape = [1, 1, 1]
        shape[axis] = -1
        part = share.reshape(shape)
        cells = np.take(cells, low, axis) * (1 - part) + np.take(cells, low + 1, axis) * part
    return cells
