"""The whole transfer (Fig. 1): predictive stream, warping stream, blending; or some of it (Sec. 4.5, Table 4).

blocks       predictive stream   warping stream                            blending
predictive   yes                 direct, to look at                        none: the prediction is the picture
refinement   yes                 direct, to look at                        of the prediction alone
warping      yes                 direct: what was not seen stays 0         of both
full         yes                 inpainted                                 of both

Beyond the paper three parts may be others: `palette` (`predictive`), `surface_prior` (`completion`) and
`blending=layers` (`matting`, `layered`), where the warping stream carries hair and cloth beside the body along with it.
"""

import keras
import tensorflow as tf

from dpt_tf.config import BLENDINGS, BLOCKS
from dpt_tf.layers import Backdrop, Float32Layer, Surroundings
from dpt_tf.models import blending as residual_blending
from dpt_tf.models import completion, conditioning, inpainting, layered, matting, predictive, warping
from dpt_tf.ops import carrying


def build(
    image_size=256,
    atlas_size=256,
    width=64,
    residuals=6,
    coder_width=32,
    context_size=256,
    blending_width=64,
    blending_residuals=3,
    source_pose="densepose",
    target_pose="densepose",
    blocks="full",
    palette=False,
    surface_prior=False,
    blending="residual",
    covered=False,
):
    """Photo and two poses in, picture out.

    With `covered`, for training, there is one input more, `source_coverage` (uint8 `[B, S, S, 1]`): how much of each
    pixel is the person's as far as somebody else knows, as `models.composition` takes it; 0 where nobody does. What
    either it or the network of mattes sees is the person. The weights are the same, in the same order.

    Returns:
      Model from dict `source`, `source_iuv`, `target_iuv` (and keypoints, where a conditioning asks for them) to dict
      `image`, `predicted`, `warped`, `texture`, `observed`, `provenance`, all float32, whichever `blocks` there are;
      with layers also `backdrop`, `layers` and what they are made of (`matting`, `layered`, `ops.carrying`).
      The parts are its layers `predictive`, `warping` (with its layer `inpainting`, if `full`), `matting` (with layers)
      and `blending` (unless `predictive`).

    Raises:
      ValueError: no such blocks or blending, or layers of a generator that does not blend two streams.
    """
    for name, value, choices in (("blocks", blocks, BLOCKS), ("blending", blending, BLENDINGS)):
        if value not in choices:
            raise ValueError(f"no such {name}: {value}; have {', '.join(choices)}")
    if blending == "layers" and blocks not in ("warping", "full"):
        raise ValueError(f"blending=layers blends what blocks={blocks} has not; take blocks=full or blending=residual")
    inputs = conditioning.inputs(image_size, source_pose, target_pose)
    predict = predictive.build(image_size, width, residuals, source_pose, target_pose, palette)
    inpaint = (completion if surface_prior else inpainting).build(atlas_size, coder_width, context_size)
    inpaint = inpaint if blocks == "full" else None
    warp = warping.build(inpaint, image_size, atlas_size)

    predicted = predict(inputs)
    outputs = warp({name: inputs[name] for name in ("source", "source_iuv", "target_iuv")})
    image = predicted
    if blending == "layers":
        if covered:
            inputs["source_coverage"] = keras.Input([image_size, image_size, 1], dtype="uint8", name="source_coverage")
        return keras.Model(inputs, _layers(inputs, predicted, outputs, atlas_size, blending_width), name="generator")
    if blocks != "predictive":
        sees_warped = blocks != "refinement"
        blend = residual_blending.build(image_size, blending_width, blending_residuals, sees_warped)
        warped = {"warped": outputs["warped"]} if sees_warped else {}
        image = blend({"predicted": predicted, **warped, "target_iuv": inputs["target_iuv"]})
    return keras.Model(inputs, {"image": image, "predicted": predicted, **outputs}, name="generator")


def _layers(inputs, predicted, warped, atlas_size, width):
    """The outputs of a generator with layers, from those of the two streams."""
    size = inputs["source"].shape[1]
    of_source = {name: inputs[name] for name in ("source", "source_iuv")}
    matted = matting.build(size)(of_source)
    if "source_coverage" in inputs:
        matte = Covered(name="covered")(matted["matte"], inputs["source_coverage"])
        matted |= {"matte": matte, "backdrop": Backdrop(name="behind")(inputs["source"], matte)}
    carried, overhang, left = Surroundings(atlas_size, name="surroundings")(
        inputs["source"], matted["matte"], inputs["source_iuv"], inputs["target_iuv"]
    )
    whole, shown = Beside(name="beside")(warped["warped"], carried, overhang, inputs["target_iuv"])
    seen = {"predicted": predicted, "warped": whole, "carried": carried, "backdrop": matted["backdrop"]}
    seen |= {"overhang": overhang, "left": left, "provenance": warped["provenance"], "target_iuv": inputs["target_iuv"]}
    blended = layered.build(size, width)(seen)
    outputs = blended | warped | matted | {"predicted": predicted, "warped": shown, "carried": carried}
    return outputs | {"overhang": overhang, "left": left}


@keras.saving.register_keras_serializable("dpt_tf")
class Covered(Float32Layer):
    """`(matte, coverage)`, in 0..1 and in 0..255 -> `[B, S, S, 1]`, the larger of the two."""

    def call(self, matte, coverage):  # noqa: D102
        return tf.maximum(matte, tf.cast(coverage, tf.float32) / 255)


@keras.saving.register_keras_serializable("dpt_tf")
class Beside(Float32Layer):
    """`(warped, carried, overhang, target_iuv) -> (whole, shown)`: the warped texture on the body, beside it what was
    carried along; and of that what is sure to be the person.
    """  # noqa: D205

    def call(self, warped, carried, overhang, target_iuv):  # noqa: D102
        whole = tf.where(target_iuv[..., :1] > 0, warped, carried)
        return whole, tf.where(carrying.is_person(overhang, target_iuv), whole, 0.0)
