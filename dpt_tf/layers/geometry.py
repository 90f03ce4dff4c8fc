"""Image to atlas and back, as layers. Geometry is computed in float32 whatever the networks run in."""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import keras
import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.layers.exact import Float32Layer
from dpt_tf.ops import atlas


@keras.saving.register_keras_serializable("dpt_tf")
class Unwrap(Float32Layer):
    """`(image, iuv) -> (texture [B, P, R, R, C], observed [B, P, R, R, 1])` by `atlas.unwrap`."""

    def __init__(self, resolution, radius=None, **kwargs):
        super().__init__(**kwargs)
        self.resolution = resolution
        self.radius = radius

    def call(self, image, iuv):
        texture, observed = atlas.unwrap(image, iuv, self.resolution, self.radius)
        shape = [image.shape[0], NUM_PARTS, self.resolution, self.resolution]
        return tf.ensure_shape(texture, [*shape, image.shape[-1]]), tf.ensure_shape(observed, [*shape, 1])

    def get_config(self):
        return super().get_config() | {"resolution": self.resolution, "radius": self.radius}


@keras.saving.register_keras_serializable("dpt_tf")
class Sample(Float32Layer):
    """`(texture, iuv) -> image [B, H, W, C]` by `atlas.sample`; 0 on the background."""

    def call(self, texture, iuv):
        return tf.ensure_shape(atlas.sample(texture, iuv), [*iuv.shape[:3], texture.shape[-1]])
