"""Pictures of any size and the square that a network sees, there and back.

The shorter side is padded, evenly, so that nothing is cut and nothing is stretched: a photo by its own border
pixels, a map by background. Photos are resized with an anti-aliasing filter, maps always by nearest neighbour:
between two part numbers or two charts there is nothing to interpolate.
"""

import numpy as np
from PIL import Image

_NEAREST, _SMOOTH = Image.Resampling.NEAREST, Image.Resampling.LANCZOS


def _margins(height: int, width: int) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return (top, side - height - top), (left, side - width - left), (0, 0)


def _resize(picture: np.ndarray, size: int, filter_: Image.Resampling) -> np.ndarray:
    if picture.shape[:2] == (size, size):
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), filter_))


def square_photo(photo: np.ndarray, size: int) -> np.ndarray:
    """`[H, W, 3] -> [size, size, 3]` uint8, padded by the border's pixels."""
    return _resize(np.pad(photo, _margins(*photo.shape[:2]), mode="edge"), size, _SMOOTH)


def square_map(iuv: np.ndarray, size: int) -> np.ndarray:
    """`[H, W, 3] -> [size, size, 3]` uint8 (I, U, V), padded by background, nearest neighbour."""
    return _resize(np.pad(iuv, _margins(*iuv.shape[:2])), size, _NEAREST)


def unsquare(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """What `square_photo` of a `height x width` photo became, `[S, S, C]` uint8, back as `[height, width, C]`."""
    (top, _), (left, _), _ = _margins(height, width)
    whole = _resize(np.squeeze(picture), max(height, width), _SMOOTH)
    cut = whole[top : top + height, left : left + width]
    return cut.reshape(height, width, picture.shape[-1])
