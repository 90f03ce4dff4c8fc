"""The surface of a person at a photo's own resolution: what was seen as it was seen, the rest as the networks say.

  texture uint8 `[B, 24, R', R', 3]`   observed uint8 `[B, 24, R', R', 1]`, 255 where a photo shows the texel

R' is about the longer side of the photo, within bounds; the networks see R texels, R' is that times a power of two.
"""

import keras
import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.models import completion
from dpt_tf.ops import atlas, frame, levels, surface

_LARGEST_ATLAS = 512
_AT_ONCE = 6  # parts


class Unwrapping:
    """A generator's way from photos to the surface.

    Attributes:
      resolution: R.
    """

    def __init__(self, generator: keras.Model):
        """Of a generator of `generator.build`."""
        warp = generator.get_layer("warping")
        of_source = {name: warp.input[name] for name in ("source", "source_iuv")}
        wanted = [name for name in ("texture", "observed", "correction") if name in warp.output]
        self._unwrap = keras.Model(of_source, {name: warp.output[name] for name in wanted})
        self._inpaint = next((layer for layer in warp.layers if layer.name == "inpainting"), None)
        self.resolution = warp.output["texture"].shape[2]

    def small(self, square: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What the networks say of `source` and `source_iuv`, S x S: texture, observed and, where it is, correction."""
        return self._unwrap({name: square[name] for name in self._unwrap.input})

    def of_photo(self, photo: tf.Tensor, source_iuv: tf.Tensor, small: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The texture of a photo of any size, at a resolution that fits it; `small` is what `small` gave."""
        side, _, _ = frame.margins(tf.shape(photo)[1], tf.shape(photo)[2])
        resolution = self._fitting(side)
        where = tf.where(on_body(source_iuv))  # [N, 3]
        sheet, uv = places_of(source_iuv, where)
        colour = tf.cast(tf.gather_nd(photo, where), tf.float32)
        means, hit = atlas.means_at(colour, sheet, uv, tf.shape(photo)[0], resolution)
        radius = tf.cast(16 * resolution, tf.float32) / tf.cast(side, tf.float32)
        return self._filled(means, hit, radius, small)

    def of_several(self, texture: tf.Tensor, observed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Of a surface that several photos show, what a photo's source says of its own.

        Args:
          texture: uint8 `[B, 24, R, R, 3]`, R at least the networks' and a power of two times theirs.
          observed: uint8 `[B, 24, R, R, 1]`, 255 where the colour of a texel is known.

        Returns:
          uint8 texture and observed, small_texture and small_observed, to take the place of a source's own.
        """
        hit = tf.cast(observed > 0, tf.float32)
        means = tf.cast(texture, tf.float32) * hit
        small_hit = _reduced(hit, self.resolution)
        small = tf.math.divide_no_nan(_reduced(means / 127.5 - hit, self.resolution), small_hit)
        seen = {"texture": small, "observed": tf.cast(small_hit > 0, tf.float32)}
        small = seen
        if self._inpaint is not None and isinstance(self._inpaint.input, dict):
            small = seen | self._inpaint(seen)
        elif self._inpaint is not None:
            known = seen["observed"]
            small = seen | {"texture": seen["texture"] + (1 - known) * self._inpaint(seen["texture"])}
        whole = self._filled(means, hit, tf.constant(0.0), small)
        return whole | {"small_texture": small["texture"], "small_observed": small["observed"]}

    def _filled(self, means, hit, radius, small):
        """The texture of which some texels got something."""

        def seen(parts):
            spread, observed, around = atlas.fill_some(_some(means, parts), _some(hit, parts), radius)
            return tf.concat([levels.rounded(spread), tf.cast(observed, tf.uint8), levels.share(around)], -1)

        spread, observed, around = tf.split(_part_by_part(seen, 5), [3, 1, 1], -1)
        texture = spread * observed
        if "correction" in small:
            texture = self._completed(texture, observed, spread, around, small["correction"])
        elif self._inpaint is not None:
            unseen = _resized(small["texture"], atlas.resolution_of(texture))
            texture = tf.where(observed > 0, texture, levels.grey(unseen))
        else:
            texture = tf.where(observed > 0, texture, 128)
        return {"texture": texture, "observed": 255 * observed}

    def _completed(self, texture, observed, spread, around, correction):
        """What was not seen: the prior and what the network adds to it."""

        def some(parts):
            prior, known = surface.complete(texture, observed, parts) / 127.5 - 1, _some(observed, parts)
            corrected = 127.5 * (completion.correct(prior, known, _some(correction, parts)) + 1)
            # Over a narrow rim what was seen gives way to what was not: they may differ in light.
            still = tf.clip_by_value(tf.cast(_some(around, parts), tf.float32) * (4 / 255) - 1, 0.0, 1.0)
            mixed = corrected + still * (tf.cast(_some(spread, parts), tf.float32) - corrected)
            return tf.where(known > 0, _some(texture, parts), levels.rounded(mixed))

        return _part_by_part(some, 3)

    def _fitting(self, side):
        """Texels: the power of two nearest to the photo's side, within bounds."""
        power = tf.round(tf.math.log(tf.cast(side, tf.float32)) / tf.math.log(2.0))
        fitting = tf.cast(tf.round(tf.pow(2.0, power)), tf.int32)
        return tf.clip_by_value(fitting, self.resolution, max(self.resolution, _LARGEST_ATLAS))


def _part_by_part(function, channels):
    """`function` of some parts' indices `[P]` -> uint8 `[B, P, R, R, C]`; all of them, `[B, 24, R, R, C]`.

    A large atlas in float32, and what is computed from it, would be most of a gigabyte at once.
    """
    groups = tf.reshape(tf.range(NUM_PARTS), [-1, _AT_ONCE])
    spec = tf.TensorSpec([None, _AT_ONCE, None, None, channels], tf.uint8)
    found = tf.map_fn(function, groups, parallel_iterations=1, fn_output_signature=spec)  # [G, B, P, R, R, C]
    shape = tf.shape(found)
    joined = tf.transpose(found, [1, 0, 2, 3, 4, 5])
    return tf.reshape(joined, [shape[1], NUM_PARTS, shape[3], shape[4], channels])


def _some(atlases, parts):
    return tf.gather(atlases, parts, axis=1)


def on_body(iuv: tf.Tensor) -> tf.Tensor:
    """Where a map has a part: bool `[B, H, W]`."""
    return (iuv[..., 0] > 0) & (iuv[..., 0] <= NUM_PARTS)


def places_of(iuv: tf.Tensor, where: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Sheet of the atlas and uv of the pixels at `where` `[N, 3]`: `[N]` int32 and `[N, 2]`."""
    part = tf.cast(tf.gather_nd(iuv[..., 0], where), tf.int32)
    return tf.cast(where[:, 0], tf.int32) * NUM_PARTS + part - 1, tf.gather_nd(levels.uv(iuv), where)


def _reduced(x, resolution):
    """Means of an atlas's squares of texels, so that R remain: `[B, 24, R', R', C] -> [B, 24, R, R, C]`."""
    times = tf.shape(x)[2] // resolution
    cells = tf.reshape(x, tf.concat([tf.shape(x)[:2], [resolution, times, resolution, times, x.shape[-1]]], 0))
    return tf.ensure_shape(tf.reduce_mean(cells, [3, 5]), [None, NUM_PARTS, resolution, resolution, x.shape[-1]])


def _resized(texture, resolution):
    flat = tf.reshape(texture, [-1, *texture.shape[2:]])
    large = tf.image.resize(flat, tf.stack([resolution, resolution]))
    return tf.reshape(large, [-1, NUM_PARTS, resolution, resolution, texture.shape[-1]])
