"""Where the 24 parts lie on the body, and how U and V run on each: a table, measured on real DensePose maps.

Every piece of the body is a tube with a station t along it and an angle phi round it, in degrees: 0 faces front (the
instep, for a foot), 90 away from the body's middle plane, 180 back, 270 = -90 towards the middle. On the torso and the
head, which have no middle side, 90 is the person's left. A chart is a rectangle of one piece; U and V are bilinear in
it, given at its corners in levels of 0..255:

    ((at first, phi_0), (at first, phi_1)), ((at last, phi_0), (at last, phi_1))

The numbers were read off 188 real maps of standing people seen from the front and from behind, as medians over a
5 x 5 grid of each part, carried on to the part's edge. Limbs of the right side are mirror images: same numbers, and
the part of the other hand (only hands and feet run U the other way on the right).
"""

import dataclasses

from dpt_tf.iuv import MIRRORED

Corners = tuple[tuple[float, float], tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Chart:
    """One rectangle of a piece: stations `first`..`last` by angles `phi`, and what U and V are at its corners."""

    part: int
    first: str
    last: str
    phi: tuple[float, float]
    u: Corners
    v: Corners
    u_follows: str = "station"
    v_follows: str = "angle"


def _along(start: float, end: float) -> Corners:
    return ((start, start), (end, end))


def _round(start: float, end: float) -> Corners:
    return ((start, end), (start, end))


TORSO = (
    Chart(2, "neck", "crotch", (-90, 90), _along(16, 220), _round(214, 40)),
    Chart(1, "neck", "crotch", (90, 270), _along(33, 243), _round(28, 226)),
)
HEAD = (
    Chart(24, "neck", "crown", (0, 180), _round(14, 240), ((0, 45), (230, 218)), "angle", "station"),
    Chart(23, "neck", "crown", (180, 360), _round(14, 244), ((45, 0), (218, 230)), "angle", "station"),
)

_LEG_LEFT = (
    Chart(10, "hip", "knee", (-90, 90), _along(212, 32), ((248, 78), (180, 30))),
    Chart(8, "hip", "knee", (90, 270), _along(10, 220), ((232, 92), (186, 96))),
    Chart(14, "knee", "ankle", (-90, 90), _along(16, 242), ((40, 232), (76, 176))),
    Chart(12, "knee", "ankle", (90, 270), _along(245, 14), ((212, 6), (190, 40))),
)
_ARM_LEFT = (
    Chart(15, "shoulder", "elbow", (-130, 50), _along(5, 214), ((125, 222), (115, 200))),
    Chart(17, "shoulder", "elbow", (50, 230), _along(16, 222), ((236, 110), (168, 44))),
    Chart(19, "elbow", "wrist", (-130, 10), _along(238, 42), ((225, 42), (160, 46))),
    Chart(21, "elbow", "wrist", (10, 230), _along(14, 233), ((232, 12), (148, 20))),
)
_HAND_LEFT = (Chart(4, "wrist", "fingers", (-67.5, 292.5), _round(212, 98), _along(26, 212), "angle", "station"),)
_HAND_RIGHT = (Chart(3, "wrist", "fingers", (-67.5, 292.5), _round(44, 160), _along(26, 212), "angle", "station"),)
_FOOT_LEFT = (
    Chart(5, "heel", "toe", (-90, 90), _along(33, 148), _round(100, 208)),
    Chart(5, "heel", "toe", (90, 270), _along(58, 196), _round(208, 72)),
)
_FOOT_RIGHT = (
    Chart(6, "heel", "toe", (-90, 90), _along(230, 72), _round(108, 210)),
    Chart(6, "heel", "toe", (90, 270), _along(196, 46), _round(210, 72)),
)


def _mirror(charts: tuple[Chart, ...]) -> tuple[Chart, ...]:
    """The same limb on the other side."""
    return tuple(dataclasses.replace(chart, part=MIRRORED[chart.part]) for chart in charts)


PIECES: dict[str, tuple[Chart, ...]] = {
    "torso": TORSO,
    "head": HEAD,
    "leg_left": _LEG_LEFT,
    "leg_right": _mirror(_LEG_LEFT),
    "arm_left": _ARM_LEFT,
    "arm_right": _mirror(_ARM_LEFT),
    "hand_left": _HAND_LEFT,
    "hand_right": _HAND_RIGHT,
    "foot_left": _FOOT_LEFT,
    "foot_right": _FOOT_RIGHT,
}
