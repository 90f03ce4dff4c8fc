"""Maps by the fully convolutional network (`models.fcn`), which sees a square crop of a photo at a time.

Where nobody says where people are, the network first looks at the whole photo, a square padded with what is at its
edge: each patch of body that it finds there is a person, and is looked at again in a crop of their own. The likeliest
part is taken at the photo's size, from logits that were enlarged, so outlines are smooth (as DensePose does it).

`Look` is all of it as TensorFlow ops, which an export takes along; `CropEstimator` is that for arrays.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from dpt_tf.densepose.estimator import Box, Person
from dpt_tf.iuv.symmetry import LAW
from dpt_tf.ops import charts, crops, patches

LARGEST = 1024
"""Side of a crop beyond which a map is made at this size and enlarged."""
_LEAST = 0.004  # of the photo looked at, what a patch of body must have to be somebody
_SURE = 0.5
_FAINT = 0.2  # up to which nobody is said to be there, and from 1 less that on somebody

Network = Callable[[tf.Tensor], dict[str, tf.Tensor]]


class Look:
    """What a network sees in a photo, in a graph.

    photo uint8 `[H, W, 3]`   box float64 `[4]`, x0, y0, x1, y1 in the photo's pixels
    """

    def __init__(self, network: Network, size: int, flips: bool = True):
        """As `CropEstimator`."""
        self._size = size
        self._network = _both_ways(network) if flips else network

    def find(self, photo: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Boxes `[N, 4]` and scores `[N]` of the patches of body in the whole photo, the surest first."""
        square = crops.whole(photo)
        body = 1 - tf.nn.softmax(self._at(photo, square)["part"])[0, ..., 0]
        # Somebody is there the likelier, the surer the patch and the larger.
        found = patches.above(body, _SURE, _LEAST)
        height, width = tf.unstack(tf.cast(tf.shape(photo)[:2], tf.float64))
        left, top, side = tf.unstack(tf.cast(square, tf.float64))
        scale = side / tf.cast(tf.shape(body)[0], tf.float64)
        box = tf.cast(found.box, tf.float64) * scale + tf.stack([left, top, left, top])
        box = tf.clip_by_value(box, tf.zeros([4], tf.float64), tf.stack([width, height, width, height]))
        inside = tf.reduce_all(box[:, 2:] - box[:, :2] >= 1, -1)  # some lie in the padding
        return tf.boolean_mask(box, inside), tf.boolean_mask(found.mean, inside)

    def seen_in(self, photo: tf.Tensor, box: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The map of whoever stands in a box, and how much of each pixel is that person, hair and cloth included.

        Returns:
          uint8 `[H, W, 3]` (I, U, V) and uint8 `[H, W, 1]`.
        """
        square = crops.around(box)
        found = self._at(photo, square)
        side = tf.minimum(square[2], LARGEST)
        made = charts.enlarged(found["part"][0], found["uv"][0], side)
        person = tf.sigmoid(tf.image.resize(found["person"][0], [side, side]))
        # A faint doubt over a whole wall is none.
        share = tf.clip_by_value((person - _FAINT) / (1 - 2 * _FAINT), 0.0, 1.0)
        made, covered = (crops.paste(one, square, photo) for one in (made, tf.cast(tf.round(255 * share), tf.uint8)))
        return tf.ensure_shape(made, [None, None, 3]), tf.ensure_shape(covered, [None, None, 1])

    def _at(self, photo: tf.Tensor, square: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._network(crops.cut(photo, square, self._size)[None])


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
        # Once for all that look: to trace it takes as long as to look a few times.
        crop = tf.TensorSpec([2 if flips else 1, size, size, 3])
        look = Look(tf.function(network, [crop], autograph=False), size, flips)
        specs = [tf.TensorSpec([None, None, 3], tf.uint8), tf.TensorSpec([4], tf.float64)]
        self._find = tf.function(look.find, specs[:1], autograph=False)
        self._seen_in = tf.function(look.seen_in, specs, autograph=False)

    def people(self, photo: np.ndarray, boxes: Sequence[Box] | None = None) -> list[Person]:
        """As `Estimator.people`."""
        picture = tf.constant(photo)
        scores = [1.0] * len(boxes or ())
        if boxes is None:
            found, sure = self._find(picture)
            boxes, scores = [tuple(box) for box in found.numpy().tolist()], sure.numpy().tolist()
        seen = (self._seen_in(picture, tf.constant(box, tf.float64)) for box in boxes)
        return [
            Person(box, score, iuv.numpy(), covered.numpy())
            for box, score, (iuv, covered) in zip(boxes, scores, seen, strict=True)
        ]


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
