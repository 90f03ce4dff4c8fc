"""The whole transfer (Fig. 1): predictive stream, warping stream, blending."""

import keras

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
):
    """Photo and two poses in, picture out.

    Returns:
      Model from dict `source`, `source_iuv`, `target_iuv` (and keypoints, where a conditioning asks for them) to dict
      `image`, `predicted`, `warped`, `texture`, `observed`, `provenance`, all float32. The parts are its layers
      `predictive`, `warping` (with its layer `inpainting`) and `blending`.
    """
    inputs = conditioning.inputs(image_size, source_pose, target_pose)
    predict = predictive.build(image_size, width, residuals, source_pose, target_pose)
    inpaint = inpainting.build(atlas_size, coder_width, context_size, colour_path)
    warp = warping.build(inpaint, image_size, atlas_size)
    blend = blending.build(image_size, blending_width, blending_residuals)

    predicted = predict(inputs)
    outputs = warp({name: inputs[name] for name in ("source", "source_iuv", "target_iuv")})
    blended = {"predicted": predicted, "warped": outputs["warped"], "target_iuv": inputs["target_iuv"]}
    return keras.Model(inputs, {"image": blend(blended), "predicted": predicted, **outputs}, name="generator")
