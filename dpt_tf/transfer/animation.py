"""One person in pose after pose: the frames of a moving picture.

animate(transfer, "ada.person", maps)           # frames, one for each map
animate(transfer, person, maps, steady=False)   # each frame for itself
"""

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from dpt_tf.transfer.painter import Several, Transfer
from dpt_tf.transfer.person_file import Person
from dpt_tf.transfer.sources import Staying
from dpt_tf.transfer.steady_colours import SteadyColours

_REACH = 3  # pixels that the surface moves from frame to frame at most, in `unsteadiness`
_SAME = 3  # of 255, U and V together: so near to each other two pixels show the same


def animate(
    transfer: Transfer,
    person: Several | Person,
    maps: Iterable[np.ndarray | None],
    source_iuv: Any = None,
    coverage: Any = None,
    steady: bool = True,
) -> Iterator[np.ndarray]:
    """A frame for each map, uint8 `[H, W, 3]`, painted when it is asked for.

    Args:
      transfer: what paints.
      person: as `transfer` takes a source.
      maps: uint8 `[H, W, 3]` (I, U, V), all of one size, in the order of time. For None the pose before is held; before
        the first map, the first.
      source_iuv: as `transfer` takes it.
      coverage: likewise.
      steady: whether colours are kept from flickering (`steady_colours`).

    Raises:
      As `transfer` does.
    """
    return map(Animator(transfer, person, source_iuv, coverage, steady), held(maps))


class Animator:
    """Paints frame by frame; `animate` for those who stop on the way and go on."""

    def __init__(
        self,
        transfer: Transfer,
        person: Several | Person,
        source_iuv: Any = None,
        coverage: Any = None,
        steady: bool = True,
    ):
        """As for `animate`."""
        self._staying: Staying | None = None
        if transfer.keeps:
            made = transfer.person(person, source_iuv, coverage=coverage)
            self._staying = made.sources.staying()
            person, source_iuv, coverage = Person(self._staying, made.facts), None, None
        self._paint = functools.partial(transfer, person, source_iuv, coverage=coverage)
        self._colours = SteadyColours() if steady else None
        self._pose: np.ndarray | None = None
        self._picture: np.ndarray | None = None

    def __call__(self, pose: np.ndarray) -> np.ndarray:
        """The next frame; the one before for the very same array."""
        if pose is not self._pose or self._picture is None:
            made = self._paint(target_iuv=pose)["image"]
            self._picture = made if self._colours is None else self._colours(made, pose)
            self._pose = pose
        return self._picture

    def passed(self, pose: np.ndarray) -> None:
        """A frame that was painted before `restore`."""
        self._pose = pose

    def state(self) -> dict[str, np.ndarray]:
        """What the next frames depend on."""
        kept = {} if self._picture is None else {"picture": self._picture}
        kept |= {} if self._staying is None else {"photo": np.array(self._staying.photo)}
        return kept | (self._colours.state() if self._colours else {})

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from `state()`; `passed` is to be told of the frames until there."""
        state = dict(state)
        self._picture = state.pop("picture", None)
        photo = state.pop("photo", None)
        if self._staying is not None and photo is not None:
            self._staying.photo = int(photo)
        if self._colours:
            self._colours.restore(state)


def held(maps: Iterable[np.ndarray | None]) -> Iterator[np.ndarray]:
    """The same with the one before in place of None, the very same array; at the beginning with the first."""
    last, before = None, 0
    for one in maps:
        if one is None and last is None:
            before += 1
            continue
        last = last if one is None else one
        assert last is not None
        for _ in range(before):
            yield last
        before = 0
        yield last


def unsteadiness(pictures: Iterable[np.ndarray], maps: Iterable[np.ndarray]) -> float:
    """Mean change, of 255, from frame to frame, of pixels on the body that should not change: 0 is steady.

    Those are pixels that show the same piece of the surface in two frames that follow each other, up to `_REACH` pixels
    apart; a picture that changes there does so for no reason but its light.

    Args:
      pictures: uint8 `[H, W, 3]`, in the order of time.
      maps: their true maps, likewise.
    """
    changes, last = [], None
    for picture, iuv in zip(pictures, maps, strict=True):
        if last is not None:
            changes.append(_change(picture.astype(np.int16), iuv.astype(np.int16), *last))
        last = picture.astype(np.int16), iuv.astype(np.int16)
    return float(np.mean([one for one in changes if one is not None])) if changes else 0.0


def _change(picture, iuv, last_picture, last_map) -> float | None:
    height, width = iuv.shape[:2]
    nearest = np.full((height, width), _SAME + 1, np.int16)
    change = np.zeros((height, width))
    last = np.pad(np.concatenate([last_map, last_picture], -1), [(_REACH, _REACH), (_REACH, _REACH), (0, 0)])
    for down, right in np.ndindex(2 * _REACH + 1, 2 * _REACH + 1):
        moved = last[down : down + height, right : right + width]
        apart = np.abs(moved[..., 1:3] - iuv[..., 1:]).sum(-1)
        better = (moved[..., 0] == iuv[..., 0]) & (iuv[..., 0] > 0) & (apart < nearest)
        nearest[better] = apart[better]
        change[better] = np.abs(picture - moved[..., 3:]).mean(-1)[better]
    same = nearest <= _SAME
    return float(change[same].mean()) if same.any() else None
