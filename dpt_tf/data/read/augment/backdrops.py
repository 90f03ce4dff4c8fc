"""Backdrops out of nothing, and how they get behind a person whose coverage is known.

A backdrop is float32 `[S, S, 3]` in 0..255. Its kinds: noise from smooth to fine (hills, foliage, plaster), a plain or
shaded wall, wall and floor, stripes and tiles, a clutter of boxes; over each lies some of the noise.
"""

import math

import tensorflow as tf

from dpt_tf.data.read.augment.draws import Draws

_OCTAVES = 7
_BOXES = 10
_BLOCK = 16  # a picture's size is a multiple of it


def draw(draws: Draws, size: int) -> tf.Tensor:
    """A backdrop of `size` pixels."""
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


def replace(photos: tf.Tensor, backdrop: tf.Tensor) -> tf.Tensor:
    """Puts one backdrop behind the people of photos float32 `[n, S, S, 4]`, alpha their coverage.

    A pixel C = a F + (1 - a) B becomes a F + (1 - a) N = C + (1 - a) (N - B). The old backdrop B is known where a = 0;
    elsewhere it is carried on from there, so thin edges have no fringe of it.
    """
    size = photos.shape[1]
    free = tf.cast(photos[..., 3:] == 0, tf.float32)
    known = tf.concat([photos[..., :3] * free, free], -1)
    blocks = [-1, size // _BLOCK, _BLOCK, size // _BLOCK, _BLOCK, 4]
    known = tf.reduce_mean(tf.reshape(known, blocks), [2, 4])
    near = tf.nn.avg_pool2d(known, 3, 1, "SAME")
    far = tf.nn.avg_pool2d(near, 5, 1, "SAME")
    known += 0.1 * near + 0.01 * far + 0.001 * tf.reduce_mean(known, [1, 2], keepdims=True)
    old = _up(tf.math.divide_no_nan(known[..., :3], known[..., 3:]), size)
    return _composite(photos, old, backdrop)


@tf.function(jit_compile=True)
def _composite(photos, old, new):
    colours, alpha = photos[..., :3], photos[..., 3:]
    changed = tf.clip_by_value(colours + (1 - alpha / 255) * (new - old), 0.0, 255.0)
    return tf.concat([tf.where(alpha == 0, new, changed), alpha], -1)
