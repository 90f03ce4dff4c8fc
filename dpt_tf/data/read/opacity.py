"""Photos with their opacity, in the graph: the alpha of a stored PNG is the person's coverage, others have none."""

import tensorflow as tf

from dpt_tf.ops import picture_files

# Of a PNG: its first bytes; and the kinds of pixels that have an alpha, grey and coloured, as byte 25 says.
_PNG = b"\x89PNG\r\n\x1a\n"
_WITH_ALPHA = (b"\x04", b"\x06")


def decode(data: tf.Tensor) -> tf.Tensor:
    """A JPEG or a PNG, string `[]` -> uint8 `[H, W, 4]`: what `picture_files.decode` gives, and alpha.

    Alpha is 255 where the file has none.
    """
    kind = tf.strings.substr(data, 25, 1)
    has_alpha = (tf.strings.substr(data, 0, len(_PNG)) == _PNG) & tf.reduce_any(kind == tf.constant(_WITH_ALPHA))
    opaque = [[0, 0], [0, 0], [0, 1]]
    return tf.cond(
        has_alpha,
        lambda: tf.io.decode_png(data, channels=4),
        lambda: tf.pad(picture_files.decode(data), opaque, constant_values=255),
    )
