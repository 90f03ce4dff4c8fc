"""Training examples varied, in the graph: the same people on either side, before any wall, in any light.

What is done to an example follows from its seed alone. All its views undergo the same mirror, shift, scale and rotation
(`geometry`), get the same backdrop where the person's coverage of all of them is known (`backdrops`), and the same
light and colour (`colour`), so source and target stay a pair. The source's photo and map, and rarely a target's map,
get the defects of real ones (`defects`).
"""

import functools

import tensorflow as tf

from dpt_tf.data.read.augment import backdrops, colour, defects, geometry
from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.data.read.augment.packed import channel, pack
from dpt_tf.data.read.stored import Seen

__all__ = ["vary"]

_NEW_BACKDROP = 0.5
_TARGET_MAP = 0.1  # share of the target maps that may get a defect


def vary(seen: Seen, seed: tf.Tensor) -> Seen:
    """Decoded views with opacity -> the same, varied; `seed` is int `[2]`."""
    draws = Draws(seed)
    photos, maps = (tf.stack([tf.bitcast(one, tf.int32) for one in each]) for each in (seen.photos, seen.maps))
    mattes, *people = _looked_at(photos, maps)
    change, mirrors = geometry.draw(draws, *people)
    backdrop = backdrops.draw(draws, photos, mattes & draws.chance(_NEW_BACKDROP))
    photos, maps = _repainted(photos, maps, change, mirrors, backdrop, colour.draw(draws))

    source, *others = tf.unstack(photos)
    first, *rest = tf.unstack(maps)
    spoilt = [defects.of_map(first, draws)]
    for other in rest:
        rarely, own = draws.chance(_TARGET_MAP), Draws(draws.seed())
        spoilt.append(tf.cond(rarely, functools.partial(defects.of_map, other, own), lambda other=other: other))
    return Seen(
        photos=[tf.bitcast(one, tf.uint8) for one in (defects.of_photo(source, draws), *others)],
        maps=[tf.bitcast(one, tf.uint8) for one in spoilt],
        joints=geometry.move(seen.joints, change, mirrors, photos.shape[1]),
    )


@tf.function(jit_compile=True)
def _looked_at(photos, maps):
    """Whether all photos have mattes, bool `[]`, and in which columns and rows people are, bool `[S]` both."""
    alpha = channel(photos, 3)
    mattes = tf.reduce_any(alpha < 255, [1, 2], keepdims=True)
    body = (maps & 0xFF > 0) | (mattes & (alpha > 0))
    return tf.reduce_all(mattes), tf.reduce_any(body, [0, 1]), tf.reduce_any(body, [0, 2])


@tf.function(jit_compile=True)
def _repainted(photos, maps, change, mirrors, backdrop, tones):
    places = geometry.places(change, photos.shape[1])
    *colours, alpha = geometry.between(photos, places)
    colours = colour.apply(backdrops.behind(colours, alpha, backdrop, places), tones)
    return pack([*colours, alpha]), geometry.nearest(maps, places, mirrors)
