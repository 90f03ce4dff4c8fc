"""Workers' answers, and which of them count.

A sheet is what one worker answered to one task. A file holds sheets of a worker (the page's JSON or CSV), of several (a
JSON list, or CSVs put together), or the same ones as another file: each counts once.
"""

import csv
import dataclasses
import io
import math
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from dpt_tf.study.protocol import TASKS
from dpt_tf.study.writing import kind_of
from dpt_tf.system import files

HASTY_MS = 100
HASTY_SHARE = 0.5

RULE = f"""A sheet is one worker's answers to one task. It is dropped if, in this order,
1. its file cannot be read, or is of another study;
2. a scored picture is unanswered or answered twice, or an answer is none of the two;
3. more than {HASTY_SHARE:.0%} of its scored answers came within {HASTY_MS} ms of the picture's end;
4. it shows real and generated pictures and has one answer to all of them;
5. the worker has an earlier sheet of this task that counts.
Practice counts nowhere."""


@dataclasses.dataclass
class Sheet:
    """One worker's answers to one task; `answers` by item, practice left out."""

    file: str
    worker: str
    task: str
    begun: str
    answers: dict[str, str]
    fault: str = ""
    """Why it is dropped, empty where it counts."""


def read(paths: Iterable[pathlib.Path], key: dict[str, Any]) -> list[Sheet]:
    """All sheets in files, and in all files of folders, with their faults by `RULE`. What two files hold is in once."""
    sheets: dict[tuple, Sheet] = {}
    for path in paths:
        inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in (one for one in inside if not one.name.startswith(".")):
            for sheet in _of_file(file, key):
                same = (sheet.worker, sheet.task, sheet.begun, tuple(sorted(sheet.answers.items())), sheet.fault)
                sheets.setdefault(same if sheet.answers else (*same, sheet.file), sheet)
    ordered = sorted(sheets.values(), key=lambda sheet: (sheet.begun, sheet.file))
    counted = set()
    for sheet in ordered:
        if not sheet.fault and (sheet.worker, sheet.task) in counted:
            sheet.fault = "the worker has an earlier sheet of this task"
        if not sheet.fault:
            counted.add((sheet.worker, sheet.task))
    return ordered


_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, csv.Error, files.NotAFile)


def _of_file(path: pathlib.Path, key: dict[str, Any]) -> Iterator[Sheet]:
    """The sheets in a file; what of it cannot be read is one with a fault."""
    try:
        visits = _visits(path)
    except _UNREADABLE as error:
        yield _unreadable(path, error)
        return
    for visit in visits:
        try:
            yield from list(_of_visit(str(path), visit, key))
        except _UNREADABLE as error:
            yield _unreadable(path, error)


def _unreadable(path: pathlib.Path, error: Exception) -> Sheet:
    reason = "not as the page writes it" if isinstance(error, TypeError | AttributeError) else str(error)
    if isinstance(error, KeyError):
        reason = f"{error} is missing"
    return Sheet(str(path), "", "", "", {}, f"cannot be read ({reason})")


def _visits(path: pathlib.Path) -> list[Any]:
    """What the page wrote, one or several workers' visits to it."""
    if path.suffix.lower() == ".csv":
        return _of_csv(files.read_text(path, "utf-8-sig"))
    if path.suffix.lower() != ".json":
        raise ValueError("neither .json nor .csv")
    found = files.read_json(path)
    return found if isinstance(found, list) else [found]


def _of_csv(text: str) -> list[dict[str, Any]]:
    """The same as the JSON has it, by worker's visit."""
    visits: dict[str, dict[str, Any]] = {}
    for row in csv.DictReader(io.StringIO(text, newline="")):
        if row["study"] == "study":  # the head of another table that was put behind
            continue
        visit = visits.setdefault(row["sheet"], {name: row[name] for name in ("study", "worker", "begun")})
        answer = {name: row[name] for name in ("task", "item", "answer")}
        visit.setdefault("answers", []).append(answer | {"ms": float(row["ms"])})
    if not visits:
        raise ValueError("it has no answers")
    return list(visits.values())


def _of_visit(file: str, visit: dict[str, Any], key: dict[str, Any]) -> Iterator[Sheet]:
    study, worker, begun = visit["study"], str(visit["worker"])[:80], str(visit["begun"])[:40]
    if study != key["study"]:
        yield Sheet(file, worker, "", begun, {}, f"of another study ({str(study)[:20]})")
        return
    by_task: dict[str, list[dict[str, Any]]] = {}
    for answer in visit["answers"]:
        by_task.setdefault(answer["task"], []).append(answer)
    for task, answers in by_task.items():
        if task not in key["tasks"]:
            raise ValueError(f"no task {task!r} in this study")
        practice = key["tasks"][task]["practice"]
        scored = [answer for answer in answers if answer["item"] not in practice]
        given = {str(answer["item"]): str(answer["answer"]) for answer in scored}
        yield Sheet(file, worker, task, begun, given, _fault(task, scored, key))


def _fault(task: str, answers: list[dict[str, Any]], key: dict[str, Any]) -> str:
    """Points 2 to 4 of `RULE`."""
    wanted = key["tasks"][task]["scored"]
    items = [answer["item"] for answer in answers]
    if missing := len(set(wanted) - set(items)):
        return f"{missing} of {len(wanted)} pictures unanswered"
    if len(items) > len(wanted):
        return "pictures answered twice, or not of this study"
    given = {answer["answer"] for answer in answers}
    if not given <= set(TASKS[task].answers):
        return f"other answers than {' and '.join(TASKS[task].answers)}"
    times = [answer["ms"] for answer in answers]
    if not all(isinstance(time, int | float) and math.isfinite(time) for time in times):
        return "a time is no number"
    hasty = sum(time < HASTY_MS for time in times)
    if hasty > HASTY_SHARE * len(times):
        return f"{hasty} of {len(times)} answers within {HASTY_MS} ms of the picture's end"
    if len(given) == 1 and len({kind_of(item, key) for item in wanted}) == 2:
        return f"one answer to all pictures, {given.pop()}"
    return ""
