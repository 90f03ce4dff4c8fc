"""Keras layers over `ops`, and the per-part convolutions of Table 6.

image `[B, H, W, C]`   iuv `[B, H, W, 3]` uint8 (I, U, V)
atlas and everything per part `[B, P, R, R, C]`, part p at index p - 1
"""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import keras
import tensorflow as tf

from dpt_tf.ops import atlas

PARTS = 24


@keras.saving.register_keras_serializable("dpt_tf")
class Unwrap(keras.layers.Layer):
    """`(image, iuv) -> (texture [B, P, R, R, C], observed [B, P, R, R, 1])`: `atlas.unwrap`, always in float32."""

    def __init__(self, resolution, radius=None, **kwargs):
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.resolution = resolution
        self.radius = radius

    def call(self, image, iuv):
        texture, observed = atlas.unwrap(image, iuv, self.resolution, self.radius)
        shape = [image.shape[0], PARTS, self.resolution, self.resolution]
        return tf.ensure_shape(texture, [*shape, image.shape[-1]]), tf.ensure_shape(observed, [*shape, 1])

    def get_config(self):
        return super().get_config() | {"resolution": self.resolution, "radius": self.radius}


@keras.saving.register_keras_serializable("dpt_tf")
class Sample(keras.layers.Layer):
    """`(texture, iuv) -> image [B, H, W, C]`: `atlas.sample`, always in float32, 0 on the background."""

    def __init__(self, **kwargs):
        super().__init__(**(kwargs | {"dtype": "float32"}))

    def call(self, texture, iuv):
        return tf.ensure_shape(atlas.sample(texture, iuv), [*iuv.shape[:3], texture.shape[-1]])


@keras.saving.register_keras_serializable("dpt_tf")
class InstanceNorm(keras.layers.GroupNormalization):
    """Every channel of every example to mean 0 and variance 1 over its positions, then gamma x + beta (Ulyanov 2016).

    `GroupNormalization(groups=-1, epsilon=1e-5)` with the same weights.
    """

    def __init__(self, groups=-1, epsilon=1e-5, **kwargs):
        super().__init__(groups=groups, epsilon=epsilon, **kwargs)


@keras.saving.register_keras_serializable("dpt_tf")
class PartNorm(keras.layers.Layer):
    """Instance norm of `[B, P, H, W, C]`; gamma and beta are `[P, C]`, each part has its own."""

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, shape):
        self.gamma = self.add_weight(name="gamma", shape=(shape[1], shape[-1]), initializer="ones", autocast=False)
        self.beta = self.add_weight(name="beta", shape=(shape[1], shape[-1]), initializer="zeros", autocast=False)

    def call(self, x):
        gamma, beta = (tf.convert_to_tensor(w)[:, None, None, :] for w in (self.gamma, self.beta))
        mean, variance = tf.nn.moments(tf.cast(x, tf.float32), [2, 3], keepdims=True)
        scale = gamma * tf.math.rsqrt(variance + self.epsilon)
        return x * tf.cast(scale, x.dtype) + tf.cast(beta - mean * scale, x.dtype)

    def get_config(self):
        return super().get_config() | {"epsilon": self.epsilon}


class _PartLayer(keras.layers.Layer):
    """What the two per-part convolutions share: weights `[P, 3, 3, in, out]` and `[P, out]`, stride 2."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, shape):
        parts, channels = shape[1], shape[-1]
        limit = (6 / (9 * channels + 9 * self.filters)) ** 0.5  # Glorot, one part at a time
        self.kernel = self.add_weight(
            name="kernel",
            shape=(parts, 3, 3, channels, self.filters),
            initializer=keras.initializers.RandomUniform(-limit, limit),
        )
        self.bias = self.add_weight(name="bias", shape=(parts, self.filters), initializer="zeros")

    def get_config(self):
        return super().get_config() | {"filters": self.filters}


@keras.saving.register_keras_serializable("dpt_tf")
class PartConv(_PartLayer):
    """3x3 convolution of stride 2, each part with its own weights: `[B, P, H, W, C] -> [B, P, H/2, W/2, filters]`."""

    def call(self, x):
        parts = zip(tf.unstack(x, axis=1), tf.unstack(self.kernel), strict=True)
        y = tf.stack([tf.nn.conv2d(part, kernel, 2, "SAME") for part, kernel in parts], axis=1)
        return y + tf.convert_to_tensor(self.bias)[:, None, None, :]


@keras.saving.register_keras_serializable("dpt_tf")
class PartConvTranspose(_PartLayer):
    """Its transpose, each part with its own weights: `[B, P, H, W, C] -> [B, P, 2H, 2W, filters]`."""

    def call(self, x):
        shape = [tf.shape(x)[0], 2 * x.shape[2], 2 * x.shape[3], self.filters]
        kernels = tf.unstack(tf.transpose(self.kernel, [0, 1, 2, 4, 3]))
        parts = zip(tf.unstack(x, axis=1), kernels, strict=True)
        y = tf.stack([tf.nn.conv2d_transpose(part, kernel, shape, 2, "SAME") for part, kernel in parts], axis=1)
        return y + tf.convert_to_tensor(self.bias)[:, None, None, :]
