"""Pixels as one number each, int32, their channels in its bytes, the first the lowest.

Op by op TensorFlow writes 65,536 pixels out and reads them back in, fifty times. What is done to every pixel is
compiled, and packed pixels are what compiled passes read and write quickest. Those that gather do nothing else: with
arithmetic in the same pass a gather takes many times as long.
"""

import tensorflow as tf

BLOCK = 16  # pixels along a block; a picture is of whole blocks


def channel(pixels: tf.Tensor, number: int) -> tf.Tensor:
    """A channel, float32 0..255."""
    return tf.cast(tf.bitwise.right_shift(pixels, 8 * number) & 0xFF, tf.float32)


def pack(planes: list[tf.Tensor]) -> tf.Tensor:
    """Channels float32, rounded, and 0 or 255 where they lie beyond."""
    levels = [tf.cast(tf.round(tf.clip_by_value(plane, 0.0, 255.0)), tf.int32) for plane in planes]
    return tf.add_n([tf.bitwise.left_shift(level, 8 * number) for number, level in enumerate(levels)])


def beside(picture: tf.Tensor, down: int, right: int) -> tf.Tensor:
    """`[S, S]` -> what lies one pixel further down or right, or up or left if negative; at the edge the edge itself."""
    rows, columns = picture.shape
    padded = tf.pad(picture, [[1, 1], [1, 1]], "SYMMETRIC")
    return padded[1 + down : 1 + down + rows, 1 + right : 1 + right + columns]
