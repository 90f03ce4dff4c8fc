"""Pictures of many pairs, painted by any number of workers, in units of some dozen.

Two kinds of pairs. Files (`pair_files`) are painted as `dpt transfer` does it, each at its pose's own size; pairs of
one source come together, so that its surface is unwrapped once. Views of a prepared data set are painted as `dpt
evaluate` paints them, in its very batches, so that scoring the pictures gives the scores of the model.

A picture that is there is not painted again, so a call that was stopped goes on. A pair that cannot be painted is noted
with the reason and holds nobody up. Each worker loads the model once.
"""

import dataclasses
import functools
import pathlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from dpt_tf.evaluation import ready_pictures
from dpt_tf.evaluation.pair_files import FilePair
from dpt_tf.evaluation.ready_pictures import Pair
from dpt_tf.images import photos
from dpt_tf.system import atomic, files, quiet, spread
from dpt_tf.system.errors import UserError, one_line

_FILES = 16  # pairs of a unit
_BATCHES = 8  # of views, of a unit: finding them costs a walk through the split's names
_PAINTING = threading.Lock()  # a model keeps its last source, so a process paints one unit at a time


class Unit(Protocol):
    """What a worker gets."""

    @property
    def path(self) -> str:
        """Where it says what came of it: `.json`, and on the way `.done`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the pictures, without suffix."""

    def paint(self) -> Iterator[tuple[str, str]]:
        """Paints what is not there yet; for each picture its name and why there is none, empty where there is."""


@dataclasses.dataclass(frozen=True)
class OfFiles:
    """Pairs of files."""

    path: str
    output: str
    model: str
    pose: str | None
    pairs: tuple[FilePair, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the pictures."""
        return tuple(pair.name for pair in self.pairs)

    def paint(self) -> Iterator[tuple[str, str]]:
        """Each at its pose's size."""
        import tensorflow as tf

        from dpt_tf.images import display

        transfer(self.model, self.pose)  # a worker without the model must not fail at every pair
        for pair in self.pairs:
            picture, fault = _picture(self.output, pair.name), ""
            if not picture.is_file():
                try:
                    image = self._image(pair)
                except (UserError, ValueError, OSError, tf.errors.OpError) as error:
                    fault = _reason(error)
                else:
                    display.save(picture, image)
            yield pair.name, fault

    def _image(self, pair: FilePair):
        from dpt_tf import iuv

        paint, poses = transfer(self.model, self.pose)
        target = iuv.read(pair.target_iuv) if pair.target_iuv else poses.of(pair.target)
        if photos.is_person(pair.source):
            return paint(pair.source, target_iuv=target)["image"]
        given = pathlib.Path(pair.source_iuv) if pair.source_iuv else None
        photo, source_iuv, coverage = poses.known(pathlib.Path(pair.source), given)
        return paint(photo, source_iuv, target, coverage=coverage)["image"]


@dataclasses.dataclass(frozen=True)
class OfViews:
    """Pairs of a prepared data set, by their numbers among those that are scored: whole batches."""

    path: str
    output: str
    model: str
    data_dir: str
    split: str
    limit: int | None
    seed: int
    first: int
    names: tuple[str, ...]

    def paint(self) -> Iterator[tuple[str, str]]:
        """Square, a batch at a time; a batch of which a picture is missing is painted whole."""
        import tensorflow as tf

        from dpt_tf.evaluation import scoring
        from dpt_tf.images import display

        paint, hparams, _ = generator(self.model)
        split = scoring.Split(pathlib.Path(self.data_dir), hparams, self.split, self.limit, self.seed)
        size = hparams.batch_size
        wanted: list[int] = []
        for start in range(0, len(self.names), size):
            names = self.names[start : start + size]
            if all(_picture(self.output, name).is_file() for name in names):
                yield from ((name, "") for name in names)
            else:
                wanted += range(start, start + len(names))
        left = [self.names[number] for number in wanted]
        try:
            for inputs, _, named in split.batches(only=[self.first + number for number in wanted]) if wanted else ():
                for pair, image in zip(scoring.pairs_of(named), paint(inputs, [])["full"], strict=True):
                    name = left.pop(0)
                    assert name == ready_pictures.name_of(*pair), "pairs in another order"
                    display.save(_picture(self.output, name), image)
                    yield name, ""
        except (UserError, ValueError, tf.errors.OpError) as error:
            yield from ((name, _reason(error)) for name in left)


@functools.lru_cache(maxsize=1)
def transfer(model: str, pose: str | None):
    """A worker's `Transfer`, and who finds and makes maps for it."""
    quiet.start_tensorflow()
    from dpt_tf.transfer import painter
    from dpt_tf.transfer.poses import Poses

    return painter.load(model), Poses(pose)


@functools.lru_cache(maxsize=1)
def generator(model: str):
    """A worker's model for views, its hyper-parameters, and where its weights come from."""
    quiet.start_tensorflow()
    from dpt_tf.evaluation import scoring
    from dpt_tf.training import trained

    network, hparams, facts = trained.load_generator(model)
    return scoring.ModelPainter(network), hparams, facts


def of_files(pairs: Sequence[FilePair], folder: pathlib.Path, output: pathlib.Path, model: str, pose: str | None):
    """Units of pairs of files; `folder` is where workers say how far they are."""
    ordered = sorted(pairs, key=lambda pair: (pair.source, pair.source_iuv))
    return [
        OfFiles(_told(folder, start), str(output), model, pose, tuple(ordered[start : start + _FILES]))
        for start in range(0, len(ordered), _FILES)
    ]


def of_views(
    pairs: Sequence[Pair],
    folder: pathlib.Path,
    output: pathlib.Path,
    model: str,
    batch_size: int,
    chosen: tuple[str, str, int | None, int],
) -> list[OfViews]:
    """Units of the pairs of a data set, which is `chosen` as data_dir, split, limit and seed."""
    names = [ready_pictures.name_of(*pair) for pair in pairs]
    size = _BATCHES * batch_size
    return [
        OfViews(_told(folder, start), str(output), model, *chosen, start, tuple(names[start : start + size]))
        for start in range(0, len(names), size)
    ]


def _told(folder: pathlib.Path, start: int) -> str:
    return str(folder / f"{start:08d}")


def paint_unit(unit: Unit) -> None:
    """Paints a unit and says what came of it; one of which that is said stays as it is."""
    told = pathlib.Path(unit.path + ".json")
    spread.refuse_elsewhere(told.parent)
    if told.exists():  # a worker did it and died before it could say so
        return
    failed = []
    with _PAINTING:
        for done, (name, fault) in enumerate(unit.paint(), 1):
            failed += [(name, fault)] if fault else []
            spread.tell(unit.path, done)
    atomic.write_json(told, failed)


def run(
    units: Sequence[Unit], output: pathlib.Path, over: Callable[..., Any] = spread.over_workers, options: Any = None
):
    """Paints all units; the names of the pictures that could not be painted, and why.

    Raises:
      UserError: the runner has left out pairs, without a word.
    """
    names = [name for unit in units for name in unit.names]
    with spread.progress([unit.path for unit in units], len(names), "picture", "painting"):
        over(units, paint_unit, options=options)
    failed: dict[str, str] = {}
    for unit in units:
        if (told := pathlib.Path(unit.path + ".json")).exists():
            failed |= dict(files.read_json(told))
    for left in output.glob(".partial*-*@*"):  # by workers that died over a picture
        left.unlink(missing_ok=True)
    silent = [name for name in names if name not in failed and not _picture(output, name).is_file()]
    if silent:
        raise UserError(
            f"{len(silent)} of {len(names)} pairs were not painted, {silent[0]} the first, though the runner says it "
            "is done; run the same command again, or with another --runner"
        )
    return failed


def _picture(output: pathlib.Path | str, name: str) -> pathlib.Path:
    return pathlib.Path(output, f"{name}.png")


def _reason(error: Exception) -> str:
    return one_line(str(error).strip().partition("\n")[0]) or type(error).__name__
