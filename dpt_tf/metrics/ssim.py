"""Structural similarity under the conventions of this field, which are up to 0.1 apart: a protocol names one.

A protocol is how windows are weighed, and after it how a picture is framed first: `dsc`, `win51@176`, `dsc@padded`.

  dsc      Gaussian window, sigma 1.5, 11 x 11; population covariance; data range = max - min of the *generated*
           picture. Siarohin et al., CVPR 2018 (pose-gan, test.py), which the paper's tables use; GFLA and CFLD print
           it as "SSIM_256". In scikit-image, on uint8:
             structural_similarity(y, y_hat, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
                                   data_range=y_hat.max() - y_hat.min(), channel_axis=-1)
  skimage  the same with data_range=255, the data range of the format.
  win51    uniform window of 51 x 51; sample covariance (scikit-image's default); data range 1 on [0, 1]. What GFLA
           (script/metrics.py, `Reconstruction_Metrics`) and CFLD (models/metrics.py) print as "SSIM". In scikit-image:
             structural_similarity(y / 255, y_hat / 255, win_size=51, data_range=1, channel_axis=-1)

  (no @)   the full picture, 256 x 256 in the paper.
  @176     the 176 columns in the middle: 256 x 176, the pictures of PATN, GFLA and CFLD.
  @padded  those columns with 40 white ones on either side, as PATN scores them (tool/getMetrics_fashion.py,
           `addBounding`): `dsc@padded` is PATN's SSIM. White is then always part of the data range.

Each channel has its own windows. Those that reach over the border are left out, as in scikit-image; the score is the
mean of the rest. Over a foreground it is the mean of those whose middle pixel is foreground: foreground nearer to the
border than half a window does not count, and a pair with no other is NaN.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from dpt_tf.metrics import pixels

_OFFSETS = np.arange(-5, 6)  # scikit-image cuts the Gaussian at 3.5 sigma
GAUSSIAN = np.exp(-0.5 * (_OFFSETS / 1.5) ** 2) / np.exp(-0.5 * (_OFFSETS / 1.5) ** 2).sum()


@dataclasses.dataclass(frozen=True)
class _Weighing:
    """The window along one axis, what the covariances are multiplied by, and whose the data range is."""

    window: np.ndarray
    correction: float = 1.0
    range_of_generated: bool = False


_WEIGHINGS = {
    "dsc": _Weighing(GAUSSIAN, range_of_generated=True),
    "skimage": _Weighing(GAUSSIAN),
    "win51": _Weighing(np.full(51, 1 / 51), correction=51**2 / (51**2 - 1)),
}
_COLUMNS, _MARGIN = 176, 40
_ROUNDING = 1e-6  # of a window's float32 sums, relative
_FRAMES = ("", "@176", "@padded")
SSIM_PROTOCOLS = tuple(weighing + frame for frame in _FRAMES for weighing in _WEIGHINGS)


def ssim(y: tf.Tensor, y_hat: tf.Tensor, protocol: str = "dsc", foreground: tf.Tensor | None = None) -> tf.Tensor:
    """Structural similarity (Wang et al. 2004) under a protocol of the module's table.

    Args:
      y: the truth, uint8 `[B, H, W, 3]`.
      y_hat: the generated pictures, alike.
      protocol: one of `SSIM_PROTOCOLS`.
      foreground: bool `[B, H, W]`: the mean is over these pixels of the truth.

    Returns:
      float32 `[B]`.

    Note: under `dsc` a generated picture of one single colour has a data range of 0, and the formula no value where the
    truth is constant too: a window then scores 1 where the colours are equal and 0 where they are not.

    Raises:
      ValueError: an unknown protocol, or pictures smaller than the window or the frame.
    """
    if protocol not in SSIM_PROTOCOLS:
        raise ValueError(f"no such SSIM protocol: {protocol!r}; have {', '.join(SSIM_PROTOCOLS)}")
    name, _, frame = protocol.partition("@")
    weighing = _WEIGHINGS[name]
    y, y_hat = _framed(y, frame, 255), _framed(y_hat, frame, 255)
    _check(y, len(weighing.window), protocol)
    if weighing.range_of_generated:
        extent = tf.cast(tf.reduce_max(y_hat, (1, 2, 3)) - tf.reduce_min(y_hat, (1, 2, 3)), tf.float32) / 255
    else:
        extent = tf.ones(tf.shape(y)[0])
    moments = Moments.of(pixels.unit(y), pixels.unit(y_hat), weighing.window)
    if foreground is not None:
        foreground = inner(_framed(foreground[..., None], frame, False)[..., 0], len(weighing.window))
    return pixels.average(moments.similarity(extent, weighing.correction), foreground)


@dataclasses.dataclass
class Moments:
    """Of every window that fits, `[B, H - n + 1, W - n + 1, 3]`: what SSIM is made of.

    In place of the covariance it holds the variance of the difference, var(y) + var(y_hat) - 2 cov(y, y_hat), and SSIM
    is written with it: where pictures are alike, rounding then leaves what is near 1 alone.
    """

    mean: tf.Tensor
    mean_hat: tf.Tensor
    variances: tf.Tensor  # the sum of the two
    of_difference: tf.Tensor

    @classmethod
    def of(cls, y: tf.Tensor, y_hat: tf.Tensor, window: np.ndarray) -> "Moments":
        """Of two pictures in [0, 1] under a window that is the product of `window` `[n]` with itself."""
        # The pictures' means are taken out first: E[x^2] - E[x]^2 of bright flat patches cancels.
        centre, centre_hat = (tf.reduce_mean(x, axis=(1, 2), keepdims=True) for x in (y, y_hat))
        a, b = y - centre, y_hat - centre_hat
        d = a - b
        mean_a, mean_d, squares, squares_d = tf.split(
            _filter(tf.concat([a, d, a * a + b * b, d * d], axis=-1), window), 4, axis=-1
        )
        mean_b = mean_a - mean_d
        return cls(
            mean_a + centre,
            mean_b + centre_hat,
            _above_rounding(squares, mean_a**2 + mean_b**2),
            _above_rounding(squares_d, mean_d**2),
        )

    def similarity(self, extent: tf.Tensor, correction: float = 1.0) -> tf.Tensor:
        """The SSIM of every window, data ranges `[B]`; variances are multiplied by `correction`."""
        c1, c2 = _constants(extent)
        means, variances = self.mean**2 + self.mean_hat**2 + c1, correction * self.variances + c2
        above = (means - (self.mean - self.mean_hat) ** 2) * (variances - correction * self.of_difference)
        below = means * variances
        same = tf.cast(tf.equal(self.mean, self.mean_hat), tf.float32)
        return tf.where(below > 0, above / below, same)

    def contrast_and_structure(self, extent: tf.Tensor) -> tf.Tensor:
        """The SSIM without the factor of the means."""
        _, c2 = _constants(extent)
        return 1 - self.of_difference / (self.variances + c2)


def inner(foreground: tf.Tensor, size: int) -> tf.Tensor:
    """The middles of the windows of `size` that fit, `[B, H, W] -> [B, H - size + 1, W - size + 1]`."""
    edge = size // 2
    return foreground[:, edge : tf.shape(foreground)[1] - edge, edge : tf.shape(foreground)[2] - edge]


def _above_rounding(squares: tf.Tensor, squared: tf.Tensor) -> tf.Tensor:
    """E[x^2] - E[x]^2; 0 where it is no more than what rounding leaves of a flat patch."""
    variance = squares - squared
    # A product is a third of the work of tf.where, which goes number by number.
    return variance * tf.cast(variance > _ROUNDING * squared, tf.float32)


def _constants(extent: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return tuple((k * extent[:, None, None, None]) ** 2 for k in (0.01, 0.03))


def _framed(x: tf.Tensor, frame: str, white: int | bool) -> tf.Tensor:
    x = tf.convert_to_tensor(x)
    if not frame:
        return x
    width = x.shape[2]
    if width < _COLUMNS:
        raise ValueError(f"an SSIM of {_COLUMNS} columns needs pictures at least as wide, got {width}")
    left = (width - _COLUMNS) // 2
    x = x[:, :, left : left + _COLUMNS]
    if frame == "padded":
        x = tf.pad(x, ((0, 0), (0, 0), (_MARGIN, _MARGIN), (0, 0)), constant_values=white)
    return x


def _check(y: tf.Tensor, least: int, protocol: str) -> None:
    if min(y.shape[1], y.shape[2]) < least:
        raise ValueError(
            f"SSIM ({protocol}) needs pictures of at least {least} x {least} pixels, got {y.shape[1]} x {y.shape[2]}"
        )


def _filter(x: tf.Tensor, window: np.ndarray) -> tf.Tensor:
    """The window where it fits, one axis after the other: `[B, H, W, C] -> [B, H - n + 1, W - n + 1, C]`."""
    kernel, channels = tf.constant(window, tf.float32), x.shape[-1]
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        x = tf.nn.depthwise_conv2d(x, tf.tile(tf.reshape(kernel, shape), (1, 1, channels, 1)), (1, 1, 1, 1), "VALID")
    return x
