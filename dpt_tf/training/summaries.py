"""What a run shows of itself in TensorBoard: curves of the loss terms, and pictures."""

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from dpt_tf.images import display

_EXAMPLES = 4
_DOT = 5  # pixels that a known point is drawn wide


class Writer:
    """Scalars and pictures of one stage, under `folder`."""

    def __init__(self, folder: pathlib.Path):
        """Begins an event file; a run that goes on adds another to the same folder."""
        self._writer = tf.summary.create_file_writer(str(folder))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point on each curve."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self._writer.flush()

    def pictures(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """One sheet for each name, of uint8 `[n, H, W, 3]`."""
        with self._writer.as_default(step=step):
            for name, image in images.items():
                tf.summary.image(name, image, max_outputs=_EXAMPLES)
        self._writer.flush()

    def close(self) -> None:
        """Nothing can be added afterwards."""
        self._writer.close()


def photos(images: tf.Tensor) -> np.ndarray:
    """`[B, H, W, 3]` in [-1, 1] -> uint8."""
    return display.to_uint8(np.asarray(images))


def poses(iuv: tf.Tensor) -> np.ndarray:
    """(I, U, V) maps in colour: `[B, H, W, 3]` -> uint8."""
    return np.stack([display.colour_map(one) for one in np.asarray(iuv)])


def truths(part: tf.Tensor, uv: tf.Tensor) -> tf.Tensor:
    """Parts `[B, H, W]`, -1 where unknown, and U, V `[B, H, W, 2]` in 0..1 -> (I, U, V) maps uint8 `[B, H, W, 3]`.

    Where much is unknown, what is known of it are points: there each is drawn `_DOT` pixels wide.
    """
    maps = tf.concat([tf.cast(tf.maximum(part, 0), tf.float32)[..., None], tf.round(255 * uv)], -1)
    if tf.reduce_any(part < 0):
        # One number for all three, so that a dot is of one point.
        packed = tf.nn.max_pool2d(tf.reduce_sum(maps * [1 << 16, 1 << 8, 1], -1, keepdims=True), _DOT, 1, "SAME")
        maps = tf.concat([packed // (1 << 16), packed // (1 << 8) % (1 << 8), packed % (1 << 8)], -1)
    return tf.cast(maps, tf.uint8)


def textures(texture: tf.Tensor) -> np.ndarray:
    """The 24 parts of each atlas on one sheet: `[B, 24, R, R, 3]` in [-1, 1] -> uint8 `[B, 4 R, 6 R, 3]`."""
    return np.stack([display.texture_sheet(one) for one in display.to_uint8(np.asarray(texture))])
