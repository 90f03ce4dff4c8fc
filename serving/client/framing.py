"""Photos and maps of any size, what a server takes of them, and back: pixel for pixel as in `dpt_tf`.

A server that composes pictures of any size takes them as they are, up to `LARGEST` pixels a side; others take a square.

The shorter side is padded, evenly: a photo by its own border pixels, a map by background. Photos are resized with an
anti-aliasing filter, maps by nearest neighbour. Pictures are uint8 `[H, W, 3]`.
"""

import io
import os
import pathlib
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from serving.client import files, naming
from serving.client.errors import BadInput, ServerError

LARGEST = 2048
MOST_PIXELS = 1 << 25
_NEAREST, _SMOOTH = Image.Resampling.NEAREST, Image.Resampling.LANCZOS


def read_photo(path: str | os.PathLike) -> np.ndarray:
    """A photo's pixels, upright, what is transparent on white. Raises BadInput."""
    data = files.read(path, "a photo")
    try:
        # What Pillow puts up with would be lines that nobody can act on.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as opened:
            if opened.format == "EPS":
                raise ValueError("an EPS is a program that draws")  # and Pillow would have Ghostscript run it
            check_size(opened)
            return _pixels(opened)
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error... on broken files
        known = not isinstance(error, UnidentifiedImageError)
        reason = " ".join(str(error).split()) if known else "no known format"
        raise BadInput(f"{path}: a picture that cannot be read ({reason}); save it again") from None


def check_size(opened: Image.Image) -> None:
    """Raises ValueError where a picture has more pixels than `MOST_PIXELS`, before any of them is decoded."""
    if opened.width * opened.height > MOST_PIXELS:
        raise ValueError(f"{opened.width} x {opened.height} pixels are too many")


def _pixels(opened: Image.Image) -> np.ndarray:
    picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray(((np.asarray(picture).astype(np.uint32) + 128) // 257).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        raise ValueError("its numbers have 32 bits, so what is white cannot be told: 8 or 16 are wanted")
    if "A" in picture.mode or "transparency" in picture.info:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return np.asarray(picture.convert("RGB"))


def square_photo(photo: np.ndarray, size: int) -> np.ndarray:
    """`[H, W, 3] -> [size, size, 3]`."""
    return _resize(np.pad(photo, _margins(*photo.shape[:2]), mode="edge"), size, _SMOOTH)


def square_map(iuv: np.ndarray, size: int) -> np.ndarray:
    """`[H, W, 3] -> [size, size, 3]` (I, U, V)."""
    return _resize(np.pad(iuv, _margins(*iuv.shape[:2])), size, _NEAREST)


def unsquare(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """What became of a `height x width` picture, `[S, S, 3]`, back as `[height, width, 3]`."""
    (top, _), (left, _), _ = _margins(height, width)
    return _resize(picture, max(height, width), _SMOOTH)[top : top + height, left : left + width]


def within(picture: np.ndarray, is_map: bool = False, most: int = LARGEST) -> np.ndarray:
    """`[H, W, 3]` in proportion, so that its longer side is `most` at most; a map by nearest neighbour."""
    height, width = picture.shape[:2]
    part = most / max(height, width)
    if part >= 1:
        return picture
    sides = max(1, round(width * part)), max(1, round(height * part))
    return np.asarray(Image.fromarray(picture).resize(sides, _NEAREST if is_map else _SMOOTH))


def enlarged(picture: np.ndarray, height: int, width: int, is_map: bool = False) -> np.ndarray:
    """What was made of a picture `within` bounds, `[h, w, 3]`, at its own size; a map by nearest neighbour."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), _NEAREST if is_map else _SMOOTH))


def to_uint8(image: np.ndarray) -> np.ndarray:
    """[-1, 1] to 0..255, rounded; what lies outside is cut."""
    return ((np.clip(image, -1, 1) + 1) * 127.5).round().astype(np.uint8)


def encode(picture: np.ndarray) -> bytes:
    """A PNG: what the server reads is what was sent."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def encode_as(path: pathlib.Path, picture: np.ndarray) -> bytes:
    """A picture in the form that the file's name says. Raises BadInput where it has no room for so many pixels."""
    buffer = io.BytesIO()
    try:
        Image.fromarray(picture).save(buffer, **naming.FORMS[path.suffix.lower()])
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: the picture is too large for this form ({error}); give a .png") from None
    return buffer.getvalue()


def decode(file: bytes) -> np.ndarray:
    """A picture that a server sent. Raises ServerError."""
    try:
        with Image.open(io.BytesIO(file)) as opened:
            return np.asarray(opened.convert("RGB"))
    except Exception as error:
        raise ServerError("DATA_LOSS", f"the answer is no picture: {error}") from None


def _margins(height: int, width: int) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return (top, side - height - top), (left, side - width - left), (0, 0)


def _resize(picture: np.ndarray, size: int, filter_: Image.Resampling) -> np.ndarray:
    if picture.shape[:2] == (size, size):
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), filter_))
