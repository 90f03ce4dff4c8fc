"""Which places of the body surface answer each other: what an unseen texel can be guessed from.

  mirror    the same place on the other side of the body's middle plane: left arm, right arm
  through   the place behind it, seen from the front or from behind: chest, back
  both      the one after the other

All of it follows from `charts`: a place is a station t along a limb and an angle phi round it. `mirror` keeps both on
the limb of the other side (on torso and head it turns phi into -phi), `through` turns phi into 180 - phi, which keeps
how far from the limb's middle the place stands. A texel beyond its chart's edge goes with the edge.
"""

import functools

import numpy as np

from dpt_tf.iuv import charts
from dpt_tf.iuv.parts import MIRRORED, NUM_PARTS

KINDS = ("mirror", "through", "both")
_LEVELS = 86  # texels along a chart, three levels each, in which `stations` looks a pixel up
_MIDDLE = ("torso", "head")  # pieces that are their own mirror image

# Parts that touch each other on the body, and hands with the face: they are of one skin.
_TOUCHING = (
    *((torso, limb) for torso in (1, 2) for limb in (7, 8, 9, 10, 15, 16, 17, 18, 23, 24)),
    *((upper, lower) for upper, lower in ((7, 11), (9, 13), (8, 12), (10, 14), (15, 19), (17, 21), (16, 20), (18, 22))),
    *((7, 9), (8, 10), (11, 13), (12, 14), (15, 17), (16, 18), (19, 21), (20, 22), (23, 24), (1, 2)),
    *((12, 5), (14, 5), (11, 6), (13, 6), (19, 4), (21, 4), (20, 3), (22, 3)),
    *((3, 23), (3, 24), (4, 23), (4, 24)),
)


@functools.cache
def places(resolution: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By kind, the place that answers each texel: part `[24, R, R]` int32, and (U, V) `[24, R, R, 2]` in 0..255."""
    place = np.arange(resolution) * (255 / (resolution - 1))
    v, u = np.meshgrid(place, place, indexing="ij")
    sheets = [NUM_PARTS, resolution, resolution]
    part, uv = {kind: np.ones(sheets, np.int32) for kind in KINDS}, {kind: np.zeros([*sheets, 2]) for kind in KINDS}
    nearest = np.full(sheets, np.inf)
    for piece, of_piece in charts.PIECES.items():
        for chart in of_piece:
            s, a, off = inverse(chart, u, v)
            phi = chart.phi[0] + a * (chart.phi[1] - chart.phi[0])
            closer = off < nearest[chart.part - 1]  # a foot has two charts
            nearest[chart.part - 1][closer] = off[closer]
            for kind in KINDS:
                there = piece if kind == "through" else _mirrored(piece)
                angle = -phi if kind != "through" and piece in _MIDDLE else phi
                of_part, at = _place(there, chart, s, 180 - angle if kind != "mirror" else angle)
                part[kind][chart.part - 1][closer] = of_part[closer]
                uv[kind][chart.part - 1][closer] = at[closer]
    return {kind: (part[kind], uv[kind]) for kind in KINDS}


def stations(iuv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where on its limb each pixel (I, U, V) is: share t of the way along its chart, and phi in degrees. `[N, 3]`.

    No pixel may be of the background.
    """
    t, phi = _stations(_LEVELS)
    part, u, v = iuv.astype(int).T
    at = part - 1, np.rint(v * (_LEVELS - 1) / 255).astype(int), np.rint(u * (_LEVELS - 1) / 255).astype(int)
    return t[at], phi[at]


@functools.cache
def _stations(resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """What `stations` says of each texel, `[24, R, R]` twice."""
    place = np.arange(resolution) * (255 / (resolution - 1))
    v, u = np.meshgrid(place, place, indexing="ij")
    t, phi, nearest = (np.full([NUM_PARTS, resolution, resolution], start) for start in (0.0, 0.0, np.inf))
    for of_piece in charts.PIECES.values():
        for chart in of_piece:
            s, a, off = inverse(chart, u, v)
            sheet = chart.part - 1
            closer = off < nearest[sheet]  # a foot has two charts
            nearest[sheet][closer], t[sheet][closer] = off[closer], s[closer]
            phi[sheet][closer] = (chart.phi[0] + a * (chart.phi[1] - chart.phi[0]))[closer]
    return t, phi


@functools.cache
def partners(resolution: int) -> dict[str, np.ndarray]:
    """By kind, the texel that answers each one: flat indices into an atlas `[24, R, R]`, int32 of that shape."""
    found = {}
    for kind, (part, uv) in places(resolution).items():
        j, i = np.moveaxis(np.rint(uv * (resolution - 1) / 255).astype(np.int32), -1, 0)
        found[kind] = ((part - 1) * resolution + i) * resolution + j
    return found


@functools.cache
def kinship() -> np.ndarray:
    """How much the colour of part q says about part p before anything else is known, `[24, 24]` float32.

    Each step away, own, across or behind, touching (or across or behind what touches), anywhere, counts a hundredth of
    the one before. So where neither of two legs is seen they look alike, whichever thigh is.
    """
    weight = np.full([NUM_PARTS, NUM_PARTS], 1e-6)
    kin = {part: _kin(part) for part in range(1, NUM_PARTS + 1)}
    for one, other in _TOUCHING:
        for near in {one, *kin[one]}:
            for far in {other, *kin[other]}:
                weight[near - 1, far - 1] = weight[far - 1, near - 1] = 1e-4
    for part in kin:
        for near in kin[part]:
            weight[part - 1, near - 1] = weight[near - 1, part - 1] = 1e-2
    np.fill_diagonal(weight, 1)
    return weight.astype(np.float32)


def _kin(part: int) -> tuple[int, int, int]:
    """The part across, the one behind, and the one behind that across."""
    return MIRRORED[part], _behind(part), MIRRORED[_behind(part)]


def _behind(part: int) -> int:
    """The part on the other side of the limb; a hand, a foot and half a head are behind themselves."""
    middle = partners(3)["through"][part - 1, 1, 1]
    return int(middle) // 9 + 1


def _mirrored(piece: str) -> str:
    swap = {"left": "right", "right": "left"}
    stem, _, side = piece.partition("_")
    return f"{stem}_{swap[side]}" if side else piece


def inverse(chart: charts.Chart, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share s of the way along and a of the way round at each (u, v), 0..1, and how far off it is there, in levels."""
    wanted = np.stack([u, v], -1)
    s, a = np.full(u.shape, 0.5), np.full(u.shape, 0.5)
    for _ in range(8):  # Newton's method on two biquadratic equations, within the chart
        by_s, by_a = chart.slopes(s, a)
        du, dv = np.moveaxis(wanted - chart.at(s, a), -1, 0)
        determinant = by_s[..., 0] * by_a[..., 1] - by_a[..., 0] * by_s[..., 1]
        determinant = np.where(np.abs(determinant) < 1, np.copysign(1, determinant), determinant)
        s, a = (
            np.clip(s + (du * by_a[..., 1] - dv * by_a[..., 0]) / determinant, 0, 1),
            np.clip(a + (dv * by_s[..., 0] - du * by_s[..., 1]) / determinant, 0, 1),
        )
    return s, a, np.linalg.norm(chart.at(s, a) - wanted, axis=-1)


def _place(piece: str, like: charts.Chart, s: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Part and (U, V) at (s, phi) of `piece`, between the same stations as the chart `like`."""
    part, at = np.ones(s.shape, np.int32), np.zeros([*s.shape, 2])
    nearest = np.full(s.shape, np.inf)
    for chart in charts.PIECES[piece]:
        if (chart.first, chart.last) != (like.first, like.last):
            continue
        first, last = chart.phi
        a = ((phi - (first + last) / 2 + 180) % 360 - 180) / (last - first) + 0.5
        off, a = np.abs(a - 0.5), np.clip(a, 0, 1)
        closer = off < nearest
        part[closer], at[closer], nearest[closer] = chart.part, chart.at(s, a)[closer], off[closer]
    return part, at
