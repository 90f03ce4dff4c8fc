"""People made of a few rectangles: a photo and its map of any size, for networks that need not know a real one."""

import numpy as np


def ramps(iuv, rows, columns, part):
    """Gives a rectangle of a map a part, with U and V running over all of it."""
    height, width = iuv[rows, columns].shape[:2]
    u, v = np.linspace(0, 255, width), np.linspace(0, 255, height)
    iuv[rows, columns] = np.stack([np.full((height, width), part), *np.meshgrid(u, v)], -1).round()


def upright(height, width):
    """A map: a trunk, seen from the front, and two thighs below it."""
    iuv = np.zeros((height, width, 3), np.uint8)
    y, x = (np.round(np.linspace(0, length, 9)).astype(int) for length in (height, width))
    ramps(iuv, slice(y[1], y[5]), slice(x[2], x[6]), 2)
    ramps(iuv, slice(y[5], y[7]), slice(x[2], x[4]), 9)
    ramps(iuv, slice(y[5], y[7]), slice(x[4], x[6]), 10)
    return iuv


def striped(iuv, wide=3, backdrop=(40, 60, 200)):
    """A photo of somebody in stripes, `wide` pixels each."""
    rows, columns = np.indices(iuv.shape[:2])
    bright = ((rows // wide + columns // wide) % 2)[..., None]
    person = np.where(bright, (250, 240, 30), (150, 10, 10))
    return np.where(iuv[..., :1] > 0, person, backdrop).astype(np.uint8)
