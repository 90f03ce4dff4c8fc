"""Blending (Sec. 3.3): fuses the two streams and polishes the result."""

import keras

from dpt_tf.models import blocks, conditioning


def build(image_size=256, width=64, residuals=3, sees_warped=True):
    """A convolution, residual blocks, a convolution; their output is added to the prediction.

    Args:
      image_size: S.
      width: channels between the first convolution and the last.
      residuals: how many residual blocks.
      sees_warped: without it there is no input `warped`: the prediction is polished by itself (Table 4, row 2).

    Returns:
      Model from dict `predicted`, `warped` (images), `target_iuv` to image `[B, S, S, 3]` float32.

    Note:
      The last convolution begins near zero, so that the joint stage begins with the prediction that an earlier stage
      has learnt and not with noise on top of it. The paper does not say how it begins.

      The sum may leave [-1, 1] by a little: the losses pull it back, and writers of pictures clip.
    """
    images = ("predicted", "warped") if sees_warped else ("predicted",)
    inputs = {name: keras.Input([image_size, image_size, 3], name=name) for name in images}
    inputs["target_iuv"] = keras.Input([image_size, image_size, 3], dtype="uint8", name="target_iuv")
    pose = conditioning.planes(inputs, "target", "densepose")
    x = keras.layers.Concatenate(name="planes")([*(inputs[name] for name in images), pose])  # [B, S, S, 9 or 6]
    x = blocks.conv(x, width, "encode")  # [B, S, S, 64]
    for i in range(residuals):
        x = blocks.residual(x, f"residual_{i + 1}")
    nearly_nothing = keras.initializers.VarianceScaling(1e-4)
    x = blocks.last(x, 3, "decode", initializer=nearly_nothing)
    image = keras.layers.Add(dtype="float32", name="image")([inputs["predicted"], x])
    return keras.Model(inputs, image, name="blending")
