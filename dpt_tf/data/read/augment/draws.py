"""Random numbers of one example: all follow from its seed, in the order in which they are asked for."""

import math

import tensorflow as tf

_MOST = 96


class Draws:
    """Scalars in the graph, all drawn at once. The order of asking is that of tracing, always the same."""

    def __init__(self, seed: tf.Tensor) -> None:
        """`seed` is int `[2]`."""
        self._seed = seed
        self._left = iter(tf.unstack(tf.random.stateless_uniform([_MOST], seed)))
        self._seeds = 0

    def uniform(self, low: float, high: float) -> tf.Tensor:
        """Between the two, float32 `[]`."""
        return low + (high - low) * next(self._left)

    def factor(self, most: float) -> tf.Tensor:
        """Between 1 / most and most, as often above 1 as below."""
        return tf.exp(self.uniform(-math.log(most), math.log(most)))

    def chance(self, share: float) -> tf.Tensor:
        """True in so many cases, bool `[]`."""
        return next(self._left) < share

    def whole(self, count: int) -> tf.Tensor:
        """One of 0..count - 1, int32 `[]`."""
        return tf.minimum(tf.cast(next(self._left) * count, tf.int32), count - 1)

    def several(self, shape: list[int], low: float, high: float) -> tf.Tensor:
        """Between the two, each by itself."""
        return tf.random.stateless_uniform(shape, self.seed(), low, high)

    def normal(self, shape: list[int]) -> tf.Tensor:
        """Of mean 0 and deviation 1."""
        return tf.random.stateless_normal(shape, self.seed())

    def seed(self) -> tf.Tensor:
        """A seed of its own for something larger."""
        self._seeds += 1
        return tf.random.fold_in(self._seed, self._seeds)
