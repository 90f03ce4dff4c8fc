"""The 256 levels of a picture, of colours and of a map's U and V."""

import tensorflow as tf

_REACH = 3  # pixels


def signed(picture: tf.Tensor) -> tf.Tensor:
    """Colours in 0..255 -> float32 in [-1, 1]."""
    return tf.cast(picture, tf.float32) / 127.5 - 1


def grey(picture: tf.Tensor) -> tf.Tensor:
    """Colours in [-1, 1], cut where they leave that -> uint8."""
    return rounded((tf.clip_by_value(picture, -1.0, 1.0) + 1) * 127.5)


def share(x: tf.Tensor) -> tf.Tensor:
    """Shares in 0..1, cut likewise -> uint8."""
    return rounded(tf.clip_by_value(x, 0.0, 1.0) * 255)


def rounded(x: tf.Tensor) -> tf.Tensor:
    """Numbers in 0..255 -> uint8."""
    return tf.cast(tf.round(x), tf.uint8)


def uv(iuv: tf.Tensor) -> tf.Tensor:
    """Of a map `[B, H, W, 3]` uint8, U and V in 0..1 `[B, H, W, 2]`: as stored, smoothed within half a level.

    On a large picture many neighbouring pixels have one level, and whatever is looked up there would come in steps.
    Means over a part's own pixels; half a level is what rounding may have taken, so where a part is small, and levels
    change from pixel to pixel, it stays what it was.
    """
    part, stored = iuv[..., :1], tf.cast(iuv[..., 1:], tf.float32)
    smooth = stored
    for axis in (1, 2):
        total, count = smooth, tf.ones_like(part, tf.float32)
        for step in range(1, _REACH + 1):
            for there in (step, -step):
                same = tf.cast(tf.equal(_shift(part, axis, there), part), tf.float32)
                total, count = total + same * _shift(smooth, axis, there), count + same
        smooth = total / count
    return tf.clip_by_value(smooth, stored - 0.5, stored + 0.5) / 255.0


def _shift(x, axis, by):
    """Each pixel's neighbour so far along an axis; 0 beyond the edge."""
    edge = [[0, 0] for _ in range(4)]
    edge[axis] = [max(-by, 0), max(by, 0)]
    start = [0] * 4
    start[axis] = max(by, 0)
    return tf.slice(tf.pad(x, edge), start, tf.shape(x))
