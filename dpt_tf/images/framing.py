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


def square_points(points: np.ndarray, height: int, width: int, size: int) -> np.ndarray:
    """Where the pixels that `points` name in a `height x width` photo are in its square: `[..., 2] -> int32 [..., 2]`.

    Both (y, x), whole numbers at the pixels' centres. What is missing (below 0) or outside of the photo becomes -1.
    """
    (top, _), (left, _), _ = _margins(height, width)
    centres = np.asarray(points) + 0.5
    inside = ((np.asarray(points) >= 0) & (centres < (height, width))).all(axis=-1, keepdims=True)
    moved = (centres + np.array([top, left])) * (size / max(height, width))
    return np.where(inside, np.floor(moved), -1).astype(np.int32)


def _resize(picture: np.ndarray, size: int, filter_: Image.Resampling) -> np.ndarray:
    if picture.shape[:2] == (size, size):
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), filter_))


def square_photo(photo: np.ndarray, size: int, whole: tuple[int, int] | None = None) -> np.ndarray:
    """`[H, W, 3] -> [size, size, 3]` uint8, padded by the border's pixels.

    Of a copy of a photo, its sides divided by a whole number and rounded up, `whole` is the photo's height and width:
    its square it becomes, to the fraction of a pixel.
    """
    height, width = photo.shape[:2]
    if whole is None or whole == (height, width):
        return _resize(np.pad(photo, _margins(height, width), mode="edge"), size, _SMOOTH)
    reduced = round(max(whole) / max(height, width))
    (top, _), (left, _), _ = _margins(*whole)
    spare = -(-max(top, left) // reduced) + 1
    padded = np.pad(photo, ((spare, spare), (spare, spare), (0, 0)), mode="edge")
    y, x, side = spare - top / reduced, spare - left / reduced, max(whole) / reduced
    return np.asarray(Image.fromarray(padded).resize((size, size), _SMOOTH, box=(x, y, x + side, y + side)))


def square_map(iuv: np.ndarray, size: int) -> np.ndarray:
    """`[H, W, 3] -> [size, size, 3]` uint8 (I, U, V), padded by background, nearest neighbour."""
    margins = _margins(*iuv.shape[:2])
    return _resize(np.pad(iuv, margins) if np.any(margins) else iuv, size, _NEAREST)


def square_share(share: np.ndarray, size: int) -> np.ndarray:
    """`[H, W] -> [size, size]` uint8, padded by 0, smooth."""
    margins = _margins(*share.shape)[:2]
    return _resize(np.pad(share, margins), size, Image.Resampling.BILINEAR)


def within(picture: np.ndarray, most: int, is_map: bool = False) -> np.ndarray:
    """`[H, W, C]` uint8 in proportion, so that its longer side is `most` at most; a map by nearest neighbour."""
    height, width = picture.shape[:2]
    part = most / max(height, width)
    if part >= 1:
        return picture
    sides = max(1, round(width * part)), max(1, round(height * part))
    plain = picture[..., 0] if picture.shape[-1] == 1 else picture
    small = np.asarray(Image.fromarray(plain).resize(sides, _NEAREST if is_map else _SMOOTH))
    return small.reshape(*sides[::-1], picture.shape[-1])


def enlarged(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """What was painted of a picture `within` bounds, `[H, W, C]` uint8, at the picture's own size."""
    if picture.shape[:2] == (height, width):
        return picture
    plain = picture[..., 0] if picture.shape[-1] == 1 else picture
    large = np.asarray(Image.fromarray(plain).resize((width, height), _SMOOTH))
    return large.reshape(height, width, picture.shape[-1])


def unsquare(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """What `square_photo` of a `height x width` photo became, `[S, S, C]` uint8, back as `[height, width, C]`."""
    (top, _), (left, _), _ = _margins(height, width)
    whole = _resize(np.squeeze(picture), max(height, width), _SMOOTH)
    cut = whole[top : top + height, left : left + width]
    return cut.reshape(height, width, picture.shape[-1])
