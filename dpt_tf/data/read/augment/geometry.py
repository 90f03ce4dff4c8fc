"""The same mirror, shift, scale and rotation for all views of an example, in one resampling.

A change is float32 `[2, 3]`, (x, y) of a new pixel, from the picture's centre, -> where it was, from there, too:
`change[:, :2] @ new + change[:, 2]`. Photos are interpolated and go on beyond their edges with the colour of the edge;
a map takes the nearest pixel, and beyond the edges is background; so it is with alpha, 0 there.
"""

import math

import numpy as np
import tensorflow as tf

from dpt_tf.data.keypoints import JOINTS
from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.data.read.augment.packed import at, channel
from dpt_tf.iuv import symmetry

_STAYS = 0.25  # share of the examples that are neither shifted nor scaled nor turned
_WHOLE = 0.75  # share of those with whole people in which they stay whole, as far as their box goes
_SCALE, _SHIFT, _DEGREES = 1.25, 0.08, 12.0
_DEGREES_AT_EDGE = 3.0
_MARGIN = 0.03  # what hangs outside of a map, along a picture

# The law of `symmetry`, a row in a number.
_LAW = symmetry.LAW.astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)

_SIDES = {"left": "right", "right": "left"}


def _other_side(joint: str) -> str:
    side, _, rest = joint.partition("_")
    return f"{_SIDES[side]}_{rest}" if side in _SIDES else joint


_SWAPPED = [JOINTS.index(_other_side(joint)) for joint in JOINTS]


def draw(draws: Draws, by_x: tf.Tensor, by_y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A change and whether it mirrors, float32 `[2, 3]` and bool `[]`.

    Where a person reaches the edge of a picture, what lies beyond is not to come in: the edge's colour would draw the
    body out. There a picture is only enlarged, and shifted no further than that allows.

    Args:
      draws: what is random.
      by_x: in which columns of pixels people are, bool `[S]`.
      by_y: in which rows.
    """
    size = by_x.shape[0]
    half = (size - 1) / 2
    mirrors, stays, whole = draws.chance(0.5), draws.chance(_STAYS), draws.chance(_WHOLE)
    scale, turn, shift = draws.factor(_SCALE), draws.uniform(-1, 1), draws.several([2], -1, 1)

    seen = [by_x, by_y]
    cut = tf.reduce_any([along[0] | along[-1] for along in seen])
    low, high = (
        tf.stack([tf.cast(find(along), tf.float32) for along in seen])
        for find in (tf.argmax, lambda along: size - 1 - tf.argmax(along[::-1]))
    )
    middle, extent = tf.where(cut, 0.0, (low + high) / 2 - half), (high - low) / 2 + _MARGIN * size

    angle = turn * tf.where(cut, math.radians(_DEGREES_AT_EDGE), math.radians(_DEGREES))
    cos, sin = tf.cos(angle), tf.sin(angle)
    corner = cos + tf.abs(sin)
    fits = tf.maximum(half / tf.reduce_max(extent), 1 / _SCALE)
    scale = tf.where(whole, tf.minimum(scale, fits), scale)
    scale = tf.where(cut, tf.maximum(tf.maximum(scale, 1 / scale), corner), scale)

    # Where the middle of the people comes to lie.
    free = _SHIFT * size
    room = tf.maximum(half - extent * scale, 0)
    new_middle = middle + free * shift
    new_middle = tf.where(whole, tf.clip_by_value(new_middle, -room, room), new_middle)
    linear = tf.stack([[cos, sin], [-sin, cos]]) / scale
    offset = middle - tf.linalg.matvec(linear, new_middle)
    offset = tf.where(cut, tf.minimum(free, half * (1 - corner / scale)) * shift, offset)

    change = tf.where(stays, tf.eye(2, 3), tf.concat([linear, offset[:, None]], 1))
    return tf.where(mirrors, [[-1.0], [1.0]], 1.0) * change, mirrors


def places(change, size: int):
    """Where each new pixel was, x and y in pixels, float32 `[S, S]` both."""
    offset = tf.range(size, dtype=tf.float32) - (size - 1) / 2
    was = change[:, 0, None, None] * offset + change[:, 1, None, None] * offset[:, None]
    return tf.unstack(was + change[:, 2, None, None] + (size - 1) / 2)


def _beyond(x, y, size):
    x, y = tf.round(x), tf.round(y)
    return (tf.minimum(x, y) < 0) | (tf.maximum(x, y) >= size)


def nearest(maps, places, mirrors):
    """Maps, pixels int32 `[n, S, S]`, resampled; a fourth channel becomes 0."""
    x, y = places
    last = maps.shape[1] - 1.0
    taken = at(maps, tf.clip_by_value(tf.round(y), 0, last), tf.clip_by_value(tf.round(x), 0, last))
    mirrored = tf.gather(_LAW, taken & 0xFF) ^ (taken & 0xFFFF00)
    return tf.where(_beyond(x, y, last + 1), 0, tf.where(mirrors, mirrored, taken & 0xFFFFFF))


def between(photos, places):
    """Photos, pixels int32 `[n, S, S]`, resampled: their four channels, float32 `[n, S, S]` each."""
    x, y = places
    last = photos.shape[1] - 1.0
    inside = tf.cast(~_beyond(x, y, last + 1), tf.float32)
    x, y = tf.clip_by_value(x, 0, last), tf.clip_by_value(y, 0, last)
    left, top = tf.minimum(tf.floor(x), last - 1), tf.minimum(tf.floor(y), last - 1)
    right, down = x - left, y - top
    taps = [
        ((1 - right) * (1 - down), at(photos, top, left)),
        (right * (1 - down), at(photos, top, left + 1)),
        ((1 - right) * down, at(photos, top + 1, left)),
        (right * down, at(photos, top + 1, left + 1)),
    ]
    planes = [sum(weight * channel(tap, k) for weight, tap in taps) for k in range(4)]
    return [*planes[:3], planes[3] * inside]


def move(joints, change, mirrors, size: int):
    """Joints int32 `[..., 18, 2]`, (y, x) in pixels, -1 where missing, which those that leave the picture are, too."""
    joints = tf.where(mirrors, tf.gather(joints, _SWAPPED, axis=-2), joints)
    centre = (size - 1) / 2
    was = tf.cast(joints[..., ::-1], tf.float32) - centre - change[:, 2]
    # A rotation, scaled and perhaps mirrored: its inverse is its transpose over the square of its scale.
    new = tf.linalg.matmul(was, change[:, :2]) / tf.reduce_sum(change[:, 0] ** 2) + centre
    new = tf.cast(tf.round(new[..., ::-1]), tf.int32)
    seen = tf.reduce_all((joints >= 0) & (new >= 0) & (new < size), -1, keepdims=True)
    return tf.where(seen, new, -1)
