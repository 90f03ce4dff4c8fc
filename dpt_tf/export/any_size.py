"""The functions that the export of a generator with layers answers by: pictures of any size (`models.composition`).

                 takes                                               gives
serving_default  source_bytes, source_iuv_bytes, target_iuv_bytes    image_bytes
tensors          source, source_iuv, target_iuv                      image, warped, provenance
texture          source, source_iuv                                  what `Composition.source` gives
render           what `texture` gives, target_iuv                    image, warped, predicted, provenance, backdrop,
                                                                     layers

`tensors` is what it is without layers, S x S and float32 (`signatures`). Of the others

..._bytes string `[B]`, files of any size: a PNG or JPEG photo, PNG maps in either order; image_bytes PNGs
source uint8 `[B, H, W, 3]`   source_iuv uint8 `[B, H, W, 3]`, of that photo   target_iuv uint8 `[B, H', W', 3]`
image, warped, predicted, backdrop, layers uint8 `[B, H', W', 3]`   provenance uint8 `[B, H', W', 1]`

Batches are as free as sizes, but one request has photos of one size and poses of one size. A side above `LARGEST` is
refused: whoever has a larger picture reduces it, which costs nothing that would be seen, and enlarges what comes back.
"""

import keras
import tensorflow as tf

from dpt_tf.config import HParams
from dpt_tf.export import checks, reading
from dpt_tf.export.signatures import TAKES, Signatures, Tensors, traced
from dpt_tf.models.composition import LARGEST, Composition

_PICTURES = ("source", "source_iuv", "target_iuv")
_FILES = ("source_bytes", "source_iuv_bytes", "target_iuv_bytes")


def of(model: keras.Model, hparams: HParams) -> Signatures:
    """The functions of a generator that no keypoints condition."""
    return AnySize(model, hparams) if hparams.blending == "layers" else Signatures(model, hparams)


class AnySize(Signatures):
    """The four functions of a generator with layers."""

    def __init__(self, model: keras.Model, hparams: HParams):
        """`model` is a generator that no keypoints condition, `hparams` its own."""
        self._size, self._model = hparams.image_size, model
        self._source, self._rendered = Composition(model).halves()
        self._kept = {
            name: tf.TensorSpec(x.shape, x.dtype, name) for name, x in self._source.structured_outputs.items()
        }
        self._squares = {name: [self._size, self._size, 3] for name in _PICTURES}
        self._inner: dict[str, list[int | None]] = {name: [None, None, 3] for name in _PICTURES}
        self._inner |= {name: [] for name in _FILES}
        self._inner |= {name: spec.shape[1:].as_list() for name, spec in self._kept.items()}
        self._whole = traced(self._paint, self.specs("tensors"))

    def specs(self, signature: str) -> list[tf.TensorSpec]:
        """The inputs of a signature, in order."""
        if signature == "tensors":
            dtypes = {"source": tf.float32}
            return [tf.TensorSpec([None, *self._squares[n]], dtypes.get(n, tf.uint8), n) for n in TAKES[signature]]
        if signature == "serving_default":
            return [tf.TensorSpec([None], tf.string, name) for name in TAKES[signature]]
        pictures = [tf.TensorSpec([None, None, None, 3], tf.uint8, name) for name in _PICTURES]
        return pictures[:2] if signature == "texture" else [*self._kept.values(), pictures[2]]

    def serving_default(self, source_bytes, source_iuv_bytes, target_iuv_bytes) -> Tensors:
        """Files to files."""
        files = dict(zip(_FILES, (source_bytes, source_iuv_bytes, target_iuv_bytes), strict=True))
        files = checks.sizes(files, self._inner)
        source = reading.read_photos("source_bytes", files["source_bytes"], None)
        source_iuv, target_iuv = (reading.read_maps(name, files[name], None) for name in _FILES[1:])
        refusals = _one_size("source_iuv_bytes", source_iuv, "source_bytes", source)
        source, source_iuv = (checks.after(refusals, x) for x in (source, source_iuv))
        return {"image_bytes": reading.write_pictures(self.painted(source, source_iuv, target_iuv))}

    def tensors(self, source, source_iuv, target_iuv) -> Tensors:
        """Arrays of S x S to arrays."""
        x = checks.sizes({"source": source, "source_iuv": source_iuv, "target_iuv": target_iuv}, self._squares)
        refusals = checks.photos("source", x["source"])
        refusals += [*checks.maps("source_iuv", x["source_iuv"]), *checks.maps("target_iuv", x["target_iuv"])]
        return self._whole(**{name: checks.after(refusals, value) for name, value in x.items()})

    def texture(self, source, source_iuv) -> Tensors:
        """What depends on the photo alone."""
        x = checks.sizes({"source": source, "source_iuv": source_iuv}, self._inner)
        refusals = _one_size("source_iuv", x["source_iuv"], "source", x["source"])
        refusals += checks.within("source", x["source"], LARGEST) + checks.maps("source_iuv", x["source_iuv"])
        source, source_iuv = (checks.after(refusals, value) for value in x.values())
        return self._source(source, source_iuv, _unknown(source))

    def render(self, *inputs) -> Tensors:
        """The rest."""
        x = checks.sizes(dict(zip((*self._kept, "target_iuv"), inputs, strict=True)), self._inner)
        refusals = checks.within("target_iuv", x["target_iuv"], LARGEST) + checks.maps("target_iuv", x["target_iuv"])
        refusals += checks.photos("small_source", x["small_source"])
        refusals += checks.alike({name: x[name] for name in ("texture", "observed")}, (2, 3))
        refusals += checks.square("texture", x["texture"], 2) + checks.square("backdrop", x["backdrop"], 1)
        x = {name: checks.after(refusals, value) for name, value in x.items()}
        target_iuv = x.pop("target_iuv")
        return self._rendered(x, target_iuv)

    def painted(self, source, source_iuv, target_iuv, coverage=None) -> tf.Tensor:
        """As `Signatures.painted`."""
        coverage = _unknown(source) if coverage is None else coverage
        return self._rendered(dict(self._source(source, source_iuv, coverage)), target_iuv)["image"]

    def _paint(self, source, source_iuv, target_iuv) -> Tensors:
        outputs = self._model({"source": source, "source_iuv": source_iuv, "target_iuv": target_iuv})
        return {name: outputs[name] for name in ("image", "warped", "provenance")}


def _unknown(photo: tf.Tensor) -> tf.Tensor:
    """The coverage of a photo of which nobody said who is the person."""
    return tf.zeros_like(photo[..., :1])


def _one_size(name: str, one: tf.Tensor, of: str, other: tf.Tensor) -> list[tf.Operation]:
    """A map has the size of its photo."""
    (h, w), (height, width) = (tf.unstack(tf.shape(x)[1:3]) for x in (one, other))
    words = (
        f"{name} is ",
        w,
        " x ",
        h,
        f" pixels and {of} ",
        width,
        " x ",
        height,
        "; give the map of this very photo",
    )
    return [checks.refuse(tf.not_equal(h, height) | tf.not_equal(w, width), *words)]
