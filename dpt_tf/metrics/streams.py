"""Means of per-pair values that stream, stop and resume.

A mean needs the number of pairs and the sum, float64: nothing grows with the pairs. Values that were computed as
float32 add up exactly as long as their sum has room in 53 bits (a score in [0.001, 1) over a hundred thousand pairs
has), so neither the order of the pairs nor the place where a stream is cut changes a mean.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np


class Metric(Protocol):
    """What every metric of this package is.

    `update` takes uint8 `[B, H, W, 3]` twice, the truth first, and where given bool `[B, H, W]`, the truth's person.
    """

    names: tuple[str, ...]
    higher_is_better: bool

    def update(self, y, y_hat, foreground=None) -> dict[str, np.ndarray]:
        """Adds a batch; `{name: float [B]}` of the names that have a value for each pair, NaN where a pair has none."""

    def result(self) -> dict[str, float]:
        """Every name's value so far."""

    def state(self) -> dict[str, np.ndarray]:
        """The sums, as `np.savez` takes them."""

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the sums by a `state`."""


class Means:
    """Mean over pairs of one or more named values."""

    def __init__(self, names: Sequence[str]):
        """`names` of the values, in the order they are printed."""
        self.names = tuple(names)
        self._sums = np.zeros((3, len(self.names)))  # pairs, pairs left out, sum

    def add(self, values: Mapping[str, np.ndarray], where: np.ndarray | None = None) -> None:
        """Adds `{name: [B]}`, one entry for each name; pairs where `where` `[B]` is false are left out, and counted.

        Raises:
          ValueError: a value is NaN, or the names are not these.
        """
        if set(values) != set(self.names):
            raise ValueError(f"values of {sorted(values)} for the means of {sorted(self.names)}")
        for i, name in enumerate(self.names):
            value = np.asarray(values[name], np.float64)
            kept = value if where is None else value[np.asarray(where, bool)]
            if np.isnan(kept).any():
                raise ValueError(f"{name} of a pair is NaN")
            self._sums[:, i] += len(kept), len(value) - len(kept), kept.sum()

    @property
    def left_out(self) -> dict[str, int]:
        """How many pairs had no value."""
        return {name: int(count) for name, count in zip(self.names, self._sums[1], strict=True)}

    def mean(self) -> dict[str, float]:
        """The means.

        Raises:
          ValueError: one of them is over no pair.
        """
        for name, count in zip(self.names, self._sums[0], strict=True):
            if not count:
                raise ValueError(f"no pair has a value of {name}: there is no mean")
        return dict(zip(self.names, (self._sums[2] / self._sums[0]).tolist(), strict=True))

    def state(self) -> dict[str, np.ndarray]:
        """The names and their sums, `[3, names]`: pairs, pairs left out, sum."""
        return {"names": np.array(self.names), "sums": self._sums.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the sums.

        Raises:
          ValueError: the state is of other names, or of other sums.
        """
        names, sums = tuple(str(name) for name in state["names"]), np.array(state["sums"], np.float64)
        if names != self.names or sums.shape != self._sums.shape:
            found = f"sums of {', '.join(names)} {list(sums.shape)}"
            raise ValueError(f"{found} do not belong to means of {', '.join(self.names)} {list(self._sums.shape)}")
        self._sums = sums
