"""What the networks say -> a map: the likeliest part of each pixel, and that part's U and V."""

import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS

_BAND = 32  # rows of a map that are made at a time


def iuv_of(part: tf.Tensor, uv: tf.Tensor) -> tf.Tensor:
    """Logits `[B, H, W, 25]` and U, V of each part `[B, H, W, 48]` in 0..1 -> a map, uint8 `[B, H, W, 3]` (I, U, V)."""
    labels = tf.argmax(part, -1, output_type=tf.int32)
    own = tf.one_hot(labels - 1, NUM_PARTS)  # of background none
    uv = tf.cast(uv, tf.float32)
    u, v = (tf.reduce_sum(own * half, -1) for half in (uv[..., :NUM_PARTS], uv[..., NUM_PARTS:]))
    levels = [tf.cast(tf.round(255 * tf.clip_by_value(plane, 0.0, 1.0)), tf.uint8) for plane in (u, v)]
    return tf.stack([tf.cast(labels, tf.uint8), *levels], -1)


def enlarged(part: tf.Tensor, uv: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
    """`[h, w, 25]` and `[h, w, 48]` -> `iuv_of` both enlarged (bilinear), uint8 `[side, side, 3]`: the same numbers.

    A band of rows at a time: all 73 planes at a side of 1000 pixels would be 300 megabytes, and twice that to choose.
    """
    height = tf.shape(part)[0]
    uv = tf.pad(tf.stack(tf.split(uv, 2, -1), -1), [[0, 0], [0, 0], [1, 0], [0, 0]])  # [h, w, 25, 2], background's 0
    planes = tf.concat([part, tf.reshape(uv, tf.concat([tf.shape(part)[:2], [2 * (NUM_PARTS + 1)]], 0))], -1)

    def band(rows):
        place = (tf.cast(rows, tf.float32) + 0.5) * (tf.cast(height, tf.float32) / tf.cast(side, tf.float32)) - 0.5
        share = (place - tf.floor(place))[:, None, None]
        ends = [tf.clip_by_value(tf.cast(end(place), tf.int32), 0, height - 1) for end in (tf.floor, tf.math.ceil)]
        first, last = ends[0][0], ends[1][-1]
        along = tf.image.resize(planes[first : last + 1], tf.stack([last + 1 - first, side]))
        above, below = (end - first for end in ends)
        scores, pairs = along[..., : NUM_PARTS + 1], along[..., NUM_PARTS + 1 :]
        labels = tf.argmax(_between(tf.gather(scores, above), tf.gather(scores, below), share), -1, tf.int32)
        own = _between(_own(pairs, above, labels), _own(pairs, below, labels), share)
        levels = tf.round(255 * tf.clip_by_value(own, 0.0, 1.0))
        return tf.concat([tf.cast(labels[..., None], tf.uint8), tf.cast(levels, tf.uint8)], -1)

    bands = tf.reshape(tf.range(-(-side // _BAND) * _BAND), [-1, _BAND])
    made = tf.map_fn(band, bands, fn_output_signature=tf.uint8, parallel_iterations=1)
    return tf.reshape(made, tf.stack([-1, side, 3]))[:side]


def _between(low: tf.Tensor, high: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    return low + (high - low) * share


def _own(pairs: tf.Tensor, rows: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Of these rows of `[h, W, 2 x 25]` U and V of the part `[b, W]` that each pixel has: `[b, W, 2]`."""
    pairs = tf.reshape(pairs, tf.concat([tf.shape(pairs)[:2], [NUM_PARTS + 1, 2]], 0))
    columns = tf.range(tf.shape(labels)[1])
    return tf.gather_nd(pairs, tf.stack([*tf.meshgrid(rows, columns, indexing="ij"), labels], -1))
