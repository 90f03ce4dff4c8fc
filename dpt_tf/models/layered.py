"""Blending by layers: each pixel says which of predicted, warped and backdrop it is made of."""

import keras
import tensorflow as tf

from dpt_tf.models import blocks, conditioning

LAYERS = ("predicted", "warped", "backdrop")


def build(image_size=256, width=64):
    """Image = w_p predicted + w_w warped + w_b backdrop + r, (w_p, w_w, w_b) a softmax: all four of a small U-Net.

    Args:
      image_size: S.
      width: channels of its finest level.

    Returns:
      Model from dict `predicted`, `warped`, `backdrop` (images), `overhang`, `provenance` (`[B, S, S, 1]`) and
      `target_iuv` to dict, all float32,
        image `[B, S, S, 3]`
        layers `[B, S, S, 3]`: the three weights, in the order of `LAYERS`
        residual `[B, S, S, 3]`: r

    Note:
      It begins with warped on the body, with warped beside it as far as hair or cloth hang there (`overhang`), and with
      the backdrop elsewhere: what training adds are the exceptions. There is no norm, which would cost the colour.
    """
    inputs = {name: keras.Input([image_size, image_size, 3], name=name) for name in LAYERS}
    inputs |= {name: keras.Input([image_size, image_size, 1], name=name) for name in ("overhang", "provenance")}
    inputs["target_iuv"] = keras.Input([image_size, image_size, 3], dtype="uint8", name="target_iuv")
    pose = conditioning.planes(inputs, "target", "densepose")
    seen = [inputs[name] for name in (*LAYERS, "overhang", "provenance")]
    x = keras.layers.Concatenate(name="planes")([*seen, pose])  # [B, S, S, 14]
    x = blocks.unet(x, (width, 2 * width, 3 * width, 4 * width), "unet")
    x = blocks.last(x, 6, "decode", initializer=keras.initializers.VarianceScaling(1e-4))
    layers = Weights(name="layers")(x, inputs["overhang"], inputs["target_iuv"])
    residual = keras.layers.Lambda(lambda x: x[..., 3:], dtype="float32", name="residual")(x)
    image = Composite(name="image")(*(inputs[name] for name in LAYERS), layers, residual)
    return keras.Model(inputs, {"image": image, "layers": layers, "residual": residual}, name="blending")


def composite(predicted, warped, backdrop, layers, residual):
    """w_p predicted + w_w warped + w_b backdrop + r, within [-1, 1] by as much as its parts are."""
    w_p, w_w, w_b = tf.split(layers, 3, axis=-1)
    return w_p * predicted + w_w * warped + w_b * backdrop + residual


def weights(x, overhang, target_iuv):
    """The three weights, a softmax of x's first three on top of how they begin: `[B, H, W, 3+] -> [B, H, W, 3]`."""
    body = tf.cast(target_iuv[..., :1] > 0, tf.float32)
    share = tf.clip_by_value(overhang, 0.01, 0.99)
    warped = body * 5 + (1 - body) * tf.math.log(share / (1 - share))
    begin = tf.concat([5 * body - 3, warped, -4 * body], -1)
    return tf.nn.softmax(begin + x[..., :3])


class _Float32(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**(kwargs | {"dtype": "float32"}))


@keras.saving.register_keras_serializable("dpt_tf")
class Weights(_Float32):
    """`weights` as a layer."""

    def call(self, x, overhang, target_iuv):  # noqa: D102
        return weights(x, overhang, target_iuv)


@keras.saving.register_keras_serializable("dpt_tf")
class Composite(_Float32):
    """`composite` as a layer."""

    def call(self, predicted, warped, backdrop, layers, residual):  # noqa: D102
        return composite(predicted, warped, backdrop, layers, residual)
