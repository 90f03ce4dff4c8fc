"""Discriminator (Sec. 3.4): a 70 x 70 patch GAN (Isola et al., 2017) that scores an image beside its conditions z."""

import keras

from dpt_tf.layers import InstanceNorm
from dpt_tf.models import conditioning


def build(image_size=256, width=64):
    """4x4 convolutions 64-128-256-512-1, leaky ReLU 0.2, instance norm but on the first and the last.

    Returns:
      Model from dict `source`, `target_iuv` (together z) and `image` (y or y_hat) to scores `[B, h, w, 1]` float32 with
      h = w = S/8 - 2, one for each overlapping patch of 70 x 70 pixels.
    """
    inputs = {
        "source": keras.Input([image_size, image_size, 3], name="source"),
        "target_iuv": keras.Input([image_size, image_size, 3], dtype="uint8", name="target_iuv"),
        "image": keras.Input([image_size, image_size, 3], name="image"),
    }
    pose = conditioning.planes(inputs, "target", "densepose")
    x = keras.layers.Concatenate(name="planes")([inputs["source"], pose, inputs["image"]])  # [B, S, S, 9]
    for i, (filters, strides) in enumerate(((width, 2), (2 * width, 2), (4 * width, 2), (8 * width, 1))):
        name = f"conv_{i + 1}"
        x = _conv(x, filters, strides, name, use_bias=i == 0)
        if i > 0:
            x = InstanceNorm(name=f"{name}_norm")(x)
        x = keras.layers.LeakyReLU(0.2, name=f"{name}_relu")(x)
    x = _conv(x, 1, 1, "score", dtype="float32")  # [B, S/8 - 2, S/8 - 2, 1]
    return keras.Model(inputs, x, name="discriminator")


def _conv(x, filters, strides, name, **kwargs):
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return keras.layers.Conv2D(filters, 4, strides, name=name, **kwargs)(x)
