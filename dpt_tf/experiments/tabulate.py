"""The report of an experiment: rows over seeds beside the paper's figures, and what came of the claimed orderings."""

import pathlib
from collections.abc import Sequence
from typing import Any

from dpt_tf.experiments import verdicts
from dpt_tf.experiments.tables import Ordering, Table
from dpt_tf.system import files

_PAPER_SCORES = ("SSIM", "MS-SSIM", "IS", "DS")


def read(path: pathlib.Path) -> dict[str, Any] | None:
    """A report or an experiment as JSON; None where there is nothing, or nothing that can be read."""
    try:
        return files.read_facts(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def is_whole(report: dict[str, Any]) -> bool:
    """Whether a run's report has all that `compose` reads."""
    tables = [report.get(name) for name in ("scores", "steps", "costs")]
    if not all(isinstance(table, dict) for table in tables):
        return False
    return all(type(score) in (int, float, str) for score in report["scores"].values())


def compose(table: Table, reports: Sequence[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """Everything that is known, for JSON.

    Args:
      table: of `tables.TABLES`.
      reports: of the runs that are finished.
      facts: what they have in common.

    Returns:
      `facts` and: table, title, paper_dataset, quoted; `rows`, each with its name, label, hyper-parameters, the paper's
      figures, steps, seconds and `scores`, by name a dict mean, deviation, seeds, or a text; `orderings`, each with its
      verdict and, where the score has it, that of the foreground.
    """
    results: dict[str, dict[int, Any]] = {}
    for report in reports:
        results.setdefault(report["row"], {})[report["seed"]] = report["scores"]
    rows = []
    for row in table.rows:
        of_row = [report for report in reports if report["row"] == row.name]
        entry = {"name": row.name, "label": row.label, "changes": dict(row.changes), "paper": dict(row.paper)}
        entry |= {"seeds": [report["seed"] for report in of_row], "scores": _scores(results.get(row.name, {}))}
        entry |= {"steps": of_row[0]["steps"] if of_row else {}}
        entry |= {"costs": {report["seed"]: report["costs"] for report in of_row}}
        rows.append(entry | {"seconds": sum(_seconds(report["costs"]) for report in of_row)})
    judged = []
    for ordering in table.orderings:
        claim = {"score": ordering.score, "order": list(ordering.names), "where": ordering.where}
        judged.append(claim | _verdict(ordering, results))
        if verdicts.has_foreground(ordering.score):
            judged[-1]["foreground"] = _verdict(ordering, results, foreground=True)
    about: dict[str, Any] = {"table": table.number, "title": table.title, "paper_dataset": table.paper_dataset}
    quoted = {label: dict(figures) for label, figures in table.quoted.items()}
    return about | facts | {"rows": rows, "quoted": quoted, "orderings": judged}


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    rows = [row for row in report["rows"] if row["seeds"]]
    names = list(rows[0]["scores"]) if rows else []
    numeric = [name for name in names if not isinstance(rows[0]["scores"][name], str)]
    figures = [row["paper"] for row in report["rows"]] + list(report["quoted"].values())
    columns: list[tuple[str, str]] = []
    for score in _PAPER_SCORES:
        found = verdicts.find(score, numeric)
        columns += [("ours", found)] if found else []
        columns += [("paper", score)] if any(score in figure for figure in figures) else []
    beside = [("ours", name) for name in numeric if ("ours", name) not in columns]
    missing = [f"{name}: {rows[0]['scores'][name]}" for name in names if name not in numeric]

    def lines(shown: Sequence[tuple[str, str]], quote: bool) -> list[str]:
        heads = [f"{name}, paper" if kind == "paper" else name for kind, name in shown]
        table = [["", *heads, "seeds", "pairs", "steps", "seconds"]]
        for row in report["rows"]:
            cells = [_paper(row["paper"], n) if kind == "paper" else _cell(row["scores"].get(n)) for kind, n in shown]
            pairs = str(report["pairs"]) if row["seeds"] else "-"
            steps = " + ".join(map(str, row["steps"].values())) or "-"
            table.append([row["label"], *cells, str(len(row["seeds"])), pairs, steps, f"{row['seconds']:.0f}"])
        for label, figure in report["quoted"].items() if quote else ():
            cells = [_paper(figure, name) if kind == "paper" else "" for kind, name in shown]
            table.append([f"{label}, as the paper has it", *cells, "", "", "", ""])
        return _drawn(table)

    vgg = f", VGG19 weights: {report['vgg']}" if report["vgg"] else ""
    text = [f"# Table {report['table']}: {report['title']}", ""]
    of_paper = f'Columns "paper" are figures on {report["paper_dataset"]}. ' if report["paper_dataset"] else ""
    text += [
        f"{report['dataset']} ({report['data_dir']}), split {report['split']}, protocol {report['protocol']}, "
        f"preset {report['hparams']['preset']}{vgg}. {of_paper}Mean over seeds ± sample deviation.",
        "Steps by stage; seconds of training and scoring over all seeds: a stage that rows have in common counts where "
        "it was trained.",
        "",
    ]
    text += lines(columns, quote=True)
    if beside:
        text += ["", "Other scores (L1 with white = 1, PSNR in dB; foreground: where the target's I > 0):", ""]
        text += lines(beside, quote=False)
    text += ["", *missing, *(f"{name}: {label}" for name, label in report["networks"].items())]
    whose = "the paper says" if report["paper_dataset"] else "is expected"
    text += ["", f"## What {whose} of the order", ""]
    text += [line for ordering in report["orderings"] for line in _judged(ordering)] or [
        "It puts no rows of this table in order."
    ]
    seen = "A step is seen where its mean difference is at least twice its standard error over the seeds."
    return "\n".join([*text, *(["", seen] if report["orderings"] else []), ""])


def _scores(by_seed: dict[int, Any]) -> dict[str, Any]:
    """By name mean, deviation and every seed's value; a text where it could not be computed."""
    found: dict[str, Any] = {}
    for name in next(iter(by_seed.values()), {}):
        values = {seed: scores[name] for seed, scores in by_seed.items()}
        reasons = [value for value in values.values() if isinstance(value, str)]
        if reasons:
            found[name] = reasons[0]
            continue
        mean, deviation = verdicts.mean_and_deviation(list(values.values()))
        found[name] = {"mean": mean, "deviation": deviation, "seeds": values}
    return found


def _seconds(costs: dict[str, Any]) -> float:
    return sum(cost for cost in costs.values() if isinstance(cost, float))


def _cell(score: Any) -> str:
    if not isinstance(score, dict):
        return "-"
    deviation = f" ± {score['deviation']:.4f}" if score["deviation"] is not None else ""
    return f"{score['mean']:.4f}{deviation}"


def _paper(figures: dict[str, float], score: str) -> str:
    return f"{figures[score]:.{2 if score == 'IS' else 3}f}" if score in figures else "-"


def _verdict(ordering: Ordering, results: verdicts.Results, foreground: bool = False) -> dict[str, Any]:
    found = verdicts.verdict_of(ordering, results, foreground)
    return {"verdict": found.verdict, "numbers": list(found.numbers)}


def _judged(ordering: dict[str, Any]) -> list[str]:
    """The verdict over the whole picture, and below it that over the person."""

    def said(found: dict[str, Any]) -> str:
        return f"**{found['verdict']}**. {'; '.join(found['numbers'])}"

    order = " > ".join(ordering["order"])
    lines = [f"- {ordering['score']}: {order} ({ordering['where']}): {said(ordering)}"]
    return lines + ([f"  - foreground: {said(ordering['foreground'])}"] if "foreground" in ordering else [])


def _drawn(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["| " + " | ".join(f"{cell:{w}}" for cell, w in zip(line, widths, strict=True)) + " |" for line in table]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
