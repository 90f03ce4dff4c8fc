"""What a map does not have, hair and cloth beside the body, carried along with the body beside it.

  places `[B, 24, R, R, 4]`: where each texel is in the source photo, (x, y) in shares of its sides; whether that is
      known; 1 where the photo shows the texel itself, -1 where the place is that of a texel that answers it under a
      flip (`iuv.relations`), in which left and right change places
  field `[B, H, W, 2]`: for every pixel of the target, on the body or beside it, its place (x, y) in the source

Beside the body the mean displacement of the nearest body goes on: a pixel a hand's breadth left of the target's hip
comes from a hand's breadth left of the source's hip, or right of it where the target is seen from the other side. Arms,
hands and feet carry nothing: what hangs wide hangs from head, trunk and legs, whichever way an arm points.
"""

import math

import tensorflow as tf

from dpt_tf.ops import atlas, backdrop, pyramid, surface
from dpt_tf.ops.device import custom_gradient

_FLIPPED = ("through", "mirror")
_ARMS = (3, 4, *range(15, 23))
_FEET = (5, 6)
_SPREAD = 0.05  # over which displacements are averaged, in sides of the picture to each side
_RIM = 0.025  # in sides of the picture
_FAINTEST = 0.02  # a share too small to tell a colour by


def places(source_iuv: tf.Tensor, resolution: int) -> tf.Tensor:
    """Of a source map `[B, S, S, 3]` uint8: `[B, 24, R, R, 4]`."""
    size = source_iuv.shape[1]
    centre = (tf.range(size, dtype=tf.float32) + 0.5) / size
    grid = tf.stack(tf.meshgrid(centre, centre), -1)[None]  # [1, S, S, 2], (x, y)
    grid = tf.tile(grid, [tf.shape(source_iuv)[0], 1, 1, 1])
    own, seen = atlas.unwrap(grid, source_iuv, resolution)
    place, known, straight = own, seen, seen
    for kind in _FLIPPED:
        gain = (1 - known) * surface.gather(seen, kind)
        place, known, straight = place + gain * surface.gather(own, kind), known + gain, straight - gain
    gain = (1 - known) * surface.gather(seen, "both")  # flipped twice
    place, known, straight = place + gain * surface.gather(own, "both"), known + gain, straight + gain
    return tf.concat([place, known, straight], -1)


def field(places: tf.Tensor, target_iuv: tf.Tensor) -> tf.Tensor:
    """`[B, 24, R, R, 4]`, `[B, S, S, 3]` uint8 -> `[B, S, S, 2]`; where no place is known, the pixel's own."""
    size = target_iuv.shape[1]
    found = atlas.sample(places, target_iuv)
    known = tf.cast(found[..., 2:3] > 0.5, tf.float32)
    place = tf.math.divide_no_nan(found[..., :2], found[..., 2:3]) * known
    anchors = 1 - _of_parts(target_iuv, _ARMS + _FEET)
    known *= tf.where(tf.reduce_any(known * anchors > 0, [1, 2], keepdims=True), anchors, 1.0)
    straight = known * tf.cast(found[..., 3:] > 0, tf.float32)
    centre = (tf.range(size, dtype=tf.float32) + 0.5) / size
    here = tf.stack(tf.meshgrid(centre, centre), -1)[None]
    flip = tf.constant([-1.0, 1.0])
    on = _extended((place - here) * straight, straight)
    against = _extended((place - flip * here) * (known - straight), known - straight)
    side = _extended(straight, known)
    return tf.where(side > 0.5, here + on, flip * here + against) * _anything(known) + here * (1 - _anything(known))


def _extended(values, known):
    """Means of what is known nearby, and from there on everywhere."""
    size = values.shape[1]
    window = 2 * math.ceil(_SPREAD * size) + 1
    both = tf.concat([values, known], -1)
    for shape in ((window, 1), (1, window)):
        both = tf.nn.avg_pool2d(both, shape, 1, "SAME")
    reached = tf.cast(both[..., -1:] > 1e-6, tf.float32)
    mean = tf.math.divide_no_nan(both[..., :-1], both[..., -1:]) * reached
    return pyramid.fill(mean, reached, pyramid.all_levels(size))[0]


def carry(image: tf.Tensor, field: tf.Tensor) -> tf.Tensor:
    """Bilinear lookup of `[B, H, W, C]` at the places of `field` `[B, h, w, 2]`: `[B, h, w, C]`; 0 outside.

    Differentiable by the image.
    """
    image = tf.cast(image, tf.float32)
    shape = tf.shape(image)
    height, width = shape[1], shape[2]
    place = field * tf.cast(tf.stack([width, height]), tf.float32) - 0.5
    corner = tf.floor(place)
    (right, down), corner = tf.unstack(place - corner, axis=-1), tf.cast(corner, tf.int32)
    first = tf.range(shape[0])[:, None, None] * (height * width)
    index, weight = [], []
    for i, wi in ((0, 1 - down), (1, down)):
        for j, wj in ((0, 1 - right), (1, right)):
            x, y = corner[..., 0] + j, corner[..., 1] + i
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            index.append(tf.where(inside, first + y * width + x, 0))
            weight.append(tf.where(inside, wi * wj, 0.0))
    colour = _rows(tf.reshape(image, [-1, image.shape[-1]]), tf.stack(index, -1))
    return tf.reduce_sum(tf.stack(weight, -1)[..., None] * colour, -2)


def overhang(photo, matte, source_iuv, target_iuv, field):
    """What is carried along: colours `[B, S, S, 3]`, and how much beside the body is the person, `[B, S, S, 1]`.

    Beside the body only within `backdrop.REACH` of it, and of the source's body itself only what lands within `_RIM`:
    an arm that lay before the trunk takes no trunk along. Colours are of the person alone, the rest of a pixel does not
    show.
    """
    size = field.shape[1]
    arms = backdrop.dilate(_of_parts(source_iuv, _ARMS), math.ceil(_RIM * size))
    matte *= 1 - arms * (1 - backdrop.body_of(source_iuv))  # a sleeve's rim goes nowhere without the arm
    body, beside = backdrop.body_of(source_iuv), 1 - backdrop.body_of(target_iuv)
    carried = carry(tf.concat([photo * matte, matte, body], -1), field)
    colour, share, was_body = tf.split(carried, [3, 1, 1], -1)
    rim, near = (backdrop.dilate(1 - beside, math.ceil(reach * size)) for reach in (_RIM, backdrop.REACH))
    allowed = beside * near * (1 - was_body * (1 - rim))
    colour = tf.math.divide_no_nan(colour, share)
    shown = tf.maximum(share * allowed, share * (1 - beside)) > _FAINTEST
    return tf.where(shown, colour, 0.0), share * allowed


def _of_parts(iuv, parts):
    """1 on these parts, `[B, H, W, 1]`."""
    return tf.cast(tf.reduce_any(iuv[..., :1] == tf.constant(parts, tf.uint8), -1, keepdims=True), tf.float32)


@custom_gradient
def _rows(flat, index):
    """`[N, C]` at `[...]` as `[..., C]`; the gradient by segment sums, which are the same twice over."""
    count = tf.shape(flat)[0]

    def gradient(upstream):
        return tf.raw_ops.UnsortedSegmentSum(data=upstream, segment_ids=index, num_segments=count), None

    return tf.gather(flat, index), gradient


def _anything(known):
    return tf.reduce_max(known, [1, 2], keepdims=True)
