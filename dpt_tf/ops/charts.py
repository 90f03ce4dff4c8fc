"""What the networks say -> a map: the likeliest part of each pixel, and that part's U and V."""

import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS


def iuv_of(part: tf.Tensor, uv: tf.Tensor) -> tf.Tensor:
    """Logits `[B, H, W, 25]` and U, V of each part `[B, H, W, 48]` in 0..1 -> a map, uint8 `[B, H, W, 3]` (I, U, V)."""
    labels = tf.argmax(part, -1, output_type=tf.int32)
    own = tf.one_hot(labels - 1, NUM_PARTS)  # of background none
    uv = tf.cast(uv, tf.float32)
    u, v = (tf.reduce_sum(own * half, -1) for half in (uv[..., :NUM_PARTS], uv[..., NUM_PARTS:]))
    levels = [tf.cast(tf.round(255 * tf.clip_by_value(plane, 0.0, 1.0)), tf.uint8) for plane in (u, v)]
    return tf.stack([tf.cast(labels, tf.uint8), *levels], -1)
