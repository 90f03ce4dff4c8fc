"""Boxes of a feature map, pooled to a fixed size (He et al. 2017, before its correction by half a pixel).

  feature map `[1, H, W, C]` of stride s  boxes `[N, 4]` (x0, y0, x1, y1) in the picture's pixels  `[N, size, size, C]`

A box is divided by s and is one cell wide and high at least. It has size x size bins, a bin is the mean of 2 x 2
points, a point is bilinear between cell centres at whole numbers. Beyond the outermost centres the map goes on as it
ends, for one cell; beyond that it is 0.
"""

import tensorflow as tf

from dpt_tf.densepose.rcnn.architecture import LEVELS

_SAMPLES = 2
_CANONICAL = 224.0, 4  # a box of this size is pooled from this level


def align(features: tf.Tensor, boxes: tf.Tensor, stride: int, size: int) -> tf.Tensor:
    """The boxes of one map: `-> [N, size, size, C]`."""
    padded = tf.pad(features, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    last = tf.cast(tf.shape(padded)[1:3] - 1, tf.float32)[::-1]  # x, y
    begin, end = boxes[:, :2] / stride, boxes[:, 2:] / stride
    step = tf.maximum(end - begin, 1) / (size * _SAMPLES)
    # From the first point to the last, in the padded map; the operation counts in shares of its size.
    first = begin + step / 2 + 1
    corners = tf.concat([first / last, (first + step * (size * _SAMPLES - 1)) / last], -1)
    index = tf.zeros([tf.shape(boxes)[0]], tf.int32)
    points = tf.image.crop_and_resize(padded, tf.gather(corners, [1, 0, 3, 2], axis=1), index, [size * _SAMPLES] * 2)
    return tf.nn.avg_pool2d(points, _SAMPLES, _SAMPLES, "VALID")


def level_of(boxes: tf.Tensor) -> tf.Tensor:
    """`[N, 4] -> [N]` int32 in 2..5: floor(4 + log2(sqrt(area) / 224)), each box where it is about 14 cells wide."""
    side = tf.sqrt(tf.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 0))
    level = tf.floor(_CANONICAL[1] + tf.math.log(side / _CANONICAL[0] + 1e-8) / tf.math.log(2.0))
    return tf.cast(tf.clip_by_value(level, LEVELS[0], LEVELS[-1]), tf.int32)


def align_levels(pyramid: dict[str, tf.Tensor], boxes: tf.Tensor, size: int) -> tf.Tensor:
    """Each box of the level that suits its size: `-> [N, size, size, C]` in the order of the boxes."""
    levels = level_of(boxes)
    places = [tf.reshape(tf.where(levels == level), [-1]) for level in LEVELS]
    pooled = [
        align(pyramid[f"p{level}"], tf.gather(boxes, place), 2**level, size)
        for level, place in zip(LEVELS, places, strict=True)
    ]
    return tf.gather(tf.concat(pooled, 0), tf.argsort(tf.concat(places, 0)))
