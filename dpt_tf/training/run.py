"""A run's folder: whose it is, which stages are behind it, and the next one.

runs/NAME/hparams.json
runs/NAME/<stage>/{provenance.json, checkpoints/, tensorboard/}
"""

import contextlib
import dataclasses
import gc
import importlib.metadata
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from dpt_tf import config
from dpt_tf.config import HParams
from dpt_tf.data import fingerprint, read
from dpt_tf.models import vgg
from dpt_tf.system import atomic, locks, processor, quiet
from dpt_tf.system.errors import UserError
from dpt_tf.training import beginning, checkpoints, loop, memory, stages, trained, workers

# More of the same changes nothing of what went before, unless the learning rate was to cool down by then.
_LENGTHS = frozenset(["epochs", *(f"{stage}_steps" for stage in config.EVERY_STAGE)])


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
    init: pathlib.Path | str | None = None,
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
      init: a run or a shipped model whose weights new stages begin with, see `beginning`.

    Raises:
      UserError: the folder is another run's, or in use; an earlier stage is missing; too small a batch; no stage
        is left; the weights of `init` do not fit.
      TrainingError, Interrupted: as `loop.fit`.
    """
    names = _needed(names, hparams, say)
    together = workers.cluster()
    memory.refuse(hparams, names, len(together.workers) if together else 1)
    if together and len(together.workers) > 1:
        others = [address for number, address in enumerate(together.workers) if number != together.index]
        say(f"worker {together.index} of {len(together.workers)}: waiting for {', '.join(others)}")
    distribution = loop.strategy()
    if hparams.batch_size < distribution.num_replicas_in_sync:
        raise UserError(
            f"batch_size is {hparams.batch_size}, too small for {distribution.num_replicas_in_sync} devices; "
            "give at least one example to each (--hparams=batch_size=…)"
        )
    chief = loop.is_chief(distribution)
    if chief and _emulates_bfloat16(hparams):
        say("mixed_precision=bfloat16: this processor has no instructions for it; float32 is several times faster here")
    with locks.claimed(run_dir) if chief else contextlib.nullcontext():
        refuse_another(run_dir, hparams)
        begun_with = beginning.read(init, hparams, names) if init else None
        data_facts = {"dataset": dataset, "data_dir": str(data_dir), "data": fingerprint.of(data_dir)}
        _compare_data(run_dir, data_facts)
        per_epoch = {name: read.steps_per_epoch(data_dir, hparams, name) for name in names}
        if "joint" in names and stages.looks_at_features(hparams):
            vgg.build(vgg_weights)  # a missing file should not come to light after the earlier stages
        if chief:
            hparams.save(run_dir / "hparams.json")
        for name in names:
            facts = data_facts | _facts(name, hparams, vgg_weights)
            facts |= {"init": begun_with.facts} if begun_with else {}
            _train_stage(
                *(name, run_dir, data_dir, hparams, per_epoch[name], vgg_weights, facts, schedule, distribution, say),
                begun_with,
            )
            keras.backend.clear_session()  # the next stage needs the memory
            gc.collect()


def _emulates_bfloat16(hparams: HParams) -> bool:
    on_processor = not tf.config.list_physical_devices("GPU")
    return hparams.mixed_precision == "bfloat16" and on_processor and not processor.computes_in_bfloat16()


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
    begun_with: beginning.Beginning | None,
) -> None:
    total = hparams.stage_steps(name, per_epoch)
    latest = checkpoints.latest(trained.folder(run_dir, name), say)
    start = checkpoints.step_of(latest) if latest else 0
    if start >= total:
        say(f"{name}: trained already, {start} steps; nothing to do")
        return
    if latest:
        _compare_vgg(run_dir, name, facts)
        _compare_init(run_dir, name, facts)
    if loop.is_chief(distribution):
        _write_facts(run_dir, name, facts)
    with distribution.scope():
        stage = stages.build(name, hparams, vgg_weights, total)
        if latest:
            checkpoints.restore(latest, stage.variables)
            say(f"{name}: goes on from step {start} of {total}")
        else:
            if begun_with:
                begun_with.give(stage)
                say(f"{name}: begins with the weights of {begun_with.name}, step {begun_with.facts['step']}")
            stages.begin(stage, run_dir, say, has_weights=begun_with is not None)
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


def refuse_another(run_dir: pathlib.Path, hparams: HParams) -> None:
    """Refuses other hyper-parameters than those that stages of the run were trained with.

    Raises:
      UserError: it names them.
      UnicodeEncodeError: TensorFlow cannot write to a folder of this name.
    """
    os.fspath(run_dir).encode()
    begun = [stage for stage in config.EVERY_STAGE if checkpoints.all_of(trained.folder(run_dir, stage))]
    there = trained.hparams_of(run_dir)
    if not begun or there is None:
        return
    theirs, ours = dataclasses.asdict(there), dataclasses.asdict(hparams)
    may_change = _LENGTHS - {"epochs", *(f"{stage}_steps" for stage in begun)} if hparams.cooldown else _LENGTHS
    differ = [name for name in ours if ours[name] != theirs[name] and name not in may_change]
    if differ:
        values = ", ".join(f"{name} is {theirs[name]} there and {ours[name]} here" for name in differ)
        told = "" if _LENGTHS.isdisjoint(differ) else _why_no_longer(hparams)
        raise UserError(f"{run_dir} was trained differently: {values}{told}; use the same values, or another --workdir")


def _why_no_longer(hparams: HParams) -> str:
    """Why a stage that has begun cannot be made longer, and how to train longer all the same."""
    return (
        f" (cooldown={hparams.cooldown:g} lets the learning rate fall towards the last step, so a stage keeps the "
        "length that it began with; to train longer, begin another run with these weights: --init=RUN "
        "--workdir=ANOTHER)"
    )


def _facts(name: str, hparams: HParams, vgg_weights: str) -> dict[str, Any]:
    """Where the weights of a stage come from, beside its data."""
    facts: dict[str, Any] = {"vgg": vgg_weights if name == "joint" and stages.looks_at_features(hparams) else None}
    for package in ("dpt_tf", "tensorflow", "keras"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            facts[package] = importlib.metadata.version(package)
    return facts


def _compare_data(run_dir: pathlib.Path, facts: dict[str, Any]) -> None:
    """Refuses another data set than that which stages of the run were trained on."""
    for name in config.EVERY_STAGE:
        noted = trained.provenance(run_dir, name) if checkpoints.all_of(trained.folder(run_dir, name)) else {}
        if noted.get("dataset", facts["dataset"]) != facts["dataset"]:
            raise UserError(
                f"the {name} stage of {run_dir} was begun with --dataset={noted['dataset']}, not {facts['dataset']}; "
                f"use the same, or another --workdir"
            )
        # A run of an earlier version noted no data.
        if noted.get("data", facts["data"]) != facts["data"]:
            raise UserError(
                f"the {name} stage of {run_dir} was trained on another data set ({noted.get('data_dir')}, "
                f"{_told(noted['data'])}) than {facts['data_dir']} ({_told(facts['data'])}); use that one, or another "
                f"--workdir"
            )


def _told(data: Any) -> str:
    """A data set in a few words: how many training views, and its digest."""
    try:
        return f"{data['views']['train']} views, digest {data['digest']}"
    except (KeyError, TypeError):
        return "no digest"


def _compare_vgg(run_dir: pathlib.Path, name: str, facts: dict[str, Any]) -> None:
    """Refuses other features than those that a stage of the run has looked at."""
    noted = trained.provenance(run_dir, name)
    if noted and noted.get("vgg") != facts["vgg"]:
        raise UserError(
            f"the {name} stage of {run_dir} was begun with --vgg={noted.get('vgg')}, not {facts['vgg']}; "
            f"use the same, or another --workdir"
        )


def _compare_init(run_dir: pathlib.Path, name: str, facts: dict[str, Any]) -> None:
    """Refuses other weights to begin with than those that a stage of the run began with."""
    noted, ours = (of.get("init") or {} for of in (trained.provenance(run_dir, name), facts))
    if noted.get("digest") != ours.get("digest"):
        began, given = (
            f"--init={of['name']} (step {of['step']}, digest {of['digest'][:8]})" if of else "no --init"
            for of in (noted, ours)
        )
        raise UserError(
            f"the {name} stage of {run_dir} was begun with {began}, not with {given}; "
            "use the same, or another --workdir"
        )


def _write_facts(run_dir: pathlib.Path, name: str, facts: dict[str, Any]) -> None:
    path = run_dir / name / "provenance.json"
    path.parent.mkdir(exist_ok=True)
    atomic.write_json(path, facts)
