"""What is wrong with photos and maps outside of a studio: blur, noise, scaling, JPEG; holes, lost parts, jitter."""

import functools

import numpy as np
import tensorflow as tf

from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.data.read.augment.packed import beside, channel, pack
from dpt_tf.iuv import NUM_PARTS

_BLURRED, _NOISY, _SCALED, _JPEG = 0.2, 0.3, 0.25, 0.35
_HOLED, _LOST, _JITTERED, _EDGED = 0.15, 0.08, 0.3, 0.3
_NOISE = 20.0  # levels, at most
_BLOBS = 12  # cells of the noise that holes and jitter follow, along a picture


def of_photo(photo: tf.Tensor, draws: Draws) -> tf.Tensor:
    """A photo, pixels int32 `[S, S]`, each defect with its own chance; the fourth channel stays."""
    size = photo.shape[0]
    blurred, noisy, scaled, coded = (draws.chance(share) for share in (_BLURRED, _NOISY, _SCALED, _JPEG))
    softness = tf.where(blurred, draws.uniform(0.3, 1), 0.0)
    amplitude = tf.where(noisy, _NOISE * draws.uniform(0.2, 1) ** 2, 0.0)
    side, quality = tf.cast(size * draws.uniform(0.4, 0.9), tf.int32), tf.cast(draws.uniform(25, 95), tf.int32)
    grain = draws.seed()
    photo = tf.cond(
        blurred | noisy, lambda: _blur_and_grain(photo, softness, amplitude, _bits(grain, size)), lambda: photo
    )

    def recode():
        alpha = tf.bitcast(photo, tf.uint8)[..., 3:]
        colours = tf.bitcast(photo, tf.uint8)[..., :3]
        colours = tf.cond(scaled, lambda: _down_and_up(colours, side), lambda: colours)
        colours = tf.cond(coded, lambda: _jpeg(colours, quality), lambda: colours)
        return tf.bitcast(tf.concat([colours, alpha], -1), tf.int32)

    return tf.cond(scaled | coded, recode, lambda: photo)


def _bits(seed, size):
    """Random numbers whose bytes are random, too."""
    return tf.random.stateless_uniform([size, size], seed, None, None, tf.int32)


@tf.function(jit_compile=True)
def _blur_and_grain(photo, softness, amplitude, bits):
    def spoilt(number):
        plane = channel(photo, number)
        for above, below in (((-1, 0), (1, 0)), ((0, -1), (0, 1))):
            plane += softness * ((beside(plane, *above) + beside(plane, *below)) / 4 - plane / 2)
        return plane + amplitude * (channel(bits, number) / 127.5 - 1)

    return pack([*(spoilt(number) for number in range(3)), channel(photo, 3)])


def _down_and_up(colours, side):
    size = colours.shape[0]
    small = tf.image.resize(colours, [side, side], tf.image.ResizeMethod.AREA)
    return tf.saturate_cast(tf.round(tf.image.resize(small, [size, size])), tf.uint8)


def _jpeg(colours, quality):
    coded = tf.raw_ops.EncodeJpegVariableQuality(images=colours, quality=quality)
    return tf.ensure_shape(tf.io.decode_jpeg(coded, channels=3), colours.shape)


def of_map(iuv: tf.Tensor, draws: Draws) -> tf.Tensor:
    """A map, pixels int32 `[S, S]`, each defect with its own chance.

    Jitter moves U and V by some levels, alike in neighbouring pixels and a little in each; edges come forward or go
    back by a pixel; holes are blobs of a few percent of the picture; a lost part is wholly background.
    """
    jittered, edged, holed, lost = (draws.chance(share) for share in (_JITTERED, _EDGED, _HOLED, _LOST))
    levels, fine = (tf.where(jittered, draws.uniform(0, most), 0.0) for most in (6, 5))
    threshold = tf.where(holed, draws.uniform(1.2, 2.2), np.inf)
    part = tf.where(lost, 1 + draws.whole(NUM_PARTS), 0)
    grows = tf.where(edged, tf.where(draws.chance(0.5), 1, -1), 0)
    blobs, grain = draws.normal([3, _BLOBS, _BLOBS]), draws.seed()
    return tf.cond(
        jittered | edged | holed | lost,
        lambda: _spoil(iuv, levels, fine, threshold, part, grows, blobs, _bits(grain, iuv.shape[0])),
        lambda: iuv,
    )


@tf.function(jit_compile=True)
def _spoil(iuv, levels, fine, threshold, part, grows, blobs, bits):
    smooth = tf.constant(_enlarging(iuv.shape[0], _BLOBS))
    blobs = smooth @ blobs @ tf.transpose(smooth)

    def moved(number):
        away = levels * blobs[number] + fine * (channel(bits, number) / 127.5 - 1)
        return channel(iuv, number) + tf.where(iuv > 0, away, 0.0)

    spoilt = pack([channel(iuv, 0), moved(1), moved(2)])
    around = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    at_edge = tf.reduce_any(tf.stack([beside(iuv, *where) & 0xFF == 0 for where in around]), 0)
    grown = functools.reduce(
        lambda one, other: tf.where(one & 0xFF > 0, one, other), [spoilt, *(beside(iuv, *where) for where in around)]
    )
    spoilt = tf.where(grows > 0, grown, tf.where((grows < 0) & at_edge, 0, spoilt))
    return tf.where((blobs[0] > threshold) | (spoilt & 0xFF == part), 0, spoilt)


def _enlarging(size: int, cells: int) -> np.ndarray:
    """`[size, cells]`: a row interpolates linearly between the cells' centres; left and right of a grid it enlarges."""
    place = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(cells))).astype(np.float32)
