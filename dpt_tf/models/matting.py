"""Which pixels of a photo are the person's, hair and cloth beside the body too, which hang, and what is behind them."""

import keras
import tensorflow as tf

from dpt_tf.layers import Backdrop, BackdropGuess, Float32Layer, Matte
from dpt_tf.models import blocks, conditioning
from dpt_tf.ops import surroundings


def build(image_size=256, width=16):
    """A small U-Net that corrects a matte made by rule (`ops.backdrop.first_guess`).

    Returns:
      Model from dict `source`, `source_iuv` to dict, all float32,
        matte `[B, S, S, 1]`: 1 where the person is
        matte_logit `[B, S, S, 1]`: what it is the sigmoid of beside the body
        hanging `[B, S, S, 1]`: on the legs, how much of a pixel hangs round both and goes on between them, as a skirt
            does; 0 elsewhere
        backdrop `[B, S, S, 3]`: the source without the person
    """
    inputs = {
        "source": keras.Input([image_size, image_size, 3], name="source"),
        "source_iuv": keras.Input([image_size, image_size, 3], dtype="uint8", name="source_iuv"),
    }
    guess, logit = BackdropGuess(name="guess")(inputs["source"], inputs["source_iuv"])
    pose = conditioning.planes(inputs, "source", "densepose")
    x = keras.layers.Concatenate(name="planes")([inputs["source"], guess, logit, pose])  # [B, S, S, 10]
    # Whether a skirt or trousers hang there is told by the whole person, so it goes down to S/16.
    x = blocks.unet(x, (width, 2 * width, 3 * width, 4 * width, 4 * width), "unet")
    x = blocks.last(x, 2, "decode", initializer=keras.initializers.VarianceScaling(1e-4))
    logit, hanging = Told(name="told")(x, logit, inputs["source_iuv"])
    matte = Matte(name="matte")(logit, inputs["source_iuv"])
    behind = Backdrop(name="backdrop")(inputs["source"], matte)
    outputs = {"matte": matte, "matte_logit": logit, "hanging": hanging, "backdrop": behind}
    return keras.Model(inputs, outputs, name="matting")


@keras.saving.register_keras_serializable("dpt_tf")
class Told(Float32Layer):
    """`(x [B, S, S, 2], first logit of the matte, iuv) -> (logit, hanging)`: what the network's last numbers mean."""

    def call(self, x, logit, iuv):  # noqa: D102
        return logit + x[..., :1], tf.sigmoid(x[..., 1:]) * surroundings.legs_of(iuv)
