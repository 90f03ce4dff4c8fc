"""Joints, how far people bend them, and what poses they strike.

Lengths are in units of the person's stature; x to the person's left, y up, z to the front; at rest the person stands
upright, arms hanging. Every joint turns about axes parallel to x, y and z of the rest pose, one after the other: a
degree of freedom is (joint, axis). Angles are in degrees and in the left limb's sense; on the right the ones about
y and z are mirrored. For a hanging limb -x swings it forwards and +z away from the body; for trunk and head +x bows.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Dof = tuple[str, str]
Pose = dict[Dof, float]

# Least and greatest angle; ranges of motion of healthy adults, a little inside.
LIMITS: dict[Dof, tuple[float, float]] = {
    ("pelvis", "y"): (-180, 180),
    ("pelvis", "x"): (-10, 25),
    ("pelvis", "z"): (-8, 8),
    ("waist", "x"): (-10, 30),
    ("waist", "y"): (-20, 20),
    ("waist", "z"): (-14, 14),
    ("chest", "x"): (-8, 18),
    ("chest", "y"): (-15, 15),
    ("chest", "z"): (-8, 8),
    ("neck", "x"): (-12, 20),
    ("neck", "y"): (-30, 30),
    ("neck", "z"): (-12, 12),
    ("head", "x"): (-15, 18),
    ("head", "y"): (-35, 35),
    ("head", "z"): (-10, 10),
}
for _side in ("left", "right"):
    LIMITS |= {
        (f"shoulder_{_side}", "y"): (-85, 45),
        (f"shoulder_{_side}", "x"): (-165, 45),
        (f"shoulder_{_side}", "z"): (3, 120),
        (f"elbow_{_side}", "x"): (-140, 0),
        (f"wrist_{_side}", "y"): (-80, 60),
        (f"wrist_{_side}", "x"): (-40, 40),
        (f"wrist_{_side}", "z"): (-25, 25),
        (f"hip_{_side}", "y"): (-15, 35),
        (f"hip_{_side}", "x"): (-100, 20),
        (f"hip_{_side}", "z"): (-8, 40),
        (f"knee_{_side}", "x"): (0, 130),
        (f"ankle_{_side}", "x"): (-25, 40),
    }

# What moves what, from the far end to the root.
CHAINS: dict[str, tuple[str, ...]] = {
    "torso": ("chest", "waist", "pelvis"),
    "head": ("head", "neck", "chest", "waist", "pelvis"),
    "skirt": ("pelvis",),
}
for _side in ("left", "right"):
    CHAINS[f"arm_{_side}"] = (f"elbow_{_side}", f"shoulder_{_side}", *CHAINS["torso"])
    CHAINS[f"hand_{_side}"] = (f"wrist_{_side}", *CHAINS[f"arm_{_side}"])
    CHAINS[f"leg_{_side}"] = (f"knee_{_side}", f"hip_{_side}", "pelvis")
    CHAINS[f"foot_{_side}"] = (f"ankle_{_side}", *CHAINS[f"leg_{_side}"])

_PLANE = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}
_ORDER = "yxz"

Rigid = tuple[NDArray, NDArray]  # p -> p @ matrix + offset


def turn(points: NDArray, joint: NDArray, axis: str, degrees: NDArray | float) -> NDArray:
    """Turns `points` [N, 3] about the line through `joint` along `axis` by `degrees`, one number or one per point."""
    i, j = _PLANE[axis]
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    p, q = points[:, i] - joint[i], points[:, j] - joint[j]
    moved = points.copy()
    moved[:, i] = joint[i] + cosine * p - sine * q
    moved[:, j] = joint[j] + sine * p + cosine * q
    return moved


class Posed:
    """A pose on one set of joints: carries rest points along chains, each stiff run of joints worked out once."""

    def __init__(self, pose: Pose, joints: Mapping[str, NDArray]):
        self._joints = joints
        self._turns: dict[str, list[tuple[str, float]]] = {}
        for joint in joints:
            mirror = -1 if joint.endswith("right") else 1
            angles = [(axis, pose.get((joint, axis), 0.0) * (1 if axis == "x" else mirror)) for axis in _ORDER]
            self._turns[joint] = [(axis, angle) for axis, angle in angles if angle]
        self._rigid: dict[tuple[str, ...], Rigid] = {}

    def bend(self, points: NDArray, chain: tuple[str, ...], weights: Mapping[str, NDArray] | None = None) -> NDArray:
        """Moves rest points [N, 3] along `chain`; `weights` [N] in 0..1: how much of a joint's angle a point feels.

        Scaling the angle rather than blending positions keeps the girth of a bent knee or elbow.
        """
        k = 0
        while weights and k < len(chain) and chain[k] in weights:
            for axis, angle in self._turns[chain[k]]:
                points = turn(points, self._joints[chain[k]], axis, weights[chain[k]] * np.float32(angle))
            k += 1
        matrix, offset = self._stiff(chain[k:])
        return points @ matrix + offset

    def _stiff(self, chain: tuple[str, ...]) -> Rigid:
        if chain not in self._rigid:
            if not chain:
                return np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
            frame = np.concatenate([np.zeros((1, 3)), np.eye(3)])
            for axis, angle in self._turns[chain[0]]:
                frame = turn(frame, self._joints[chain[0]], axis, angle)
            matrix, offset = self._stiff(chain[1:])
            frame = frame @ matrix + offset
            self._rigid[chain] = (frame[1:] - frame[0]).astype(np.float32), frame[0].astype(np.float32)
        return self._rigid[chain]


def within_limits(pose: Pose) -> Pose:
    """`pose` with every angle brought into its limits; the turn about the vertical is taken round the circle."""
    kept = {dof: float(np.clip(angle, *LIMITS[dof])) for dof, angle in pose.items() if dof != ("pelvis", "y")}
    kept["pelvis", "y"] = float((pose.get(("pelvis", "y"), 0.0) + 180) % 360 - 180)
    return kept


def _arm(kind: str, rng: np.random.Generator) -> dict[tuple[str, str], float]:
    """Mean angles of one arm."""
    if kind == "hip":
        return {("shoulder", "z"): 42, ("shoulder", "y"): -70, ("shoulder", "x"): 12, ("elbow", "x"): -92}
    if kind == "raised":
        return {("shoulder", "z"): rng.uniform(50, 115), ("shoulder", "x"): -20, ("elbow", "x"): rng.uniform(-70, -5)}
    if kind == "forward":
        return {
            ("shoulder", "x"): rng.uniform(-75, -25),
            ("shoulder", "z"): 8,
            ("shoulder", "y"): -15,
            ("elbow", "x"): rng.uniform(-95, -10),
        }
    if kind == "head":
        return {("shoulder", "z"): 85, ("shoulder", "x"): -35, ("shoulder", "y"): 25, ("elbow", "x"): -130}
    return {
        ("shoulder", "z"): rng.uniform(7, 20),
        ("shoulder", "x"): rng.uniform(-8, 10),
        ("shoulder", "y"): rng.uniform(-15, 10),
        ("elbow", "x"): rng.uniform(-28, -4),
    }


def _legs(rng: np.random.Generator) -> Pose:
    stride = rng.normal(0, 9) if rng.random() < 0.6 else rng.choice([-1, 1]) * rng.uniform(14, 28)
    pose: Pose = {}
    for side, sign in (("left", 1), ("right", -1)):
        swing = sign * stride
        knee = max(0.0, rng.normal(4, 3)) + (0.9 * abs(stride) if swing > 8 else 0.25 * max(0, -swing))
        pose["hip_" + side, "x"] = -0.8 * knee * (swing <= 8) + swing * 0.75
        pose["hip_" + side, "z"] = rng.uniform(0, 7)
        pose["hip_" + side, "y"] = rng.uniform(-3, 14)
        pose["knee_" + side, "x"] = knee
        pose["ankle_" + side, "x"] = -0.35 * knee
    if rng.random() < 0.12:
        side = rng.choice(["left", "right"])
        lift = rng.uniform(25, 75)
        pose["hip_" + side, "x"], pose["knee_" + side, "x"] = -lift, lift * rng.uniform(0.8, 1.4)
    return pose


def sample_pose(rng: np.random.Generator, turned: float) -> Pose:
    """A pose of someone standing, walking or posing for a photo, turned by `turned` degrees from the camera."""
    pose = _legs(rng)
    for side in ("left", "right"):
        kind = rng.choice(["hang", "hip", "raised", "forward", "head"], p=[0.62, 0.13, 0.09, 0.12, 0.04])
        for (joint, axis), mean in _arm(kind, rng).items():
            pose[f"{joint}_{side}", axis] = mean + rng.normal(0, 5)
        pose[f"wrist_{side}", "y"] = rng.normal(-8, 14)
        pose[f"wrist_{side}", "x"] = rng.normal(-3, 8)
    for joint, spread in (("waist", 4), ("chest", 3), ("neck", 5), ("head", 6)):
        for axis in "xyz":
            pose[joint, axis] = rng.normal(0, spread)
    pose["head", "y"] = pose["head", "y"] * 1.5
    pose["pelvis", "z"] = rng.normal(0, 2)
    pose["pelvis", "y"] = turned
    return within_limits(pose)


_LIVELY = 0.6  # share of the lively poses in which a limb, the trunk or the head leaves the calm one


def lively_pose(rng: np.random.Generator, turned: float) -> Pose:
    """A pose of someone in motion, for networks that are to know any: arms anywhere, wide stances, bent trunks.

    Each limb, the trunk and the head are by themselves as `sample_pose` has them or anywhere within reach.
    """
    pose = sample_pose(rng, turned)
    for side in ("left", "right"):
        if rng.random() < _LIVELY:
            pose |= {
                (f"shoulder_{side}", "x"): rng.uniform(-150, 30),
                (f"shoulder_{side}", "z"): rng.uniform(5, 115),
                (f"shoulder_{side}", "y"): rng.uniform(-75, 35),
                (f"elbow_{side}", "x"): -130 * rng.random() ** 1.5,
                (f"wrist_{side}", "x"): rng.normal(0, 18),
                (f"wrist_{side}", "y"): rng.normal(0, 30),
            }
    if rng.random() < _LIVELY:
        bend = rng.uniform(0, 70) * (rng.random() < 0.6)
        for side in ("left", "right"):
            lift = bend + rng.normal(0, 8) + (rng.uniform(10, 60) * (rng.random() < 0.25))
            pose |= {
                (f"hip_{side}", "x"): 12 - lift,
                (f"hip_{side}", "z"): rng.uniform(0, 36),
                (f"hip_{side}", "y"): rng.uniform(-10, 30),
                (f"knee_{side}", "x"): max(0.0, lift * rng.uniform(0.6, 1.8)),
                (f"ankle_{side}", "x"): -0.4 * lift + rng.normal(0, 8),
            }
    if rng.random() < _LIVELY:
        pose |= {("waist", axis): rng.normal(0, 9) for axis in "yz"} | {("waist", "x"): rng.uniform(-8, 30)}
        pose |= {("pelvis", "x"): rng.uniform(-8, 22), ("chest", "y"): rng.normal(0, 8)}
    if rng.random() < _LIVELY:
        pose |= {(joint, axis): rng.normal(0, 12) for joint in ("neck", "head") for axis in "xy"}
    return within_limits(pose)
