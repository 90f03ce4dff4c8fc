"""The functions that an export answers by, B free, S = image_size, R = atlas_size.

                 takes                                                    gives
serving_default  source_bytes, source_iuv_bytes, target_iuv_bytes         image_bytes
tensors          source, source_iuv, target_iuv                           image, warped, provenance
texture          source, source_iuv                                       source, source_iuv, texture, observed
render           what `texture` gives, target_iuv                         image, warped, predicted, provenance

..._bytes string `[B]`, files of S x S pixels: a PNG or JPEG photo, PNG maps in either order; image_bytes a PNG
source, image, warped, predicted float32 `[B, S, S, 3]` in [-1, 1]   provenance float32 `[B, S, S, 1]`
source_iuv, target_iuv uint8 `[B, S, S, 3]` (I, U, V)
texture float32 `[B, 24, R, R, 3]`   observed uint8 `[B, 24, R, R, 1]`, 0 or 1, in which nothing is lost

`texture` is all that depends on the source alone: whoever paints a person many times asks it once and hands its answer
to `render`, as it is, with each pose. The other two are the same two halves, one after the other.

Each input is checked in the graph: a wrong size, batches that differ, a part above 24, a map without a person, a file
that is no picture end in INVALID_ARGUMENT and a sentence (`checks`, `reading`, `maps`).

Of a generator that blends by layers they take pictures of any size: `any_size`. An export that finds maps itself has
two more: `photos`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from dpt_tf.config import HParams
from dpt_tf.export import checks, reading
from dpt_tf.iuv import NUM_PARTS
from dpt_tf.ops import atlas, frame

TAKES = {
    "serving_default": ("source_bytes", "source_iuv_bytes", "target_iuv_bytes"),
    "tensors": ("source", "source_iuv", "target_iuv"),
    "texture": ("source", "source_iuv"),
    "render": ("source", "source_iuv", "texture", "observed", "target_iuv"),
}
NAMES = tuple(TAKES)

Tensors = dict[str, tf.Tensor]


class Signatures:
    """The four functions of a generator."""

    def __init__(self, model: keras.Model, hparams: HParams):
        """`model` is a generator that no keypoints condition, `hparams` its own."""
        self._size, resolution = hparams.image_size, hparams.atlas_size
        photo: list[int | None] = [self._size, self._size, 3]
        sheets = [NUM_PARTS, resolution, resolution]
        self._inner: dict[str, list[int | None]] = {"source": photo, "source_iuv": photo, "target_iuv": photo}
        self._inner |= {"texture": [*sheets, 3], "observed": [*sheets, 1]}
        self._inner |= {"source_bytes": [], "source_iuv_bytes": [], "target_iuv_bytes": []}
        self._predict, warp = model.get_layer("predictive"), model.get_layer("warping")
        of_source = {name: warp.input[name] for name in ("source", "source_iuv")}
        self._unwrap = keras.Model(of_source, {name: warp.output[name] for name in ("texture", "observed")})
        self._blend = model.get_layer("blending") if hparams.blocks != "predictive" else None
        layers = ("matting", "surroundings", "beside") if hparams.blending == "layers" else ()
        self._layers = {name: model.get_layer(name) for name in layers}
        # Concrete functions: traced once, stored once, called by several signatures.
        self._texture = traced(self._source_half, self._specs(TAKES["texture"]))
        self._render = traced(self._target_half, self._specs(TAKES["render"], observed=tf.float32))

    def add_to(self, archive: keras.export.ExportArchive) -> None:
        """Adds every signature as an endpoint."""
        for name in NAMES:
            endpoint(archive, name, getattr(self, name), self.specs(name))

    def specs(self, signature: str) -> list[tf.TensorSpec]:
        """The inputs of a signature, in order."""
        return self._specs(TAKES[signature])

    def serving_default(self, source_bytes, source_iuv_bytes, target_iuv_bytes) -> Tensors:
        """Files to files."""
        files = {"source_bytes": source_bytes, "source_iuv_bytes": source_iuv_bytes}
        files = checks.sizes(files | {"target_iuv_bytes": target_iuv_bytes}, self._inner)
        source = tf.cast(reading.read_photos("source_bytes", files["source_bytes"], self._size), tf.float32) / 127.5 - 1
        source_iuv, target_iuv = (
            reading.read_maps(name, files[name], self._size) for name in ("source_iuv_bytes", "target_iuv_bytes")
        )
        return {"image_bytes": reading.write_pictures(self._pixels(source, source_iuv, target_iuv))}

    def tensors(self, source, source_iuv, target_iuv) -> Tensors:
        """Arrays to arrays."""
        x = self._checked(source=source, source_iuv=source_iuv, target_iuv=target_iuv)
        outputs = self._render(
            x["source"], x["source_iuv"], *self._texture(x["source"], x["source_iuv"]), x["target_iuv"]
        )
        return {name: outputs[name] for name in ("image", "warped", "provenance")}

    def texture(self, source, source_iuv) -> Tensors:
        """What depends on the source alone."""
        x = self._checked(source=source, source_iuv=source_iuv)
        texture, observed = self._texture(**x)
        return x | {"texture": texture, "observed": tf.cast(observed, tf.uint8)}

    def render(self, source, source_iuv, texture, observed, target_iuv) -> Tensors:
        """The rest."""
        x = self._checked(
            source=source, source_iuv=source_iuv, texture=texture, observed=observed, target_iuv=target_iuv
        )
        return self._render(**x | {"observed": tf.cast(x["observed"], tf.float32)})

    def painted(self, source, source_iuv, target_iuv, coverage=None) -> tf.Tensor:
        """Pictures of any size, uint8 `[B, H, W, 3]`, without checks: the photo in the pose, of the pose's size.

        `coverage` uint8 `[B, H, W, 1]` says who is the person beside the body; networks with layers ask for it.
        """
        del coverage
        square = frame.square_photo(source, self._size) / 127.5 - 1
        pixels = self._pixels(square, *(frame.square_map(iuv, self._size) for iuv in (source_iuv, target_iuv)))
        return frame.unsquare_photo(pixels, tf.shape(target_iuv)[1], tf.shape(target_iuv)[2])

    def _pixels(self, source, source_iuv, target_iuv) -> tf.Tensor:
        image = self._render(source, source_iuv, *self._texture(source, source_iuv), target_iuv)["image"]
        return tf.cast(tf.round((tf.clip_by_value(image, -1.0, 1.0) + 1) * 127.5), tf.uint8)

    def _source_half(self, source, source_iuv) -> tuple[tf.Tensor, tf.Tensor]:
        unwrapped = self._unwrap({"source": source, "source_iuv": source_iuv})
        return unwrapped["texture"], unwrapped["observed"]

    def _target_half(self, source, source_iuv, texture, observed, target_iuv) -> Tensors:
        predicted = self._predict({"source": source, "source_iuv": source_iuv, "target_iuv": target_iuv})
        warped, provenance = atlas.sample(texture, target_iuv), atlas.sample(observed, target_iuv)
        seen = {"predicted": predicted, "warped": warped, "provenance": provenance, "target_iuv": target_iuv}
        image = predicted
        if self._layers and self._blend:  # as `models.generator` puts them together
            matted = self._layers["matting"]({"source": source, "source_iuv": source_iuv})
            carried, overhang, left = self._layers["surroundings"](source, matted["matte"], source_iuv, target_iuv)
            whole, warped = self._layers["beside"](warped, carried, overhang, target_iuv)
            seen |= {"warped": whole, "carried": carried, "overhang": overhang, "left": left}
            seen["backdrop"] = matted["backdrop"]
            image = self._blend({name: seen[name] for name in self._blend.input})["image"]
        elif self._blend is not None:
            image = self._blend({name: seen[name] for name in self._blend.input})
        return {"image": image, "warped": warped, "predicted": predicted, "provenance": provenance}

    def _checked(self, **tensors: tf.Tensor) -> Tensors:
        tensors = checks.sizes(tensors, self._inner)
        refusals = checks.photos("source", tensors["source"])
        for name in ("source_iuv", "target_iuv"):
            if name in tensors:
                refusals += checks.maps(name, tensors[name])
        if "observed" in tensors:
            refusals += checks.flags("observed", tensors["observed"])
        return {name: checks.after(refusals, tensor) for name, tensor in tensors.items()}

    def _specs(self, takes: Sequence[str], **dtypes: tf.DType) -> list[tf.TensorSpec]:
        return [self._spec(name, dtypes.get(name)) for name in takes]

    def _spec(self, name: str, dtype: tf.DType | None = None) -> tf.TensorSpec:
        dtype = dtype or {"source": tf.float32, "texture": tf.float32}.get(name, tf.uint8)
        if name.endswith("_bytes"):
            dtype = tf.string
        return tf.TensorSpec([None, *self._inner[name]], dtype, name)


def traced(function: Callable, specs: Sequence[tf.TensorSpec]) -> Any:
    """The function's one graph."""
    return tf.function(function, autograph=False).get_concrete_function(*specs)


def endpoint(
    archive: keras.export.ExportArchive, name: str, function: Callable, specs: Sequence[tf.TensorSpec]
) -> None:
    """Adds a function to an archive as a signature."""
    archive.add_endpoint(name, _thin(traced(function, specs), specs))


def _thin(graph: Any, specs: Sequence[tf.TensorSpec]) -> Any:
    """A function of nothing but a call: whatever function an archive is given is traced again while it is saved."""
    thin = tf.function(lambda *inputs: graph(*inputs), autograph=False)
    thin.get_concrete_function(*specs)
    return thin
