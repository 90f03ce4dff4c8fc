"""DensePose-COCO: annotations and COCO's photos -> people, each in a crop, with points whose part, U and V are known.

An annotation is one person. Its `bbox` is x, y, width, height in the photo's pixels, a pixel k covering [k, k + 1).

  dp_x, dp_y           points within the box: 0..255 run over its width and height
  dp_I, dp_U, dp_V     the part 1..24 of each point, and U and V in 0..1
  dp_masks             14 masks of 256 x 256 over the box (run lengths): torso, right hand, left hand, left foot, right
                       foot, upper legs, lower legs, upper arms, lower arms, head; `[]` for one that is not seen

People without points (small ones, crowds) are in the files, too: scores ignore them, training leaves them out, and
those without masks besides, of whom nobody knows where they end.
Format: DensePose's challenge/2018_COCO_DensePose/data_format.md.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from dpt_tf.images import photos as photo_files
from dpt_tf.iuv import NUM_PARTS
from dpt_tf.system import files
from dpt_tf.system.errors import UserError

MARGIN = 0.1
"""How much of the box's longer side a crop shows around it, on each side."""
COARSE_PARTS = 14
_GRID = 255.0
_POINTS = ("dp_x", "dp_y", "dp_I", "dp_U", "dp_V")
_KEPT = {"id", "image_id", "bbox", "area", "iscrowd", "dp_masks"}


@dataclasses.dataclass(frozen=True)
class Annotated:
    """A person of the annotations."""

    id: int
    photo: str
    """File name."""
    box: tuple[float, float, float, float]
    """x, y, width, height in the photo's pixels."""
    area: float
    crowd: bool
    points: np.ndarray
    """float32 `[N, 5]`: x, y in the photo's pixels, I, U, V; no row where nobody marked any."""
    masks: list[Any]
    """As the file has them."""

    @property
    def complete(self) -> bool:
        """Whether there are points and masks to train on."""
        return len(self.points) > 0 and any(self.masks[:COARSE_PARTS])

    def mask(self) -> np.ndarray:
        """The coarse parts over the box, uint8 `[256, 256]`, 0 off the person, 1..14.

        Raises:
          UserError: pycocotools is not installed, or a mask is damaged.
        """
        runs = need_runs()
        drawn = np.zeros((256, 256), np.uint8)
        for number, one in enumerate(self.masks[:COARSE_PARTS], start=1):
            if not one:
                continue
            try:
                if one["size"] != [256, 256]:
                    raise ValueError(one["size"])
                drawn[runs.decode(one) > 0] = number
            except Exception:  # pycocotools raises nearly anything on a damaged one
                raise UserError(f"{self.photo}: mask {number} of annotation {self.id} is damaged") from None
        return drawn

    def foreground(self, height: int, width: int) -> np.ndarray:
        """Where the person is in a photo of this size, bool `[height, width]`; UserError as `mask`."""
        x, y, wide, high = self.box
        rows, columns = _of_grid(np.arange(height) + 0.5 - y, high), _of_grid(np.arange(width) + 0.5 - x, wide)
        inside = (rows >= 0)[:, None] & (columns >= 0)
        return inside & (self.mask()[rows[:, None], columns] > 0)


@dataclasses.dataclass(frozen=True)
class Annotations:
    """A file of annotations."""

    sizes: dict[str, tuple[int, int]]
    """(height, width) of every photo, by file name."""
    people: list[Annotated]
    """Everybody, with and without points, in the file's order."""


@dataclasses.dataclass(frozen=True)
class Example:
    """A person in a square crop, of `[S, S]` pixels."""

    id: str
    name: str
    """The photo's file name."""
    photo: np.ndarray
    """uint8 `[S, S, 3]`."""
    points: np.ndarray
    """float32 `[N, 5]`: x, y in the crop's pixels (pixel k covers [k, k + 1)), I in 1..24, U and V in [0, 1]."""
    mask: np.ndarray
    """uint8 `[S, S]`: the coarse parts, 0 off the person."""
    box: np.ndarray
    """float32 `[4]`: x0, y0, x1, y1 in the crop's pixels."""


def need_runs() -> Any:
    """What decodes run lengths, or a UserError that names the extra that brings it."""
    try:
        from pycocotools import mask
    except ImportError:
        raise UserError("reading DensePose-COCO's masks needs pycocotools: pip install 'dpt_tf[data]'") from None
    return mask


def read(path: str | os.PathLike) -> Annotations:
    """A file of annotations, without what nobody needs here.

    Raises:
      UserError: it is none, or a damaged one.
    """
    file = pathlib.Path(path)
    try:
        held = json.loads(files.read(file), object_hook=_compact)
        photos = {photo["id"]: photo for photo in held["images"]}
        sizes = {photo["file_name"]: (int(photo["height"]), int(photo["width"])) for photo in photos.values()}
        entries = held["annotations"]
    except FileNotFoundError:
        raise UserError(
            f"{file}: no such file; give DensePose-COCO's annotations, densepose_coco_2014_train.json"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(
            f"{file}: not DensePose-COCO's annotations, a JSON of images and annotations; give "
            "densepose_coco_2014_train.json or another of its kind"
        ) from None
    return Annotations(sizes, [_annotated(file, entry, photos) for entry in entries])


def _compact(entry: dict) -> dict:
    """An annotation without keypoints and outlines, its points as an array: a tenth of the memory."""
    if "bbox" not in entry:
        return entry
    kept = {key: value for key, value in entry.items() if key in _KEPT}
    if "dp_x" in entry:
        try:
            kept["points"] = np.array([entry[key] for key in _POINTS], np.float32).reshape(5, -1).T
        except (ValueError, KeyError, TypeError):
            kept["points"] = None  # refused with the annotation's number
    return kept


def _annotated(file: pathlib.Path, entry: Any, photos: dict) -> Annotated:
    try:
        x, y, width, height = map(float, entry["bbox"])
        points = entry.get("points", np.zeros((0, 5), np.float32)).copy()
        sound = np.isfinite(points).all() and (points[:, 2] % 1 == 0).all()
        sound &= bool(((points[:, 2] >= 0) & (points[:, 2] <= NUM_PARTS)).all())
        if not sound or not np.isfinite([x, y, width, height]).all() or points.ndim != 2 or min(width, height) < 0:
            raise ValueError
        points = points[points[:, 2] > 0]
        points[:, :2] = (x, y) + points[:, :2] * (width / _GRID, height / _GRID)
        return Annotated(
            id=entry["id"],
            photo=str(photos[entry["image_id"]]["file_name"]),
            box=(x, y, width, height),
            area=float(entry.get("area", width * height)),
            crowd=bool(entry.get("iscrowd", 0)),
            points=points,
            masks=list(entry.get("dp_masks", ())),
        )
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):
        which = entry.get("id", "without id") if isinstance(entry, dict) else "without fields"
        raise UserError(
            f"{file}: annotation {which} has no sound box, photo or points; download the file again"
        ) from None


def crop(person: Annotated, photo: np.ndarray, size: int) -> Example:
    """The square around a person's box, `MARGIN` wider, of `size` pixels; beyond the photo its border goes on.

    Args:
      person: somebody of the photo, with points.
      photo: uint8 `[H, W, 3]`.
      size: S.

    Raises:
      UserError: as `Annotated.mask`.
    """
    x, y, width, height = person.box
    side = max(width, height, 1.0) * (1 + 2 * MARGIN)
    left, top = x + width / 2 - side / 2, y + height / 2 - side / 2
    scale = size / side
    spare = int(side) + 2
    row, column = int(np.floor(top)), int(np.floor(left))
    rows, columns = (
        np.clip(start + np.arange(spare), 0, end - 1) for start, end in zip((row, column), photo.shape[:2], strict=True)
    )
    window = Image.fromarray(photo[rows[:, None], columns])
    within = (left - column, top - row, left - column + side, top - row + side)
    picture = np.asarray(window.resize((size, size), Image.Resampling.LANCZOS, box=within))
    points = person.points.copy()
    points[:, :2] = (points[:, :2] - (left, top)) * scale
    corners = np.array([x - left, y - top, x + width - left, y + height - top], np.float32) * np.float32(scale)
    centres = (np.arange(size) + 0.5) / scale
    places = [
        _of_grid(centres + begin - start, length) for begin, start, length in ((top, y, height), (left, x, width))
    ]
    outside = (places[0] < 0)[:, None] | (places[1] < 0)
    mask = np.where(outside, 0, person.mask()[places[0][:, None], places[1]]).astype(np.uint8)
    return Example(str(person.id), person.photo, picture, points, mask, corners)


def _of_grid(places: np.ndarray, length: float) -> np.ndarray:
    """Which row or column of a box's masks lies at each place along its side; -1 outside of the box."""
    inside = (places >= 0) & (places < length)
    return np.where(inside, np.minimum(np.rint(places * (_GRID / max(length, 1e-6))), _GRID), -1).astype(int)


def examples(annotations: Annotations, pictures: str | os.PathLike, size: int) -> Iterator[Example]:
    """Everybody with points and masks, in crops of `size` pixels, photo by photo.

    Raises:
      UserError: a photo is missing or cannot be read, or as `Annotated.mask`.
    """
    paths = check(annotations, pictures)
    last, photo = "", np.zeros((1, 1, 3), np.uint8)
    for person in sorted(annotations.people, key=lambda person: person.photo):
        if not person.complete:
            continue
        if person.photo != last:
            last, photo = person.photo, photo_files.read(paths[person.photo])
            if photo.shape[:2] != annotations.sizes[last]:
                height, width = annotations.sizes[last]
                raise UserError(
                    f"{paths[last]}: {photo.shape[1]} x {photo.shape[0]} pixels, its annotations are of {width} x "
                    f"{height}; give COCO's own photo"
                )
        yield crop(person, photo, size)


def check(annotations: Annotations, pictures: str | os.PathLike) -> dict[str, pathlib.Path]:
    """Where the photo of everybody with points and masks lies, in `pictures` or below.

    Raises:
      UserError: one is missing, or pycocotools is.
    """
    root = pathlib.Path(pictures)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give the folder of COCO's photos")
    need_runs()
    wanted = {person.photo for person in annotations.people if person.complete}
    found = {name: root / name for name in wanted if (root / name).is_file()}
    if len(found) < len(wanted):
        for folder, _, names in os.walk(root):
            found |= {name: pathlib.Path(folder, name) for name in names if name in wanted and name not in found}
    missing = sorted(wanted - found.keys())
    if missing:
        raise UserError(
            f"{root}: {len(missing)} of {len(wanted)} photos are not in it, the first is {missing[0]}; unpack COCO's "
            "train2014 or val2014 there"
        )
    return found
