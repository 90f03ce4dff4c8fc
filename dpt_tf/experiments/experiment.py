"""A table, every row trained and scored in the same way.

WORKDIR/experiment.json           what was asked for; a later call must ask for the same
WORKDIR/ROW-seedN/                a run like any other, and
WORKDIR/ROW-seedN/report.json     its scores; a run that has it is finished
WORKDIR/ROW-seedN/costs.json      seconds of each stage, or the run whose stage it begins with
WORKDIR/ROW-seedN/shown/          its results on a few pairs
WORKDIR/report.json, report.md, grid.png, textures.png
WORKDIR/fid-train*.npz            moments of the training pictures, where an FID compares with them

Seeds are gone through in turn, so that the whole table is there after the first. Stages before the last one that read
the same hyper-parameters are trained once for each seed; other runs get the weights they left.
"""

import dataclasses
import os
import pathlib
import shutil
import time
from collections.abc import Callable
from typing import Any

from dpt_tf.config import HParams
from dpt_tf.data import fingerprint, read, records
from dpt_tf.evaluation import digests, score_set, scoring
from dpt_tf.evaluation.real_set import RealSet
from dpt_tf.evaluation.report import to_tensorboard
from dpt_tf.experiments import gallery, tables, tabulate
from dpt_tf.experiments.runs import SPLIT, Pace, Plan, Run
from dpt_tf.models import vgg
from dpt_tf.system import atomic, locks
from dpt_tf.system.errors import UserError
from dpt_tf.training import checkpoints, run, stages, trained


def carry_out(plan: Plan, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Trains and scores what is missing, reports after every run; a call that was stopped goes on.

    Returns:
      What `report.json` holds.

    Raises:
      UserError: the folder holds another experiment, or one at work; the data lack something that a row needs; a
        network cannot be had.
      TrainingError, Interrupted: as `training.loop.fit`.
    """
    if os.environ.get("TF_CONFIG"):
        raise UserError("dpt experiment runs on one machine: unset TF_CONFIG, or train the rows one by one by train.py")
    runs = plan.runs()
    _check_keypoints(plan)
    for one in runs:  # what a later row lacks should not come to light after the earlier ones
        for stage in one.hparams.stages():
            read.steps_per_epoch(plan.data_dir, one.hparams, stage)
    pairs = runs[0].split().count()
    real = RealSet(plan.data_dir, plan.base.image_size, plan.workdir)
    make, labels = score_set.of(plan.protocol, plan.base.image_size, pairs, plan.networks, plan.fid, real)
    if any(stages.looks_at_features(one.hparams) for one in runs):
        vgg.build(plan.vgg_weights)
    with locks.claimed(plan.workdir):
        _compare(plan)
        facts = _facts(plan, pairs, labels)
        todo = [one for one in runs if not _is_finished(one, facts[one.name])]
        _announce(plan, runs, todo, pairs, say)
        pace = Pace()
        for number, one in enumerate(todo):
            say(f"\nrun {number + 1} of {len(todo)}: {one.name}")
            begun = time.monotonic()
            _train(one, pace, say)
            scores = _score(one, make, facts[one.name], pace)
            say(f"{one.name}: {_line(scores)}; {_spell(time.monotonic() - begun)}")
            if todo[number + 1 :]:
                say(f"{len(todo) - number - 1} runs to go, about {_spell(pace.left(todo[number + 1 :]))}")
            _report(plan, facts, labels, pairs)
        return _report(plan, facts, labels, pairs)


def _facts(plan: Plan, pairs: int, labels: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What every run there may be is scored on: one whose report says this is finished."""
    common = {"data": _data_facts(plan), "split": SPLIT, "limit": plan.limit, "pairs": pairs}
    networks = labels | {"detector_classes": plan.networks.trained_on}
    networks |= {f"{name}, digest": digest for name, digest in plan.networks.digests().items()}
    common |= {"protocol": plan.protocol, "fid": plan.fid, "networks": networks}
    return {
        one.name: {"row": one.row.name, "seed": one.seed, "hparams": dataclasses.asdict(one.hparams), **common}
        for one in plan.runs(plan.table.rows)
    }


def _data_facts(plan: Plan) -> dict[str, Any]:
    return {"dataset": plan.dataset, **fingerprint.of(plan.data_dir)}


def _check_keypoints(plan: Plan) -> None:
    """Refuses rows that read keypoints where the data set has none."""
    reading = [row.name for row in plan.rows if row.hparams(plan.base, 0).keypoints_needed()]
    if not reading or (prepared := records.open_prepared(plan.data_dir)).keypoints:
        return
    others = ",".join(row.name for row in plan.rows if row.name not in reading)
    remedy = f", or leave them out by --rows={others}" if others else ""
    raise UserError(
        f"{prepared.directory} has views without keypoints, which of Table {plan.table.number} read: "
        f"{', '.join(reading)}; prepare it with keypoints{remedy}"
    )


def _compare(plan: Plan) -> None:
    """Refuses another experiment than the one whose runs are in the folder."""
    ours = _identity(plan)
    path = plan.workdir / "experiment.json"
    theirs = tabulate.read(path)
    begun = any(checkpoints.all_of(path) for path in plan.workdir.glob("*/*/checkpoints"))
    if theirs is None and begun:
        raise UserError(
            f"{plan.workdir} has trained runs and no experiment.json that says of what; put the file back, or use "
            "another --workdir"
        )
    if theirs is not None and begun:
        theirs = _of_an_earlier_version() | theirs
        differ = [key for key in ours if theirs.get(key) != ours[key]]
        if differ:
            values = ", ".join(f"{key} is {theirs.get(key)} there and {ours[key]} here" for key in differ)
            raise UserError(f"{plan.workdir} holds another experiment: {values}; use the same, or another --workdir")
    atomic.write_json(path, ours)


def _identity(plan: Plan) -> dict[str, Any]:
    """What an experiment is, whichever of its rows and seeds are wanted."""
    of_data = {f"data: {key}": value for key, value in _data_facts(plan).items()}
    return {"table": plan.table.number, "vgg": _vgg(plan), **_shared_hparams(plan), **of_data}


def _of_an_earlier_version() -> dict[str, Any]:
    """The hyper-parameters that an experiment did not note, as it had not heard of them."""
    return dataclasses.asdict(HParams())


def beside(plan: Plan, folder: pathlib.Path) -> Plan:
    """The experiment in `folder`, whose stages `plan` may take over.

    Raises:
      UserError: there is none, or it was made on other data or with other hyper-parameters.
    """
    table, found = table_of(folder)
    other = dataclasses.replace(plan, table=table, rows=table.rows, workdir=folder, beside=())
    expected, found = _identity(other), _of_an_earlier_version() | found
    differ = [key for key, value in expected.items() if key != "vgg" and found.get(key) != value]
    looks_alike = None in (_vgg(plan), found.get("vgg")) or found["vgg"] == plan.vgg_weights
    if differ or not looks_alike:
        values = ", ".join(f"{key} is {found.get(key)} there and {expected[key]} here" for key in differ or ["vgg"])
        raise UserError(f"--beside={folder}: nothing of it can be taken over: {values}; leave it out")
    return other


def table_of(folder: pathlib.Path) -> tuple[tables.Table, dict[str, Any]]:
    """What an earlier experiment was of: its table, and what its `experiment.json` says.

    Raises:
      UserError: there is none.
    """
    found = tabulate.read(folder / "experiment.json")
    if found is None or found.get("table") not in tuple(tables.TABLES):
        raise UserError(f"--beside={folder}: no experiment is there; give the --workdir of an earlier dpt experiment")
    return tables.TABLES[found["table"]], found


def _shared_hparams(plan: Plan) -> dict[str, Any]:
    """Those that no row of the table changes, nor the seed."""
    changed = {key for row in plan.table.rows for key in row.changes} | {"seed"}
    return {key: value for key, value in dataclasses.asdict(plan.base).items() if key not in changed}


def _vgg(plan: Plan) -> str | None:
    """The weights of VGG19, where any row of the table looks at its features."""
    looks = any(stages.looks_at_features(row.hparams(plan.base, 0)) for row in plan.table.rows)
    return plan.vgg_weights if looks else None


def _is_finished(one: Run, facts: dict[str, Any]) -> bool:
    report = tabulate.read(one.folder / "report.json")
    if report is None or any(report.get(key) != value for key, value in facts.items()):
        return False
    return tabulate.is_whole(report) and gallery.is_there(one.folder, facts["pairs"], one.shows_textures)


def _train(one: Run, pace: Pace, say: Callable[[str], None]) -> None:
    """Every stage of the run that is not behind it yet, or is not behind another run that it can be had from."""
    plan = one.plan
    for stage in one.hparams.stages():
        _take_over(one, stage, say)
        if one.has_finished(stage):
            say(f"{stage}: behind it, {one.steps(stage)} steps")
            continue
        begun, before = time.monotonic(), one.done(stage)
        try:
            run.train(
                one.folder, plan.data_dir, one.hparams, [stage], plan.dataset, plan.vgg_weights, plan.schedule, say
            )
        finally:
            seconds = time.monotonic() - begun
            one.note(stage, seconds)
            pace.note(stage, seconds / max(1, one.done(stage) - before))


def _take_over(one: Run, stage: str, say: Callable[[str], None]) -> None:
    """Gives the run a stage that another row, or another experiment, has finished with the same seed."""
    if one.has_finished(stage):
        return
    for other in one.siblings(stage):
        if not other.has_finished(stage):
            continue
        source, final = other.folder / stage, one.folder / stage
        aside = one.folder / f".{stage}.partial"
        for leftover in (aside, final):
            shutil.rmtree(leftover, ignore_errors=True)
        aside.mkdir(parents=True)
        shutil.copy2(source / "provenance.json", aside)
        last = checkpoints.all_of(source / "checkpoints")[-1]
        shutil.copytree(last, aside / "checkpoints" / last.name, copy_function=_link)
        one.hparams.save(one.folder / "hparams.json")
        aside.replace(final)
        name = other.name if other.plan is one.plan else str(other.folder)
        one.note(stage, {"from": name})
        say(f"{stage}: as {name} left it")
        return


def _link(source: str, target: str) -> None:
    """A second name for a checkpoint's file, which nobody writes into; a copy where the disk knows no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


class _ResultPainter(scoring.ModelPainter):
    """The result alone: what a row of the paper is about."""

    rows: tuple[str, ...] = ("full",)


def _score(one: Run, make: Callable, facts: dict[str, Any], pace: Pace) -> dict[str, float | str]:
    """Scores the run, paints the pairs that are shown, and writes its report last."""
    begun = time.monotonic()
    model, hparams, provenance = trained.load_generator(one.folder)
    paint, split = _ResultPainter(model), one.split()
    # The sums of a scoring that was stopped are gone on with where the weights are the same.
    checkpoint = pathlib.Path(provenance["checkpoint"])
    weights = {"checkpoint": checkpoint.name, "digest": digests.of_checkpoint(checkpoint)}
    scored = scoring.score(paint, split, make, one.folder / "evaluation", facts | weights)
    scores = scored.table["full"] | score_set.impossible(one.plan.protocol, hparams.image_size)
    gallery.paint(paint, split, facts["pairs"], one.folder)
    if one.shows_textures:
        gallery.paint_textures(model, split, facts["pairs"], one.folder)
    one.note("scoring", time.monotonic() - begun)
    pace.note("scoring", time.monotonic() - begun)
    report = facts | {"steps": {stage: one.steps(stage) for stage in hparams.stages()}, "costs": one.costs()}
    report |= {"data_dir": str(one.plan.data_dir), "weights": provenance, "left_out": scored.left_out}
    sheet, _ = gallery.sheets({one.row.name: one.folder}, split, facts["pairs"])
    to_tensorboard(one.folder / "evaluation", int(provenance["step"]), scores, "pairs", sheet)
    atomic.write_json(one.folder / "report.json", report | {"scores": scores})
    return scores


def _announce(plan: Plan, runs: list[Run], todo: list[Run], pairs: int, say: Callable[[str], None]) -> None:
    table, lines = plan.table, []
    for one in runs[: len(plan.rows)]:
        stages_of = ", ".join(f"{stage} {one.steps(stage)}" for stage in one.hparams.stages())
        lines.append(f"  {one.row.name:20} steps: {stages_of}")
    seeds = ", ".join(map(str, plan.seeds))
    say(f"Table {table.number}: {table.title}; {len(plan.rows)} rows x {len(plan.seeds)} seeds ({seeds})")
    say("\n".join(lines))
    say(f"data: {plan.data_dir}, {plan.dataset}; {pairs} pairs of its split {SPLIT} are scored")
    behind = f"; {len(runs) - len(todo)} of {len(runs)} runs are finished already" if len(todo) < len(runs) else ""
    say(f"runs and report: {plan.workdir}{behind}")
    if todo:
        say("the time it takes is estimated after the first run; stages in common are trained once a seed")


def _line(scores: dict[str, float | str]) -> str:
    """The scores of whole pictures."""
    numbers = {name: value for name, value in scores.items() if not isinstance(value, str) and "foreground" not in name}
    return ", ".join(f"{name} {value:.4f}" for name, value in numbers.items())


def _spell(seconds: float) -> str:
    """A duration for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _report(plan: Plan, facts: dict[str, dict], labels: dict[str, str], pairs: int) -> dict[str, Any]:
    """Report and pictures of all rows of the table that are finished with the seeds of the plan."""
    finished = [one for one in plan.runs(plan.table.rows) if _is_finished(one, facts[one.name])]
    common = {"dataset": plan.dataset, "data_dir": str(plan.data_dir), "split": SPLIT, "pairs": pairs}
    common |= {"limit": plan.limit, "protocol": plan.protocol, "networks": labels, "vgg": _vgg(plan)}
    common |= {"hparams": _shared_hparams(plan)}
    report = tabulate.compose(plan.table, [tabulate.read(one.folder / "report.json") or {} for one in finished], common)
    atomic.write_json(plan.workdir / "report.json", report)
    atomic.write_text(plan.workdir / "report.md", tabulate.markdown(report))
    shown = {one.row.name: one for one in finished if one.seed == finished[0].seed}
    if shown:
        folders = {name: one.folder for name, one in shown.items()}
        gallery.draw(plan.workdir, folders, next(iter(shown.values())).split(), pairs, plan.table.textures)
    return report
