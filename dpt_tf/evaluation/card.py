"""The card of a model: where its weights come from, how well they paint, what they cannot do. Facts, then their text.

Nothing in it names a folder of the machine that trained: data have a description, counts and a digest.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dpt_tf import config
from dpt_tf.data import fingerprint, records, sparse_records
from dpt_tf.evaluation import strangers
from dpt_tf.evaluation.report import Report
from dpt_tf.system import files
from dpt_tf.system.errors import UserError
from dpt_tf.training import checkpoints, trained

_OWN = "Apache-2.0, as dpt_tf: trained on nothing but people that dpt_tf makes"
_CANNOT = (
    "One person a picture, whose DensePose map is given, as is the pose's: it finds neither people nor poses.",
    "What the photo does not show is imagined; `provenance` says where.",
    "Its networks see {size} x {size} pixels; what the photo shows keeps its sharpness at any size, what it does not "
    "show does not get it.",
)
_CANNOT_MAP = (
    "It finds people who stand apart, one in a crop: of people who overlap it makes one.",
    "It sees a crop as {size} x {size} pixels: fingers and small faces are below that.",
    "Front and back are told by the head above all: where none is seen, they may be exchanged, and left and right too.",
)
_SYNTHETIC = "It has seen synthetic people only: no real face, no real cloth, no real hair."


def facts(
    name: str,
    run_dir: pathlib.Path,
    hparams: config.HParams,
    provenance: Mapping[str, Any],
    data_dir: pathlib.Path,
    reports: Mapping[str, pathlib.Path],
    weights: str,
    licence: str | None,
    cannot: Sequence[str] = (),
    stage: str = "joint",
) -> dict[str, Any]:
    """The card but for format, digest and check.

    Args:
      name: the model's.
      run_dir: the run.
      hparams: its hyper-parameters.
      provenance: what its last stage wrote down.
      data_dir: the data set that it was trained on.
      reports: `report.json` of evaluations of the run, by what to call their pairs.
      weights: the digest that a report on these weights names.
      licence: of the weights; may be left out for a run on synthetic people alone.
      cannot: sentences on what the model cannot do, beside those that go for every model.
      stage: the last one: `joint` of a model that paints, `pose` of one that finds maps.

    Raises:
      UserError: another data set, a report on other weights, or no licence where one is needed.
    """
    data = fingerprint.of(data_dir)
    if data != provenance.get("data"):
        raise UserError(f"{data_dir} is not what {run_dir} was trained on; give its data set by --data_dir")
    synthetic = provenance["dataset"] == "synthetic"
    ours = synthetic and provenance["vgg"] in (None, "random") and not provenance.get("init")
    if licence is None and not ours:
        raise UserError(
            f"{run_dir} was not trained on synthetic people alone (data: {provenance['dataset']}, VGG: "
            f"{provenance['vgg']}, init: {provenance.get('init')}); say by --licence what the weights may be used for"
        )
    kept = {key: value for key, value in provenance.items() if key != "data_dir"}
    sentences = [text.format(size=hparams.image_size) for text in (_CANNOT if stage == "joint" else _CANNOT_MAP)]
    return {
        "name": name,
        "steps": _steps(run_dir, hparams.stages() if stage == "joint" else (stage,)),
        "seed": hparams.seed,
        "command": _command(hparams, provenance, stage),
        "description": _opened(data_dir).description,
        "provenance": kept,
        "scores": {label: _scores(path, weights) for label, path in reports.items()},
        "cannot": [*sentences, *([_SYNTHETIC] if synthetic else []), *cannot],
        "licence": licence or _OWN,
    }


def _opened(data_dir: pathlib.Path) -> records.Prepared | sparse_records.Sparse:
    return (sparse_records.open_sparse if sparse_records.holds(data_dir) else records.open_prepared)(data_dir)


def check(paint: strangers.Paint, size: int) -> dict[str, Any]:
    """What the weights, as they were written, make of the fixed strangers."""
    scores = strangers.score(paint, size)
    return {"pairs": strangers.COUNT, "scores": scores, "tolerance": strangers.TOLERANCE}


def check_maps(pose: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    """The same of weights that find maps."""
    scores = strangers.score_maps(pose)
    return {"pairs": strangers.COUNT, "scores": scores, "tolerance": strangers.MAP_TOLERANCE}


def markdown(card: Mapping[str, Any], hparams: config.HParams, parameters: int, size: int) -> str:
    """The card for people; `size` in bytes."""
    data, provenance = card["provenance"]["data"], card["provenance"]
    steps = ", ".join(f"{stage} {count}{_of(count, hparams, stage)}" for stage, count in card["steps"].items())
    versions = ", ".join(
        f"{name} {provenance[name]}" for name in ("dpt_tf", "tensorflow", "keras") if name in provenance
    )
    maps = config.MAP_STAGE in card["steps"]
    lines = [
        f"# {card['name']}",
        "",
        ("Finds DensePose maps. " if maps else "")
        + f"{hparams.image_size} x {hparams.image_size} pixels{'' if maps else f', atlas {hparams.atlas_size}'}; "
        f"{parameters:,} weights as float16, {size / 2**20:.1f} MiB.",
        "",
        f"**Data.** {card['description']}: {data['views']['train']:,} views of {data['items']['train']:,}, "
        f"{data['image_size']} pixels, digest {data['digest']}.",
        "",
        f"**Training.** Steps: {steps}; seed {card['seed']}; {versions}"
        + (f"; begun with {provenance['init']['name']}" if provenance.get("init") else "")
        + ".",
        "",
        "```",
        card["command"],
        "```",
        "",
        f"**Scores.** Of {card['check']['pairs']} fixed synthetic strangers, which the tests "
        f"{'map' if maps else 'paint'} anew: "
        + ", ".join(f"{name} {value:.4g}" for name, value in card["check"]["scores"].items())
        + ".",
    ]
    for label, scores in card["scores"].items():
        lines += ["", f"{label}: {scores['pairs']} pairs, split {scores['split']}, {scores['protocol']}.", ""]
        lines += [_table(scores)]
    lines += ["", "**What it cannot do.**", "", *(f"- {text}" for text in card["cannot"])]
    return "\n".join([*lines, "", f"**Licence.** {card['licence']}.", ""])


def _of(count: int, hparams: config.HParams, stage: str) -> str:
    """That a stage was to be longer, where it was."""
    planned = getattr(hparams, f"{stage}_steps")
    return f" of {planned}" if planned > count else ""


def _steps(run_dir: pathlib.Path, names: Sequence[str]) -> dict[str, int]:
    """How many steps each stage has behind it; a run that began with other weights may lack the earlier ones."""
    latest = {name: checkpoints.latest(trained.folder(run_dir, name)) for name in names}
    return {name: checkpoints.step_of(path) for name, path in latest.items() if path}


def _command(hparams: config.HParams, provenance: Mapping[str, Any], stage: str) -> str:
    """The call of train.py that trains the same again."""
    usual, ours = (dataclasses.asdict(one) for one in (config.preset(hparams.preset), hparams))
    changed = ",".join(f"{name}={value}" for name, value in ours.items() if value != usual[name])
    flags = [f"--dataset={provenance['dataset']}", "--data_dir=DATA", f"--preset={hparams.preset}"]
    flags += [f"--hparams={changed}"] if changed else []
    flags += [] if stage == "joint" else [f"--stage={stage}"]
    flags += [f"--vgg={provenance['vgg']}"] if provenance["vgg"] else []
    flags += [f"--init={provenance['init']['name']}"] if provenance.get("init") else []
    return " ".join(["python train.py", *flags])


def _scores(path: pathlib.Path, weights: str) -> dict[str, Any]:
    """A report's table and what it is of."""
    try:
        report = files.read_facts(path)
        scored, table = report["digests"].get("weights"), {}
        for row, scores in report["scores"].items():  # a text says why there is no number
            table[row] = {name: value for name, value in scores.items() if not isinstance(value, str)}
        kept = {key: report[key] for key in ("pairs", "split", "protocol", "limit", "seed")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no report of `dpt evaluate` ({error}); give its report.json") from None
    if scored != weights:
        raise UserError(f"{path} is a report on other weights; evaluate the run as it is now: dpt evaluate --workdir=…")
    return kept | {"data": report["digests"]["data"], "table": table}


def _table(scores: Mapping[str, Any]) -> str:
    first = next(iter(scores["table"].values()))
    higher = {name: not name.startswith(("L1", "FID", "LPIPS")) for name in first}
    return Report(scores["pairs"], scores["table"], higher, {}).markdown()
