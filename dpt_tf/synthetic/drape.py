"""Cloth that leaves the body: skirts, dresses and the hems of loose tops, hung over hips and legs for each pose."""

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic.outfit import Outfit
from dpt_tf.synthetic.surface import Floats, Surface

_COLUMNS = 48
_PHI = np.linspace(0, 360, _COLUMNS + 1).astype(np.float32)
_ANGLES = np.deg2rad(_PHI[:-1])
_OUT = np.stack([np.sin(_ANGLES), np.cos(_ANGLES)], 1)  # directions of the columns in the (x, z) plane


def _gaps() -> NDArray:
    """1 / cos of the angle between two columns, infinite beyond 70 degrees."""
    cosine = np.cos(_ANGLES[:, None] - _ANGLES[None])
    return np.where(cosine > np.cos(np.deg2rad(70)), 1 / np.maximum(cosine, 1e-3), np.inf)


_GAPS = _gaps()


def rings(outfit: Outfit) -> dict[str, NDArray]:
    """Rest heights `[R]` of the hanging tubes of an outfit: `skirt`, `tunic`, one, both or none."""
    tubes = {}
    if outfit.skirted:
        tubes["skirt"] = np.linspace(0.62, outfit.hem, 18)
    if outfit.untucked:
        tubes["tunic"] = np.linspace(0.63, 0.615 - outfit.untucked, 8)
    return {name: heights.astype(np.float32) for name, heights in tubes.items()}


def hang(name: str, heights: NDArray, outfit: Outfit, below: NDArray) -> Floats:
    """A tube of cloth round the points `below` [N, 3] of hips and legs, all in the pelvis' rest frame. `-> [R, C, 3]`.

    Each ring is the convex outline of what it surrounds; cloth falls from the ring above and never bends in under it by
    more than a tight skirt does; folds deepen towards the hem.
    """
    tight = outfit.flare < 0.12 and name == "skirt"
    spread = below[:, [0, 2]] @ _OUT.T  # [N, C] how far out a point is in each direction
    outline = np.empty((len(heights), _COLUMNS), np.float32)
    slack = (heights[0] - heights[1]) * (0.35 if tight else 0.08)
    for k, height in enumerate(heights):
        near = np.abs(below[:, 1] - height) < 0.024
        # Legs that both swing to one side leave nothing on the other, where cloth still hangs from the axis outwards.
        support = np.maximum(spread[near].max(0), 0) if near.any() else np.zeros(_COLUMNS)
        outline[k] = support + outfit.thickness + (0.004 if name == "skirt" else 0.008)
        if k:
            flare = (
                (heights[k - 1] - height) * (outfit.flare if name == "skirt" else 0.12) * (0.8 if height > 0.5 else 1)
            )
            outline[k] = np.maximum(outline[k], outline[k - 1] - slack + flare)
    radius = (outline[:, None, :] * _GAPS[None]).min(-1)
    radius = (radius + np.roll(radius, 1, 1) + np.roll(radius, -1, 1)) / 3
    depth = np.clip((heights[0] - heights) / 0.3 - 0.15, 0, 1)[:, None]
    folds = np.cos(outfit.folds * _ANGLES + outfit.folds) + 0.5 * np.cos((outfit.folds + 3) * _ANGLES)
    radius = radius + (0 if tight else 0.02) * min(outfit.flare, 0.5) * depth * folds[None]
    points = np.stack([radius * _OUT[:, 0], np.broadcast_to(heights[:, None], radius.shape), radius * _OUT[:, 1]], -1)
    return points.astype(np.float32)


def surface(name: str, heights: NDArray) -> Surface:
    """The tube's grid, for its triangles and corners; points come with each pose."""
    return Surface(name, np.zeros((len(heights), _COLUMNS, 3), np.float32), heights.astype(np.float32), _PHI)
