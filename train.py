"""Trains dense pose transfer.

  python train.py                                             the paper's networks on synthetic people
  python train.py --preset=small --stage=all                  smaller ones, for a computer without a GPU
  python train.py --dataset=folder --data_dir=data/mine       on what `dpt prepare` wrote
  python train.py --dataset=deepfashion --data_dir=data/df    on what `dpt build` wrote
  python train.py --dataset=folder --data_dir=data/me --init=people --stage=all    a shipped model, on with it
  python train.py --preset=pose --stage=pose                  the network that finds maps
  python train.py --preset=pose --stage=pose --dataset=densepose_coco --data_dir=data/coco    the same, of points
  python train.py --hparams=batch_size=4,gan_weight=0         with other numbers; they are listed in dpt_tf/config.py

The same command goes on with a run that was stopped. It ends with 0 when the stages are trained, 1 when training cannot
go on (a loss is no longer finite, the disk is full), 2 after a mistake in the command or the data, and 130 or 143 when
Ctrl-C or SIGTERM stopped it, after saving.
"""

import pathlib
import sys

from absl import app, flags

from dpt_tf import config
from dpt_tf.commands import training_data
from dpt_tf.commands.main import guarded
from dpt_tf.shipped import fitting
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError

DATASETS = ("synthetic", "folder", "deepfashion", "mvc", "densepose_coco")

_DATASET = flags.DEFINE_enum(
    "dataset",
    "synthetic",
    DATASETS,
    "What to train on; densepose_coco, people with single points, is for --stage=pose alone.",
)
_STAGE = flags.DEFINE_enum(
    "stage",
    "all",
    [*config.EVERY_STAGE, "all"],
    "Which stage to train; all: those that paint, one after the other; pose: the network that finds maps, of people "
    "with whole maps (any --dataset) or with points (densepose_coco).",
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "The prepared data set; synthetic: where to keep it.")
_WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder; by default runs/DATASET-PRESET.")
_PRESET = flags.DEFINE_string("preset", "paper", "The hyper-parameters to begin with: paper, layers, small or pose.")
_HPARAMS = flags.DEFINE_string("hparams", "", "Single hyper-parameters: key=value,key=value.")
_INIT = flags.DEFINE_string(
    "init",
    None,
    "Begin with these weights: a run's folder or a shipped model; its networks and losses, unless --preset.",
)
_VGG = flags.DEFINE_string("vgg", "imagenet", "VGG19 of the losses: imagenet (downloaded), random, or a weight file.")
_SAVE_EVERY = flags.DEFINE_integer("save_every", 1000, "Steps between checkpoints.", lower_bound=1)
_SAVE_MINUTES = flags.DEFINE_float("save_minutes", 10.0, "Minutes between checkpoints, where that comes first.")
_KEEP = flags.DEFINE_integer("keep", 3, "How many checkpoints of a stage stay.", lower_bound=1)
_PICTURES_EVERY = flags.DEFINE_integer("pictures_every", 500, "Steps between pictures; 0 for none.", lower_bound=0)


def main(argv: list[str]) -> int:
    """Runs the command; the exit code."""
    return guarded(lambda: _train(argv))


def _train(argv: list[str]) -> int:
    hparams = _parse(argv)
    names = config.STAGES if _STAGE.value == "all" else (_STAGE.value,)
    hparams.needed(names)  # before people are made for nothing
    training_data.refuse_stages(_DATASET.value, names)
    if _INIT.value:
        fitting.refuse(_INIT.value, hparams, names)
    data_dir = pathlib.Path(_DATA_DIR.value) if _DATA_DIR.value else None
    data_dir = training_data.find(_DATASET.value, data_dir, hparams.image_size)
    quiet.start_tensorflow()
    from dpt_tf.training import loop, run

    run.start()
    workdir = pathlib.Path(_WORKDIR.value or f"runs/{_DATASET.value}-{_kind()}")
    schedule = loop.Schedule(
        save_every=_SAVE_EVERY.value,
        save_minutes=_SAVE_MINUTES.value,
        keep=_KEEP.value,
        pictures_every=_PICTURES_EVERY.value,
    )
    run.train(workdir, data_dir, hparams, names, _DATASET.value, _VGG.value, schedule, init=_INIT.value)
    return 0


def _kind() -> str:
    """What the run's folder is called after if nobody says: the model that it begins with, or the preset."""
    return pathlib.Path(_INIT.value).name if _INIT.value and not flags.FLAGS["preset"].present else _PRESET.value


def _parse(argv: list[str]) -> config.HParams:
    """Reads the flags; what they say about how much."""
    app.define_help_flags()
    try:
        unknown = flags.FLAGS(argv)[1:]
    except flags.Error as error:
        raise UserError(f"{error}; python train.py --help lists the flags") from None
    if unknown:
        raise UserError(f"{unknown[0]} is not a flag; python train.py --help lists them")
    named = _PRESET.value if flags.FLAGS["preset"].present or not _INIT.value else None
    begun = config.preset(named) if named else config.beginning_with(fitting.hparams_of(_INIT.value))
    return config.override(begun, _HPARAMS.value)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
