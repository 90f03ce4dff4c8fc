"""The same mirror, shift, scale and rotation for all views of an example, in one resampling.

Photos are interpolated; beyond their edges they are reflected, but only as far as there is nobody, and go on from there
with one colour. A map takes the nearest pixel, and beyond the edges is background; so it is with alpha, 0 there.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dpt_tf.data.keypoints import JOINTS
from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.data.read.augment.packed import BLOCK, channel
from dpt_tf.iuv import symmetry

_STAYS = 0.25  # share of the examples that are neither shifted nor scaled nor turned
_WHOLE = 0.75  # share of those with whole people in which they stay whole, as far as their box goes
_SCALE, _SHIFT, _DEGREES = 1.25, 0.08, 12.0
_DEGREES_AT_EDGE = 3.0
_CLOSE = 0.3  # share of the crops that show a piece of the person only
_FILLS, _FILLS_CLOSE = (0.5, 1.0), (1.05, 2.2)  # how much of a crop's side the person takes, all or a piece of them
_CROP_DEGREES = 25.0
_MARGIN = 0.03  # what hangs outside of a map, along a picture

# The law of `symmetry`, a row in a number.
_LAW = symmetry.LAW.astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)

_SIDES = {"left": "right", "right": "left"}


def _other_side(joint: str) -> str:
    side, _, rest = joint.partition("_")
    return f"{_SIDES[side]}_{rest}" if side in _SIDES else joint


_SWAPPED = [JOINTS.index(_other_side(joint)) for joint in JOINTS]


class Change(NamedTuple):
    """Where new pixels were: `matrix[:, :2] @ new + matrix[:, 2]`, new and old (x, y) from the picture's centre."""

    matrix: tf.Tensor
    """float32 `[2, 3]`."""
    mirrors: tf.Tensor
    """bool `[]`."""
    low: tf.Tensor
    """float32 `[2]`: x and y, in pixels of the old picture, below which there is nobody."""
    high: tf.Tensor
    """float32 `[2]`: above which there is nobody."""


def draw(draws: Draws, by_x: tf.Tensor, by_y: tf.Tensor) -> Change:
    """A change for pictures of people.

    Where a person reaches the edge of a picture, what lies beyond is not to come in: it would draw the body out. There
    a picture is only enlarged, and shifted no further than that allows.

    Args:
      draws: what is random.
      by_x: in which columns of pixels people are, bool `[S]`.
      by_y: in which rows.
    """
    size = by_x.shape[0]
    half = (size - 1) / 2
    mirrors, stays, whole = draws.chance(0.5), draws.chance(_STAYS), draws.chance(_WHOLE)
    scale, turn, shift = draws.factor(_SCALE), draws.uniform(-1, 1), draws.several([2], -1, 1)

    cut, low, high = _where(by_x, by_y)
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

    matrix = tf.where(stays, tf.eye(2, 3), tf.concat([linear, offset[:, None]], 1))
    matrix *= tf.where(mirrors, [[-1.0], [1.0]], 1.0)
    margin = _MARGIN * size
    return Change(matrix, mirrors, tf.maximum(low - margin, 0), tf.minimum(high + margin, size - 1))


def draw_crop(draws: Draws, by_x: tf.Tensor, by_y: tf.Tensor) -> Change:
    """A change for a network that finds people: any size in the crop, any place, some only from the knees or chest up.

    As in `draw`, a picture in which a person reaches the edge is only enlarged.
    """
    size = by_x.shape[0]
    half = (size - 1) / 2
    mirrors, stays, close = draws.chance(0.5), draws.chance(_STAYS), draws.chance(_CLOSE)
    fills = tf.where(close, draws.uniform(*_FILLS_CLOSE), draws.uniform(*_FILLS))
    turn, shift = draws.uniform(-1, 1), draws.several([2], -1, 1)

    cut, low, high = _where(by_x, by_y)
    extent = (high - low) / 2
    # Of a piece, the upper half of the person more often than the lower.
    aimed = tf.stack([0.0, -0.35]) * extent + 0.6 * extent * shift
    middle = (low + high) / 2 - half + tf.where(close, aimed, 0.0)

    angle = turn * tf.where(cut, math.radians(_DEGREES_AT_EDGE), math.radians(_CROP_DEGREES))
    cos, sin = tf.cos(angle), tf.sin(angle)
    corner = cos + tf.abs(sin)
    scale = fills * half / tf.maximum(tf.reduce_max(extent), 1.0)
    scale = tf.where(cut, tf.maximum(scale, corner), scale)
    room = tf.maximum(half - extent * scale, 0)
    linear = tf.stack([[cos, sin], [-sin, cos]]) / scale
    offset = middle - tf.linalg.matvec(linear, tf.where(close, 0.0, room * shift))
    limit = half * (1 - corner / scale)
    offset = tf.where(cut, tf.clip_by_value(offset, -limit, limit), offset)
    matrix = tf.where(stays, tf.eye(2, 3), tf.concat([linear, offset[:, None]], 1))
    matrix *= tf.where(mirrors, [[-1.0], [1.0]], 1.0)
    margin = _MARGIN * size
    return Change(matrix, mirrors, tf.maximum(low - margin, 0), tf.minimum(high + margin, size - 1))


def _where(by_x, by_y):
    """Whether people reach an edge, and the box round them: bool `[]`, float32 `[2]` (x, y) twice."""
    seen, size = [by_x, by_y], by_x.shape[0]
    low, high = (
        tf.stack([tf.cast(find(along), tf.float32) for along in seen])
        for find in (tf.argmax, lambda along: size - 1 - tf.argmax(along[::-1]))
    )
    return tf.reduce_any([along[0] | along[-1] for along in seen]), low, high


class Places(NamedTuple):
    """Where each new pixel was, `[S, S]`; pixels and blocks go by number, row by row."""

    corner: tf.Tensor
    """int32: of the four pixels round it, the one above on the left."""
    right: tf.Tensor
    """float32 in 0..1: how far right of that it was."""
    down: tf.Tensor
    """float32, likewise."""
    nearest: tf.Tensor
    """int32: the nearest pixel."""
    inside: tf.Tensor
    """bool: whether it was in the picture."""
    block: tf.Tensor
    """int32: the block of 16 x 16 pixels in which it was."""


@tf.function(jit_compile=True)
def places(change: Change, size: int):
    """The places of `change` in pictures of `size`."""
    matrix = change.matrix
    offset = tf.range(size, dtype=tf.float32) - (size - 1) / 2
    was = matrix[:, 0, None, None] * offset + matrix[:, 1, None, None] * offset[:, None]
    x, y = tf.unstack(was + matrix[:, 2, None, None] + (size - 1) / 2)

    def number(row, column, width=size):
        return tf.cast(row * width + column, tf.int32)

    last = size - 1.0
    inside = (tf.minimum(x, y) >= -0.5) & (tf.maximum(x, y) <= last + 0.5)
    x, y = (_reflected(place, change.low[k], change.high[k], last) for k, place in enumerate((x, y)))
    left, top = tf.minimum(tf.floor(x), last - 1), tf.minimum(tf.floor(y), last - 1)
    return Places(
        corner=number(top, left),
        right=x - left,
        down=y - top,
        nearest=number(tf.round(y), tf.round(x)),
        inside=inside,
        block=number(tf.floor(y / BLOCK), tf.floor(x / BLOCK), size // BLOCK),
    )


def _reflected(place, low, high, last):
    place = tf.where(place < 0, tf.minimum(-place, low), place)
    return tf.where(place > last, tf.maximum(2 * last - place, high), place)


def corners(rows, places: Places, size: int):
    """The four pixels round each place, int32 `[S, S, n]` each, of n pictures `rows`, int32 `[S * S, n]`."""
    return [tf.gather(rows, places.corner + step) for step in (0, 1, size, size + 1)]


def between(taps, places: Places):
    """Of `corners` of one picture, int32 `[S, S]` each, what lies between: four channels, float32 `[S, S]`."""
    right, down = places.right, places.down
    weights = [(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down]
    planes = [tf.add_n([weight * channel(tap, k) for weight, tap in zip(weights, taps, strict=True)]) for k in range(4)]
    return [*planes[:3], tf.where(places.inside, planes[3], 0.0)]


def other_side(maps, places: Places, mirrors: tf.Tensor):
    """Maps as they were resampled, int32 `[S, S]`, on the other side if `mirrors`; a fourth channel becomes 0."""
    mirrored = tf.gather(_LAW, maps & 0xFF) ^ (maps & 0xFFFF00)
    return tf.where(places.inside, tf.where(mirrors, mirrored, maps & 0xFFFFFF), 0)


def move(joints, change: Change, size: int):
    """Joints int32 `[..., 18, 2]`, (y, x) in pixels, -1 where missing, which those that leave the picture are, too."""
    joints = tf.where(change.mirrors, tf.gather(joints, _SWAPPED, axis=-2), joints)
    centre = (size - 1) / 2
    new = _new_place(tf.cast(joints[..., ::-1], tf.float32) - centre, change) + centre
    new = tf.cast(tf.round(new[..., ::-1]), tf.int32)
    seen = tf.reduce_all((joints >= 0) & (new >= 0) & (new < size), -1, keepdims=True)
    return tf.where(seen, new, -1)


def move_points(points, change: Change, size: int):
    """Points float32 `[N, 5]`, x, y (pixel k covers [k, k + 1)), I, U, V -> the same, but for those that leave.

    On the other side each is a point of the mirrored part, as `symmetry` says.
    """
    new = _new_place(points[:, :2] - size / 2, change) + size / 2
    part, turns = tf.split(tf.gather(symmetry.LAW, tf.cast(points[:, 2], tf.int32)), [1, 2], axis=-1)
    mirrored = tf.concat([new, tf.cast(part, tf.float32), tf.abs(tf.cast(turns, tf.float32) / 255 - points[:, 3:])], -1)
    moved = tf.where(change.mirrors, mirrored, tf.concat([new, points[:, 2:]], -1))
    return tf.boolean_mask(moved, tf.reduce_all((new >= 0) & (new < size), -1))


def _new_place(old, change: Change):
    """Where old places come to lie, `[..., 2]`; both are (x, y) from the picture's centre."""
    linear, offset = change.matrix[:, :2], change.matrix[:, 2]
    # A rotation, scaled and perhaps mirrored: its inverse is its transpose over the square of its scale.
    return tf.linalg.matmul(old - offset, linear) / tf.reduce_sum(linear[:, 0] ** 2)
