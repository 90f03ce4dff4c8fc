"""Painted pictures that do not flicker: each piece of the surface keeps the colour that it has had lately.

Networks see each pose by itself, so what they imagine differs a little from frame to frame, also where nothing moves.
Where a frame shows a texel, the mean of its last colours takes the place of the one it has in this frame, and pixels
change by as much as their texels do. That is done on the surface, so it follows every motion, and nothing is blurred: a
detail that is finer than a texel is this frame's own. What was hidden, or not seen for some frames, begins anew.

  picture uint8 `[H, W, 3]`   map uint8 `[H, W, 3]` (I, U, V)   mean `[1, 24, R, R, 3]`   seen `[1, 24, R, R, 2]`
"""

from typing import Any

import numpy as np
import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.models.unwrapping import on_body, places_of
from dpt_tf.ops import atlas

WINDOW = 5  # frames that a colour is the mean of, about
_PATIENCE = 12  # frames that a texel may be out of sight and keeps its colour
_SMALL, _LARGE = 64, 128  # R for pictures of up to 512 pixels, and for larger ones


class SteadyColours:
    """The pictures of one person, frame by frame."""

    def __init__(self, window: int = WINDOW):
        """With a window of 1 pictures stay as they are."""
        self._window = window
        self._mean: Any = None
        self._seen: Any = None

    def __call__(self, picture: np.ndarray, iuv: np.ndarray) -> np.ndarray:
        """The steadied picture of the next frame, painted in the pose of `iuv`.

        Raises:
          ValueError: picture and map differ in size.
        """
        if picture.shape != iuv.shape:
            raise ValueError(f"a picture of {picture.shape} and a map of {iuv.shape}: they have one size")
        if self._mean is None:
            resolution = _SMALL if max(iuv.shape) <= 8 * _SMALL else _LARGE
            self._mean, self._seen = (tf.zeros([1, NUM_PARTS, resolution, resolution, k]) for k in (3, 2))
        given = (tf.constant(one[None]) for one in (picture, iuv))
        made, self._mean, self._seen = _steadied(*given, self._mean, self._seen, tf.constant(float(self._window)))
        return made[0].numpy()

    def state(self) -> dict[str, np.ndarray]:
        """What is to be known to go on elsewhere; empty before the first frame."""
        return {} if self._mean is None else {"mean": self._mean.numpy(), "seen": self._seen.numpy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from `state()`."""
        if state:
            self._mean, self._seen = tf.constant(state["mean"]), tf.constant(state["seen"])


@tf.function(autograph=False, reduce_retracing=True)
def _steadied(picture, iuv, mean, seen, window):
    """Of `seen` the first is how many frames a mean is of, the second for how many it was not seen."""
    resolution = atlas.resolution_of(mean)
    where = tf.where(on_body(iuv))
    sheet, uv = places_of(iuv, where)
    now, hit = atlas.means_at(tf.cast(tf.gather_nd(picture, where), tf.float32), sheet, uv, 1, resolution)
    count, hidden = tf.split(seen, 2, -1)
    count = tf.where(hidden > _PATIENCE, 0.0, count)
    count = tf.where(hit > 0, tf.minimum(count + 1, window), count)
    mean += tf.where(hit > 0, (now - mean) / tf.maximum(count, 1), 0.0)
    change = atlas.lookup_at(tf.where(hit > 0, mean - now, 0.0), sheet, uv)
    made = tf.tensor_scatter_nd_add(tf.cast(picture, tf.float32), where, change)
    made = tf.cast(tf.round(tf.clip_by_value(made, 0, 255)), tf.uint8)
    return made, mean, tf.concat([count, tf.where(hit > 0, 0.0, hidden + 1)], -1)
