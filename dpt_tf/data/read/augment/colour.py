"""The same change of light and colour for all photos of an example: a gamma, then one affine map of (R, G, B)."""

import math

import numpy as np
import tensorflow as tf

from dpt_tf.data.read.augment.draws import Draws

_STAYS = 0.2  # share of the examples whose colours stay
_GAMMA, _CONTRAST, _SATURATION, _WARMTH = 1.4, 1.3, 1.6, 1.12  # at most so many times, or one over it
_BRIGHTNESS, _DEGREES = 0.1, 12.0
_GREY, _ANY_HUE, _PERMUTED = 0.04, 0.06, 0.1

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_PERMUTATIONS = np.eye(3, dtype=np.float32)[[[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]]
# Turns round the grey axis are 1 at the first, cos at the second, sin at the third.
_GREY_AXIS = np.full((3, 3), 1 / 3, np.float32)
_CROSS = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], np.float32) / np.sqrt(np.float32(3))


def vary(photos: tf.Tensor, draws: Draws) -> tf.Tensor:
    """Photos float32 `[n, S, S, 3]` in 0..255, changed alike; values may leave that range."""
    stays = draws.chance(_STAYS)
    gamma = draws.factor(_GAMMA)
    angle = draws.uniform(-1, 1) * tf.where(draws.chance(_ANY_HUE), math.pi, math.radians(_DEGREES))
    cos, sin = tf.cos(angle), tf.sin(angle)
    turn = _GREY_AXIS + cos * (np.eye(3, dtype=np.float32) - _GREY_AXIS) + sin * _CROSS
    saturation = tf.where(draws.chance(_GREY), 0.0, draws.factor(_SATURATION))
    saturate = saturation * np.eye(3, dtype=np.float32) + (1 - saturation) * _LUMA
    which = draws.whole(len(_PERMUTATIONS))
    permute = tf.where(draws.chance(_PERMUTED), tf.gather(_PERMUTATIONS, which), np.eye(3, dtype=np.float32))
    warmth = tf.stack([draws.factor(_WARMTH) for _ in range(3)])
    contrast, brightness = draws.factor(_CONTRAST), draws.uniform(-_BRIGHTNESS, _BRIGHTNESS)

    matrix = contrast * warmth[:, None] * (saturate @ turn @ permute)
    shift = tf.fill([3], 255 * (0.5 * (1 - contrast) + brightness))
    return tf.cond(stays, lambda: photos, lambda: _apply(photos, gamma, matrix, shift))


@tf.function(jit_compile=True)
def _apply(photos, gamma, matrix, shift):
    lit = tf.unstack(255.0 * (tf.clip_by_value(photos, 0.0, 255.0) / 255.0) ** gamma, axis=-1)
    return tf.stack([sum(matrix[i, k] * lit[k] for k in range(3)) + shift[i] for i in range(3)], -1)
