"""Which entry of a list, a dump or another folder belongs to which photo, by names."""

import collections
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from dpt_tf import iuv
from dpt_tf.system.errors import UserError

KINDS = {
    "images": "photo",
    "photos": "photo",
    "frames": "photo",
    "iuv": "map",
    "keypoints": "joints",
    "openpose": "joints",
}


def match(photos: Mapping[pathlib.Path, str], entries: Iterable[str], where: str) -> dict[pathlib.Path, str]:
    """Finds each photo's entry: `-> {photo: entry}`, photos without one left out.

    Args:
      photos: the name that an entry must have for each photo.
      entries: names, with or without folders before them (`/`).
      where: what holds the entries, for messages.

    Their last parts are equal. Where a name comes twice, the folders above it tell, from the last one up and without
    those that only separate kinds of files: an entry belongs to the photo with which it has most of them in common.

    Raises:
      UserError: folders do not tell either.
    """
    places = {photo: (name, *_folders(photo.absolute().parts[:-1])) for photo, name in photos.items()}
    known = {place[:depth] for place in places.values() for depth in range(1, len(place) + 1)}
    index: dict[tuple[str, ...], list[str]] = collections.defaultdict(list)
    for entry in dict.fromkeys(entries):
        *above, name = entry.replace("\\", "/").split("/")
        place = (name, *_folders(above))
        depth = next((depth for depth in range(len(place), 0, -1) if place[:depth] in known), 0)
        if depth:
            index[place[:depth]].append(entry)
    result: dict[pathlib.Path, str] = {}
    owners: dict[str, pathlib.Path] = {}
    for photo, place in places.items():
        fitting: list[str] = next((index[place[:d]] for d in range(len(place), 0, -1) if place[:d] in index), [])
        if len(fitting) > 1:
            raise UserError(f"{where}: {fitting[0]} and {fitting[1]} both fit {photo}; keep one of them")
        for entry in fitting:
            owner = owners.setdefault(entry, photo)
            if (owner.parent, owner.stem) != (photo.parent, photo.stem):
                raise UserError(
                    f"{where}: {entry} fits both {owner} and {photo}; put the photo's folder before the name"
                )
            result[photo] = entry
    return result


def in_dumps(
    root: pathlib.Path, photos: list[pathlib.Path], dumps: list[pathlib.Path]
) -> tuple[dict[pathlib.Path, tuple[pathlib.Path, str]], list[str]]:
    """Finds maps in dumps below `root`: `-> ({photo: (dump, entry)}, why a file is no dump, a line each)`.

    A dump serves the photos below the nearest folder above it that has some; the one nearest to a photo counts.

    Raises:
      UserError: two dumps hold a map of one photo, or names do not tell which photo is meant.
    """
    below: dict[pathlib.Path, list[pathlib.Path]] = collections.defaultdict(list)
    for photo in photos:
        for folder in photo.relative_to(root).parents:
            below[root / folder].append(photo)
    scopes: dict[pathlib.Path, dict[str, pathlib.Path]] = collections.defaultdict(dict)
    no_dumps: list[str] = []
    for dump in dumps if photos else ():
        try:
            names = iuv.photos(dump)
        except iuv.NotIUV as error:
            no_dumps.append(str(error))
            continue
        if not names:
            no_dumps.append(f"{dump}: not a dump of Detectron2's")
            continue
        scope = next(folder for folder in dump.parents if folder in below)
        for name in names:
            other = scopes[scope].setdefault(name, dump)
            if other != dump and pathlib.PurePath(name).name in {photo.name for photo in below[scope]}:
                raise UserError(f"{dump} and {other} both hold a map of {name}; keep one of them")
    result: dict[pathlib.Path, tuple[pathlib.Path, str]] = {}
    for scope in sorted(scopes, key=lambda scope: -len(scope.parts)):
        left = {photo: photo.name for photo in below[scope] if photo not in result}
        for photo, entry in match(left, scopes[scope], f"the dumps in {scope}").items():
            result[photo] = scopes[scope][entry], entry
    return result, no_dumps


def _folders(parts: Sequence[str]) -> tuple[str, ...]:
    """From the last one up."""
    return tuple(part for part in reversed(parts) if part not in ("", ".") and part.lower() not in KINDS)
