"""Layers as torch has them, for feature maps `[B, H, W, C]` of which the graph knows only C.

Torch pads the same number of pixels on all sides; TensorFlow's "same" does not where the stride is 2, so padding is
written out there. Every layer is called as its weights are in the original.
"""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import keras
import tensorflow as tf

from dpt_tf.layers import winograd
from dpt_tf.ops.device import device

_GROUPS = 32
_EPSILON = 1e-5
BLANK = {"kernel_initializer": "zeros"}
"""Of every layer: weights come from files, and drawing others first takes seconds."""
_FEWEST_CHANNELS = 128  # with fewer, the transforms of Winograd's algorithm take longer than what they save
_FEWEST_TILES = 64  # with fewer, reading the transformed kernel does


@keras.saving.register_keras_serializable("dpt_tf")
class AnySize(keras.layers.Conv2D):
    """A 3x3 convolution of stride 1 with zeros around, by Winograd's algorithm where that pays, on maps of any size."""

    def convolution_op(self, inputs, kernel):
        """The convolution alone; Keras adds bias and activation."""
        kernel = tf.convert_to_tensor(kernel)

        def plain():
            return tf.nn.conv2d(inputs, kernel, 1, "SAME")

        if device() != "cpu" or min(kernel.shape[2:]) < _FEWEST_CHANNELS:
            return plain()
        batch, height, width, _ = tf.unstack(tf.shape(inputs))
        tiles = batch * ((height + 3) // 4) * ((width + 3) // 4)
        return tf.cond(tiles >= _FEWEST_TILES, lambda: winograd.convolve_any(inputs, kernel), plain)


@keras.saving.register_keras_serializable("dpt_tf")
class GroupNorm(keras.layers.Layer):
    """gamma (x - mean) / sqrt(variance + 1e-5) + beta, moments over positions and C / 32 neighbouring channels."""

    def build(self, shape):
        self.gamma = self.add_weight(shape=shape[-1:], name="gamma", initializer="ones")
        self.beta = self.add_weight(shape=shape[-1:], name="beta", initializer="zeros")

    def call(self, x):
        channels, shape = x.shape[-1], tf.shape(x)
        groups = min(_GROUPS, channels)

        def moments(values):
            sums = tf.reshape(tf.reduce_mean(values, [1, 2]), [-1, groups, channels // groups])
            return tf.repeat(tf.reduce_mean(sums, -1), channels // groups, 1)[:, None, None]  # [B, 1, 1, C]

        centred = x - moments(x)
        inverse = tf.math.rsqrt(moments(tf.square(centred)) + _EPSILON)
        return tf.reshape(centred * (inverse * self.gamma) + self.beta, shape)


@keras.saving.register_keras_serializable("dpt_tf")
class Doubled(keras.layers.Layer):
    """Twice the size. Keras' own wants to know the size when the graph is made."""

    def __init__(self, interpolation: str, **kwargs):
        super().__init__(**kwargs)
        self.interpolation = interpolation

    def call(self, x):
        return tf.image.resize(x, 2 * tf.shape(x)[1:3], self.interpolation)

    def compute_output_shape(self, shape):
        return (shape[0], *(None if side is None else 2 * side for side in shape[1:3]), shape[3])

    def get_config(self):
        return super().get_config() | {"interpolation": self.interpolation}


def conv(x, channels: int, name: str, size: int = 3, strides: int = 1, dilation: int = 1, relu=True, bias=True):
    """A convolution that keeps the size, but for its stride: `[B, H, W, C] -> [B, H/s, W/s, channels]`."""
    options = {"activation": "relu" if relu else None, "use_bias": bias, "name": name, **BLANK}
    if size == 3 and strides == dilation == 1:
        return AnySize(channels, 3, padding="same", **options)(x)
    if strides > 1 and size > 1:
        x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}.padding")(x)
        return keras.layers.Conv2D(channels, size, strides, **options)(x)
    padding = "same" if strides == 1 else "valid"
    return keras.layers.Conv2D(channels, size, strides, padding, dilation_rate=dilation, **options)(x)


def normed(x, channels: int, name: str, norm: str, size: int = 3, dilation: int = 1):
    """A convolution without bias, then group norm, then relu."""
    x = conv(x, channels, name, size, dilation=dilation, relu=False, bias=False)
    return keras.layers.ReLU(name=f"{norm}.relu")(GroupNorm(name=norm)(x))


def doubled(x, name: str, interpolation: str):
    """Twice the size, `nearest` or `bilinear` with half-pixel centres: `[B, H, W, C] -> [B, 2H, 2W, C]`."""
    return Doubled(interpolation, name=name)(x)
