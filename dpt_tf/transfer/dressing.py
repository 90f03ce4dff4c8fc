"""One person in another's clothes: parts of one surface on another's, and the photos of the one as they then look.

What is taken follows the garments (`garments.worn`), not the charts: of an arm the sleeve, of the trunk what lies above
the waist. Where the old garment was and the new one is not the person is bare, in the person's own skin: the arm of
whoever wears the clothes, in the other's colour. Where the new top is shorter than the old one, what is worn below is
drawn up to it. What hung beside the body near what is replaced goes with it; the new garment reaches as far beside the
body as the map's outline lets it, and a skirt's width is beyond that.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import ndimage

from dpt_tf.images import framing
from dpt_tf.iuv import NUM_PARTS, PART_NAMES, tubes
from dpt_tf.iuv.parts import KINDS, MIRRORED
from dpt_tf.iuv.tubes import STATIONS, Grid
from dpt_tf.models import composition
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import dressed_photos, garments
from dpt_tf.transfer.garments import Worn
from dpt_tf.transfer.sources import Sources

_ARE = {"top": (1, 2), "bottom": (7, 8, 9, 10), "shoes": (5, 6), "hair": (23, 24)}  # parts that show a kind
_SHOWN = 0.01  # of a part's texels, below which a photo shows nothing of it
_OLD, _NEW = 1.0, -0.5  # cells: what goes is taken for longer than it seems, what comes for shorter
_BLENDED = 128  # a part's side in widths of the blending at a mask's edge
_LONG = 0.85  # of a limb: a garment that long leaves too little of it bare to go by
_SHADES = (0.8, 1.2)  # of bare skin, times its usual one
_HEM, _LOWEST = 2.0, 0.95  # cells below a top's end; and how low on the trunk what is drawn up may begin
_WAIST = 0.6  # of the trunk, where a dress is parted
_LIGHT, _TINT = 0.1, 0.5  # how much of what skins differ by is the light's, in lightness and in hue
_STRONGEST = 1.35


@dataclasses.dataclass(frozen=True)
class _Cover:
    """What becomes of the surface, in 0..1 `[10, S, A]`: bare skin, then what is worn below drawn up, then cloth."""

    bare: Grid
    drawn: Grid
    cloth: Grid


def dressed(
    halves: tuple[Callable, ...],
    person: Sources,
    clothes: Sources,
    parts: Sequence[str | int],
    mask: NDArray[np.uint8] | None = None,
) -> Sources:
    """The person with parts of the other's surface; its `doubts` say what could not be told.

    Args:
      halves: a photo's, a pose's and the surface's (`painter.Halves`).
      person: who is dressed.
      clothes: who wears the clothes.
      parts: as `iuv.parts.parsed` gives them; not looked at with a mask.
      mask: uint8 `[H, W]`, of the clothes' only photo what is to be taken, 128 and up.

    Raises:
      UserError: the clothes' photos do not show a part, or the mask covers nothing of the person.
    """
    of_source, _, surface = halves
    old = garments.worn(person.texture, person.observed, _OLD)
    of_clothes = _unwrapped(of_source, clothes, mask)
    if mask is None:
        _refuse_unseen(of_clothes[1], parts)
    new = garments.worn(clothes.texture, clothes.observed, _NEW)
    factor, doubts = _light(old, new)
    resolution = max(len(person.texture[0]), len(of_clothes[0][0]))
    own, own_seen, lit, seen = (_enlarged(x, resolution) for x in (person.texture, person.observed, *of_clothes))
    whole, changed = _surface(own, np.clip(lit * factor, 0, 255), seen, (old, new), parts if mask is None else None)
    observed = np.where(changed[..., :1] > 127, seen, own_seen)
    kept = {name: person.each[0][name] for name in ("backdrop", "small_backdrop")} | _known(surface, whole, observed)
    each = []
    for number, (one, iuv) in enumerate(zip(person.each, person.maps, strict=True)):
        stays = dressed_photos.hair(np.asarray(one["person"])[0], iuv, old) & ("hair" not in parts)
        photo, share = dressed_photos.redone(one, iuv, whole, changed, stays, number == 0)
        each.append(dict(of_source(photo[None], iuv[None], share[None])) | kept)
    whose = person.whose
    if whose is not None:
        whose = np.where(changed[..., :1] > 127, 0, _enlarged(whose, resolution)).astype(np.uint8)
    shown = [_enlarged(one, resolution) for one in person.shown]
    return Sources(each, person.maps, shown, whose, [*person.doubts, *doubts])


def _enlarged(sheets, resolution):
    times = resolution // len(sheets[0])
    return sheets.repeat(times, 1).repeat(times, 2)


def _unwrapped(of_source, clothes: Sources, mask) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Texture and observed of who wears the clothes: without what an outline mixes in and what hair lies before.

    Of several photos it is what they show together; within the mask if any.

    Raises:
      ValueError, UserError: the mask is of another size, or covers nobody.
    """
    if len(clothes.each) > 1:
        if mask is not None:
            raise UserError("a mask is of one photo of the clothes; give that photo alone")
        return clothes.texture, clothes.observed
    known, iuv = np.asarray(clothes.each[0]["person"])[0], clothes.maps[0]
    worn = garments.worn(clothes.texture, clothes.observed)
    inner = dressed_photos.inner(iuv)
    if mask is None:
        inner &= ~ndimage.binary_dilation(dressed_photos.hair(known, iuv, worn))
    else:
        mask = framing.within(mask[..., None], composition.LARGEST)[..., 0]
        if mask.shape != inner.shape:
            raise ValueError(f"mask is {mask.shape} and the clothes' photo {inner.shape}; they must be of one size")
        inner &= mask >= 128
        if not inner.any():
            raise UserError("the mask covers nothing of the person in the clothes' photo; paint the garment white")
    iuv = np.where(inner[..., None], iuv, 0)
    found = of_source(known[None, ..., :3], iuv[None], np.zeros([1, *iuv.shape[:2], 1], np.uint8))
    return np.asarray(found["texture"])[0], np.asarray(found["observed"])[0]


def _surface(own, lit, seen, both: tuple[Worn, Worn], parts):
    """The person's texture in the other's clothes, and how much of each texel is changed, and is cloth; all of one R.

    Without parts, what is seen of the clothes is taken, and nothing else.
    """
    resolution = len(own[0])
    if parts is None:
        width = resolution / _BLENDED
        cloth = ndimage.gaussian_filter(seen[..., 0] / 255, (0, width, width), mode="nearest")[..., None]
        changed, whole = cloth, own + cloth * (lit - own)
    else:
        cover = _cover(*both, parts)
        lit = _fitted(lit, *both, parts)
        bare, drawn, cloth = (tubes.to_atlas(x, resolution)[..., None] for x in dataclasses.astuple(cover))
        whole = own + bare * (_skin(own, lit, *both) - own)
        whole += drawn * (_drawn_up(own, *both) - whole)
        whole += cloth * (lit - whole)
        changed = 1 - (1 - bare) * (1 - drawn) * (1 - cloth)
    return np.rint(whole).astype(np.uint8), np.rint(255 * np.concatenate([changed, cloth], -1)).astype(np.uint8)


def _refuse_unseen(observed, parts) -> None:
    share = (observed > 0).mean((1, 2, 3))
    for part in parts:
        wanted = _ARE[part] if part in _ARE else (part, MIRRORED[part])
        if max(share[number - 1] for number in wanted) < _SHOWN:
            name = part if part in _ARE else f"part {part}, {PART_NAMES[part]}"
            raise UserError(f"the clothes' photos show nothing of {name}; give one that does, or leave {name} out")


def _on_parts(parts, resolution):
    chosen = np.isin(np.arange(1, NUM_PARTS + 1), [part for part in parts if part not in KINDS])
    return np.broadcast_to(chosen[:, None, None, None], [NUM_PARTS, resolution, resolution, 1]).astype(np.float32)


def _waists(old: Worn, new: Worn) -> tuple[float, float]:
    """Where top and bottom meet on the one and on the other; a dress is parted where the other's top ends."""
    of_old = old.waist or new.waist or _WAIST
    return of_old, new.waist or of_old


def _cover(old: Worn, new: Worn, parts) -> _Cover:
    bare, drawn, cloth = (np.zeros_like(old.bare) for _ in range(3))
    limbs = {
        "top": [*garments.ARMS, garments.HEAD],
        "bottom": garments.LEGS,
        "shoes": garments.FEET,
        "hair": [garments.HEAD],
    }
    for kind in set(parts) & set(limbs):
        for piece in limbs[kind]:
            was, comes = old.covers[kind][piece], new.covers[kind][piece]
            cloth[piece] = np.maximum(cloth[piece], comes)
            bare[piece] = np.maximum(bare[piece], np.clip(was - comes, 0, 1))
    trunk = garments.TORSO
    skin, dressed_before = _decided(new.bare)[trunk], 1 - _decided(old.bare)[trunk]
    of_old, of_new = _waists(old, new)
    cell = 0.5 / STATIONS
    below_old, below_new = 1 - garments.until(of_old - cell), 1 - garments.until(of_new - cell)
    within = {"top": 1 - below_new, "bottom": below_old, "both": np.ones_like(below_old)}
    kind = "both" if {"top", "bottom"} <= set(parts) else next((x for x in ("top", "bottom") if x in parts), None)
    if kind is not None:
        cloth[trunk] = within[kind] * (1 - skin)
        bare[trunk] = within[kind] * skin * dressed_before
    if kind == "top":
        drawn[trunk] = np.clip(below_new - (1 - garments.until(min(_below(of_old), 1.0))), 0, 1) * (of_new < of_old)
    numbered = [part for part in parts if part not in KINDS]
    if numbered:
        on = _on_parts(numbered, 64)
        cloth = np.maximum(cloth, tubes.of_atlas(on, np.ones_like(on))[0][..., 0])
    return _Cover(bare, drawn, cloth)


def _decided(bare: Grid) -> Grid:
    """Bare or not, over a cell and its neighbours."""
    return np.clip(3 * tubes.softened(bare, 1.0) - 1, 0, 1)


def _fitted(texture, old: Worn, new: Worn, parts):
    """The clothes' surface with a bottom that begins where the person's own top ends."""
    of_old, of_new = _waists(old, new)
    if "bottom" not in parts or "top" in parts or of_new <= of_old:
        return texture
    return _stretched(texture, of_old, of_new)


def _drawn_up(texture, old: Worn, new: Worn):
    """The person's surface with a bottom that begins where the new top ends."""
    of_old, of_new = _waists(old, new)
    return _stretched(texture, of_new, min(_below(of_old), _LOWEST)) if of_new < of_old else texture


def _below(waist: float) -> float:
    """A station at which surely nothing of a top is left."""
    return waist + _HEM / STATIONS


def _stretched(texture, first: float, shown: float):
    """The trunk from station `first` on shows what lies from `shown` on, drawn longer."""
    result = texture.copy()
    resolution = len(texture[0])
    along = tubes.places(resolution)[1]
    for sheet in (0, 1):
        here = shown + (along[sheet] - first) * (1 - shown) / (1 - first)
        column = np.interp(here, along[sheet][resolution // 2], np.arange(resolution))
        column = np.rint(np.where(along[sheet] >= first, column, np.arange(resolution)[None])).astype(int)
        result[sheet] = np.take_along_axis(texture[sheet], column[..., None], 1)
    return result


def _skin(own, lit, old: Worn, new: Worn):
    """Bare skin: on a limb the person's own from beyond the old garment, else their colour in the other's shades.

    Plain where neither is bare. `[24, R, R, 3]`
    """
    if not len(old.skin):
        return lit
    tone, soft = old.skin[-1], _decided(new.bare)
    mine, others = (tubes.of_atlas(x, np.ones_like(x[..., :1]))[0] for x in (own, lit))
    skin = np.empty_like(mine)
    for piece in range(len(skin)):
        shade = others[piece].mean(-1, keepdims=True)
        usual = np.median(shade[soft[piece] > 0.5]) if (soft[piece] > 0.5).any() else 1.0
        shade = np.clip(shade / max(usual, 1.0), *_SHADES)
        skin[piece] = tone * (1 + soft[piece][..., None] * (shade - 1))
    for limbs, end in ((garments.ARMS, old.sleeve), (garments.LEGS, old.leg)):
        first, rows = int(np.ceil(end * STATIONS)) + 1, np.arange(STATIONS)
        if first < _LONG * STATIONS:
            rows = np.where(rows < first, np.minimum(2 * first - rows, STATIONS - 1), rows)
            skin[limbs] = mine[limbs][:, rows]
    fine = [tubes.to_atlas(skin[..., k], len(own[0])) for k in range(3)]
    return np.clip(np.stack(fine, -1), 0, 255)


def _light(old: Worn, new: Worn) -> tuple[NDArray[np.float64], list[str]]:
    """By which factor a channel the clothes' colours come into the person's light.

    Note: two people's skins differ, and so do lights; of the difference a share is taken for the light's.
    """
    if not len(old.skin) or not len(new.skin):
        return np.ones(3), ["the skin of one of the two is not seen: light is not matched"]
    differs = np.log(old.skin[0] / new.skin[0])
    lightness = differs.mean()
    factor = np.exp(_LIGHT * lightness + _TINT * (differs - lightness))
    return np.clip(factor, 1 / _STRONGEST, _STRONGEST), []


def _known(surface, texture, observed) -> dict[str, Any]:
    """What poses are painted from of a surface that is whole: nothing of it is guessed anew."""
    found = dict(surface(tf.constant(texture[None]), tf.constant(np.full_like(observed, 255)[None])))
    small = found["small_observed"].shape[2]
    times = observed.shape[1] // small
    reduced = observed.reshape(NUM_PARTS, small, times, small, times, 1).max((2, 4)) > 0
    return found | {
        "observed": tf.constant(observed[None]),
        "small_observed": tf.constant(reduced[None].astype(np.float32)),
    }
