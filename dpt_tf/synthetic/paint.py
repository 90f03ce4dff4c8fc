"""What colour a point of a dressed person is, before light falls on it."""

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic import cloth, lettering
from dpt_tf.synthetic import outfit as worn
from dpt_tf.synthetic.figure import Person
from dpt_tf.synthetic.surface import Floats

# Girth against the trunk's, for patterns to keep their size.
_SCALE = {"torso": 1.0, "arm": 0.34, "leg": 0.55, "skirt": 1.25, "tunic": 1.0, "head": 0.5}


def colours(person: Person, piece: str, height: NDArray, phi: NDArray) -> Floats:
    """Colours `[N, 3]` in 0..1 of points (height, phi) of `piece`."""
    outfit, kind = person.outfit, piece.split("_")[0]
    if kind == "hair":
        return _hair(person, height, phi)
    if kind == "hat":
        assert person.hat is not None
        felt = 1 + 0.08 * np.sin(9 * phi + 700 * height) * np.sin(4 * phi - 300 * height)
        return np.clip(np.array(person.hat.colour) * felt[:, None], 0, 1).astype(np.float32)
    if kind in ("skirt", "tunic"):
        hung = (outfit.bottom if kind == "skirt" else outfit.top).at(phi / 360, height, _SCALE[kind])
        return _creased(person, piece, hung, height, phi)
    result = _skin(person, kind, height, phi)
    garment = outfit.covers(piece, height, phi, person.joints)
    scale = _SCALE.get(kind, 1.0)
    for index, fabric in ((worn.TOP, outfit.top), (worn.BOTTOM, outfit.bottom)):
        own = garment == index
        if own.any():
            result[own] = fabric.at(phi[own] / 360, height[own], scale)
    if outfit.sleeves:
        own = (garment == worn.TOP) & _raglan(kind, height, phi)
        result[own] = outfit.sleeves.at(phi[own] / 360, height[own], scale)
    for index, colour in (
        (worn.SHOE, outfit.shoes),
        (worn.SOCK, outfit.sock_colour),
        (worn.BELT, (0.12, 0.08, 0.06)),
    ):
        result[garment == index] = colour
    if kind == "foot":
        result[np.abs((phi + 360) % 360 - 180) < 55] = outfit.sole
    if kind == "torso" and outfit.badge:
        on = _badge(outfit.badge, (phi + 180) % 360 - 180, height) & (garment == worn.TOP)
        result[on] = outfit.badge_colour
    if kind == "torso" and outfit.lettering:
        result[_written(outfit.lettering, phi, height) & (garment == worn.TOP)] = outfit.badge_colour
    if outfit.creases:
        own = (garment == worn.TOP) | (garment == worn.BOTTOM)
        result[own] = _creased(person, piece, result[own], height[own], phi[own])
    if kind == "head" and person.hair.style != "bald":
        own = person.hair.covers(height, phi)
        result[own] = _hair(person, height[own], phi[own])
    return result


def _raglan(kind: str, height: NDArray, phi: NDArray) -> NDArray[np.bool_]:
    """Whether a point is a raglan sleeve's: the arm, and what lies above a slanted seam on the shoulder."""
    if kind == "arm":
        return np.ones(len(height), bool)
    side = np.abs(np.mod(phi, 180) - 90)
    return (kind == "torso") & (side < 900 * (height - 0.73))


def _written(number: int, phi: NDArray, height: NDArray) -> NDArray[np.bool_]:
    """What is written: across the chest, small on its left, or across the back."""
    middle, wide, level, tall = (
        (0, 42, 0.72, 0.035),
        (0, 34, 0.69, 0.06),
        (26, 14, 0.745, 0.012),
        (180, 46, 0.72, 0.05),
    )[number % 4]
    return lettering.word(number, ((phi - middle + 180) % 360 - 180) / wide, (height - level) / tall)


def _creased(person: Person, piece: str, colour: Floats, height: NDArray, phi: NDArray) -> Floats:
    if not person.outfit.creases:
        return colour
    number = person.seed + sum(map(ord, piece))
    if piece == "skirt":  # falls in upright folds
        phi, height = 4 * phi, 0.25 * height
    return colour * (1 + np.float32(person.outfit.creases) * cloth.creases(phi, height, number))[:, None]


def _badge(kind: int, x: NDArray, height: NDArray) -> NDArray[np.bool_]:
    """A figure on the chest; `x` in degrees from the middle, so that 36 is about as far as 0.06 statures."""
    x, y = x / 36, (height - 0.725) / 0.05
    if kind == 1:
        return np.hypot(x, y) < 0.8
    if kind == 2:
        return (np.abs(x) < 0.9) & (np.abs(y) < 0.22)
    if kind == 3:
        return np.abs(x) + np.abs(y) < 0.9
    return (np.abs(np.hypot(x, y) - 0.7) < 0.16) | (np.hypot(x, y) < 0.3)


def _hair(person: Person, height: NDArray, phi: NDArray) -> Floats:
    """Strands: lighter and darker streaks that run down."""
    strand = np.sin(phi * 0.9 + 3 * np.sin(phi * 0.23) + 20 * height) * np.sin(phi * 0.37 + 1)
    shade = 1 + 0.22 * strand + 0.6 * np.clip(height - 0.94, 0, 0.05)
    if person.outfit.creases:  # as fine as photos show it, with a sheen round the crown
        fine = np.sin(phi * 3.1 + 5 * np.sin(phi * 0.4 + 30 * height)) * np.sin(phi * 1.7 + 40 * height)
        shade += 0.2 * fine + 0.5 * np.exp(-(((height - 0.962 + 0.004 * fine) / 0.008) ** 2))
    colour = np.array(person.hair.colour)[None]
    if person.hair.tips is not None:
        lower = np.clip((0.93 - height) / 0.12, 0, 1) + 0.5 * np.clip(np.sin(phi * 0.61 + 2 * np.sin(phi * 0.17)), 0, 1)
        colour = colour + np.clip(lower, 0, 1)[:, None] * (np.array(person.hair.tips) - colour)
    if person.hair.sheen:
        shine = person.hair.sheen * person.hair.shine(height, phi)
        shade = shade * np.clip(1 + shine, 0.35, 2)
        colour = colour + 0.12 * np.clip(shine, 0, 1)[:, None]  # of the light's colour, not the hair's
    return np.clip(colour * shade[:, None], 0, 1).astype(np.float32)


def _skin(person: Person, kind: str, height: NDArray, phi: NDArray) -> Floats:
    skin = np.array(person.skin, np.float32)
    result = np.repeat(skin[None], len(height), 0)
    if kind == "head":
        _face(person, result, height, (phi + 180) % 360 - 180)
    return result


def _face(person: Person, result: Floats, height: NDArray, x: NDArray) -> None:
    """Eyes, brows, lips, nostrils and a flush of the cheeks; `x` in degrees from the middle of the face."""
    skin = np.array(person.skin)
    left = np.abs(x)
    cheek = np.exp(-(((left - 34) / 14) ** 2) - ((height - 0.908) / 0.014) ** 2)[:, None]
    result += (cheek * (0.05, -0.03, -0.03)).astype(np.float32)
    socket = np.exp(-(((left - 23) / 13) ** 2) - ((height - 0.937) / 0.010) ** 2)[:, None]
    result *= (1 - 0.16 * socket).astype(np.float32)
    stubble = (person.shape.female < 0.3) & (person.seed % 3 == 0)
    if stubble:
        beard = (height < 0.905) & (height > 0.872) & (left < 75)
        result[beard] = 0.6 * result[beard] + 0.4 * np.array(person.hair.colour, np.float32)

    def disc(at: float, level: float, wide: float, tall: float) -> NDArray:
        return ((left - at) / wide) ** 2 + ((height - level) / tall) ** 2 < 1

    lips = skin * (0.80, 0.50, 0.50) if person.shape.female > 0.5 else skin * (0.82, 0.62, 0.60)
    result[disc(0, 0.893, 15, 0.0062)] = lips
    result[(left < 14) & (np.abs(height - 0.893) < 0.0011)] = lips * 0.55
    result[disc(23, 0.934, 10, 0.0056)] = (0.94, 0.94, 0.93)
    result[disc(23, 0.934, 5, 0.0056)] = person.eyes
    result[disc(23, 0.934, 2.4, 0.003)] = (0.03, 0.03, 0.03)
    result[disc(23, 0.9395, 11, 0.0016)] = skin * 0.35
    brow = np.abs(height - 0.950 + ((left - 22) / 90) ** 2 * 0.5) < 0.0021
    hair = np.array(person.hair.colour)
    result[brow & (left > 10) & (left < 36)] = 0.75 * hair + 0.25 * skin * 0.5
    result[disc(4.5, 0.904, 2.4, 0.0022)] = skin * 0.5
