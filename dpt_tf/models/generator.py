"""The whole transfer (Fig. 1): predictive stream, warping stream, blending; or some of it (Sec. 4.5, Table 4).

blocks       predictive stream   warping stream                            blending
predictive   yes                 direct, to look at                        none: the prediction is the picture
refinement   yes                 direct, to look at                        of the prediction alone
warping      yes                 direct: what was not seen stays 0         of both
full         yes                 inpainted                                 of both
"""

import keras

from dpt_tf.config import BLOCKS
from dpt_tf.models import blending, conditioning, inpainting, predictive, warping


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
    colour_path=False,
    blocks="full",
):
    """Photo and two poses in, picture out.

    Returns:
      Model from dict `source`, `source_iuv`, `target_iuv` (and keypoints, where a conditioning asks for them) to dict
      `image`, `predicted`, `warped`, `texture`, `observed`, `provenance`, all float32, whichever `blocks` there are.
      The parts are its layers `predictive`, `warping` (with its layer `inpainting`, if `full`) and `blending` (unless
      `predictive`).

    Raises:
      ValueError: no such blocks.
    """
    if blocks not in BLOCKS:
        raise ValueError(f"no such blocks: {blocks}; have {', '.join(BLOCKS)}")
    inputs = conditioning.inputs(image_size, source_pose, target_pose)
    predict = predictive.build(image_size, width, residuals, source_pose, target_pose)
    inpaint = inpainting.build(atlas_size, coder_width, context_size, colour_path) if blocks == "full" else None
    warp = warping.build(inpaint, image_size, atlas_size)

    predicted = predict(inputs)
    outputs = warp({name: inputs[name] for name in ("source", "source_iuv", "target_iuv")})
    image = predicted
    if blocks != "predictive":
        sees_warped = blocks != "refinement"
        blend = blending.build(image_size, blending_width, blending_residuals, sees_warped)
        warped = {"warped": outputs["warped"]} if sees_warped else {}
        image = blend({"predicted": predicted, **warped, "target_iuv": inputs["target_iuv"]})
    return keras.Model(inputs, {"image": image, "predicted": predicted, **outputs}, name="generator")
