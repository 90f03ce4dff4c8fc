"""A picture of any size from networks that see S x S: they decide, what they decide on is the photo's own pixels.

`Composition.source` does what depends on the photo alone: surface, backdrop and what hangs beside the body are
unwrapped, completed and cut out at the photo's own size. `Composition.render` adds a pose: prediction, weights and
residual are of S x S and enlarged; texture, hair and backdrop are looked up for each pixel of the full map.

The result has the target map's frame. Photo and map become squares, evenly padded (`ops.frame`), and the photo's square
takes the place of the map's, whatever the two sizes: of a photo of another shape nothing is stretched, and what lies
beyond its edges is backdrop that nobody has seen, filled by means of what is near.

What is enlarged knows the edges of the full map: on the body it is a mean of what the networks said of pixels on the
body, beside it of those beside it, so that nothing bleeds over an outline. What is too fine for S x S the networks had
no say in: where the photo shows the body's surface, detail is the texture's, and what is predicted or carried along
gives the rest. A prediction gets as much of it as the networks trust in the texture beside the prediction.

Everything is a graph that takes any batch, height and width, one size within a batch; pictures are uint8.
"""

from typing import Any

import keras
import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.models import completion, layered
from dpt_tf.ops import atlas, backdrop, frame, levels, pyramid, surface, surroundings

LARGEST = 2048
"""The longest side that is composed; a larger picture is composed at this size, and enlarged."""

_LARGEST_ATLAS = 512
_AT_ONCE = 6  # parts
_LEVELS = 12  # of a fill that reaches everywhere, enough for 4096 pixels


class Composition:
    """The two halves of a generator with layers.

    Attributes:
      size: S.
    """

    def __init__(self, generator: keras.Model):
        """Of a generator of `generator.build(..., blending="layers")` that no keypoints condition."""
        self._predict, warp = generator.get_layer("predictive"), generator.get_layer("warping")
        of_source = {name: warp.input[name] for name in ("source", "source_iuv")}
        wanted = [name for name in ("texture", "observed", "correction") if name in warp.output]
        self._unwrap = keras.Model(of_source, {name: warp.output[name] for name in wanted})
        self._inpaints = "inpainting" in {layer.name for layer in warp.layers}
        self._matte = generator.get_layer("matting")
        blend = generator.get_layer("blending")
        self._decide = keras.Model(blend.input, blend.get_layer("decode").output)
        self.size, self._resolution = warp.input["source"].shape[1], warp.output["texture"].shape[2]

    def halves(self) -> tuple[Any, Any]:
        """`source` and `render` as one graph each: concrete functions, the second's source by its names."""
        picture = tf.TensorSpec([None, None, None, 3], tf.uint8)
        coverage = tf.TensorSpec([None, None, None, 1], tf.uint8)
        source = tf.function(self.source, autograph=False).get_concrete_function(picture, picture, coverage)
        found = source.structured_outputs
        specs = {name: tf.TensorSpec(found[name].shape, found[name].dtype, name) for name in found}
        return source, tf.function(self.render, autograph=False).get_concrete_function(specs, picture)

    def source(self, photo: tf.Tensor, source_iuv: tf.Tensor, coverage: tf.Tensor) -> dict[str, tf.Tensor]:
        """What depends on the photo alone.

        Args:
          photo: uint8 `[B, H, W, 3]`.
          source_iuv: uint8 `[B, H, W, 3]`.
          coverage: uint8 `[B, H, W, 1]`, how much of each pixel is the person, hair and cloth beside the body too, as
            far as somebody else knows (`densepose.crops`); 0 where nobody does. What either sees is the person.

        Returns:
          uint8, at the photo's own size, L the longer of H and W and R' about L, within bounds:
            texture `[B, 24, R', R', 3]`: the whole surface
            observed `[B, 24, R', R', 1]`: 255 where the photo shows it
            backdrop `[B, L, L, 3]`: the photo without the person, in its square
            person `[B, H, W, 5]`: the photo, how much each pixel is the person's (but for arms' rims), 255 on the body
          And what the networks see: small_source, small_iuv, small_texture, small_observed, small_backdrop,
          small_matte, places (`ops.surroundings`).
        """
        coverage = tf.cast(coverage, tf.float32) / 255
        small = self._small(photo, source_iuv, coverage)
        rest = self._rest(photo, source_iuv, coverage, small)
        return self._small_outputs(small) | self._surface(photo, source_iuv, small) | rest

    def _small(self, photo, source_iuv, coverage):
        square = {
            "source": frame.square_photo(photo, self.size) / 127.5 - 1,
            "source_iuv": frame.square_map(source_iuv, self.size),
        }
        matte = tf.maximum(self._matte(square)["matte"], frame.square_share(coverage, self.size))
        behind = backdrop.without(square["source"], matte, pyramid.all_levels(self.size))
        return square | self._unwrap(square) | {"matte": matte, "backdrop": behind}

    def _small_outputs(self, small):
        names = {"source": "source", "iuv": "source_iuv", "texture": "texture", "observed": "observed"}
        names |= {"backdrop": "backdrop", "matte": "matte"}
        given = {f"small_{name}": small[called] for name, called in names.items()}
        return given | {"places": surroundings.places(small["source_iuv"], self._resolution)}

    def _surface(self, photo, source_iuv, small):
        """The texture at a resolution that fits the photo."""
        side, _, _ = frame.margins(tf.shape(photo)[1], tf.shape(photo)[2])
        resolution = self._fitting(side)
        where = tf.where(_on_body(source_iuv))  # [N, 3]
        sheet, uv = _places_of(source_iuv, where)
        colour = tf.cast(tf.gather_nd(photo, where), tf.float32)
        means, hit = atlas.means_at(colour, sheet, uv, tf.shape(photo)[0], resolution)
        radius = tf.cast(16 * resolution, tf.float32) / tf.cast(side, tf.float32)

        def seen(parts):
            spread, observed, around = atlas.fill_some(_some(means, parts), _some(hit, parts), radius)
            return tf.concat([levels.rounded(spread), tf.cast(observed, tf.uint8), levels.share(around)], -1)

        spread, observed, around = tf.split(_part_by_part(seen, 5), [3, 1, 1], -1)
        texture = spread * observed
        if "correction" in small:
            texture = self._completed(texture, observed, spread, around, small["correction"])
        elif self._inpaints:
            texture = tf.where(observed > 0, texture, levels.grey(_resized(small["texture"], resolution)))
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
        return tf.clip_by_value(fitting, self._resolution, max(self._resolution, _LARGEST_ATLAS))

    def _rest(self, photo, source_iuv, coverage, small):
        """Backdrop, and who is the person."""
        height, width = tf.shape(photo)[1], tf.shape(photo)[2]
        side, top, left = frame.margins(height, width)
        body = backdrop.body_of(source_iuv)
        small_body = backdrop.body_of(small["source_iuv"])
        matte = tf.where(body > 0, 1.0, frame.unsquare(_beyond(small["matte"], 1 - small_body), height, width))
        matte = tf.maximum(matte, coverage)
        # A small pixel's margin, as at S x S, and one for what the small matte cannot tell of a full pixel.
        hole = backdrop.dilate(tf.minimum(1.0, 2 * small["matte"]), 2)
        hole = tf.maximum(frame.unsquare(hole, height, width), tf.minimum(1.0, 2 * matte))
        edges = tf.stack([tf.zeros(2, tf.int32), *([x, side - x - n] for x, n in ((top, height), (left, width)))])
        edges = tf.concat([edges, tf.zeros([1, 2], tf.int32)], 0)
        behind = backdrop.continued(levels.signed(photo), hole, _LEVELS)
        beyond = tf.pad(tf.zeros_like(hole), edges, constant_values=1.0)
        behind = backdrop.filled(tf.pad(behind, edges), beyond, _LEVELS)
        small_edges = tf.concat([surroundings.arms_rim(small["source_iuv"]), small_body], -1)
        arms, near_body = tf.split(frame.unsquare(small_edges, height, width), 2, -1)
        matte *= 1 - arms * (1 - body)
        body = tf.maximum(body, tf.minimum(1.0, 2 * near_body))  # a rim that is wider than an outline
        behind = tf.ensure_shape(levels.grey(behind), [None, None, None, 3])
        return {"backdrop": behind, "person": tf.concat([photo, levels.share(matte), levels.share(body)], -1)}

    def render(self, source: dict[str, tf.Tensor], target_iuv: tf.Tensor) -> dict[str, tf.Tensor]:
        """The person in a pose.

        Args:
          source: what `source` gave.
          target_iuv: uint8 `[B, H', W', 3]`.

        Returns:
          uint8 image, warped, predicted, backdrop, layers `[B, H', W', 3]`, provenance `[B, H', W', 1]`: as
          `generator.build` gives them; weights and shares are 0..255.
        """
        height, width = tf.shape(target_iuv)[1], tf.shape(target_iuv)[2]
        body = backdrop.body_of(target_iuv) > 0
        small_iuv = frame.square_map(target_iuv, self.size)
        small = self._decided(source, small_iuv)

        said = tf.concat([small[name] for name in ("predicted", "warped", "carried", "decision")], -1)
        small_body = backdrop.body_of(small_iuv)
        said = tf.where(
            body,
            frame.unsquare(_beyond(said, small_body), height, width),
            frame.unsquare(_beyond(said, 1 - small_body), height, width),
        )
        predicted, coarse, coarse_carried, decision = tf.split(said, [3, 3, 3, 7], -1)
        warped, seen = self._on_body(source, target_iuv)
        carried, overhang = self._carried(source, target_iuv, small)
        warped = tf.where(body, warped, carried)
        behind = levels.signed(frame.unsquare(source["backdrop"], height, width))
        weights, drape, residual = layered.decided(decision, overhang, target_iuv)
        trusted = tf.math.divide_no_nan(weights[..., 1:2], weights[..., 0:1] + weights[..., 1:2])
        # Two ways of warping, a little apart, would show every edge twice.
        detail, other = warped - coarse, carried - coarse_carried
        detail += (1 - seen) * drape * (other - detail)
        predicted += seen * trusted * detail
        image = layered.composite(predicted, coarse, coarse_carried, behind, weights, drape, residual)
        image += weights[..., 1:2] * detail
        pictures = {"image": image, "warped": warped, "predicted": predicted, "backdrop": behind}
        outputs = {name: levels.grey(picture) for name, picture in pictures.items()}
        return outputs | {"provenance": levels.share(seen), "layers": levels.share(weights)}

    def _decided(self, source, target_iuv):
        """What the networks say at S x S."""
        field = surroundings.field(source["places"], target_iuv)
        photo, source_iuv = source["small_source"], source["small_iuv"]
        carried, overhang = surroundings.overhang(photo, source["small_matte"], source_iuv, target_iuv, field)
        warped = tf.where(target_iuv[..., :1] > 0, atlas.sample(source["small_texture"], target_iuv), carried)
        inputs = {"source": photo, "source_iuv": source_iuv, "target_iuv": target_iuv}
        predicted = self._predict(inputs)
        seen = {"predicted": predicted, "warped": warped, "carried": carried, "backdrop": source["small_backdrop"]}
        seen |= {"provenance": atlas.sample(source["small_observed"], target_iuv), "target_iuv": target_iuv}
        seen["overhang"] = overhang
        said = {"predicted": predicted, "warped": warped, "carried": carried, "decision": self._decide(seen)}
        return said | {"field": field}

    def _on_body(self, source, target_iuv):
        """Texture and provenance where the full map has a part, 0 elsewhere."""
        where = tf.where(_on_body(target_iuv))
        sheet, uv = _places_of(target_iuv, where)
        found = [atlas.lookup_at(source[name], sheet, uv) / 255 for name in ("texture", "observed")]
        found = tf.concat([2 * found[0] - 1, found[1]], -1)
        return _scattered(where, found, target_iuv)

    def _carried(self, source, target_iuv, small):
        """What is carried along, and how much of it is the person beside the body: `overhang` of full size."""
        height, width = tf.shape(target_iuv)[1], tf.shape(target_iuv)[2]
        rim, near = surroundings.reach(frame.square_map(target_iuv, self.size))
        enlarged = frame.unsquare(tf.concat([rim, near], -1), height, width)
        body = _on_body(target_iuv)
        where = tf.where(body | (enlarged[..., 1] > 0))
        rim, near = tf.split(tf.gather_nd(enlarged, where), 2, -1)
        beside = 1 - tf.cast(tf.gather_nd(body, where), tf.float32)[:, None]
        here = tf.gather_nd(frame.shares(height, width)[0], where[:, 1:])
        field = surroundings.field_at(small["field"], where[:, 0], here)
        colour, share, was_body = surroundings.carried_at(source["person"], where[:, 0], field)
        overhang = share * beside * near * (1 - was_body * (1 - rim))
        shown = tf.maximum(overhang, share * (1 - beside)) > surroundings.FAINTEST
        return _scattered(where, tf.concat([tf.where(shown, colour, 0.0), overhang], -1), target_iuv)


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


def _scattered(where, values, like):
    """`[N, 4]` at `where` among 0 elsewhere: `[B, H, W, 3]` and `[B, H, W, 1]`."""
    shape = tf.concat([tf.shape(like)[:3], [4]], 0)
    return tf.split(tf.scatter_nd(where, values, tf.cast(shape, tf.int64)), [3, 1], -1)


def _some(atlases, parts):
    return tf.gather(atlases, parts, axis=1)


def _on_body(iuv):
    return (iuv[..., 0] > 0) & (iuv[..., 0] <= NUM_PARTS)


def _places_of(iuv, where):
    """Sheet of the atlas and uv of the pixels at `where` `[N, 3]`: `[N]` int32 and `[N, 2]`."""
    part = tf.cast(tf.gather_nd(iuv[..., 0], where), tf.int32)
    return tf.cast(where[:, 0], tf.int32) * NUM_PARTS + part - 1, tf.gather_nd(levels.uv(iuv), where)


def _beyond(x, inside):
    """`[B, S, S, C]` where `inside` is 1, and carried on from there over the rest."""
    filled, known = pyramid.fill(x * inside, inside, pyramid.all_levels(x.shape[1]))
    return filled + (1 - known) * x


def _resized(texture, resolution):
    flat = tf.reshape(texture, [-1, *texture.shape[2:]])
    large = tf.image.resize(flat, tf.stack([resolution, resolution]))
    return tf.reshape(large, [-1, NUM_PARTS, resolution, resolution, texture.shape[-1]])
