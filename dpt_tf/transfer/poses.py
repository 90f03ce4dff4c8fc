"""Maps for those who give photos: the one that lies beside a photo, else what an estimator makes of it.

A file is taken for a map where its name says so (`x_IUV.png`, `.npy`, `.pkl`) or, of a PNG, where its content is one.
An array that is asked for here is a photo, always: nobody guesses which of two arrays of one shape and type is meant.
"""

import collections
import hashlib
import os
import pathlib
from collections.abc import Callable

import numpy as np

from dpt_tf import iuv
from dpt_tf.densepose import asking, choosing, map_files, small
from dpt_tf.densepose.estimator import Estimator, Person
from dpt_tf.system.errors import UserError

_KEPT = 8  # photos whose maps are kept in memory
_AGREES = 0.6  # of a map's body, what somebody who is seen there has to cover to be the same person


class Poses:
    """Finds and makes maps; the estimator is opened when the first one is to be made."""

    def __init__(
        self, estimator: str | os.PathLike | Estimator | None = None, say: Callable[[str], None] = lambda line: None
    ):
        """`estimator` as `choosing.open_estimator` takes it; `say` is told which map is whose, a line each.

        Raises:
          UserError: no estimator is called so.
        """
        choosing.refuse_unknown(estimator)
        self._which, self._say = estimator, say
        self._estimator: Estimator | None = None
        self._made: collections.OrderedDict[bytes, Person] = collections.OrderedDict()
        self._looker: Estimator | None = None
        self._covered: collections.OrderedDict[bytes, np.ndarray] = collections.OrderedDict()

    def of(self, given: str | os.PathLike | np.ndarray) -> np.ndarray:
        """The map in a file, of a photo's file, or of a photo: uint8 `[H, W, 3]` (I, U, V).

        Raises:
          NotIUV: a file that is called like a map, or lies as one beside a photo, and is none.
          UserError: a photo that cannot be read, or in which nobody is found; no such estimator.
          ValueError: an array that is no photo.
        """
        if isinstance(given, np.ndarray):
            return self._make(asking.read(given), "a photo").map
        path = pathlib.Path(given)
        if is_map(path):
            return iuv.read(path)
        if beside := map_files.beside(path):
            self._say(f"{path}: its map is {beside}")
            return iuv.read(beside)
        return self._make(asking.read(path), str(path)).map

    def of_source(self, photo: np.ndarray, path: pathlib.Path | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """The map of a photo that was read already, from `path` if from anywhere, and who is the person beside it.

        Returns:
          The map, and `Person.coverage`; None for that where the map was not made here.

        Raises:
          As `of` does.
        """
        if path is not None and (beside := map_files.beside(path)):
            self._say(f"{path}: its map is {beside}")
            return iuv.read(beside, photo=str(path), size=photo.shape[:2]), None
        person = self._make(photo, "the source" if path is None else str(path))
        return person.map, person.coverage

    def known(
        self, path: pathlib.Path, given: pathlib.Path | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """A photo's file: the photo, its map and, where the map is made here, who is the person beside the body.

        Args:
          path: the photo.
          given: its map, unless the one beside it or one that is made here is meant.

        Raises:
          UserError: it cannot be read, nobody is in it, or its map is another photo's.
        """
        photo = asking.read(path)
        map_files.refuse_map(path, photo)
        coverage = None
        if given is None:
            source_iuv, coverage = self.of_source(photo, path)
        else:
            source_iuv = iuv.read(given, photo=str(path), size=photo.shape[:2])
        if photo.shape != source_iuv.shape:
            raise UserError(
                f"{path} is {photo.shape[1]} x {photo.shape[0]} but {given or 'the map beside it'} is "
                f"{source_iuv.shape[1]} x {source_iuv.shape[0]}: give the map that was made from this very photo"
            )
        return photo, source_iuv, coverage

    def coverage_of(self, photo: np.ndarray, source_iuv: np.ndarray) -> np.ndarray:
        """Who the person of a map is in a photo, hair and cloth beside the body included: uint8 `[H, W, 1]`.

        A map that was made elsewhere does not say; the network that ships looks where its body is. All 0 where what is
        seen there does not cover that body: then it is somebody else.
        """
        key = _key(photo) + _key(source_iuv)
        if key not in self._covered:
            self._looker = self._looker or small.load()
            body = source_iuv[..., 0] > 0
            rows, columns = (np.flatnonzero(body.any(axis)) for axis in (1, 0))
            box = float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
            coverage = self._looker.people(photo, [box])[0].coverage
            assert coverage is not None, "the network that ships says who covers what"
            same = (coverage[body] >= 128).mean() >= _AGREES
            self._covered[key] = coverage if same else np.zeros_like(coverage)
            if len(self._covered) > _KEPT:
                self._covered.popitem(last=False)
        self._covered.move_to_end(key)
        return self._covered[key]

    def maker(self, photo: np.ndarray) -> str | None:
        """Which estimator made the map of a photo here, lately."""
        return self._estimator.name if self._estimator and _key(photo) in self._made else None

    def _make(self, photo: np.ndarray, name: str) -> Person:
        key = _key(photo)
        if key not in self._made:
            self._estimator = self._estimator or choosing.open_estimator(self._which)
            try:
                person = asking.person(self._estimator, photo)
            except asking.Nobody as error:
                raise asking.Nobody(f"{name}: {error}; or give the map") from None
            self._say(f"{name}: its map is made by {self._estimator.name}, score {person.score:.3f}")
            self._made[key] = person
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


def _key(photo: np.ndarray) -> bytes:
    return hashlib.sha256(repr(photo.shape).encode() + photo.tobytes()).digest()


def is_map(path: pathlib.Path) -> bool:
    """Whether a file is taken for a map."""
    if map_files.is_map_name(path) or path.suffix.lower() in (".npy", ".pkl"):
        return True
    if path.suffix.lower() != ".png" or map_files.beside(path):
        return False
    try:
        iuv.examine(path)
    except (iuv.NotIUV, OSError):
        return False
    return True
