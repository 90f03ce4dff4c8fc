"""Instance and batch normalisation in as few passes over memory as the device allows.

Keras computes group norm by reductions over five dimensions. On a CPU that takes longer than the convolution before it.
Its batch norm reads the moving statistics in bfloat16 under a mixed policy, and what is added to them is then lost to
rounding: they stop where they are.
"""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import keras
import tensorflow as tf

from dpt_tf.ops.device import custom_gradient, device


def instance_norm(x, gamma, beta, epsilon=1e-5):
    """Instance norm, gamma (x - mean) / sqrt(variance + epsilon) + beta, moments over the positions of each channel.

    `[B, H, W, C]`, of which only B may be unknown, with gamma, beta `[C]` in float32. The result has the dtype of x,
    the arithmetic is float32.

    Note:
      One example alone is what batch normalisation in training computes, and its kernel is fused. For more of them, or
      when the graph does not know how many, a CPU sums fastest as a product with a row of ones.
    """
    if x.shape[0] == 1:
        empty = gamma[:0]
        arguments = {"x": x, "scale": gamma, "offset": beta, "mean": empty, "variance": empty}
        return tf.raw_ops.FusedBatchNormV3(**arguments, epsilon=epsilon, is_training=True).y
    return _norm(x, gamma, beta, epsilon)


def _norm(x, gamma, beta, epsilon):
    height, width, channels = x.shape[1:]

    def flatten(tensor):
        return tf.reshape(tf.cast(tensor, tf.float32), [-1, height * width, channels])

    def restore(flat):
        return tf.cast(tf.reshape(flat, [-1, height, width, channels]), x.dtype)

    @custom_gradient
    def forward(x, gamma, beta):
        flat = flatten(x)
        centred = flat - _mean(flat)
        inverse = tf.math.rsqrt(_mean(tf.square(centred)) + epsilon)

        def gradient(dy):
            dy = flatten(dy)
            x_hat = centred * inverse
            mean_dy, mean_dy_x = _mean(dy), _mean(dy * x_hat)
            dx = (gamma * inverse) * (dy - mean_dy - x_hat * mean_dy_x)
            d_gamma, d_beta = (height * width * tf.reduce_sum(mean, [0, 1]) for mean in (mean_dy_x, mean_dy))
            return restore(dx), d_gamma, d_beta

        return restore(centred * (inverse * gamma) + beta), gradient

    return tf.ensure_shape(forward(x, gamma, beta), x.shape)


def _mean(flat):
    """`[B, N, C] -> [B, 1, C]`."""
    if device() == "gpu":
        return tf.reduce_mean(flat, 1, keepdims=True)
    return tf.matmul(tf.fill([1, 1, flat.shape[1]], 1 / flat.shape[1]), flat)


@keras.saving.register_keras_serializable("dpt_tf")
class InstanceNorm(keras.layers.GroupNormalization):
    """`GroupNormalization(groups=-1, epsilon=1e-5)` of `[B, H, W, C]`: the same weights, the same values, faster."""

    def __init__(self, groups=-1, epsilon=1e-5, **kwargs):
        super().__init__(groups=groups, epsilon=epsilon, **kwargs)

    def call(self, inputs):
        x = tf.cast(inputs, self.compute_dtype)
        return instance_norm(x, tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta), self.epsilon)


@keras.saving.register_keras_serializable("dpt_tf")
class BatchNorm(keras.layers.BatchNormalization):
    """`BatchNormalization` (Ioffe and Szegedy, 2015) of `[B, H, W, C]` by the fused kernel, its statistics in float32.

    Note:
      As in the kernel, the moving variance is of the unbiased one, B H W / (B H W - 1) times Keras's.
    """

    def __init__(self, momentum=0.98, epsilon=1e-3, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, **(kwargs | {"autocast": False}))

    def call(self, inputs, training=None):
        x = tf.cast(inputs, self.compute_dtype)
        gamma, beta = (tf.convert_to_tensor(v) for v in (self.gamma, self.beta))
        arguments = {"x": x, "scale": gamma, "offset": beta, "epsilon": self.epsilon}
        if not training:
            mean, variance = (tf.convert_to_tensor(v) for v in (self.moving_mean, self.moving_variance))
            return tf.raw_ops.FusedBatchNormV3(**arguments, mean=mean, variance=variance, is_training=False).y
        empty = gamma[:0]
        normed = tf.raw_ops.FusedBatchNormV3(**arguments, mean=empty, variance=empty, is_training=True)
        for moving, now in ((self.moving_mean, normed.batch_mean), (self.moving_variance, normed.batch_variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return normed.y

    def get_config(self):
        return {name: value for name, value in super().get_config().items() if name != "autocast"}
