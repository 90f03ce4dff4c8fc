"""A photo's file -> the encoded square that a data set stores."""

import contextlib
import io
import os
import pathlib
import re
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dpt_tf.images import framing
from dpt_tf.system import files
from dpt_tf.system.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
"""How a photo's file name ends, in lower case."""

PERSON = ".person"
"""How the name of a person's file ends."""

_ORIENTATION = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)


def read(path: pathlib.Path, most: int | None = None) -> np.ndarray:
    """A photo's pixels, uint8 `[H, W, 3]`, upright, what is transparent on white.

    Raises:
      UserError: it cannot be decoded, or would have more than `most` pixels.
    """
    with _opened(path, read_bytes(path)) as opened:
        if most is not None and opened.width * opened.height > most:
            raise UserError(
                f"{path}: {opened.width} x {opened.height} pixels are too many, {most} the most; make it smaller"
            )
        return _pixels(opened)


def square(path: pathlib.Path, size: int) -> tuple[bytes, int, int]:
    """The encoded picture, `size` pixels square, and the photo's own height and width, upright.

    The file's own bytes, where a decoder gets the same picture out of them. Otherwise a JPEG's picture is a JPEG again,
    of quality 95 and with all of its colour; what came without loss is stored without loss, as PNG.

    Raises:
      UserError: it cannot be decoded.
    """
    data = read_bytes(path)
    with _opened(path, data) as opened:
        width, height = opened.size
        orientation = opened.getexif().get(_ORIENTATION, 1)
        jpeg = opened.format in ("JPEG", "MPO")
        whole = opened.mode == "RGB" and opened.format in ("JPEG", "PNG") and "transparency" not in opened.info
        if jpeg:
            _decode_reduced(opened, size, upright=orientation == 1)
        opened.load()
        if whole and orientation == 1 and (width, height) == (size, size):
            return data, size, size
        pixels = _pixels(opened)
    if orientation in _ON_ITS_SIDE:
        width, height = height, width
    return _encode(framing.square_photo(pixels, size, (height, width)), jpeg), height, width


def matte_of(mapped: pathlib.Path) -> pathlib.Path:
    """Where the matte of a map's photo lies: `x_matte.png` beside `x_IUV.png`; grey, white where the person is."""
    stem = mapped.stem[:-4] if mapped.stem.lower().endswith("_iuv") else mapped.stem
    return mapped.with_name(f"{stem}_matte.png")


def is_matte_name(path: pathlib.Path) -> bool:
    """Whether a file is called like a matte, and in a folder of photos is none of them."""
    return path.stem.lower().endswith("_matte")


def natural(name: str) -> list[tuple[int, str]]:
    """The key by which names are in order, numbers in them by value."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split("([0-9]+)", name)]


def is_person(path: str | os.PathLike) -> bool:
    """Whether a file is called like a person's (`transfer.person_file`)."""
    return pathlib.PurePath(path).suffix.lower() == PERSON


def with_matte(encoded: bytes, matte: np.ndarray) -> bytes:
    """An encoded square with a matte as its alpha, a PNG; what is the person's is 255, `[H, W]` uint8 at any size."""
    with Image.open(io.BytesIO(encoded)) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    alpha = framing.square_share(matte, len(pixels))
    return _encode(np.concatenate([pixels, alpha[..., None]], -1), jpeg=False)


def read_bytes(path: pathlib.Path) -> bytes:
    """A photo's file, as it is.

    Raises:
      UserError: no file but a folder, a pipe or a device, or larger than any photo.
      OSError: there is none, or it cannot be read.
    """
    try:
        return files.read(path)
    except files.NotAFile as error:
        raise UserError(f"{path}: {error.what}; give the path of a photo") from None


@contextlib.contextmanager
def _opened(path: pathlib.Path, data: bytes) -> Iterator[Image.Image]:
    """The picture in `data`; whatever goes wrong with it is one line that names `path`."""
    try:
        # What Pillow puts up with (a broken note of the camera's, many pixels) would be lines that nobody can act on.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as opened:
            if opened.format == "EPS":
                raise ValueError("an EPS is a program that draws")  # and Pillow would have Ghostscript run it
            yield opened
    except UserError:
        raise
    except Image.DecompressionBombError:
        raise UserError(f"{path}: far more pixels than a photo has; make it smaller") from None
    except UnidentifiedImageError:
        raise UserError(
            f"{path}: a picture that cannot be read (no known format); save it again or remove it"
        ) from None
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error... on broken files
        raise UserError(f"{path}: a picture that cannot be read ({error}); save it again or remove it") from None


def _decode_reduced(opened: Image.Image, size: int, upright: bool) -> None:
    """Has a JPEG decoded at 1/8, 1/4 or 1/2, as far as twice `size` is left: the rest is not worth decoding.

    Note: a decoder rounds the sides up, at the right and at the bottom; on a turned photo that would be another side.
    """
    width, height = opened.size
    for part in (8, 4, 2):
        if max(width, height) // part >= 2 * size and (upright or not (width % part or height % part)):
            opened.draft(opened.mode, (max(1, width // part), max(1, height // part)))
            return


def _pixels(opened: Image.Image) -> np.ndarray:
    """Upright, RGB, what is transparent on white."""
    picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I;16"):  # converting would cut off all above 255
        picture = Image.fromarray(((np.asarray(picture).astype(np.uint32) + 128) // 257).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        raise ValueError("its numbers have 32 bits, so what is white cannot be told: 8 or 16 are wanted")
    if "A" in picture.mode or "transparency" in picture.info:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return np.asarray(picture.convert("RGB"))


def _encode(pixels: np.ndarray, jpeg: bool) -> bytes:
    buffer = io.BytesIO()
    if jpeg:
        Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0)
    else:
        Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
