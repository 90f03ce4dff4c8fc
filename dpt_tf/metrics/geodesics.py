"""How far apart two points of the body are along its surface, from the three files of DensePose's evaluation.

  SMPL_subdiv.mat            `Part_ID_subdiv`, `U_subdiv`, `V_subdiv`, `[N]`: the chart of each vertex, and where on it
  SMPL_SUBDIV_TRANSFORM.mat  `index` `[N]`, from 1 on: vertices on seams are there once for each chart, and this is
                             which vertex of the closed surface they are, one of M (27,554 in the published files)
  Pdist_matrix.pkl           `Pdist_matrix`, M (M - 1) / 2 floats: the distance of vertices i > j, from 0 on, is number
                             i (i - 1) / 2 + j

The published files come from dl.fbaipublicfiles.com/densepose/data; the third has 1.4 GiB and is mapped, not read.
Distances are in the units of that surface, about metres.
"""

import dataclasses
import functools
import os
import pathlib
from typing import Any

import numpy as np

from dpt_tf.iuv import numpy_pickles
from dpt_tf.iuv.parts import NUM_PARTS
from dpt_tf.iuv.sources import NotIUV
from dpt_tf.system.errors import UserError

VERTICES = "SMPL_subdiv.mat"
TRANSFORM = "SMPL_SUBDIV_TRANSFORM.mat"
DISTANCES = "Pdist_matrix.pkl"
_SOURCE = "https://dl.fbaipublicfiles.com/densepose/data"


@dataclasses.dataclass(frozen=True)
class Surface:
    """The body's surface as vertices on charts."""

    part: np.ndarray
    """int `[N]`, the chart of each vertex, 1..24."""
    uv: np.ndarray
    """float `[N, 2]` in [0, 1]."""
    closed: np.ndarray
    """int `[N]`, from 0 on: which vertex of the closed surface it is."""
    pairs: np.ndarray
    """float `[M (M - 1) / 2]`, in the order of this module's header."""

    def nearest(self, part: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """The vertex of the closed surface nearest to each point on its own chart, -1 off the body: `[n] -> int [n]`.

        Args:
          part: int `[n]`; 0 is off the body.
          uv: float `[n, 2]` in [0, 1].
        """
        found = np.full(len(part), -1, np.int64)
        for one in np.unique(part[part > 0]):
            if one in self._charts:
                vertices, tree = self._charts[one]
                found[part == one] = vertices[tree.query(uv[part == one])[1]]
        return found

    @functools.cached_property
    def _charts(self) -> dict[int, tuple[np.ndarray, Any]]:
        """Of each part that has vertices, which these are on the closed surface, and what finds them by U and V."""
        from scipy.spatial import cKDTree

        return {
            int(one): (self.closed[self.part == one], cKDTree(self.uv[self.part == one]))
            for one in np.unique(self.part)
        }

    def apart(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Distances of vertices of the closed surface, `[n]`; infinite where one of the two is -1."""
        high, low = np.maximum(one, other).astype(np.int64), np.minimum(one, other).astype(np.int64)
        distances = np.where(low < 0, np.inf, 0.0)
        two = (low >= 0) & (high > low)
        distances[two] = self.pairs[high[two] * (high[two] - 1) // 2 + low[two]]
        return distances


def read(folder: str | os.PathLike) -> Surface:
    """The surface in a folder with the three files.

    Raises:
      UserError: one is missing, damaged, or does not go with the others.
    """
    root = pathlib.Path(folder)
    missing = [name for name in (VERTICES, TRANSFORM, DISTANCES) if not (root / name).is_file()]
    if missing:
        raise UserError(f"{root}: no {' and no '.join(missing)} in it; download them from {_SOURCE}")
    part, u, v = _columns(root / VERTICES, "Part_ID_subdiv", "U_subdiv", "V_subdiv")
    (index,) = _columns(root / TRANSFORM, "index")
    try:
        pairs = numpy_pickles.vector(root / DISTANCES, "Pdist_matrix")
    except NotIUV as error:
        raise UserError(f"{root / DISTANCES}: {error}; download it again from {_SOURCE}") from None
    count = round((1 + (1 + 8 * len(pairs)) ** 0.5) / 2)
    if count * (count - 1) // 2 != len(pairs):
        raise UserError(
            f"{root / DISTANCES}: {len(pairs)} distances are not those of all pairs of vertices; {_again()}"
        )
    if not len(part) == len(u) == len(v) == len(index):
        raise UserError(f"{root / TRANSFORM}: {len(index)} vertices, {VERTICES} has {len(part)}; {_again()}")
    if len(index) and not (index.min() >= 1 and index.max() <= count):
        raise UserError(
            f"{root / TRANSFORM}: vertices {index.min():.0f} to {index.max():.0f}, {DISTANCES} has {count}; {_again()}"
        )
    if not ((part >= 1) & (part <= NUM_PARTS)).all():
        raise UserError(f"{root / VERTICES}: parts are 1..{NUM_PARTS}; {_again()}")
    return Surface(part.astype(int), np.stack([u, v], -1), index.astype(int) - 1, pairs)


def _again() -> str:
    return f"download the three files again from {_SOURCE}"


def _columns(path: pathlib.Path, *names: str) -> list[np.ndarray]:
    """Variables of a MATLAB file, float64 `[N]` each."""
    import scipy.io

    try:
        held = scipy.io.loadmat(path, variable_names=list(names))
        columns = [np.asarray(held[name], np.float64).ravel() for name in names]
        if not all(np.isfinite(column).all() for column in columns):
            raise ValueError("numbers that are not finite")
        return columns
    except KeyError as error:
        raise UserError(f"{path}: no variable {error.args[0]} in it; download it again from {_SOURCE}") from None
    except Exception as error:  # scipy raises nearly anything on a damaged file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: not a MATLAB file that can be read ({reason:.100}); {_again()}") from None
