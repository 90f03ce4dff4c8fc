"""Predicted maps against true ones: every file's scores, those of all pixels, and a sheet.

Two averages stand side by side: over all pixels, so that a large person weighs more, and the mean of the files' scores.
What is written: `report.json`, `report.md`, `files.csv` and, where photos are given, `sheet.png`.
"""

import collections
import csv
import dataclasses
import io
import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dpt_tf import iuv
from dpt_tf.evaluation import map_files
from dpt_tf.images import display, framing
from dpt_tf.images import photos as photo_files
from dpt_tf.metrics import maps
from dpt_tf.system import atomic

MAIN = "part accuracy on the body"
"""The score that says which files are the best."""
_EACH = 4
_LARGEST = 256  # pixels of a picture on the sheet
_NOTE = (
    "U-V errors where the part is right: in sides of a chart, and in texels of a chart of 256; right within t: of the "
    "true person's pixels, the right part with an error below t; higher is better but for errors"
)


@dataclasses.dataclass(frozen=True)
class Report:
    """What a scoring of maps found."""

    files: dict[str, dict[str, float]]
    """Every file's scores, by name."""
    pixels: dict[str, float]
    """Over all pixels."""
    parts: dict[int, float]
    """IoU of each part, over all pixels."""
    notes: dict[str, int]
    """What was met on the way, and how often."""
    unused: int
    """Predicted maps without a true one."""

    def mean(self) -> dict[str, float]:
        """The mean of the files' scores, of those that have one."""
        columns = {name: np.array([scores[name] for scores in self.files.values()]) for name in maps.NAMES}
        return {name: float(np.nanmean(of)) if not np.isnan(of).all() else math.nan for name, of in columns.items()}

    def markdown(self) -> str:
        """A line a score, then what was met."""
        first = max(map(len, maps.NAMES))
        lines = [
            f"| {'':{first}} | all pixels | mean of files |",
            f"|{'-' * (first + 2)}|-----------:|--------------:|",
        ]
        mean = self.mean()
        lines += [
            f"| {name:{first}} | {_cell(name, self.pixels[name]):>10} | {_cell(name, mean[name]):>13} |"
            for name in maps.NAMES
        ]
        told = [f"{note}: {count} maps" for note, count in self.notes.items()]
        told += [f"predicted maps without a true one, left out: {self.unused}"] if self.unused else []
        worst = sorted(self.parts, key=self.parts.__getitem__)[:3]
        told.append("worst parts by IoU: " + ", ".join(f"{iuv.PART_NAMES[p]} {self.parts[p]:.3f}" for p in worst))
        return "\n".join([*lines, "", *told])


def _cell(name: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.2f}" if name.endswith("texels") else f"{value:.4f}"


def score(matched: map_files.Matched, progress: Callable[[Any], Any] = lambda names: names) -> Report:
    """Scores every pair.

    Raises:
      UserError: two maps of one name do not fit.
      NotIUV: a file is no map.
    """
    files: dict[str, dict[str, float]] = {}
    sums, notes = maps.MapScores(), collections.Counter[str]()
    for name in progress(list(matched.true)):
        y, y_hat, met = matched.read(name)
        files[name] = sums.update(y, y_hat)
        notes.update(met)
    return Report(files, sums.result(), sums.part_ious(), dict(notes), matched.unused)


def sheet(report: Report, matched: map_files.Matched) -> tuple[np.ndarray, dict[str, list[str]]]:
    """Photo, true and predicted map of the best, median and worst files that have a photo, `[H, W, 3]` uint8.

    Returns:
      The sheet, and the names that are on it: `{"best": ..., "median": ..., "worst": ...}`.
    """
    photos = matched.photos
    ordered = sorted(photos, key=lambda name: -np.nan_to_num(report.files[name][MAIN], nan=-1.0))
    each = max(1, min(_EACH, len(ordered) // 3))
    middle = max(0, (len(ordered) - each) // 2)
    shown = {"best": ordered[:each], "median": ordered[middle : middle + each], "worst": ordered[::-1][:each]}
    rows = []
    for name in dict.fromkeys(name for names in shown.values() for name in names):
        y, y_hat, _ = matched.read(name)
        rows.append([framing.within(photo_files.read(photos[name]), _LARGEST)])
        rows[-1] += [framing.within(display.colour_map(of), _LARGEST, is_map=True) for of in (y, y_hat)]
    return display.grid(rows, ("photo", "true", "predicted")), shown


def write(report: Report, output: pathlib.Path, facts: dict[str, Any]) -> str:
    """Writes `report.json`, `report.md` and `files.csv`; gives the text that a user reads."""
    title = f"{len(report.files)} maps of {facts['maps']} against {facts['true_maps']}"
    text = f"{title}\n({_NOTE})\n\n{report.markdown()}\n"
    atomic.write_text(output / "report.md", text)
    table = {"all pixels": report.pixels, "mean of files": report.mean()}
    found = {
        "files": len(report.files),
        "scores": {row: for_json(scores) for row, scores in table.items()},
        "part IoU": {iuv.PART_NAMES[part]: value for part, value in report.parts.items()},
        "notes": report.notes,
        "predicted maps without a true one": report.unused,
    }
    atomic.write_json(output / "report.json", facts | found)
    write_csv(output / "files.csv", "file", report.files)
    return text


def for_json(scores: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN: None."""
    return {name: None if math.isnan(value) else value for name, value in scores.items()}


def write_csv(path: pathlib.Path, first: str, rows: Mapping[str, Mapping[str, float]]) -> None:
    """A line a name, a column a score; empty where there is none."""
    buffer = io.StringIO()
    names = list(next(iter(rows.values()), {}))
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([first, *names])
    for row, scores in rows.items():
        writer.writerow([row, *("" if math.isnan(scores[name]) else f"{scores[name]:.6g}" for name in names)])
    atomic.write_text(path, buffer.getvalue())
