"""Pictures of a split against the truth: a model and its baselines, or ready pictures of any system.

copy       the source photo itself
warped     the warping stream alone
pasted     the same before the source's backdrop
predicted  the predictive stream alone
shipped    a shipped model beside it (`side_by_side`)
full       the blended result
ready      ready pictures, of any system
"""

import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dpt_tf.config import HParams
from dpt_tf.data import read
from dpt_tf.evaluation import ready_pictures
from dpt_tf.evaluation.progress import Progress, column
from dpt_tf.evaluation.ready_pictures import Pair
from dpt_tf.evaluation.report import Report
from dpt_tf.images import display
from dpt_tf.metrics import Scores


class Painter(Protocol):
    """What gives the pictures that are scored."""

    rows: tuple[str, ...]
    """The kinds of pictures; the last one is what it is about."""
    scaled: bool
    """Whether it takes photos as float32 in [-1, 1], or as uint8."""
    columns: Mapping[str, str]
    """What a sheet shows between pose and truth, or in their place: captions by the names of its pictures."""

    def __call__(self, inputs: Mapping[str, tf.Tensor], pairs: Sequence[Pair]) -> dict[str, np.ndarray]:
        """A batch's inputs -> uint8 `[B, H, W, 3]` for each row, and others to be shown."""


class ModelPainter:
    """A generator's result, what its streams give alone, and what copying gives."""

    rows: tuple[str, ...] = ("copy", "warped", "pasted", "predicted", "full")
    scaled = True
    columns: Mapping[str, str] = {"warped": "warped", "predicted": "predicted", "full": "result"}

    def __init__(self, model: Callable[[dict], dict]):
        """`model` is a generator: inputs of the contract to its dict of outputs."""
        self._model = model
        self._forward: Callable | None = None

    def __call__(self, inputs: Mapping[str, tf.Tensor], pairs: Sequence[Pair]) -> dict[str, np.ndarray]:
        """Runs the model on a batch."""
        if self._forward is None:
            # Any batch size at once: a last, smaller batch would cost a second tracing.
            spec = {name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for name, tensor in inputs.items()}
            self._forward = tf.function(lambda batch: self._model(batch), input_signature=[spec])
        outputs = self._forward(dict(inputs))
        shown = {"copy": inputs["source"], "full": outputs["image"]}
        shown |= {name: outputs[name] for name in ("warped", "predicted")}
        shown |= {"layers": 2 * outputs["layers"] - 1} if "layers" in outputs else {}
        shown = {name: display.to_uint8(picture.numpy()) for name, picture in shown.items()}
        shown["pasted"] = _before_backdrop(shown["warped"], inputs["target_iuv"].numpy(), shown["copy"])
        return shown


class ReadyPictures:
    """Ready pictures, and what copying gives."""

    rows: tuple[str, ...] = ("copy", "ready")
    scaled = False
    columns: Mapping[str, str] = {"ready": "ready"}

    def __init__(self, files: Mapping[Pair, pathlib.Path], size: int):
        """`files` as `ready_pictures.find` gives them, of pictures of `size` pixels."""
        self._files, self._size = files, size

    def __call__(self, inputs: Mapping[str, tf.Tensor], pairs: Sequence[Pair]) -> dict[str, np.ndarray]:
        """Reads a batch's pictures."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(lambda pair: ready_pictures.read(self._files[pair], self._size), pairs))
        return {"copy": inputs["source"].numpy(), "ready": np.stack(found)}


@dataclasses.dataclass(frozen=True)
class Split:
    """Which pairs are scored."""

    data_dir: pathlib.Path
    hparams: HParams
    split: str = "test"
    limit: int | None = None
    seed: int = 0

    def count(self) -> int:
        """How many there are."""
        return read.count_eval_pairs(self.data_dir, self.split, self.limit, self.seed)

    def batches(self, start: int = 0, only: Sequence[int] | None = None, scaled: bool = True) -> tf.data.Dataset:
        """Batches (inputs, target, names) of `read.eval_pairs`."""
        return read.eval_pairs(self.data_dir, self.hparams, self.split, self.limit, self.seed, start, only, scaled)


@dataclasses.dataclass
class Case:
    """One pair as it is shown on a sheet."""

    name: str
    score: float
    shown: dict[str, np.ndarray]
    """Pictures by caption, from the source to the truth; uint8 `[H, W, 3]`."""


def score(
    paint: Painter,
    split: Split,
    make: Callable[[], Scores],
    folder: pathlib.Path,
    fingerprint: Mapping[str, Any],
    outputs: pathlib.Path | None = None,
) -> Report:
    """Scores every row of `paint` on every pair of `split`; a call that was stopped goes on.

    Args:
      paint: gives the pictures.
      split: the pairs.
      make: the scores of one row.
      folder: where `pairs.csv` grows.
      fingerprint: what tells this scoring from another, beside rows, pairs and scores.
      outputs: a folder for every picture of the last row.

    Raises:
      UserError: a ready picture is missing or wrong.
    """
    count = split.count()
    whole = {**fingerprint, "rows": paint.rows, "pairs": count, "scores": make().names, "split": str(split)}
    with (
        Progress(folder, paint.rows, make, whole) as progress,
        tqdm(total=count, initial=progress.done, desc="scoring", unit="pair", leave=False) as bar,
        # A row's scores keep one core busy, so rows go side by side; the sums of each are its own.
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        for inputs, target, names in split.batches(progress.done, None, paint.scaled) if progress.done < count else ():
            pairs = pairs_of(names)
            shown = paint(inputs, pairs)
            truth, foreground = _pixels(target), inputs["target_iuv"].numpy()[..., 0] > 0
            if outputs is not None:
                for pair, picture in zip(pairs, shown[paint.rows[-1]], strict=True):
                    display.save(outputs / f"{ready_pictures.name_of(*pair)}.png", picture)

            def update(truth=truth, shown=shown, foreground=foreground) -> dict[str, dict[str, np.ndarray]]:
                parts = pool.map(lambda row: progress.scores[row].update(truth, shown[row], foreground), paint.rows)
                return dict(zip(paint.rows, parts, strict=True))

            progress.add(pairs, update)
            bar.update(len(pairs))
    first = progress.scores[paint.rows[0]]
    table: dict[str, dict[str, float | str]] = {row: dict(scores.result()) for row, scores in progress.scores.items()}
    return Report(count, table, dict(first.higher_is_better), dict(first.left_out))


def cases(paint: Painter, split: Split, folder: pathlib.Path, name: str, each: int = 5) -> dict[str, list[Case]]:
    """The best, the median and the worst pairs of a finished scoring by the score `name` of its last row."""
    values = column(folder, paint.rows[-1], name)
    order = np.argsort(-values, kind="stable")
    each = max(1, min(each, len(order) // 3))
    middle = max(0, (len(order) - each) // 2)
    chosen = {"best": order[:each], "median": order[middle : middle + each], "worst": order[::-1][:each]}
    found: dict[int, Case] = {}
    wanted = sorted({int(number) for numbers in chosen.values() for number in numbers})
    for inputs, target, names in split.batches(only=wanted, scaled=paint.scaled):
        pairs = pairs_of(names)
        shown = paint(inputs, pairs)
        truth = _pixels(target)
        for i, (item, source, aim) in enumerate(pairs):
            columns = {"source": shown["copy"][i], "target pose": display.colour_map(inputs["target_iuv"][i].numpy())}
            columns |= {caption: shown[name][i] for name, caption in paint.columns.items() if name in shown}
            columns.setdefault("truth", truth[i])
            number = wanted[len(found)]
            found[number] = Case(f"{item}: {source} -> {aim}", float(values[number]), columns)
    return {kind: [found[int(number)] for number in numbers] for kind, numbers in chosen.items()}


def _pixels(photos: tf.Tensor) -> np.ndarray:
    return photos.numpy() if photos.dtype == tf.uint8 else display.to_uint8(photos.numpy())


def pairs_of(names: Mapping[str, tf.Tensor]) -> list[Pair]:
    """A batch's names, as `Split.batches` gives them, by pair."""
    columns = ([text.decode() for text in names[key].numpy()] for key in ("item", "source", "target"))
    return list(zip(*columns, strict=True))


def _before_backdrop(warped: np.ndarray, target_iuv: np.ndarray, source: np.ndarray) -> np.ndarray:
    """`warped` on the person's pixels, elsewhere the median colour of the source's border. All `[B, H, W, 3]` uint8."""
    border = np.concatenate([source[:, 0], source[:, -1], source[:, :, 0], source[:, :, -1]], axis=1)  # [B, n, 3]
    backdrop = np.median(border, axis=1).astype(np.uint8)[:, None, None]
    return np.where(target_iuv[..., :1] > 0, warped, backdrop)


def sheet(shown: Iterable[Case], least: int = 128) -> np.ndarray:
    """The contact sheet: a row a case, from the source to the truth. `[H, W, 3]` uint8.

    Pictures smaller than `least` pixels, or than the largest of them, are shown enlarged, pixel by pixel.
    """
    rows = list(shown)
    least = max(least, *(len(picture) for picture in rows[0].shown.values()))

    def enlarge(picture: np.ndarray) -> np.ndarray:
        times = max(1, least // len(picture))
        return picture.repeat(times, 0).repeat(times, 1)

    enlarged = [[enlarge(picture) for picture in case.shown.values()] for case in rows]
    return display.grid(enlarged, tuple(rows[0].shown))
