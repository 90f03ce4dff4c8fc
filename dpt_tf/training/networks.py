"""The networks that hyper-parameters name, with fresh weights."""

import contextlib
from collections.abc import Iterator

import keras

from dpt_tf import config, models
from dpt_tf.config import HParams
from dpt_tf.system.errors import UserError
from dpt_tf.training import memory


def generator_of(hparams: HParams, covered: bool = False) -> keras.Model:
    """The generator of these sizes, with fresh weights; `covered` as `models.generator.build` has it.

    Raises:
      UserError: this machine could not hold it.
    """
    memory.refuse_weights(hparams, "joint")
    return models.generator.build(
        hparams.image_size,
        hparams.atlas_size,
        hparams.width,
        hparams.residuals,
        hparams.coder_width,
        hparams.context_size,
        hparams.blending_width,
        hparams.blending_residuals,
        hparams.source_pose,
        hparams.target_pose,
        hparams.blocks,
        bool(hparams.palette),
        bool(hparams.surface_prior),
        hparams.blending,
        covered,
    )


def fcn_of(hparams: HParams) -> keras.Model:
    """The network that finds maps of these sizes, with fresh weights.

    Raises:
      UserError: this machine could not hold it, or there is no such backbone, or none for pictures of this size.
    """
    memory.refuse_weights(hparams, config.MAP_STAGE)
    size, backbone, reduced = hparams.image_size, hparams.fcn_backbone, hparams.fcn_reduced
    try:
        return models.fcn.build(size, backbone, hparams.fcn_width, reduced=reduced)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"fcn_backbone={backbone} with image_size={size} and fcn_reduced={reduced} makes no network "
            f"({str(error).partition(chr(10))[0]}); change one of them"
        ) from error


@contextlib.contextmanager
def precision(mixed_precision: str) -> Iterator[None]:
    """Networks built inside compute in `float32` or `bfloat16`; weights are float32 always."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed_precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
