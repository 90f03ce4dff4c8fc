"""Ready pictures of any system, so that it can be scored as a run is.

A picture belongs to a pair of views by its name: the names of source and target, in this order, with `___`, `_to_` or
`_2_` between them, with or without `.jpg` or `.png` behind each, `_vis` at the end or not. Names are those that the
data set has; of DeepFashion's pictures every spelling is understood.
"""

import os
import pathlib
from collections.abc import Iterable

import numpy as np

from dpt_tf.data.prepare import deepfashion
from dpt_tf.images import photos
from dpt_tf.system.errors import UserError

_BETWEEN = ("___", "_to_", "_2_")
_SHOWN = 3


Pair = tuple[str, str, str]
"""Item, source view, target view."""


def find(folder: pathlib.Path, pairs: Iterable[Pair], others: Iterable[Pair] = ()) -> dict[Pair, pathlib.Path]:
    """The picture of each of `pairs`; `others` may have one, too.

    Raises:
      UserError: no such folder, a pair without a picture or with two, a picture of no pair.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give --pictures the folder of generated pictures")
    wanted = {_named(pair): pair for pair in pairs}
    spare = {_named(pair) for pair in others} - wanted.keys()
    found: dict[Pair, pathlib.Path] = {}
    strangers = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in photos.SUFFIXES or path.name.startswith("."):
            continue
        ways = set(readings(path.stem))
        fitting = sorted(ways & wanted.keys())
        if len(fitting) > 1:
            raise UserError(
                f"{path}: of {' or of '.join(f'{a} -> {b}' for a, b in fitting)}; name it {'___'.join(fitting[0])}.png "
                f"or {'___'.join(fitting[1])}.png"
            )
        pair = wanted[fitting[0]] if fitting else None
        if pair is None:
            if spare.isdisjoint(ways):
                strangers.append(path)
        elif pair in found:
            raise UserError(f"{path} and {found[pair]} are both of {pair[1]} -> {pair[2]}; leave one of them")
        else:
            found[pair] = path
    missing = [pair for pair in wanted.values() if pair not in found]
    if missing:
        few = ", ".join(f"{name_of(*pair)}.png" for pair in missing[:_SHOWN])
        besides = f", but {len(strangers)} have other names, such as {strangers[0].name}" if strangers else ""
        raise UserError(
            f"{folder}: {len(missing)} of {len(wanted)} pairs have no picture{besides}; add them, named like {few}"
        )
    if strangers:
        example = f"{name_of(*next(iter(wanted.values())))}.png"
        raise UserError(
            f"{strangers[0]}: of no pair of this split, as {len(strangers) - 1} more; take them away or name them like "
            + example
        )
    return found


def label(item: str, view: str) -> str:
    """A view's name that is the view's alone: with the item's before it, unless it begins so."""
    return view if view.startswith(item) else f"{item}-{view}"


def read(path: pathlib.Path, size: int) -> np.ndarray:
    """A generated picture, uint8 `[size, size, 3]`.

    Raises:
      UserError: it cannot be decoded, or has another size.
    """
    picture = photos.read(path)
    if picture.shape != (size, size, 3):
        raise UserError(
            f"{path}: {picture.shape[1]} x {picture.shape[0]} pixels, the truth has {size} x {size}; resizing would "
            "change the scores: generate them in this size"
        )
    return picture


def name_of(item: str, source: str, target: str) -> str:
    """What a generated picture is called here, without suffix."""
    return f"{plain(label(item, source))}___{plain(label(item, target))}"


def _named(pair: Pair) -> tuple[str, str]:
    item, source, target = pair
    return known(label(item, source)), known(label(item, target))


def readings(stem: str) -> Iterable[tuple[str, str]]:
    """All ways to take a file name apart into source and target, each as `known` has it."""
    whole = stem.removesuffix("_vis")
    for between in _BETWEEN:
        place = whole.find(between)
        while place >= 0:
            yield known(whole[:place]), known(whole[place + len(between) :])
            place = whole.find(between, place + 1)


def known(name: str) -> str:
    """A view's name without what spellings differ in."""
    own = plain(name)
    return deepfashion.key(own) or own


def plain(name: str) -> str:
    """A view's name as it stands in a picture's: without a photo's suffix, and without folders."""
    stem, suffix = os.path.splitext(name.replace("/", "-"))
    return stem if suffix.lower() in photos.SUFFIXES else name.replace("/", "-")
