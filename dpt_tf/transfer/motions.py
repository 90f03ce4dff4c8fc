"""Poses one after another, for moving pictures: a video, a folder of photos, or a folder of maps.

A motion is as many maps as frames, uint8 `[H, W, 3]` (I, U, V), all in the frame of the first one; None where nobody
is found. A folder is taken in the order of its files' names, numbers in them by value. One that `dpt pose VIDEO` made
knows its frames a second and which frames show nobody. Of a folder either all photos have maps beside them, or none.
"""

import dataclasses
import fractions
import hashlib
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from dpt_tf import iuv
from dpt_tf.densepose import asking, following, map_files
from dpt_tf.densepose.estimator import Estimator
from dpt_tf.densepose.steady import SteadyMaps
from dpt_tf.images import photos, video
from dpt_tf.system import files
from dpt_tf.system.errors import UserError
from dpt_tf.transfer.poses import is_map

FPS = fractions.Fraction(25)
"""Frames a second of a folder that does not know its own."""

_MADE = "made.json"  # of a folder of maps that `dpt pose` made of a video
_BEGINNING = 1 << 20  # bytes by which a file is known again, with its size; of many files a part of that
_ASKED = map_files.Asked()
_MAPS = Iterable[np.ndarray | None]
_Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Motion:
    """Where maps come from.

    Attributes:
      fps: frames a second.
      expected: how many there are, about, or None where nobody can say.
      known_by: a text that another input does not have.
      photos: whether an estimator is to make the maps.
      maps: gives them, from the first; of an estimator, which is not asked where none is needed. It may keep answers in
        a folder, so that a second time is quick.
      files: what is read.
    """

    fps: fractions.Fraction
    expected: int | None
    known_by: str
    photos: bool
    maps: Callable[[Estimator | None], Iterator[np.ndarray | None]]
    files: list[pathlib.Path]


def open_motion(path: pathlib.Path, cut: video.Cut, steady: bool = True, say: _Say = lambda line: None) -> Motion:
    """The poses at `path`.

    Args:
      path: a video or a folder.
      cut: which frames of it.
      steady: whether maps are kept from trembling (`densepose.steady`); those of `dpt pose` are as it made them.
      say: told in a line what is damaged and was passed over.

    Raises:
      UserError: nothing of this is there.
    """
    if path.is_dir():
        return _of_folder(path, cut, steady, say)
    facts = video.facts(path)

    def maps(estimator: Estimator | None) -> Iterator[np.ndarray | None]:
        assert estimator is not None
        return _fitted(_followed(video.frames(path, cut, say), estimator, steady))

    return Motion(facts.fps / cut.every, cut.expected(facts), known_by([path]), True, maps, [path])


def known_by(paths: Iterable[pathlib.Path]) -> str:
    """Names, sizes and beginnings of files, in a text of 32 digits.

    Raises:
      OSError: one cannot be read.
    """
    paths = list(paths)
    digest = hashlib.sha256()
    for path in paths:
        with files.opened(path) as file:
            digest.update(repr((path.name, path.stat().st_size)).encode())
            digest.update(file.read(max(1 << 12, _BEGINNING // len(paths))))
    return digest.hexdigest()[:32]


def _of_folder(folder: pathlib.Path, cut: video.Cut, steady: bool, say: _Say) -> Motion:
    fps, found, steady = _made(folder, steady) or (FPS, _listed(folder), steady)
    first, end = (round(float(x * fps)) if x is not None else None for x in (cut.start, cut.end))
    found = found[first : end : cut.every]
    there = [path for path in found if path is not None]
    if not there:
        raise UserError(f"{folder}: no frame in it between --from and --to")
    pictures = not is_map(there[0])
    known = f"{known_by(there)} of {[path is not None for path in found].count(False)} gaps"
    fps /= cut.every

    def maps(estimator: Estimator | None) -> Iterator[np.ndarray | None]:
        if not pictures:
            return _fitted(_steadied(_read(found, say), steady))
        assert estimator is not None
        return _of_photos(there, float(fps), estimator, steady, say)

    return Motion(fps, len(found), known, pictures, maps, there)


def _made(folder: pathlib.Path, steady: bool) -> tuple[fractions.Fraction, list[pathlib.Path | None], bool] | None:
    """Of a folder that `dpt pose VIDEO` made: frames a second, maps, and whether they are to be steadied here."""
    try:
        facts = files.read_facts(folder / _MADE)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(f"{folder / _MADE}: damaged ({error}); make the maps anew, `dpt pose`") from None
    if not facts.get("complete"):
        raise UserError(f"{folder}: its maps are not all there; run the same `dpt pose` again first")
    if facts.get("everybody"):
        raise UserError(f"{folder}: it holds the maps of everybody; give the folder of one, {folder / 'person1'}")
    fps, frames = facts.get("fps"), facts.get("of_frames")
    if not isinstance(fps, float | int) or not 0 < fps < 1e4 or not isinstance(frames, list):
        raise UserError(f"{folder / _MADE}: damaged; make the maps anew, `dpt pose`")
    maps = [folder / f"{number:06d}_IUV.png" for number in range(len(frames))]
    found = [path if path.exists() else None for path in maps]
    return fractions.Fraction(fps).limit_denominator(1001), found, steady and not facts.get("steady")


def _listed(folder: pathlib.Path) -> list[pathlib.Path | None]:
    """Maps or photos by name; of a photo with a map beside it that map."""
    names = sorted(
        (one for one in folder.iterdir() if not one.name.startswith(".")), key=lambda one: photos.natural(one.name)
    )
    pictures = [
        one
        for one in names
        if one.suffix.lower() in (*photos.SUFFIXES, ".npy") and not photos.is_matte_name(one) and one.is_file()
    ]
    maps = [one for one in pictures if is_map(one)]
    rest = [one for one in pictures if one not in set(maps)]
    bare = [one for one in rest if map_files.beside(one) is None]
    if maps and bare:
        raise UserError(
            f"{bare[0]} has no map and {maps[0]} is one; give a folder of photos, or one in which all have maps, "
            "`dpt pose`"
        )
    if not pictures:
        raise UserError(f"{folder}: neither photos nor maps in it; give a folder of frames, or a video")
    return list(maps or bare)


def _read(paths: Iterable[pathlib.Path | None], say: _Say) -> Iterator[np.ndarray | None]:
    for path in paths:
        try:
            yield None if path is None else iuv.read(path)
        except (iuv.NotIUV, OSError) as error:
            say(f"{error}; the pose before is held")
            yield None


def _steadied(maps: _MAPS, steady: bool) -> Iterator[np.ndarray | None]:
    """Without photos: motion is looked for on the maps alone."""
    calm, last = SteadyMaps(), None
    for one in maps:
        if not steady or one is None:
            yield one
            continue
        if last is not None and last.shape != one.shape:
            calm.forget()
        last = one
        yield calm(np.zeros_like(one), one)


def _followed(frames: Iterable[video.Frame], estimator: Estimator, steady: bool) -> Iterator[np.ndarray | None]:
    for people in following.follow(frames, estimator, _ASKED, steady):
        yield next(iter(people.values())).map if people else None


def _of_photos(
    paths: Iterable[pathlib.Path], fps: float, estimator: Estimator, steady: bool, say: _Say
) -> Iterator[np.ndarray | None]:
    damaged: set[int] = set()

    def frames() -> Iterator[video.Frame]:
        pixels = np.zeros((64, 64, 3), np.uint8)
        for number, path in enumerate(paths):
            try:
                pixels = asking.read(path)
            except (UserError, OSError) as error:
                say(f"{error}; the pose before is held")
                damaged.add(number)
            yield video.Frame(number / fps, pixels)

    for number, made in enumerate(_fitted(_followed(frames(), estimator, steady))):
        yield None if number in damaged else made


def _fitted(maps: _MAPS) -> Iterator[np.ndarray | None]:
    """Maps in the frame of the first one: as large as they fit into it, in its middle."""
    size: tuple[int, int] | None = None
    for one in maps:
        if one is None:
            yield None
            continue
        height, width = size = size or (one.shape[0], one.shape[1])
        yield one if one.shape[:2] == size else _within(one, height, width)


def _within(made: np.ndarray, height: int, width: int) -> np.ndarray:
    part = min(height / made.shape[0], width / made.shape[1])
    rows, columns = (max(1, round(side * part)) for side in made.shape[:2])
    small = np.asarray(Image.fromarray(made).resize((columns, rows), Image.Resampling.NEAREST))
    top, left = (height - rows) // 2, (width - columns) // 2
    framed = np.zeros((height, width, 3), np.uint8)
    framed[top : top + rows, left : left + columns] = small
    return framed


def said(numbers: Any) -> str:
    """Numbers of frames, in order, as a user reads them: `3-5, 9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return ", ".join(texts[:12]) + (f" and {len(texts) - 12} more stretches" if len(texts) > 12 else "")
