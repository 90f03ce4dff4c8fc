"""Where in the source photo each pixel of a pose is to be found, beside the body too: what `carrying` goes by.

  places `[B, 24, R, R, 8]`: what is known of each texel's place in the source photo: its limb's middle and half its
      limb's width in the row (x), the same of both legs as one where one cloth hangs about them, 0 elsewhere, its
      height (y), all in shares of the sides; 1 where such cloth hangs; whether all that is known; 1 where the photo
      shows the texel itself, -1 where the place is that of a texel that answers it under a flip (`iuv.relations`), in
      which left and right change places
  field `[B, H, W, 3]`: for every pixel of the target, on the body or beside it, its place (x, y) in the source, and 1
      between two legs that one cloth hangs about

A limb is what of head, trunk, thighs and shanks stands in a row, whichever side of it shows. Its outlines in the target
correspond to those in the source, and from there outwards distances are kept, in the person's size: a skirt's hem that
stands a hand's breadth beside the thigh does so in every view. Arms, hands and feet carry nothing: what hangs wide
hangs from head, trunk and legs, whichever way an arm points. A skirt hangs about both legs: in rows where what shows
between them is the person's, they are one limb.
"""

import math

import tensorflow as tf

from dpt_tf.ops import atlas, backdrop, carrying, pyramid, surface

_FLIPPED = ("through", "mirror")
_LIMBS = ((23, 24), (1, 2), (7, 9), (8, 10), (11, 13), (12, 14))
_LEGS = (slice(2, 6, 2), slice(3, 6, 2))  # of the limbs, those of the one leg and of the other
_LEAST_HEIGHT = 0.03  # deviation of the heights of known places, below which they tell no scale
_SPREAD = 0.05  # over which places are averaged, in sides of the picture to each side
_GAP, _CLOSED = 0.025, 0.6  # in sides of the picture, the least that trousers do not cover; how much of it a skirt does
_HEM = 0.01  # over which rows are averaged that tell where a skirt ends


def places(source_iuv: tf.Tensor, matte: tf.Tensor, resolution: int) -> tf.Tensor:
    """Of a source map `[B, S, S, 3]` uint8 and who the person is `[B, S, S, 1]`: `[B, 24, R, R, 8]`."""
    of_limb, of_cloth, _, on_leg = _limbs(source_iuv, matte)
    hangs = _hangs(source_iuv, matte) * on_leg
    grid = tf.concat([of_limb, of_cloth * hangs, _heights(source_iuv), hangs], -1)
    own, seen = atlas.unwrap(grid, source_iuv, resolution)
    place, known, straight = own, seen, seen
    for kind in _FLIPPED:
        gain = (1 - known) * surface.gather(seen, kind)
        place, known, straight = place + gain * surface.gather(own, kind), known + gain, straight - gain
    gain = (1 - known) * surface.gather(seen, "both")  # flipped twice
    place, known, straight = place + gain * surface.gather(own, "both"), known + gain, straight + gain
    return tf.concat([place, known, straight], -1)


def field(places: tf.Tensor, target_iuv: tf.Tensor) -> tf.Tensor:
    """`[B, 24, R, R, 8]`, `[B, S, S, 3]` uint8 -> `[B, S, S, 3]`; where no place is known, the pixel's own."""
    found = atlas.sample(places, target_iuv)
    of_limb, of_both, on_limb, on_leg = _limbs(target_iuv)
    known = on_limb * tf.cast(found[..., 6:7] > 0.5, tf.float32)
    straight = tf.cast(found[..., 7:] > 0, tf.float32)
    place = tf.math.divide_no_nan(found[..., :6], found[..., 6:7])
    hangs = on_leg * known * tf.cast(place[..., 5:] > 0.5, tf.float32)
    y = _heights(target_iuv)
    scale = _scale(place[..., 4:5], y, known)
    down = place[..., 4:5] - scale * y
    x = tf.transpose(y, [0, 2, 1, 3])

    def moved(there, here, told, least=0.0):
        means = _extended(tf.concat([there, down, here, straight], -1) * told, told)
        middle_there, half_there, lower, middle, half, straightly = tf.split(means, 6, -1)
        half = tf.maximum(half, least * half_there / scale)
        out = tf.abs(x - middle)
        beyond = half_there * tf.minimum(1.0, tf.math.divide_no_nan(out, half)) + scale * tf.nn.relu(out - half)
        side = tf.sign(x - middle) * tf.where(straightly > 0.5, 1.0, -1.0)
        return tf.concat([middle_there + side * beyond, scale * y + lower], -1), tf.cast(out < half, tf.float32)

    by_limb, _ = moved(place[..., :2], of_limb, known)
    as_one, between = moved(place[..., 2:4], of_both, hangs, least=1.0)
    hung = tf.cast(_extended(hangs, known) > 0.5, tf.float32)
    at = tf.where(hung > 0, as_one, by_limb)
    at = tf.where(tf.reduce_max(known, [1, 2], keepdims=True) > 0, at, tf.concat([x + 0 * y, y], -1))
    return tf.concat([at, hung * between], -1)


def _limbs(iuv, matte=None):
    """Of the limb that a pixel is of, in shares of the picture's side, 0 off the limbs.

    Returns:
      the middle and half the width of its row `[B, S, S, 2]`, rows averaged with their neighbours; the same of both
      legs as one; 1 on limbs, 1 on legs, `[B, S, S, 1]`.
    """
    mask = _mask(iuv)
    both = cloth = tf.reduce_max(mask[..., 2:], -1, keepdims=True)
    if matte is not None:
        near = backdrop.dilate(both, math.ceil(backdrop.REACH * iuv.shape[1])) * (1 - carrying.arms_rim(iuv))
        cloth = tf.maximum(both, near * (1 - backdrop.body_of(iuv)) * tf.cast(matte > 0.5, tf.float32))
    rows = _rows_of(tf.concat([mask, cloth], -1))  # [B, S, 7, 3]
    window = 2 * math.ceil(_SPREAD / 2 * iuv.shape[1]) + 1
    rows = tf.nn.avg_pool2d(rows, (window, 1), 1, "SAME")
    mean = tf.math.divide_no_nan(rows[..., :2], rows[..., 2:])
    of_pixel = tf.einsum("bhwl,bhlc->bhwc", mask, mean[:, :, :-1])
    return of_pixel, both * mean[:, :, None, -1], tf.reduce_sum(mask, -1, keepdims=True), both


def _mask(iuv):
    """1 on each limb, `[B, S, S, 6]`."""
    parts = tf.one_hot(tf.cast(iuv[..., 0], tf.int32), 25)
    return tf.stack([tf.add_n([parts[..., part] for part in limb]) for limb in _LIMBS], -1)


def _rows_of(mask):
    """Where in each row something is, `[B, S, S, L] -> [B, S, L, 3]`: middle, half its width, 1; 0 where it is not."""
    size = mask.shape[1]
    edge = tf.range(size, dtype=tf.float32)[:, None] / size  # of each column
    there = tf.reduce_max(mask, 2)
    left = tf.reduce_min(tf.where(mask > 0, edge, 2.0), 2)
    right = tf.reduce_max(tf.where(mask > 0, edge + 1 / size, -1.0), 2)
    return tf.stack([(left + right) / 2 * there, (right - left) / 2 * there, there], -1)


def _hangs(iuv, matte):
    """1 in rows in which one cloth hangs about both legs, `[B, S, 1, 1]`.

    What shows between the legs is the person's there. Where nothing shows, it is as in the nearest rows where it does.
    """
    mask = _mask(iuv)
    legs = tf.stack([tf.reduce_max(mask[..., leg], -1) for leg in _LEGS], -1)
    middle, half, there = tf.unstack(_rows_of(legs), axis=-1)  # [B, S, 2]
    low, high = tf.reduce_min(middle + half, -1), tf.reduce_max(middle - half, -1)  # of the gap between the two
    column = _heights(iuv)[:, :, 0, 0]
    gap = tf.cast((column[:, None] > low[..., None]) & (column[:, None] < high[..., None]), tf.float32)[..., None]
    gap *= (1 - backdrop.body_of(iuv)) * tf.reduce_prod(there, -1)[..., None, None]
    gap *= tf.cast(high - low > _GAP, tf.float32)[..., None, None]
    shown = tf.reduce_sum(gap, 2, keepdims=True)
    cloth = tf.reduce_sum(gap * matte, 2, keepdims=True)
    window = 2 * math.ceil(_HEM * iuv.shape[1]) + 1
    shown, cloth = (tf.nn.avg_pool2d(x, (window, 1), 1, "SAME") for x in (shown, cloth))
    known = tf.cast(shown > 1e-6, tf.float32)
    share, _ = pyramid.fill(tf.math.divide_no_nan(cloth, shown), known, pyramid.all_levels(iuv.shape[1]))
    return tf.cast(share > _CLOSED, tf.float32)


def _heights(iuv):
    """Y of the pixels' centres in shares of the side, `[B, S, S, 1]`."""
    size = iuv.shape[1]
    rows = (tf.range(size, dtype=tf.float32)[:, None, None] + 0.5) / size
    return tf.zeros_like(iuv[..., :1], tf.float32) + rows


def _scale(place, here, known):
    """How much larger the person is in the source than in the target, by heights alone: `[B, 1, 1, 1]`."""

    def deviation(heights):
        mean = tf.math.divide_no_nan(tf.reduce_sum(known * heights, [1, 2], True), area)
        return tf.sqrt(tf.math.divide_no_nan(tf.reduce_sum(known * tf.square(heights - mean), [1, 2], True), area))

    area = tf.reduce_sum(known, [1, 2], keepdims=True)
    in_target = deviation(here)
    ratio = tf.math.divide_no_nan(deviation(place), in_target)
    return tf.where(in_target > _LEAST_HEIGHT, tf.clip_by_value(ratio, 0.3, 3.0), 1.0)


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
