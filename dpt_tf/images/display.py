"""Pictures for people to look at: maps in colour, textures on one sheet, grids with captions.

Everything is uint8 numpy; an IUV map is `[H, W, 3]` (I, U, V), an atlas `[24, R, R, 3]`.
"""

import colorsys
import io
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dpt_tf.images import naming
from dpt_tf.system import atomic
from dpt_tf.system.errors import UserError

_PARTS = 24
_CAPTION = 14  # pixels of a caption's line


def _palette() -> np.ndarray:
    """Background black, then 24 hues in an order that keeps neighbouring parts apart. `[25, 3]` in 0..1."""
    hues = [(7 * part % _PARTS) / _PARTS for part in range(_PARTS)]
    return np.array([(0, 0, 0), *(colorsys.hsv_to_rgb(hue, 0.75, 1.0) for hue in hues)])


def colour_map(iuv: np.ndarray) -> np.ndarray:
    """An IUV map for the eye: a hue for each part, darker towards u = v = 0. `[H, W, 3] -> [H, W, 3]`.

    It shows a map and cannot be read back as one.
    """
    shade = 0.4 + 0.6 * iuv[..., 1:].astype(np.float64).mean(axis=-1, keepdims=True) / 255
    return (_palette()[iuv[..., 0]] * shade * 255).round().astype(np.uint8)


def over_photo(photo: np.ndarray, iuv: np.ndarray) -> np.ndarray:
    """A photo with its map in colour over it, half through: `[H, W, 3]` twice `-> [H, W, 3]`."""
    both = (photo.astype(np.uint16) * 2 + colour_map(iuv).astype(np.uint16) * 3) // 5
    return np.where(iuv[..., :1] > 0, both, photo).astype(np.uint8)


def texture_sheet(texture: np.ndarray) -> np.ndarray:
    """The 24 parts side by side, six columns by four rows: `[24, R, R, 3] -> [4 R, 6 R, 3]`."""
    parts, size = texture.shape[:2]
    return (
        texture.reshape(parts // 6, 6, size, size, 3).transpose(0, 2, 1, 3, 4).reshape(parts // 6 * size, 6 * size, 3)
    )


def to_uint8(image: np.ndarray) -> np.ndarray:
    """[-1, 1] to 0..255, rounded; what lies outside is cut."""
    return ((np.clip(image, -1, 1) + 1) * 127.5).round().astype(np.uint8)


def grid(rows: Sequence[Sequence[np.ndarray]], captions: Sequence[str] = ()) -> np.ndarray:
    """Pictures in rows under column captions; a row is as high as its highest picture, all columns are equally wide.

    Args:
      rows: pictures `[H, W, 3]`; rows may differ in length.
      captions: one a column, or none.

    Returns:
      `[H', W', 3]` on white.
    """
    width = max(picture.shape[1] for row in rows for picture in row)
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    top = _CAPTION + 2 if captions else 0
    sheet = Image.new("RGB", (max(map(len, rows)) * (width + 2), top + sum(heights) + 2 * len(rows)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=min(12, max(8, width // 7)))
    for column, caption in enumerate(captions):
        draw.text((column * (width + 2) + 2, 1), caption, fill="black", font=font)
    for row, height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            sheet.paste(Image.fromarray(picture), (column * (width + 2), top))
        top += height + 2
    return np.asarray(sheet)


def save(path: pathlib.Path, picture: np.ndarray) -> None:
    """Writes a picture in the form that its name says, whole or not at all, and the folders above it.

    Raises:
      UserError: no form that is known, or one that has no room for so many pixels; or what stands there is no file.
    """
    if refused := naming.refused([path], []):
        raise UserError(refused)
    file = io.BytesIO()
    try:
        Image.fromarray(picture).save(file, **naming.FORMS[path.suffix.lower()])
    except (OSError, ValueError) as error:
        size = f"{picture.shape[1]} x {picture.shape[0]}"
        raise UserError(f"{path}: {size} pixels are too many for this form ({error}); give a .png") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.written(path) as aside:
        aside.write_bytes(file.getvalue())
