"""Folders of maps: what lies in them, whose map each is, and reading one.

A map is called after its photo, `x_IUV.png`, `x_iuv.npy` or, where nothing in the folder is marked so, `x.png`; a dump
of Detectron2's has a map of every photo it names. Folders tell apart what has one name, as `dpt prepare` has it.
"""

import dataclasses
import pathlib
from collections.abc import Iterable

import numpy as np

from dpt_tf import iuv
from dpt_tf.data import matching
from dpt_tf.images import photos as photo_files
from dpt_tf.iuv.sources import NOBODY
from dpt_tf.system.errors import UserError

_DUMP = ".pkl"
_SAME_ASPECT = 0.01
_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class MapFile:
    """Where a map lies."""

    path: pathlib.Path
    entry: str | None = None
    """What a dump calls its photo."""

    def examine(self, size: tuple[int, int] | None = None, person: int | None = None) -> iuv.Examined | None:
        """The map and what was found on the way to it; None where nobody is in it.

        Args:
          size: (height, width) of the photo, which a dump needs.
          person: whom to keep; the largest by default.

        Raises:
          NotIUV: it is none.
        """
        try:
            return iuv.examine(self.path, person, photo=self.entry, size=size)
        except iuv.NotIUV as error:
            if NOBODY in str(error):
                return None
            raise


def find(folder: pathlib.Path, flag: str) -> dict[str, MapFile]:
    """The maps in `folder` and below, by their photos' names without suffix, folders before them.

    Raises:
      UserError: no such folder, no map in it, or two maps of one name.
      NotIUV: a dump that cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give --{flag} a folder of maps")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    marked = [
        path for path in files if _stem(path) != path.stem and path.suffix.lower() in (*photo_files.SUFFIXES, ".npy")
    ]
    plain = [path for path in files if path.suffix.lower() == ".png" and not path.stem.lower().endswith("_inds")]
    found: dict[str, MapFile] = {}
    for path in marked or plain:
        _add(found, path.relative_to(folder).with_name(_stem(path)).as_posix(), MapFile(path))
    for path in files:
        if path.suffix.lower() == ".npy" and path not in marked:
            _add(found, path.relative_to(folder).with_suffix("").as_posix(), MapFile(path))
        elif path.suffix.lower() == _DUMP:
            for entry in iuv.photos(path):
                name = pathlib.PurePosixPath(entry.replace("\\", "/"))
                _add(found, name.with_suffix("").as_posix() if name.name else entry, MapFile(path, entry))
    if not found:
        raise UserError(f"{folder}: no map in it (_IUV.png, .npy, .pkl); give --{flag} a folder of maps")
    return found


def _stem(path: pathlib.Path) -> str:
    return path.stem[:-4] if path.stem.lower().endswith("_iuv") and len(path.stem) > 4 else path.stem


def _add(found: dict[str, MapFile], name: str, file: MapFile) -> None:
    if name in found:
        raise UserError(f"{found[name].path} and {file.path} are both a map of {name}; keep one of them")
    found[name] = file


def match(names: Iterable[str], folder: pathlib.Path, entries: Iterable[str], where: pathlib.Path) -> dict[str, str]:
    """Which of `entries` each of `names` in `folder` is: `-> {name: entry}`; UserError where that cannot be told."""
    paths = {folder / name: name for name in names}
    matched = matching.match({path: path.name for path in paths}, entries, str(where))
    return {paths[path]: entry for path, entry in matched.items()}


@dataclasses.dataclass(frozen=True)
class Matched:
    """True maps with the predicted one of each, and its photo where there is one; by the true map's name."""

    true: dict[str, MapFile]
    found: dict[str, MapFile]
    photos: dict[str, pathlib.Path]
    unused: int
    """Predicted maps without a true one."""

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """`-> (y, y_hat, notes)`, uint8 `[H, W, 3]` of the true map's size; all 0 where nobody was found.

        Raises:
          UserError: nobody is in the true map, or the two are of another aspect.
          NotIUV: one is no map.
        """
        seen = self.true[name].examine()
        if seen is None:
            raise UserError(f"{self.true[name].path}: nobody in the true map of {name}; take it away")
        y = seen.iuv
        height, width = y.shape[:2]
        guess = self.found[name].examine((height, width))
        if guess is None:
            return y, np.zeros_like(y), ["nobody found"]
        y_hat = guess.iuv
        if y_hat.shape == y.shape:
            return y, y_hat, []
        if abs(y_hat.shape[0] * width - y_hat.shape[1] * height) > _SAME_ASPECT * width * y_hat.shape[0]:
            raise UserError(
                f"{self.found[name].path}: {y_hat.shape[1]} x {y_hat.shape[0]} pixels, the true map of {name} has "
                f"{width} x {height}: another aspect; make it of the same photo"
            )
        return y, iuv.resize(y_hat, height, width), ["resized to the true map"]


def pairs(found_dir: pathlib.Path, true_dir: pathlib.Path, photos_dir: pathlib.Path | None = None) -> Matched:
    """The predicted map of every true one, by name.

    Raises:
      UserError: no such folder, a true map without a predicted one, no photo of any, or names do not tell.
      NotIUV: a dump that cannot be read.
    """
    true, found = find(true_dir, "true_maps"), find(found_dir, "maps")
    matched = match(true, true_dir, found, found_dir)
    missing = [name for name in true if name not in matched]
    if missing:
        few = ", ".join(f"{name}_IUV.png" for name in missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        raise UserError(
            f"{found_dir}: {len(missing)} of the {len(true)} maps in {true_dir} have no predicted one: {few}; add "
            "them, all background where nobody was found"
        )
    photos = _photos(photos_dir, true, true_dir) if photos_dir is not None else {}
    unused = len(found) - len(set(matched.values()))
    return Matched(true, {name: found[entry] for name, entry in matched.items()}, photos, unused)


def _photos(folder: pathlib.Path, names: Iterable[str], true_dir: pathlib.Path) -> dict[str, pathlib.Path]:
    """The photo of each name that has one."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give --photos the folder of photos")
    files: dict[str, pathlib.Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in photo_files.SUFFIXES and _stem(path) == path.stem:
            files.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    matched = match(names, true_dir, files, folder)
    if not matched:
        raise UserError(f"{folder}: no photo called like a map of {true_dir}, x.jpg for x_IUV.png")
    return {name: files[entry] for name, entry in matched.items()}
