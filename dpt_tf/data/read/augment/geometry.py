"""The same mirror, shift, scale and rotation for all views of an example, in one resampling.

A change is float32 `[2, 3]`, (x, y) of a new pixel, from the picture's centre, -> where it was, from there, too:
`change[:, :2] @ new + change[:, 2]`. Photos are interpolated and go on beyond their edges with the colour of the edge;
a map takes the nearest pixel, and beyond the edges is background; so it is with alpha, 0 there.
"""

import math

import tensorflow as tf

from dpt_tf.data.keypoints import JOINTS
from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.iuv.symmetry import change_sides

_STAYS = 0.25  # share of the examples that are neither shifted nor scaled nor turned
_SCALE, _SHIFT, _DEGREES = 1.25, 0.08, 12.0
_DEGREES_AT_EDGE = 3.0

_SIDES = {"left": "right", "right": "left"}
_SWAPPED = [
    JOINTS.index(f"{_SIDES[side]}_{rest}") if (side := name.partition("_")[0]) in _SIDES else place
    for place, name in enumerate(JOINTS)
    for rest in (name.partition("_")[2],)
]


def draw(draws: Draws, photos: tf.Tensor, maps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A change and whether it mirrors, float32 `[2, 3]` and bool `[]`.

    Where a person reaches the edge of a picture, what lies beyond is not to come in: the edge's colour would draw the
    body out. There a picture is only enlarged, and shifted no further than that allows.
    """
    size = maps.shape[1]
    mirrors, stays = draws.chance(0.5), draws.chance(_STAYS)
    scale, turn, shift = draws.factor(_SCALE), draws.uniform(-1, 1), draws.several([2], -1, 1)

    cut = _reach_the_edge(maps[..., :1] > 0) | _reach_the_edge((photos[..., 3:] > 0) & ~_opaque(photos))
    angle = turn * tf.where(cut, math.radians(_DEGREES_AT_EDGE), math.radians(_DEGREES))
    cos, sin = tf.cos(angle), tf.sin(angle)
    corner = cos + tf.abs(sin)
    scale = tf.where(cut, tf.maximum(tf.maximum(scale, 1 / scale), corner), scale)
    free = _SHIFT * size
    shift *= tf.where(cut, tf.minimum(free, (size - 1) / 2 * (1 - corner / scale)), free)

    change = tf.concat([tf.stack([[cos, sin], [-sin, cos]]) / scale, shift[:, None]], 1)
    change = tf.where(stays, tf.eye(2, 3), change)
    return tf.where(mirrors, [[-1.0], [1.0]], 1.0) * change, mirrors


def _opaque(photos):
    return tf.reduce_all(photos[..., 3:] == 255, [1, 2, 3], keepdims=True)


def _reach_the_edge(body):
    """Whether any of bool `[n, S, S, 1]` is true in an outermost row or column."""
    return tf.reduce_any(body[:, :: body.shape[1] - 1]) | tf.reduce_any(body[:, :, :: body.shape[2] - 1])


@tf.function(jit_compile=True)
def _resample(photos, maps, change):
    """Photos `[n, S, S, 4]` and maps `[n, S, S, 3]`, uint8, and their change -> photos float32, maps."""
    count, size = maps.shape[:2]
    offset = tf.range(size, dtype=tf.float32) - (size - 1) / 2
    places = change[:, 0, None, None] * offset + change[:, 1, None, None] * offset[:, None]
    x, y = tf.unstack(places + change[:, 2, None, None] + (size - 1) / 2)

    def at(flat, column, row):
        return tf.gather(flat, tf.cast(row * size + column, tf.int32), axis=1)

    column, row = tf.round(x), tf.round(y)
    inside = (tf.minimum(column, row) >= 0) & (tf.maximum(column, row) < size)
    inside = inside[:, :, None]
    flat = tf.reshape(maps, [count, size * size, 3])
    nearest = at(flat, tf.clip_by_value(column, 0, size - 1), tf.clip_by_value(row, 0, size - 1))
    maps = tf.where(inside, nearest, tf.zeros([], tf.uint8))

    x, y = tf.clip_by_value(x, 0.0, size - 1.0), tf.clip_by_value(y, 0.0, size - 1.0)
    left, top = tf.minimum(tf.floor(x), size - 2.0), tf.minimum(tf.floor(y), size - 2.0)
    right, down = (x - left)[..., None], (y - top)[..., None]
    flat = tf.reshape(photos, [count, size * size, 4])
    corners = [tf.cast(at(flat, left + i, top + j), tf.float32) for j in (0, 1) for i in (0, 1)]
    above, below = (one + (other - one) * right for one, other in (corners[:2], corners[2:]))
    mixed = above + (below - above) * down
    return tf.concat([mixed[..., :3], tf.where(inside, mixed[..., 3:], 0.0)], -1), maps


def apply(photos, maps, change, mirrors):
    """Photos uint8 `[n, S, S, 4]`, maps uint8 `[n, S, S, 3]` -> photos float32 0..255, maps uint8, changed."""
    photos, maps = _resample(photos, maps, change)
    return photos, tf.cond(mirrors, lambda: change_sides(maps), lambda: maps)


def apply_to_joints(joints, change, mirrors, size: int):
    """Joints int32 `[..., 18, 2]`, (y, x) in pixels, -1 where missing, which those that leave the picture are, too."""
    joints = tf.where(mirrors, tf.gather(joints, _SWAPPED, axis=-2), joints)
    centre = (size - 1) / 2
    was = tf.cast(joints[..., ::-1], tf.float32) - centre - change[:, 2]
    # A rotation, scaled and perhaps mirrored: its inverse is its transpose over the square of its scale.
    new = tf.linalg.matmul(was, change[:, :2]) / tf.reduce_sum(change[:, 0] ** 2) + centre
    new = tf.cast(tf.round(new[..., ::-1]), tf.int32)
    seen = tf.reduce_all((joints >= 0) & (new >= 0) & (new < size), -1, keepdims=True)
    return tf.where(seen, new, -1)
