"""The same change of light and colour for all photos of an example: a curve, then one affine map of (R, G, B)."""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dpt_tf.data.read.augment.draws import Draws

_STAYS = 0.2  # share of the examples whose colours stay
_CURVE, _BRIGHTNESS, _DEGREES = 0.4, 0.1, 8.0
_CONTRAST, _SATURATION, _WARMTH, _TINT = 1.3, 1.5, 1.12, 1.04  # at most so many times, or one over it
_GREY, _ANY_HUE, _PERMUTED = 0.04, 0.05, 0.05

_EYE = np.eye(3, dtype=np.float32)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_PERMUTATIONS = _EYE[[[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]]
# A turn round the grey axis: the axis, cos of the rest, and sin of the cross product.
_AXIS = np.full((3, 3), 1 / 3, np.float32)
_CROSS = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], np.float32) / np.sqrt(np.float32(3))


class Tones(NamedTuple):
    """x -> matrix @ (x + curve x (1 - x)) + shift, x in 0..1."""

    curve: tf.Tensor
    """float32 `[]` in -1..1: the light of what is neither black nor white."""
    matrix: tf.Tensor
    """float32 `[3, 3]`."""
    shift: tf.Tensor
    """float32 `[]`."""


def draw(draws: Draws) -> Tones:
    """Contrast, brightness, warmth, saturation and hue; some examples are grey or have channels that changed places."""
    stays = draws.chance(_STAYS)
    angle = draws.uniform(-1, 1) * tf.where(draws.chance(_ANY_HUE), math.pi, math.radians(_DEGREES))
    turn = _AXIS + tf.cos(angle) * (_EYE - _AXIS) + tf.sin(angle) * _CROSS
    saturation = tf.where(draws.chance(_GREY), 0.0, draws.factor(_SATURATION))
    which = draws.whole(len(_PERMUTATIONS))
    permute = tf.where(draws.chance(_PERMUTED), tf.gather(_PERMUTATIONS, which), _EYE)
    warm, tint = draws.factor(_WARMTH), draws.factor(_TINT)
    light = tf.stack([warm, tint, 1 / warm])
    contrast, brightness = draws.factor(_CONTRAST), draws.uniform(-_BRIGHTNESS, _BRIGHTNESS)

    matrix = contrast * light[:, None] * (saturation * _EYE + (1 - saturation) * _LUMA) @ turn @ permute
    return Tones(
        curve=tf.where(stays, 0.0, draws.uniform(-_CURVE, _CURVE)),
        matrix=tf.where(stays, _EYE, matrix),
        shift=tf.where(stays, 0.0, 0.5 * (1 - contrast) + brightness),
    )


def apply(planes, tones: Tones):
    """The channels of a photo in 0..255, float32 of any shape, -> the same, alpha as it was; some leave that range."""
    *colours, alpha = planes
    values = [plane / 255 for plane in colours]
    lit = [value + tones.curve * value * (1 - value) for value in values]
    mixed = [255 * (sum(tones.matrix[i, k] * lit[k] for k in range(3)) + tones.shift) for i in range(3)]
    return [*mixed, alpha]
