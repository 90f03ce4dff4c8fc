"""Completing a surface of which every texel has a plausible colour already: a correction, learnt, on top of the prior.

Beside Table 6 it is small: one set of weights for all parts, which tell themselves apart by planes of their own, and a
correction of a quarter of the resolution, enlarged. So what pattern the prior has carried to the unseen side stays, and
the correction can neither blur it nor lay a grid over it.
"""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import keras
import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.layers import Conv2D, Enlarge, Float32Layer, Prior
from dpt_tf.ops import atlas


def build(atlas_size=256, width=32, context_size=256):
    """The network of `surface_prior=1`, in the place of `inpainting.build`.

    Args:
      atlas_size: R, texels along a side of a part, a multiple of 16.
      width: channels; each part has as many planes of its own.
      context_size: numbers in the context vector, which hears of all parts.

    Returns:
      Model from dict texture `[B, 24, R, R, 3]`, 0 where nothing was observed, and observed `[B, 24, R, R, 1]`, to dict
        texture `[B, 24, R, R, 3]` float32: what was observed as it was, the rest completed and within [-1, 1]
        correction `[B, 24, R/4, R/4, 3]` float32: what was added to the prior, before enlarging

    Note:
      There is no norm in it: a norm takes away what is constant over a part, its colour. The last layer begins near
      zero, so before any training the result is the prior.
    """
    inputs = {
        "texture": keras.Input([NUM_PARTS, atlas_size, atlas_size, 3], name="texture"),
        "observed": keras.Input([NUM_PARTS, atlas_size, atlas_size, 1], name="observed"),
    }
    prior = Prior(name="prior")(inputs["texture"], inputs["observed"])
    r = atlas_size // 4
    x = _Reduced(4, name="reduced")(prior, inputs["observed"])  # [B * 24, R/4, R/4, 4]
    x = PartPlanes(width, r, name="planes")(x)  # [B * 24, R/4, R/4, 4 + width]
    x = Conv2D(width, 3, 1, "same", activation="relu", name="encode_1")(x)
    x = Conv2D(2 * width, 3, 2, "same", activation="relu", name="encode_2")(x)  # [B * 24, R/8, R/8, 64]
    codes = _PartCodes(name="codes")(x)  # [B, 24 * 64]
    g = keras.layers.Dense(context_size, "relu", name="context_1")(codes)
    g = keras.layers.Dense(NUM_PARTS * 2 * width, name="context_2")(g)
    x = _AddPerPart(name="context")(x, g)
    x = Conv2D(2 * width, 3, 1, "same", activation="relu", name="decode_1")(x)
    x = Enlarge(name="enlarge")(x)  # [B * 24, R/4, R/4, 64]
    x = Conv2D(width, 3, 1, "same", activation="relu", name="decode_2")(x)
    small = keras.initializers.VarianceScaling(1e-4)
    x = Conv2D(3, 3, 1, "same", kernel_initializer=small, dtype="float32", name="decode_3")(x)
    correction = _Correction(name="correction")(x)
    texture = Corrected(name="corrected")(prior, inputs["observed"], correction)
    return keras.Model(inputs, {"texture": texture, "correction": correction}, name="inpainting")


def correct(prior: tf.Tensor, observed: tf.Tensor, correction: tf.Tensor) -> tf.Tensor:
    """The prior with the correction, enlarged to R', where nothing was observed: `[B, 24, R', R', 3]` in [-1, 1]."""
    resolution, coarse = atlas.resolution_of(prior), correction.shape[2]
    flat = tf.reshape(correction, [-1, coarse, coarse, 3])
    spread = tf.reshape(tf.image.resize(flat, tf.stack([resolution, resolution])), tf.shape(prior))
    return tf.where(observed > 0, prior, tf.clip_by_value(prior + spread, -1.0, 1.0))


@keras.saving.register_keras_serializable("dpt_tf")
class Corrected(Float32Layer):
    """`correct` as a layer."""

    def call(self, prior, observed, correction):
        return tf.ensure_shape(correct(prior, observed, correction), prior.shape)


@keras.saving.register_keras_serializable("dpt_tf")
class _Reduced(Float32Layer):
    """Prior and what was observed of it, smaller: `[B, 24, R, R, 3], [B, 24, R, R, 1] -> [B * 24, R/n, R/n, 4]`."""

    def __init__(self, times, **kwargs):
        super().__init__(**kwargs)
        self.times = times

    def call(self, prior, observed):
        resolution = prior.shape[2]
        x = tf.reshape(tf.concat([prior, observed], -1), [-1, resolution, resolution, 4])
        return tf.nn.avg_pool2d(x, self.times, self.times, "VALID")

    def get_config(self):
        return super().get_config() | {"times": self.times}


@keras.saving.register_keras_serializable("dpt_tf")
class PartPlanes(keras.layers.Layer):
    """Adds planes that are a part's own, learnt: `[B * 24, r, r, C] -> [B * 24, r, r, C + planes]`."""

    def __init__(self, planes, size, **kwargs):
        super().__init__(**kwargs)
        self.planes, self.size = planes, size

    def build(self, shape):
        self.own = self.add_weight(
            name="own", shape=(NUM_PARTS, self.size, self.size, self.planes), initializer="random_normal"
        )

    def call(self, x):
        x = tf.cast(x, self.compute_dtype)
        own = tf.convert_to_tensor(self.own)
        return tf.concat([x, tf.tile(own, [tf.shape(x)[0] // NUM_PARTS, 1, 1, 1])], -1)

    def compute_output_shape(self, shape):
        return (*shape[:-1], shape[-1] + self.planes)

    def get_config(self):
        return super().get_config() | {"planes": self.planes, "size": self.size}


@keras.saving.register_keras_serializable("dpt_tf")
class _PartCodes(keras.layers.Layer):
    """Means over each part: `[B * 24, h, w, C] -> [B, 24 * C]`."""

    def call(self, x):
        return tf.reshape(tf.reduce_mean(x, [1, 2]), [-1, NUM_PARTS * x.shape[-1]])

    def compute_output_shape(self, shape):
        return (None, NUM_PARTS * shape[-1])


@keras.saving.register_keras_serializable("dpt_tf")
class _AddPerPart(keras.layers.Layer):
    """`relu(x + g)`, a vector for each part: `[B * 24, h, w, C], [B, 24 * C] -> [B * 24, h, w, C]`."""

    def call(self, x, g):
        return tf.nn.relu(x + tf.reshape(g, [-1, 1, 1, x.shape[-1]]))

    def compute_output_shape(self, x_shape, g_shape):
        return x_shape


@keras.saving.register_keras_serializable("dpt_tf")
class _Correction(Float32Layer):
    """`[B * 24, r, r, 3] -> [B, 24, r, r, 3]`."""

    def call(self, x):
        return tf.reshape(x, [-1, NUM_PARTS, *x.shape[1:]])
