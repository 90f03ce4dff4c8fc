"""DensePose maps from photos, without torch: `dpt_tf.pose(photo)`.

`estimator` says what an estimator is, `choosing` opens one by its name, `asking` asks it, `map_files` keeps what it
answered, `following` goes through a video with it.
"""

import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dpt_tf.densepose.estimator import Box, Estimator


def pose(
    photo: "str | os.PathLike | np.ndarray",
    box: "Box | None" = None,
    person: int | None = None,
    estimator: "str | os.PathLike | Estimator | None" = None,
) -> np.ndarray:
    """The DensePose map of a person in a photo: uint8 `[H, W, 3]` (I, U, V) of the photo's size, 0 off the person.

    Args:
      photo: a path, or uint8 `[H, W, 3]`, RGB.
      box: where the person is, (x0, y0, x1, y1) in pixels; None has the estimator look.
      person: which one of those found, 1 being the surest, as is the default.
      estimator: as `choosing.open_estimator` takes it: None for the small network that ships, a published name, a file
        of weights, the folder of a run, or an estimator. Open one yourself for many photos.

    Raises:
      UserError: the photo cannot be read, there is no such estimator, or nobody is found (`asking.Nobody`); the
        message says what to do.
      ValueError: an array that is no photo.
    """
    from dpt_tf.densepose import asking, choosing

    pixels = asking.read(photo)
    try:
        return asking.person(choosing.open_estimator(estimator), pixels, box, person).map
    except asking.Nobody as error:
        if isinstance(photo, np.ndarray):
            raise
        raise asking.Nobody(f"{os.fspath(photo)}: {error}") from None
