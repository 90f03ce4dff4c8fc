"""Where the bytes of a map come from, and what every reader of them shares: the limits, the refusal, the result."""

import contextlib
import dataclasses
import io
import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from dpt_tf.system import files
from dpt_tf.system.files import MOST_BYTES

MOST_PIXELS = 1 << 25

REMEDY = (
    "give the *_IUV.png of the original DensePose, or a dump of Detectron2's, written in its projects/DensePose by "
    "`python apply_net.py dump CONFIG MODEL PHOTO --output dump.pkl`"
)
NOBODY = "no person in it: all of it is background; leave this picture out or run DensePose on it again"


class NotIUV(ValueError):
    """A file holds no usable IUV map: the reason and the remedy."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What to take out of a file that holds more than one map."""

    person: int | None = None
    """1 is the largest, as is the default."""
    photo: str | None = None
    """The file name of the photo; for dumps only."""
    size: tuple[int, int] | None = None
    """(height, width) of the photo; for dumps only."""


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A map as the file holds it: `iuv` is the part of a canvas `[H, W]` that begins at `corner`; 0 lies around it."""

    iuv: np.ndarray
    """`[h, w, 3]` uint8 (I, U, V)."""
    corner: tuple[int, int]
    """(row, column) of the part's first pixel."""
    canvas: tuple[int, int]
    """(H, W)."""
    form: str
    order: str
    mended: tuple[str, ...] = ()
    people: tuple[int, ...] = ()
    """Pixels of each person, where the file itself tells them apart: `iuv` then holds the wanted one alone."""
    score: float = 1.0
    """How sure the network was of the person, where the file says so."""


@dataclasses.dataclass(frozen=True)
class Source:
    """The bytes of one file, read piece by piece."""

    file: BinaryIO
    size: int
    path: str | None = None
    modified: int = 0

    def read(self, start: int, count: int) -> bytes:
        """`count` bytes from `start` on.

        Raises:
          NotIUV: the file ends before.
        """
        if start < 0 or count < 0 or start + count > self.size:
            raise NotIUV("cut short; write it again")
        self.file.seek(start)
        data = self.file.read(count)
        if len(data) != count:
            raise NotIUV("cut short; write it again")
        return data

    def all(self) -> bytes:
        """The whole file, if it is not larger than any map.

        Raises:
          NotIUV: it is larger.
        """
        if self.size > MOST_BYTES:
            raise NotIUV(f"{self.size >> 20} MiB are too many for one map; crop to the person and save it as a PNG")
        return self.read(0, self.size)


def of_bytes(data: bytes) -> Source:
    """A source that lies in memory."""
    return Source(io.BytesIO(data), len(data))


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[Source]:
    """The file at `path`, which has to be a regular one: a pipe or a device might never end.

    Raises:
      NotIUV: it is a folder, a pipe or a device.
    """
    try:
        descriptor, status = files.open_regular(path)
    except files.NotAFile as error:
        remedy = "give the files in it" if os.path.isdir(path) else "save the map to a file first"
        raise NotIUV(f"{error.what}, not a file; {remedy}") from None
    with open(descriptor, "rb") as file:
        yield Source(file, status.st_size, os.fspath(path), status.st_mtime_ns)
