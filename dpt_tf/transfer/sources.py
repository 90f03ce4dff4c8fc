"""What photos tell of a person before any pose is asked for: surface, backdrop, and what hangs beside the body."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import ndimage

from dpt_tf.images import framing
from dpt_tf.models import composition
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import several

Known = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A photo uint8 `[H, W, 3]`, its map `[H, W, 3]`, and who is the person beside the body, `[H, W, 1]`."""

_SAME_LIGHT = 0.03  # a factor this near to 1 is left alone
_UNLIKE = 40.0  # of 255: photos of one person differ by less, but for patterns and shadows
_SAME_PLACE = 10.0  # of 255: what two photos of one place differ by, where neither shows the person
_NEARLY_ALL = 0.95  # of these pixels differ by less in two photos of one place, half of them in one light
_ENOUGH = 0.2  # of two photos' pixels that neither hides, to tell by
_LITTLE = 32  # a share of a pixel, of 255, that is not yet the person's
_STAY = 0.08  # likewise, for another than the one before, where a pose moves
_FIRST = 0.02  # of the target's body: so much more another photo must show to be taken for the first


@dataclasses.dataclass(frozen=True)
class Sources:
    """One person, in one photo or several.

    Of several, the surface is that of all (`several.merge`), each brought to the first one's light, unless they were
    taken at the same place, where a body is darker for its own shadow alone; the backdrop is the first one's, with what
    others of the same place show where it is hidden; and what hangs beside the body, and what the predictive stream
    sees, are of the photo that shows most of the pose.

    Attributes:
      each: what a pose is rendered from (`Composition.source`), by photo; of several, with one surface and backdrop.
      maps: uint8 `[H, W, 3]` (I, U, V), of each photo.
      shown: uint8 `[24, R, R, 1]` each, 255 where that photo itself shows the texel.
      whose: uint8 `[24, R, R, 1]`, from 1, which photo a texel is of, 0 where of none; None of a single photo.
      doubts: lines about photos that do not seem to be of the same person, by their numbers from 1.
    """

    each: Sequence[Mapping[str, Any]]
    maps: Sequence[np.ndarray]
    shown: Sequence[np.ndarray]
    whose: np.ndarray | None = None
    doubts: list[str] = dataclasses.field(default_factory=list)

    @property
    def texture(self) -> np.ndarray:
        """Uint8 `[24, R, R, 3]`."""
        return np.asarray(self.each[0]["texture"][0])

    @property
    def observed(self) -> np.ndarray:
        """Uint8 `[24, R, R, 1]`, 255 where a photo shows the texel."""
        return np.asarray(self.each[0]["observed"][0])

    def of_pose(self, target_iuv: np.ndarray) -> Mapping[str, Any]:
        """What a pose is rendered from."""
        if len(self.each) == 1:
            return self.each[0]
        shares = [several.seen_share(one, target_iuv) for one in self.shown]
        shares[0] += _FIRST
        return self.each[int(np.argmax(shares))]

    def staying(self) -> "Staying":
        """The same for a pose that moves: the photo changes only where another shows clearly more."""
        return Staying(**{field.name: getattr(self, field.name) for field in dataclasses.fields(self)})

    def photos_of(self, target_iuv: np.ndarray, provenance: np.ndarray) -> np.ndarray:
        """The number, from 1, of the photo that each pixel of a pose shows, 0 where none: uint8 `[H, W, 1]`."""
        assert self.whose is not None, "one photo"
        return np.where(provenance >= 128, several.sources_of(self.whose, target_iuv), 0).astype(np.uint8)


class Staying(Sources):
    """`Sources` that remember whose photo the pose before was rendered from.

    Attributes:
      photo: its index; the first one's to begin with.
    """

    photo = 0

    def of_pose(self, target_iuv: np.ndarray) -> Mapping[str, Any]:
        """What the next pose is rendered from."""
        shares = [several.seen_share(one, target_iuv) for one in self.shown] if len(self.each) > 1 else [0.0]
        shares[self.photo] += _STAY
        self.photo = int(np.argmax(shares))
        return self.each[self.photo]


def of_photos(halves: tuple[Callable, ...], known: Sequence[Known]) -> Sources:
    """What photos show.

    Args:
      halves: a photo's and a pose's (`painter.Halves`) and, where there may be several photos, the surface's.
      known: the photos, best first.

    Raises:
      UserError: several photos, but `halves` are an export's.
    """
    of_source, surface = halves[0], halves[2] if len(halves) > 2 else None
    within: list[Any] = [
        [framing.within(one, composition.LARGEST, is_map=k == 1) for k, one in enumerate(each)] for each in known
    ]
    if len(known) > 1 and surface is None:
        raise UserError("an export paints from one photo; several need the run it was made of")
    first = of_source(*(one[None] for one in within[0]))
    if len(known) == 1 or surface is None:
        return Sources([first], [within[0][1]], [first["observed"][0].numpy()])
    joining = _Joining(of_source, first, within[0])
    for number, one in enumerate(within[1:], 2):
        photo, iuv, coverage = one
        joining.add(photo, iuv, coverage, number)
    return joining.joined(surface)


class _Joining:
    """Several photos, on the way to be one person's."""

    def __init__(self, of_source, first, known):
        photo, iuv, _ = known
        self._of_source, self._each, self._doubts = of_source, [first], []
        self._shown, self._behind = [_shown(first, iuv)], _Behind(first, photo)

    def add(self, photo, iuv, coverage, number):
        there = self._of_source(photo[None], iuv[None], coverage[None])
        shown = _shown(there, iuv)
        same_light = self._behind.add(there, photo)
        factor = np.ones(3) if same_light else several.light(self._shown[0], shown)
        if factor is None:
            self._doubts.append(f"photo {number} shows too little of what the first shows to compare their light")
        elif np.abs(factor - 1).max() > _SAME_LIGHT:
            photo = np.clip(np.rint(photo * factor), 0, 255).astype(np.uint8)
            there = self._of_source(photo[None], iuv[None], coverage[None])
            shown = _shown(there, iuv)
        differs = several.unlikeness(self._shown[0], shown)
        if differs is not None and differs > _UNLIKE:
            self._doubts.append(
                f"photo {number} may show somebody else, or other clothes: where it shows what the first shows, they "
                f"differ by {differs:.0f} of 255, photos of one person by less than {_UNLIKE:.0f}"
            )
        self._each.append(there)
        self._shown.append(shown)

    def joined(self, surface) -> Sources:
        merged = several.merge(self._shown)
        whole = surface(tf.constant(merged.texture[None]), tf.constant(merged.observed[None]))
        of_all = dict(whole) | self._behind.backdrops()
        each = [dict(one) | of_all for one in self._each]
        maps, shown = ([getattr(one, name) for one in self._shown] for name in ("iuv", "observed"))
        return Sources(each, maps, shown, merged.photo, self._doubts)


def _shown(source: Mapping, iuv: np.ndarray) -> several.Shown:
    return several.Shown(source["texture"][0].numpy(), source["observed"][0].numpy(), iuv)


class _Behind:
    """The first photo's backdrop, and in its hole what other photos of the same place show."""

    def __init__(self, source: Mapping, photo: np.ndarray):
        self._small = source["small_backdrop"]
        self._square = source["backdrop"][0].numpy()
        self._photo, self._hidden = photo, _hidden(source)
        height, width = photo.shape[:2]
        top, left = (len(self._square) - height) // 2, (len(self._square) - width) // 2
        self._framed = self._square[top : top + height, left : left + width]  # a view
        self._never = self._hidden

    def add(self, source: Mapping, photo: np.ndarray) -> bool:
        """Takes what another photo shows, if it is of the same place and frame; whether its light is the same."""
        if photo.shape != self._photo.shape:
            return False
        there = _hidden(source)
        both = ~self._hidden & ~there
        if both.mean() < _ENOUGH:
            return False
        differs = np.abs(photo[both].astype(int) - self._photo[both]).mean(-1)
        if np.quantile(differs, _NEARLY_ALL) <= _SAME_PLACE:
            found = self._never & ~there
            self._framed[found] = photo[found]
            self._never = self._never & there
        return bool(np.median(differs) <= _SAME_PLACE)

    def backdrops(self) -> dict[str, Any]:
        """`backdrop` and `small_backdrop` as a source has them."""
        square = tf.constant(self._square[None])
        small = tf.image.resize(tf.cast(square, tf.float32), self._small.shape[1:3], antialias=True)
        return {"backdrop": square, "small_backdrop": small / 127.5 - 1}


def _hidden(source: Mapping) -> np.ndarray:
    """Where a photo shows the person, and a margin: bool `[H, W]`."""
    person = source["person"][0].numpy()
    margin = max(2, len(person) // 64)
    return ndimage.binary_dilation(person[..., 3:].max(-1) > _LITTLE, iterations=margin)
