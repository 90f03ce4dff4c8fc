"""What the scores of several seeds say: mean and deviation, and whether an order that is claimed came out.

A result is `{row: {seed: {score: value}}}`; a value that could not be computed is a text that says why.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dpt_tf.experiments.tables import Ordering

Scores = Mapping[str, float | str]
Results = Mapping[str, Mapping[int, Scores]]

HELD, NOT_HELD, OPEN = "held", "did not hold", "cannot be told"
_LOWER_IS_BETTER = ("L1", "FID", "LPIPS")
_WHOLE_ONLY = ("IS", "DS", "FID", "LPIPS")  # of a picture or of many, never of its person alone


@dataclasses.dataclass(frozen=True)
class Verdict:
    """On one ordering: `HELD`, `NOT_HELD` or `OPEN`, and the numbers that it rests on."""

    verdict: str
    numbers: tuple[str, ...]


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean, and the sample deviation sqrt(sum (x - mean)^2 / (n - 1)); None of a single value."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def find(score: str, names: Iterable[str], foreground: bool = False) -> str | None:
    """The name under which `score` was computed, the paper's protocol first; over the picture or its `foreground`."""
    fit = [name for name in names if name.split(" (")[0] == score and ("foreground" in name) == foreground]
    return next((name for name in fit if "(dsc" in name), fit[0] if fit else None)


def has_foreground(score: str) -> bool:
    """Whether there is such a score of the person alone, whom the claims are about."""
    return score not in _WHOLE_ONLY


def verdict_of(ordering: Ordering, results: Results, foreground: bool = False) -> Verdict:
    """Whether the rows came out in this order, by the differences of rows trained with the same seed.

    The score is that of the whole picture or, with `foreground`, of the person.

    A step of the order is seen where the mean difference is at least twice its standard error, and not zero. The order
    held if every step is seen; it did not if any two of its rows are seen the other way round; else it cannot be told.
    With few seeds two standard errors are a mild bound: of two seeds chance alone passes it, one way or the other, in
    about three of ten tries, of five in about one of nine.
    """
    missing = [name for name in ordering.names if not results.get(name)]
    if missing:
        return Verdict(OPEN, (f"not trained: {', '.join(missing)}",))
    signs: dict[tuple[str, str], int] = {}
    said: dict[tuple[str, str], str] = {}
    for better, worse in itertools.combinations(ordering.names, 2):
        differences, reason = _paired(ordering.score, results[better], results[worse], foreground)
        if reason:
            return Verdict(OPEN, (reason,))
        mean, deviation = mean_and_deviation(differences)
        numbers = f"{better} - {worse}: {mean:+.4f}"
        if deviation is None:
            signs[better, worse] = 0
            said[better, worse] = f"{numbers}, one seed"
            continue
        error = deviation / len(differences) ** 0.5
        gained = -mean if ordering.score in _LOWER_IS_BETTER else mean
        signs[better, worse] = 0 if abs(mean) < 2 * error or mean == 0 else (1 if gained > 0 else -1)
        said[better, worse] = f"{numbers} (standard error {error:.4f}, {len(differences)} seeds)"
    steps = list(itertools.pairwise(ordering.names))
    if any(sign < 0 for sign in signs.values()):
        reversed_pairs = [pair for pair, sign in signs.items() if sign < 0 and pair not in steps]
        return Verdict(NOT_HELD, tuple(said[pair] for pair in [*steps, *reversed_pairs]))
    verdict = HELD if all(signs[step] > 0 for step in steps) else OPEN
    return Verdict(verdict, tuple(said[step] for step in steps))


def _paired(
    score: str, better: Mapping[int, Scores], worse: Mapping[int, Scores], foreground: bool
) -> tuple[list[float], str]:
    """The differences over the seeds that both rows have; or why there are none."""
    differences = []
    for seed in sorted(set(better) & set(worse)):
        name = find(score, better[seed], foreground)
        if name is None:
            return [], f"{score} was not computed"
        ours, theirs = better[seed][name], worse[seed][name]
        for value in (ours, theirs):
            if isinstance(value, str):
                return [], f"{score}: {value}"
        differences.append(float(ours) - float(theirs))
    return differences, "" if differences else "no seed that both rows were trained with"
