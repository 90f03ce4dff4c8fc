"""Connected pieces of a map, as TensorFlow ops. Pixels are neighbours of the eight around them, or of four."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

_SIDES, _CORNERS = ((0, 1), (1, 0)), ((1, -1), (1, 1))  # half of the eight (down, right); the others see these


class Patches(NamedTuple):
    """Pieces of a plane of shares.

    Attributes:
      box: `[N, 4]` int32, x0, y0, x1, y1: corners of pixels.
      size: `[N]` int32, pixels.
      mean: `[N]` float32, the mean share of these pixels.
    """

    box: tf.Tensor
    size: tf.Tensor
    mean: tf.Tensor


def components(kind: tf.Tensor, corners: bool = True) -> tf.Tensor:
    """The piece of neighbours of one kind that each pixel belongs to, as the largest flat index in it.

    `[B, H, W]` int32, where 0 belongs to nothing and stands for itself, to int32 `[B * H * W]`. `corners`: whether
    pixels that share no more than a corner are neighbours.

    Note: labels spread to neighbours, and then a pixel takes the label of the pixel that it is named after, so that
    long pieces take few rounds.
    """
    one, other = pairs(kind, lambda a, b: tf.equal(a, b) & (a > 0), corners)
    one, other = tf.concat([one, other], 0), tf.concat([other, one], 0)
    count = tf.size(kind)

    def spread(label, _):
        best = tf.maximum(label, tf.math.unsorted_segment_max(tf.gather(label, one), other, count))
        best = tf.maximum(best, tf.gather(best, best))
        return best, tf.reduce_any(tf.not_equal(best, label))

    label, _ = tf.while_loop(lambda _, moved: moved, spread, (tf.range(count), tf.constant(True)))
    return label


def pairs(
    values: tf.Tensor, joined: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], corners: bool = True
) -> tuple[tf.Tensor, tf.Tensor]:
    """Flat indices of all neighbours a, b with `joined(values of a, values of b)`; no two pixels come twice.

    `values` is `[B, H, W, ...]`; `joined` takes two `[B, h, w, ...]` and gives bool `[B, h, w]`.
    """
    shape = tf.shape(values)[:3]
    index = tf.reshape(tf.range(tf.reduce_prod(shape)), shape)
    ones, others = [], []
    for down, right in _SIDES + _CORNERS * corners:
        here = joined(*_beside(values, down, right))
        one, other = _beside(index, down, right)
        ones.append(tf.boolean_mask(one, here))
        others.append(tf.boolean_mask(other, here))
    return tf.concat(ones, 0), tf.concat(others, 0)


def above(share: tf.Tensor, bound: float, least: float) -> Patches:
    """The pieces, by sides, of a plane `[H, W]` float32 in which it is above `bound`.

    Those of less than `least` of the plane's pixels are left out; the first is the one of the largest sum.
    """
    height, width = tf.unstack(tf.shape(share))
    inside = share > bound
    piece, count = components(tf.cast(inside, tf.int32)[None], corners=False), height * width
    inside, share = tf.reshape(inside, [-1]), tf.reshape(share, [-1])
    size = tf.math.unsorted_segment_sum(tf.cast(inside, tf.int32), piece, count)
    total = tf.math.unsorted_segment_sum(tf.where(inside, tf.cast(share, tf.float64), 0.0), piece, count)
    enough = tf.cast(size, tf.float64) >= least * tf.cast(count, tf.float64)
    named = tf.where(enough & (size > 0))[:, 0]
    named = tf.gather(named, tf.argsort(tf.gather(total, named), direction="DESCENDING", stable=True))
    rows, columns = tf.range(count) // width, tf.range(count) % width
    sides = [tf.math.unsorted_segment_min(place, piece, count) for place in (columns, rows)]
    sides += [1 + tf.math.unsorted_segment_max(place, piece, count) for place in (columns, rows)]
    size, total = tf.gather(size, named), tf.gather(total, named)
    mean = tf.cast(total / tf.cast(size, tf.float64), tf.float32)
    return Patches(tf.gather(tf.stack(sides, -1), named), size, mean)


def _beside(x: tf.Tensor, down: int, right: int) -> tuple[tf.Tensor, tf.Tensor]:
    """`x` where there is a pixel so far down and right of it, and that pixel."""
    rows, columns = tf.shape(x)[1] - down, tf.shape(x)[2] - abs(right)
    left, other_left = max(-right, 0), max(right, 0)
    return x[:, :rows, left : left + columns], x[:, down:, other_left : other_left + columns]
