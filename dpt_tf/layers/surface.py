"""What is known before anything is learnt, as layers: surface prior, backdrop, surroundings. All in float32."""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import keras
import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.layers.exact import Float32Layer
from dpt_tf.ops import backdrop, carrying, pyramid, surface, surroundings


@keras.saving.register_keras_serializable("dpt_tf")
class Prior(Float32Layer):
    """`(texture, observed) -> texture [B, 24, R, R, 3]` with a colour for every texel, by `ops.surface.complete`."""

    def call(self, texture, observed):
        return tf.ensure_shape(surface.complete(texture, observed), texture.shape)


@keras.saving.register_keras_serializable("dpt_tf")
class Palette(Float32Layer):
    """`(image, iuv) -> [B, 24, 3]`: the mean colour of each part; of an unseen one, what its kin say."""

    def call(self, image, iuv):
        part = tf.one_hot(tf.cast(iuv[..., 0], tf.int32) - 1, NUM_PARTS)  # [B, S, S, 24]
        area = tf.reduce_sum(part, [1, 2])[:, :, None, None, None]
        total = tf.einsum("bhwp,bhwc->bpc", part, image)[:, :, None, None]
        mean = tf.math.divide_no_nan(total, area)
        # An atlas of one texel a part, which counts as much as the part has pixels.
        return tf.ensure_shape(surface.part_means(mean, area), [image.shape[0], NUM_PARTS, 3])


@keras.saving.register_keras_serializable("dpt_tf")
class BackdropGuess(Float32Layer):
    """`(photo, iuv) -> (backdrop [B, S, S, 3], logit of the matte [B, S, S, 1])` by `ops.backdrop.first_guess`."""

    def call(self, photo, iuv):
        size = photo.shape[1]
        guess, logit = backdrop.first_guess(photo, backdrop.body_of(iuv), size)
        return tf.ensure_shape(guess, photo.shape), tf.ensure_shape(logit, [photo.shape[0], size, size, 1])


@keras.saving.register_keras_serializable("dpt_tf")
class Backdrop(Float32Layer):
    """`(photo, matte) -> [B, S, S, 3]`, the photo without the person, by `ops.backdrop.without`."""

    def call(self, photo, matte):
        levels = pyramid.all_levels(photo.shape[1])
        return tf.ensure_shape(backdrop.without(photo, matte, levels), photo.shape)


@keras.saving.register_keras_serializable("dpt_tf")
class Matte(Float32Layer):
    """`(logit [B, S, S, 1], iuv) -> [B, S, S, 1]`: the sigmoid, and 1 on the body.

    No gradient passes: who is in the photo is not to be settled by what makes the picture of another pose easier. It is
    learnt from mattes alone.
    """

    def call(self, logit, iuv):
        return tf.maximum(tf.sigmoid(tf.stop_gradient(logit)), backdrop.body_of(iuv))


@keras.saving.register_keras_serializable("dpt_tf")
class Surroundings(Float32Layer):
    """Hair and cloth beside the body, carried along with it (`ops.carrying`).

    `(photo, matte, source_iuv, target_iuv) -> (carried [B, S, S, 3], overhang, left [B, S, S, 1])`: what stands there
    in the photo at the places that move along, and how much of it, beside the target's body, is the person, or may be.
    """

    def __init__(self, resolution, **kwargs):
        super().__init__(**kwargs)
        self.resolution = resolution

    def call(self, photo, matte, source_iuv, target_iuv):
        field = surroundings.field(surroundings.places(source_iuv, matte, self.resolution), target_iuv)
        carried = carrying.overhang(photo, matte, source_iuv, target_iuv, field)
        return tuple(tf.ensure_shape(x, [*photo.shape[:3], x.shape[-1]]) for x in carried)

    def get_config(self):
        return super().get_config() | {"resolution": self.resolution}


@keras.saving.register_keras_serializable("dpt_tf")
class Enlarge(keras.layers.Layer):
    """Twice the size, bilinear, as often as `times`: `[B, H, W, C] -> [B, 2^n H, 2^n W, C]`."""

    def __init__(self, times=1, **kwargs):
        super().__init__(**kwargs)
        self.times = times

    def call(self, x):
        for _ in range(self.times):
            x = pyramid.double(x)
        return x

    def compute_output_shape(self, shape):
        return (shape[0], shape[1] << self.times, shape[2] << self.times, shape[3])

    def get_config(self):
        return super().get_config() | {"times": self.times}
