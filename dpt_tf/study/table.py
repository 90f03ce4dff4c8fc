"""Table 2 of a study: shares in percent, and intervals by a bootstrap over workers.

Note:
  Of studies of simulated workers who differ by 10 points around a rate, its 95 % interval held the rate in 94 % for 30
  workers, 92 % for 20, 91 % for 10 and 85 % for 5. It says how far other workers might have come out elsewhere, not
  other pictures, for all of them see the same.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from dpt_tf.images import naming
from dpt_tf.study import sheets
from dpt_tf.study.protocol import FIGURES, PAPER, Figure
from dpt_tf.study.writing import ANSWERS, kind_of, read_key
from dpt_tf.system import atomic
from dpt_tf.system.errors import UserError, one_line

RESAMPLES = 9999
LEVEL = 0.95


def report(folder: pathlib.Path, answers: Sequence[pathlib.Path] = (), seed: int = 0) -> dict[str, Any]:
    """Writes `report.json` and `report.md` into a study's folder; what the first says.

    Args:
      folder: that of `make`.
      answers: files and folders of answers; those in the study's folder where none is given.
      seed: of the bootstrap.

    Raises:
      UserError: no study, no answers, or none that count.
    """
    key = read_key(folder)
    given = list(answers) or [folder / ANSWERS]
    for path in given:
        if not path.exists():
            raise UserError(f"{path}: not there; give --answers the files that workers sent, or their folder")
    outputs = [folder / "report.json", folder / "report.md"]
    if line := naming.refused(outputs, given, "-o", "a report", (".json", ".md")):
        raise UserError(line)
    found = sheets.read(given, key)
    kept = [sheet for sheet in found if not sheet.fault]
    dropped = [sheet for sheet in found if sheet.fault]
    if not found:
        raise UserError(f"{given[0]}: no answers in it; put the files there that workers sent, or give --answers")
    if not kept:
        few = "; ".join(f"{sheet.file}: {sheet.fault}" for sheet in dropped[:3])
        raise UserError(
            f"{given[0]}: none of {len(dropped)} sheets counts ({few}{'; ...' if len(dropped) > 3 else ''})"
        )
    generator = np.random.default_rng(seed)
    facts = {
        "study": key["study"],
        "seed": seed,
        "level": LEVEL,
        "figures": {figure.name: _share(figure, kept, key, generator) for figure in FIGURES},
        "rule": sheets.RULE.splitlines(),
        "kept": len(kept),
        "dropped": [{"file": one.file, "worker": one.worker, "task": one.task, "reason": one.fault} for one in dropped],
    }
    atomic.write_json(outputs[0], facts)
    atomic.write_text(outputs[1], markdown(facts))
    return facts


def _share(figure: Figure, kept: Sequence[sheets.Sheet], key: dict[str, Any], generator) -> dict[str, Any] | None:
    """The mean over workers, who all answered equally many, and its interval; None where nobody was asked."""
    from scipy import stats  # half a second, and the page needs none

    shares, asked = [], 0
    for sheet in (one for one in kept if one.task == figure.task):
        given = [answer for item, answer in sheet.answers.items() if kind_of(item, key) == figure.kind]
        shares.append(100 * given.count(figure.answer) / len(given))
        asked += len(given)
    if not shares:
        return None
    found = {"share": float(np.mean(shares)), "low": None, "high": None, "workers": len(shares), "answers": asked}
    if len(shares) > 1:
        drawn = stats.bootstrap(
            (shares,), np.mean, n_resamples=RESAMPLES, confidence_level=LEVEL, method="percentile", rng=generator
        )
        found |= {"low": float(drawn.confidence_interval.low), "high": float(drawn.confidence_interval.high)}
    return found


def markdown(facts: dict[str, Any]) -> str:
    """The report for people."""
    names = list(facts["figures"])
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    lines.append(f"| this study | {' | '.join(map(_cell, facts['figures'].values()))} |")
    for label, row in PAPER.items():
        lines.append(f"| {label} | {' | '.join('-' if cell is None else f'{cell:.1f}' for cell in row)} |")
    asked = [f"{name} {one['workers']}" for name, one in facts["figures"].items() if one]
    text = (
        f"User study {facts['study']}: answers in %, in brackets {facts['level']:.0%} of a bootstrap over workers\n\n"
    )
    text += "\n".join(lines) + f"\n\nworkers: {', '.join(asked)}\n"
    text += f"sheets: {facts['kept']} count, {len(facts['dropped'])} dropped\n"
    for one in facts["dropped"]:
        whose = f" (worker {one['worker']}{', ' if one['task'] else ''}{one['task']})" if one["worker"] else ""
        text += one_line(f"- {one['file']}{whose}: {one['reason']}") + "\n"
    return text + "\n" + "\n".join(facts["rule"]) + "\n"


def _cell(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return "-"
    between = f" [{figure['low']:.1f}, {figure['high']:.1f}]" if figure["low"] is not None else ""
    return f"{figure['share']:.1f}{between}"
