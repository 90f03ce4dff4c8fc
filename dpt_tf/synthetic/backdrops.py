"""What may be behind a person: studios, walls of all sorts, rooms, streets, parks; sharp or out of focus.

Each painter is `Plane -> [S, S, 3]`; `paint` chooses none by itself but gives the same picture for the same number.
`indoors` has a wall near the person, which a shadow may fall on; `OUTDOORS` has open ground.
"""

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic import scenery
from dpt_tf.synthetic.surface import Floats
from dpt_tf.synthetic.texture import Plane, blurred, over, pick


def _studio(p: Plane) -> NDArray:
    """Seamless paper, lit in the middle."""
    bright = p.rng.random() < 0.55
    paper = p.colour(0.75, 1.0, 0.2) if bright else p.colour(0.08, 0.7, 0.7)
    middle = p.rng.uniform(0.3, 0.7, 2)
    spot = np.exp(-((p.x - middle[0]) ** 2 + (p.y - middle[1]) ** 2) / p.rng.uniform(0.15, 0.8))
    falloff = p.rng.uniform(0.05, 0.5)
    sweep = p.rng.uniform(-0.12, 0.12) / (1 + np.exp(-(p.y - p.rng.uniform(0.75, 0.92)) / 0.02))
    return paper * (1 - falloff + falloff * spot + sweep)[..., None]


def _gradient(p: Plane) -> NDArray:
    angle = p.rng.uniform(0, 2 * np.pi)
    along = 0.5 + (p.x - 0.5) * np.cos(angle) + (p.y - 0.5) * np.sin(angle) + 0.08 * p.noise(2, octaves=2)
    return over(p.fill(p.colour()), np.clip(along, 0, 1), p.colour())


def _wall(p: Plane) -> NDArray:
    """Plaster, smooth or rough, lit from one side."""
    rough, lumps = ((0.006, 8), (0.02, 20), (0.05, 48))[p.rng.integers(3)]
    image = p.fill(p.colour(0.15, 0.95)) * (1 + rough * p.noise(lumps, fading=0.75))[..., None]
    return _lit(p, image)


def _lit(p: Plane, image: NDArray) -> NDArray:
    """Brighter to one side and less so below."""
    slope = p.rng.uniform(-0.25, 0.25) * (p.x - 0.5) - p.rng.uniform(0, 0.25) * (p.y - 0.4)
    return image * (1 + slope + 0.03 * p.noise(2, octaves=2))[..., None]


def _floor(p: Plane, edge: float) -> NDArray:
    """Planks, tiles or carpet from the row `edge` down."""
    ground = p.colour(0.15, 0.8, 0.5) if p.rng.random() < 0.5 else p.near(0.5, 0.36, 0.24)
    depth = 0.12 / np.maximum(p.y - edge + 0.12, 0.01)
    kind = p.rng.integers(3)
    floor = p.fill(ground)
    if kind < 2:
        lane = (p.x - 0.5) * depth * p.rng.uniform(5, 24) + 90
        row = depth * p.rng.uniform(4, 14)
        tone = pick(p.rng.normal(0, 0.08, (31, 37)), lane, row if kind else np.zeros_like(row))
        gap = (np.mod(lane, 1) < 0.05) | (bool(kind) & (np.mod(row, 1) < 0.06))
        floor = floor * ((1 + tone) * (1 - 0.25 * gap))[..., None]
    return floor * (0.85 + 0.2 * depth + 0.05 * p.noise(20, 60))[..., None]


def _room(p: Plane) -> NDArray:
    """A wall and a floor, with or without a skirting board between."""
    edge, board = p.rng.uniform(0.66, 0.92), p.rng.choice([0.0, p.rng.uniform(0.015, 0.05)])
    wall = _WALLS[p.rng.integers(len(_WALLS))](p)
    image = over(wall, p.step(p.y - edge + 0 * p.x), _floor(p, edge))
    if board:
        image = p.lay(image, (-1, 2, edge - board, edge), p.near(0.85, 0.84, 0.8))
        image = p.lay(image, (-1, 2, edge - board, edge - 0.8 * board), p.near(0.6, 0.6, 0.57))
    return image * (1 - 0.25 * np.exp(-(((p.y - edge) / 0.02) ** 2)))[..., None]


def _boards(p: Plane) -> NDArray:
    """Clapboards: each casts a thin shadow on the next."""
    count = p.rng.integers(8, 26)
    course = p.y * count + p.rng.random()
    along = np.mod(course, 1) + 0 * p.x
    tone = pick(p.rng.normal(0, 0.03, (41, 1)), course + 0 * p.x, 0 * p.x)
    shade = 0.94 + 0.08 * along - p.rng.uniform(0.2, 0.55) * np.clip(1 - along / 0.12, 0, 1)
    paint = p.colour(0.6, 0.95, 0.3) if p.rng.random() < 0.6 else p.colour(0.2, 0.7, 0.6)
    return _lit(p, paint * (shade + tone + 0.008 * p.noise(4, 60))[..., None])


def _bricks(p: Plane) -> NDArray:
    rows = p.rng.integers(14, 40)
    row = p.y * rows
    column = p.x * rows * p.rng.uniform(0.3, 0.45) + 0.5 * (np.floor(row) % 2)
    down, across = np.abs(np.mod(row, 1) - 0.5), np.abs(np.mod(column, 1) - 0.5)
    mortar = np.maximum(p.step((down - 0.43) / rows), p.step((across - 0.465) / rows))
    painted = p.rng.random() < 0.3
    brick = (
        p.near(0.86, 0.85, 0.82)
        if painted
        else p.near(*((0.55, 0.3, 0.22), (0.6, 0.46, 0.34), (0.4, 0.3, 0.28))[p.rng.integers(3)])
    )
    tone = pick(p.rng.normal(0, 0.04 if painted else 0.14, (67, 71)), row + 0 * p.x, column)
    wall = brick * (1 + tone + 0.08 * p.noise(12, fading=0.8))[..., None]
    joint = brick * 0.8 if painted else p.near(0.62, 0.59, 0.54)
    return _lit(p, over(wall, mortar, joint * (1 + 0.05 * p.noise(40))[..., None]))


def _tiles(p: Plane) -> NDArray:
    count = p.rng.uniform(5, 22)
    row, column = p.y * count, p.x * count / p.rng.choice([1, 1, 2])
    column = column + (0.5 * (np.floor(row) % 2) if p.rng.random() < 0.3 else 0)
    gap = np.maximum(np.abs(np.mod(row, 1) - 0.5) + 0 * p.x, np.abs(np.mod(column, 1) - 0.5))
    first, second = p.colour(0.3, 0.97, 0.5), p.colour(0.1, 0.97, 0.5)
    chequered = p.rng.random() < 0.25
    mask = (np.floor(row) + np.floor(column)) % 2 * chequered
    tone = pick(p.rng.normal(0, 0.03, (53, 59)), row + 0 * p.x, column + 0 * p.y)
    gloss = 0.06 * np.clip(p.noise(3, octaves=2), 0, 2)
    image = over(p.fill(first), mask, second) * (1 + tone + gloss)[..., None]
    return _lit(p, over(image, p.step((gap - 0.47) / count), first * p.rng.uniform(0.5, 1.1)))


def _wood(p: Plane) -> NDArray:
    """Planks with their grain, upright or lying."""
    count = p.rng.uniform(4, 14)
    lane = p.x * count + p.rng.random() + 0 * p.y
    tone = pick(p.rng.normal(0, 0.1, (1, 43)), 0 * lane, lane)
    grain = 0.10 * p.noise(60, 3, fading=0.8) + 0.05 * np.sin(40 * p.noise(count, 1.5, 1) * 0.3)
    gap = p.step((0.03 - np.mod(lane, 1)) / count)
    wood = p.near(*((0.55, 0.38, 0.24), (0.36, 0.25, 0.18), (0.7, 0.62, 0.52), (0.5, 0.5, 0.5))[p.rng.integers(4)])
    image = wood * ((1 + tone + grain) * (1 - 0.6 * gap))[..., None]
    return _lit(p, image if p.rng.random() < 0.6 else image.transpose(1, 0, 2))


def _concrete(p: Plane) -> NDArray:
    stain = 0.1 * p.noise(3, 2) + 0.06 * p.noise(50, 4) * p.y + 0.04 * p.noise(64, octaves=2)
    image = p.near(0.55, 0.54, 0.51, 0.03) * (1 + stain)[..., None]
    seam = np.abs(np.mod(p.y * p.rng.uniform(1, 3) + p.rng.random(), 1) - 0.5) < 0.006
    return _lit(p, image * (1 - 0.3 * seam)[..., None])


def _curtain(p: Plane) -> NDArray:
    """Hanging cloth, or the straight ribs of a shutter."""
    count, hangs = p.rng.uniform(6, 22), p.rng.random() < 0.75
    fold = np.sin(2 * np.pi * (count * p.x + (0.35 * p.noise(5, 1.5, 2) if hangs else 0 * p.y)))
    image = p.colour(0.12, 0.95, 0.8) * (0.86 + p.rng.uniform(0.06, 0.2) * fold)[..., None]
    return _lit(p, image if hangs else image.transpose(1, 0, 2))


def _things(p: Plane) -> NDArray:
    """A wall with windows, doors, posters, frames and shelves on it."""
    image = _WALLS[p.rng.integers(len(_WALLS))](p)
    if p.rng.random() < 0.5:
        edge = p.rng.uniform(0.75, 0.95)
        image = over(
            image, p.step(p.y - edge + 0 * p.x), p.colour(0.1, 0.7, 0.5) * (1 + 0.06 * p.noise(20, 50))[..., None]
        )
    for _ in range(p.rng.integers(1, 6)):
        image = _THINGS[p.rng.integers(len(_THINGS))](p, image)
    return image


def _framed(p: Plane, image: NDArray, box: tuple[float, float, float, float], inside: NDArray, rim: float) -> NDArray:
    left, right, top, bottom = box
    p.lay(image, (left - rim + 0.01, right + rim + 0.012, top - rim + 0.012, bottom + rim + 0.016), image * 0.7)
    p.lay(image, (left - rim, right + rim, top - rim, bottom + rim), p.colour(0.03, 0.97, 0.6))
    return p.lay(image, box, inside)


def _picture(p: Plane, image: NDArray) -> NDArray:
    wide, tall = p.rng.uniform(0.08, 0.35, 2)
    left, top = p.rng.uniform(-0.1, 1.0 - wide / 2), p.rng.uniform(-0.05, 0.55)
    inside = over(p.fill(p.colour()), np.clip(p.noise(5, octaves=3), 0, 1), p.colour(saturation=1))
    inside = over(inside, np.clip(2 * p.noise(4, octaves=2), 0, 1), p.colour(saturation=1))
    return _framed(p, image, (left, left + wide, top, top + tall), inside, p.rng.uniform(0.004, 0.02))


def _window(p: Plane, image: NDArray) -> NDArray:
    wide, tall = p.rng.uniform(0.15, 0.45), p.rng.uniform(0.25, 0.6)
    left, top = p.rng.uniform(-0.2, 1.0 - wide / 2), p.rng.uniform(-0.1, 0.25)
    view = p.near(0.85, 0.92, 1.0) if p.rng.random() < 0.5 else p.near(0.12, 0.14, 0.17)
    inside = view * (1 + 0.15 * p.noise(3) - 0.3 * (p.y - top))[..., None]
    panes, bar = p.rng.integers(1, 4, 2), p.colour(0.5, 0.95, 0.2)
    for k in range(1, panes[0]):
        x = left + wide * k / panes[0]
        p.lay(inside, (x - 0.006, x + 0.006, top, top + tall), bar)
    for k in range(1, panes[1]):
        y = top + tall * k / panes[1]
        p.lay(inside, (left, left + wide, y - 0.006, y + 0.006), bar)
    return _framed(p, image, (left, left + wide, top, top + tall), inside, 0.014)


def _door(p: Plane, image: NDArray) -> NDArray:
    wide, left, top = p.rng.uniform(0.25, 0.42), p.rng.uniform(-0.15, 0.85), p.rng.uniform(-0.05, 0.15)
    paint = p.colour(0.1, 0.9, 0.8)
    inside = paint * (1 + 0.03 * p.noise(30, 4))[..., None]
    for k in range(2):
        y = top + 0.06 + 0.42 * k
        for inset, shade in ((0.035, 0.75), (0.042, 1.05)):
            p.lay(inside, (left + inset, left + wide - inset, y + inset, y + 0.38), paint * np.float32(shade))
    p.lay(inside, (left + wide - 0.028, left + wide - 0.016, 0.5, 0.54), p.near(0.75, 0.68, 0.45))
    return _framed(p, image, (left, left + wide, top, 0.93), inside, 0.016)


def _shelf(p: Plane, image: NDArray) -> NDArray:
    left, wide, top = p.rng.uniform(-0.2, 0.8), p.rng.uniform(0.2, 0.5), p.rng.uniform(0.05, 0.5)
    for row in range(p.rng.integers(1, 4)):
        foot, x = top + 0.16 * (row + 1), left
        p.lay(image, (left, left + wide, foot - 0.16, foot), image * 0.6)
        while x < left + wide - 0.01:
            thick, tall = p.rng.uniform(0.008, 0.03), p.rng.uniform(0.08, 0.14)
            p.lay(image, (x, min(x + thick, left + wide), foot - tall, foot), p.colour(saturation=1))
            x += thick
        p.lay(image, (left, left + wide, foot, foot + 0.012), p.near(0.5, 0.35, 0.22))
    return image


_WALLS: tuple[Callable[[Plane], NDArray], ...] = (_wall, _wall, _wall, _boards, _bricks, _tiles, _wood, _concrete)
_THINGS: tuple[Callable[[Plane, NDArray], NDArray], ...] = (_picture, _picture, _window, _door, _shelf)
_PAINTERS: dict[str, tuple[Callable[[Plane], NDArray], float]] = {  # and how often each is chosen
    "studio": (_studio, 0.12),
    "gradient": (_gradient, 0.05),
    "wall": (_wall, 0.07),
    "room": (_room, 0.26),
    "boards": (_boards, 0.02),
    "bricks": (_bricks, 0.03),
    "tiles": (_tiles, 0.02),
    "wood": (_wood, 0.02),
    "concrete": (_concrete, 0.02),
    "curtain": (_curtain, 0.03),
    "things": (_things, 0.11),
    "park": (scenery.park, 0.07),
    "hedge": (scenery.hedge, 0.03),
    "shore": (scenery.shore, 0.03),
    "bokeh": (scenery.bokeh, 0.05),
    "street": (scenery.street, 0.05),
    "facade": (scenery.facade, 0.02),
}
KINDS = tuple(_PAINTERS)
OUTDOORS = frozenset({"park", "hedge", "shore", "bokeh", "street", "facade"})


def choose(rng: np.random.Generator) -> tuple[str, int]:
    """A kind and a number for `paint`."""
    shares = np.array([share for _, share in _PAINTERS.values()])
    return KINDS[rng.choice(len(KINDS), p=shares / shares.sum())], int(rng.integers(1 << 31))


@functools.lru_cache(maxsize=2)
def paint(kind: str, number: int, size: int) -> Floats:
    """The backdrop `number` of its kind, `[S, S, 3]` in 0..1, not to be written to: the views of an item share it."""
    plane = Plane(np.random.default_rng((number, KINDS.index(kind))), size)
    image = _PAINTERS[kind][0](plane)
    corner = (plane.x - 0.5) ** 2 + (plane.y - 0.5) ** 2
    image = np.clip(image * (1 - plane.rng.uniform(0, 0.5) * plane.rng.random() * corner)[..., None], 0, 1)
    sharp = plane.rng.random() < (0.35 if kind in OUTDOORS else 0.6)
    softness = 0.0015 if sharp else 0.002 + 0.014 * plane.rng.random() ** 2
    image = blurred(image.astype(np.float32), softness * size)
    image.flags.writeable = False
    return image
