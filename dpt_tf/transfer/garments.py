"""Which of a person's surface is skin, top, bottom, shoes or hair, told by colours and by where on the body they are.

  texture uint8 `[24, R, R, 3]`, the whole surface   observed uint8 `[24, R, R, 1]`, 255 where a photo shows it

All is told in the cells of `iuv.tubes`, by the person's own colours: skin is what is like face and hands, a sleeve ends
at the station from which on an arm is rather skin than cloth, and a top ends where the trunk begins to be like the
thighs. So a sleeve's or a trouser leg's edge is a ring round the limb, a neckline is free.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from dpt_tf.iuv import tubes
from dpt_tf.iuv.parts import KINDS
from dpt_tf.iuv.tubes import ANGLES, STATIONS, Grid

_CHROMA, _LUMA = 0.1, 0.6  # natural logarithms: so different in hue, in lightness, is one piece of skin from another
_CLOTH_LUMA = 0.25
_SHADOW = 1.0  # that hands and face may differ by in lightness
_FAR = 3.0  # squares of these from which on a colour is not meant
_DARK = 8.0  # of 255: added before logarithms are taken, for dark colours tell little
_GUESSED = 0.02  # what counts a cell that no photo shows, against a texel that one does
_WAISTS = (0.4, 0.6)  # of the trunk: no top ends above the first; where one ends that looks like what is below it
_FACE = 55.0  # degrees from the middle
_COLLAR_T, _COLLAR_PHI = 0.15, 70.0  # of the head, where a collar may cover the neck: up to there, and not beyond
_HAIRLINE = 0.62  # of the head

_T = ((np.arange(STATIONS) + 0.5) / STATIONS)[:, None]
_PHI = np.abs((((np.arange(ANGLES) + 0.5) * 360 / ANGLES + 180) % 360) - 180)[None]
_AT = {name: number for number, name in enumerate(tubes.PIECES)}
ARMS, LEGS = ([_AT[f"{limb}_{side}"] for side in ("left", "right")] for limb in ("arm", "leg"))
HANDS, FEET = ([_AT[f"{limb}_{side}"] for side in ("left", "right")] for limb in ("hand", "foot"))
TORSO, HEAD = _AT["torso"], _AT["head"]


@dataclasses.dataclass(frozen=True)
class Worn:
    """What somebody wears, in the cells of `iuv.tubes`.

    Attributes:
      skin: colours of face and hands `[N, 3]`, in 0..255, the face's first; N is 0 where neither is seen.
      bare: `[10, S, A]` in 0..1, how much a cell is like skin.
      covers: by kind, `[10, S, A]` in 0..1, where it is.
      waist: where the top ends on the trunk, as a station; None where top and bottom look the same.
      sleeve, leg: where sleeves and trouser legs end, as stations, both sides alike; 0 where there are none.
      chest, hair: colours `[3]` of the trunk's middle and of the hair; None where none is seen.
    """

    skin: NDArray[np.float64]
    bare: Grid
    covers: dict[str, Grid]
    waist: float | None
    sleeve: float
    leg: float
    chest: NDArray[np.float64] | None
    hair: NDArray[np.float64] | None


def worn(texture: NDArray, observed: NDArray, margin: float = 0.0) -> Worn:
    """What the person of a surface wears, sleeves and legs longer by so many cells than they seem."""
    colours, _ = tubes.of_atlas(texture, np.ones_like(observed))
    known = tubes.of_atlas(texture, observed > 0)[1]
    weight = known + _GUESSED
    skin = _skin(colours, known)
    chest = _median(colours[TORSO], weight[TORSO] * ((_T > 0.25) & (_T < 0.5)))
    thighs = _median(colours[LEGS], weight[LEGS] * (_T < 0.12))
    bare = np.zeros(colours.shape[:-1])
    if len(skin):
        bare = like(colours, skin, chest)
        bare[LEGS] = like(colours[LEGS], skin, thighs)
    waist = None
    if _distance(thighs, chest, _CLOTH_LUMA) > 1:
        below = like(colours[TORSO], thighs, chest, _CLOTH_LUMA, _CLOTH_LUMA)
        waist = max(_end(below, weight[TORSO] * (_WAISTS[0] < _T), 0.0), _WAISTS[0])
    sleeve, leg = (_end(bare[limbs], weight[limbs], margin) for limbs in (ARMS, LEGS))
    covers: dict[str, Grid] = {kind: np.zeros(bare.shape) for kind in KINDS}
    soft = tubes.softened(bare, 1.0)[TORSO]
    middle = _WAISTS[1] if waist is None else waist
    covers["top"][TORSO] = until(middle) * (1 - soft)
    covers["bottom"][TORSO] = (1 - until(middle)) * (1 - soft)
    covers["top"][ARMS], covers["bottom"][LEGS] = until(sleeve), until(leg)
    covers["top"][HEAD] = (1 - tubes.softened(bare, 1.0)[HEAD]) * ((_PHI < _COLLAR_PHI) & (_T < _COLLAR_T))
    covers["shoes"][FEET] = 1
    hair = (1 - tubes.softened(bare, 1.0)[HEAD]) if len(skin) else np.ones_like(soft)
    covers["hair"][HEAD] = hair * ((_PHI > _FACE) | (_T > _HAIRLINE)) * (1 - covers["top"][HEAD])
    strands = _median(colours[HEAD], known[HEAD] * (covers["hair"][HEAD] > 0.9))
    return Worn(skin, bare, covers, waist, sleeve, leg, chest, strands)


def _skin(colours: Grid, known: Grid) -> NDArray[np.float64]:
    """The colours of the face and of the hands: one may lie in the other's shadow, or in a pocket."""
    face = _median(colours[HEAD], known[HEAD] * (_PHI < _FACE) * (_T > 0.15) * (_T < 0.5))
    hands = _median(colours[HANDS], known[HANDS])
    found = [tone for tone in (face, hands) if tone is not None and tone[0] > max(tone[1], tone[2])]
    if len(found) == 2 and _distance(found[0], found[1], _SHADOW) > _FAR:
        found.pop()
    return np.array(found).reshape(-1, 3)


def _median(colours: Grid, weight: Grid) -> NDArray[np.float64] | None:
    """Of each channel the median of the cells, by weight; None where there is none."""
    flat, weight = colours.reshape(-1, 3), np.broadcast_to(weight, colours.shape[:-1]).ravel()
    if weight.sum() <= 0:
        return None
    order = flat.argsort(0)
    reached = np.cumsum(weight[order], 0) >= weight.sum() / 2
    return np.take_along_axis(flat, np.take_along_axis(order, reached.argmax(0)[None], 0), 0)[0]


def _distance(colours, other, luma=_LUMA):
    """The square of how different colours are, in hue and lightness: `[..., 3] -> [...]`."""
    differs = np.log(colours + _DARK) - np.log(other + _DARK)
    hue = differs[..., ::2] - differs[..., 1:2]
    return (hue**2).sum(-1) / _CHROMA**2 + differs.mean(-1) ** 2 / luma**2


def like(colours, meant, instead, luma=_LUMA, other_luma=_CLOTH_LUMA):
    """How much colours `[..., 3]` are rather the ones meant, `[3]` or `[N, 3]`, than others: `[...]` in 0..1."""
    near, other = (
        np.min([_distance(colours, one, width) for one in np.atleast_2d(some)], 0)
        for some, width in ((meant, luma), (instead, other_luma))
    )
    margin = np.minimum(_FAR, other) - near
    return 1 / (1 + np.exp(-2 * np.clip(margin, -20, 20)))


def _end(bare: Grid, weight: Grid, margin: float) -> float:
    """The station from which on cells `[..., S, A]` are bare, before which they are not: where that fits most of them.

    With a margin in cells, but where that is at neither end.
    """
    says = (weight * (bare - 0.5)).reshape(-1, STATIONS, ANGLES).sum((0, 2))
    fits = np.concatenate([[0], np.cumsum(-says)]) + np.concatenate([np.cumsum(says[::-1])[::-1], [0]])
    cell = int(np.argmax(fits))
    return float(cell if cell in (0, STATIONS) else np.clip(cell + margin, 0, STATIONS)) / STATIONS


def until(end: float) -> Grid:
    """1 up to a station, 0 beyond it, over a cell: `[S, 1]`."""
    return np.clip((end - _T) * STATIONS + 0.5, 0, 1) if 0 < end < 1 else np.full_like(_T, end)
