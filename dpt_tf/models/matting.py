"""Which pixels of a photo are the person's, hair and cloth beside the body too, and what stands behind them."""

import keras

from dpt_tf.layers import Backdrop, BackdropGuess, Matte
from dpt_tf.models import blocks, conditioning


def build(image_size=256, width=16):
    """A U-Net that corrects a matte made by rule (`ops.backdrop.first_guess`).

    Its coarsest level is a sixteenth of the side: what lies between two legs is skirt or backdrop by what is round it.

    Returns:
      Model from dict `source`, `source_iuv` to dict, all float32,
        matte `[B, S, S, 1]`: 1 where the person is
        matte_logit `[B, S, S, 1]`: what it is the sigmoid of beside the body; the only output that has a gradient
        backdrop `[B, S, S, 3]`: the source without the person
    """
    inputs = {
        "source": keras.Input([image_size, image_size, 3], name="source"),
        "source_iuv": keras.Input([image_size, image_size, 3], dtype="uint8", name="source_iuv"),
    }
    guess, logit = BackdropGuess(name="guess")(inputs["source"], inputs["source_iuv"])
    pose = conditioning.planes(inputs, "source", "densepose")
    x = keras.layers.Concatenate(name="planes")([inputs["source"], guess, logit, pose])  # [B, S, S, 10]
    x = blocks.unet(x, tuple(n * width for n in (1, 2, 4, 6, 8)), "unet")
    x = blocks.last(x, 1, "decode", initializer=keras.initializers.VarianceScaling(1e-4))
    logit = keras.layers.Add(dtype="float32", name="logit")([logit, x])
    matte = Matte(name="matte")(logit, inputs["source_iuv"])
    backdrop = Backdrop(name="backdrop")(inputs["source"], matte)
    return keras.Model(inputs, {"matte": matte, "matte_logit": logit, "backdrop": backdrop}, name="matting")
