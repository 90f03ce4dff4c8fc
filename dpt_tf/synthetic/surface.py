"""Tubes and sheets: grids of points that become triangles with attributes at their corners.

A surface of R rows and C columns of vertices; rows run along it (the station), columns round it (the angle phi, in
degrees). A closed surface joins its last column to its first, so its angles have one entry more than its points: the
first angle plus 360. Attributes sit at the corners of triangles, not at vertices: two charts may meet in one vertex.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclasses.dataclass
class Surface:
    """`points` [R, C, 3] at rest; `height` [R] or [R, C'] at rest, for patterns; `phi` [C'], C' = C + closed."""

    name: str
    points: Floats
    height: Floats
    phi: Floats

    @property
    def closed(self) -> bool:
        """Whether the last column of points meets the first."""
        return len(self.phi) == self.points.shape[1] + 1

    def corner_grid(self) -> Floats:
        """(height, phi) at every corner of the grid, `[R, C', 2]`."""
        rows, columns = len(self.points), len(self.phi)
        height = self.height if self.height.ndim == 2 else np.repeat(self.height[:, None], columns, 1)
        return np.stack([height, np.broadcast_to(self.phi, (rows, columns))], -1).astype(np.float32)

    def triangles(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Two per cell: indices of their corners among the vertices, and in the corner grid. Both `[F, 3]`."""
        rows, columns = self.points.shape[:2]
        cells = len(self.phi) - 1
        r, c = (g.ravel() for g in np.meshgrid(np.arange(rows - 1), np.arange(cells), indexing="ij"))
        square = np.stack([np.stack([r, c]), np.stack([r + 1, c]), np.stack([r + 1, c + 1]), np.stack([r, c + 1])], 1)

        def index(width: int, wrap: int) -> NDArray[np.int32]:
            flat = square[0] * width + square[1] % wrap
            return np.concatenate([flat[[0, 1, 2]].T, flat[[0, 2, 3]].T]).astype(np.int32)

        return index(columns, columns), index(cells + 1, cells + 1)


def profile(knots: NDArray, at: NDArray) -> Floats:
    """Smooth curves through `knots` [K, 1 + D], a column of increasing places, then D values: `[N] -> [N, D]`.

    Cubic Hermite with slopes limited as Fritsch and Carlson do, so that a curve never swings beyond its knots.
    """
    x, y = np.asarray(knots, float)[:, 0], np.asarray(knots, float)[:, 1:]
    step = np.diff(x)[:, None]
    slope = np.diff(y, axis=0) / step
    inner = np.where(slope[:-1] * slope[1:] > 0, 2 * slope[:-1] * slope[1:] / (slope[:-1] + slope[1:] + 1e-12), 0)
    tangent = np.concatenate([slope[:1], inner, slope[-1:]])
    at = np.clip(at, x[0], x[-1])
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    h = step[k]
    s = ((at - x[k]) / h[:, 0])[:, None]
    result = (
        y[k] * (1 + 2 * s) * (1 - s) ** 2
        + tangent[k] * h * s * (1 - s) ** 2
        + y[k + 1] * s**2 * (3 - 2 * s)
        + tangent[k + 1] * h * s**2 * (s - 1)
    )
    return result.astype(np.float32)


def loft(
    centre: NDArray, half: NDArray, phi: NDArray, axes: tuple[tuple[float, ...], tuple[float, ...]], power: float = 2.0
) -> Floats:
    """Rings round `centre` [R, 3]: `half` [R, 3] = (sideways, forwards, backwards), superellipses of `power`.

    `axes` are the directions of phi = 90 and phi = 0. `-> [R, C, 3]` for C angles `phi` in degrees.
    """
    angle = np.deg2rad(phi)
    sine, cosine = np.sin(angle), np.cos(angle)
    squash = (np.abs(sine) ** power + np.abs(cosine) ** power) ** (-1 / power)
    side = half[:, 0, None] * (sine * squash)[None]
    ahead = np.where(cosine > 0, half[:, 1, None], half[:, 2, None]) * (cosine * squash)[None]
    points = centre[:, None] + side[..., None] * np.array(axes[0]) + ahead[..., None] * np.array(axes[1])
    return points.astype(np.float32)


def normals(points: NDArray, faces: NDArray) -> Floats:
    """Unit normals of vertices: sums of their triangles' normals weighted by area. `[N, 3], [F, 3] -> [N, 3]`."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    summed = np.stack(
        [np.bincount(faces.ravel(), np.repeat(face[:, axis], 3), minlength=len(points)) for axis in range(3)], -1
    )
    return (summed / (np.linalg.norm(summed, axis=-1, keepdims=True) + 1e-12)).astype(np.float32)
