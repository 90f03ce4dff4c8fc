"""The network of maps that ships, and those of one's own training: `models.fcn` on crops of a photo."""

import os

from dpt_tf.densepose.crops import CropEstimator
from dpt_tf.training import trained

DEFAULT = "pose"
"""The shipped model that is taken where nobody names one."""


def load(model: str | os.PathLike = DEFAULT) -> CropEstimator:
    """An estimator of a shipped model, of a folder that `dpt ship` wrote, or of a run with a pose stage.

    Raises:
      UserError: there is none, or its weights are damaged or another version's.
    """
    network, hparams, facts = trained.load_fcn(os.fspath(model))
    name = f"{facts['run']}, step {facts['step']}, {hparams.image_size} x {hparams.image_size} pixels"
    return CropEstimator(lambda photo: network(photo, training=False), hparams.image_size, name)
