"""How alike two pictures are: one value per example, and streaming means of them.

Pictures are uint8 `[B, H, W, 3]`; the first argument is the truth `y`, the second the generated `y_hat`. Every
function gives float32 `[B]`. A mean over a split needs two sums for each score, so memory does not grow with the split.

SSIM has several conventions in this field, up to 0.1 apart on the same pictures; a protocol names one:

  dsc      Gaussian window, sigma 1.5, population covariance, data range = max - min of the *generated* picture,
           mean over the three channels (Siarohin et al., CVPR 2018; what the paper's tables use)
  skimage  the same with the data range of the format, 255
"""

import keras
import numpy as np
import tensorflow as tf

SSIM_PROTOCOLS = ("dsc", "skimage")
_SIGMA, _RADIUS = 1.5, 5  # scikit-image cuts the Gaussian at 3.5 sigma


def l1(y: tf.Tensor, y_hat: tf.Tensor) -> tf.Tensor:
    """Mean |y - y_hat| with white = 1. `[B, H, W, 3]` uint8 twice -> `[B]`."""
    return tf.reduce_mean(tf.abs(_unit(y) - _unit(y_hat)), axis=(1, 2, 3))


def psnr(y: tf.Tensor, y_hat: tf.Tensor) -> tf.Tensor:
    """10 log10(255^2 / mean (y - y_hat)^2) in dB; infinite where the pictures are equal. -> `[B]`."""
    return tf.image.psnr(y, y_hat, max_val=255)


def ssim(y: tf.Tensor, y_hat: tf.Tensor, protocol: str = "dsc") -> tf.Tensor:
    """Structural similarity (Wang et al. 2004) under a protocol of the module's table. -> `[B]`.

    Windows that reach over the border are left out, as in scikit-image.

    Note: under `dsc` a generated picture of one single colour has a data range of 0; a constant patch then equals
    itself (score 1) and differs from all else (score 0), the limit of the formula.

    Raises:
      ValueError: an unknown protocol, or pictures smaller than the 11 x 11 window.
    """
    if protocol not in SSIM_PROTOCOLS:
        raise ValueError(f"no such SSIM protocol: {protocol!r}; have {', '.join(SSIM_PROTOCOLS)}")
    y, y_hat = _unit(y), _unit(y_hat)
    if min(y.shape[1] or 11, y.shape[2] or 11) < 2 * _RADIUS + 1:
        raise ValueError(f"SSIM needs pictures of at least 11 x 11 pixels, got {y.shape[1]} x {y.shape[2]}")
    if protocol == "dsc":
        extent = tf.reduce_max(y_hat, axis=(1, 2, 3)) - tf.reduce_min(y_hat, axis=(1, 2, 3))
    else:
        extent = tf.ones(tf.shape(y)[0])
    c1, c2 = ((k * extent[:, None, None, None]) ** 2 for k in (0.01, 0.03))
    # The five moments in one filtering. The means are taken out first: E[x^2] - E[x]^2 of bright flat patches cancels.
    centre = tf.reduce_mean(y, axis=(1, 2), keepdims=True)
    a, b = y - centre, y_hat - centre
    mean_a, mean_b, aa, bb, ab = tf.split(_blur(tf.concat([a, b, a * a, b * b, a * b], axis=-1)), 5, axis=-1)
    variances, covariance = aa - mean_a**2 + bb - mean_b**2, ab - mean_a * mean_b
    mean_a, mean_b = mean_a + centre, mean_b + centre
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    below = (mean_a**2 + mean_b**2 + c1) * (variances + c2)
    same = tf.cast(tf.equal(mean_a, mean_b), tf.float32)
    score = tf.where(below > 0, above / tf.where(below > 0, below, tf.ones_like(below)), same)
    return tf.reduce_mean(score, axis=(1, 2, 3))


class Scores:
    """Streaming means of L1, PSNR and SSIM; `update` adds a batch, `result` gives `{name: mean}`.

    The names carry their protocol: `"L1"`, `"PSNR"`, `"SSIM (dsc)"`.
    """

    def __init__(self, protocol: str = "dsc"):
        self._functions = {"L1": l1, "PSNR": psnr, f"SSIM ({protocol})": lambda y, y_hat: ssim(y, y_hat, protocol)}
        self._means = {name: keras.metrics.Mean(name=f"mean_{i}") for i, name in enumerate(self._functions)}

    def update(self, y: tf.Tensor, y_hat: tf.Tensor) -> dict[str, np.ndarray]:
        """Adds a batch of uint8 `[B, H, W, 3]` pictures; gives its values, `{name: [B]}`."""
        values = {name: function(y, y_hat) for name, function in self._functions.items()}
        for name, value in values.items():
            self._means[name].update_state(value)
        return {name: value.numpy() for name, value in values.items()}

    def result(self) -> dict[str, float]:
        """The means so far."""
        return {name: float(mean.result()) for name, mean in self._means.items()}


def _unit(picture: tf.Tensor) -> tf.Tensor:
    return tf.cast(picture, tf.float32) / 255


def _blur(x: tf.Tensor) -> tf.Tensor:
    """The Gaussian window where it fits, `[B, H, W, C] -> [B, H - 10, W - 10, C]`, one axis after the other."""
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    kernel = np.exp(-0.5 * (offsets / _SIGMA) ** 2)
    kernel = tf.constant((kernel / kernel.sum()).astype(np.float32))
    channels = x.shape[-1]
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        x = tf.nn.depthwise_conv2d(x, tf.tile(tf.reshape(kernel, shape), (1, 1, channels, 1)), (1, 1, 1, 1), "VALID")
    return x
