"""The pieces that the networks share: functions `x -> x` with a name, for functional models.

Every layer but a network's last is convolution, instance norm, ReLU (Sec. 3.1), without a bias: the norm has one.
"""

import keras

from dpt_tf.layers import Conv2D, InstanceNorm


def conv(x, filters, name, kernel=3, strides=1, norm=True, activation="relu", initializer="glorot_uniform"):
    """Convolution, instance norm, activation: `[B, H, W, C] -> [B, H/strides, W/strides, filters]`.

    Without `norm` the convolution has a bias. `activation` may be None, a name, or a layer.
    """
    layer = Conv2D
    x = layer(filters, kernel, strides, "same", use_bias=not norm, kernel_initializer=initializer, name=name)(x)
    return _norm_activation(x, name, norm, activation)


def deconv(x, filters, name):
    """3x3 transposed convolution of stride 2, instance norm, ReLU: `[B, H, W, C] -> [B, 2H, 2W, filters]`."""
    x = keras.layers.Conv2DTranspose(filters, 3, 2, padding="same", use_bias=False, name=name)(x)
    return _norm_activation(x, name, True, "relu")


def residual(x, name):
    """Residual block, x + conv(conv(x)): both 3x3 and as wide as x, no ReLU after the sum (Johnson et al., 2016)."""
    y = conv(x, x.shape[-1], f"{name}_1")
    y = conv(y, x.shape[-1], f"{name}_2", activation=None)
    return keras.layers.Add(name=name)([x, y])


def picture(x, name):
    """Whatever the precision inside, a network's output is float32."""
    return keras.layers.Activation("linear", dtype="float32", name=name)(x)


def _norm_activation(x, name, norm, activation):
    if norm:
        x = InstanceNorm(name=f"{name}_norm")(x)
    if activation is not None:
        x = keras.layers.Activation(activation, name=f"{name}_{activation}")(x)
    return x
