"""MVC's lists, JSON files that say which names are one picture: row i of each is about the same picture.

  image_links.json         `image_url_4x`: .../3163710-p-4x.jpg          the name by link, `3163710-p`
  attribute_labels.json    `filename`: p7258521_s3163710_v0              the name by label, `3163710_v0`
  mvc_info.json            `image_url_4x`, `productId`, `styleId`, `viewId`: both

They are saved as lists of rows, as columns, or as either by index, with quotes inside their strings or without.
"""

import codecs
import dataclasses
import decimal
import itertools
import os
import re
from collections.abc import Iterator
from typing import Any

from dpt_tf.system import files
from dpt_tf.system.errors import UserError

PAGE = "https://github.com/MVC-Datasets/MVC"
LISTS = ("image_links.json", "attribute_labels.json", "mvc_info.json")
LINK = re.compile(r"(?P<style>\d{5,9})-(?P<view>p|\d)(?P<size>-[a-z0-9]+)?", re.IGNORECASE)
_LABEL = re.compile(r"p\d+_s(?P<style>\d+)_v(?P<view>\d+)", re.IGNORECASE)
_STYLE = re.compile(r"\d+")


def linked(stem: str) -> str | None:
    """`3163710-p` of `3163710-p-4x`."""
    found = LINK.fullmatch(stem)
    return f"{found['style']}-{found['view'].lower()}" if found else None


def labelled(stem: str) -> str | None:
    """`3163710_v0` of `p7258521_s3163710_v0`."""
    found = _LABEL.fullmatch(stem)
    return f"{found['style']}_v{found['view']}" if found else None


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
    return linked(address.rpartition("/")[2].partition(".")[0]), labelled(filename.partition(".")[0])


_FIELDS = frozenset(("image_url_4x", "filename", "productId", "styleId", "viewId"))


def _bare(value: Any) -> str:
    """A field without the quotes inside it: `"'3163710'"` and `3163710.0` are `3163710`."""
    if isinstance(value, decimal.Decimal) and float(value).is_integer():
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


def _entries(path: str) -> Iterator[tuple[str | None, Any]]:
    """The entries of the outermost list (key None) or object; whole numbers are int, others Decimal."""
    try:
        import ijson
    except ImportError:
        raise UserError(f"{path}: reading MVC's lists needs ijson: pip install 'dpt_tf[data]'") from None
    count = 0
    with files.opened(path) as file:
        start = len(codecs.BOM_UTF8) if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0
        file.seek(start)
        while (opening := file.read(1)).isspace():
            pass
        file.seek(start)
        entries = ijson.kvitems(file, "") if opening == b"{" else zip(itertools.repeat(None), ijson.items(file, "item"))
        try:
            for entry in entries:
                yield entry
                count += 1
        except (ijson.JSONError, ValueError) as error:
            raise UserError(
                f"{path}: broken JSON after {count} entries: {_one_line(error)}; get the file again, see {PAGE}"
            ) from None


def _one_line(error: Exception) -> str:
    """What the parser says and the text it stopped in, without the arrow drawn below it."""
    text = str(error).removeprefix("b'").replace("\\n", "\n")  # Where the text is no UTF-8 it comes as bytes, quoted.
    return " ".join(text.partition("(right here)")[0].split())
