"""Encoded pictures -> pixels, in the graph."""

import tensorflow as tf


def decode(data: tf.Tensor) -> tf.Tensor:
    """A JPEG or a PNG, string `[]` -> uint8 `[H, W, 3]`: the pixels that PIL gets, bit for bit; opacity is left out.

    TensorFlow's op for JPEG goes by a file's first bytes and reads a PNG as its own op does. `tf.io.decode_image` has
    no say in the DCT: it takes the fast one, and what that gives is levels away.

    Note: of a grey PNG of 16 bits it is the high byte.
    """
    return tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
