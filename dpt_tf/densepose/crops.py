"""Maps by the fully convolutional network (`models.fcn`), which sees a square crop of a photo at a time.

Where nobody says where people are, the network first looks at the whole photo, a square padded with what is at its
edge: each patch of body that it finds there is a person, and is looked at again in a crop of their own. The likeliest
part is taken at the photo's size, from logits that were enlarged, so outlines are smooth (as DensePose does it).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image
from scipy import ndimage

from dpt_tf.densepose.estimator import Box, Person
from dpt_tf.iuv.symmetry import LAW
from dpt_tf.ops import charts

LARGEST = 1024
"""Side of a crop beyond which a map is made at this size and enlarged."""
_MARGIN = 0.12  # of a person's longer side, round them in a crop
_LEAST = 0.004  # of the photo looked at, what a patch of body must have to be somebody
_SURE = 0.5

Network = Callable[[tf.Tensor], dict[str, tf.Tensor]]


class Crop(NamedTuple):
    """A square of a photo's pixels, beyond its edges too: its upper left corner and its side."""

    left: int
    top: int
    side: int


class CropEstimator:
    """Finds maps crop by crop.

    Attributes:
      name: says to a user which estimator made a map.
    """

    def __init__(self, network: Network, size: int, name: str, flips: bool = True):
        """Takes a network.

        Args:
          network: float32 `[B, S, S, 3]` in [-1, 1] -> dict part, uv, person, as `models.fcn` says.
          size: S.
          name: of the estimator.
          flips: whether a crop is looked at in a mirror, too, and the answers are averaged.
        """
        self.name = name
        self._size = size
        self._look = tf.function(_both_ways(network) if flips else network, reduce_retracing=True)

    def people(self, photo: np.ndarray, boxes: Sequence[Box] | None = None) -> list[Person]:
        """As `Estimator.people`."""
        if boxes is None:
            return [self._in_crop(photo, _round(box), box, score) for box, score in self._find(photo)]
        return [self._in_crop(photo, _round(box), box, 1.0) for box in boxes]

    def coverage(self, photo: np.ndarray, box: Box) -> np.ndarray:
        """How much of each pixel is the person in the box, hair and cloth beside the body too: float32 `[H, W]`."""
        crop = _round(box)
        found = self._look(self._cut(photo, crop))
        plane = tf.sigmoid(tf.image.resize(found["person"], [crop.side, crop.side]))[0, ..., 0].numpy()
        whole = np.zeros(photo.shape[:2], np.float32)
        _paste(whole, plane, crop)
        return whole

    def _find(self, photo: np.ndarray) -> list[tuple[Box, float]]:
        """Boxes and scores of the patches of body in the whole photo, the surest first."""
        height, width = photo.shape[:2]
        side = max(height, width)
        crop = Crop((width - side) // 2, (height - side) // 2, side)
        body = 1 - tf.nn.softmax(self._look(self._cut(photo, crop))["part"])[0, ..., 0].numpy()
        patches, count = ndimage.label(body > _SURE)
        found = []
        for number, (rows, columns) in enumerate(ndimage.find_objects(patches), 1):
            own = patches[rows, columns] == number
            if own.sum() < _LEAST * body.size:
                continue
            scale = side / len(body)
            box = (
                max(0.0, crop.left + columns.start * scale),
                max(0.0, crop.top + rows.start * scale),
                min(float(width), crop.left + columns.stop * scale),
                min(float(height), crop.top + rows.stop * scale),
            )
            # Somebody is there the likelier, the surer the patch and the larger.
            found.append((own.sum(), box, float(body[rows, columns][own].mean())))
        assert len(found) <= count
        return [(box, score) for size, box, score in sorted(found, key=lambda one: -one[0] * one[2])]

    def _in_crop(self, photo: np.ndarray, crop: Crop, box: Box, score: float) -> Person:
        found = self._look(self._cut(photo, crop))
        side = min(crop.side, LARGEST)
        part, uv = (tf.image.resize(found[name], [side, side]) for name in ("part", "uv"))
        made = charts.iuv_of(part, uv)[0].numpy()
        if side < crop.side:
            made = np.array(Image.fromarray(made).resize([crop.side, crop.side], Image.Resampling.NEAREST))
        whole = np.zeros_like(photo)
        _paste(whole, made, crop)
        return Person(box, score, whole)

    def _cut(self, photo: np.ndarray, crop: Crop) -> tf.Tensor:
        """The crop at the network's size, float32 `[1, S, S, 3]` in [-1, 1]."""
        height, width = photo.shape[:2]
        rows, columns = (
            np.clip(np.arange(start, start + crop.side), 0, length - 1)
            for start, length in ((crop.top, height), (crop.left, width))
        )
        square = Image.fromarray(photo[rows[:, None], columns])
        small = square.resize([self._size, self._size], Image.Resampling.BILINEAR)
        return tf.constant(np.asarray(small, np.float32)[None] / 127.5 - 1)


def _round(box: Box) -> Crop:
    """The crop round a person."""
    x0, y0, x1, y1 = box
    side = max(2, round((1 + 2 * _MARGIN) * max(x1 - x0, y1 - y0)))
    return Crop(round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2), side)


def _paste(whole: np.ndarray, piece: np.ndarray, crop: Crop) -> None:
    """Puts a crop where it was taken from."""
    height, width = whole.shape[:2]
    top, left = max(0, crop.top), max(0, crop.left)
    bottom, right = min(height, crop.top + crop.side), min(width, crop.left + crop.side)
    if top < bottom and left < right:
        whole[top:bottom, left:right] = piece[top - crop.top : bottom - crop.top, left - crop.left : right - crop.left]


def _both_ways(network: Network) -> Network:
    """The mean of what a network says of a photo and of its mirror image, laid back."""
    other = tf.constant(LAW[:, 0], tf.int32)
    turns = tf.constant((LAW[1:, 1:] > 0).T.reshape(-1))  # which of the 48 U and V run the other way
    swapped = tf.concat([other[1:] - 1, other[1:] - 1 + len(LAW) - 1], 0)

    def look(photo):
        found = network(tf.concat([photo, photo[:, :, ::-1]], 0))
        (part, back_part), (uv, back_uv), (person, back_person) = (
            tf.split(found[name], 2) for name in ("part", "uv", "person")
        )
        back_part = tf.gather(back_part[:, :, ::-1], other, axis=-1)
        back_uv = tf.gather(back_uv[:, :, ::-1], swapped, axis=-1)
        back_uv = tf.where(turns, 1 - back_uv, back_uv)
        return {
            "part": (tf.nn.log_softmax(part) + tf.nn.log_softmax(back_part)) / 2,
            "uv": (uv + back_uv) / 2,
            "person": (person + back_person[:, :, ::-1]) / 2,
        }

    return look
