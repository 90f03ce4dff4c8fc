"""Maps of photos that come without one: who stands in a photo, found once for a photo, and which of them is meant.

A wish says who is meant: nothing or `1` the surest person, `2` the next, `whole` whoever the photo shows, `x0,y0,x1,y1`
whoever stands between these two corners, in the photo's pixels. Photos are uint8 `[H, W, 3]`, maps likewise (I, U, V).
"""

import collections
import dataclasses
import hashlib
import math
import pathlib
import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dpt_tf.densepose import asking, map_files
from dpt_tf.densepose.estimator import Box, Estimator, Person
from dpt_tf.images import framing
from dpt_tf.models.composition import LARGEST
from dpt_tf.system.errors import UserError
from serving.web import painting
from serving.web.painting import Upload

WHOLE = "whole"
MOST_PEOPLE = 9  # of a photo that one can choose from
_MOST_BYTES, _MOST_KEPT = 1 << 28, 256  # of maps that are kept, and of answers
_LONGEST = 100  # letters of a wish
_REMEDY = (
    "click two opposite corners round the person in the photo, or take the whole photo, or upload the map in its field"
)


@dataclasses.dataclass(frozen=True)
class Looked:
    """A photo and who was found in it.

    Attributes:
      name: as its owner calls the file.
      photo: no larger than pictures are composed.
      size: height and width of the file's picture, in whose pixels boxes are.
      boxes: of everybody found, the surest first.
      meant: the box of whoever is meant.
      iuv: their map, of the size of `photo`; None where there is none yet.
      coverage: how much of each pixel is that person, `Person.coverage`; None where nobody says.
      told: who made the map, of whom, how sure.
      sentence: why there is no map, with the remedy; empty where nobody has been looked for yet.
    """

    name: str
    photo: np.ndarray
    size: tuple[int, int]
    boxes: tuple[Box, ...] = ()
    meant: Box | None = None
    iuv: np.ndarray | None = None
    coverage: np.ndarray | None = None
    told: str = ""
    sentence: str = ""

    def map(self) -> np.ndarray:
        """The map.

        Raises:
          UserError: there is none.
        """
        if self.iuv is None:
            raise UserError(self.sentence)
        return self.iuv


class _Piece(NamedTuple):
    """Somebody found: of map and coverage the part that is not background, and where it begins."""

    box: Box
    score: float
    top: int
    left: int
    seen: np.ndarray
    covers: bool

    def on(self, photo: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Map and coverage, of the photo's size."""
        whole = np.zeros([*photo.shape[:2], 4], np.uint8)
        whole[self.top : self.top + len(self.seen), self.left : self.left + self.seen.shape[1]] = self.seen
        iuv, coverage = np.split(whole, [3], -1)
        return np.ascontiguousarray(iuv), np.ascontiguousarray(coverage) if self.covers else None


class Maps:
    """Asks an estimator, one photo at a time, and keeps what it said for all who ask again.

    Attributes:
      name: the estimator's; empty where there is none.
    """

    def __init__(self, estimator: Estimator | None = None):
        """Without an estimator every photo needs its map."""
        self._estimator, self.name = estimator, estimator.name if estimator else ""
        self._kept: collections.OrderedDict[tuple, tuple[_Piece, ...]] = collections.OrderedDict()
        self._keeping, self._asking = threading.Lock(), threading.Lock()

    def people(self, photo: np.ndarray, boxes: Sequence[Box] | None = None) -> list[Person]:
        """As the estimator's own; nobody, where there is none. It is asked for one photo at a time."""
        with self._asking:
            return self._estimator.people(photo, boxes) if self._estimator else []

    def look(self, upload: Upload, wish: str = "", wait: bool = True) -> Looked:
        """The photo, and the map of whoever is meant; without `wait` only if it is known already.

        Raises:
          UserError: the file is no photo that can be read.
        """
        full = painting.read_photo(upload)
        photo = framing.within(full, LARGEST)
        looked = Looked(upload.name, photo, (full.shape[0], full.shape[1]))
        if self._estimator is None:
            return dataclasses.replace(looked, sentence=painting.no_map(upload.name))
        try:
            return self._meant(looked, wish, wait)
        except UserError as error:
            boxes = self._boxes(looked, self._people(photo, None, wait=False) or ())
            return dataclasses.replace(looked, boxes=boxes, sentence=f"{upload.name}: {error}")

    def _meant(self, looked: Looked, wish: str, wait: bool) -> Looked:
        box, number = _understood(wish, looked.size)
        small = looked.photo.shape[:2]
        found = self._people(looked.photo, _outwards(_scaled(box, looked.size, small)) if box else None, wait)
        if found is None:
            return looked
        everybody = found if box is None else self._people(looked.photo, None, wait=False) or ()
        boxes = self._boxes(looked, everybody)
        whole = wish.strip().lower() == WHOLE
        if not found:
            where = "the whole photo" if whole else f"box {asking.said(box)}" if box else "it"
            raise UserError(self._nobody(looked.name, where))
        if number > len(found):
            raise UserError(f"there is no person {number}, for {len(found)} found; choose 1 to {len(found)}")
        one = found[number - 1]
        if box is None:
            whom = f"person {number} of {len(found)}, score {one.score:.2f}"
        else:
            whom = "whoever the whole photo shows" if whole else f"whoever is in box {asking.said(box)}"
        iuv, coverage = one.on(looked.photo)
        meant, told = box or boxes[number - 1], f"{self.name}: {whom}"
        return dataclasses.replace(looked, boxes=boxes, meant=meant, iuv=iuv, coverage=coverage, told=told)

    def _nobody(self, name: str, where: str) -> str:
        if map_files.is_map_name(pathlib.Path(name)):
            return "called like a map, and as a photo it shows nobody; a map goes into the field for maps"
        return f"nobody found in {where} by {self.name}; {_REMEDY}"

    @staticmethod
    def _boxes(looked: Looked, people: tuple[_Piece, ...]) -> tuple[Box, ...]:
        return tuple(_scaled(one.box, looked.photo.shape[:2], looked.size) for one in people)

    def _people(self, photo: np.ndarray, box: Box | None, wait: bool) -> tuple[_Piece, ...] | None:
        """Everybody, or whoever is in the box; None where that is not known and not waited for."""
        key = photo.shape, hashlib.sha256(photo.tobytes()).digest(), box
        if (known := self._known(key)) is not None or not wait:
            return known
        with self._asking:  # who asks for the same meanwhile finds it done
            if (known := self._known(key)) is not None:
                return known
            assert self._estimator is not None
            made = asking.people(self._estimator, photo, None if box is None else [box])
            pieces = tuple(map(_piece, made[:MOST_PEOPLE]))
        with self._keeping:
            self._kept[key] = pieces
            while len(self._kept) > 1 and (len(self._kept) > _MOST_KEPT or self._bytes() > _MOST_BYTES):
                self._kept.popitem(last=False)
        return pieces

    def _bytes(self) -> int:
        return sum(piece.seen.nbytes for pieces in self._kept.values() for piece in pieces)

    def _known(self, key: tuple) -> tuple[_Piece, ...] | None:
        with self._keeping:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)


def wishes(text: str | None) -> dict[int, str]:
    """The wishes of several photos, `1: 2; 3: whole`, by the numbers of the photos; what cannot be read is left out."""
    found = {}
    for one in str(text or "").split(";"):
        number, colon, wish = one.partition(":")
        if colon and number.strip().isdecimal() and len(number) < _LONGEST:
            found[int(number)] = wish.strip()
    return found


def _understood(wish: str | None, size: tuple[int, int]) -> tuple[Box | None, int]:
    """The box that is meant, or the number of a person.

    Raises:
      UserError: neither; or a box without pixels, or beside the photo.
    """
    height, width = size
    text = str(wish or "").strip().lower()[:_LONGEST]
    if text == WHOLE:
        return (0.0, 0.0, float(width), float(height)), 1
    if (text.isdecimal() and int(text) > 0) or not text:
        return None, int(text or 1)
    try:
        x0, y0, x1, y1 = map(float, text.split(","))
    except ValueError:
        raise UserError(
            f"`{text}` means nobody; give the number of a person, or {WHOLE}, or a box x0,y0,x1,y1 in pixels"
        ) from None
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or abs(x1 - x0) < 1 or abs(y1 - y0) < 1:
        raise UserError(f"box {text} has no pixels; give two opposite corners x0,y0,x1,y1")
    # Beyond the photo nobody stands, and a box of any size would take any amount of memory.
    left, right = sorted((x0, x1))
    top, bottom = sorted((y0, y1))
    box = max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
    if box[2] <= box[0] or box[3] <= box[1]:
        raise UserError(f"box {text} lies outside of the photo of {width} x {height} pixels")
    return box, 1


def _scaled(box: Box, size: tuple[int, ...], other: tuple[int, ...]) -> Box:
    """A box in a picture of `size`, (height, width), in the same picture of another size."""
    x0, y0, x1, y1 = box
    across, down = other[1] / size[1], other[0] / size[0]
    return x0 * across, y0 * down, x1 * across, y1 * down


def _outwards(box: Box) -> Box:
    """The box out of whole pixels round it."""
    x0, y0, x1, y1 = box
    left, top = math.floor(x0), math.floor(y0)
    return float(left), float(top), float(max(left + 1, math.ceil(x1))), float(max(top + 1, math.ceil(y1)))


def _piece(person: Person) -> _Piece:
    covers = person.coverage is not None
    coverage = np.zeros_like(person.map[..., :1]) if person.coverage is None else person.coverage
    there = (person.map[..., 0] > 0) | (coverage[..., 0] > 0)
    rows, columns = np.nonzero(there.any(1))[0], np.nonzero(there.any(0))[0]
    top, left = int(rows[0]), int(columns[0])
    seen = np.concatenate([person.map, coverage], -1)[top : rows[-1] + 1, left : columns[-1] + 1].copy()
    return _Piece(person.box, person.score, top, left, seen, covers)
