"""A plausible colour for every texel, before anything is learnt: guessed from the texels that were seen.

  texture `[B, 24, R, R, C]`, 0 where nothing is known   observed `[B, 24, R, R, 1]`, 1 where something is

People are much the same left and right, and a garment front and back is of one cloth; `iuv.relations` says which texel
answers which. Everything is float32.
"""

import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS, relations
from dpt_tf.ops import pyramid

_HEAD = (23, 24)  # what is behind a face is no face


def complete(texture: tf.Tensor, observed: tf.Tensor) -> tf.Tensor:
    """Every texel gets a colour, in this order: `[B, 24, R, R, C]`.

    Its own; the mirrored texel's; that of the texel behind it, and behind the mirrored one, but on the head; by pull
    and push over all levels from what its part has by now; the mean of the parts most akin that have something
    (`part_means`). An atlas of which nothing is known stays 0.
    """
    colour, known = texture, observed
    for kind in relations.KINDS:
        other, seen = gather(texture, kind), gather(observed, kind)
        if kind != "mirror":
            seen *= _not_on_head()
        gain = (1 - known) * seen
        colour, known = colour + gain * other, known + gain
    resolution, channels = texture.shape[2], texture.shape[-1]
    flat = [-1, resolution, resolution]
    filled, reached = pyramid.fill(
        tf.reshape(colour, [*flat, channels]), tf.reshape(known, [*flat, 1]), pyramid.all_levels(resolution)
    )
    filled, reached = tf.reshape(filled, tf.shape(texture)), tf.reshape(reached, tf.shape(observed))
    return filled + (1 - reached) * part_means(texture, observed)[:, :, None, None]


def part_means(texture: tf.Tensor, observed: tf.Tensor) -> tf.Tensor:
    """The mean colour of what is known of each part; where that is nothing, of its kin. `[B, 24, C]`.

    Weights are of `relations.kinship`, times how much of a part is known.
    """
    area = tf.reduce_sum(observed, [2, 3])  # [B, 24, 1]
    total = tf.reduce_sum(texture * observed, [2, 3])
    kin = tf.constant(relations.kinship())
    return tf.math.divide_no_nan(tf.matmul(kin, total), tf.matmul(kin, area))


def gather(texture: tf.Tensor, kind: str) -> tf.Tensor:
    """What the partner of each texel holds, of a kind of `relations.KINDS`: `[B, 24, R, R, C]` twice."""
    resolution, channels = texture.shape[2], texture.shape[-1]
    index = tf.constant(relations.partners(resolution)[kind].ravel())
    flat = tf.reshape(texture, [-1, NUM_PARTS * resolution**2, channels])
    return tf.reshape(tf.gather(flat, index, axis=1), [-1, *texture.shape[1:]])


def _not_on_head():
    parts = tf.range(1, NUM_PARTS + 1)
    return tf.cast((parts != _HEAD[0]) & (parts != _HEAD[1]), tf.float32)[None, :, None, None, None]
