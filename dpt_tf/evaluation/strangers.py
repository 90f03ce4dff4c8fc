"""Forty fixed synthetic strangers, a pair of views each, to see that weights still do what their card says.

Nobody trains on them. Every second one stands in the studio, the others before backdrops of every kind; source and
target are a quarter turn apart. They are rendered at the size that the model works on.
"""

import io
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

from dpt_tf.metrics import Scores, maps
from dpt_tf.synthetic import dataset

COUNT = 40
TOLERANCE = {"L1": 0.001, "PSNR": 0.1, "SSIM (dsc)": 0.004}  # other processors round otherwise
MAP_TOLERANCE = {"foreground IoU": 0.005, "part accuracy on the body": 0.01, "median U-V error": 0.005}
MAP_SIZE = 256  # of the photos that maps are found in

_FIRST = 4000  # index in the split of strangers
_VIEWS = 4  # on a whole turn

Paint = Callable[[np.ndarray, np.ndarray, np.ndarray], Mapping[str, np.ndarray]]


class Pair(NamedTuple):
    """Two views of one person: uint8 `[S, S, 3]`, maps (I, U, V)."""

    source: np.ndarray
    source_iuv: np.ndarray
    target: np.ndarray
    target_iuv: np.ndarray


def pairs(size: int, count: int = COUNT) -> Iterator[Pair]:
    """The first `count` of them."""
    for index in range(count):
        number = dataset.number(0, "test", _FIRST + index)
        order = dataset.Order(number, str(index), _VIEWS, size, faults=False, backdrops=("studio", "every")[index % 2])
        views = itertools.islice(dataset.make_views(order), 2)
        yield Pair(*(_pixels(view[key]) for view in views for key in ("image", "iuv")))  # type: ignore[literal-required]


def score(paint: Paint, size: int, count: int = COUNT) -> dict[str, float]:
    """L1, PSNR and SSIM of a transfer, such as `dpt_tf.load` gives, over the pairs."""
    scores = Scores()
    for pair in pairs(size, count):
        painted = paint(pair.source, pair.source_iuv, pair.target_iuv)["image"]
        scores.update(pair.target[None], painted[None])
    return scores.result()


def score_maps(pose: Callable[[np.ndarray], np.ndarray], count: int = COUNT) -> dict[str, float]:
    """The scores of `MAP_TOLERANCE` of an estimator, photo -> map, on the sources at `MAP_SIZE`."""
    counts = maps.nothing()
    for pair in pairs(MAP_SIZE, count):
        counts += maps.count(pair.source_iuv, pose(pair.source))
    scores = maps.scores(counts)
    return {name: scores[name] for name in MAP_TOLERANCE}


def _pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture)[..., :3].copy()
