"""Dumps of Detectron2's DensePose (`apply_net.py dump`): the maps of many photos in one file.

A dump is a list with a dict for each photo: its `file_name`, and for each person a score, a box (x0, y0, x1, y1) and a
result: `labels [H, W]`, the parts, and `uv [2, H, W]`, about 0..1, for the pixels of the box alone. Such a map belongs
on a canvas of the photo's size at (int(x0), int(y0)). The size is not in the dump: a caller gives it, or the photo is
looked for where the dump says and beside the dump; failing that the canvas ends where the boxes do, and a note says so.
"""

import dataclasses
import functools
import os
import pathlib

import numpy as np
from PIL import Image

from dpt_tf.iuv import tensors
from dpt_tf.iuv.parts import NUM_PARTS
from dpt_tf.iuv.sources import MOST_PIXELS, NOBODY, REMEDY, Decoded, NotIUV, Source, Wanted, opened
from dpt_tf.iuv.tensors import Tensor
from dpt_tf.iuv.unpickle import Function, Record

_MOST_PEOPLE = 1000  # Detectron2 keeps 100 of a photo
_MOST_OUTSIDE = 0.05  # of a person's pixels may have U or V far from 0..1
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)

_RESULTS = "densepose.structures.chart_result"
_KNOWN = {
    (_RESULTS, "DensePoseChartResult"): Function(Record),
    (_RESULTS, "DensePoseChartResultWithConfidences"): Function(Record),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Photo:
    """What a dump tells of one photo, unread."""

    name: str
    scores: Tensor | None
    boxes: Tensor | None
    results: list


@dataclasses.dataclass(frozen=True)
class Index:
    """A dump without its numbers."""

    form: str
    photos: tuple[Photo, ...]
    called: dict[str, list[Photo]]
    """Those of each base name."""


def index(source: Source) -> Index:
    """The photos of a dump; of a file at a path it is kept for the next call.

    Raises:
      NotIUV: it is no dump, a damaged one, or one without maps of parts.
    """
    if source.path is None:
        return _index(source)
    return _index_at(os.path.abspath(source.path), source.modified, source.size)


@functools.lru_cache(maxsize=2)
def _index_at(path: str, _modified: int, _size: int) -> Index:
    with opened(path) as source:
        return _index(source)


def _index(source: Source) -> Index:
    loaded, form = tensors.load(source, _KNOWN, _foreign)
    if not isinstance(loaded, list) or not all(isinstance(entry, dict) for entry in loaded):
        raise NotIUV("a pickle, but not the list of photos that a dump is; " + REMEDY)
    if not loaded:
        raise NotIUV("a dump without a photo; " + REMEDY)
    return _indexed(f"Detectron2 dump ({form})", tuple(_photo(entry) for entry in loaded))


def _indexed(form: str, photos: tuple[Photo, ...]) -> Index:
    called: dict[str, list[Photo]] = {}
    for photo in photos:
        called.setdefault(_parts(photo.name)[-1], []).append(photo)
    return Index(form, photos, called)


def _foreign(module: str, name: str) -> str:
    asked = shown(f"{module}.{name}")
    if module.startswith("densepose.structures.cse"):
        return (
            f"a dump of a CSE model ({asked}): embeddings of vertices, without parts, U and V; "
            f"take a CONFIG that is not of configs/cse, and {REMEDY}"
        )
    return f"a pickle that asks for {asked}, which no dump of maps needs: not opened; {REMEDY}"


def _photo(entry: dict) -> Photo:
    name, scores, boxes = (entry.get(key) for key in ("file_name", "scores", "pred_boxes_XYXY"))
    results = entry.get("pred_densepose", [])
    if not isinstance(name, str) or not isinstance(results, list):
        raise NotIUV("a pickle, but not the list of photos that a dump is; " + REMEDY)
    if scores is not None and not (isinstance(scores, Tensor) and scores.shape == (len(results),)):
        scores = None
    if results and not (isinstance(boxes, Tensor) and boxes.shape == (len(results), 4)):
        raise NotIUV(f"a dump without a box for each person of {shown(name)}; {REMEDY}")
    return Photo(name, scores, boxes, results)


def shown(text: str) -> str:
    """`text` on one line, in characters that can be printed."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def decode(source: Source, wanted: Wanted) -> Decoded:
    """The map of one person of one photo of a dump.

    Raises:
      NotIUV: no usable dump, no such photo, or no such person.
    """
    found = index(source)
    photo = _choose(found, wanted.photo)
    try:
        return _decode(source, found.form, photo, wanted)
    except NotIUV as error:
        raise NotIUV(f"{shown(photo.name)}: {error}") from None


def _choose(found: Index, name: str | None) -> Photo:
    """By the name as it stands; else by as many trailing parts of the path as it takes."""
    photos = found.photos
    if len(photos) == 1:
        return photos[0]
    few = ", ".join(shown(photo.name) for photo in photos[:3]) + (", ..." if len(photos) > 3 else "")
    if name is None:
        raise NotIUV(
            f"a dump of {len(photos)} photos ({few}); say which photo, or make a map of each: "
            "`dpt inspect DUMP --write=DIR`"
        )
    ask = _parts(name)
    alike = found.called.get(ask[-1], [])
    if not alike:
        raise NotIUV(f"no photo {shown(name)} in this dump of {len(photos)} ({few})")
    left = [photo for photo in alike if photo.name == name] or alike
    for count in range(2, len(ask) + 1):
        if len(left) > 1:
            left = [photo for photo in left if _parts(photo.name)[-count:] == ask[-count:]]
    if len(left) != 1:
        names = ", ".join(shown(photo.name) for photo in alike[:3])
        raise NotIUV(f"{len(alike)} photos of the dump are called {shown(ask[-1])} ({names}); give the path of one")
    return left[0]


def _parts(name: str) -> tuple[str, ...]:
    return pathlib.PurePosixPath(name.replace("\\", "/")).parts or ("",)


def _decode(source: Source, form: str, photo: Photo, wanted: Wanted) -> Decoded:
    if not photo.results or photo.boxes is None:
        raise NotIUV(NOBODY)
    if len(photo.results) > _MOST_PEOPLE:
        raise NotIUV(f"{len(photo.results)} people in one photo; write the dump again")
    if not all(type(result) is Record for result in photo.results):
        raise NotIUV("people that are no results of DensePose; write the dump again")
    shapes = [_shape(result) for result in photo.results]
    if sum(height * width for height, width in shapes) > 8 * MOST_PIXELS:
        raise NotIUV("the boxes of its people are too large; make the photo smaller before DensePose sees it")
    boxes = photo.boxes.read(source).astype(float)
    if not np.isfinite(boxes).all() or abs(boxes).max() > 1 << 20:
        raise NotIUV("a box that is not finite or far too large; write the dump again")
    for box, (height, width) in zip(boxes, shapes, strict=True):
        if abs(box[2] - box[0] - width) > 2 or abs(box[3] - box[1] - height) > 2:
            raise NotIUV(f"a map of {width} x {height} pixels for the box {_spelt(box)}; write the dump again")
    sizes = [int(np.count_nonzero(result["labels"].read(source))) for result in photo.results]
    order = [person for person in np.argsort(-np.array(sizes), kind="stable") if sizes[person]]
    if not order:
        raise NotIUV(NOBODY)
    chosen = 1 if wanted.person is None else wanted.person
    if not 1 <= chosen <= len(order):
        raise NotIUV(f"no person {wanted.person}: it shows {len(order)}; choose 1 to {len(order)}, 1 being the largest")
    person = order[chosen - 1]
    patch, notes = _map(source, photo.results[person])
    canvas, note = _canvas(source, photo, wanted, boxes, shapes)
    sure = 1.0 if photo.scores is None else float(photo.scores.read(source)[person])
    score = "" if photo.scores is None else f"score {sure:.3f}, "
    notes.insert(0, f"person {chosen} of {len(order)} kept: {score}box {_spelt(boxes[person])}")
    column, row = int(boxes[person][0]), int(boxes[person][1])
    top, left = max(row, 0), max(column, 0)
    patch = patch[top - row : max(canvas[0] - row, 0), left - column : max(canvas[1] - column, 0)]
    if not patch[..., 0].any():
        raise NotIUV(f"the box {_spelt(boxes[person])} lies beside a photo of {canvas[1]} x {canvas[0]} pixels")
    pixels = tuple(sizes[each] for each in order)
    return Decoded(patch, (top, left), canvas, form, "labels, U, V", tuple(notes + note), pixels, sure)


def _spelt(box: np.ndarray) -> str:
    return " ".join(f"{side:.0f}" for side in box)


def _shape(result: Record) -> tuple[int, int]:
    labels, uv = result.get("labels"), result.get("uv")
    if not isinstance(labels, Tensor) or not isinstance(uv, Tensor):
        raise NotIUV("a person without labels and uv; write the dump again")
    if len(labels.shape) != 2 or uv.shape != (2, *labels.shape):
        raise NotIUV(f"labels {list(labels.shape)} and uv {list(uv.shape)} are not [H, W] and [2, H, W]")
    if labels.storage.dtype.kind not in "iu" or uv.storage.dtype.kind != "f":
        raise NotIUV(f"labels of {labels.storage.dtype} and uv of {uv.storage.dtype}; they are integers and floats")
    if labels.shape[0] * labels.shape[1] > MOST_PIXELS // 2:
        raise NotIUV(f"a box of {labels.shape[1]} x {labels.shape[0]} pixels is too large")
    return labels.shape


def _map(source: Source, result: Record) -> tuple[np.ndarray, list[str]]:
    """`[H, W, 3]` uint8. A network's U and V overshoot 0..1 a little and are clipped, as Detectron2 does."""
    labels = result["labels"].read(source)
    if labels.min() < 0 or labels.max() > NUM_PARTS:
        raise NotIUV(f"labels from {labels.min()} to {labels.max()}; parts are 0..{NUM_PARTS}: write the dump again")
    iuv = np.zeros((*labels.shape, 3), np.uint8)
    iuv[..., 0] = labels
    body = iuv[..., 0] > 0
    clipped, outside = np.zeros(body.shape, bool), np.zeros(body.shape, bool)
    for channel, values in enumerate(result["uv"].read(source), start=1):
        if not np.isfinite(values[body]).all():
            raise NotIUV("U or V is NaN or infinite; write the dump again")
        clipped |= body & ((values < 0) | (values > 1))
        outside |= body & ((values < -0.1) | (values > 1.1))
        iuv[..., channel][body] = np.rint(np.clip(values[body].astype(np.float32), 0, 1) * 255)
    if outside.sum() > _MOST_OUTSIDE * body.sum():
        raise NotIUV(f"U or V of {outside.sum()} of {body.sum()} pixels lies far from 0..1; write the dump again")
    return iuv, [f"U or V of {clipped.sum()} pixels clipped to 0..1"] if clipped.any() else []


def _canvas(source, photo: Photo, wanted: Wanted, boxes, shapes) -> tuple[tuple[int, int], list[str]]:
    if wanted.size is not None:
        return wanted.size, []
    size = _size_of_photo(source, photo.name)
    if size is not None:
        return size, []
    ends = [(int(y) + height, int(x) + width) for (x, y, _, _), (height, width) in zip(boxes, shapes, strict=True)]
    size = max(max(end[0] for end in ends), 1), max(max(end[1] for end in ends), 1)
    if size[0] * size[1] > MOST_PIXELS:
        raise NotIUV(f"boxes that reach to {size[1]} x {size[0]} pixels are too large; write the dump again")
    return size, ["the photo is not beside the dump, so the map ends where the boxes end"]


def _size_of_photo(source: Source, name: str) -> tuple[int, int] | None:
    """(height, width) as Detectron2 saw it: turned upright; `None` where no photo is found."""
    if source.path is None:
        return None
    for path in (pathlib.Path(name), pathlib.Path(source.path).parent / _parts(name)[-1]):
        try:
            with opened(path) as file, Image.open(file.file) as picture:
                # To look for it in a PNG, Pillow would decode all of it.
                turned = picture.format == "JPEG" and picture.getexif().get(_ORIENTATION) in _TURNED
                size = picture.size if turned else picture.size[::-1]
        except Exception:  # absent, unreadable, or no picture: then it tells no size
            continue
        if size[0] * size[1] <= MOST_PIXELS:
            return size
    return None
