"""What distinguishes one body from another, and where its joints are at rest. Lengths in units of stature."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

UP, SIDE, AHEAD = (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
WRIST, ELBOW, SHOULDER = 0.487, 0.635, 0.795
HIP, KNEE, ANKLE, CROTCH, WAIST, NECK = 0.52, 0.285, 0.045, 0.468, 0.615, 0.838


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    """What distinguishes one body from another; 0 is average where not said otherwise."""

    female: float = 0.5  # 0 broad shoulders .. 1 broad hips and a bust
    girth: float = 1.0  # of the trunk, 1 = slim
    limbs: float = 1.0  # of arms and legs
    head: float = 1.0
    legs: float = 0.0  # longer (+) or shorter by this much, in knee height
    arms: float = 1.0
    face: float = 1.0  # how wide

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "Shape":
        """A random adult."""
        female = float(np.clip(rng.beta(0.5, 0.5), 0, 1))
        girth = float(np.clip(1 + abs(rng.normal(0, 0.13)), 0.95, 1.45))
        return cls(
            female=female,
            girth=girth,
            limbs=float(np.clip(0.96 + 0.55 * (girth - 1) + rng.normal(0, 0.05), 0.82, 1.35)),
            head=float(rng.uniform(0.90, 1.0)),
            legs=float(rng.uniform(-0.02, 0.02)),
            arms=float(rng.uniform(0.95, 1.05)),
            face=float(rng.uniform(0.92, 1.06)),
        )


def joints(shape: Shape) -> dict[str, NDArray]:
    """Rest positions `[3]` of every joint of `skeleton`."""
    shoulder, hip = shoulder_x(shape), 0.052
    places: dict[str, tuple[float, float, float]] = {
        "pelvis": (0, 0.53, 0),
        "waist": (0, 0.60, 0),
        "chest": (0, 0.70, 0),
        "neck": (0, 0.842, -0.008),
        "head": (0, 0.876, -0.004),
    }
    for side, sign in (("left", 1), ("right", -1)):
        places |= {
            f"shoulder_{side}": (sign * shoulder, SHOULDER, -0.002),
            f"elbow_{side}": (sign * (shoulder + 0.004), SHOULDER - (SHOULDER - ELBOW) * shape.arms, -0.004),
            f"wrist_{side}": (sign * (shoulder + 0.004), SHOULDER - (SHOULDER - WRIST) * shape.arms, 0),
            f"hip_{side}": (sign * hip, HIP, 0),
            f"knee_{side}": (sign * 0.049, KNEE + shape.legs, 0.002),
            f"ankle_{side}": (sign * 0.046, ANKLE, 0),
        }
    return {name: np.array(place, np.float32) for name, place in places.items()}


def shoulder_x(shape: Shape) -> float:
    """How far the shoulder joint is from the middle."""
    return 0.112 - 0.014 * shape.female
