"""A closer look at one place of a picture."""

# ruff: noqa: D102 (call and compute_output_shape mean what they mean in every Keras layer)

import keras
import tensorflow as tf

from dpt_tf.layers.exact import Float32Layer


@keras.saving.register_keras_serializable("dpt_tf")
class Glimpse(Float32Layer):
    """Cuts out of each picture the square that a heat map points at, and resizes it.

    The square's centre is the mean place of the heat (a distribution over places, softmax of its logits where they are
    highest), its half side `reach` standard deviations of it, and at least `least` of the picture's side. No gradient
    goes through where to look.

    pictures `[B, S, S, 3]`, logits `[B, h, w, 1]` -> `[B, size, size, 3]`; 0 beyond a picture's edge.
    """

    def __init__(self, size=32, reach=2.6, least=0.03, **kwargs):
        super().__init__(**kwargs)
        self.size, self.reach, self.least = size, reach, least

    def call(self, pictures, logits):
        heat = tf.stop_gradient(tf.sigmoid(tf.cast(logits[..., 0], tf.float32)))
        # What is sure drowns what is not: a faint heat over a whole picture would say "everywhere".
        heat = heat**2 + 1e-8
        rows, columns = heat.shape[1:]
        total = tf.reduce_sum(heat, [1, 2])
        places = [(tf.range(n, dtype=tf.float32) + 0.5) / n for n in (rows, columns)]
        along = [tf.reduce_sum(heat, axis) / total[:, None] for axis in (2, 1)]
        centres = [tf.reduce_sum(share * place, 1) for share, place in zip(along, places, strict=True)]
        spreads = [
            tf.sqrt(tf.reduce_sum(share * (place - centre[:, None]) ** 2, 1))
            for share, place, centre in zip(along, places, centres, strict=True)
        ]
        half = tf.maximum(self.reach * tf.maximum(*spreads), self.least)
        y, x = centres
        boxes = tf.stack([y - half, x - half, y + half, x + half], -1)
        # crop_and_resize puts 0 and 1 at the centres of the outermost pixels.
        side = tf.cast(tf.shape(pictures)[1], tf.float32)
        boxes = (boxes * side - 0.5) / (side - 1)
        pictures = tf.cast(pictures, tf.float32)
        return tf.image.crop_and_resize(pictures, boxes, tf.range(tf.shape(pictures)[0]), [self.size, self.size])

    def compute_output_shape(self, pictures_shape, logits_shape):
        return (pictures_shape[0], self.size, self.size, pictures_shape[3])

    def get_config(self):
        return super().get_config() | {"size": self.size, "reach": self.reach, "least": self.least}
