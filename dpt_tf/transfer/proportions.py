"""A pose on another body: the map of whoever strikes it, redrawn as if the person of the photos did.

Both builds are measured on their maps (`builds`). The map is redrawn segment by segment, from the trunk outwards: each
is warped by what makes it as much thicker and longer as the person's is, foreshortened as it is; joints stay together,
shoulders and hips come as far apart as the person's, and near a joint the pixels go from the one warp to the other.
Which of two segments that cross is in front is as it was.

Height: a photo does not say how tall somebody is, nor from how near it was taken, so that is no build: the person is
as tall, standing upright, as whoever strikes the pose, stands where they stand, and on their floor. What changes is
how that height is made of head, trunk and legs, how long the arms are, and how thick everything is.

Maps are uint8 `[H, W, 3]` (I, U, V); places are (x, y) in pixels, the middle of the first one (1/2, 1/2).
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage, spatial

from dpt_tf.system.errors import UserError
from dpt_tf.transfer import builds
from dpt_tf.transfer.builds import SEGMENTS, Build, Floats, Lying

Warp = Callable[[Floats], Floats]  # of places `[N, 2]`

# How much a person's sizes differ from another's, beside their heights, as logarithms, and how much one measurement of
# them errs: (long, thick).
_DIFFER = 0.12, 0.4
_ERR = {"trunk": (0.04, 0.05), "hand": (0.1, 0.15), "foot": (0.2, 0.3)} | dict.fromkeys(builds.PAIRS, (0.08, 0.08))
_ERR_ELSE = 0.05, 0.06
_LIMBS = ("arm", "forearm", "thigh", "calf")
_PAIR_OF = {limb: pair for pair, limb in builds.PAIRS.items()}
_HANGS = {"arm": 0.12, "thigh": 0.86}  # the station of the trunk where they do
_SHAPED, _SHAPED_LIMBS = 1.0, 0.3  # how far it is believed that a segment is thicker here than there
_MOST = 0.65  # no segment becomes thicker or longer than by e to this
_FULL = 400  # pixels from which on a segment is measured as well as it can be, in a person 200 pixels tall
_BLEND = 0.3  # of a segment, from its joint, is between the parent's affine and its own
_HIDDEN = 0.08  # of a person's height: how far a segment goes on behind another
_SPECK = 2e-4  # of a person's height squared: holes that are none
_EDGE = 0.25  # of a person's height: how far round the person it may come to reach
_JUMP = 24  # levels that U and V may differ by between neighbours of one piece of a part
_SMOOTH = 1.0  # pixels, of an outline
_FINE = 3  # each pixel is laid down as 3 x 3


@dataclasses.dataclass(frozen=True)
class _Segment:
    """What is to be drawn of one: `pixels` (x, y) int `[N, 2]` of the map, their (I, U, V), where they come to lie."""

    name: str
    pixels: np.ndarray
    iuv: np.ndarray
    places: Floats


def fitted(target_iuv: np.ndarray, source: Build | Sequence[np.ndarray]) -> np.ndarray:
    """The pose of `target_iuv` as struck by the person of the photos: uint8 `[H, W, 3]`, in the frame of the target.

    Args:
      target_iuv: uint8 `[H, W, 3]`, of one person.
      source: the build of the person to paint, or maps of it, uint8 `[h, w, 3]` each; the more views, the surer.

    Raises:
      UserError: the maps show no piece of the body in common that is large enough to compare.
    """
    source = source if isinstance(source, Build) else builds.build(source)
    return redrawn(target_iuv, ratios(source, builds.build([target_iuv])))


def ratios(source: Build, target: Build) -> dict[str, Floats]:
    """By how much the source's segments are longer and thicker than the target's, were both equally tall: as sizes.

    What is not seen of both is as much thicker as the limbs are, and as long. Measurements are believed as far as
    people differ by more than measurements err.

    Raises:
      UserError: no segment is seen of both.
    """
    if not set(source.sizes) & set(target.sizes):
        raise UserError(
            "the photos and the pose show no piece of the body in common that is large enough to compare how they are "
            "built; leave keep_proportions out, or give other photos"
        )
    shift = builds.taller(source, target)
    both = set(source.sizes) & set(target.sizes)
    seen = {name: source.sizes[name] - target.sizes[name] - shift for name in both}
    weight = {name: min(source.sure[name], target.sure[name], _FULL) / _FULL for name in both}
    limbs = sorted(both & set(_LIMBS))
    usual = float(np.average([seen[k][1:].mean() for k in limbs], weights=[weight[k] for k in limbs])) if limbs else 0.0
    found = {}
    for name in (*dict.fromkeys(map(builds.plain, SEGMENTS)), *builds.PAIRS):
        size = builds.NOTHING + np.append(0.0, usual * (name in _LIMBS) * np.ones(len(builds.STATIONS)))
        if name in seen:
            err = 2 * np.square(_ERR.get(name, _ERR_ELSE)) / max(weight[name], 1e-6)
            prior = np.square(_DIFFER)
            more = (seen[name] - size) * np.repeat(prior / (prior + err), (1, len(builds.STATIONS)))
            usual_more = np.append(more[0], np.full(len(builds.STATIONS), more[1:].mean()))
            size = size + usual_more + (_SHAPED if name == "trunk" else _SHAPED_LIMBS) * (more - usual_more)
        found[name] = np.clip(size, -_MOST, _MOST)
    return found


def redrawn(iuv: np.ndarray, sizes: dict[str, Floats]) -> np.ndarray:
    """A map with segments so much longer and thicker, by their names without a side (`ratios`)."""
    rows, columns = (np.flatnonzero((iuv[..., 0] > 0).any(axis)) for axis in (1, 0))
    tall = int(rows[-1] + 1 - rows[0])
    edge = int(np.ceil(_EDGE * tall))  # what the frame cuts off goes on beyond it
    padded = np.pad(iuv, [[edge, edge], [edge, edge], [0, 0]], mode="edge")
    near = np.s_[rows[0] : rows[-1] + 1 + 2 * edge, columns[0] : columns[-1] + 1 + 2 * edge]
    result = np.zeros_like(padded)
    result[near] = _redrawn(padded[near], sizes, tall, floor=None if rows[-1] >= len(iuv) - 2 else tall + edge - 0.5)
    return result[edge:-edge, edge:-edge]


def _redrawn(iuv: np.ndarray, sizes: dict[str, Floats], tall: int, floor: float | None) -> np.ndarray:
    """Of a map of nothing but the person, so `tall`; its lowest pixel comes to be at `floor`, if there is one."""
    found = builds.lying(iuv)
    warps = _warps(iuv, found, sizes)
    covers = {name: _outline(iuv.shape[:2], name, one) for name, one in found.items()}
    order = _order(iuv, covers)
    drawn = [_moved(iuv, name, warps, covers, order, tall) for name in order]
    down = 0.0 if floor is None else floor - max(one.places[:, 1].max() for one in drawn)
    result = np.zeros_like(iuv)
    for one in drawn:
        _draw(result, one, down)
    return _closed(result, tall)


def _pixels(iuv: np.ndarray, name: str) -> np.ndarray:
    rows, columns = np.nonzero(np.isin(iuv[..., 0], SEGMENTS[name].parts))
    return np.stack([columns, rows], -1)


class _Warp:
    """Where a segment's pixels go: `moves` of a base of functions that are smooth in the picture."""

    def __init__(self, iuv: np.ndarray, name: str, one: Lying, size: Floats):
        segment = SEGMENTS[name]
        pixels = _pixels(iuv, name)
        t, phi = builds.relations.stations(iuv[pixels[:, 1], pixels[:, 0]])
        body = builds.points(segment, t, phi)
        ends = one.axis(segment, 0), one.axis(segment, 1)
        self._middle, self._axis = (ends[0] + ends[1]) / 2, ends[1] - ends[0]
        self._axis = self._axis / max(float(np.linalg.norm(self._axis)), 1e-6)
        along = (pixels + 0.5 - self._middle) @ self._axis
        self._range = np.quantile(along, [0.02, 0.98])
        self._at = self._range[0] + builds.STATIONS * np.ptp(self._range)
        base = self._base(pixels + 0.5)
        moved = one.project(body, t, size) - one.project(body, t)
        usual = np.array([[0, 0], (np.exp(size[0]) - 1) * self._axis, *np.outer(np.exp(size[1:]) - 1, self._normal)])
        ridge = 0.02 * np.diag(np.square(base).mean(0) * len(base) + 1e-3)
        self._moves = np.linalg.solve(base.T @ base + ridge, base.T @ moved + ridge @ usual)
        self._by = np.zeros(2)

    @property
    def _normal(self) -> Floats:
        return np.array([-self._axis[1], self._axis[0]])

    def _base(self, places: Floats) -> Floats:
        """1, along, and across at each station."""
        along, across = (places - self._middle) @ self._axis, (places - self._middle) @ self._normal
        hats = [np.interp(along, self._at, row) for row in np.eye(len(self._at))]
        return np.stack([np.ones_like(along), along, *(across * hat for hat in hats)], -1)

    def __call__(self, places: Floats) -> Floats:
        return places + self._base(places) @ self._moves + self._by

    def pinned(self, at: Floats, to: Floats) -> "_Warp":
        """The same, moved so that one place comes where it is to."""
        self._by = self._by + to - self(at[None])[0]
        return self


def _warps(iuv, found: dict[str, Lying], sizes: dict[str, Floats]) -> dict[str, Warp]:
    """By name; the trunk stays where it meets the legs, and what is not seen enough of goes with its parent."""
    warps: dict[str, Warp] = {}
    for name, segment in SEGMENTS.items():  # parents come first
        parent = warps.get(segment.parent, np.asarray)
        if name in found:
            at = builds.joint(name, found)
            to = parent(at[None])[0]
            if builds.plain(name) in _PAIR_OF and segment.parent in found:
                middle = found["trunk"].axis(SEGMENTS["trunk"], _HANGS[builds.plain(name)])
                to = parent(middle[None])[0] + np.exp(sizes[_PAIR_OF[builds.plain(name)]][0]) * (at - middle)
            warps[name] = _Warp(iuv, name, found[name], sizes[builds.plain(name)]).pinned(at, to)
        else:
            warps[name] = parent
    return warps


def _order(iuv, covers: dict[str, np.ndarray]) -> list[str]:
    """Segments from the hindmost to the foremost, as the map shows it where their outlines cross."""
    names = [name for name in SEGMENTS if len(_pixels(iuv, name))]
    ahead = dict.fromkeys(names, 0.0)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if one not in covers or other not in covers or _touch(one, other):
                continue
            both = iuv[covers[one] & covers[other], 0]
            ours, theirs = (np.count_nonzero(np.isin(both, SEGMENTS[name].parts)) for name in (one, other))
            net = (ours - theirs) / (ours + theirs + 8)
            ahead[one] += net
            ahead[other] -= net
    return sorted(names, key=lambda name: float(ahead[name]))


def _touch(one: str, other: str) -> bool:
    return SEGMENTS[one].parent == other or SEGMENTS[other].parent == one


def _outline(shape, name: str, one: Lying) -> np.ndarray:
    """What a segment would cover if nothing were before it: bool `[H, W]`."""
    t, phi = (x.ravel() for x in np.meshgrid(np.linspace(0, 1, 9), np.arange(0.0, 360, 30)))
    places = one.project(builds.points(SEGMENTS[name], t, phi), t)
    hull = places[spatial.ConvexHull(places).vertices]
    picture = Image.new("1", shape[::-1])
    ImageDraw.Draw(picture).polygon([tuple(place) for place in hull], fill=1)
    return np.asarray(picture)


def _moved(iuv, name: str, warps: dict[str, Warp], covers, order: list[str], tall: int) -> _Segment:
    """A segment and what is hidden of it, where it comes to lie."""
    segment = SEGMENTS[name]
    own = np.isin(iuv[..., 0], segment.parts)
    before = [part for other in order[order.index(name) + 1 :] for part in SEGMENTS[other].parts]
    away, nearest = ndimage.distance_transform_edt(~own, return_indices=True)
    hidden = np.isin(iuv[..., 0], before) & (away < _HIDDEN * tall)
    shown = own | (hidden & covers[name] if name in covers else False)
    rows, columns = np.nonzero(shown)
    pixels = np.stack([columns, rows], -1)
    of = iuv[nearest[0][shown], nearest[1][shown]]
    t, _ = builds.relations.stations(of)
    s = np.clip(t / _BLEND, 0, 1) if segment.parent else np.ones_like(t)
    middles: Floats = pixels.astype(np.float64) + 0.5
    places, carried = warps[name](middles), warps[segment.parent or name](middles)
    return _Segment(name, pixels, of, carried + (s * s * (3 - 2 * s))[:, None] * (places - carried))


def _draw(result: np.ndarray, one: _Segment, down: float) -> None:
    """Lays a segment on a map, moved `down`: a pixel takes what falls nearest to its middle, U and V of one part."""
    height, width = result.shape[:2]
    index = np.full([height + 1, width + 1], -1)
    x, y = one.pixels.T
    index[y, x] = np.arange(len(x))
    values = np.concatenate([one.places + np.array([0, down]), one.iuv[:, 1:]], 1)
    right = _step(values, one.iuv[:, 0], index[y, x + 1], np.array([1.0, 0, 0, 0]))
    below = _step(values, one.iuv[:, 0], index[y + 1, x], np.array([0, 1.0, 0, 0]))
    area = np.abs(right[:, 0] * below[:, 1] - right[:, 1] * below[:, 0]) / _FINE**2
    offsets = (np.arange(_FINE) - (_FINE - 1) / 2) / _FINE
    values = np.concatenate([values + dx * right + dy * below for dy in offsets for dx in offsets])
    part = np.tile(one.iuv[:, 0], _FINE**2)
    at = np.floor(values[:, :2]).astype(int)
    far = np.square(values[:, :2] - at - 0.5).sum(1)
    far[((at < 0) | (at >= (width, height))).any(1)] = np.inf
    order = np.argsort(-far)  # of what falls on one pixel the nearest is written last
    order = order[np.isfinite(far[order])]
    which = np.full([height, width], -1)
    which[at[order, 1], at[order, 0]] = order
    flat = at[order, 1] * width + at[order, 0]
    amount = np.bincount(flat, area[order % len(area)], minlength=height * width).reshape(height, width)
    shown = ndimage.gaussian_filter(np.minimum(amount, 1), _SMOOTH) > 0.5  # an enlarged outline has steps
    rows, columns = ndimage.distance_transform_edt(which < 0, return_distances=False, return_indices=True)
    found = which[rows[shown], columns[shown]]
    uv = np.clip(np.rint(values[found, 2:]), 0, 255)
    result[shown] = np.concatenate([part[found, None], uv], 1).astype(np.uint8)


def _step(values: Floats, part: np.ndarray, neighbour: np.ndarray, still: Floats) -> Floats:
    """How (x, y, U, V) change towards the neighbour, by index or -1: as in `still` where it is of something else."""
    step = values[neighbour] - values
    alike = (neighbour >= 0) & (part[neighbour] == part) & (np.abs(step - still) <= (1, 1, _JUMP, _JUMP)).all(1)
    return np.where(alike[:, None], step, still)


def _closed(iuv: np.ndarray, tall: int) -> np.ndarray:
    """Without the slits and specks that two segments leave between them."""
    body = iuv[..., 0] > 0
    labels, _ = ndimage.label(~body)
    specks = (np.bincount(labels.ravel()) < _SPECK * tall**2)[labels]
    gaps = (ndimage.binary_closing(body, iterations=1) | specks) & ~body
    rows, columns = ndimage.distance_transform_edt(~body, return_distances=False, return_indices=True)
    return np.where(gaps[..., None], iuv[rows, columns], iuv)
