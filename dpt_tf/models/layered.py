"""Blending by layers: each pixel says which of predicted, warped and backdrop it is made of."""

import keras
import tensorflow as tf

from dpt_tf.layers import Float32Layer
from dpt_tf.models import blocks, conditioning

LAYERS = ("predicted", "warped", "backdrop")
_SEEN = ("predicted", "warped", "carried", "backdrop")
_SHARES = ("overhang", "provenance", "left")


def build(image_size=256, width=64):
    """A softmax over the layers and a residual, of a small U-Net; `composite` says what becomes of them.

    On the body the person can be warped in two ways: `warped` is the texture, which follows every limb, `carried` the
    photo moved along as one piece of cloth is. Beside the body the two are the same.

    Args:
      image_size: S.
      width: channels of its finest level.

    Returns:
      Model from dict `predicted`, `warped`, `carried`, `backdrop` (images), `overhang`, `provenance`, `left` (all
      `[B, S, S, 1]`) and `target_iuv` to dict, all float32,
        image `[B, S, S, 3]`
        layers `[B, S, S, 3]`: the weights in the order of `LAYERS`, both ways of warping as one
        drape `[B, S, S, 1]`: the share of `carried` in the second
        residual `[B, S, S, 3]`: r

    Note:
      It begins with warped on the body, with warped beside it as far as hair or cloth hang there (`overhang`), and with
      the backdrop elsewhere: what training adds are the exceptions. There is no norm, which would cost the colour.
    """
    inputs = {name: keras.Input([image_size, image_size, 3], name=name) for name in _SEEN}
    inputs |= {name: keras.Input([image_size, image_size, 1], name=name) for name in _SHARES}
    inputs["target_iuv"] = keras.Input([image_size, image_size, 3], dtype="uint8", name="target_iuv")
    pose = conditioning.planes(inputs, "target", "densepose")
    seen = [inputs[name] for name in (*_SEEN, *_SHARES)]
    x = keras.layers.Concatenate(name="planes")([*seen, pose])  # [B, S, S, 18]
    x = blocks.unet(x, (width, 2 * width, 3 * width, 4 * width), "unet")
    x = blocks.last(x, 7, "decode", initializer=keras.initializers.VarianceScaling(1e-4))
    layers, drape, residual = Weights(name="layers")(x, inputs["overhang"], inputs["target_iuv"])
    image = Composite(name="image")(*(inputs[name] for name in _SEEN), layers, drape, residual)
    return keras.Model(
        inputs, {"image": image, "layers": layers, "drape": drape, "residual": residual}, name="blending"
    )


def composite(predicted, warped, carried, backdrop, layers, drape, residual):
    """w_p predicted + w_w ((1 - d) warped + d carried) + w_b backdrop + r, for pictures of any size."""
    w_p, w_w, w_b = tf.split(layers, 3, axis=-1)
    return w_p * predicted + w_w * (warped + drape * (carried - warped)) + w_b * backdrop + residual


def decided(x, overhang, target_iuv):
    """What the network's last numbers mean: `[B, H, W, 7] -> layers, drape and residual`, for pictures of any size."""
    body = tf.cast(target_iuv[..., :1] > 0, tf.float32)
    share = tf.clip_by_value(overhang, 0.01, 0.99)
    warped = body * 5 + (1 - body) * tf.math.log(share / (1 - share))
    layers = tf.nn.softmax(tf.concat([5 * body - 3, warped, -4 * body], -1) + x[..., :3])
    return layers, tf.sigmoid(x[..., 3:4] - 1), x[..., 4:]


@keras.saving.register_keras_serializable("dpt_tf")
class Weights(Float32Layer):
    """`decided` as a layer."""

    def call(self, x, overhang, target_iuv):  # noqa: D102
        return decided(x, overhang, target_iuv)


@keras.saving.register_keras_serializable("dpt_tf")
class Composite(Float32Layer):
    """`composite` as a layer."""

    def call(self, predicted, warped, carried, backdrop, layers, drape, residual):  # noqa: D102
        return composite(predicted, warped, carried, backdrop, layers, drape, residual)
