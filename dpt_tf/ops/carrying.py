"""What a map does not have, hair and cloth beside the body, carried along with the body beside it.

  field `[B, H, W, 3]`: for every pixel of the target its place (x, y) in the source, and 1 between two legs that one
      cloth hangs about (`surroundings`)

Not all that lands somewhere is the person there: `overhang` says how much counts.
"""

import math

import tensorflow as tf

from dpt_tf.ops import backdrop, frame
from dpt_tf.ops.device import custom_gradient

_ARMS = (3, 4, *range(15, 23))
_RIM = 0.025  # in sides of the picture
_FARTHER = 3.0
_TORN = 3  # in sides of a pixel of the field, where neighbours are about one apart
FAINTEST = 0.02  # a share too small to tell a colour by


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
    """What is carried along, beside the body within `backdrop.REACH` of it.

    Returns:
      colour `[B, S, S, 3]`: of the person alone, the rest of a pixel does not show
      overhang `[B, S, S, 1]`: how much beside the body is the person. Of the source's body itself only what lands
        within `_RIM` counts: an arm that lay before the trunk takes no trunk along; and of what hangs beside it, what
        lands no more than `_FARTHER` times as far from the body
      left `[B, S, S, 1]`: what does not count for these reasons. Of trousers nothing is between the legs, of a skirt
        that a map takes for legs it is cloth
    """
    # A sleeve's rim goes nowhere without the arm.
    matte *= 1 - arms_rim(source_iuv) * (1 - backdrop.body_of(source_iuv))
    body, beside = backdrop.body_of(source_iuv), 1 - backdrop.body_of(target_iuv)
    carried = carry(tf.concat([photo * matte, matte, body], -1), field[..., :2])
    colour, share, was_body = tf.split(carried, [3, 1, 1], -1)
    rim, near, kept = reach(source_iuv, target_iuv, field)
    colour = tf.math.divide_no_nan(colour, share)
    shown = tf.where(share * tf.maximum(near, 1 - beside) > FAINTEST, colour, 0.0)
    there, counts = share * beside * near, tf.maximum(field[..., 2:], kept * (1 - was_body * (1 - rim)))
    return shown, there * counts, there * (1 - counts)


def is_person(overhang: tf.Tensor, target_iuv: tf.Tensor) -> tf.Tensor:
    """Where the body is, or something hangs: bool `[B, H, W, 1]`."""
    return (target_iuv[..., :1] > 0) | (overhang > FAINTEST)


def reach(source_iuv: tf.Tensor, target_iuv: tf.Tensor, field: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """`[B, S, S, 1]` thrice: 1 within `_RIM` of the target's body, within `backdrop.REACH` of it, and where what is
    carried comes to lie no more than `_FARTHER` times as far from the body as it was, or within `_RIM`.
    """  # noqa: D205
    size = target_iuv.shape[1]
    most = math.ceil(backdrop.REACH * size)
    was, away = _distance(backdrop.body_of(source_iuv), most), _distance(backdrop.body_of(target_iuv), most)
    rim, near = (tf.cast(away <= math.ceil(far * size), tf.float32) for far in (_RIM, backdrop.REACH))
    kept = tf.cast(away <= _FARTHER * carry(was, field[..., :2]), tf.float32)
    return rim, near, tf.maximum(rim, kept)


def _distance(body: tf.Tensor, most: int) -> tf.Tensor:
    """From what is 1, in pixels, diagonals as long as sides: `[B, S, S, 1]`, `most + 1` where it is farther."""
    distance = 1 - body
    for _ in range(most):
        body = tf.nn.max_pool2d(body, 3, 1, "SAME")
        distance += 1 - body
    return distance


def arms_rim(source_iuv: tf.Tensor) -> tf.Tensor:
    """1 within `_RIM` of an arm or hand, `[B, S, S, 1]`."""
    return backdrop.dilate(_of_parts(source_iuv, _ARMS), math.ceil(_RIM * source_iuv.shape[1]))


def field_at(field: tf.Tensor, example: tf.Tensor, here: tf.Tensor) -> tf.Tensor:
    """The field at some pixels of a larger picture: bilinear, and where it is torn the nearest place and what is left.

    Args:
      field: places alone, `[B, S, S, 2]`.
      example: of the batch, `[N]`.
      here: (x, y) of each pixel in shares of the square, `[N, 2]`.

    Returns:
      (x, y) in the source, `[N, 2]`.
    """
    size = field.shape[1]
    at = tf.clip_by_value(here * size - 0.5, 0.0, size - 1.0)
    corner = tf.minimum(tf.floor(at), size - 2.0)
    (right, down), corner = tf.unstack(at - corner, axis=-1), tf.cast(corner, tf.int32)
    example = tf.cast(example, tf.int32)

    def found(x, y):
        return tf.gather_nd(field, tf.stack([example, y, x], -1))

    x, y = corner[:, 0], corner[:, 1]
    four = tf.stack([found(x, y), found(x + 1, y), found(x, y + 1), found(x + 1, y + 1)])  # [4, N, 2]
    weight = tf.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right])[..., None]
    torn = tf.reduce_max(tf.reduce_max(four, 0) - tf.reduce_min(four, 0), -1, keepdims=True) > _TORN / size
    near = tf.cast(tf.round(at), tf.int32)
    nearest = found(near[:, 0], near[:, 1]) + here - (tf.cast(near, tf.float32) + 0.5) / size
    return tf.where(torn, nearest, tf.reduce_sum(weight * four, 0))


def carried_at(person: tf.Tensor, example: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What some pixels of the target find in a photo of any size, bilinear.

    Args:
      person: uint8 `[B, H, W, 5]`: photo, how much it is the person's, how much it is the body.
      example: of the batch, `[N]`.
      place: (x, y) in shares of the photo's square, `[N, 2]`.

    Returns:
      Colour in [-1, 1] of the person alone `[N, 3]`, and the two shares in 0..1 `[N, 1]`; all 0 outside of the photo.
    """
    height, width = tf.shape(person)[1], tf.shape(person)[2]
    side, top, left = frame.margins(height, width)
    place = place * tf.cast(side, tf.float32) - 0.5 - tf.cast(tf.stack([left, top]), tf.float32)
    corner = tf.floor(place)
    (right, down), corner = tf.unstack(place - corner, axis=-1), tf.cast(corner, tf.int32)
    colour = share = body = tf.constant(0.0)
    for i, wi in ((0, 1 - down), (1, down)):
        for j, wj in ((0, 1 - right), (1, right)):
            x, y = corner[:, 0] + j, corner[:, 1] + i
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            at = tf.stack([tf.cast(example, tf.int32), tf.where(inside, y, 0), tf.where(inside, x, 0)], -1)
            found = tf.cast(tf.gather_nd(person, at), tf.float32) / 255
            weight = tf.where(inside, wi * wj, 0.0)[:, None]
            share, body = share + weight * found[:, 3:4], body + weight * found[:, 4:]
            colour += weight * found[:, 3:4] * (2 * found[:, :3] - 1)
    return tf.math.divide_no_nan(colour, share), share, body


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
