"""The body as ten tubes: what lies on an atlas by station along a piece and angle round it, across all charts' edges.

  atlas `[24, R, R, C]`   grid `[10, STATIONS, ANGLES, C]`, pieces in the order of `charts.PIECES`

A station runs from 0 to 1 over the whole piece, from shoulder to wrist, from hip to ankle, from neck to crotch or
crown; an angle is that of `charts`, 0 in front. Neighbours in a grid are neighbours on the body, whichever charts they
are of, so what is smooth there has no seam on the atlas.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dpt_tf.iuv import charts, relations
from dpt_tf.iuv.parts import NUM_PARTS

STATIONS, ANGLES = 64, 72
PIECES = tuple(charts.PIECES)

Grid = NDArray[np.floating]

_COARSE = 64  # texels at which places are computed; between them they are smooth
_ENOUGH = 128  # texels along a part, to fill cells
_LITTLE = 0.2  # texels, with which a cell and its neighbours tell a colour
_SECOND = ("elbow", "knee")  # where the second half of a limb begins


def of_atlas(atlas: NDArray, weight: NDArray) -> tuple[Grid, Grid]:
    """Means by weight of what falls on each cell `[10, S, A, C]`, and how much falls there `[10, S, A]`, 1 a texel.

    `weight` is `[24, R, R, 1]`. A cell that nothing falls on has the mean of its neighbours, if there are any. Of a
    large atlas every other texel counts, or fewer: cells are large. A small one is enlarged.
    """
    step, times = max(1, atlas.shape[1] // _ENOUGH), max(1, _ENOUGH // atlas.shape[1])
    atlas, weight = (x[:, ::step, ::step].repeat(times, 1).repeat(times, 2) for x in (atlas, weight))
    resolution, channels = atlas.shape[1], atlas.shape[-1]
    piece, along, round_ = places(resolution)
    at = np.minimum((along * STATIONS).astype(int), STATIONS - 1)
    flat = (piece[:, None, None] * STATIONS + at) * ANGLES + (round_ / 360 * ANGLES).astype(int) % ANGLES
    count = len(PIECES) * STATIONS * ANGLES

    def total(values):
        return np.bincount(flat.ravel(), values.ravel(), count).reshape(len(PIECES), STATIONS, ANGLES)

    weight = weight[..., 0].astype(np.float64)
    known = total(weight)
    sums = [total(weight * atlas[..., k]) for k in range(channels)]
    total_near = [np.stack([softened(x, width) for x in (*sums, known)], -1) for width in (0.5, 2.0)]
    near = np.where(total_near[0][..., -1:] > _LITTLE, *total_near)
    return near[..., :-1] / np.maximum(near[..., -1:], 1e-9), known


def to_atlas(grid: Grid, resolution: int) -> NDArray[np.float32]:
    """A grid `[10, S, A]`, bilinear, at each texel: `[24, R, R]`."""
    piece, along, round_ = places(resolution)
    wrapped = np.concatenate([grid[:, :, -1:], grid, grid[:, :, :1]], 2)
    rows, columns = along * STATIONS - 0.5, (round_ / 360 * ANGLES) % ANGLES + 0.5
    found = [
        ndimage.map_coordinates(wrapped[piece[k]], [rows[k], columns[k]], np.float32, order=1, mode="nearest")
        for k in range(NUM_PARTS)
    ]
    return np.stack(found)


def softened(grid: Grid, width: float) -> Grid:
    """A grid `[10, S, A]` blurred by so many cells, round each piece and along it."""
    return ndimage.gaussian_filter(grid, (0, width, width), mode=("nearest", "nearest", "wrap"))


@functools.cache
def places(resolution: int) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """The piece of each part `[24]`, and of each texel `[24, R, R]` its station, 0..1, and its angle in degrees."""
    level = np.arange(_COARSE) * (255 / (_COARSE - 1))
    v, u = np.meshgrid(level, level, indexing="ij")
    piece, sheets = np.zeros(NUM_PARTS, np.intp), [NUM_PARTS, _COARSE, _COARSE]
    along, round_, nearest = np.zeros(sheets), np.zeros(sheets), np.full(sheets, np.inf)
    for number, of_piece in enumerate(charts.PIECES.values()):
        halves = len({chart.first for chart in of_piece})
        for chart in of_piece:
            s, a, off = relations.inverse(chart, u, v)
            here = chart.part - 1
            closer = off < nearest[here]
            piece[here] = number
            along[here][closer] = ((s + (chart.first in _SECOND)) / halves)[closer]
            round_[here][closer] = (chart.phi[0] + a * (chart.phi[1] - chart.phi[0]))[closer]
            nearest[here][closer] = off[closer]
    at = np.linspace(0, _COARSE - 1, resolution)
    corners = np.meshgrid(at, at, indexing="ij")
    fine = [
        np.stack([ndimage.map_coordinates(sheet, corners, np.float32, order=1) for sheet in x]) for x in (along, round_)
    ]
    return piece, fine[0], fine[1]
