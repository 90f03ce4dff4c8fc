"""How somebody is built, from maps alone: of each segment of the body how long and how thick it is, and how it lies.

A map says of each pixel where on the body it is: I, U and V are a station t along a segment and an angle phi round it
(`iuv.relations.stations`), hence a point P of an average body, in statures. Where the segment is stiff, the picture of
it is affine: pixel = A P + b, and a camera that is far away has

  A = [w r_1, l r_2, w r_3],  r_1, r_2, r_3 the columns of the first two rows of a rotation,

w and l the segment's thickness and length in pixels a stature. The rows of a rotation are orthonormal, so the six
numbers of A say both w and l, however the segment is foreshortened: what a limb lacks in length shows in how the rings
round it open. The less a view says of l, the nearer it stays to w.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.spatial.transform import Rotation

from dpt_tf.iuv import MIRRORED, relations

Floats = NDArray[np.float64]
Rows = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

STATIONS = np.array([1, 3, 5, 7]) / 8  # where thickness is measured
NOTHING: Floats = np.zeros(1 + len(STATIONS))
_FEWEST = 24  # pixels of a segment, to say anything by
_STIFF = 0.08, 0.92  # stations between which a segment is
_NOISE = 0.015  # of a person's height: how far U and V are off
_SAID = 60  # pixels that err by themselves, at most, in a segment
_DOUBT = 0.1  # of a segment's spread, by which a station's thickness is drawn to the whole segment's
_FRONTAL = 0.15  # how much of a trunk's width must be seen, squared, to tell how far apart shoulders are
_ALIKE = 0.25  # how much length and thickness of one segment differ from each other, as a logarithm


@dataclasses.dataclass(frozen=True)
class Segment:
    """A stiff piece of an average body, lengths in statures.

    Attributes:
      parts: of a map.
      parent: what it hangs on; "" of the trunk.
      length: between its stations 0 and 1.
      half: half-axes (sideways, forwards) of its rings at the stations 0, 1/2 and 1.
      joint: its station where it hangs on the parent.
    """

    parts: tuple[int, ...]
    parent: str
    length: float
    half: Rows
    joint: float = 0.0


def _both_sides(**left: Segment) -> dict[str, Segment]:
    found = {}
    for name, one in left.items():
        mirrored = tuple(MIRRORED[part] for part in one.parts)
        for side, parts in (("left", one.parts), ("right", mirrored)):
            parent = one.parent if one.parent in ("trunk", "") else f"{one.parent}_{side}"
            found[f"{name}_{side}"] = dataclasses.replace(one, parts=parts, parent=parent)
    return found


def plain(name: str) -> str:
    """A segment's name without its side."""
    return name.partition("_")[0]


SEGMENTS: dict[str, Segment] = {
    "trunk": Segment((1, 2), "", 0.370, ((0.060, 0.035), (0.088, 0.060), (0.050, 0.045)), 0.9),
    "head": Segment((23, 24), "trunk", 0.168, ((0.031, 0.030), (0.044, 0.057), (0.030, 0.035))),
} | _both_sides(
    arm=Segment((15, 17), "trunk", 0.165, ((0.028, 0.031), (0.0255, 0.029), (0.021, 0.0225)), 0.12),
    forearm=Segment((19, 21), "arm", 0.163, ((0.0215, 0.0225), (0.0205, 0.0225), (0.0125, 0.015))),
    hand=Segment((4,), "forearm", 0.098, ((0.0115, 0.014), (0.012, 0.0205), (0.006, 0.012))),
    thigh=Segment((8, 10), "trunk", 0.268, ((0.039, 0.052), (0.044, 0.049), (0.029, 0.031)), 0.12),
    calf=Segment((12, 14), "thigh", 0.228, ((0.029, 0.031), (0.0265, 0.030), (0.0165, 0.0195))),
    foot=Segment((5,), "calf", 0.149, ((0.012, 0.018), (0.024, 0.030), (0.012, 0.009)), 0.25),
)
_LENGTHS = {plain(name): segment.length for name, segment in SEGMENTS.items()}
PAIRS = {"shoulders": "arm", "hips": "thigh"}
UPRIGHT = ("head", "trunk", "thigh", "calf")  # what somebody's height is made of


@dataclasses.dataclass(frozen=True)
class Lying:
    """How a segment lies in a picture.

    Attributes:
      long: log of pixels a stature, along.
      thick: `[4]`, likewise across, at `STATIONS`.
      turn: `[2, 3]`, the first two rows of its rotation.
      offset: `[2]`, where its station 0 is, x and y.
      pixels: how many show it.
    """

    long: float
    thick: Floats
    turn: Floats
    offset: Floats
    pixels: int

    def project(self, points: Floats, t: Floats | float, more: Floats = NOTHING) -> Floats:
        """Where points `[..., 3]` of the average body at stations `t` are: `[..., 2]`.

        With `more` `[5]` where they would be on another body: how much longer, then how much thicker, logarithms.
        """
        thick = np.exp(np.interp(t, STATIONS, self.thick + more[1:]))
        along = np.exp(self.long + more[0]) * np.ones_like(thick)
        return (points * np.stack([thick, along, thick], -1)) @ self.turn.T + self.offset

    def axis(self, segment: "Segment", t: float) -> Floats:
        """Where the middle of a station is, `[2]`."""
        return self.project(np.array([0, t * segment.length, 0]), t)


def points(segment: Segment, t: Floats, phi: Floats) -> Floats:
    """The average body's surface at stations `t` and angles `phi` in degrees: `[..., 3]`, sideways, along, forwards."""
    wide, deep = (np.interp(t, (0, 0.5, 1), [row[k] for row in segment.half]) for k in (0, 1))
    angle = np.deg2rad(phi)
    return np.stack([wide * np.sin(angle), t * segment.length, deep * np.cos(angle)], -1)


def lying(iuv: np.ndarray) -> dict[str, Lying]:
    """How each segment that a map shows enough of lies in it."""
    rows = np.flatnonzero((iuv[..., 0] > 0).any(1))
    noise = _NOISE * (rows[-1] + 1 - rows[0])
    found = {name: _lying(iuv, segment, noise) for name, segment in SEGMENTS.items()}
    return {name: one for name, one in found.items() if one is not None}


def _lying(iuv: np.ndarray, segment: Segment, noise: float) -> Lying | None:
    rows, columns = np.nonzero(np.isin(iuv[..., 0], segment.parts))
    t, phi = relations.stations(iuv[rows, columns])
    stiff = (t > _STIFF[0]) & (t < _STIFF[1])
    if stiff.sum() < _FEWEST:
        return None
    body = points(segment, t, phi)[stiff]
    pixel = np.stack([columns, rows], -1)[stiff] + 0.5
    centre, middle = body.mean(0), pixel.mean(0)
    spread = (body - centre).T @ (body - centre) / len(body)
    affine = (pixel - middle).T @ (body - centre) / len(body) @ np.linalg.pinv(spread, rcond=1e-3)
    root = np.linalg.cholesky(spread + 1e-9 * np.eye(3)) * np.sqrt(min(_SAID, len(body) / 4)) / noise

    def away(x):
        model = Rotation.from_rotvec(x[:3]).as_matrix()[:2] * np.exp([x[3], x[4], x[3]])
        return np.append(((model - affine) @ root).ravel(), (x[4] - x[3]) / _ALIKE)

    scale = np.linalg.norm(affine) / np.sqrt(2)
    u, _, vt = np.linalg.svd(affine, full_matrices=False)
    turn = u @ vt
    start = Rotation.from_matrix(np.concatenate([turn, np.cross(*turn)[None]])).as_rotvec()
    x = optimize.least_squares(away, [*start, np.log(scale), np.log(scale)]).x
    turn = Rotation.from_rotvec(x[:3]).as_matrix()[:2]
    offset = middle - (turn * np.exp([x[3], x[4], x[3]])) @ centre
    thick = _profile(pixel - body[:, 1:2] * np.exp(x[4]) * turn[:, 1], body[:, ::2] @ turn[:, ::2].T, t[stiff], x[3])
    return Lying(float(x[4]), thick, turn, offset, len(body))


def _profile(across: Floats, ring: Floats, t: Floats, usual: float) -> Floats:
    """Log thickness at `STATIONS`: how much larger the places `[N, 2]` across are than those of a ring of size 1."""
    found = []
    for station in STATIONS:
        weight = np.clip(1.5 - 4 * np.abs(t - station), 0, 1)[:, None]
        total = weight.sum() + 1e-9
        a, b = (x - (weight * x).sum(0) / total for x in (across, ring))
        square = (weight * b * b).sum()
        doubt = _DOUBT * (ring * ring).sum() / len(STATIONS)
        size = ((weight * a * b).sum() + doubt * np.exp(usual)) / (square + doubt)
        found.append(np.log(np.clip(size, np.exp(usual - 0.5), np.exp(usual + 0.5))))
    return np.array(found)


@dataclasses.dataclass(frozen=True)
class Build:
    """Sizes of segments by name, without a side, in one scale that is nobody's.

    Attributes:
      sizes: `[5]` each, log length, then log thickness at `STATIONS`.
      sure: how many pixels each was measured on.

    Those of `PAIRS`, "shoulders" and "hips", are of how far apart these joints are, five times the one number.
    """

    sizes: dict[str, Floats]
    sure: dict[str, float]


def build(maps: Sequence[np.ndarray]) -> Build:
    """One person's build from maps of any sizes: each brought to the first one's height, then the mean of all."""
    merged = Build({}, {})
    for iuv in maps:
        found = _sides_together(lying(iuv))
        merged = _merged(merged, found) if merged.sizes else found
    return merged


def taller(one: Build, other: Build) -> float:
    """Log of how much taller `one` is than the `other`, by lengths that both show: of `UPRIGHT` if any, else of all."""
    both = [name for name in _LENGTHS if name in one.sizes and name in other.sizes]
    names = [name for name in both if name in UPRIGHT] or both
    if not names:
        return 0.0
    lengths = np.array([_LENGTHS[name] for name in names])
    heights = [lengths @ np.exp([each.sizes[name][0] for name in names]) for each in (one, other)]
    return float(np.log(heights[0] / heights[1]))


def _sides_together(found: dict[str, Lying]) -> Build:
    every = [({plain(name): np.append(one.long, one.thick)}, float(one.pixels)) for name, one in found.items()]
    for pair, limb in PAIRS.items():
        if not {"trunk", f"{limb}_left", f"{limb}_right"} <= set(found):
            continue
        left, right = (joint(f"{limb}_{side}", found) for side in ("left", "right"))
        across = found["trunk"].turn[:, 0]
        frontal = float(across @ across)  # 0 of a trunk seen from the side, 1 from the front
        if (apart := float((left - right) @ across)) > 0 and frontal > _FRONTAL:
            pixels = frontal**2 * min(found[f"{limb}_{side}"].pixels for side in ("left", "right"))
            every.append(({pair: np.log(apart / frontal) + NOTHING}, pixels))
    return _mean(every)


def joint(name: str, found: dict[str, Lying]) -> Floats:
    """Where a segment hangs on its parent, (x, y); the trunk, by the hips."""
    segment = SEGMENTS[name]
    own = found[name].axis(segment, segment.joint)
    if segment.parent in ("", "trunk") or segment.parent not in found:
        return own
    return (own + found[segment.parent].axis(SEGMENTS[segment.parent], 1)) / 2


def _merged(one: Build, other: Build) -> Build:
    """The mean of both, in the first one's scale."""
    shift = taller(one, other)
    every = [({name: size}, one.sure[name]) for name, size in one.sizes.items()]
    return _mean(every + [({name: size + shift}, other.sure[name]) for name, size in other.sizes.items()])


def _mean(every: list[tuple[dict[str, Floats], float]]) -> Build:
    sizes: dict[str, Floats] = {}
    sure: dict[str, float] = {}
    for measured, pixels in every:
        for name, size in measured.items():
            sure[name] = sure.get(name, 0.0) + pixels
            before = sizes.get(name, size)
            sizes[name] = before + pixels / sure[name] * (size - before)
    return Build(sizes, sure)
