"""Where the 24 parts lie on the body, and how U and V run on each: a table, measured on real DensePose maps.

Every piece of the body is a tube with a station t along it and an angle phi round it, in degrees: 0 faces front (the
instep, for a foot), 90 away from the body's middle plane, 180 back, 270 = -90 towards the middle. On the torso and the
head, which have no middle side, 90 is the person's left. A chart is a rectangle of one piece; U and V are biquadratic
in it, given in levels of 0..255 at nine places: rows `first`, half-way, `last`, and in each the angles phi_0, half-way,
phi_1.

The numbers were fitted to 174 real maps of standing people seen from the front and from behind: each part as it is
seen was cut into 6 x 6 cells, along it and across it, and the cells of made people, whose t and phi are known, were
given the medians of the real ones. Bounds of the arms' charts follow from how much of an arm is which part. Limbs of
the right side are mirror images: same numbers, and the part of the other hand (hands, feet and halves of the head run
U the other way on the right).
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from dpt_tf.iuv import MIRRORED

Row = tuple[float, float, float]
Nodes = tuple[Row, Row, Row]


@dataclasses.dataclass(frozen=True)
class Chart:
    """One rectangle of a piece: stations `first`..`last` by angles `phi`, and what U and V are at its nine nodes."""

    part: int
    first: str
    last: str
    phi: tuple[float, float]
    u: Nodes
    v: Nodes
    u_follows: str = "station"
    v_follows: str = "angle"

    def at(self, t: NDArray, s: NDArray) -> NDArray:
        """(U, V) in levels, `[..., 2]`, where shares of the way along and round are t and s, 0..1 both."""
        along, round_ = _shares(t), _shares(s)
        return np.clip(_sum(np.array([self.u, self.v]), along, round_), 0, 255)

    def slopes(self, t: NDArray, s: NDArray) -> tuple[NDArray, NDArray]:
        """Derivatives of (U, V) by t and by s, `[..., 2]` each."""
        nodes = np.array([self.u, self.v])
        return _sum(nodes, _slopes(t), _shares(s)), _sum(nodes, _shares(t), _slopes(s))


def _shares(x: NDArray) -> NDArray:
    """What the nodes at 0, 1/2 and 1 count at x (Lagrange's polynomials), `[..., 3]`."""
    return np.stack([(2 * x - 1) * (x - 1), 4 * x * (1 - x), x * (2 * x - 1)], -1)


def _slopes(x: NDArray) -> NDArray:
    return np.stack([4 * x - 3, 4 - 8 * x, 4 * x - 1], -1)


def _sum(nodes: NDArray, along: NDArray, round_: NDArray) -> NDArray:
    return (along[..., :, None] * round_[..., None, :]).reshape(*along.shape[:-1], 9) @ nodes.reshape(2, 9).T


TORSO = (
    Chart(
        2,
        "neck",
        "crotch",
        (-90, 90),
        ((11, 12, 11), (127, 127, 127), (241, 240, 241)),
        ((236, 128, 20), (242, 128, 14), (252, 128, 4)),
    ),
    Chart(
        1,
        "neck",
        "crotch",
        (90, 270),
        ((31, 28, 31), (148, 156, 148), (252, 252, 252)),
        ((4, 127, 250), (3, 127, 251), (3, 127, 251)),
    ),
)
HEAD = (
    Chart(
        24,
        "neck",
        "crown",
        (0, 180),
        ((6, 128, 245), (13, 144, 252), (38, 154, 252)),
        ((3, 10, 47), (121, 122, 135), (252, 230, 208)),
        "angle",
        "station",
    ),
    Chart(
        23,
        "neck",
        "crown",
        (180, 360),
        ((10, 127, 249), (3, 111, 242), (3, 101, 217)),
        ((47, 10, 3), (135, 122, 121), (208, 230, 252)),
        "angle",
        "station",
    ),
)

_LEG_LEFT = (
    Chart(
        10,
        "hip",
        "knee",
        (-90, 90),
        ((168, 214, 252), (93, 124, 161), (21, 36, 54)),
        ((252, 183, 77), (227, 142, 36), (175, 87, 7)),
    ),
    Chart(
        8,
        "hip",
        "knee",
        (90, 270),
        ((3, 3, 3), (96, 93, 108), (205, 220, 224)),
        ((252, 143, 32), (228, 145, 60), (196, 141, 88)),
    ),
    Chart(
        14,
        "knee",
        "ankle",
        (-90, 90),
        ((23, 13, 7), (140, 137, 129), (252, 250, 249)),
        ((12, 141, 252), (38, 140, 231), (68, 129, 195)),
    ),
    Chart(
        12,
        "knee",
        "ankle",
        (90, 270),
        ((252, 252, 252), (136, 134, 136), (19, 17, 19)),
        ((239, 99, 3), (237, 101, 3), (215, 108, 7)),
    ),
)
_ARM_LEFT = (
    Chart(
        15,
        "shoulder",
        "elbow",
        (-105, 33),
        ((5, 3, 3), (114, 107, 107), (223, 224, 222)),
        ((69, 154, 233), (95, 139, 200), (119, 155, 189)),
    ),
    Chart(
        17,
        "shoulder",
        "elbow",
        (33, 255),
        ((42, 21, 3), (134, 117, 96), (236, 221, 198)),
        ((252, 171, 75), (209, 133, 36), (174, 95, 4)),
    ),
    Chart(
        19,
        "elbow",
        "wrist",
        (-120, -6),
        ((236, 239, 243), (152, 149, 148), (66, 59, 53)),
        ((191, 104, 19), (142, 96, 43), (92, 77, 65)),
    ),
    Chart(
        21,
        "elbow",
        "wrist",
        (-6, 240),
        ((30, 17, 3), (133, 115, 92), (239, 215, 188)),
        ((252, 145, 4), (207, 113, 3), (158, 76, 3)),
    ),
)
_HAND_LEFT = (
    Chart(
        4,
        "wrist",
        "fingers",
        (-67.5, 292.5),
        ((187, 150, 108), (211, 157, 101), (241, 173, 97)),
        ((8, 19, 21), (73, 103, 111), (154, 194, 212)),
        "angle",
        "station",
    ),
)
_HAND_RIGHT = (
    Chart(
        3,
        "wrist",
        "fingers",
        (-67.5, 292.5),
        ((68, 105, 147), (44, 98, 154), (14, 82, 158)),
        ((8, 19, 21), (73, 103, 111), (154, 194, 212)),
        "angle",
        "station",
    ),
)
_FOOT_LEFT = (
    Chart(
        5,
        "heel",
        "toe",
        (-90, 90),
        ((66, 39, 19), (117, 105, 91), (173, 172, 167)),
        ((100, 129, 156), (110, 162, 198), (140, 184, 224)),
    ),
    Chart(
        5,
        "heel",
        "toe",
        (90, 270),
        ((58, 58, 58), (127, 127, 127), (196, 196, 196)),
        ((208, 140, 72), (208, 140, 72), (208, 140, 72)),
    ),
)
_FOOT_RIGHT = (
    Chart(
        6,
        "heel",
        "toe",
        (-90, 90),
        ((189, 216, 236), (138, 150, 164), (82, 83, 88)),
        ((100, 129, 156), (110, 162, 198), (140, 184, 224)),
    ),
    Chart(
        6,
        "heel",
        "toe",
        (90, 270),
        ((197, 197, 197), (128, 128, 128), (59, 59, 59)),
        ((208, 140, 72), (208, 140, 72), (208, 140, 72)),
    ),
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
