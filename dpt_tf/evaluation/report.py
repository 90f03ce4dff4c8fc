"""What a scoring found, for people and for programs."""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np

from dpt_tf.training import summaries

ROWS = {
    "copy": "copy the source",
    "warped": "warped only",
    "pasted": "warped, pasted",
    "predicted": "predicted only",
    "shipped": "shipped model",
    "full": "full",
    "ready": "ready pictures",
}
_DECIMALS = {"PSNR": 2, "FID": 2, "IS": 3}
_UNRANKED = "IS deviation"  # says how far the splits are apart, not which row is better


@dataclasses.dataclass
class Report:
    """Scores of each row of pictures."""

    pairs: int
    table: dict[str, dict[str, float | str]]
    """By row and score; a text where a score could not be computed, which says why."""
    higher_is_better: dict[str, bool]
    left_out: dict[str, int]
    """Pairs that a score leaves out, having no foreground."""

    def markdown(self) -> str:
        """A line a score, a column a row of pictures; the best of each line is marked with a star."""
        rows = list(self.table)
        width = max(len(ROWS[row]) for row in rows) + 1
        names = list(self.table[rows[0]])
        first = max(map(len, names))
        lines = [f"| {'':{first}} | " + " | ".join(f"{ROWS[row]:>{width}}" for row in rows) + " |"]
        lines.append(f"|{'-' * (first + 2)}|" + "|".join("-" * (width + 1) + ":" for _ in rows) + "|")
        reasons = []
        for name in names:
            values = [self.table[row][name] for row in rows]
            numbers = [value for value in values if not isinstance(value, str)]
            if not numbers:
                reasons.append(f"{name}: {values[0]}")
                continue
            best = (max if self.higher_is_better[name] else min)(numbers) if not name.startswith(_UNRANKED) else None
            lines.append(f"| {name:{first}} | " + " | ".join(f"{_cell(name, v, best):>{width}}" for v in values) + " |")
        for name, count in self.left_out.items():
            if count:
                reasons.append(f"{name}: {count} pairs have no foreground and are left out")
        return "\n".join([*lines, *(["", *reasons] if reasons else [])])


def _cell(name: str, value: float | str, best: float | None) -> str:
    if isinstance(value, str):
        return "-"
    decimals = next((d for start, d in _DECIMALS.items() if name.split(" ")[0] == start), 4)
    return f"{value:.{decimals}f}{'*' if value == best else ' '}"


def to_tensorboard(
    folder: pathlib.Path, step: int, scores: Mapping[str, float | str], name: str, sheet: np.ndarray
) -> None:
    """A point for each score that is a number, and a sheet `[H, W, 3]`, at the step that the weights are of.

    Args:
      folder: of the event file; below a run's, so that they stand beside the training's curves.
      step: of the checkpoint.
      scores: by name.
      name: of the sheet.
      sheet: uint8.
    """
    writer = summaries.Writer(folder)
    numbers = {f"evaluation/{score}": value for score, value in scores.items() if not isinstance(value, str)}
    writer.scalars(step, numbers)
    writer.pictures(step, {f"evaluation/{name}": sheet[None]})
    writer.close()
