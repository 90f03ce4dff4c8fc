"""Predictive stream (Sec. 3.1): paints the person from image and poses, knowing nothing of surfaces."""

import keras

from dpt_tf.models import blocks, conditioning


def build(image_size=256, width=64, residuals=6, source_pose="densepose", target_pose="densepose"):
    """Encoder, residual blocks, decoder along the lines of Johnson et al. (2016).

    Args:
      image_size: S, a multiple of 4.
      width: channels of the first layer; the trunk has four times as many.
      residuals: number of residual blocks.
      source_pose: how the source pose is shown to the network, one of `config.POSES`.
      target_pose: the same for the target pose.

    Returns:
      Model from dict `source`, `source_iuv`, `target_iuv` (and `source_keypoints`, `target_keypoints` where a
      conditioning is `keypoints`) to image `[B, S, S, 3]` in [-1, 1], float32.
    """
    inputs = conditioning.inputs(image_size, source_pose, target_pose)
    x = keras.layers.Concatenate(name="planes")(
        [
            inputs["source"],
            conditioning.planes(inputs, "source", source_pose),
            conditioning.planes(inputs, "target", target_pose),
        ]
    )  # [B, S, S, 9]
    x = blocks.conv(x, width, "encode_1")  # [B, S, S, 64]
    x = blocks.conv(x, 2 * width, "encode_2", strides=2)  # [B, S/2, S/2, 128]
    x = blocks.conv(x, 4 * width, "encode_3", strides=2)  # [B, S/4, S/4, 256]
    for i in range(residuals):
        x = blocks.residual(x, f"residual_{i + 1}")
    x = blocks.deconv(x, 2 * width, "decode_1")  # [B, S/2, S/2, 128]
    x = blocks.deconv(x, width, "decode_2")  # [B, S, S, 64]
    image = blocks.last(x, 3, "decode_3", "tanh")
    return keras.Model(inputs, image, name="predictive")
