"""Connected pieces of a map, as TensorFlow ops. Pixels are neighbours of the eight around them."""

from collections.abc import Callable

import tensorflow as tf

_FORWARD = ((0, 1), (1, -1), (1, 0), (1, 1))  # half of the eight (down, right); the others are these seen from there


def components(kind: tf.Tensor) -> tf.Tensor:
    """The piece of neighbours of one kind that each pixel belongs to, as the largest flat index in it.

    `[B, H, W]` int32, where 0 belongs to nothing and stands for itself, to int32 `[B * H * W]`.

    Note: labels spread to neighbours, and then a pixel takes the label of the pixel that it is named after, so that
    long pieces take few rounds.
    """
    one, other = pairs(kind, lambda a, b: tf.equal(a, b) & (a > 0))
    one, other = tf.concat([one, other], 0), tf.concat([other, one], 0)
    count = tf.size(kind)

    def spread(label, _):
        best = tf.maximum(label, tf.math.unsorted_segment_max(tf.gather(label, one), other, count))
        best = tf.maximum(best, tf.gather(best, best))
        return best, tf.reduce_any(tf.not_equal(best, label))

    label, _ = tf.while_loop(lambda _, moved: moved, spread, (tf.range(count), tf.constant(True)))
    return label


def pairs(values: tf.Tensor, joined: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Flat indices of all neighbours a, b with `joined(values of a, values of b)`; no two pixels come twice.

    `values` is `[B, H, W, ...]`; `joined` takes two `[B, h, w, ...]` and gives bool `[B, h, w]`.
    """
    shape = tf.shape(values)[:3]
    index = tf.reshape(tf.range(tf.reduce_prod(shape)), shape)
    ones, others = [], []
    for down, right in _FORWARD:
        here = joined(*_beside(values, down, right))
        one, other = _beside(index, down, right)
        ones.append(tf.boolean_mask(one, here))
        others.append(tf.boolean_mask(other, here))
    return tf.concat(ones, 0), tf.concat(others, 0)


def _beside(x: tf.Tensor, down: int, right: int) -> tuple[tf.Tensor, tf.Tensor]:
    """`x` where there is a pixel so far down and right of it, and that pixel."""
    rows, columns = tf.shape(x)[1] - down, tf.shape(x)[2] - abs(right)
    left, other_left = max(-right, 0), max(right, 0)
    return x[:, :rows, left : left + columns], x[:, down:, other_left : other_left + columns]
