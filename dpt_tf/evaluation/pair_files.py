"""A table of pairs to paint: who, and in whose pose, by their files.

  source,target[,source_iuv][,target_iuv]
  anna/front.jpg,anna/walking.jpg
  ben.person,poses/jump_IUV.png

One pair a line. `source` is a photo or a person's file, `target` a photo or a map; a photo's map is the one given, else
the one beside it, else it is made. DeepFashion's own lists call the two columns `from` and `to`. Paths are relative to
the table's folder, or to another that is named. A picture is called as `ready_pictures` wants it of the data set that
`dpt prepare` makes of that folder: `anna-front___anna-walking.png`.
"""

import csv
import dataclasses
import os
import pathlib

from dpt_tf.data.matching import KINDS
from dpt_tf.densepose import map_files
from dpt_tf.evaluation import ready_pictures
from dpt_tf.images import naming, photos
from dpt_tf.system import files
from dpt_tf.system.errors import UserError

_COLUMNS = ("source", "target", "source_iuv", "target_iuv")
_ALSO = {"from": "source", "to": "target"}
_LONGEST = 240  # bytes of a file's name, with room for what is written aside


@dataclasses.dataclass(frozen=True)
class FilePair:
    """Whose picture, by files; empty where a map is not given."""

    name: str
    """Of the picture, without suffix."""
    source: str
    target: str
    source_iuv: str = ""
    target_iuv: str = ""

    def files(self) -> list[pathlib.Path]:
        """What is read."""
        return [pathlib.Path(one) for one in (self.source, self.target, self.source_iuv, self.target_iuv) if one]


def read(table: pathlib.Path, folder: pathlib.Path) -> list[FilePair]:
    """The pairs of a table, in its order.

    Args:
      table: the CSV file, UTF-8.
      folder: what relative paths begin at.

    Raises:
      UserError: it is no such table; says which line, and why.
      OSError: it cannot be read.
    """
    try:
        lines = list(csv.reader(files.read_text(table, "utf-8-sig").splitlines()))
    except (ValueError, csv.Error) as error:
        raise UserError(
            f"{table}: no table of pairs ({error}); give a CSV file with the columns source,target"
        ) from None
    header = [_ALSO.get(name.strip(), name.strip()) for name in lines[0]] if lines else []
    if not {"source", "target"} <= set(header) <= set(_COLUMNS) or len(set(header)) < len(header):
        raise UserError(
            f"{table}: its columns are {','.join(header) or 'none'}; give source,target and, where maps are at hand, "
            "source_iuv,target_iuv"
        )
    root = folder.resolve()
    found = []
    for number, cells in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        if len(cells) != len(header) or not row["source"] or not row["target"] or "\0" in "".join(cells):
            raise UserError(f"{table}: line {number} is no pair of {','.join(header)}; mend it")
        paths = {column: str(folder / path) if path else "" for column, path in row.items()}
        name = f"{_view(root, paths['source'])}___{_view(root, paths['target'])}"
        if len(os.fsencode(name)) > _LONGEST:
            raise UserError(
                f"{table}: line {number}: the picture's name {name[:40]}... would be too long; shorten a path"
            )
        found.append(FilePair(name, **paths))
    if not found:
        raise UserError(f"{table}: no pair in it; give one a line")
    if name := naming.twice([pathlib.Path(f"{pair.name}.png") for pair in found]):
        raise UserError(f"{table}: two pairs would both be painted as {name}; leave one of them, or rename a file")
    return found


def _view(root: pathlib.Path, path: str) -> str:
    """What a file is called in the name of a picture: as the view that `dpt prepare` makes of it."""
    there = pathlib.Path(os.path.abspath(path))
    parts = there.relative_to(root).parts if there.is_relative_to(root) else there.parts[-2:]
    person = "/".join(part for part in parts[:-1] if part.lower() not in KINDS) or root.name
    name = parts[-1]
    if map_files.is_map_name(there):
        name = naming.of_pose(name)
    elif photos.is_person(name):
        name = pathlib.PurePath(name).stem
    return ready_pictures.plain(ready_pictures.label(person, name))
