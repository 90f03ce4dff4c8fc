"""MVC (Liu, Chen and Chen, 2016): the names its pictures go by, and the items they come down to.

An item is a style, one product in one colour: `style_3163710`. A view of it goes by any of these names:

  3163710-p-4x.jpg                 as linked in `image_links.json`: views p, 1..5, 7; any size, or none, at the end
  p7258521_s3163710_v0.jpg         as labelled in `attribute_labels.json`: product, style, view
  3163710/front.jpg                a folder per style, names of one's own

and is called `3163710-p`, `3163710-0` or `3163710-front` here. Names of the first two forms count wherever they lie.
That `-p` and `_v0` are one picture is known from the lists alone (`mvc_lists`). Where nothing tells, a style is taken
under one way of naming, that with the most maps: no picture may be paired with its own copy.
"""

import collections
import os
import pathlib
import re

from dpt_tf import iuv
from dpt_tf.data.prepare.catalogue import Catalogue, Fault, Outfit, Shot, hold_out
from dpt_tf.data.prepare.listing import Listing, arrange, best_map
from dpt_tf.data.prepare.mvc_lists import LINK, LISTS, PAGE, Lists, labelled, linked, read_lists, style_of
from dpt_tf.system.errors import UserError

_MAP_FOLDER = r"(?:iuv|densepose)[/\\]"
_FOLDER = re.compile(
    rf"(?:.*[/\\])?(?P<style>\d{{5,9}})[/\\](?:{_MAP_FOLDER})?(?P<view>[^/\\]+)", re.IGNORECASE | re.DOTALL
)
_VIEW_AND_SIZE = re.compile(r"(p|\d)(-[a-z0-9]+)?", re.IGNORECASE)
_SIZES = ("-4x", "", "-3x", "-2x")  # Best first: 1920 x 2240, or what somebody made of it; then the shop's smaller.
_LINKED, _LABELLED, _OWN = range(3)


def identify(path: str) -> tuple[str, int] | None:
    """A picture's name (a label's with `_v` in it) and the way of naming; None for none of MVC's.

    Args:
      path: below the collection's folder, without suffix and mark.
    """
    stem = path.replace("\\", "/").rpartition("/")[2]
    if name := linked(stem):
        return name, _LINKED
    if name := labelled(stem):
        return name, _LABELLED
    if found := _FOLDER.fullmatch(path):
        plain = _VIEW_AND_SIZE.fullmatch(found["view"])
        return f"{found['style']}-{plain[1].lower() if plain else found['view']}", _OWN
    return None


def catalogue(folder: str | os.PathLike, config: str = "all", seed: int = 0) -> Catalogue:
    """What `folder` holds: every picture with a map, test items by `seed`.

    Where lists are there, pictures named as theirs are and in none of their rows are left out.

    Args:
      folder: pictures named in any way above; maps named alike, beside them or in a folder `iuv` or `densepose`, or a
        dump; the JSON lists anywhere in it, if at all.
      config: `all`; MVC has no published split.
      seed: draws the test items.

    Raises:
      UserError: no such folder, nothing of MVC's in it, no maps, lists that cannot be read or contradict each other.
    """
    if config != "all":
        raise UserError(f"MVC has no config {config}, its split was never published; build the config all")
    root = os.path.join(os.fspath(pathlib.Path(folder)), "")

    def key(path: str) -> str | None:
        found = identify(path.removeprefix(root))
        return found and found[0]

    listing = arrange(folder, key)
    lists = read_lists(listing.others)
    photos, maps = _gather(listing, lists, root)
    if not photos:
        raise UserError(
            f"{folder}: no picture named as MVC's are, such as 3163710-p-4x.jpg, p7258521_s3163710_v0.jpg or "
            f"3163710/front.jpg; the addresses to get them from are in image_links.json, see {PAGE}"
        )
    if not maps:
        raise UserError(f"{folder}: no IUV map of any of its {len(photos)} pictures; run DensePose on them")
    faults, notes = list(listing.faults), _notes(photos, maps, lists)
    ways = {name: _ways(name, paths, root) for name, paths in photos.items()}
    if lists:
        _keep_listed(photos, ways, lists, faults, notes)
    _keep_one_way(photos, ways, maps, faults)
    links = lists.links if lists else {}
    entries = {(links.get(name, name), path): entry for (name, path), entry in listing.entries.items()}
    outfits = _outfits(photos, maps, entries, faults)
    if not outfits:
        raise UserError(
            f"{folder}: none of the {len(maps)} maps is of a picture to be taken; name each as its picture is, such as "
            "3163710-p-4x_IUV.png"
        )
    train, test = hold_out(outfits, seed)
    result = Catalogue({"train": train, "test": test}, None, faults, notes)
    result.check()
    return result


_Files = dict[str, list[str]]
_Ways = dict[str, frozenset[int]]


def _gather(listing: Listing, lists: Lists | None, root: str) -> tuple[_Files, _Files]:
    """Photos and maps by name, labels under their link."""
    links = lists.links if lists else {}
    photos: _Files = collections.defaultdict(list)
    maps: _Files = collections.defaultdict(list)
    for name, paths in listing.photos.items():
        photos[links.get(name, name)] += paths
    for name, paths in listing.maps.items():
        for path in paths:
            for shown in (name,) if name in listing.photos else _shown(path, name, listing, root):
                maps[links.get(shown, shown)].append(path)
    return dict(photos), dict(maps)


def _shown(path: str, name: str, listing: Listing, root: str) -> list[str]:
    """The pictures whose maps a file holds: a dump in a style's folder may name its photos without the folder."""
    below = path.removeprefix(root)
    own = identify(os.path.splitext(below)[0])
    if not path.lower().endswith(".pkl") or own is None or own[1] != _OWN:
        return [name]
    try:
        photos = [os.path.splitext(photo)[0] for photo in iuv.photos(path)]
    except iuv.NotIUV as error:
        listing.faults.append(Fault("map that cannot be used", path, str(error)))
        return []
    beside = [os.path.join(os.path.dirname(below), re.split(r"[/\\]", photo)[-1]) for photo in photos]
    found = (identify(photo) or identify(other) for photo, other in zip(photos, beside, strict=True))
    return [identity for identity, _ in filter(None, found)] or [name]


def _notes(photos: _Files, maps: _Files, lists: Lists | None) -> list[str]:
    notes = list(lists.notes) if lists else [f"none of {', '.join(LISTS)} is there: went by the pictures' names alone"]
    twice = sum(len(paths) > 1 for paths in photos.values())
    if twice:
        notes.append(f"{twice} pictures are there more than once; each was taken once")
    lonely = len(maps.keys() - photos.keys())
    return notes + ([f"{lonely} maps have no picture"] if lonely else [])


def _ways(name: str, paths: list[str], root: str) -> frozenset[int]:
    """The ways of naming under which a picture is there; a label that has become a link counts as one."""
    found = (identify(path.removeprefix(root).rpartition(".")[0]) for path in paths)
    merged = {_LINKED if way == _LABELLED and not _is_label(name) else way for _, way in filter(None, found)}
    return _ALONE[merged.pop()] if len(merged) == 1 else frozenset(merged)


_ALONE = [frozenset((way,)) for way in range(3)]


def _keep_listed(photos: _Files, ways: _Ways, lists: Lists, faults: list[Fault], notes: list[str]) -> None:
    """Takes out what no row names; names of one's own no row can name, so their styles are not checked."""
    own = {style_of(name) for name in photos if _OWN in ways[name]}
    unlisted = [name for name in photos.keys() - lists.names if _OWN not in ways[name]]
    for name in unlisted:
        del photos[name]
    if unlisted:
        notes.append(f"{len(unlisted)} pictures are in no row of the lists and were left out")
    missing = sorted(name for name in lists.names - photos.keys() if style_of(name) not in own)
    faults += [Fault("listed, but no such picture", name) for name in missing]


def _keep_one_way(photos: _Files, ways: _Ways, maps: _Files, faults: list[Fault]) -> None:
    """Leaves each style under the way of naming that has the most maps; links before labels before own names."""
    styles: dict[str, dict[int, int]] = collections.defaultdict(dict)
    for name in photos:
        counts = styles[style_of(name)]
        for way in ways[name]:
            counts[way] = counts.get(way, 0) + (name in maps)
    chosen = {style: max(sorted(counts), key=counts.__getitem__) for style, counts in styles.items()}
    for name in list(photos):
        if chosen[style_of(name)] not in ways[name]:
            faults.append(Fault("perhaps a copy under another name", photos.pop(name)[0]))


def _outfits(photos: _Files, maps: _Files, entries: dict[tuple[str, str], str], faults: list[Fault]) -> list[Outfit]:
    items: dict[str, list[Shot]] = collections.defaultdict(list)
    for name in sorted(photos):
        if name in maps:
            view = name.replace("_v", "-", 1) if _is_label(name) else name
            photo, mapped = _photo_and_map(photos[name], maps[name])
            items[style_of(name)].append(Shot(view, photo, mapped, entry=entries.get((name, mapped))))
        else:
            faults.append(Fault("no map", photos[name][0]))
    return [Outfit(f"style_{style}", tuple(shots)) for style, shots in sorted(items.items())]


def _is_label(name: str) -> bool:
    return re.fullmatch(r"\d+_v\d+", name) is not None


def _photo_and_map(photos: list[str], maps: list[str]) -> tuple[str, str]:
    """A photo and a map that bear the same file name, where there are such; then the larger size."""
    if len(photos) == 1:
        return photos[0], _map_of(photos[0], maps)
    return min(((photo, _map_of(photo, maps)) for photo in photos), key=lambda two: (not _alike(*two), _rank(two[0])))


def _map_of(photo: str, maps: list[str]) -> str:
    return best_map([path for path in maps if _alike(photo, path)] or maps)


def _alike(photo: str, mapped: str) -> bool:
    stem, other = (os.path.splitext(os.path.basename(path))[0].lower() for path in (photo, mapped))
    return other in (stem, f"{stem}_iuv", f"{stem}_densepose")


def _rank(photo: str) -> tuple[int, str]:
    found = LINK.fullmatch(os.path.splitext(os.path.basename(photo))[0])
    size = (found["size"] or "").lower() if found else ""
    return _SIZES.index(size) if size in _SIZES else len(_SIZES), photo
