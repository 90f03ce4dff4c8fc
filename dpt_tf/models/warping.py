"""Warping stream (Sec. 3.2): source to atlas, inpaint, atlas to target pose."""

# ruff: noqa: D102 (build, call and get_config mean what they mean in every Keras layer)

import keras

from dpt_tf.layers import Float32Layer, Sample, Unwrap


@keras.saving.register_keras_serializable("dpt_tf")
class Compose(Float32Layer):
    """The observed texels where there are any, elsewhere the imagined ones."""

    def call(self, texture, observed, inpainted):
        return texture + (1 - observed) * inpainted  # an unobserved texel of `texture` is 0


def build(inpainting=None, image_size=256, atlas_size=256):
    """Texture mapping through the common surface.

    Args:
      inpainting: model `[B, 24, R, R, 3] -> [B, 24, R, R, 3]`, or one that `completion.build` made. Without one the
        warping is direct: it has no weights, and what the source does not show stays 0, in the texture and in the
        target pose.
      image_size: S.
      atlas_size: R.

    Returns:
      Model from dict `source`, `source_iuv`, `target_iuv` to dict, all float32,
        warped `[B, S, S, 3]`: the texture in the target pose, 0 on the background
        texture `[B, 24, R, R, 3]`: the whole surface
        observed `[B, 24, R, R, 1]`: 1 where the source shows it
        provenance `[B, S, S, 1]`: how much of each target pixel the source shows, the rest is imagined
        correction `[B, 24, R/4, R/4, 3]`: of `completion`, where it is that

    Note:
      The paper samples what the autoencoder returns. Its code has 16 x 16 positions, so no letter and no check pattern
      survives it. Here a texel that was observed keeps its colour and only the others are inpainted.
    """
    inputs = {
        "source": keras.Input([image_size, image_size, 3], name="source"),
        "source_iuv": keras.Input([image_size, image_size, 3], dtype="uint8", name="source_iuv"),
        "target_iuv": keras.Input([image_size, image_size, 3], dtype="uint8", name="target_iuv"),
    }
    seen, observed = Unwrap(atlas_size, name="unwrap")(inputs["source"], inputs["source_iuv"])
    texture, further = seen, {}
    if inpainting is not None and isinstance(inpainting.input, dict):
        further = inpainting({"texture": seen, "observed": observed})
        texture = further.pop("texture")
    elif inpainting is not None:
        texture = Compose(name="compose")(seen, observed, inpainting(seen))
    outputs = further | {
        "warped": Sample(name="sample")(texture, inputs["target_iuv"]),
        "texture": texture,
        "observed": observed,
        "provenance": Sample(name="sample_observed")(observed, inputs["target_iuv"]),
    }
    return keras.Model(inputs, outputs, name="warping")
