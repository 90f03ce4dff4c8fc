"""Whether a run can begin with trained weights (`--init`), found out before TensorFlow starts."""

import pathlib
from collections.abc import Sequence

from dpt_tf import config
from dpt_tf.shipped import HPARAMS, find, names
from dpt_tf.system.errors import UserError


def hparams_of(init: pathlib.Path | str) -> config.HParams:
    """The hyper-parameters of a run or a shipped model.

    Raises:
      UserError: it is neither, or its file is damaged.
    """
    try:
        return config.load(find(init) / HPARAMS)
    except FileNotFoundError:
        raise UserError(
            f"--init={init} is neither a run (it has no {HPARAMS}) nor a shipped model, of which there are: "
            f"{', '.join(names())}"
        ) from None
    except ValueError as error:
        raise UserError(str(error)) from None


def refuse(init: pathlib.Path | str, hparams: config.HParams, stages: Sequence[str] = config.STAGES) -> None:
    """Refuses weights of other networks than those that `stages` train.

    Raises:
      UserError: it names the hyper-parameters that differ.
    """
    networks = config.NETWORKS_OF_MAPS if config.MAP_STAGE in stages else config.NETWORKS
    if differ := config.unlike(hparams, hparams_of(init), networks):
        raise UserError(f"--init={init} does not fit: {differ}; give the same, or leave --preset and --hparams out")
