"""L1 and PSNR, over the whole picture or over the truth's person only.

Pictures are uint8 `[B, H, W, 3]`; the first argument is the truth `y`, the second the generated `y_hat`. Every function
gives float32 `[B]`. `foreground` is bool `[B, H, W]`, a map's I > 0 of the truth: then the mean is over its pixels, and
a pair without any is NaN, which `scores` leaves out and counts.
"""

import tensorflow as tf


def l1(y: tf.Tensor, y_hat: tf.Tensor, foreground: tf.Tensor | None = None) -> tf.Tensor:
    """Mean |y - y_hat| with white = 1. -> `[B]`."""
    return average(tf.abs(unit(y) - unit(y_hat)), foreground)


def psnr(y: tf.Tensor, y_hat: tf.Tensor, foreground: tf.Tensor | None = None) -> tf.Tensor:
    """10 log10(255^2 / mean (y - y_hat)^2) in dB; infinite where the pictures are equal. -> `[B]`."""
    return -10 / tf.math.log(10.0) * tf.math.log(average((unit(y) - unit(y_hat)) ** 2, foreground))


def unit(picture: tf.Tensor) -> tf.Tensor:
    """0..255 to 0..1, float32."""
    return tf.cast(picture, tf.float32) / 255


def average(values: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """Mean over a picture's pixels and channels, `[B, H, W, C] -> [B]`.

    With weights `[B, H, W]` (bool, or a share in 0..1) the weighted mean; NaN where they add up to nothing.
    """
    if weights is None:
        return tf.reduce_mean(values, axis=(1, 2, 3))
    weights = tf.cast(weights, tf.float32)
    total = tf.reduce_sum(weights, axis=(1, 2))
    value = tf.reduce_sum(tf.reduce_mean(values, axis=3) * weights, axis=(1, 2)) / tf.maximum(total, 1e-6)
    return tf.where(total > 0, value, tf.fill(tf.shape(total), float("nan")))
