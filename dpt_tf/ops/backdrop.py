"""What stands behind the person of a photo: the photo without the person, the hole filled from around it.

  photo `[B, H, W, 3]`   body `[B, H, W, 1]`, 1 where the map has a part   matte `[B, H, W, 1]`, 1 where the person is

A map knows the naked body; hair, skirts and shoes hang outside of it. Height and width may be unknown.
"""

import math

import tensorflow as tf

from dpt_tf.ops import pyramid

REACH = 0.14  # how far hair and cloth hang from the body at most, in sides of the picture
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


def dilate(mask: tf.Tensor, radius: int) -> tf.Tensor:
    """The largest value within `radius` pixels in rows and columns: `[B, H, W, 1]`."""
    for window in ((2 * radius + 1, 1), (1, 2 * radius + 1)):
        mask = tf.nn.max_pool2d(mask, window, 1, "SAME")
    return mask
