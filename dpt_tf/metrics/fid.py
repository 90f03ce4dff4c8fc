"""Frechet Inception distance (Heusel et al. 2017): how far the generated pictures' features lie from the real ones'.

With mean m and covariance C (dividing by n - 1) of the pooled features of each side,

  FID = |m - m'|^2 + Tr C + Tr C' - 2 Tr (C C')^(1/2).

Both sides stream: count, sum of x, sum of x x^T, float64.

Note: the last trace is taken as the sum of the singular values of C^(1/2) C'^(1/2), which keeps it real and exact to
rounding (1e-12) even with fewer pictures than features. There scipy.linalg.sqrtm(C C') takes roots of rounding errors,
1e-8 in each idle direction.

Note: FID of few pictures is biased upwards: compare scores over the same number of pairs only.
"""

from collections.abc import Mapping

import numpy as np
from scipy import linalg

from dpt_tf.metrics import networks


class FrechetDistance:
    """Streaming FID between the truths and the generated pictures."""

    higher_is_better = False

    def __init__(self, network: networks.Inception):
        """An empty distance; `network` is shared with the Inception score, so that each batch is computed once."""
        self.names = (network.named("FID"),)
        self._network = network
        self._real, self._generated = (_Moments(network.features) for _ in range(2))

    def update(self, y, y_hat, foreground=None) -> dict[str, np.ndarray]:
        """Adds a batch, uint8 `[B, H, W, 3]` twice; a single pair has no value."""
        self._generated.add(self._network(y_hat)["pool_3"])
        self._real.add(self._network(y)["pool_3"])
        return {}

    def result(self) -> dict[str, float]:
        """The distance.

        Raises:
          ValueError: fewer than two pairs.
        """
        return {self.names[0]: distance(*self._real.gaussian(), *self._generated.gaussian())}

    def state(self) -> dict[str, np.ndarray]:
        """For each side count, sum `[D]` and the upper triangle of the sum of outer products `[D (D + 1) / 2]`."""
        sides = {"real": self._real, "generated": self._generated}
        return {f"{side}_{name}": value for side, sums in sides.items() for name, value in sums.state().items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the sums.

        Raises:
          ValueError: the state is of a network with another number of features.
        """
        for side, sums in (("real", self._real), ("generated", self._generated)):
            sums.restore({name: state[f"{side}_{name}"] for name in ("count", "sum", "outer")})


def distance(mean: np.ndarray, covariance: np.ndarray, mean_2: np.ndarray, covariance_2: np.ndarray) -> float:
    """The squared Frechet (2-Wasserstein) distance of two Gaussians, `[D]` and `[D, D]` each; never negative."""
    root = linalg.svdvals(_root(covariance).T @ _root(covariance_2)).sum()
    squared = ((mean - mean_2) ** 2).sum() + np.trace(covariance) + np.trace(covariance_2) - 2 * root
    return max(0.0, float(squared))


def _root(covariance: np.ndarray) -> np.ndarray:
    """R with R R^T = covariance, `[D, D] -> [D, D]`."""
    values, vectors = linalg.eigh(covariance)
    return vectors * np.sqrt(np.clip(values, 0, None))


class _Moments:
    """Count, sum and sum of outer products of vectors `[D]`."""

    def __init__(self, features: int):
        self._count, self._sum, self._outer = 0, np.zeros(features), np.zeros((features, features))

    def add(self, x: np.ndarray) -> None:
        x = x.astype(np.float64)
        self._count += len(x)
        self._sum += x.sum(axis=0)
        self._outer += x.T @ x

    def gaussian(self) -> tuple[np.ndarray, np.ndarray]:
        if self._count < 2:
            raise ValueError(f"FID needs at least two pairs, got {self._count}")
        mean = self._sum / self._count
        return mean, (self._outer - self._count * np.outer(mean, mean)) / (self._count - 1)

    def state(self) -> dict[str, np.ndarray]:
        upper = self._outer[np.triu_indices(len(self._sum))]
        return {"count": np.array(self._count), "sum": self._sum.copy(), "outer": upper}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        self._expect(len(state["sum"]))
        upper = np.zeros_like(self._outer)
        upper[np.triu_indices(len(self._sum))] = state["outer"]
        self._count, self._sum = int(state["count"]), np.array(state["sum"])
        self._outer = upper + np.triu(upper, 1).T

    def _expect(self, features: int) -> None:
        if features != len(self._sum):
            raise ValueError(f"sums of {features} features do not belong to an FID of {len(self._sum)}")
