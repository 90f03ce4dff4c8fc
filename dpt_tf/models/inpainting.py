"""Inpainting autoencoder (Sec. 3.2, Table 6): from the texels that one view shows to all of them.

Every part has an encoder and a decoder of its own; one context vector tells them what the other parts look like.
"""

import keras

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.layers import JoinParts, PartConv, PartConvTranspose, PartNorm, SplitParts


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
    texture = keras.Input([NUM_PARTS, atlas_size, atlas_size, 3], name="texture")
    x = SplitParts(name="split")(texture)  # 24 x [B, R, R, 3]
    for i, filters in enumerate((width, width, 2 * width, 4 * width)):
        x = PartConv(filters, name=f"encode_{i + 1}")(x)
        x = PartNorm(name=f"encode_{i + 1}_norm")(x)
    codes = x  # 24 x [B, R/16, R/16, 128]
    g = keras.layers.Flatten(name="flatten")(JoinParts(name="codes")(codes))  # [B, 24 * R/16 * R/16 * 128]
    g = keras.layers.Dense(context_size, "relu", name="context_1")(g)
    g = keras.layers.LayerNormalization(epsilon=1e-5, name="context_1_norm")(g)
    g = keras.layers.Dense(context_size, name="context_2")(g)  # [B, 256]
    x = codes
    for i, filters in enumerate((2 * width, width, width)):
        # The first decoder layer sees [E_i, G], 128 + 256 channels.
        x = PartConvTranspose(filters, name=f"decode_{i + 1}")(x, *([g] if i == 0 else []))
        x = PartNorm(name=f"decode_{i + 1}_norm")(x)
    # As in every network the last layer is float32, whatever the policy.
    x = PartConvTranspose(3, "tanh", dtype="float32", name="decode_4")(x)  # 24 x [B, R, R, 3]
    x = JoinParts(dtype="float32", name="inpainted")(x)  # [B, 24, R, R, 3]
    return keras.Model(texture, x, name="inpainting")
