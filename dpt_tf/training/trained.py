"""What the stages of a run left: its networks with their weights, its hyper-parameters, what it noted of itself.

A shipped model stands in for a run wherever a network is loaded.
"""

import pathlib
from typing import Any

import keras

from dpt_tf import bounds, config, shipped
from dpt_tf.config import HParams
from dpt_tf.shipped import weights as shipped_weights
from dpt_tf.system import files
from dpt_tf.system.errors import UserError
from dpt_tf.training import checkpoints, memory, networks


def folder(run_dir: pathlib.Path, name: str) -> pathlib.Path:
    """Where a run keeps the checkpoints of a stage."""
    return run_dir / name / "checkpoints"


def load_generator(
    run_dir: pathlib.Path | str, mixed_precision: str = "float32"
) -> tuple[keras.Model, HParams, dict[str, Any]]:
    """The generator of a run as its joint stage left it last, or a shipped one.

    Args:
      run_dir: what `train.py` calls `--workdir`, the folder that `dpt ship` wrote, or the name of a shipped model,
        unless there is a folder of that name.
      mixed_precision: what to run it in; the weights are float32 either way.

    Returns:
      The model, the run's hyper-parameters, and where the weights come from: run, checkpoint, step and what the run
      wrote down about itself (data set, VGG weights, versions).

    Raises:
      UserError: this is no run, it has no joint stage, or none of its checkpoints is whole; shipped weights are
        damaged, or another version's.
    """
    run_dir = shipped.find(run_dir)
    if shipped.is_model(run_dir):
        return _load_shipped(run_dir, mixed_precision, "joint")
    hparams = hparams_of(run_dir)
    if hparams is None:
        raise UserError(
            f"{run_dir} is not a run (it has no hparams.json); train one, train.py --workdir={run_dir}, or name a "
            f"shipped model where no folder has its name: {', '.join(shipped.names())}"
        )
    path = checkpoints.latest(folder(run_dir, "joint"), print)
    if path is None:
        raise UserError(f"{run_dir} has no trained joint stage; run train.py with --workdir={run_dir} --stage=all")
    _refuse_larger(run_dir, hparams, path, "joint")
    with networks.precision(mixed_precision):
        network = networks.generator_of(hparams)
    checkpoints.restore(path, {"generator": network.variables})
    facts = {"run": str(run_dir), "checkpoint": str(path), "step": checkpoints.step_of(path)}
    return network, hparams, facts | provenance(run_dir, "joint")


def load_fcn(
    run_dir: pathlib.Path | str, mixed_precision: str = "float32"
) -> tuple[keras.Model, HParams, dict[str, Any]]:
    """The network of maps of a run as its pose stage left it last, or a shipped one; as `load_generator`."""
    run_dir = shipped.find(run_dir)
    if shipped.is_model(run_dir):
        return _load_shipped(run_dir, mixed_precision, config.MAP_STAGE)
    hparams = hparams_of(run_dir)
    path = checkpoints.latest(folder(run_dir, config.MAP_STAGE), print) if hparams else None
    if hparams is None or path is None:
        raise UserError(f"{run_dir} has no trained pose stage; run train.py with --workdir={run_dir} --stage=pose")
    _refuse_larger(run_dir, hparams, path, config.MAP_STAGE)
    with networks.precision(mixed_precision):
        network = networks.fcn_of(hparams)
    checkpoints.restore(path, {"fcn": network.variables})
    facts = {"run": str(run_dir), "checkpoint": str(path), "step": checkpoints.step_of(path)}
    return network, hparams, facts | provenance(run_dir, config.MAP_STAGE)


def _refuse_larger(run_dir: pathlib.Path, hparams: HParams, checkpoint: pathlib.Path, stage: str) -> None:
    """Refuses, before it is built, a network of more weights than the checkpoint can hold.

    Raises:
      UserError: `hparams.json` is not that of the run.
    """
    if memory.weights(hparams, stage) > checkpoints.most_weights(checkpoint):
        raise UserError(
            f"{run_dir / 'hparams.json'} names larger networks than {checkpoint} holds; put the file back as the run "
            "wrote it, or train the run anew"
        )


def _load_shipped(
    folder: pathlib.Path, mixed_precision: str, stage: str
) -> tuple[keras.Model, HParams, dict[str, Any]]:
    read = shipped_weights.read(folder)
    if stage not in read.card["steps"]:
        does = "finds maps and does not paint" if stage == "joint" else "paints and finds no maps"
        raise UserError(f"{shipped.called(folder)} {does}; give another model")
    with networks.precision(mixed_precision):
        network = networks.generator_of(read.hparams) if stage == "joint" else networks.fcn_of(read.hparams)
    shipped_weights.assign(network, read.arrays, folder)
    facts = {"run": shipped.called(folder), "checkpoint": str(folder / shipped.WEIGHTS)}
    facts |= {"step": read.card["steps"][stage], "digest": read.card["digest"]}
    try:
        return network, read.hparams, facts | checked(read.card["provenance"])
    except ValueError as error:
        raise UserError(f"{folder / shipped.CARD}: {error}; write the model again with `dpt ship`") from None


def hparams_of(run_dir: pathlib.Path) -> HParams | None:
    """What a run wrote down as its hyper-parameters; None where there is no run.

    Raises:
      UserError: the file is damaged, or another version's, or it is gone and trained stages are there; `run_dir` is
        a file.
    """
    try:
        return config.load(run_dir / "hparams.json")
    except FileNotFoundError:
        if begun := [stage for stage in config.EVERY_STAGE if checkpoints.all_of(folder(run_dir, stage))]:
            raise UserError(
                f"{run_dir} has a trained {begun[-1]} stage and no hparams.json, and nobody can say what its numbers "
                "were; put the file back (once the run was scored they are in evaluation/report.json, too), or use "
                "another --workdir"
            ) from None
        return None
    except NotADirectoryError:
        raise UserError(f"{run_dir} is a file; give the folder of a run") from None
    except ValueError as error:
        raise UserError(str(error)) from None


def provenance(run_dir: pathlib.Path, name: str) -> dict[str, Any]:
    """What a stage wrote down about itself; empty where it wrote nothing.

    Raises:
      UserError: the file is damaged.
    """
    path = run_dir / name / "provenance.json"
    try:
        return checked(files.read_facts(path))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); remove it, nothing else depends on it") from None


_NOTED: dict[str, Any] = {"dataset": str, "data_dir": str, "vgg": str | None, "data": dict, "init": dict | None}
_OF_INIT: dict[str, Any] = {"name": str, "step": int, "digest": str}


def checked(noted: dict[str, Any]) -> dict[str, Any]:
    """What a stage, a card or an export says about where weights come from, as far as anything reads it.

    Raises:
      ValueError: a value is not of its name's type; says which.
    """
    begun, data = noted.get("init"), noted.get("data")
    named = [(key, noted[key], kind) for key, kind in _NOTED.items() if key in noted]
    if isinstance(begun, dict):
        named += [(f"init's {key}", begun.get(key), kind) for key, kind in _OF_INIT.items()]
    if isinstance(data, dict):
        named += [("data's digest", data.get("digest", ""), str)]
    for name, value, kind in named:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{name} is {bounds.shown(value)}")
    return noted
