"""Inpainting autoencoder (Sec. 3.2, Table 6): from the texels that one view shows to all of them.

Every part has an encoder and a decoder of its own; one context vector tells them what the other parts look like.
"""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import keras
import tensorflow as tf

from dpt_tf.layers import PARTS, JoinParts, PartConv, PartConvTranspose, PartNorm, SplitParts
from dpt_tf.models import blocks


@keras.saving.register_keras_serializable("dpt_tf")
class AppendContext(keras.layers.Layer):
    """`[E_i, G]`: the vector G `[B, D]` beside every position of each code `[B, h, w, C]`."""

    def call(self, codes, context):
        shape = tf.concat([tf.shape(codes[0])[:-1], tf.shape(context)[1:]], 0)
        spread = tf.broadcast_to(context[:, None, None, :], shape)
        return [tf.concat([code, spread], -1) for code in codes]

    def compute_output_shape(self, codes_shape, context_shape):
        return [(*shape[:-1], shape[-1] + context_shape[-1]) for shape in codes_shape]


def build(atlas_size=256, width=32, context_size=256):
    """Table 6.

    Args:
      atlas_size: R, texels along a side of a part, a multiple of 16.
      width: channels of the first layer.
      context_size: numbers in the context vector G.

    Returns:
      Model from texture `[B, 24, R, R, 3]`, 0 where nothing was observed, to texture `[B, 24, R, R, 3]` float32.

    Note:
      A layer is convolution, ReLU, instance norm, in this order. Of the single vector in the context network the norm
      is taken over its numbers (over its one position it would be 0), and G itself has neither ReLU nor norm.
    """
    texture = keras.Input([PARTS, atlas_size, atlas_size, 3], name="texture")
    x = SplitParts(name="split")(texture)  # 24 x [B, R, R, 3]
    for i, filters in enumerate((width, width, 2 * width, 4 * width)):
        x = PartConv(filters, name=f"encode_{i + 1}")(x)
        x = PartNorm(name=f"encode_{i + 1}_norm")(x)
    codes = x  # 24 x [B, R/16, R/16, 128]
    g = keras.layers.Flatten(name="flatten")(JoinParts(name="codes")(codes))  # [B, 24 * R/16 * R/16 * 128]
    g = keras.layers.Dense(context_size, "relu", name="context_1")(g)
    g = keras.layers.LayerNormalization(epsilon=1e-5, name="context_1_norm")(g)
    g = keras.layers.Dense(context_size, name="context_2")(g)  # [B, 256]
    x = AppendContext(name="append_context")(codes, g)  # 24 x [B, R/16, R/16, 384]
    for i, filters in enumerate((2 * width, width, width)):
        x = PartConvTranspose(filters, name=f"decode_{i + 1}")(x)
        x = PartNorm(name=f"decode_{i + 1}_norm")(x)
    x = PartConvTranspose(3, "tanh", name="decode_4")(x)  # 24 x [B, R, R, 3]
    x = JoinParts(name="join")(x)  # [B, 24, R, R, 3]
    return keras.Model(texture, blocks.picture(x, "inpainted"), name="inpainting")
