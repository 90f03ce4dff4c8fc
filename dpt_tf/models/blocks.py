"""The pieces that the networks share: functions `x -> x` with a name, for functional models.

Every layer of the paper's but a network's last is convolution, instance norm, ReLU (Sec. 3.1), without a bias: the norm
has one. The last is `last`, in float32 whatever the policy. `plain` and `unet` have no norm.
"""

import keras

from dpt_tf.layers import Conv2D, Enlarge, InstanceNorm


def conv(x, filters, name, strides=1, activation="relu"):
    """3x3 convolution, instance norm, activation: `[B, H, W, C] -> [B, H/strides, W/strides, filters]`."""
    x = Conv2D(filters, 3, strides, "same", use_bias=False, name=name)(x)
    return _norm_activation(x, name, activation)


def deconv(x, filters, name):
    """3x3 transposed convolution of stride 2, instance norm, ReLU: `[B, H, W, C] -> [B, 2H, 2W, filters]`."""
    x = keras.layers.Conv2DTranspose(filters, 3, 2, padding="same", use_bias=False, name=name)(x)
    return _norm_activation(x, name, "relu")


def residual(x, name):
    """Residual block, x + conv(conv(x)): both 3x3 and as wide as x, no ReLU after the sum (Johnson et al., 2016)."""
    y = conv(x, x.shape[-1], f"{name}_1")
    y = conv(y, x.shape[-1], f"{name}_2", activation=None)
    return keras.layers.Add(name=name)([x, y])


def last(x, filters, name, activation=None, initializer="glorot_uniform"):
    """3x3 convolution with bias, activation: `[B, H, W, C] -> [B, H, W, filters]`, float32.

    In bfloat16 tanh is exactly 1 from a logit of 3.5 on, and its gradient exactly 0.
    """
    x = Conv2D(filters, 3, 1, "same", kernel_initializer=initializer, dtype="float32", name=name)(x)
    if activation is not None:
        x = keras.layers.Activation(activation, dtype="float32", name=f"{name}_{activation}")(x)
    return x


def unet(x, widths, name):
    """A U-Net without norms: `[B, H, W, C] -> [B, H, W, widths[0]]`; a level down halves the sides.

    Two 3x3 convolutions a level, down by stride 2, up by a convolution to the next level's width, then enlarging, so
    that nothing lays a grid.
    """
    skips = []
    for i, width in enumerate(widths):
        x = plain(x, width, f"{name}_down_{i + 1}_1", strides=1 if i == 0 else 2)
        if i:
            x = plain(x, width, f"{name}_down_{i + 1}_2")
        skips.append(x)
    for i in reversed(range(len(widths) - 1)):
        x = plain(x, widths[i], f"{name}_up_{i + 1}_1")
        x = Enlarge(name=f"{name}_up_{i + 1}_enlarge")(x)
        x = keras.layers.Concatenate(name=f"{name}_up_{i + 1}_skip")([x, skips[i]])
        x = plain(x, widths[i], f"{name}_up_{i + 1}_2")
    return x


def plain(x, filters, name, strides=1, activation="relu"):
    """3x3 convolution with bias, activation, no norm: `[B, H, W, C] -> [B, H/strides, W/strides, filters]`."""
    x = Conv2D(filters, 3, strides, "same", kernel_initializer="he_normal", name=name)(x)
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(x)


def _norm_activation(x, name, activation):
    x = InstanceNorm(name=f"{name}_norm")(x)
    if activation is not None:
        x = keras.layers.Activation(activation, name=f"{name}_{activation}")(x)
    return x
