"""Means of per-pair values that stream, stop and resume, and merge.

A mean needs the number of pairs, the sum and the sum of squares, all float64: nothing grows with the pairs. Values that
were computed as float32 add up exactly as long as their sum has room in 53 bits (a score in [0.001, 1) over a hundred
thousand pairs has), so neither the order of the pairs nor the place where a stream is cut or merged changes a mean.
"""

import math
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

    def merge(self, other) -> None:
        """Adds the sums of another metric of the same names."""


class Means:
    """Mean and deviation over pairs of one or more named values."""

    def __init__(self, names: Sequence[str]):
        """`names` of the values, in the order they are printed."""
        self.names = tuple(names)
        self._sums = np.zeros((4, len(self.names)))  # pairs, pairs left out, sum, sum of squares

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
            self._sums[:, i] += len(kept), len(value) - len(kept), kept.sum(), (kept**2).sum()

    @property
    def pairs(self) -> dict[str, int]:
        """How many pairs each mean is over."""
        return {name: int(count) for name, count in zip(self.names, self._sums[0], strict=True)}

    @property
    def left_out(self) -> dict[str, int]:
        """How many pairs had no value."""
        return {name: int(count) for name, count in zip(self.names, self._sums[1], strict=True)}

    def mean(self) -> dict[str, float]:
        """The means.

        Raises:
          ValueError: one of them is over no pair.
        """
        return {name: total / count for name, count, total, _ in self._columns()}

    def deviation(self) -> dict[str, float]:
        """sqrt(E[x^2] - E[x]^2): how far pairs are from the mean; infinite where a value is. Raises like `mean`."""
        return {
            name: math.sqrt(max(0.0, squares / count - (total / count) ** 2)) if math.isfinite(squares) else math.inf
            for name, count, total, squares in self._columns()
        }

    def state(self) -> dict[str, np.ndarray]:
        """The names and their sums, `[4, names]`: pairs, pairs left out, sum, sum of squares."""
        return {"names": np.array(self.names), "sums": self._sums.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the sums.

        Raises:
          ValueError: the state is of other names.
        """
        self._expect(tuple(str(name) for name in state["names"]))
        self._sums = np.array(state["sums"], np.float64)

    def merge(self, other: "Means") -> None:
        """Adds another's sums.

        Raises:
          ValueError: the other has other names.
        """
        self._expect(other.names)
        self._sums += other._sums

    def _expect(self, names: tuple[str, ...]) -> None:
        if names != self.names:
            raise ValueError(f"sums of {', '.join(names)} do not belong to the means of {', '.join(self.names)}")

    def _columns(self):
        for name, (count, _, total, squares) in zip(self.names, self._sums.T, strict=True):
            if not count:
                raise ValueError(f"no pair has a value of {name}: there is no mean")
            yield name, int(count), float(total), float(squares)
