"""The IUV convention, and every file form that holds one.

  iuv `[H, W, 3]` uint8 `(I, U, V)`: body part I in 0..24, 0 = background; U and V in 0..255 stand for 0..1.

A map is resized by taking the nearest pixel, always: the mean of two part numbers is a third part.
`PART_NAMES` are the parts, `MIRRORED` what each becomes when left and right change places, `mirror` does it to a map.
Files are recognised by content, never by name: `forms` decodes them, `people` keeps one person, `faults` mends what is
known to go wrong with real ones.
"""

import contextlib
import dataclasses
import os
import struct
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from dpt_tf.iuv import dumps, faults, forms, notes, people, sources
from dpt_tf.iuv.parts import MIRRORED, NUM_PARTS, PART_NAMES
from dpt_tf.iuv.sources import NotIUV
from dpt_tf.iuv.symmetry import mirror

__all__ = [
    "MIRRORED",
    "NUM_PARTS",
    "PART_NAMES",
    "Examined",
    "NotIUV",
    "decode",
    "encode",
    "examine",
    "mirror",
    "photos",
    "read",
    "resize",
]


@dataclasses.dataclass(frozen=True)
class Examined:
    """A usable map and what was found on the way to it."""

    iuv: np.ndarray
    """`[H, W, 3]` uint8 (I, U, V), mended, one person."""
    form: str
    """The file form, for example `PNG` or `.npy float32, channels first`."""
    order: str
    """Where I, U and V lay in the file."""
    people: tuple[int, ...]
    """Pixels of each person in the file, the largest first."""
    mended: tuple[str, ...]
    """Faults found and undone, a phrase each."""
    score: float = 1.0
    """How sure the network was of this person, as a dump says; 1 of a picture."""

    def parts(self) -> dict[int, int]:
        """Pixels per part that is present."""
        counts = np.bincount(self.iuv[..., 0].ravel(), minlength=1 + NUM_PARTS)
        return {part: int(counts[part]) for part in range(1, 1 + NUM_PARTS) if counts[part]}


def read(
    path: str | os.PathLike, person: int | None = None, *, photo: str | None = None, size: tuple[int, int] | None = None
) -> np.ndarray:
    """The map in the file at `path`: uint8 `[H, W, 3]` (I, U, V), mended, of one person.

    Args:
      path: a PNG in either channel order, a `.npy` array of integers or floats, channels first or last, or a dump of
        Detectron2's.
      person: which one to keep where there are several: 1 is the largest, as is the default.
      photo: whose map to take out of a dump of several photos: its file name, with as much of the path as it takes.
      size: (height, width) of the photo. A dump alone needs it, for it holds the pixels of boxes; without it the photo
        is looked for where the dump says and beside the dump, and failing that the map ends where the boxes end.

    Raises:
      NotIUV: the file holds no usable map; the message names the file, the reason and the remedy.
      FileNotFoundError: there is no such file.
    """
    return examine(path, person, photo=photo, size=size).iuv


def examine(
    path: str | os.PathLike, person: int | None = None, *, photo: str | None = None, size: tuple[int, int] | None = None
) -> Examined:
    """Reads as `read` does and tells what it saw."""
    with _named(path), sources.opened(path) as source:
        return _examine(source, sources.Wanted(person, photo, size))


def decode(
    data: bytes,
    name: str,
    person: int | None = None,
    *,
    photo: str | None = None,
    size: tuple[int, int] | None = None,
) -> Examined:
    """The map in the bytes of a file; `name` is for messages only."""
    with _named(name):
        return _examine(sources.of_bytes(data), sources.Wanted(person, photo, size))


def photos(path: str | os.PathLike) -> tuple[str, ...]:
    """The file names of the photos that a dump holds maps of, in its order; `()` for a file of one map.

    Raises:
      NotIUV: a dump that cannot be read.
    """
    with _named(path), sources.opened(path) as source:
        if not forms.holds_photos(source):
            return ()
        return tuple(photo.name for photo in dumps.index(source).photos)


@contextlib.contextmanager
def _named(name: str | os.PathLike) -> Iterator[None]:
    """Puts the file's name before what is said of it, on one line."""
    try:
        yield
    except NotIUV as error:
        raise NotIUV(f"{os.fspath(name)}: {' '.join(str(error).split())}") from None


def _examine(source: sources.Source, wanted: sources.Wanted) -> Examined:
    decoded = forms.decode(source, wanted)
    patch, sizes, mended = decoded.iuv, decoded.people, list(decoded.mended)
    if not sizes:
        faults.refuse_damaged(patch)
        patch, found, chosen = people.choose(patch, wanted.person)
        sizes = tuple(found)
        if len(sizes) > 1:
            mended.append(f"person {chosen} of {len(sizes)} kept")
        patch, changed = faults.undo_wrap_around(patch)
        if changed:
            mended.append(f"{changed} values of uint8 wrap-around undone")
    iuv = np.zeros((*decoded.canvas, 3), np.uint8)
    top, left = decoded.corner
    iuv[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return Examined(iuv, decoded.form, decoded.order, sizes, tuple(mended), decoded.score)


def resize(iuv: np.ndarray, height: int, width: int) -> np.ndarray:
    """`[H, W, C] -> [height, width, C]`: each pixel is the one whose area holds its centre."""
    rows = ((np.arange(height) + 0.5) * iuv.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * iuv.shape[1] / width).astype(int)
    return iuv[rows[:, None], columns]


def encode(iuv: np.ndarray, said: Mapping[str, str] | None = None) -> bytes:
    """The stored form: PNG bytes with R = I, G = U, B = V; `said` is kept in it as texts (`notes`), with the order.

    Note: each row is stored as its difference from the one above. Pillow tries five filters for each row, which takes
    four times as long and saves an eighth.
    """
    height, width = iuv.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = 2  # the filter "up"
    flat = iuv.reshape(height, -1)
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    texts = notes.chunks(notes.ORDER | dict(said)) if said else b""
    picture = notes.chunk(b"IDAT", zlib.compress(rows.tobytes(), 1))
    return b"\x89PNG\r\n\x1a\n" + notes.chunk(b"IHDR", header) + texts + picture + notes.chunk(b"IEND", b"")
