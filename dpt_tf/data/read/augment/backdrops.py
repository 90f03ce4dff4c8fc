"""Backdrops out of nothing, and how they get behind a person whose coverage is known.

A backdrop is float32 `[S, S, 3]` in 0..255. Its kinds: noise from smooth to fine (hills, foliage, plaster), a plain or
shaded wall, wall and floor, stripes and tiles, a clutter of boxes; over each lies some of the noise.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.data.read.augment.packed import at, channel

_OCTAVES = 7
_BOXES = 10
_BLOCK = 16  # a picture's size is a multiple of it
_EVERY = 4  # pixels that are looked at, along a picture


class Backdrop(NamedTuple):
    """What comes behind the people of an example, and what was there."""

    there: tf.Tensor
    """bool `[]`: whether anything comes there."""
    new: tf.Tensor
    """float32 `[S, S, 3]`."""
    old: tf.Tensor
    """Pixels int32 `[n, S / 16, S / 16]`."""


def draw(draws: Draws, photos: tf.Tensor, wanted: tf.Tensor) -> Backdrop:
    """A backdrop for photos, pixels int32 `[n, S, S]`, where bool `wanted`; it is drawn at half size and enlarged."""
    count, size, _ = photos.shape
    own = Draws(draws.seed())
    side = size // _BLOCK
    new, old = tf.cond(
        wanted,
        lambda: (_up(_picture(own, size // 2), size), _left_out(photos)),
        lambda: (tf.zeros([size, size, 3]), tf.zeros([count, side, side], tf.int32)),
    )
    return Backdrop(wanted, new, old)


def _picture(draws: Draws, size: int) -> tf.Tensor:
    grain, first, second = _noise(draws, size), _wall(draws, size), _wall(draws, size)
    kinds = [
        _noisy(draws, grain),
        lambda: first,
        _horizon(draws, first, second, size),
        _stripes(draws, first, second, size),
        _boxes(draws, first, size),
    ]
    backdrop = tf.switch_case(draws.whole(len(kinds)), kinds)
    strength = 40.0 * draws.uniform(0, 1) ** 2
    return tf.clip_by_value(backdrop + strength * grain, 0.0, 255.0)


def _up(picture, size):
    return tf.image.resize(picture, [size, size])


def _noise(draws: Draws, size: int):
    """Smooth noise of random spectrum, deviation about 1, its channels alike to a random degree."""
    falls, alike = draws.uniform(0.35, 1.1), draws.uniform(0, 1)
    sizes = sorted({max(2, size >> octave) for octave in range(_OCTAVES)})
    field, power = tf.zeros([2, 2, 3]), tf.zeros([])
    for octave, side in enumerate(sizes):
        amplitude = tf.exp(-falls * octave)
        grey, coloured = tf.split(draws.normal([side, side, 4]), [1, 3], axis=-1)
        field = _up(field, side) + amplitude * (alike * grey + (1 - alike) * coloured)
        power += amplitude**2 * (alike**2 + (1 - alike) ** 2)
    return field / tf.sqrt(power)


def _wall(draws: Draws, size: int):
    """One colour, shaded towards the corners."""
    spread = 70.0 * draws.uniform(0, 1) ** 2
    grey = draws.uniform(0, 1)
    colour = grey * draws.uniform(20, 250) + (1 - grey) * draws.several([3], 0, 255)
    shade, tint = tf.split(draws.several([2, 2, 4], -1, 1), [1, 3], axis=-1)
    return _up(colour + spread * (shade + 0.5 * tint), size)


def _noisy(draws: Draws, grain):
    base, strength = draws.several([3], 30, 225), draws.uniform(20, 70)
    return lambda: base + strength * grain


def _grid(size):
    place = (tf.range(size, dtype=tf.float32) + 0.5) / size
    return place[None, :, None], place[:, None, None]


def _horizon(draws: Draws, wall, floor, size):
    """Wall above floor; the line is a little slanted, and sharp or soft."""
    height, slant, soft = draws.uniform(0.3, 0.9), draws.uniform(-0.15, 0.15), draws.uniform(1, 12)

    def picture():
        x, y = _grid(size)
        below = tf.clip_by_value((y - height - slant * (x - 0.5)) * size / soft + 0.5, 0.0, 1.0)
        return wall + below * (floor - wall)

    return picture


def _stripes(draws: Draws, one, other, size):
    """Stripes, or the tiles of a chequerboard, of two colours, at any angle."""
    angle, frequency = draws.uniform(0, math.pi), 2 * math.pi * 3 * draws.factor(3.0)
    phases, sharpness, tiles = draws.several([2], 0, 6.3), draws.uniform(1, 12), draws.chance(0.5)

    def picture():
        x, y = _grid(size)
        along, across = x * tf.cos(angle) + y * tf.sin(angle), y * tf.cos(angle) - x * tf.sin(angle)
        wave = tf.sin(frequency * along + phases[0])
        wave = tf.where(tiles, wave * tf.sin(frequency * across + phases[1]), wave)
        return one + tf.sigmoid(sharpness * wave * 3) * (other - one)

    return picture


def _boxes(draws: Draws, wall, size):
    """Boxes of all colours and sizes, one before the other, each with its own slope of light."""
    centre, half = draws.several([_BOXES, 2], 0, 1), 0.4 * draws.several([_BOXES, 2], 0, 1) ** 2 + 0.02
    colours = tf.concat([tf.zeros([1, 3]), draws.several([_BOXES, 3], 0, 255)], 0)

    def picture():
        place = (tf.range(size, dtype=tf.float32) + 0.5) / size
        within = tf.abs(place - centre[..., None]) < half[..., None]
        front = tf.range(1, _BOXES + 1, dtype=tf.int32)[:, None, None]
        box = tf.reduce_max(tf.where(within[:, 0, None, :] & within[:, 1, :, None], front, 0), 0)
        return tf.where(box[..., None] > 0, tf.gather(colours, box) + 0.3 * (wall - 128.0), wall)

    return picture


def _left_out(photos: tf.Tensor) -> tf.Tensor:
    """The old backdrops of photos, pixels int32 `[n, S, S]`, carried on behind the people: a pixel for each block."""
    size = photos.shape[1]
    side, some = size // _BLOCK, tf.bitcast(photos[:, 2::_EVERY, 2::_EVERY], tf.uint8)
    free = tf.cast(some[..., 3:] == 0, tf.float32)
    known = tf.concat([tf.cast(some[..., :3], tf.float32) * free, free], -1)
    known = tf.reduce_mean(tf.reshape(known, [-1, side, _BLOCK // _EVERY, side, _BLOCK // _EVERY, 4]), [2, 4])
    near = tf.nn.avg_pool2d(known, 3, 1, "SAME")
    far = tf.nn.avg_pool2d(near, 5, 1, "SAME")
    known += 0.1 * near + 0.01 * far + 0.001 * tf.reduce_mean(known, [1, 2], keepdims=True)
    colour = tf.math.divide_no_nan(known[..., :3], known[..., 3:])
    return tf.bitcast(tf.cast(tf.pad(tf.round(colour), [[0, 0], [0, 0], [0, 0], [0, 1]]), tf.uint8), tf.int32)


def behind(planes, alpha, backdrop: Backdrop, places):
    """Puts the backdrop behind the people of photos, red, green and blue float32 `[n, S, S]`, alpha their coverage.

    A pixel C = a F + (1 - a) B becomes a F + (1 - a) N = C + (1 - a) (N - B). The old backdrop B is known where a = 0
    and carried on from there, so edges keep no fringe of it.
    """
    x, y = (tf.clip_by_value(place, 0, alpha.shape[1] - 1.0) for place in places)
    old = at(backdrop.old, tf.floor(y / _BLOCK), tf.floor(x / _BLOCK))
    share = tf.where(backdrop.there, 1 - alpha / 255, 0.0)

    def mixed(plane, number):
        new = backdrop.new[..., number]
        moved = plane + share * (new - channel(old, number))
        return tf.clip_by_value(tf.where(share == 1, new, moved), 0, 255)

    return [mixed(plane, number) for number, plane in enumerate(planes)]
