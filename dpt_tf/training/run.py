"""A run's folder: whose it is, which stages are behind it, and the next one.

runs/NAME/hparams.json
runs/NAME/<stage>/{provenance.json, checkpoints/, tensorboard/}
"""

import contextlib
import dataclasses
import fcntl
import gc
import importlib.metadata
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from dpt_tf import config
from dpt_tf.config import HParams
from dpt_tf.data import read
from dpt_tf.models import vgg
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError
from dpt_tf.training import checkpoints, loop, stages

# More of the same changes nothing of what went before, unless the learning rate was to cool down by then.
_LENGTHS = frozenset(["epochs", *(f"{stage}_steps" for stage in config.STAGES)])


def start() -> None:
    """Starts TensorFlow such that a run that was stopped and goes on ends like one that was not."""
    quiet.start_tensorflow()
    tf.config.experimental.enable_op_determinism()
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def train(
    run_dir: pathlib.Path,
    data_dir: pathlib.Path,
    hparams: HParams,
    names: Sequence[str] = config.STAGES,
    dataset: str = "folder",
    vgg_weights: str = "imagenet",
    schedule: loop.Schedule | None = None,
    say: loop.Say = tqdm.write,
) -> None:
    """Trains the stages `names` in that order; goes on where an earlier call of the run was stopped.

    Args:
      run_dir: the run's folder; made where it is missing.
      data_dir: a prepared data set.
      hparams: must be those of the run, where it has begun; only its length may change.
      names: of `config.STAGES`; those that train nothing of `hparams.blocks` are left out.
      dataset: what to write down as the data set's kind.
      vgg_weights: as `models.vgg.build` takes them.
      schedule: how often to save and to show.
      say: takes a line for the user.

    Raises:
      UserError: the folder is another run's, or in use; an earlier stage is missing; too small a batch; no stage
        is left.
      TrainingError, Interrupted: as `loop.fit`.
    """
    names = _needed(names, hparams, say)
    distribution = loop.strategy()
    if hparams.batch_size < distribution.num_replicas_in_sync:
        raise UserError(
            f"batch_size is {hparams.batch_size}, too small for {distribution.num_replicas_in_sync} devices; "
            "give at least one example to each (--hparams=batch_size=…)"
        )
    run_dir.mkdir(parents=True, exist_ok=True)
    chief = loop.is_chief(distribution)
    with _lock(run_dir) if chief else contextlib.nullcontext():
        _compare(run_dir, hparams)
        per_epoch = {name: read.steps_per_epoch(data_dir, hparams, name) for name in names}
        if "joint" in names and stages.looks_at_features(hparams):
            vgg.build(vgg_weights)  # a missing file should not come to light after the earlier stages
        if chief:
            hparams.save(run_dir / "hparams.json")
        for name in names:
            facts = _facts(name, hparams, dataset, data_dir, vgg_weights)
            _train_stage(
                name, run_dir, data_dir, hparams, per_epoch[name], vgg_weights, facts, schedule, distribution, say
            )
            keras.backend.clear_session()  # the next stage needs the memory
            gc.collect()


def _needed(names: Sequence[str], hparams: HParams, say: loop.Say) -> list[str]:
    """Those of the stages `names` that train something of the blocks; says which do not."""
    needed = hparams.needed(names)
    left_out = ", ".join(name for name in config.STAGES if name in names and name not in needed)
    if left_out:
        say(f"{left_out}: left out, blocks={hparams.blocks} has none")
    return needed


def _train_stage(
    name: str,
    run_dir: pathlib.Path,
    data_dir: pathlib.Path,
    hparams: HParams,
    per_epoch: int,
    vgg_weights: str,
    facts: dict[str, Any],
    schedule: loop.Schedule | None,
    distribution: tf.distribute.Strategy,
    say: loop.Say,
) -> None:
    total = hparams.stage_steps(name, per_epoch)
    latest = checkpoints.latest(stages.folder(run_dir, name), say)
    start = checkpoints.step_of(latest) if latest else 0
    if start >= total:
        say(f"{name}: trained already, {start} steps; nothing to do")
        return
    if latest:
        _compare_facts(run_dir, name, facts)
    if loop.is_chief(distribution):
        _write_facts(run_dir, name, facts)
    with distribution.scope():
        stage = stages.build(name, hparams, vgg_weights, total)
        if latest:
            checkpoints.restore(latest, stage.variables)
            say(f"{name}: goes on from step {start} of {total}")
        else:
            stages.begin(stage, run_dir, say)
            say(f"{name}: {total} steps ({total / per_epoch:.3g} epochs) of batch {hparams.batch_size}")
    loop.fit(
        stage,
        lambda k: read.train_batches(data_dir, hparams, name, start_step=k),
        total,
        run_dir / name,
        start,
        schedule,
        distribution,
        say,
    )
    say(f"{name}: done, {total} steps; curves and pictures: tensorboard --logdir {run_dir}")


def _compare(run_dir: pathlib.Path, hparams: HParams) -> None:
    """Refuses other hyper-parameters than those that stages of the run were trained with."""
    begun = [stage for stage in config.STAGES if checkpoints.all_of(stages.folder(run_dir, stage))]
    there = stages.hparams_of(run_dir) if begun else None
    if there is None:
        return
    theirs, ours = dataclasses.asdict(there), dataclasses.asdict(hparams)
    may_change = _LENGTHS - {"epochs", *(f"{stage}_steps" for stage in begun)} if hparams.cooldown else _LENGTHS
    differ = [name for name in ours if ours[name] != theirs[name] and name not in may_change]
    if differ:
        values = ", ".join(f"{name} is {theirs[name]} there and {ours[name]} here" for name in differ)
        raise UserError(f"{run_dir} was trained differently: {values}; use the same values, or another --workdir")


def _facts(
    name: str, hparams: HParams, dataset: str, data_dir: pathlib.Path, vgg_weights: str
) -> dict[str, str | None]:
    """Where the weights of a stage come from."""
    facts = {
        "dataset": dataset,
        "data_dir": str(data_dir),
        "vgg": vgg_weights if name == "joint" and stages.looks_at_features(hparams) else None,
    }
    for package in ("dpt_tf", "tensorflow", "keras"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            facts[package] = importlib.metadata.version(package)
    return facts


def _compare_facts(run_dir: pathlib.Path, name: str, facts: dict[str, Any]) -> None:
    noted = stages.provenance(run_dir, name)
    for key in ("dataset", "vgg"):
        if noted and noted.get(key) != facts[key]:
            raise UserError(
                f"the {name} stage of {run_dir} was begun with --{key}={noted.get(key)}, not {facts[key]}; "
                f"use the same, or another --workdir"
            )


def _write_facts(run_dir: pathlib.Path, name: str, facts: dict[str, Any]) -> None:
    path = run_dir / name / "provenance.json"
    path.parent.mkdir(exist_ok=True)
    aside = path.with_suffix(".json.partial")
    aside.write_text(json.dumps(facts, indent=2) + "\n")
    aside.replace(path)


@contextlib.contextmanager
def _lock(run_dir: pathlib.Path) -> Iterator[None]:
    """Two programs must not write into one run. The system lets go of the lock however the program ends."""
    with (run_dir / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"another program is training in {run_dir}; wait for it, or use another --workdir"
            ) from None
        yield
