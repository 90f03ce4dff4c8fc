"""Weights that a run begins with, of another run or of a shipped model: `--init=people`.

Every new stage begins with its part of them: the predictive stage with the predictive stream, the inpainting stage with
the inpainting network, the matting stage with that of mattes, the joint stage with the whole generator, in which what
earlier stages of the run itself have trained takes the place of theirs; and the pose stage with the network of maps.
Optimizers and discriminator begin anew.
"""

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from dpt_tf import config
from dpt_tf.config import HParams
from dpt_tf.shipped import fitting
from dpt_tf.system import files
from dpt_tf.training import stages, trained


@dataclasses.dataclass(frozen=True)
class Beginning:
    """Trained weights as arrays.

    Attributes:
      name: what the user calls them.
      facts: to be written down with each stage: name, step, digest.
      weights: arrays in the order of the network's variables, by the stage that trains it.
    """

    name: str
    facts: dict[str, Any]
    weights: Mapping[str, Sequence[np.ndarray]]

    def give(self, stage: stages.Stage) -> None:
        """Sets the weights of a stage's network."""
        for variable, array in zip(stage.network.variables, self.weights[stage.name], strict=True):
            variable.assign(array)


def read(init: pathlib.Path | str, hparams: HParams, names: Sequence[str] = config.STAGES) -> Beginning:
    """The weights that the stages `names` can begin with, of a run or of a shipped model.

    Raises:
      UserError: as `fitting.refuse` and `trained.load_generator`.
    """
    fitting.refuse(init, hparams, names)
    if config.MAP_STAGE in names:
        network, _, facts = trained.load_fcn(init)
        parts = {config.MAP_STAGE: network}
    else:
        network, _, facts = trained.load_generator(init)
        parts = {"joint": network, "predictive": network.get_layer("predictive")}
        if hparams.inpaints():
            parts["inpainting"] = network.get_layer("warping").get_layer("inpainting")
        if hparams.blending == "layers":
            parts[config.MATTE_STAGE] = network.get_layer("matting")
    weights = {name: [np.array(variable) for variable in part.variables] for name, part in parts.items()}
    noted = {"name": str(init), "step": facts["step"], "digest": _digest(facts)}
    keras.backend.clear_session()
    return Beginning(str(init), noted, weights)


def _digest(facts: Mapping[str, Any]) -> str:
    """Of the weights: a shipped model's own, or that of a checkpoint's manifest, which has digests of its files."""
    if "digest" in facts:
        return facts["digest"]
    return hashlib.sha256(files.read(pathlib.Path(facts["checkpoint"], "manifest.json"))).hexdigest()
