"""Predictive stream (Sec. 3.1): paints the person from image and poses, knowing nothing of surfaces."""

import keras
import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.layers import BackdropGuess, Enlarge, Float32Layer, Palette
from dpt_tf.models import blocks, conditioning


def build(image_size=256, width=64, residuals=6, source_pose="densepose", target_pose="densepose", palette=False):
    """Encoder, residual blocks, decoder along the lines of Johnson et al. (2016).

    Args:
      image_size: S, a multiple of 4.
      width: channels of the first layer; the trunk has four times as many.
      residuals: number of residual blocks.
      source_pose: how the source pose is shown to the network, one of `config.POSES`.
      target_pose: the same for the target pose.
      palette: ways for colour and for the backdrop, see the note.

    Returns:
      Model from dict `source`, `source_iuv`, `target_iuv` (and `source_keypoints`, `target_keypoints` where a
      conditioning is `keypoints`) to image `[B, S, S, 3]` in [-1, 1], float32.

    Note:
      An instance norm takes away what is constant over a picture, so the paper's network hardly learns what colour a
      garment has, nor that a backdrop is white. With `palette` the first and the last layer before the end have no
      norm, and what the network paints is added, before tanh, to a paper doll: each target part in the colour that the
      part has in the source (a small network may change the palette), before a backdrop made by rule. Its decoder
      convolves and then enlarges, which lays no grid.
    """
    inputs = conditioning.inputs(image_size, source_pose, target_pose)
    x = keras.layers.Concatenate(name="planes")(
        [
            inputs["source"],
            conditioning.planes(inputs, "source", source_pose),
            conditioning.planes(inputs, "target", target_pose),
        ]
    )  # [B, S, S, 9]
    x = (blocks.plain if palette else blocks.conv)(x, width, "encode_1")  # [B, S, S, 64]
    x = blocks.conv(x, 2 * width, "encode_2", strides=2)  # [B, S/2, S/2, 128]
    x = blocks.conv(x, 4 * width, "encode_3", strides=2)  # [B, S/4, S/4, 256]
    for i in range(residuals):
        x = blocks.residual(x, f"residual_{i + 1}")
    if palette:
        return keras.Model(inputs, _painted(inputs, _enlarged(x, width)), name="predictive")
    x = blocks.deconv(x, 2 * width, "decode_1")  # [B, S/2, S/2, 128]
    x = blocks.deconv(x, width, "decode_2")  # [B, S, S, 64]
    image = blocks.last(x, 3, "decode_3", "tanh")
    return keras.Model(inputs, image, name="predictive")


def _enlarged(x, width):
    """The decoder without norms at its end: `[B, S/4, S/4, 4 width] -> [B, S, S, 3]`, logits."""
    x = Enlarge(name="decode_1_enlarge")(blocks.conv(x, 2 * width, "decode_1"))  # [B, S/2, S/2, 128]
    x = Enlarge(name="decode_2_enlarge")(blocks.plain(x, width, "decode_2"))  # [B, S, S, 64]
    return blocks.last(x, 3, "decode_3", initializer=keras.initializers.VarianceScaling(1e-4))


def _painted(inputs, logits):
    """Paper doll and backdrop with the network's logits on top: `[B, S, S, 3]` in [-1, 1]."""
    colours = Palette(name="palette")(inputs["source"], inputs["source_iuv"])  # [B, 24, 3]
    change = keras.layers.Flatten(name="palette_flat")(colours)
    change = keras.layers.Dense(64, "relu", dtype="float32", name="palette_1")(change)
    small = keras.initializers.VarianceScaling(1e-4)
    change = keras.layers.Dense(72, kernel_initializer=small, dtype="float32", name="palette_2")(change)
    change = keras.layers.Reshape([24, 3], dtype="float32", name="palette_change")(change)
    backdrop, _ = BackdropGuess(name="backdrop")(inputs["source"], inputs["source_iuv"])
    doll = Doll(name="doll")(colours, change, backdrop, inputs["target_iuv"])
    x = keras.layers.Add(dtype="float32", name="logits")([doll, logits])
    return keras.layers.Activation("tanh", dtype="float32", name="decode_3_tanh")(x)


@keras.saving.register_keras_serializable("dpt_tf")
class Doll(Float32Layer):
    """`(colours, change [B, 24, 3], backdrop [B, S, S, 3], iuv) -> [B, S, S, 3]`: atanh of a doll and its backdrop.

    Colours are in [-1, 1], `change` is added to their atanh; 0.98 is the most that atanh is asked of.
    """

    def call(self, colours, change, backdrop, iuv):  # noqa: D102
        part = tf.one_hot(tf.cast(iuv[..., 0], tf.int32) - 1, NUM_PARTS)
        body = tf.reduce_sum(part, -1, keepdims=True)
        doll = tf.einsum("bhwp,bpc->bhwc", part, _atanh(colours) + change)
        return doll + (1 - body) * _atanh(backdrop)


def _atanh(x):
    return tf.atanh(0.98 * tf.clip_by_value(x, -1.0, 1.0))
