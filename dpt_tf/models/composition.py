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

import math
from typing import Any

import keras
import tensorflow as tf

from dpt_tf.models import layered
from dpt_tf.models.unwrapping import Unwrapping, on_body, places_of
from dpt_tf.ops import atlas, backdrop, carrying, frame, levels, pyramid, surroundings

LARGEST = 2048
"""The longest side that is composed; a larger picture is composed at this size, and enlarged."""

_RIM = 0.03  # of a map, in sides of the picture, that may be the wall's
_NOBODY = 0.3  # a share of a pixel that is too little for a person
_LEVELS = 12  # of a fill that reaches everywhere, enough for 4096 pixels


class Composition:
    """The two halves of a generator with layers.

    Attributes:
      size: S.
    """

    def __init__(self, generator: keras.Model):
        """Of a generator of `generator.build(..., blending="layers")` that no keypoints condition."""
        self._predict, warp = generator.get_layer("predictive"), generator.get_layer("warping")
        self._unwrapping = Unwrapping(generator)
        self._matte = generator.get_layer("matting")
        blend = generator.get_layer("blending")
        self._decide = keras.Model(blend.input, blend.get_layer("decode").output)
        self.size, self._resolution = warp.input["source"].shape[1], self._unwrapping.resolution

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
            far as somebody else knows (`densepose.crops`); 0 where nobody does. What either sees is the person; at the
            map's rim what this one does not see is not.

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
        source_iuv = self._trimmed(source_iuv, coverage)
        small = self._small(photo, source_iuv, coverage)
        rest = self._rest(photo, source_iuv, coverage, small)
        return self._small_outputs(small) | self._unwrapping.of_photo(photo, source_iuv, small) | rest

    def surface(self, texture: tf.Tensor, observed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Of a surface that several photos show, what takes the place of a source's own: `Unwrapping.of_several`."""
        return self._unwrapping.of_several(texture, observed)

    def _trimmed(self, source_iuv, coverage):
        """The map without what it has of the wall: its rim where nobody is, if who is was told for most of the body."""
        height, width = tf.shape(source_iuv)[1], tf.shape(source_iuv)[2]
        off = 1 - backdrop.body_of(frame.square_map(source_iuv, self.size))
        rim = frame.unsquare(backdrop.dilate(off, math.ceil(_RIM * self.size)), height, width) > 0.5
        body = backdrop.body_of(source_iuv)
        told = tf.reduce_sum(body * coverage, [1, 2], keepdims=True) > tf.reduce_sum(body, [1, 2], keepdims=True) / 2
        return tf.where(told & rim & (coverage < _NOBODY), tf.zeros([], tf.uint8), source_iuv)

    def _small(self, photo, source_iuv, coverage):
        square = {
            "source": frame.square_photo(photo, self.size) / 127.5 - 1,
            "source_iuv": frame.square_map(source_iuv, self.size),
        }
        matte = tf.maximum(self._matte(square)["matte"], frame.square_share(coverage, self.size))
        behind = backdrop.without(square["source"], matte, pyramid.all_levels(self.size))
        return square | self._unwrapping.small(square) | {"matte": matte, "backdrop": behind}

    def _small_outputs(self, small):
        names = {"source": "source", "iuv": "source_iuv", "texture": "texture", "observed": "observed"}
        names |= {"backdrop": "backdrop", "matte": "matte"}
        given = {f"small_{name}": small[called] for name, called in names.items()}
        return given | {"places": surroundings.places(small["source_iuv"], small["matte"], self._resolution)}

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
        small_edges = tf.concat([carrying.arms_rim(small["source_iuv"]), small_body], -1)
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
        warped = tf.where(carrying.is_person(overhang, target_iuv), warped, 0.0)
        pictures = {"image": image, "warped": warped, "predicted": predicted, "backdrop": behind}
        outputs = {name: levels.grey(picture) for name, picture in pictures.items()}
        return outputs | {"provenance": levels.share(seen), "layers": levels.share(weights)}

    def _decided(self, source, target_iuv):
        """What the networks say at S x S."""
        field = surroundings.field(source["places"], target_iuv)
        photo, source_iuv = source["small_source"], source["small_iuv"]
        carried, overhang, left = carrying.overhang(photo, source["small_matte"], source_iuv, target_iuv, field)
        warped = tf.where(target_iuv[..., :1] > 0, atlas.sample(source["small_texture"], target_iuv), carried)
        inputs = {"source": photo, "source_iuv": source_iuv, "target_iuv": target_iuv}
        predicted = self._predict(inputs)
        seen = {"predicted": predicted, "warped": warped, "carried": carried, "backdrop": source["small_backdrop"]}
        seen |= {"provenance": atlas.sample(source["small_observed"], target_iuv), "target_iuv": target_iuv}
        seen |= {"overhang": overhang, "left": left}
        said = {"predicted": predicted, "warped": warped, "carried": carried, "decision": self._decide(seen)}
        return said | {"field": field}

    def _on_body(self, source, target_iuv):
        """Texture and provenance where the full map has a part, 0 elsewhere."""
        where = tf.where(on_body(target_iuv))
        sheet, uv = places_of(target_iuv, where)
        found = [atlas.lookup_at(source[name], sheet, uv) / 255 for name in ("texture", "observed")]
        found = tf.concat([2 * found[0] - 1, found[1]], -1)
        return _scattered(where, found, target_iuv)

    def _carried(self, source, target_iuv, small):
        """What is carried along, and how much of it is the person beside the body: `overhang` of full size."""
        height, width = tf.shape(target_iuv)[1], tf.shape(target_iuv)[2]
        reach = carrying.reach(source["small_iuv"], frame.square_map(target_iuv, self.size), small["field"])
        at, between = tf.split(small["field"], [2, 1], -1)
        enlarged = frame.unsquare(tf.concat([*reach, between], -1), height, width)
        body = on_body(target_iuv)
        where = tf.where(body | (enlarged[..., 1] > 0))
        rim, near, kept, between = tf.split(tf.gather_nd(enlarged, where), 4, -1)
        beside = 1 - tf.cast(tf.gather_nd(body, where), tf.float32)[:, None]
        here = tf.gather_nd(frame.shares(height, width)[0], where[:, 1:])
        field = carrying.field_at(at, where[:, 0], here)
        colour, share, was_body = carrying.carried_at(source["person"], where[:, 0], field)
        overhang = share * beside * near * tf.maximum(between, kept * (1 - was_body * (1 - rim)))
        shown = share * tf.maximum(near, 1 - beside) > carrying.FAINTEST
        return _scattered(where, tf.concat([tf.where(shown, colour, 0.0), overhang], -1), target_iuv)


def _scattered(where, values, like):
    """`[N, 4]` at `where` among 0 elsewhere: `[B, H, W, 3]` and `[B, H, W, 1]`."""
    shape = tf.concat([tf.shape(like)[:3], [4]], 0)
    return tf.split(tf.scatter_nd(where, values, tf.cast(shape, tf.int64)), [3, 1], -1)


def _beyond(x, inside):
    """`[B, S, S, C]` where `inside` is 1, and carried on from there over the rest."""
    filled, known = pyramid.fill(x * inside, inside, pyramid.all_levels(x.shape[1]))
    return filled + (1 - known) * x
