"""Training examples varied, in the graph: the same people on either side, before any wall, in any light.

What is done to an example follows from its seed alone. All its views undergo the same mirror, shift, scale and rotation
(`geometry`), get the same backdrop where the person's coverage of all of them is known (`backdrops`), and the same
light and colour (`colour`), so source and target stay a pair. The source's photo and map, and rarely a target's map,
get the defects of real ones (`defects`). People of whom single points are known are varied like views alone, before
the backdrop that they have: how much of a pixel is theirs is not known.
"""

import functools
from typing import NamedTuple

import tensorflow as tf

from dpt_tf.data.read.augment import backdrops, colour, defects, geometry
from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.data.read.augment.packed import channel, pack
from dpt_tf.data.read.stored import Seen

__all__ = ["vary", "vary_alone", "vary_points"]

_NEW_BACKDROP = 0.5
_TARGET_MAP = 0.1  # share of the target maps that may get a defect


def vary(seen: Seen, seed: tf.Tensor) -> Seen:
    """Decoded views with opacity -> the same, varied; `seed` is int `[2]`."""
    draws = Draws(seed)
    (source, *others), maps, joints = _as_seen(seen, _elsewhere(seen, draws, geometry.draw))
    first, *rest = maps
    spoilt = [defects.of_map(first, draws)]
    for other in rest:
        rarely, own = draws.chance(_TARGET_MAP), Draws(draws.seed())
        spoilt.append(tf.cond(rarely, functools.partial(defects.of_map, other, own), lambda other=other: other))
    return Seen(
        photos=[tf.bitcast(one, tf.uint8) for one in (defects.of_photo(source, draws), *others)],
        maps=[tf.bitcast(one, tf.uint8) for one in spoilt],
        joints=joints,
    )


def vary_alone(seen: Seen, seed: tf.Tensor) -> Seen:
    """One decoded view with opacity -> the same, varied as photos differ that a map is to be found for.

    Crops, rotations and scales are wider than a pair's, and the map stays exact.
    """
    draws = Draws(seed)
    (photo,), (made,), joints = _as_seen(seen, _elsewhere(seen, draws, geometry.draw_crop))
    return Seen([tf.bitcast(defects.of_photo(photo, draws), tf.uint8)], [tf.bitcast(made, tf.uint8)], joints)


def vary_points(photo: tf.Tensor, regions: tf.Tensor, points: tf.Tensor, seed: tf.Tensor):
    """A person of whom points are known -> the same three, varied as `vary_alone` does it; `seed` is int `[2]`.

    Args:
      photo: uint8 `[S, S, 3]`.
      regions: uint8 `[S, S]`, 0 where the person cannot be; takes the nearest pixel, and 0 from beyond the picture.
      points: float32 `[N, 5]`: x, y, I, U, V; those that leave the picture are dropped.
      seed: of all that is drawn.
    """
    draws, size = Draws(seed), photo.shape[0]
    opaque = tf.pad(photo, [[0, 0], [0, 0], [0, 1]], constant_values=255)
    as_map = tf.pad(regions[..., None], [[0, 0], [0, 0], [0, 3]])
    moved = _elsewhere(Seen([opaque], [as_map], tf.zeros([1, 0, 2], tf.int32)), draws, geometry.draw_crop)
    photo = tf.bitcast(defects.of_photo(moved.photos[0], draws), tf.uint8)[..., :3]
    regions = tf.cast(tf.where(moved.places.inside, moved.taken[..., 0], 0), tf.uint8)
    return photo, regions, geometry.move_points(points, moved.change, size)


class _Moved(NamedTuple):
    """Views that were moved alike, pixels int32."""

    photos: list[tf.Tensor]
    """`[S, S]`, in other light, perhaps before another backdrop."""
    taken: tf.Tensor
    """`[S, S, n]`: their maps, as they were at the places that are seen now."""
    places: geometry.Places
    change: geometry.Change


def _elsewhere(seen: Seen, draws: Draws, draw_change) -> _Moved:
    """The views as one change moves them all."""
    size, count, before = seen.photos[0].shape[0], len(seen.photos), Draws(draws.seed())
    photos, maps, mattes, *people = _looked_at(*([tf.bitcast(one, tf.int32) for one in each] for each in seen[:2]))
    change = draw_change(draws, *people)
    tones, places = colour.draw(draws), geometry.places(change, size)
    photos, maps = (tf.reshape(each, [size * size, count]) for each in (photos, maps))
    taps, taken = _taken(photos, maps, places)
    photos = tf.cond(
        mattes & draws.chance(_NEW_BACKDROP),
        lambda: _painted_before(
            taps, backdrops.draw(before, size), _taken_by_block(backdrops.left_out(photos), places), places, tones
        ),
        lambda: _painted(taps, places, tones),
    )
    return _Moved(photos, taken, places, change)


def _as_seen(seen: Seen, moved: _Moved):
    """Photos, maps and joints of views that were moved, pixels int32."""
    maps = _on_their_side(moved.taken, moved.places, moved.change.mirrors)
    return moved.photos, maps, geometry.move(seen.joints, moved.change, moved.places.inside.shape[0])


@tf.function(jit_compile=True)
def _looked_at(photos, maps):
    """Of n views, pixels int32 `[S, S]`, what has to be known of all pixels.

    -> photos and maps side by side, `[S, S, n]`; whether all photos have mattes, bool `[]`; and in which columns and
    rows people are, bool `[S]` both.
    """
    side_by_side = [tf.stack(each, -1) for each in (photos, maps)]
    has = [tf.reduce_any(channel(photo, 3) < 255) for photo in photos]
    bodies = [
        (iuv & 0xFF > 0) | (matte & (channel(photo, 3) > 0))
        for photo, iuv, matte in zip(photos, maps, has, strict=True)
    ]
    body = functools.reduce(tf.logical_or, bodies)
    return *side_by_side, tf.reduce_all(tf.stack(has)), tf.reduce_any(body, 0), tf.reduce_any(body, 1)


@tf.function(jit_compile=True)
def _taken(photos, maps, places):
    return geometry.corners(photos, places, places.inside.shape[1]), tf.gather(maps, places.nearest)


@tf.function(jit_compile=True)
def _taken_by_block(blocks, places):
    return tf.gather(blocks, places.block)


@tf.function(jit_compile=True)
def _painted(taps, places, tones):
    views = zip(*(tf.unstack(tap, axis=-1) for tap in taps), strict=True)
    return [pack(colour.apply(geometry.between(view, places), tones)) for view in views]


@tf.function(jit_compile=True)
def _painted_before(taps, backdrop, old, places, tones):
    views = zip(*(tf.unstack(tap, axis=-1) for tap in taps), strict=True)
    return [
        pack(colour.apply(backdrops.behind(geometry.between(view, places), backdrop, left), tones))
        for view, left in zip(views, tf.unstack(old, axis=-1), strict=True)
    ]


@tf.function(jit_compile=True)
def _on_their_side(maps, places, mirrors):
    return [geometry.other_side(iuv, places, mirrors) for iuv in tf.unstack(maps, axis=-1)]
