"""Convolutions with 24 sets of weights, one a part (Table 6).

An atlas `[B, P, R, R, C]` is split into a list of P images `[B, R, R, C]`, the layers map lists to lists, and the last
one joins them again. On a CPU this is the fastest form: the activations of one part stay in the cache, nothing is
copied together in between, and the gradient of one grouped convolution costs many times that of 24 small ones. A GPU
waits for each small one to be begun, so there all parts go through one batched matrix product, in a quarter of the
graph; so they do on a CPU where a part is less work than beginning it. benchmarks/part_conv.py compares them.
"""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import keras
import numpy as np
import tensorflow as tf

from dpt_tf.layers.norm import instance_norm
from dpt_tf.ops.device import device

_SMALL = 1 << 18  # multiplications of one part


def _at_once(x, per_position):
    """Whether all parts go through one operation, of images like x with so many multiplications at each position."""
    return device() == "gpu" or (x.shape[0] or 1) * x.shape[1] * x.shape[2] * per_position <= _SMALL


@keras.saving.register_keras_serializable("dpt_tf")
class SplitParts(keras.layers.Layer):
    """`[B, P, H, W, C]` to a list of P `[B, H, W, C]`."""

    def call(self, x):
        return tf.unstack(x, axis=1)

    def compute_output_shape(self, shape):
        return [(shape[0], *shape[2:]) for _ in range(shape[1])]


@keras.saving.register_keras_serializable("dpt_tf")
class JoinParts(keras.layers.Layer):
    """A list of P `[B, H, W, C]` to `[B, P, H, W, C]`."""

    def call(self, parts):
        return tf.stack(parts, axis=1)

    def compute_output_shape(self, shapes):
        return (shapes[0][0], len(shapes), *shapes[0][1:])


class _PartLayer(keras.layers.Layer):
    """What the two convolutions share: kernel `[P, 3, 3, in, out]`, bias `[P, out]`, stride 2, ReLU or another end."""

    def __init__(self, filters, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.activation = keras.activations.get(activation)

    def add_weights(self, parts, channels):
        """The weights of this many parts, for inputs of so many channels."""
        limit = (6 / (9 * channels + 9 * self.filters)) ** 0.5  # Glorot's, of one part
        self.kernel = self.add_weight(
            name="kernel",
            shape=(parts, 3, 3, channels, self.filters),
            initializer=keras.initializers.RandomUniform(-limit, limit),
        )
        self.bias = self.add_weight(name="bias", shape=(parts, self.filters), initializer="zeros")

    def call(self, parts):
        if _at_once(parts[0], 9 * parts[0].shape[-1] * self.filters):
            return self._ended(self.convolve_all(tf.stack(parts), tf.convert_to_tensor(self.kernel)))
        kernels, biases = tf.unstack(tf.convert_to_tensor(self.kernel)), tf.unstack(tf.convert_to_tensor(self.bias))
        outputs = [self.convolve(x, k) for x, k in zip(parts, kernels, strict=True)]
        return [self.activation(tf.nn.bias_add(y, b)) for y, b in zip(outputs, biases, strict=True)]

    def _ended(self, stacked):
        return tf.unstack(self.activation(stacked + tf.convert_to_tensor(self.bias)[:, None, None, None]))

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return super().get_config() | {"filters": self.filters, "activation": activation}


@keras.saving.register_keras_serializable("dpt_tf")
class PartConv(_PartLayer):
    """3x3 convolution of stride 2, then `activation`: P times `[B, H, W, C] -> [B, H/2, W/2, filters]`."""

    def build(self, shapes):
        self.add_weights(len(shapes), shapes[0][-1])

    def convolve(self, x, kernel):
        """One part."""
        return tf.nn.conv2d(x, kernel, 2, "SAME")

    def convolve_all(self, x, kernel):
        """All parts at once: `[P, B, H, W, C] -> [P, B, H/2, W/2, filters]`."""
        parts, _, height, width, channels = x.shape
        padded = tf.pad(x, [[0, 0], [0, 0], [0, 1], [0, 1], [0, 0]])
        taps = [padded[:, :, i : i + height : 2, j : j + width : 2] for i, j in np.ndindex(3, 3)]
        patches = tf.reshape(tf.concat(taps, -1), [parts, -1, 9 * channels])
        y = tf.matmul(patches, tf.reshape(kernel, [parts, 9 * channels, self.filters]))
        return tf.reshape(y, [parts, -1, height // 2, width // 2, self.filters])

    def compute_output_shape(self, shapes):
        return [(b, h // 2, w // 2, self.filters) for b, h, w, _ in shapes]


@keras.saving.register_keras_serializable("dpt_tf")
class PartConvTranspose(_PartLayer):
    """Transposed 3x3 convolution of stride 2, then `activation`: P times `[B, H, W, C] -> [B, 2H, 2W, filters]`.

    With a context `[B, D]` the input is `[x_p, context]`, C + D channels: Table 6's `[E_i, G]`. One vector stands at
    every position, so what it adds is the same at every inner one, and a 2x2 image of it has all there is to know.
    """

    def build(self, parts_shape, context_shape=None):
        self.add_weights(len(parts_shape), parts_shape[0][-1] + (context_shape[-1] if context_shape else 0))

    def call(self, parts, context=None):
        if context is None:
            return super().call(parts)
        channels = [parts[0].shape[-1], context.shape[-1]]
        own, shared = tf.split(tf.convert_to_tensor(self.kernel), channels, axis=3)
        spread = tf.tile(context[:, None, None, :], [1, 2, 2, 1])
        if _at_once(parts[0], 9 * sum(channels) * self.filters):
            height, width = parts[0].shape[1:3]
            y = self.convolve_all(tf.tile(spread[None], [len(parts), 1, 1, 1, 1]), shared)
            y = tf.reshape(
                _at_every_position(tf.reshape(y, [-1, *y.shape[2:]]), height, width),
                [len(parts), -1, 2 * height, 2 * width, self.filters],
            )
            return self._ended(self.convolve_all(tf.stack(parts), own) + y)
        biases = tf.unstack(tf.convert_to_tensor(self.bias))
        outputs = []
        for x, k, k_shared, b in zip(parts, tf.unstack(own), tf.unstack(shared), biases, strict=True):
            y = _at_every_position(self.convolve(spread, k_shared), x.shape[1], x.shape[2])
            outputs.append(self.activation(tf.nn.bias_add(self.convolve(x, k) + y, b)))
        return outputs

    def convolve(self, x, kernel):
        """One part."""
        shape = [tf.shape(x)[0], 2 * x.shape[1], 2 * x.shape[2], self.filters]
        return tf.nn.conv2d_transpose(x, tf.transpose(kernel, [0, 1, 3, 2]), shape, 2, "SAME")

    def convolve_all(self, x, kernel):
        """All parts at once: `[P, B, H, W, C] -> [P, B, 2H, 2W, filters]`.

        Along each axis an even place 2m of the result has x_m k_0 + x_(m-1) k_2, an odd one x_m k_1.
        """
        parts, _, height, width, channels = x.shape
        kernel = tf.reshape(tf.transpose(kernel, [0, 3, 1, 2, 4]), [parts, channels, 9 * self.filters])
        y = tf.matmul(tf.reshape(x, [parts, -1, channels]), kernel)
        y = tf.reshape(y, [parts, -1, height, width, 3, 3 * self.filters])
        before = tf.pad(y[:, :, :-1, :, 2], [[0, 0], [0, 0], [1, 0], [0, 0], [0, 0]])
        y = tf.stack([y[..., 0, :] + before, y[..., 1, :]], axis=3)  # [P, B, H, 2, W, 3 filters]
        y = tf.reshape(y, [parts, -1, 2 * height, width, 3, self.filters])
        before = tf.pad(y[:, :, :, :-1, 2], [[0, 0], [0, 0], [0, 0], [1, 0], [0, 0]])
        y = tf.stack([y[..., 0, :] + before, y[..., 1, :]], axis=4)
        return tf.reshape(y, [parts, -1, 2 * height, 2 * width, self.filters])

    def compute_output_shape(self, parts_shape, context_shape=None):
        return [(b, 2 * h, 2 * w, self.filters) for b, h, w, _ in parts_shape]


def _at_every_position(y, height, width):
    """Of a transposed convolution of a constant, `[B, 4, 4, C]` for 2x2 positions to `[B, 2H, 2W, C]` for H x W.

    The first two rows, where the image begins, stay; the other two repeat; columns likewise.
    """
    y = tf.concat([y[:, :2], tf.tile(y[:, 2:], [1, height - 1, 1, 1])], axis=1)
    return tf.concat([y[:, :, :2], tf.tile(y[:, :, 2:], [1, 1, width - 1, 1])], axis=2)


@keras.saving.register_keras_serializable("dpt_tf")
class PartNorm(keras.layers.Layer):
    """Instance norm of P images `[B, H, W, C]`; gamma and beta are `[P, C]`, each part has its own."""

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, shapes):
        shape = (len(shapes), shapes[0][-1])
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones", autocast=False)
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros", autocast=False)

    def call(self, parts):
        gamma, beta = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if _at_once(parts[0], 64 * parts[0].shape[-1]):
            x = tf.stack(parts)
            mean, variance = tf.nn.moments(tf.cast(x, tf.float32), [2, 3], keepdims=True)
            y = tf.nn.batch_normalization(
                tf.cast(x, tf.float32),
                mean,
                variance,
                beta[:, None, None, None],
                gamma[:, None, None, None],
                self.epsilon,
            )
            return tf.unstack(tf.cast(y, x.dtype))
        gammas, betas = tf.unstack(gamma), tf.unstack(beta)
        return [instance_norm(x, g, b, self.epsilon) for x, g, b in zip(parts, gammas, betas, strict=True)]

    def compute_output_shape(self, shapes):
        return shapes

    def get_config(self):
        return super().get_config() | {"epsilon": self.epsilon}
