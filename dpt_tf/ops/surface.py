"""A plausible colour for every texel, before anything is learnt: guessed from the texels that were seen.

  texture `[B, 24, R, R, C]`, 0 where nothing is known   observed `[B, 24, R, R, 1]`, 1 where something is

People are much the same left and right, and a garment front and back is of one cloth; `iuv.relations` says which texel
answers which. Everything is float32.
"""

import numpy as np
import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS, relations
from dpt_tf.ops import atlas, pyramid

_HEAD = (23, 24)  # what is behind a face is no face
_LEVELS = 10  # enough for 1024 texels
_SMALL = 64  # texels of the atlas between whose partners others are found
_JUMP = 16  # levels of U or V; neighbours there are 4 apart


def complete(texture: tf.Tensor, observed: tf.Tensor, parts: tf.Tensor | None = None) -> tf.Tensor:
    """Every texel gets a colour, in this order: `[B, 24, R, R, C]`.

    Its own; the mirrored texel's; that of the texel behind it, and behind the mirrored one, but on the head; by pull
    and push over all levels from what its part has by now; the mean of the parts most akin that have something
    (`part_means`). An atlas of which nothing is known stays 0.

    With `parts`, indices `[P]`, those alone, `[B, P, R, R, C]`: a large atlas takes much memory at once. It may be
    uint8, too, in any unit.
    """
    both = tf.concat([texture, tf.cast(observed, texture.dtype)], -1)
    channels = [texture.shape[-1], 1]
    colour, known = tf.split(_float(_of(both, parts)), channels, -1)
    for kind in relations.KINDS:
        other, seen = tf.split(_float(gather(both, kind, parts)), channels, -1)
        if kind != "mirror":
            seen *= _of(_not_on_head(), parts)
        gain = (1 - known) * seen
        colour, known = colour + gain * other, known + gain
    resolution = atlas.resolution_of(texture)
    flat = [-1, resolution, resolution]
    levels = pyramid.all_levels(resolution) if isinstance(resolution, int) else _LEVELS
    filled, reached = pyramid.fill(tf.reshape(colour, [*flat, channels[0]]), tf.reshape(known, [*flat, 1]), levels)
    filled, reached = tf.reshape(filled, tf.shape(colour)), tf.reshape(reached, tf.shape(known))
    return filled + (1 - reached) * _of(part_means(texture, observed), parts)[:, :, None, None]


def part_means(texture: tf.Tensor, observed: tf.Tensor) -> tf.Tensor:
    """The mean colour of what is known of each part; where that is nothing, of its kin. `[B, 24, C]`.

    Weights are of `relations.kinship`, times how much of a part is known.
    """
    area = tf.reduce_sum(_float(observed), [2, 3])  # [B, 24, 1]
    total = tf.reduce_sum(_float(texture * tf.cast(observed, texture.dtype)), [2, 3])
    kin = tf.constant(relations.kinship())
    return tf.math.divide_no_nan(tf.matmul(kin, total), tf.matmul(kin, area))


def gather(texture: tf.Tensor, kind: str, parts: tf.Tensor | None = None) -> tf.Tensor:
    """What the partner of each texel holds, of a kind of `relations.KINDS`: `[B, 24, R, R, C]` twice.

    With `parts`, indices `[P]`, the partners of those, `[B, P, R, R, C]`.
    """
    resolution, channels = atlas.resolution_of(texture), texture.shape[-1]
    known = isinstance(resolution, int) and parts is None
    index = tf.constant(relations.partners(resolution)[kind].ravel()) if known else _partners(kind, resolution, parts)
    flat = tf.reshape(texture, [-1, NUM_PARTS * resolution**2, channels])
    return tf.reshape(
        tf.gather(flat, index, axis=1), [-1, *texture.shape[1:]] if known else [-1, *_sheets(texture, parts)]
    )


def _partners(kind, resolution, parts):
    """`relations.partners`, flat, of a resolution that only the graph learns: places of a small atlas in between.

    Where a texel's surroundings have partners far apart, it goes with the nearest small one.
    """
    part, uv = relations.places(_SMALL)[kind]
    torn = np.zeros([NUM_PARTS, _SMALL, _SMALL, 1], np.float32)
    for axis in (1, 2):
        jump = (np.diff(part, axis=axis) != 0) | (np.abs(np.diff(uv, axis=axis)).max(-1) > _JUMP)
        for edge in ((1, 0), (0, 1)):
            torn[..., 0] += np.pad(jump, [edge if a == axis else (0, 0) for a in range(3)])
    table = tf.constant(np.concatenate([uv, torn, part[..., None] - 1], -1), tf.float32)
    table = table if parts is None else tf.gather(table, parts)
    size = tf.stack([resolution, resolution])
    smooth = tf.raw_ops.ResizeBilinear(images=table[..., :3], size=size, align_corners=True)
    plain = tf.raw_ops.ResizeNearestNeighbor(images=table, size=size, align_corners=True)
    at = tf.where(smooth[..., 2:] > 0, plain[..., :2], smooth[..., :2]) * (tf.cast(resolution - 1, tf.float32) / 255)
    j, i = tf.unstack(tf.cast(tf.round(at), tf.int32), axis=-1)
    return tf.reshape((tf.cast(plain[..., 3], tf.int32) * resolution + i) * resolution + j, [-1])


def _sheets(texture, parts):
    """Shape of a part of an atlas, for these parts."""
    shape = tf.shape(texture)
    return [shape[1] if parts is None else tf.shape(parts)[0], shape[2], shape[3], texture.shape[-1]]


def _float(x):
    return tf.cast(x, tf.float32)


def _of(atlases, parts):
    return atlases if parts is None else tf.gather(atlases, parts, axis=1)


def _not_on_head():
    parts = tf.range(1, NUM_PARTS + 1)
    return tf.cast((parts != _HEAD[0]) & (parts != _HEAD[1]), tf.float32)[None, :, None, None, None]
