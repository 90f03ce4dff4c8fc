"""What stands behind the person of a photo: the photo without the person, the hole filled from around it.

  photo `[B, H, W, 3]`   body `[B, H, W, 1]`, 1 where the map has a part   matte `[B, H, W, 1]`, 1 where the person is

A map knows the naked body; hair, skirts and shoes hang outside of it. Height and width may be unknown.
"""

import math

import tensorflow as tf

from dpt_tf.ops import pyramid

REACH = 0.14  # how far hair and cloth hang from the body at most, in sides of the picture
_HIDDEN = 0.1  # a share of a pixel from which on it shows too much of the person to stand for the backdrop
_BANDS, _NEAR = 64, 31  # of rows, and how many change their width together
_FADE = 0.25  # of half the hole's width, to each side of its middle
_SUITS = 0.3  # a difference in [-1, 1] at which a piece is a third of what shows
_LEVELS = 12  # enough for 4096 pixels
_NOTICED = 0.12  # a difference from the backdrop, in the units of [-1, 1], that speaks for cloth as much as against it


def body_of(iuv: tf.Tensor) -> tf.Tensor:
    """`[B, H, W, 3]` uint8 -> float32 `[B, H, W, 1]`."""
    return tf.cast(iuv[..., :1] > 0, tf.float32)


def first_guess(photo: tf.Tensor, body: tf.Tensor, image_size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """A backdrop and a matte by rule alone, for pictures of S x S.

    The backdrop is filled from beyond `REACH` of the body; what lies nearer and differs from it belongs to the person.

    Returns:
      backdrop `[B, S, S, 3]`, and the matte's logit `[B, S, S, 1]` within -5..5.
    """
    near = dilate(body, math.ceil(REACH * image_size))
    filled, _ = pyramid.fill(photo * (1 - near), 1 - near, pyramid.all_levels(image_size))
    unlike = tf.reduce_mean(tf.abs(photo - filled), -1, keepdims=True)
    logit = tf.clip_by_value(3 * (unlike / _NOTICED - 1), -3.0, 3.0)
    logit = tf.where(near > 0, logit, -5.0)
    return near * filled + (1 - near) * photo, tf.where(body > 0, 5.0, logit)


def without(photo: tf.Tensor, matte: tf.Tensor, levels: int = _LEVELS) -> tf.Tensor:
    """The photo with a fill in place of the person: `[B, H, W, 3]`.

    A pixel that is half the person's is the person's, and its neighbours too: their colour is mixed.
    """
    return filled(photo, dilate(tf.minimum(1.0, 2 * matte), 1), levels)


def filled(photo: tf.Tensor, hidden: tf.Tensor, levels: int) -> tf.Tensor:
    """The photo with a fill where `hidden` `[B, H, W, 1]` is 1: `[B, H, W, 3]`."""
    fill, _ = pyramid.fill(photo * (1 - hidden), 1 - hidden, levels)
    return photo * (1 - hidden) + fill * hidden


def continued(photo: tf.Tensor, hidden: tf.Tensor, levels: int) -> tf.Tensor:
    """`filled` with the grain of what stands to the left and right: `[B, H, W, 3]`.

    A mean of the surroundings is a smear before trees or bricks. So each half of a row of the hole shows what stands
    beside it, moved in, in one piece, and what that differs by from its new surroundings is filled in and added (as in
    Farbman et al., Coordinates for Instant Image Cloning, SIGGRAPH 2009). Over the middle the two pieces fade into each
    other, and where a piece does not suit its surroundings it fades into `filled`.
    """
    middle, half = _extent(hidden)
    width = tf.shape(photo)[2]
    column = tf.range(width)[None, None] - tf.zeros_like(middle)  # [B, H, W]
    faded = _FADE * tf.cast(half, tf.float32)
    to_right = tf.math.divide_no_nan(tf.cast(column - middle, tf.float32), 2 * faded)[..., None]
    to_right = tf.clip_by_value(0.5 + to_right, 0.0, 1.0)
    shift = half + tf.cast(tf.round(faded), tf.int32)
    both = tf.concat([photo, 1 - hidden], -1)
    smooth = filled(photo, hidden, levels)
    shown, total = photo * 0, hidden * 0
    for at, weight in ((column - shift, 1 - to_right), (column + shift, to_right)):
        inside = tf.cast((at >= 0) & (at < width), tf.float32)[..., None]
        found = tf.gather(both, tf.clip_by_value(at, 0, width - 1), axis=2, batch_dims=2)
        known = tf.cast(found[..., 3:] > 1 - _HIDDEN, tf.float32) * inside
        anchored = known * tf.cast(hidden < _HIDDEN, tf.float32)
        differs, _ = pyramid.fill((photo - found[..., :3]) * anchored, anchored, levels)
        suits = tf.exp(-tf.square(tf.reduce_mean(tf.abs(differs), -1, keepdims=True) / _SUITS))
        weight = known * tf.maximum(weight, 1e-3)  # where the other piece has nothing, this one is all
        shown, total = shown + weight * suits * (found[..., :3] + differs - smooth), total + weight
    return smooth + hidden * tf.math.divide_no_nan(shown, total)


def _extent(hidden):
    """Of the hole in each row: its middle and half its width, int32 `[B, H, 1]`, 0 far from a hole.

    They change slowly from row to row, however ragged the hole: of a band of rows and those near it the widest counts.
    """
    height, width = tf.shape(hidden)[1], tf.shape(hidden)[2]
    column = tf.range(width, dtype=tf.float32)[:, None]
    is_hole = hidden >= _HIDDEN
    left = tf.reduce_max(tf.where(is_hole, -column, -tf.cast(width, tf.float32)), 2)
    right = tf.reduce_max(tf.where(is_hole, column, -1.0), 2)
    rows = tf.transpose(tf.concat([left, right], -1), [1, 0, 2])  # [H, B, 2]
    bands = tf.math.unsorted_segment_max(rows, tf.range(height) * _BANDS // height, _BANDS)
    bands = tf.nn.max_pool1d(tf.transpose(bands, [1, 0, 2]), _NEAR, 1, "SAME")  # [B, bands, 2]
    left, right = -bands[..., :1], bands[..., 1:]
    there = tf.cast(right >= 0, tf.float32)
    middle, half = (left + right) / 2, (right - left) / 2 + 1
    mean = tf.nn.avg_pool1d(tf.concat([there, there * middle, there * half], -1), _NEAR, 1, "SAME")
    mean = tf.math.divide_no_nan(mean, mean[..., :1]) * there
    of_row = tf.image.resize(mean[:, :, None], tf.stack([height, 1]))[:, :, 0]
    return tuple(tf.cast(tf.round(x), tf.int32) for x in tf.split(of_row, 3, -1)[1:])


def dilate(mask: tf.Tensor, radius: int) -> tf.Tensor:
    """The largest value within `radius` pixels in rows and columns: `[B, H, W, 1]`."""
    for window in ((2 * radius + 1, 1), (1, 2 * radius + 1)):
        mask = tf.nn.max_pool2d(mask, window, 1, "SAME")
    return mask
