"""Squares cut out of a photo, beyond its edges too, and what was made of them put back: TensorFlow ops.

  photo uint8 `[H, W, 3]`   square int32 `[3]`: left, top, side, in the photo's pixels
  box float64 `[4]`: x0, y0, x1, y1 in the photo's pixels, corners of pixels

Beyond a photo's edges is what is at them. A square is reduced and enlarged as Pillow does it (bilinear, with a filter
against aliasing): along rows first, whole numbers in between, halves rounded up.
"""

import tensorflow as tf

MARGIN = 0.12
"""Round a person in their square, of their longer side."""


def whole(photo: tf.Tensor) -> tf.Tensor:
    """The square over all of a photo, evenly padded."""
    height, width = tf.unstack(tf.shape(photo)[:2])
    side = tf.maximum(height, width)
    return tf.stack([(width - side) // 2, (height - side) // 2, side])


def around(box: tf.Tensor) -> tf.Tensor:
    """The square round a person."""
    x0, y0, x1, y1 = tf.unstack(box)
    side = tf.maximum(tf.constant(2.0, tf.float64), tf.round((1 + 2 * MARGIN) * tf.maximum(x1 - x0, y1 - y0)))
    corner = [tf.round((low + high - side) / 2) for low, high in ((x0, x1), (y0, y1))]
    return tf.cast(tf.stack([*corner, side]), tf.int32)


def cut(photo: tf.Tensor, square: tf.Tensor, size: int) -> tf.Tensor:
    """The square at `size` pixels a side: float32 `[size, size, 3]` in [-1, 1]."""
    left, top, side = tf.unstack(square)
    colours = photo
    for axis, start in ((1, left), (0, top)):
        last = tf.shape(photo)[axis] - 1
        colours = tf.gather(colours, tf.clip_by_value(start + tf.range(side), 0, last), axis=axis)
        lengths = [size, size] if axis == 0 else [tf.shape(photo)[0], size]
        colours = tf.image.resize(colours, tf.stack(lengths), antialias=True)
        # What is half but for rounding is half, in a mirror too.
        colours = tf.clip_by_value(tf.floor(colours + 0.501), 0.0, 255.0)
    return tf.ensure_shape(colours, [size, size, 3]) / 127.5 - 1


def paste(made: tf.Tensor, square: tf.Tensor, photo: tf.Tensor) -> tf.Tensor:
    """What was made of a square, `[m, m, C]`, where the square is in the photo, `[H, W, C]`; 0 beside it.

    It has the square's side, or is enlarged to it by nearest neighbour.
    """
    side, length = tf.cast(square[2], tf.int64), tf.shape(made, tf.int64)[0]
    for axis in (0, 1):
        place = tf.range(tf.shape(photo, tf.int64)[axis]) - tf.cast(square[1 - axis], tf.int64)
        inside = tf.cast((place >= 0) & (place < side), made.dtype)
        index = tf.clip_by_value((2 * place + 1) * length // (2 * side), 0, length - 1)
        made = tf.gather(made, index, axis=axis) * (inside[:, None, None] if axis == 0 else inside[None, :, None])
    return made
