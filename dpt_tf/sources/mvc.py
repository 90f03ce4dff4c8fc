"""MVC (Liu, Chen and Chen, 2016): the names its pictures go by, and the lists that say which names are one picture.

An item is a style, one product in one colour: `style_3163710`. A view of it goes by any of these names:

  3163710-p-4x.jpg                 as linked in `image_links.json`: views p, 1..5, 7; any size, or none, at the end
  p7258521_s3163710_v0.jpg         as labelled in `attribute_labels.json`: product, style, view
  3163710/front.jpg                a folder per style, names of one's own

and is called `3163710-p`, `3163710-0` or `3163710-front` here. Names of the first two forms count wherever they lie.
That `-p` and `_v0` are one picture is known from the lists alone, which go row by row. Where nothing tells, a style is
taken under one way of naming, that with the most maps: no picture may be paired with its own copy.
"""

import codecs
import collections
import dataclasses
import itertools
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from etils import epath

from dpt_tf import iuv
from dpt_tf.errors import UserError
from dpt_tf.sources.catalogue import Catalogue, Fault, Outfit, Shot, hold_out
from dpt_tf.sources.listing import Listing, arrange, best_map

PAGE = "https://github.com/MVC-Datasets/MVC"
LISTS = ("image_links.json", "attribute_labels.json", "mvc_info.json")

_LINK = re.compile(r"(?P<style>\d{5,9})-(?P<view>p|\d)(?P<size>-[a-z0-9]+)?", re.IGNORECASE)
_STYLE = re.compile(r"\d+")
_LABEL = re.compile(r"p\d+_s(?P<style>\d+)_v(?P<view>\d+)", re.IGNORECASE)
_MAP_FOLDER = r"(?:iuv|densepose)[/\\]"
_FOLDER = re.compile(
    rf"(?:.*[/\\])?(?P<style>\d{{5,9}})[/\\](?:{_MAP_FOLDER})?(?P<view>[^/\\]+)", re.IGNORECASE | re.DOTALL
)
_VIEW_AND_SIZE = re.compile(r"(p|\d)(-[a-z0-9]+)?", re.IGNORECASE)
_BELOW_MAP_FOLDER = re.compile(rf"(?:.*[/\\])?{_MAP_FOLDER}.*", re.IGNORECASE | re.DOTALL)
_SIZES = (
    "-4x",
    "",
    "-3x",
    "-2x",
)  # Best first: 1920 x 2240, or what somebody made of it; then the shop's smaller ones.
_LINKED, _LABELLED, _OWN = range(3)


def identify(path: str) -> tuple[str, int] | None:
    """A picture's name (a label's with `_v` in it) and the way of naming; None for none of MVC's.

    Args:
      path: below the collection's folder, without suffix and mark.
    """
    stem = path.replace("\\", "/").rpartition("/")[2]
    if found := _LINK.fullmatch(stem):
        return f"{found['style']}-{found['view'].lower()}", _LINKED
    if found := _LABEL.fullmatch(stem):
        return f"{found['style']}_v{found['view']}", _LABELLED
    if found := _FOLDER.fullmatch(path):
        plain = _VIEW_AND_SIZE.fullmatch(found["view"])
        return f"{found['style']}-{plain[1].lower() if plain else found['view']}", _OWN
    return None


def style_of(name: str) -> str:
    """The style of a picture's name."""
    return _STYLE.match(name)[0]  # type: ignore[index]


@dataclasses.dataclass(frozen=True)
class Lists:
    """What the JSON files say."""

    names: frozenset[str]
    """Of each row one: the link's, or the label's where there is no link."""
    links: dict[str, str]
    """Label -> link of the same picture."""
    notes: tuple[str, ...]


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
    root = os.path.join(os.fspath(epath.Path(folder)), "")

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
    outfits = _outfits(photos, maps, faults)
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
    """Photos and maps by name, labels under their link; files anywhere below a folder of maps are maps."""
    links = lists.links if lists else {}
    photos: _Files = collections.defaultdict(list)
    maps: _Files = collections.defaultdict(list)
    for name, paths in listing.photos.items():
        for path in paths:
            files = maps if _BELOW_MAP_FOLDER.fullmatch(path.removeprefix(root)) else photos
            files[links.get(name, name)].append(path)
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


def _outfits(photos: _Files, maps: _Files, faults: list[Fault]) -> list[Outfit]:
    items: dict[str, list[Shot]] = collections.defaultdict(list)
    for name in sorted(photos):
        if name in maps:
            view = name.replace("_v", "-", 1) if _is_label(name) else name
            items[style_of(name)].append(Shot(view, *_photo_and_map(photos[name], maps[name])))
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
    found = _LINK.fullmatch(os.path.splitext(os.path.basename(photo))[0])
    size = (found["size"] or "").lower() if found else ""
    return _SIZES.index(size) if size in _SIZES else len(_SIZES), photo


def read_lists(paths: list[str]) -> Lists | None:
    """Reads those of MVC's JSON lists that are among `paths`; None where there are none.

    Raises:
      UserError: a list is there twice, cannot be read or names no picture; two contradict each other; MATLAB's only.
    """
    found = [path for name in LISTS for path in paths if os.path.basename(path).lower() == name]
    for first, second in itertools.pairwise(found):
        if os.path.basename(first).lower() == os.path.basename(second).lower():
            raise UserError(f"{first} and {second} are two lists for one thing; leave one of them")
    if not found:
        _refuse_matlab(paths)
        return None
    links: dict[int, str] = {}
    labels: dict[int, str] = {}
    notes = []
    for path in found:
        count = nameless = 0
        for index, row in read_rows(path):
            link, label = _names(row)
            if link:
                links.setdefault(index, link)
            if label:
                labels.setdefault(index, label)
            count += 1
            nameless += not (link or label)
        if nameless == count:
            raise UserError(f"{path}: no row of it names a picture; give it as published, see {PAGE}")
        if nameless:
            notes.append(f"{nameless} of {count} rows of {os.path.basename(path)} name no picture")
    both = links.keys() & labels.keys()
    for index in sorted(both):
        if style_of(links[index]) != style_of(labels[index]):
            raise UserError(
                f"{' and '.join(found)} do not go together: row {index} is {links[index]} as well as {labels[index]}; "
                "give them as published, or leave one"
            )
    names = set(links.values()) | {labels[index] for index in labels.keys() - both}
    return Lists(frozenset(names), {labels[index]: links[index] for index in both}, tuple(notes))


def _refuse_matlab(paths: list[str]) -> None:
    wanted = {os.path.splitext(name)[0] + ".mat" for name in LISTS}
    for path in paths:
        if os.path.basename(path).lower() in wanted:
            raise UserError(
                f"{path}: MATLAB objects, which MATLAB alone can read; put {', '.join(LISTS)} there, the JSON files of "
                f"{PAGE}, or take the .mat files away to go by the pictures' names"
            )


def _names(row: dict[str, Any]) -> tuple[str | None, str | None]:
    """The names of the picture of a row: the link's, the label's."""
    address, filename = _bare(row.get("image_url_4x")), _bare(row.get("filename"))
    if not filename and "viewId" in row:
        filename = "p{}_s{}_v{}".format(*(_bare(row.get(field)) for field in ("productId", "styleId", "viewId")))
    link = _LINK.fullmatch(address.rpartition("/")[2].partition(".")[0])
    label = _LABEL.fullmatch(filename.partition(".")[0])
    return (
        f"{link['style']}-{link['view'].lower()}" if link else None,
        f"{label['style']}_v{label['view']}" if label else None,
    )


_FIELDS = frozenset(("image_url_4x", "filename", "productId", "styleId", "viewId"))


def _bare(value: Any) -> str:
    """A field without the quotes inside it: `"'3163710'"` and `3163710.0` are `3163710`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip(" \t\r\n'\"\\")


def read_rows(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a list with their numbers: `[{field: value}]`, `{field: [value]}`, or by index either way round.

    One entry of the outermost list or object is in memory at a time: 264 labels of 161,260 pictures are gigabytes.

    Raises:
      UserError: broken JSON, or JSON of another shape.
    """
    columns: dict[str, dict[Any, Any]] = {}
    for position, (key, entry) in enumerate(_entries(path)):
        if key in _FIELDS and isinstance(entry, list | dict):
            columns[key] = entry if isinstance(entry, dict) else dict(enumerate(entry))
        elif isinstance(entry, dict) and (key is None or key.isdecimal()):
            yield position if key is None else int(key), entry
        elif key is None or key.isdecimal() or not isinstance(entry, list | dict):
            raise UserError(
                f"{path}: neither a list of rows, nor rows or columns by name, at entry {key or position}; give it as "
                f"published, see {PAGE}"
            )
    for index in dict.fromkeys(index for column in columns.values() for index in column):
        if not str(index).isdecimal():
            raise UserError(f"{path}: {index!r} is no row's number; give it as published, see {PAGE}")
        yield int(index), {field: column.get(index) for field, column in columns.items()}


_BLOCK = 1 << 20
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def _entries(path: str) -> Iterator[tuple[str | None, Any]]:
    """The entries of the outermost list (key None) or object."""
    with epath.Path(path).open("rb") as file:
        text = _Text(file, path)
        opening = text.expect("[{")
        closing = {"[": "]", "{": "}"}[opening]
        going_on = text.peek() != closing
        if not going_on:
            text.expect(closing)
        while going_on:
            key = None
            if opening == "{":
                key = text.value()
                if not isinstance(key, str):
                    raise text.broken("a key that is no string")
                text.expect(":")
            yield key, text.value()
            going_on = text.expect("," + closing) == ","
        if text.peek():
            raise text.broken("more after the end")


class _Text:
    """JSON that is read block by block."""

    def __init__(self, file: Any, path: str):
        self._file, self._path = file, path
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._text, self._at, self._passed, self._ended = "", 0, 0, False

    def peek(self) -> str:
        """The next character that is no space; nothing at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more()

    def expect(self, characters: str) -> str:
        found = self.peek()
        if not found or found not in characters:
            raise self.broken(f"{' or '.join(characters)} expected")
        self._at += 1
        return found

    def value(self) -> Any:
        self.peek()
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
                return value
            except json.JSONDecodeError as error:
                # Near the end of what has been read it may only be unfinished.
                if self._ended or error.pos < len(self._text) - _BLOCK:
                    self._at = error.pos
                    raise self.broken(error.msg) from None
            self._more()

    def broken(self, reason: str) -> UserError:
        return UserError(
            f"{self._path}: broken JSON at character {self._passed + self._at}: {reason}; "
            f"get the file again, see {PAGE}"
        )

    def _more(self) -> None:
        left = self._text[self._at :]
        self._passed += self._at
        block = self._file.read(max(_BLOCK, len(left)))
        try:
            self._text, self._at = left + self._decode(block, not block), 0
        except UnicodeDecodeError as error:
            self._text, self._at = left, len(left)
            raise self.broken(str(error)) from None
        self._ended = not block
