"""People in plain clothes, painted straight on the surface: what each wears is known to the texel."""

import numpy as np
import tensorflow as tf

from dpt_tf.iuv import charts, tubes
from dpt_tf.transfer.sources import Sources

R = 64
SIDE = 96
WALL = (40, 160, 60)
PLACES = (
    ((6, 20), (42, 48), 23), ((6, 20), (48, 54), 24), ((20, 48), (36, 60), 2),
    ((20, 34), (24, 32), 18), ((34, 48), (24, 32), 22), ((48, 54), (24, 32), 3),
    ((20, 34), (64, 72), 17), ((34, 48), (64, 72), 21), ((48, 54), (64, 72), 4),
    ((48, 66), (36, 47), 9), ((66, 84), (36, 47), 13), ((84, 90), (36, 47), 6),
    ((48, 66), (49, 60), 10), ((66, 84), (49, 60), 14), ((84, 90), (49, 60), 5),
)  # fmt: skip
"""Rows, columns and part of each piece, seen from the front."""


def surface(
    skin=(220, 170, 140), top=(200, 30, 40), bottom=(30, 40, 150), hair=(40, 25, 15), sleeve=0.4, waist=0.75, leg=0.5
):
    """The texture of somebody whose sleeves, top and trouser legs end at these stations: uint8 `[24, R, R, 3]`."""
    piece, along, round_ = tubes.places(R)
    name = np.array(tubes.PIECES)[piece]
    texture = np.empty([24, R, R, 3], np.uint8)
    texture[:] = skin
    for k in range(24):
        if name[k] == "torso":
            texture[k] = np.where(along[k, ..., None] < waist, top, bottom)
        elif name[k].startswith("arm"):
            texture[k][along[k] < sleeve] = top
        elif name[k].startswith("leg"):
            texture[k][along[k] < leg] = bottom
        elif name[k].startswith("foot"):
            texture[k] = (90, 60, 30)
        elif name[k] == "head":
            behind = np.abs((round_[k] + 180) % 360 - 180) > 80
            texture[k][behind | (along[k] > 0.75)] = hair
    return texture


def front():
    """A map of somebody who stands there, arms a little apart: `[96, 96, 3]`."""
    iuv = np.zeros((SIDE, SIDE, 3), np.uint8)
    for rows, columns, part in PLACES:
        chart = next(chart for piece in charts.PIECES.values() for chart in piece if chart.part == part)
        t, s = np.linspace(0, 1, rows[1] - rows[0]), np.linspace(0, 1, columns[1] - columns[0])
        if part in (23, 24):
            t = t[::-1]  # from the crown down
        uv = np.rint(chart.at(*np.meshgrid(t, s, indexing="ij")))
        iuv[slice(*rows), slice(*columns), 0] = part
        iuv[slice(*rows), slice(*columns), 1:] = uv
    return iuv


def sources(texture, beside=()):
    """Somebody of that surface, seen from the front before a green wall.

    `beside` are (rows, columns, colour) of cloth that hangs beside the body.
    """
    iuv = front()
    observed = np.zeros([24, R, R, 1], np.uint8)
    observed[[part - 1 for _, _, part in PLACES]] = 255
    part, u, v = np.moveaxis(iuv.astype(int), -1, 0)
    at = np.maximum(part - 1, 0), np.rint(v * (R - 1) / 255).astype(int), np.rint(u * (R - 1) / 255).astype(int)
    body = part[..., None] > 0
    photo = np.where(body, texture[at], np.uint8(WALL))
    share = (255 * body).astype(np.uint8)
    for rows, columns, colour in beside:
        hung = np.zeros([SIDE, SIDE, 1], bool)
        hung[rows, columns] = True
        photo, share = np.where(hung & ~body, np.uint8(colour), photo), np.where(hung, 255, share).astype(np.uint8)
    one = {
        "texture": tf.constant(texture[None]),
        "observed": tf.constant(observed[None]),
        "person": tf.constant(np.concatenate([photo, share, (255 * body).astype(np.uint8)], -1)[None]),
        "backdrop": tf.constant(np.broadcast_to(np.uint8(WALL), [1, SIDE, SIDE, 3])),
        "small_backdrop": tf.zeros([1, 32, 32, 3]),
    }
    return Sources([one], [iuv], [observed])


def halves(*people):
    """Functions in the place of networks: a photo of one of the people shows their surface, another itself."""

    def of_source(photo, iuv, coverage):
        for one in people:
            known = one.each[0]
            if np.array_equal(photo[0], np.asarray(known["person"])[0, ..., :3]):
                return dict(known)
        return {"person": tf.constant(np.concatenate([photo, coverage, coverage], -1))}

    def of_surface(texture, observed):
        return {"texture": texture, "observed": observed, "small_observed": tf.zeros([1, 24, 32, 32, 1])}

    return of_source, None, of_surface
