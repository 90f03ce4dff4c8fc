"""Which entry of a list, a dump or another folder belongs to which photo, by names."""

import collections
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from dpt_tf.errors import UserError

KINDS = {"images": "photo", "photos": "photo", "iuv": "map", "keypoints": "joints", "openpose": "joints"}


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


def _folders(parts: Sequence[str]) -> tuple[str, ...]:
    """From the last one up."""
    return tuple(part for part in reversed(parts) if part not in ("", ".") and part.lower() not in KINDS)
