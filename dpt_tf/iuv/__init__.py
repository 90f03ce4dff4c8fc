"""The IUV convention, and every file form that holds one.

  iuv `[H, W, 3]` uint8 `(I, U, V)`: body part I in 0..24, 0 = background; U and V in 0..255 stand for 0..1.

Left and right are the person's. A map is resized by taking the nearest pixel, always: the mean of two part numbers is
a third part. Files are recognised by content, never by name: `forms` decodes them, `faults` mends what is known to go
wrong with real ones, `people` keeps one person.
"""

import dataclasses
import io
import os
import pathlib

import numpy as np
from PIL import Image

from dpt_tf.iuv import faults, forms, people
from dpt_tf.iuv.forms import NotIUV

__all__ = ["MIRROR", "PARTS", "Examined", "NotIUV", "decode", "encode", "examine", "read", "resize"]

PARTS = (
    "background",
    "torso back",
    "torso front",
    "right hand",
    "left hand",
    "left foot",
    "right foot",
    "upper leg right back",
    "upper leg left back",
    "upper leg right front",
    "upper leg left front",
    "lower leg right back",
    "lower leg left back",
    "lower leg right front",
    "lower leg left front",
    "upper arm left inside",
    "upper arm right inside",
    "upper arm left outside",
    "upper arm right outside",
    "lower arm left inside",
    "lower arm right inside",
    "lower arm left outside",
    "lower arm right outside",
    "head right",
    "head left",
)

# MIRROR[p] is what part p becomes when left and right change places.
MIRROR = (0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23)


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

    def parts(self) -> dict[int, int]:
        """Pixels per part that is present."""
        counts = np.bincount(self.iuv[..., 0].ravel(), minlength=len(PARTS))
        return {part: int(counts[part]) for part in range(1, len(PARTS)) if counts[part]}


def read(path: str | os.PathLike, person: int | None = None) -> np.ndarray:
    """The map in the file at `path`: uint8 `[H, W, 3]` (I, U, V), mended, of one person.

    Args:
      path: a PNG in either channel order, or a `.npy` array of integers or floats, channels first or last.
      person: which one to keep where there are several: 1 is the largest, as is the default.

    Raises:
      NotIUV: the file holds no usable map; the message names the file, the reason and the remedy.
      FileNotFoundError: there is no such file.
    """
    return examine(path, person).iuv


def examine(path: str | os.PathLike, person: int | None = None) -> Examined:
    """Reads as `read` does and tells what it saw."""
    return decode(pathlib.Path(path).read_bytes(), str(path), person)


def decode(data: bytes, name: str, person: int | None = None) -> Examined:
    """The map in the bytes of a file; `name` is for messages only."""
    try:
        decoded = forms.decode(data)
        faults.refuse_damaged(decoded.iuv)
        iuv, mended = faults.undo_wrap_around(decoded.iuv)
        notes = list(decoded.mended)
        if mended:
            notes.append(f"{mended} values of uint8 wrap-around undone")
        iuv, sizes, chosen = people.choose(iuv, person)
    except NotIUV as error:
        raise NotIUV(f"{name}: {error}") from None
    if len(sizes) > 1:
        notes.append(f"person {chosen} of {len(sizes)} kept")
    return Examined(iuv, decoded.form, decoded.order, tuple(sizes), tuple(notes))


def resize(iuv: np.ndarray, height: int, width: int) -> np.ndarray:
    """`[H, W, C] -> [height, width, C]`: each pixel is the one whose area holds its centre."""
    rows = ((np.arange(height) + 0.5) * iuv.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * iuv.shape[1] / width).astype(int)
    return iuv[rows[:, None], columns]


def encode(iuv: np.ndarray) -> bytes:
    """The stored form: PNG bytes with R = I, G = U, B = V."""
    buffer = io.BytesIO()
    Image.fromarray(iuv).save(buffer, "PNG")
    return buffer.getvalue()
