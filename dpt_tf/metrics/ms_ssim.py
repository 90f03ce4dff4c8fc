"""Structural similarity over five scales (Wang, Simoncelli, Bovik, Asilomar 2003).

  MS-SSIM = prod_s (contrast and structure at scale s)^w_s, at the coarsest scale with the factor of the means too

Window and constants are those of the 2004 paper: 11 x 11 Gaussian of sigma 1.5, population covariance, K 0.01 and 0.03,
data range 255. Each of R, G, B is scored by itself and the three are averaged; windows that reach over the border are
left out. From scale to scale pictures are halved by the mean of 2 x 2 pixels, a last odd row or column counting twice,
as in the authors' code. A factor below 0 (structure reversed) counts as 0. `tf.image.ssim_multiscale(max_val=255)` and
the PyPI package `pytorch-msssim` (`ms_ssim` with `data_range=255`) compute the same; the latter pads odd sizes with
black, so it does on sizes that halve evenly.

Over a foreground each scale's mean is over the windows whose middle is foreground, weighted with the share of
foreground in the middle pixel, which is halved like the pictures. What is nearer to the border than 5 pixels *of that
scale* does not count: at 256 x 256 the coarsest scale keeps the middle 96 x 96 pixels. A pair with no window at some
scale is NaN.
"""

import tensorflow as tf

from dpt_tf.metrics import pixels
from dpt_tf.metrics.ssim import GAUSSIAN, Moments, inner

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
LEAST = len(GAUSSIAN) * 2 ** (len(WEIGHTS) - 1)  # 176: the window still fits at the coarsest scale


def ms_ssim(y: tf.Tensor, y_hat: tf.Tensor, foreground: tf.Tensor | None = None) -> tf.Tensor:
    """Multi-scale structural similarity, uint8 `[B, H, W, 3]` twice, the truth first -> float32 `[B]`.

    Args:
      y: the truth.
      y_hat: the generated pictures.
      foreground: bool `[B, H, W]`: the mean is over these pixels of the truth.

    Raises:
      ValueError: pictures of less than 176 pixels a side.
    """
    y, y_hat = pixels.unit(y), pixels.unit(y_hat)
    if min(y.shape[1], y.shape[2]) < LEAST:
        raise ValueError(
            f"MS-SSIM has {len(WEIGHTS)} scales and needs pictures of at least {LEAST} x {LEAST} pixels, "
            f"got {y.shape[1]} x {y.shape[2]}"
        )
    extent, score = tf.ones(tf.shape(y)[0]), 1.0
    share = None if foreground is None else tf.cast(foreground, tf.float32)[..., None]
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            y, y_hat = _halved(y), _halved(y_hat)
            share = None if share is None else _halved(share)
        moments, last = Moments.of(y, y_hat, GAUSSIAN), scale == len(WEIGHTS) - 1
        windows = moments.similarity(extent) if last else moments.contrast_and_structure(extent)
        where = None if share is None else inner(share[..., 0], len(GAUSSIAN))
        score *= tf.nn.relu(_per_channel(windows, where)) ** weight
    return tf.reduce_mean(score, axis=1)


def _per_channel(windows: tf.Tensor, where: tf.Tensor | None) -> tf.Tensor:
    """`pixels.average` of each channel, `[B, H, W, 3] -> [B, 3]`."""
    return tf.stack([pixels.average(channel, where) for channel in tf.split(windows, 3, axis=-1)], axis=1)


def _halved(x: tf.Tensor) -> tf.Tensor:
    """Means of 2 x 2 pixels, `[B, H, W, C] -> [B, ceil(H / 2), ceil(W / 2), C]`."""
    x = tf.pad(x, ((0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0)), "SYMMETRIC")
    return tf.nn.avg_pool2d(x, 2, 2, "VALID")
