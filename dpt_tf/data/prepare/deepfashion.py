"""DeepFashion In-shop: what its pictures are called, by everyone who renamed them, and whose lists say what.

A picture is a view of an item; an item (the paper's "clothes") is a garment's id and a two-digit colour. One picture
goes by these names, which all mean `WOMEN-Blouses_Shirts-id_00000442-01_2_side`, the name it has here:

  WOMEN/Blouses_Shirts/id_00000442/01_2_side.jpg        the official tree, under Img/img or Img/img_highres
  fasionWOMENBlousesShirtsid0000044201_2side.jpg        DSC: "fasion", underscores of the category dropped
  fashionWOMENBlouses_Shirtsid0000044201_2side.jpg      PATN: underscores kept
  WOMEN-Blouses_Shirts-id_00000442-01_2_side.jpg        DeepFashion-MultiModal, with ..._densepose.png
  WOMEN#Blouses_Shirts#id_00000442#01_2_side.jpg

Lists: DSC's and PATN's keypoint csv say which items are in which split, and where the joints are. Pairs are all
ordered pairs of distinct views of an item whose shoulders and hips are seen (`pairing.ordered_pairs`).
"""

import collections
import csv
import dataclasses
import io
import os
import re
from collections.abc import Mapping

import numpy as np

from dpt_tf.data import keypoints, pairing
from dpt_tf.data.prepare.catalogue import Catalogue, Fault, Outfit, Shot, hold_out
from dpt_tf.data.prepare.listing import Listing, arrange, best_map
from dpt_tf.system import files
from dpt_tf.system.errors import UserError

OFFICIAL = "https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html"
READY_MAPS = "https://github.com/yumingj/DeepFashion-MultiModal"

_NAME = re.compile(
    r"(?P<gender>WOMEN|MEN)[\W_]*(?P<category>[A-Za-z_]+?)[\W_]*id_?(?P<id>\d{8})[\W_]*(?P<colour>\d{2})"
    r"_(?P<number>\d)_?(?P<view>front|side|back|full|flat|additional)$"
)
_CATEGORIES = {
    name.replace("_", ""): name
    for name in (
        "Blouses_Shirts", "Graphic_Tees", "Jackets_Coats", "Jackets_Vests", "Rompers_Jumpsuits", "Shirts_Polos",
        "Sweatshirts_Hoodies", "Tees_Tanks",
    )
}  # fmt: skip
_GARMENT_ALONE = "6_flat"
_PATN_CROP = 40  # PATN's pictures are the 176 columns in the middle of 256; its columns count from there


def key(path: str) -> str | None:
    """The name of the picture at `path` (without its suffix), or None where it is none of DeepFashion's."""
    found = _NAME.search(path)
    if found is None:
        return None
    category = found["category"].replace("_", "")
    item = f"{found['gender']}-{_CATEGORIES.get(category, category)}-id_{found['id']}-{found['colour']}"
    return f"{item}_{found['number']}_{found['view']}"


def item_of(name: str) -> str:
    """The item of a picture's name."""
    return name.rsplit("_", 2)[0]


@dataclasses.dataclass(frozen=True)
class Lists:
    """A published protocol: names here, joints in the square frame of 256 pixels."""

    splits: dict[str, dict[str, np.ndarray]]
    """By split, in file order: picture -> int32 `[18, 2]`."""
    pairs: list[tuple[str, str]]
    """Test pairs (from, to) in the order of the pair list; of the keypoint list where there is none."""


def catalogue(folder: str | os.PathLike, config: str, seed: int = 0) -> Catalogue:
    """What `folder` holds, split by a protocol.

    Args:
      folder: the collection in any of the layouts above; maps beside the photos or in a folder of their own; for
        `dsc` and `patn` their keypoint lists anywhere in it.
      config: `dsc`, `patn`, or `all`: every picture with a map, lists or no lists, test items by `seed`.
      seed: draws the test items of `all`.

    Raises:
      UserError: no such folder, nothing of DeepFashion's in it, no lists though the protocol needs them, an item in
      two splits.
    """
    listing = arrange(folder, key)
    if not listing.photos:
        raise UserError(
            f"{folder}: no picture named as DeepFashion's are, such as WOMEN/Dresses/id_00005051/02_1_front.jpg; "
            f"get the In-shop pictures from {OFFICIAL}"
        )
    if listing.maps.keys().isdisjoint(listing.photos):
        raise UserError(
            f"{folder}: no IUV map of any of its {len(listing.photos)} pictures; put the ready ones of {READY_MAPS} "
            "there, or run DensePose"
        )
    lists = None if config == "all" else read_lists(listing.others, config, folder)
    result = _by_lists(listing, lists) if lists else _everything(listing, seed)
    result.notes += _notes(listing)
    result.padded = True
    result.check()
    return result


def read_lists(paths: list[str], config: str, folder: str | os.PathLike) -> Lists:
    """Finds and reads the keypoint and pair lists of `config` among `paths`.

    Raises:
      UserError: one is missing or there twice, or cannot be read.
    """
    splits, pairs = {}, []
    for split in ("train", "test"):
        path = _find_list(paths, config, f"annotation-{split}")
        if path is None:
            raise UserError(
                f"{folder}: no keypoint list for {split}ing, {_PREFIX[config]}annotation-{split}.csv; "
                f"put {config.upper()}'s there, or build the config all, which needs none"
            )
        listed = keypoints.read_keypoints(path)
        splits[split] = {_listed(name, path): _to_square(points, config) for name, points in listed.items()}
        if split == "test":
            pairs = [(_listed(a, path), _listed(b, path)) for a, b in pairing.ordered_pairs(listed)]
    published = _find_list(paths, config, "pairs-test")
    return Lists(splits, _read_pairs(published) if published else pairs)


_PREFIX = {"dsc": "fasion-", "patn": "fasion-resize-"}


def _find_list(paths: list[str], config: str, kind: str) -> str | None:
    pattern = re.compile(rf"fash?ion-{'resize-' if config == 'patn' else ''}{kind}\.csv$")
    found = [path for path in paths if pattern.search(os.path.basename(path))]
    if len(found) > 1:
        raise UserError(f"{found[0]} and {found[1]} are two lists for one thing; leave one of them")
    return found[0] if found else None


def _listed(name: str, path: str) -> str:
    identity = key(os.path.splitext(name)[0])
    if identity is None:
        raise UserError(f"{path}: {name} is no name of a DeepFashion picture; give the list as it was published")
    return identity


def _to_square(points: np.ndarray, config: str) -> np.ndarray:
    shift = [0, _PATN_CROP if config == "patn" else 0]
    return np.where(points >= 0, points + shift, -1).astype(np.int32)


def _read_pairs(path: str) -> list[tuple[str, str]]:
    rows = list(csv.reader(io.StringIO(files.read_text(path), newline="")))
    if not rows or rows[0] != ["from", "to"] or any(len(row) != 2 for row in rows):
        raise UserError(f"{path}: not a pair list, which begins with from,to and has two names a line")
    return [(_listed(source, path), _listed(target, path)) for source, target in rows[1:]]


def _by_lists(listing: Listing, lists: Lists) -> Catalogue:
    """Items and splits as the lists have them, views in the order of their names."""
    faults = list(listing.faults)
    splits: dict[str, list[Outfit]] = {}
    for split, listed in lists.splits.items():
        shots = _shots(listing, listed, faults)
        splits[split] = _outfits(shots)
    pairs = [(item_of(source), source, target) for source, target in lists.pairs]
    result = Catalogue(splits, pairs, faults)
    unlisted = len(listing.photos.keys() - lists.splits["train"].keys() - lists.splits["test"].keys())
    if unlisted:
        result.notes.append(f"{unlisted} pictures are in no list and were left out")
    return result


def _everything(listing: Listing, seed: int) -> Catalogue:
    """All pictures with a person and a map; test items by seed."""
    faults = list(listing.faults)
    alone = [name for name in listing.photos if name.endswith(_GARMENT_ALONE) and name not in listing.maps]
    faults += [Fault("garment without a person", listing.photos[name][0]) for name in alone]
    wanted: dict[str, np.ndarray | None] = dict.fromkeys(listing.photos.keys() - set(alone))
    train, test = hold_out(_outfits(_shots(listing, wanted, faults)), seed)
    return Catalogue({"train": train, "test": test}, None, faults)


def _shots(listing: Listing, wanted: Mapping[str, np.ndarray | None], faults: list[Fault]) -> list[Shot]:
    shots = []
    for name, points in wanted.items():
        if name not in listing.photos:
            faults.append(Fault("listed, but no such picture", name))
        elif name not in listing.maps:
            faults.append(Fault("no map", listing.photos[name][0]))
        else:
            # The 256 x 256 pictures pass through as they are, so they come before the high-resolution ones.
            photo = min(listing.photos[name], key=lambda path: ("img_highres" in path, path))
            mapped = best_map(listing.maps[name])
            shots.append(Shot(name, photo, mapped, points, listing.entries.get((name, mapped))))
    return shots


def _outfits(shots: list[Shot]) -> list[Outfit]:
    items: dict[str, list[Shot]] = collections.defaultdict(list)
    for shot in shots:
        items[item_of(shot.name)].append(shot)
    return [Outfit(item, tuple(sorted(found, key=lambda shot: shot.name))) for item, found in sorted(items.items())]


def _notes(listing: Listing) -> list[str]:
    twice = sum(len(paths) > 1 for paths in listing.photos.values())
    notes = [f"{twice} pictures are there more than once; those outside img_highres were taken"] if twice else []
    lonely = len(listing.maps.keys() - listing.photos.keys())
    return notes + ([f"{lonely} maps have no picture"] if lonely else [])
