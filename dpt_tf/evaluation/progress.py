"""How far a scoring has come, on disk: a table of per-pair scores that grows, and beside it the sums.

  pairs.csv       item, source, target, and for every row of pictures each score of the pair; in the order of the pairs
  progress.npz    the sums up to a line of that table; gone when the scoring is done

A scoring that was stopped goes on behind that line if it is the same one: the same pictures, pairs and scores.
"""

import csv
import io
import json
import os
import pathlib
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dpt_tf.metrics import Scores
from dpt_tf.system import atomic, files

TABLE = "pairs.csv"
_STATE = "progress.npz"
_SECONDS = 20.0


class Progress:
    """The scores of each row, and where they stand."""

    def __init__(
        self, folder: pathlib.Path, rows: Sequence[str], make: Callable[[], Scores], fingerprint: Mapping[str, object]
    ):
        """Goes on where a scoring in `folder` stopped, if it has this `fingerprint`; else begins anew.

        Args:
          folder: of the report.
          rows: names of the kinds of pictures that are scored.
          make: the scores of one row.
          fingerprint: what tells this scoring from another, for JSON.
        """
        self.scores = {row: make() for row in rows}
        self.done = 0
        self._torn = False
        self._folder, self._fingerprint = folder, json.dumps(fingerprint, sort_keys=True)
        folder.mkdir(parents=True, exist_ok=True)
        end = self._restore()
        self._file = (folder / TABLE).open("r+b" if end else "w+b")
        self._file.truncate(end)
        self._file.seek(end)
        self._saved = time.monotonic()

    def add(
        self, pairs: Sequence[tuple[str, str, str]], update: Callable[[], Mapping[str, Mapping[str, np.ndarray]]]
    ) -> None:
        """Has `update` bring a batch into `scores`, notes what it gives, `{row: {score: [B]}}`; saves now and then."""
        self._torn = True  # sums that know half of a batch are worth nothing
        values = update()
        if not self.done:
            self._write([["item", "source", "target", *(f"{row}: {name}" for row in values for name in values[row])]])
        columns = [column for row in values.values() for column in row.values()]
        self._write([[*pair, *(f"{column[i]:.6g}" for column in columns)] for i, pair in enumerate(pairs)])
        self.done += len(pairs)
        self._torn = False
        if time.monotonic() - self._saved > _SECONDS:
            self.save()

    def save(self) -> None:
        """Writes the sums, whole or not at all."""
        with atomic.errors_at(self._folder / TABLE):
            self._file.flush()
            os.fsync(self._file.fileno())
        state = {f"{row}/{key}": value for row, scores in self.scores.items() for key, value in scores.state().items()}
        state |= {"fingerprint": np.array(self._fingerprint), "at": np.array([self.done, self._file.tell()])}
        with atomic.written(self._folder / _STATE) as aside, aside.open("wb") as file:
            np.savez(file, **state)  # type: ignore[arg-type]
        self._saved = time.monotonic()

    def __enter__(self) -> "Progress":
        """Until the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        """A whole table needs no sums to go on with; another gets them, if they are of whole batches."""
        if kind is not None and self.done and not self._torn:
            self.save()
        with atomic.errors_at(self._folder / TABLE):
            self._file.close()
        if kind is None:
            (self._folder / _STATE).unlink(missing_ok=True)

    def _restore(self) -> int:
        """The length of the table that the saved sums are of; 0 where there are none to go on with."""
        try:
            with files.opened(self._folder / _STATE) as file, np.load(file) as saved:
                state = dict(saved)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile):
            return 0
        if not {"at", "fingerprint"} <= state.keys():
            return 0
        done, end = (int(number) for number in state["at"])
        table = self._folder / TABLE
        if str(state["fingerprint"]) != self._fingerprint or not table.is_file() or table.stat().st_size < end:
            return 0
        for row, scores in self.scores.items():
            scores.restore({key.removeprefix(f"{row}/"): state[key] for key in state if key.startswith(f"{row}/")})
        self.done = done
        return end

    def _write(self, lines: list[list[str]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        with atomic.errors_at(self._folder / TABLE):
            self._file.write(text.getvalue().encode())


def column(folder: pathlib.Path, row: str, name: str) -> np.ndarray:
    """One score of one row of a finished table, float `[pairs]`."""
    lines = csv.DictReader(io.StringIO(files.read_text(folder / TABLE), newline=""))
    return np.array([float(line[f"{row}: {name}"]) for line in lines])
