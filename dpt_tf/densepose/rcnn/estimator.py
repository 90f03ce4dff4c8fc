"""The R-CNN as an `Estimator`: photo in, people out."""

import contextlib
import functools
import math
import os
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from dpt_tf.densepose import zoo
from dpt_tf.densepose.estimator import Box, Person
from dpt_tf.densepose.rcnn import charts, converted, folding, stored
from dpt_tf.densepose.rcnn.network import Network
from dpt_tf.iuv.sources import MOST_PIXELS
from dpt_tf.system.errors import UserError

MIN_SCORE = 0.8
SHORT_SIDE, LONG_SIDE = 800, 1333
_MOST_SIDE = 4096
_AT_ONCE = 8  # people, who take 20 MB each while the head works


class RCNN:
    """Finds people and makes their maps; see `load`.

    Attributes:
      name: of the network and its file.
    """

    def __init__(self, network: Network, name: str, min_score: float = MIN_SCORE, size: int = SHORT_SIDE):
        """A network with its weights.

        Args:
          network: what does the work.
          name: says to a user which estimator made a map.
          min_score: people of whom the network is less sure than this, in [0, 1], are left out.
          size: pixels of a photo's shorter side as the network sees it. The longer one has 1333 / 800 as many at most.

        Raises:
          UserError: a score or a size that cannot be.
        """
        if not 0 <= min_score <= 1:
            raise UserError(f"a score of {min_score} for people: it lies in 0..1")
        if not 32 <= size <= _MOST_SIDE:
            raise UserError(f"a shorter side of {size} pixels for the network: 32 to {_MOST_SIDE} can be, 800 is usual")
        self.network, self.name, self.min_score, self.size = network, name, min_score, size

    def people(self, photo: np.ndarray, boxes: Sequence[Box] | None = None) -> list[Person]:
        """Everybody in a photo, see `Estimator.people`.

        Given boxes are cut to the photo; a `Person` has the box that is left.

        Raises:
          UserError: the photo is too thin or too large, or a box lies beside it.
        """
        photo = np.asarray(photo)
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
            raise UserError(f"a photo is uint8 [H, W, 3], not {photo.dtype} {list(photo.shape)}; convert it to RGB")
        height, width = photo.shape[:2]
        rows, columns = resized_size(height, width, self.size)
        scale = np.array([columns / width, rows / height] * 2)
        wanted = None if boxes is None else [_cut(box, width, height) for box in boxes]
        if wanted is not None and not wanted:
            return []
        picture = Image.fromarray(photo).resize((columns, rows), Image.Resampling.BILINEAR)
        pyramid = self.network.pyramid(np.asarray(picture))
        if wanted is None:
            found, sure = (value.numpy() for value in self.network.detect(pyramid, [rows, columns]))
            found, sure = found[sure >= self.min_score], sure[sure >= self.min_score]
            whole = (found / scale).clip(0, [width, height] * 2)
            kept = (whole[:, 2:] > whole[:, :2]).all(1)
            found, whole, scores = found[kept], whole[kept], sure[kept]
        else:
            whole, scores = np.array(wanted), np.ones(len(wanted))
            found = (whole * scale).astype(np.float32)
        if not len(found):
            return []
        decoded = self.network.decode(pyramid)
        made = []
        for first in range(0, len(found), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            outputs = self.network.map(decoded, found[some])
            for output, box, score in zip(tf.unstack(outputs), whole[some].tolist(), scores[some], strict=True):
                made.append(Person(tuple(box), float(score), charts.paste(output, tuple(box), height, width)))
        return made


def resized_size(height: int, width: int, short: int = SHORT_SIDE) -> tuple[int, int]:
    """(height, width) as the network sees a photo: the shorter side is `short`, the longer 1333 / 800 of it at most.

    Raises:
      UserError: nothing would be left of the shorter side, or the photo is larger than any map.
    """
    if not height or not width:
        raise UserError(f"a photo of {width} x {height} pixels: nothing to see; take another")
    if height * width > MOST_PIXELS:
        raise UserError(f"a photo of {width} x {height} pixels: a map has {MOST_PIXELS} at most; make it smaller")
    scale = short / min(height, width)
    longest = short * LONG_SIDE / SHORT_SIDE
    sides = height * scale, width * scale
    if max(sides) > longest:
        scale *= longest / max(sides)
        sides = height * scale, width * scale
    rows, columns = (int(side + 0.5) for side in sides)
    if not rows or not columns:
        raise UserError(f"a photo of {width} x {height} pixels is too thin for anybody to be seen; crop to the person")
    return rows, columns


def _cut(box: Box, width: int, height: int) -> Box:
    numbers = [float(side) for side in box]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise UserError(f"a box is x0, y0, x1, y1, four finite numbers, not {tuple(box)}")
    x0, x1 = (min(max(side, 0.0), float(width)) for side in numbers[::2])
    y0, y1 = (min(max(side, 0.0), float(height)) for side in numbers[1::2])
    if x0 >= x1 or y0 >= y1:
        spelt = ", ".join(f"{side:g}" for side in numbers)
        raise UserError(f"the box {spelt} holds nothing of a photo of {width} x {height} pixels; it is x0, y0, x1, y1")
    return x0, y0, x1, y1


def load(name_or_file: str | os.PathLike, min_score: float = MIN_SCORE, size: int = SHORT_SIDE) -> RCNN:
    """The estimator of a published network's name, or of a file of weights: `.pkl`, `.pth`, or converted.

    A published network is downloaded once, see `zoo.fetch`.

    Raises:
      UserError: neither a name nor a file; a file that cannot be used; or what `RCNN` says of the other arguments.
    """
    path = _found(name_or_file)
    build = functools.partial(RCNN, min_score=min_score, size=size)
    if converted.is_one(path):
        network = Network(converted.architecture(path))
        converted.assign(path, network.variables())
        return build(network, f"{network.architecture.name} ({path.name})")
    with _opened(path) as file:
        network = Network(file.architecture)
        variables = network.variables()
        for variable, array in folding.fold(file.architecture, file.read):
            variables[variable].assign(array)
    return build(network, f"{network.architecture.name} ({path.name})")


def convert(source: str | os.PathLike, destination: str | os.PathLike) -> None:
    """Writes the weights of a published network's name or of a `.pkl` or `.pth` as a file that `load` reads in seconds.

    Raises:
      UserError: as `load`, or it cannot be written.
    """
    path = _found(source)
    if converted.is_one(path):
        raise UserError(f"{path}: is converted already; give the original's file")
    with _opened(path) as file:
        converted.write(pathlib.Path(destination), file.architecture, folding.fold(file.architecture, file.read))


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[stored.Stored]:
    """What `stored.opened` yields; its refusals say, too, where a download is not what its name says."""
    try:
        with stored.opened(path) as file:
            yield file
    except UserError as error:
        told = zoo.doubt(path)
        raise UserError(f"{error}: {told}" if told else str(error)) from None


def _found(name_or_file: str | os.PathLike) -> pathlib.Path:
    if str(name_or_file) in zoo.PUBLISHED:
        return zoo.fetch(str(name_or_file))
    path = pathlib.Path(name_or_file)
    if not path.exists():
        raise UserError(f"{path}: no such file, nor a network of the model zoo: those are {', '.join(zoo.PUBLISHED)}")
    return path
