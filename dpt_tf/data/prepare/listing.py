"""The files of a collection: which are photos, which are maps, and whose.

A file is a map where its name ends in `_IUV`, `_iuv` or `_densepose`, where it is a `.npy` or `.pkl`, or where it lies
below a folder of maps (`iuv`, `densepose`). Names decide what a file is for; its content alone decides how it is read.
What a name means is the caller's: `key` turns a path without mark and suffix into a picture's identity, or None.
"""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator

from dpt_tf import iuv
from dpt_tf.data.prepare.catalogue import Fault
from dpt_tf.images import photos as photo_files
from dpt_tf.system.errors import UserError

_ARRAYS = frozenset((".npy", ".pkl"))
_MARKS = ("_iuv", "_densepose")
_MAP_FOLDERS = frozenset(("iuv", "densepose"))
_NO_MAPS = ("_inds", "_segm", "_keypoints")


@dataclasses.dataclass
class Listing:
    """What lies in a folder, by picture; paths in the order of their names."""

    photos: dict[str, list[str]]
    maps: dict[str, list[str]]
    others: list[str]
    """Photos whose names mean nothing to `key`, and files of other kinds."""
    faults: list[Fault]
    entries: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    """By picture and dump: what the dump calls the picture."""


def arrange(folder: str | os.PathLike, key: Callable[[str], str | None]) -> Listing:
    """Goes through all of `folder`; a Detectron2 dump counts as a map of each photo it names.

    Raises:
      UserError: no such folder.
    """
    photos: dict[str, list[str]] = collections.defaultdict(list)
    maps: dict[str, list[str]] = collections.defaultdict(list)
    dumps: list[str] = []
    listing = Listing(photos, maps, [], [])
    root = os.fspath(pathlib.Path(folder))
    for path in walk(root):
        stem, suffix = os.path.splitext(path)
        marked = next((mark for mark in _MARKS if stem.lower().endswith(mark)), "")
        below = os.path.dirname(path).removeprefix(root).lower().replace(os.sep, "/").split("/")
        is_map = marked or suffix.lower() in _ARRAYS or not _MAP_FOLDERS.isdisjoint(below)
        if suffix.lower() not in _ARRAYS.union(photo_files.SUFFIXES) or stem.lower().endswith(_NO_MAPS):
            listing.others.append(path)
            continue
        identity = key(stem[: len(stem) - len(marked)])
        if identity is not None:
            (maps if is_map else photos)[identity].append(path)
        elif suffix.lower() == ".pkl":
            dumps.append(path)
        else:
            listing.others.append(path)
    for path in dumps:
        _add_dump(path, key, listing)
    return listing


def walk(folder: str | os.PathLike) -> Iterator[str]:
    """The paths of all files below `folder` in order of their names, hidden ones left out."""
    root = pathlib.Path(folder)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give the folder that holds the pictures")
    for place, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(place, name) for name in sorted(names) if not name.startswith("."))


def best_map(paths: list[str]) -> str:
    """PNG before array before dump, then by name."""
    return min(paths, key=lambda path: (path.endswith(".pkl"), path.endswith(".npy"), path))


def _add_dump(path: str, key: Callable[[str], str | None], listing: Listing) -> None:
    try:
        names = iuv.photos(path)
    except iuv.NotIUV as error:
        listing.faults.append(Fault("map that cannot be used", path, str(error)))
        return
    for name in names:
        identity = key(os.path.splitext(name)[0])
        if identity is not None:
            listing.maps.setdefault(identity, []).append(path)
            listing.entries[identity, path] = name
