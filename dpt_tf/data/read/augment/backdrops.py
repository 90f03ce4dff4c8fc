"""Backdrops out of nothing, and how they get behind a person whose coverage is known.

A backdrop is float32 `[S, S, 3]` in 0..255. Its kinds: noise from smooth to fine (hills, foliage, plaster), a plain or
shaded wall, wall and floor, stripes and tiles, a clutter of boxes; over each lies some of the noise.
"""

import math

import tensorflow as tf

from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.data.read.augment.packed import BLOCK, channel, pack

_CELLS = (2, 4, 8, 16, 32)  # of the noise along a picture, and then its pixels
_BOXES = 10
_EVERY = 4  # pixels that are looked at, along a picture


def draw(draws: Draws, size: int) -> tf.Tensor:
    """A backdrop, drawn at half its size and enlarged."""
    half = size // 2
    grain, first, second = _noise(draws, half), _wall(draws, half), _wall(draws, half)
    kinds = [
        _noisy(draws, grain),
        lambda: first,
        _horizon(draws, first, second, half),
        _stripes(draws, first, second, half),
        _boxes(draws, first, half),
    ]
    backdrop = tf.switch_case(draws.whole(len(kinds)), kinds)
    strength = 40.0 * draws.uniform(0, 1) ** 2
    return _up(tf.clip_by_value(backdrop + strength * grain, 0.0, 255.0), size)


def _up(picture, size):
    return tf.image.resize(picture, [size, size])


def _noise(draws: Draws, size: int):
    """Smooth noise of random spectrum, deviation about 1, its channels alike to a random degree."""
    falls, alike = draws.uniform(0.4, 1.5), draws.uniform(0, 1)
    mix = alike / 3 + (1 - alike) * tf.eye(3)
    sides = [*(min(cells, size) for cells in _CELLS), size]
    amplitudes = [tf.cast(side, tf.float32) ** -falls for side in sides]
    scale = tf.math.rsqrt(tf.add_n([amplitude**2 for amplitude in amplitudes]) * tf.reduce_sum(mix[0] ** 2))
    field = tf.zeros([1, 1, 3])
    for side, amplitude in zip(sides, amplitudes, strict=True):
        cells = draws.normal([side * side, 3]) @ (scale * amplitude * mix)
        field = _up(field, side) + tf.reshape(cells, [side, side, 3])
    return field


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


@tf.function(jit_compile=True)
def left_out(rows: tf.Tensor) -> tf.Tensor:
    """The old backdrops of n photos, carried on behind the people: int32 `[S * S, n]` -> `[blocks, n]`."""
    size = math.isqrt(rows.shape[0])
    side, count = size // BLOCK, rows.shape[1]
    some = tf.reshape(rows, [size, size, count])[2::_EVERY, 2::_EVERY]
    free = tf.cast(channel(some, 3) == 0, tf.float32)
    known = tf.stack([*(channel(some, k) * free for k in range(3)), free], -1)
    known = tf.reshape(known, [side, BLOCK // _EVERY, side, BLOCK // _EVERY, count, 4])
    known = tf.transpose(tf.reduce_mean(known, [1, 3]), [2, 0, 1, 3])
    near = tf.nn.avg_pool2d(known, 3, 1, "SAME")
    far = tf.nn.avg_pool2d(near, 5, 1, "SAME")
    known += 0.1 * near + 0.01 * far + 0.001 * tf.reduce_mean(known, [1, 2], keepdims=True)
    colour = tf.math.divide_no_nan(known[..., :3], known[..., 3:])
    return tf.transpose(tf.reshape(pack(tf.unstack(colour, axis=-1)), [count, side * side]))


def behind(planes, new, old):
    """Puts a new backdrop behind the person of a photo, its four channels float32 `[S, S]`, alpha the coverage.

    A pixel C = a F + (1 - a) B becomes a F + (1 - a) N = C + (1 - a) (N - B). The old backdrop B is known where a = 0
    and carried on from there, so edges keep no fringe of it: `old` is `left_out` in the same places, int32 `[S, S]`.
    """
    *colours, alpha = planes
    share = 1 - alpha / 255

    def mixed(plane, number):
        moved = plane + share * (new[..., number] - channel(old, number))
        return tf.clip_by_value(tf.where(share == 1, new[..., number], moved), 0, 255)

    return [*(mixed(plane, number) for number, plane in enumerate(colours)), alpha]
