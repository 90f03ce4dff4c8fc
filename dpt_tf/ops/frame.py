"""Pictures of any size and the square that the networks see, in a graph: what `images.framing` does outside of one.

  picture `[B, H, W, C]`, H and W unknown   square `[B, S, S, C]`, its side the longer one of H and W before resizing

The shorter side is padded, evenly: a photo by its own border pixels, a map by background.
"""

import tensorflow as tf


def margins(height, width):
    """Side of the square, and how far below its top and right of its left edge the picture begins."""
    side = tf.maximum(height, width)
    return side, (side - height) // 2, (side - width) // 2


def square_photo(photo: tf.Tensor, size: int) -> tf.Tensor:
    """uint8 `[B, H, W, 3]` -> float32 `[B, S, S, 3]` of whole numbers 0..255, by Lanczos' filter against aliasing."""
    side, *starts = margins(*_sizes(photo))
    for axis, start in enumerate(starts, 1):
        photo = tf.gather(photo, tf.clip_by_value(tf.range(side) - start, 0, tf.shape(photo)[axis] - 1), axis=axis)
    for height in (side, size):  # Pillow goes along rows first, and rounds in between
        photo = tf.image.resize(photo, tf.stack([height, size]), tf.image.ResizeMethod.LANCZOS3, antialias=True)
        photo = tf.round(tf.clip_by_value(photo, 0.0, 255.0))
    return tf.ensure_shape(photo, [None, size, size, photo.shape[-1]])


def square_map(iuv: tf.Tensor, size: int) -> tf.Tensor:
    """uint8 `[B, H, W, 3]` -> uint8 `[B, S, S, 3]` (I, U, V), nearest neighbour."""
    side, *starts = margins(*_sizes(iuv))
    for axis, start in enumerate(starts, 1):
        length = tf.shape(iuv)[axis]
        index = (2 * tf.range(size) + 1) * side // (2 * size) - start
        inside = tf.cast((index >= 0) & (index < length), iuv.dtype)
        iuv = tf.gather(iuv, tf.clip_by_value(index, 0, length - 1), axis=axis)
        iuv *= inside[None, :, None, None] if axis == 1 else inside[None, None, :, None]
    return iuv


def square_share(share: tf.Tensor, size: int) -> tf.Tensor:
    """float32 `[B, H, W, 1]` -> float32 `[B, S, S, 1]`, a mean where it is reduced; 0 beyond the picture."""
    height, width = _sizes(share)
    side, top, left = margins(height, width)
    padded = tf.pad(share, [[0, 0], [top, side - height - top], [left, side - width - left], [0, 0]])
    return tf.ensure_shape(tf.image.resize(padded, [size, size], antialias=True), [None, size, size, 1])


def unsquare(square: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """The part of a square that is a picture of this size, bilinear: `[B, S, S, C] -> float32 [B, H, W, C]`."""
    side, top, left = margins(height, width)
    if square.shape[1] != square.shape[2]:
        raise ValueError(f"a square is [B, S, S, C], this one is {square.shape}")
    whole = tf.image.resize(square, tf.stack([side, side]))
    return whole[:, top : top + height, left : left + width]


def unsquare_photo(square: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """The same of uint8 `[B, S, S, 3]`, uint8 and by Lanczos' filter."""
    side, top, left = margins(height, width)
    for lengths in ([square.shape[1], side], [side, side]):  # Pillow goes along rows first, and rounds in between
        square = tf.image.resize(square, tf.stack(lengths), tf.image.ResizeMethod.LANCZOS3, antialias=True)
        square = tf.round(tf.clip_by_value(square, 0.0, 255.0))
    return tf.cast(square[:, top : top + height, left : left + width], tf.uint8)


def shares(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Where each pixel of a picture is in its square, (x, y) in shares of the side: `[1, H, W, 2]`."""
    side, top, left = margins(height, width)
    at = [
        (tf.cast(tf.range(length) + start, tf.float32) + 0.5) / tf.cast(side, tf.float32)
        for length, start in ((width, left), (height, top))
    ]
    return tf.stack(tf.meshgrid(*at), -1)[None]


def _sizes(picture):
    shape = tf.shape(picture)
    return shape[1], shape[2]
