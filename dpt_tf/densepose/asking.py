"""Asking an estimator for somebody in a photo, with checks of what is asked."""

import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from dpt_tf.densepose.estimator import Box, Estimator, Person
from dpt_tf.images import photos
from dpt_tf.system.errors import UserError

MOST_PIXELS = 1 << 25
"""The largest photo, as maps of more pixels are not read either."""
_MOST_LOOKED_AT = 1 << 28
"""Height times side of a square: so many pixels are cut out before they are reduced."""


class Nobody(UserError):
    """An estimator found nobody, or not so many people as were asked for."""


def read(photo: str | os.PathLike | np.ndarray) -> np.ndarray:
    """A photo as uint8 `[H, W, 3]`: its file, read upright, or such an array.

    Raises:
      UserError: a file that is missing, no picture, or too large.
      ValueError: another array.
    """
    if isinstance(photo, str | os.PathLike):
        path = pathlib.Path(photo)
        try:
            return photos.read(path, MOST_PIXELS)
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; give the path of a photo") from None
    if not isinstance(photo, np.ndarray) or photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        got = f"{photo.dtype} {photo.shape}" if isinstance(photo, np.ndarray) else type(photo).__name__
        raise ValueError(f"a photo must be a path or a uint8 array [H, W, 3], got {got}")
    if not photo.size:
        raise ValueError(f"a photo without pixels: {photo.shape}")
    return photo


def whole(photo: np.ndarray) -> Box:
    """The box over all of a photo."""
    return 0.0, 0.0, float(photo.shape[1]), float(photo.shape[0])


def people(estimator: Estimator, photo: np.ndarray, boxes: Sequence[Box] | None = None) -> list[Person]:
    """Everybody of whom anything is seen, the surest first; with `boxes`, in their order.

    Raises:
      Nobody: a photo so long and narrow, or a box so large, that it cannot be looked at.
      UserError: a box is none, or lies outside of the photo.
    """
    for box in boxes or ():
        _check(box, photo)
    for x0, y0, x1, y1 in [whole(photo)] if boxes is None else boxes:
        if photo.shape[0] * max(x1 - x0, y1 - y0) > _MOST_LOOKED_AT:
            size = f"{x1 - x0:.0f} x {y1 - y0:.0f} pixels"
            raise Nobody(f"{size} are too long a stretch to look for anybody; cut out the person")
    return [person for person in estimator.people(photo, boxes) if person.map[..., 0].any()]


def person(estimator: Estimator, photo: np.ndarray, box: Box | None = None, number: int | None = None) -> Person:
    """Whoever stands in `box`, or the `number`-th surest person, 1 being the surest, as is the default.

    Raises:
      Nobody: nobody is found there, or not so many.
      UserError: a box that lies outside of the photo; both box and number, or a number below 1.
    """
    if box is not None and number is not None:
        raise UserError("a box and the number of a person are two ways to say who is meant; give one of them")
    if number is not None and number < 1:
        raise UserError(f"person {number}: people are counted from 1, the surest")
    found = people(estimator, photo, None if box is None else [box])
    if not found:
        where = "in the box" if box is not None else "in it"
        remedy = "give the box of the person, or another estimator" if box is None else "give another box"
        raise Nobody(f"nobody found {where} by {estimator.name}; {remedy}")
    if (number or 1) > len(found):
        raise Nobody(f"no person {number}: {estimator.name} found {len(found)}; choose 1 to {len(found)}")
    return found[(number or 1) - 1]


def _check(box: Box, photo: np.ndarray) -> None:
    x0, y0, x1, y1 = box
    height, width = photo.shape[:2]
    if not all(map(math.isfinite, box)) or x1 - x0 < 1 or y1 - y0 < 1:
        raise UserError(f"box {said(box)}: give x0,y0,x1,y1 in pixels, x1 beyond x0 and y1 beyond y0")
    if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
        raise UserError(f"box {said(box)} lies outside of the photo of {width} x {height} pixels")


def said(box: Box) -> str:
    """A box as a user writes it."""
    return ",".join(f"{side:.1f}".removesuffix(".0") for side in box)
