"""The functions more of an export that finds maps itself, `dpt export --pose`: photos take the place of maps.

        takes                        gives
pose    photo_bytes, box             map_bytes, box, score
photos  source_bytes, target_bytes   image_bytes

..._bytes string `[B]`: PNG or JPEG photos in, PNGs out, a map (R = I, G = U, B = V) of its photo's size and a picture
of the target's; sides are up to `LARGEST`, and photos of one request may differ in size, as merged requests do
box float32 `[B, 4]`: x0, y0, x1, y1 in the photo's pixels, where the person stands; 0, 0, 0, 0 looks for the person
score float32 `[B]` in [0, 1]: how sure the network is that somebody is there; 1 where the box was given

It is the map that `densepose.crops.CropEstimator` makes, by the same graph; what that says of hair and cloth beside the
source's body goes into the picture of `photos`, too. Of several people it is the surest one's.
A photo in which nobody is found ends in INVALID_ARGUMENT and a sentence.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from dpt_tf.densepose.crops import Look
from dpt_tf.export import checks, reading
from dpt_tf.export.signatures import Signatures, Tensors, endpoint, traced

NAMES = ("pose", "photos")

_NUMBERS = tf.TensorSpec([4], tf.float64)
_ENCODED = tf.TensorSpec([], tf.string)
_PHOTO = tf.TensorSpec([None, None, 3], tf.uint8)


class Photos:
    """The two functions of a generator and a network of maps."""

    def __init__(self, answers: Signatures, network: keras.Model):
        """`answers` paint from maps; `network` is `models.fcn`'s."""
        size = network.input_shape[1]
        whole = traced(
            lambda photo: network(photo, training=False), [tf.TensorSpec([None, size, size, 3], tf.float32, "photo")]
        )
        self._look = Look(whole, size)
        self._person = traced(self._find, [_ENCODED, _PHOTO, _NUMBERS])
        shapes = [[None, *_PHOTO.shape]] * 3 + [[None, None, None, 1]]
        self._painted = traced(answers.painted, [tf.TensorSpec(shape, tf.uint8) for shape in shapes])

    def add_to(self, archive: keras.export.ExportArchive) -> None:
        """Adds both as endpoints."""
        for name in NAMES:
            endpoint(archive, name, getattr(self, name), self.specs(name))

    def specs(self, signature: str) -> list[tf.TensorSpec]:
        """The inputs of a signature, in order."""
        if signature == "pose":
            return [tf.TensorSpec([None], tf.string, "photo_bytes"), tf.TensorSpec([None, 4], tf.float32, "box")]
        return [tf.TensorSpec([None], tf.string, name) for name in ("source_bytes", "target_bytes")]

    def pose(self, photo_bytes, box) -> Tensors:
        """Photos to maps."""
        x = checks.sizes({"photo_bytes": photo_bytes, "box": box}, {"photo_bytes": [], "box": [4]})

        def one(numbered):
            number, data, box = numbered
            called = checks.sentence("photo_bytes[", number, "]")
            photo = reading.read_photo(called, data, None)
            box = checks.after([_refuse_box(checks.sentence("box[", number, "]"), box, photo)], box)
            iuv, _, found, score = self._person(called, photo, tf.cast(box, tf.float64))
            return tf.io.encode_png(iuv), tf.cast(found, tf.float32), score

        gives = (_ENCODED, tf.TensorSpec([4], tf.float32), tf.TensorSpec([], tf.float32))
        encoded, found, score = _each(one, (x["photo_bytes"], x["box"]), gives)
        return {"map_bytes": encoded, "box": found, "score": score}

    def photos(self, source_bytes, target_bytes) -> Tensors:
        """Two photos to a picture."""
        names = ("source_bytes", "target_bytes")
        x = checks.sizes(dict(zip(names, (source_bytes, target_bytes), strict=True)), {name: [] for name in names})

        def one(numbered):
            number, *files = numbered
            people = []
            for name, data in zip(names, files, strict=True):
                called = checks.sentence(f"{name}[", number, "]")
                photo = reading.read_photo(called, data, None)
                people.append((photo, *self._person(called, photo, tf.zeros([4], tf.float64))[:2]))
            (source, source_iuv, coverage), (_, target_iuv, _) = people
            made = self._painted(source[None], source_iuv[None], target_iuv[None], coverage[None])
            return tf.io.encode_png(made[0])

        return {"image_bytes": _each(one, (x["source_bytes"], x["target_bytes"]), _ENCODED)}

    def finds_somebody(self, encoded: bytes) -> bool:
        """Whether a photo shows somebody."""
        try:
            self.pose(tf.constant([encoded]), tf.zeros([1, 4]))
        except tf.errors.InvalidArgumentError:
            return False
        return True

    def _find(self, called, photo, box):
        """Map, coverage, box and score of whoever stands in the box, or, where it is 0, of the surest person."""

        def given():
            return box[None], tf.ones([1])

        boxes, scores = tf.cond(tf.reduce_any(tf.not_equal(box, 0)), given, lambda: self._look.find(photo))
        words = (
            called,
            " shows nobody, as far as the network of maps can tell; give another photo, or the person's box to `pose`",
        )
        boxes = checks.after([checks.refuse(tf.equal(tf.shape(boxes)[0], 0), *words)], boxes)
        iuv, coverage = self._look.seen_in(photo, boxes[0])
        iuv = checks.after([checks.refuse(~tf.reduce_any(iuv[..., 0] > 0), *words)], iuv)
        return iuv, coverage, boxes[0], scores[0]


def _refuse_box(called, box, photo) -> tf.Operation:
    """A box that is not 0 lies inside of the photo, and has a pixel."""
    height, width = tf.unstack(tf.cast(tf.shape(photo)[:2], tf.float32))
    x0, y0, x1, y1 = tf.unstack(box)
    # NaN is neither inside nor outside.
    inside = (x0 >= 0) & (y0 >= 0) & (x1 <= width) & (y1 <= height) & (x1 - x0 >= 1) & (y1 - y0 >= 1)
    numbers = tf.strings.reduce_join(tf.strings.as_string(box, shortest=True), separator=", ")
    words = (
        " is ",
        numbers,
        "; it should be x0, y0, x1, y1 inside of the photo, ",
        width,
        " x ",
        height,
        " pixels, or 0",
    )
    return checks.refuse(tf.reduce_any(tf.not_equal(box, 0)) & ~inside, called, *words)


def _each(one: Callable, inputs: tuple, gives):
    """`one` of each example and its number; one after the other, since a picture may take a gigabyte."""
    numbers = tf.range(tf.shape(inputs[0])[0])
    return tf.map_fn(one, (numbers, *inputs), parallel_iterations=1, fn_output_signature=gives)
