"""A naked body at rest: trunk, head and the tubes it is made of, with their charts.

Lengths in units of stature; axes as in `skeleton`. Rows of a tube are given by knots (height, sideways, forwards,
backwards): half-axes of its cross-section; between knots they run smoothly.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from dpt_tf.iuv import charts
from dpt_tf.synthetic import limbs
from dpt_tf.synthetic.anatomy import AHEAD, ANKLE, CROTCH, NECK, SIDE, Shape, joints
from dpt_tf.synthetic.surface import Floats, Surface, loft, profile

# height, sideways (male, female), forwards (male, female), backwards
_TORSO = np.array(
    [
        [0.842, 0.043, 0.037, 0.030, 0.028, 0.036],
        [0.828, 0.070, 0.059, 0.034, 0.032, 0.042],
        [0.812, 0.097, 0.084, 0.041, 0.040, 0.048],
        [0.795, 0.109, 0.094, 0.050, 0.048, 0.053],
        [0.765, 0.108, 0.091, 0.062, 0.057, 0.059],
        [0.730, 0.102, 0.085, 0.067, 0.061, 0.060],
        [0.680, 0.092, 0.077, 0.062, 0.056, 0.054],
        [0.625, 0.083, 0.069, 0.057, 0.051, 0.047],
        [0.580, 0.085, 0.083, 0.057, 0.054, 0.056],
        [0.545, 0.089, 0.095, 0.056, 0.055, 0.070],
        [0.520, 0.089, 0.098, 0.052, 0.052, 0.074],
        [0.495, 0.072, 0.080, 0.046, 0.046, 0.066],
        [0.475, 0.035, 0.038, 0.034, 0.034, 0.046],
        [0.465, 0.006, 0.006, 0.010, 0.010, 0.010],
    ]
)


def _blend(table: NDArray, female: float) -> NDArray:
    """Columns height, sideways, forwards, backwards of `_TORSO`, between male and female."""
    wide = table[:, 1] + female * (table[:, 2] - table[:, 1])
    deep = table[:, 3] + female * (table[:, 4] - table[:, 3])
    return np.stack([table[:, 0], wide, deep, table[:, 5]], 1)


def _torso(shape: Shape) -> Surface:
    knots = _blend(_TORSO, shape.female)
    height = np.concatenate([np.linspace(0.842, 0.78, 8), np.linspace(0.768, 0.49, 22), np.linspace(0.482, 0.465, 4)])
    half = profile(knots[::-1], height)
    swell = 1 + (shape.girth - 1) * np.exp(-(((height - 0.60) / 0.12) ** 2))
    half *= swell[:, None].astype(np.float32)
    half[:, 1] += 0.5 * (shape.girth - 1) * 0.07 * np.exp(-(((height - 0.585) / 0.05) ** 2))
    centre = np.stack([0 * height, height, -0.004 + 0 * height], 1)
    phi = np.linspace(-90, 270, 33)
    points = loft(centre, half, phi[:-1], (SIDE, AHEAD), 2.35)
    bump = 0.020 * shape.female
    for middle, tall, where, wide, size in (
        (0.735, 0.024, (-33, 33), 20, bump),
        (0.745, 0.030, (-30, 30), 24, 0.006 * (1 - shape.female)),
        (0.512, 0.026, (148, 212), 22, 0.014),
    ):
        for angle in where:
            near = (
                np.exp(-(((height - middle) / tall) ** 2))[:, None] * np.exp(-(((phi[:-1] - angle) / wide) ** 2))[None]
            )
            points[..., 2] += (size * near * (1 if abs(angle) < 90 else -1)).astype(np.float32)
    return Surface("torso", points, height.astype(np.float32), phi.astype(np.float32))


_HEAD = np.array(
    [  # height, sideways, forwards, backwards, middle z
        [0.826, 0.043, 0.031, 0.037, -0.010],
        [0.842, 0.032, 0.028, 0.032, -0.008],
        [0.862, 0.029, 0.027, 0.032, -0.004],
        [0.869, 0.029, 0.036, 0.035, -0.002],
        [0.873, 0.031, 0.050, 0.037, 0.0],
        [0.880, 0.036, 0.054, 0.041, 0.0],
        [0.895, 0.041, 0.056, 0.047, 0.0],
        [0.915, 0.045, 0.057, 0.056, 0.0],
        [0.935, 0.047, 0.056, 0.062, 0.0],
        [0.955, 0.047, 0.055, 0.064, 0.0],
        [0.972, 0.043, 0.049, 0.059, 0.0],
        [0.985, 0.035, 0.038, 0.047, 0.0],
        [0.994, 0.023, 0.024, 0.031, 0.0],
        [0.999, 0.009, 0.010, 0.012, 0.0],
        [1.000, 0.001, 0.001, 0.001, 0.0],
    ]
)


def _head(shape: Shape) -> Surface:
    height = np.concatenate([np.linspace(0.826, 0.864, 6), np.linspace(0.869, 0.985, 25), [0.990, 0.994, 0.9975, 1.0]])
    half = profile(_HEAD, height)
    half[:, 0] *= np.where(height > 0.866, shape.face, 1 + 0.6 * (shape.limbs - 1))
    half[:, :3] *= np.where(height < 0.864, 1.06 - 0.1 * shape.female, 1)[:, None]
    right = np.array([0, 7, 14, 24, 36, 50, 64, 78, 90, 102, 116, 132, 148, 164])
    phi = np.concatenate([right, [180], 360 - right[:0:-1], [360]]).astype(np.float32)
    centre = np.stack([0 * height, height, half[:, 3]], 1)
    points = loft(centre, half[:, :3], phi[:-1], (SIDE, AHEAD), 2.1)
    around = (phi[:-1] + 180) % 360 - 180
    for middle, tall, angle, wide, axis, size in (
        (0.913, 0.008, 0, 7, 2, 0.011),  # the nose, and its bridge
        (0.925, 0.012, 0, 6, 2, 0.006),
        (0.933, 0.008, 20, 10, 2, -0.003),  # the sockets of the eyes
        (0.933, 0.008, -20, 10, 2, -0.003),
        (0.922, 0.014, 96, 9, 0, 0.008),  # the ears
        (0.922, 0.014, -96, 9, 0, -0.008),
    ):
        near = np.exp(-(((height - middle) / tall) ** 2))[:, None] * np.exp(-(((around - angle) / wide) ** 2))[None]
        points[..., axis] += (size * near).astype(np.float32)
    base = np.array([0, 0.842, 0], np.float32)
    grown = base + (points - base) * np.float32(shape.head)
    return Surface("head", np.where((height > 0.85)[:, None, None], grown, points), height.astype(np.float32), phi)


def _other_side(surface: Surface) -> Surface:
    return dataclasses.replace(
        surface, name=surface.name.replace("left", "right"), points=surface.points * np.array([-1, 1, 1], np.float32)
    )


def surfaces(shape: Shape) -> list[Surface]:
    """The tubes of a body; each knows its piece by name."""
    places = joints(shape)
    left = [
        limbs.arm(shape, places),
        *limbs.hand(shape, places),
        limbs.leg(shape, places),
        limbs.foot(shape, places),
    ]
    return [_torso(shape), _head(shape), *left, *(_other_side(surface) for surface in left)]


def stations(piece: str, places: dict[str, NDArray]) -> dict[str, float]:
    """Where the charts of `piece` begin and end, in the units of its `height`."""
    kind = piece.split("_")[0]
    y = {name: float(places[f"{name}_left"][1]) for name in ("shoulder", "elbow", "wrist", "knee")}
    if kind == "arm":  # on real maps an elbow is a little above the joint
        return {"shoulder": y["shoulder"] + 0.02, "elbow": y["elbow"] + 0.015, "wrist": y["wrist"]}
    return {
        "torso": {"neck": NECK, "crotch": CROTCH},
        "head": {"neck": 0.832, "crown": 1.0},
        "leg": {"hip": 0.553, "knee": y["knee"], "ankle": ANKLE + 0.012},
        "hand": {"wrist": y["wrist"], "fingers": y["wrist"] - 0.098},
        "foot": {"heel": -0.034, "toe": 0.115},
    }[kind]


def atlas(surface: Surface, places: dict[str, NDArray], corners: NDArray) -> tuple[NDArray[np.uint8], Floats]:
    """Part `[F]` and (U, V) in levels `[F, 3, 2]` of triangles whose (height, phi) are `corners` [F, 3, 2]."""
    where = stations(surface.name, places)
    middle = corners.mean(1)
    part = np.zeros(len(corners), np.uint8)
    uv = np.zeros((*corners.shape[:2], 2), np.float32)
    pieces = charts.PIECES[surface.name]
    for chart in pieces:
        first, last = where[chart.first], where[chart.last]
        ends = [where[c.first] for c in pieces] + [where[c.last] for c in pieces]
        t = (corners[..., 0] - first) / (last - first)
        tm = (middle[:, 0] - first) / (last - first)
        beyond = (middle[:, 1] - chart.phi[0]) % 360  # a tube may begin at another angle than its charts
        s = (beyond[:, None] + corners[..., 1] - middle[:, 1:]) / (chart.phi[1] - chart.phi[0])
        sm = beyond / (chart.phi[1] - chart.phi[0])
        begins = first in (max(ends), min(ends))  # the outermost charts own what lies beyond them
        finishes = last in (max(ends), min(ends))
        own = (sm >= 0) & (sm < 1) & ((tm >= 0) | begins) & ((tm < 1) | finishes)
        part[own] = chart.part
        uv[own] = chart.at(np.clip(t[own], 0, 1), np.clip(s[own], 0, 1))
    return part, uv
