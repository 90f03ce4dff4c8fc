"""Moving colour between the image plane and the UV atlas (Sec. 3.2).

  image `[B, H, W, C]`   iuv `[B, H, W, 3]`, (I, U, V) as in uint8 files
  part `[B, H, W]` int32, 0 = background, 1..24
  uv `[B, H, W, 2]` in [0, 1], u along atlas columns, v along rows; outside values count as the nearest of 0 and 1
  atlas `[B, 24, R, R, C]`, part p at index p - 1, texel (i, j) centred at u = j / (R - 1), v = i / (R - 1)

Batch, height, width and R may be unknown; C may not. Everything is float32 inside and out, the same twice over, and
differentiable by colour and by uv.
"""

import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.ops import pyramid
from dpt_tf.ops.device import custom_gradient, device

# A texel that got less weight than this was grazed by rounding only, and counts as not hit.
_LEAST_WEIGHT = 1e-3
_MOST_LEVELS = 6
_CELLS = 16


def coordinates(iuv: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Part and uv of a map as it is stored: `[B, H, W, 3]` uint8 to `[B, H, W]` int32 and `[B, H, W, 2]`."""
    iuv = tf.convert_to_tensor(iuv)
    return tf.cast(iuv[..., 0], tf.int32), tf.cast(iuv[..., 1:3], tf.float32) / 255.0


def splat(image: tf.Tensor, part: tf.Tensor, uv: tf.Tensor, resolution: int) -> tf.Tensor:
    """Adds each pixel, with bilinear weights, to the four texels round it: `[B, H, W, C] -> [B, 24, R, R, C]`.

    A sum, not a mean (`unwrap` has the means): the exact transpose of `lookup`, by which each of the two is the other's
    proof. Background goes nowhere.
    """
    texel, weight = _taps(_sheets(part), uv, resolution)
    return _as_atlas(_scatter(weight * _pixels(image), texel, _texels(part, resolution)), resolution)


def lookup(texture: tf.Tensor, part: tf.Tensor, uv: tf.Tensor) -> tf.Tensor:
    """Bilinear lookup, 0 on background: `[B, 24, R, R, C] -> [B, H, W, C]`. The exact transpose of `splat`."""
    texture = tf.cast(texture, tf.float32)
    if texture.shape.rank != 5 or texture.shape[1] != NUM_PARTS or texture.shape[2] != texture.shape[3]:
        raise ValueError(f"a texture is [B, {NUM_PARTS}, R, R, C], this one is {texture.shape}")
    channels = texture.shape[4]
    texel, weight = _taps(_sheets(part), uv, resolution_of(texture))
    colour = _gather(tf.reshape(texture, [-1, channels]), texel)
    shape = tf.concat([tf.shape(part), [channels]], axis=0)
    return tf.reshape(tf.reduce_sum(weight * colour, axis=1), shape)


def lookup_at(texture: tf.Tensor, sheet: tf.Tensor, uv: tf.Tensor) -> tf.Tensor:
    """`lookup` of some pixels: sheet `[N]`, 24 b + part - 1, uv `[N, 2]` -> float32 `[N, C]`.

    What is read may be uint8, of which only the texels that are read become float32.
    """
    texel, weight = _taps(sheet, uv, resolution_of(texture))
    rows = tf.gather(tf.reshape(texture, [-1, texture.shape[4]]), texel)
    return tf.reduce_sum(weight * tf.cast(rows, tf.float32), axis=1)


def sample(texture: tf.Tensor, iuv: tf.Tensor) -> tf.Tensor:
    """`lookup` at the places of a stored map: `[B, 24, R, R, C]`, `[B, H, W, 3]` uint8 to `[B, H, W, C]`."""
    return lookup(texture, *coordinates(iuv))


def unwrap(
    image: tf.Tensor, iuv: tf.Tensor, resolution: int = 256, radius: int | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """What the camera saw of the body surface, by scattered interpolation (the STN of Eq. 5).

    A texel that pixels fall on has their mean by bilinear weight. One that got nothing is filled from its surroundings
    by pull and push (`pyramid`): never if the nearest that got something is further than `radius`, always if it is
    within 2^n - 1, the largest such number up to radius / 2. The rest stays unobserved.

    Note: the paper says "scattered interpolation" and no more. Against linear interpolation over a Delaunay
    triangulation, pull and push covers more of a new pose, is closer to the photo there, and is many times quicker
    (`benchmarks/atlas.py` measures it).

    Args:
      image: `[B, H, W, C]`.
      iuv: `[B, H, W, 3]` uint8.
      resolution: R, texels along each side of a part.
      radius: how far to fill, in texels; 0 fills nothing; None is `default_radius` of the image, whose size must be
        known.

    Returns:
      texture `[B, 24, R, R, C]`, 0 where nothing is known, and observed `[B, 24, R, R, 1]`, 1 where something is.
    """
    part, uv = coordinates(iuv)
    if radius is None:
        radius = default_radius(resolution, max(iuv.shape[1:3]))
    levels = pyramid.levels(radius, resolution)
    pixels, sheet, uv = _pixels(image), tf.reshape(_sheets(part), [-1]), tf.reshape(uv, [-1, 2])
    if device() == "cpu":  # a GPU would have to wait until it is known how many there are
        on_body = tf.where(sheet >= 0)[:, 0]
        pixels, sheet, uv = (tf.gather(x, on_body) for x in (pixels, sheet, uv))
    colour, hit = _means(pixels, sheet, uv, tf.shape(part)[0], resolution)
    flat = [-1, resolution, resolution]
    texture, observed = pyramid.fill(tf.reshape(colour, [*flat, colour.shape[-1]]), tf.reshape(hit, [*flat, 1]), levels)
    return _as_atlas(texture, resolution), _as_atlas(observed, resolution)


def means_at(
    colour: tf.Tensor, sheet: tf.Tensor, uv: tf.Tensor, batch: tf.Tensor, resolution: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """What falls on each texel of an atlas of any resolution, of some pixels that all lie on a body.

    Args:
      colour: `[N, C]`.
      sheet: 24 b + part - 1, `[N]` int32.
      uv: `[N, 2]`.
      batch: B.
      resolution: R, a scalar int32.

    Returns:
      `[B, 24, R, R, C]`, its mean by bilinear weight, and `[B, 24, R, R, 1]`, 1 where there is any.
    """
    return tuple(_as_atlas(x, resolution) for x in _means(colour[:, None], sheet, uv, batch, resolution))


def fill_some(means: tf.Tensor, hit: tf.Tensor, radius: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The fill of `unwrap`, of some parts `[B, P, R, R, C]` at any resolution, with holes closed.

    A texel is filled from further away than `radius`, a scalar float32, where most of what is round it was seen, within
    a sixteenth of a part's side.

    Returns:
      Texture `[B, P, R, R, C]`, carried on a little beyond what is known; observed and, from 0 to 1, how much is known
      around each texel `[B, P, R, R, 1]`.
    """
    resolution, shape = tf.shape(hit)[2], tf.shape(hit)[:4]
    used = tf.cast(tf.math.log(radius + 2) / tf.math.log(2.0) + 1e-4, tf.int32) - 1
    size = tf.stack([resolution, resolution])
    means, hit = (tf.reshape(x, [-1, resolution, resolution, x.shape[-1]]) for x in (means, hit))
    _, observed = pyramid.fill(hit, hit, _MOST_LEVELS, tf.minimum(used, _MOST_LEVELS))
    spread, reached = pyramid.fill(means, hit, _MOST_LEVELS)
    around = tf.image.resize(tf.image.resize(observed, [_CELLS, _CELLS], tf.image.ResizeMethod.AREA), size)
    observed = tf.maximum(observed, tf.cast((around > 0.5) & (reached > 0), tf.float32))
    return tuple(tf.reshape(x, tf.concat([shape, [x.shape[-1]]], 0)) for x in (spread, observed, around))


def _means(pixels, sheet, uv, batch, resolution):
    """Mean colour `[B 24 R R, C]` by bilinear weight of what falls on a texel, and 1 where something does."""
    texel, weight = _taps(sheet, uv, resolution)
    texels = batch * (NUM_PARTS * resolution * resolution)

    # Only few texels are hit: divide by the sum of weights tap by tap, not texel by texel.
    total = _scatter(weight, texel, texels)
    hit = tf.cast(total > _LEAST_WEIGHT, tf.float32)
    at_taps = _gather(total, texel)
    share = tf.where(at_taps > _LEAST_WEIGHT, tf.math.divide_no_nan(weight, at_taps), 0.0)
    return _scatter(share * pixels, texel, texels), hit


def default_radius(resolution: int, image_size: int) -> int:
    """16 R / S texels, which span the gaps between the pixels of a person who fills an image of S x S."""
    return max(1, round(16 * resolution / image_size))


def resolution_of(texture: tf.Tensor) -> int | tf.Tensor:
    """R of `[B, 24, R, R, C]`, a number where the graph knows it."""
    return tf.shape(texture)[3] if texture.shape[3] is None else texture.shape[3]


def _sheets(part):
    """The sheet of the atlases that each pixel belongs to, 24 b + part - 1; -1 on background. `[B, H, W]` int32."""
    part = tf.convert_to_tensor(part)
    on_body = (part > 0) & (part <= NUM_PARTS)
    return tf.where(on_body, tf.range(tf.shape(part)[0])[:, None, None] * NUM_PARTS + part - 1, -1)


def _taps(sheet, uv, resolution):
    """The four texels round each pixel: flat index `[N, 4]` int32, -1 on background; weight `[N, 4, 1]`.

    The one place that knows where a pixel belongs in the atlas: splatting adds there, sampling reads there.
    """
    if isinstance(resolution, int) and resolution < 2:
        raise ValueError(f"an atlas of resolution {resolution}; it takes at least 2 texels to interpolate between")
    last = tf.cast(resolution - 1, tf.float32)
    place = tf.clip_by_value(uv, 0.0, 1.0) * last
    corner = tf.minimum(tf.floor(tf.stop_gradient(place)), last - 1)
    (right, down), (j, i) = tf.unstack(place - corner, axis=-1), tf.unstack(tf.cast(corner, tf.int32), axis=-1)
    weight = tf.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right], axis=-1)

    first = (sheet * resolution + i) * resolution + j
    texel = first[..., None] + tf.stack([0, 1, resolution, resolution + 1])
    on_body = (sheet >= 0)[..., None]
    texel = tf.where(on_body, texel, -1)
    weight = tf.where(on_body, weight, 0.0)
    return tf.reshape(texel, [-1, 4]), tf.reshape(weight, [-1, 4, 1])


def _scatter(values, texel, texels):
    """Sums `[N, 4, C]` by texel into `[texels, C]`; one of index -1 goes nowhere. The transpose of `_gather`."""
    # Segment sums, and not scatter-nd, have a deterministic kernel on every device.
    return tf.raw_ops.UnsortedSegmentSum(data=values, segment_ids=texel, num_segments=texels)


@custom_gradient
def _gather(flat, texel):
    """Rows of `[texels, C]` as `[N, 4, C]`; any row where the index is -1, so weigh it with 0."""
    texels = tf.shape(flat)[0]
    return tf.gather(flat, tf.maximum(texel, 0)), lambda upstream: (_scatter(upstream, texel, texels), None)


def _pixels(image):
    """`[B, H, W, C]` as one row a pixel, `[BHW, 1, C]`."""
    image = tf.cast(image, tf.float32)
    return tf.reshape(image, [-1, 1, image.shape[-1]])


def _texels(part, resolution):
    return tf.shape(part)[0] * (NUM_PARTS * resolution * resolution)


def _as_atlas(flat, resolution):
    return tf.reshape(flat, [-1, NUM_PARTS, resolution, resolution, flat.shape[-1]])
