"""What an estimator of DensePose maps is: photo in, people out.

Two kinds of network stand behind the same interface: an R-CNN finds everybody by itself, a fully convolutional one (the
paper's, Sec. 4.1) maps whoever stands in a crop.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Person:
    """Somebody in a photo.

    Attributes:
      box: x0, y0, x1, y1 in the photo's pixels, corners of pixels (a box over the whole photo ends at W, H).
      score: in [0, 1], how sure the estimator is that somebody is there; 1 where the box was given.
      map: uint8 `[H, W, 3]` (I, U, V) of the photo's size, as `dpt_tf.iuv` has it; 0 off the person.
      coverage: uint8 `[H, W, 1]`, how much of each pixel is the person, hair and cloth beside the body too, 255 for all
        of it; None where the estimator does not know.
    """

    box: Box
    score: float
    map: np.ndarray
    coverage: np.ndarray | None = None


class Estimator(Protocol):
    """Makes maps of photos.

    Attributes:
      name: says to a user which estimator made a map.
    """

    name: str

    def people(self, photo: np.ndarray, boxes: Sequence[Box] | None = None) -> list[Person]:
        """Everybody in a photo, the surest first; with `boxes`, one person for each, in their order.

        Args:
          photo: uint8 `[H, W, 3]`, RGB.
          boxes: where people are; None asks the estimator to look for them itself.

        Returns:
          Nobody, where nobody is found.
        """
        ...
