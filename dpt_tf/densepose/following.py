"""People through a video: found in each frame, told apart, and mapped without trembling.

A frame is answered before the next one is decoded. Where it is to be steady an estimator is asked twice: where people
are, and then for their maps in steadied boxes, lest the crop jumps.
"""

import hashlib
import io
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from dpt_tf.densepose import asking
from dpt_tf.densepose.estimator import Box, Estimator, Person
from dpt_tf.densepose.map_files import Asked
from dpt_tf.densepose.steady import SteadyMaps
from dpt_tf.densepose.tracking import SteadyBox, Tracks, overlap
from dpt_tf.images.video import Frame
from dpt_tf.system import atomic, files

People = dict[int, Person]

_LEAST_OVERLAP = 0.5  # of a steadied box with the one that was found


class Remembering:
    """An estimator that keeps its answers in a folder, so that a second run over the same frames is quick."""

    def __init__(self, estimator: Estimator, folder: pathlib.Path):
        """Makes the folder."""
        self.name = estimator.name
        self._estimator, self._folder = estimator, folder
        folder.mkdir(parents=True, exist_ok=True)

    def people(self, photo: np.ndarray, boxes: Sequence[Box] | None = None) -> list[Person]:
        """As the estimator's own."""
        key = hashlib.sha256(repr((self.name, photo.shape, boxes)).encode())
        key.update(photo.tobytes())
        path = self._folder / f"{key.hexdigest()[:32]}.npz"
        if not path.exists():
            found = self._estimator.people(photo, boxes)
            kept = {f"map{number}": _cut(person.map) for number, person in enumerate(found)}
            places = np.array([_corner(person.map) for person in found], np.int64)
            facts = np.array([(*person.box, person.score) for person in found], np.float64)
            buffer = io.BytesIO()
            np.savez_compressed(buffer, facts=facts, places=places, **kept)  # type: ignore[arg-type]
            with atomic.written(path) as aside:
                aside.write_bytes(buffer.getvalue())
            return found
        with files.opened(path) as file, np.load(file, allow_pickle=False) as kept:
            return [
                Person(tuple(fact[:4].tolist()), float(fact[4]), _pasted(kept[f"map{number}"], place, photo.shape[:2]))
                for number, (fact, place) in enumerate(zip(kept["facts"], kept["places"], strict=True))
            ]


def follow(frames: Iterable[Frame], estimator: Estimator, asked: Asked, steady: bool = True) -> Iterator[People]:
    """The people in each frame by their numbers.

    With everybody asked for the numbers are those of `tracking.Tracks`. Otherwise there is number 1 or nobody: the
    person in the fixed box; or the n-th surest of the first frame that shows so many, followed from there on. Who is
    out of sight for more than a second is given up, and the n-th surest of the next frame taken.
    """
    tracks, boxes, maps = Tracks(), dict[int, SteadyBox](), dict[int, SteadyMaps]()
    chosen: int | None = None
    size: tuple[int, ...] = ()
    for frame in frames:
        fixed = asked.fixed(frame.pixels)
        found = asking.people(estimator, frame.pixels, None if fixed is None else [fixed])
        people: People
        if fixed is not None:
            people = dict(enumerate(found, 1))
        else:
            people = dict(zip(tracks.update([one.box for one in found], frame.seconds), found, strict=True))
            if not asked.everybody:
                if chosen is None or not tracks.known(chosen, frame.seconds):
                    wanted = (asked.person or 1) - 1
                    chosen = list(people)[wanted] if len(people) > wanted else None
                people = {number: one for number, one in people.items() if number == chosen}
            boxes = {number: box for number, box in boxes.items() if tracks.known(number, frame.seconds)}
            if steady and people:
                people = _in_steady_boxes(people, boxes, estimator, frame)
        if steady:
            same = frame.pixels.shape == size
            maps = {number: filtered for number, filtered in maps.items() if same and number in people}
            size = frame.pixels.shape
            people = {
                number: Person(one.box, one.score, maps.setdefault(number, SteadyMaps())(frame.pixels, one.map))
                for number, one in people.items()
            }
        yield people if asked.everybody or not people else {1: next(iter(people.values()))}


def _in_steady_boxes(people: People, boxes: dict[int, SteadyBox], estimator: Estimator, frame: Frame) -> People:
    """The same people, mapped anew where their box has been moved; who is not seen there stays as found."""
    calm = {n: boxes.setdefault(n, SteadyBox())(one.box, frame.seconds) for n, one in people.items()}
    moved = [
        number
        for number, one in people.items()
        # A box that lags far behind shows somebody else, or nothing.
        if not np.allclose(calm[number], one.box, atol=0.01) and overlap(calm[number], one.box) >= _LEAST_OVERLAP
    ]
    if not moved:
        return people
    again = estimator.people(frame.pixels, [calm[number] for number in moved])
    answer = dict(people)
    for number, one in zip(moved, again, strict=True):
        if one.map[..., 0].any():
            answer[number] = Person(one.box, people[number].score, one.map)
    return answer


def _corner(made: np.ndarray) -> tuple[int, int]:
    body = made[..., 0] > 0
    return (int(body.any(1).argmax()), int(body.any(0).argmax())) if body.any() else (0, 0)


def _cut(made: np.ndarray) -> np.ndarray:
    """The map from its corner to where the body ends."""
    body = made[..., 0] > 0
    if not body.any():
        return made[:0, :0]
    rows, columns = (np.flatnonzero(body.any(axis)) for axis in (1, 0))
    return made[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _pasted(patch: np.ndarray, place: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    made = np.zeros((*size, 3), np.uint8)
    top, left = place
    made[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return made
