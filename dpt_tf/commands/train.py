"""`dpt train`, which is `train.py`: the stages of a run, one after the other.

  dpt train                                             the paper's networks on synthetic people
  dpt train --preset=small --stage=all                  smaller ones, for a computer without a GPU
  dpt train --dataset=folder --data_dir=data/mine       on what `dpt prepare` wrote
  dpt train --dataset=deepfashion --data_dir=data/df    on what `dpt build` wrote
  dpt train --dataset=folder --data_dir=data/me --init=people --stage=all    a shipped model, on with it
  dpt train --preset=pose --stage=pose                  the network that finds maps
  dpt train --preset=pose --stage=pose --dataset=densepose_coco --data_dir=data/coco    the same, of points
  dpt train --hparams=batch_size=4,gan_weight=0         with other numbers; they are listed in dpt_tf/config.py

The same command goes on with a run that was stopped. It ends with 0 when the stages are trained, 1 when training cannot
go on (a loss is no longer finite, the disk is full), 2 after a mistake in the command or the data, 75 when another
worker was lost and all are to be started again, and 130 or 143 when Ctrl-C or SIGTERM stopped it, or another worker of
it, after saving. With --restart it starts itself again where a worker was lost, was killed or hangs.
"""

import math
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from dpt_tf import config
from dpt_tf.commands import training_data
from dpt_tf.shipped import fitting
from dpt_tf.system import alive, locks, quiet
from dpt_tf.system.errors import UserError
from dpt_tf.training import keeping, memory, workers

DATASETS = ("synthetic", "folder", "deepfashion", "mvc", "densepose_coco")


def _flags() -> flags.FlagValues:
    """The flags, of this call alone."""
    values = flags.FlagValues()
    of: Any = {"flag_values": values}
    flags.DEFINE_enum(
        "dataset",
        "synthetic",
        DATASETS,
        "What to train on; densepose_coco, people with single points, is for --stage=pose alone.",
        **of,
    )
    flags.DEFINE_enum(
        "stage",
        "all",
        [*config.EVERY_STAGE, "all"],
        "Which stage to train; all: those that paint, one after the other; pose: the network that finds maps, of "
        "people with whole maps (any --dataset) or with points (densepose_coco).",
        **of,
    )
    flags.DEFINE_string("data_dir", None, "The prepared data set; synthetic: where to keep it.", **of)
    flags.DEFINE_string("workdir", None, "The run's folder; by default runs/DATASET-PRESET.", **of)
    flags.DEFINE_string("preset", "paper", "The hyper-parameters to begin with: paper, layers, small or pose.", **of)
    flags.DEFINE_string("hparams", "", "Single hyper-parameters: key=value,key=value.", **of)
    flags.DEFINE_string(
        "init",
        None,
        "Begin with these weights: a run's folder or a shipped model; its networks and losses, unless --preset.",
        **of,
    )
    flags.DEFINE_string(
        "vgg", "imagenet", "VGG19 of the losses: imagenet (downloaded), random, or a weight file.", **of
    )
    flags.DEFINE_integer("save_every", 1000, "Steps between checkpoints.", lower_bound=1, **of)
    flags.DEFINE_float("save_minutes", 10.0, "Minutes between checkpoints, where that comes first.", **of)
    flags.DEFINE_integer("keep", 3, "How many checkpoints of a stage stay.", lower_bound=1, **of)
    flags.DEFINE_integer("pictures_every", 500, "Steps between pictures; 0 for none.", lower_bound=0, **of)
    flags.DEFINE_integer(
        "profile", 0, "Steps, from the third on, that TensorBoard's profile is of; 0 for none.", lower_bound=0, **of
    )
    flags.DEFINE_bool(
        "restart", False, "Start again, by itself, where this worker or another is lost, killed, or hangs.", **of
    )
    flags.DEFINE_float("hang_minutes", 30.0, "With --restart: minutes without a step after which it hangs.", **of)
    flags.DEFINE_bool("help", False, "Shows this.", short_name="h", **of)
    return values


def main(argv: Sequence[str]) -> int:
    """Trains as the flags `argv` say; 0, or what `commands.main.guarded` knows."""
    given = _parse(argv)
    if given.help:
        print(f"{__doc__}\n{given.get_help()}")
        raise SystemExit(0)
    hparams = _hparams(given)
    names = config.STAGES if given.stage == "all" else (given.stage,)
    if not 0 <= given.save_minutes < math.inf:
        raise UserError(f"--save_minutes={given.save_minutes}: give a number from 0")
    if not 0 < given.hang_minutes < math.inf:
        raise UserError(f"--hang_minutes={given.hang_minutes}: give a number above 0")
    needed = hparams.needed(names)  # before people are made for nothing
    together = workers.cluster()
    if together:  # or TensorFlow's own lines on a lost worker would stand around ours
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    memory.refuse(hparams, needed, len(together.workers) if together else 1)
    training_data.refuse_stages(given.dataset, names)
    training_data.refuse_vgg(given.vgg)
    if given.init:
        fitting.refuse(given.init, hparams, names)
    workdir = pathlib.Path(given.workdir or f"runs/{given.dataset}-{_kind(given)}")
    data_dir = pathlib.Path(given.data_dir) if given.data_dir else None
    locks.refuse(workdir, read=data_dir)
    if given.restart and not alive.kept():
        return keeping.keep([sys.executable, "-m", "dpt_tf", "train", *argv], 60 * given.hang_minutes)
    data_dir = training_data.find(given.dataset, data_dir, hparams.image_size)
    quiet.start_tensorflow()
    from dpt_tf.training import loop, run

    run.start()
    schedule = loop.Schedule(
        save_every=given.save_every,
        save_minutes=given.save_minutes,
        keep=given.keep,
        pictures_every=given.pictures_every,
        profile=given.profile,
    )
    run.train(workdir, data_dir, hparams, names, given.dataset, given.vgg, schedule, init=given.init)
    return 0


def _kind(given: flags.FlagValues) -> str:
    """What the run's folder is called after if nobody says: the model that it begins with, or the preset."""
    return pathlib.Path(given.init).name if given.init and not given["preset"].present else given.preset


def _parse(argv: Sequence[str]) -> flags.FlagValues:
    values = _flags()
    try:
        unknown = values(["dpt train", *argv])[1:]
    except flags.Error as error:
        raise UserError(f"{error}; dpt train --help lists the flags") from None
    if unknown:
        raise UserError(f"{unknown[0]} is not a flag; dpt train --help lists them")
    return values


def _hparams(given: flags.FlagValues) -> config.HParams:
    """What the flags say about how much."""
    named = given.preset if given["preset"].present or not given.init else None
    begun = config.preset(named) if named else config.beginning_with(fitting.hparams_of(given.init))
    return config.override(begun, given.hparams)
