"""Fine cloth: tartans, knits, denim, florals, letters, as functions of where on the resting body a point is.

Each pattern is `(a, b, height, repeat, colours, seed) -> [N, 3]`: `a` in 0..repeat runs once round the body, `b` up it
in the same unit, `height` in statures, `colours` [3, 3]. It closes round the body, for cells go by `a` modulo `repeat`.
"""

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic import lettering

Pattern = Callable[[NDArray, NDArray, NDArray, int, NDArray, int], NDArray]


def mix(weight: NDArray, first: NDArray, second: NDArray) -> NDArray:
    """From `first` at 0 to `second` at 1."""
    return first + weight[..., None] * (second - first)


def wave(x: NDArray) -> NDArray:
    """0..1 once per unit, flat at both ends: a square wave with soft edges."""
    return np.clip(0.5 + 3 * np.sin(2 * np.pi * x), 0, 1)


def _cells(i: NDArray, j: NDArray, seed: int) -> NDArray:
    """One number in 0..1 for each cell (i, j)."""
    return _table(seed)[i.astype(np.int32) % 97, j.astype(np.int32) % 89]


@functools.lru_cache(maxsize=64)
def _table(seed: int) -> NDArray:
    return np.random.default_rng(seed).random((97, 89), np.float32)


def _lumps(a: NDArray, b: NDArray, period: int, seed: int) -> NDArray:
    """Smooth noise in 0..1 with a lump a unit, the same after `period` units of `a`."""
    i, j = np.floor(a), np.floor(b)
    x, y = a - i, b - j
    x, y = x * x * (3 - 2 * x), y * y * (3 - 2 * y)
    left, right = i % period, (i + 1) % period
    low = _cells(left, j, seed) * (1 - x) + _cells(right, j, seed) * x
    high = _cells(left, j + 1, seed) * (1 - x) + _cells(right, j + 1, seed) * x
    return low * (1 - y) + high * y


def _tartan(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Threads of several widths, the same sett both ways; where two cross they mix."""
    rng = np.random.default_rng(seed)
    half = rng.choice([1, 1, 2, 3, 6, 8], rng.integers(3, 6))
    widths = np.concatenate([half, half[::-1]])
    tones = rng.choice(3, len(half), p=[0.5, 0.3, 0.2])
    tones = np.concatenate([tones, tones[::-1]])
    edges = np.cumsum(widths)[:-1] / widths.sum()
    warp, weft = (c[tones[np.searchsorted(edges, np.mod(x, 1))]] for x in (a, b))
    return 0.5 * (warp + weft)


def _knit(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Ribs or cables in one colour; on some a band with a zigzag."""
    rib = np.sin(2 * np.pi * (2 * a + (0.35 * np.sin(2 * np.pi * b) if seed % 2 else 0)))
    ground = np.where(((seed % 3 == 0) & (np.abs(h - 0.72) < 0.03))[..., None], c[1], c[0])
    figure = np.abs(h - 0.72 - 0.012 * (4 * np.abs(np.mod(a, 1) - 0.5) - 1)) < 0.006
    ground = np.where((figure & (seed % 3 == 0))[..., None], c[2], ground)
    return ground * (0.9 + 0.09 * rib + 0.05 * np.sin(2 * np.pi * 6 * b))[..., None]


def _denim(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Weave, wash on thighs and seat, seams at the sides with their stitches."""
    turn = a / repeat
    front = np.minimum(turn, 1 - turn)
    worn = np.exp(-((front / 0.11) ** 2) - ((h - 0.39) / 0.09) ** 2) + 0.5 * np.exp(
        -(((0.5 - front) / 0.12) ** 2) - ((h - 0.5) / 0.05) ** 2
    )
    fade = (seed % 7) / 7 * worn + 0.12 * (_lumps(4 * a, 2 * b, 4 * repeat, seed) - 0.5)
    cloth = mix(np.clip(fade, 0, 1), c[0], 0.55 * c[0] + 0.4)
    cloth = cloth * (1 + 0.09 * (_cells(9 * a, 13 * b, seed) - 0.5))[..., None]
    seam = np.abs(front - 0.25)
    cloth = np.where((seam < 0.006)[..., None], 0.72 * cloth, cloth)
    stitch = (np.abs(seam - 0.011) < 0.0025) & (seed % 2 == 0)
    return np.where(stitch[..., None], c[1], cloth)


def _floral(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Blossoms of two colours, with hearts and leaves, strewn on a ground."""
    image = np.broadcast_to(c[0], (len(a), 3))
    leaf = 0.5 * c[0] + 0.5 * np.array((0.18, 0.36, 0.16))
    for layer, grown in ((0, 0.55), (1, 0.75)):
        x, y = np.mod(a + 0.5 * layer, repeat), b + 0.5 * layer
        i, j = np.floor(x) % repeat, np.floor(y)
        size, lean, kind = (_cells(i, j, seed + 7 * layer + k) for k in (1, 2, 3))
        x, y = x - np.floor(x) - 0.35 - 0.3 * lean, y - j - 0.35 - 0.3 * kind
        far, angle = np.hypot(x, y), np.arctan2(y, x) + 6 * lean
        radius = grown * (0.25 + 0.3 * size)
        stalk = np.clip((0.07 - np.hypot(np.sin(angle) * far, 0.35 * (np.cos(angle) * far - radius))) * 20, 0, 1)
        petal = np.clip((radius * (0.65 + 0.35 * np.abs(np.cos(2.5 * angle))) - far) * 14, 0, 1)
        there = (kind + size > 0.5).astype(float)
        image = mix(stalk * there, image, leaf)
        hue = np.where((lean > 0.4)[..., None], c[1], c[2])
        image = mix(petal * there, image, hue * (0.8 + 0.2 * np.clip(far / radius, 0, 1))[..., None])
        image = mix(np.clip((0.25 * radius - far) * 20, 0, 1) * there, image, np.array((0.85, 0.7, 0.25)))
    return image


def _fine(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Thin lines on a ground, lying or upright, single or in pairs."""
    along = a if seed % 3 == 0 else b
    thin = 0.12 + 0.3 * (seed % 11) / 11
    line = np.clip((thin - np.abs(np.mod(along, 1) - 0.5) * 2) * 8 + 0.5, 0, 1)
    if seed % 4 == 1:
        line = np.maximum(line, 0.7 * (np.abs(np.mod(along, 1) - 0.85) < 0.05))
    return mix(line, c[0], c[1])


def _letters(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Rows of letters, every second row shifted, upright all round."""
    row = np.floor(b * 0.75)
    column = np.floor(a)
    drawn = (_cells(column % repeat, row, seed) * 997).astype(int)
    ink = lettering.inked(drawn, np.mod(a, 1), np.mod(b * 0.75, 1))
    return np.where(ink[..., None], np.where((row % 2 == 0)[..., None], c[1], c[2]), c[0])


def _ombre(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """From one colour at the hem to another at the shoulder."""
    middle = 0.5 + 0.25 * (seed % 100) / 100
    return mix(1 / (1 + np.exp(-(h - middle) / 0.05)), c[0], c[1])


def _camouflage(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Blots of three colours."""
    one, other = _lumps(a, b, repeat, seed), _lumps(a, b, repeat, seed + 1)
    return np.where((one > 0.55)[..., None], c[1], np.where((other > 0.58)[..., None], c[2], c[0]))


def _leopard(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Dark rings with a shade within."""
    spot = _lumps(a, b, repeat, seed)
    return np.where((spot > 0.68)[..., None], 0.75 * c[0], np.where((spot > 0.56)[..., None], 0.25 * c[0], c[0]))


def _argyle(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Diamonds with thin lines across them."""
    x, y = np.abs(np.mod(a, 1) - 0.5), np.abs(np.mod(0.7 * b, 1) - 0.5)
    diamond = mix(np.clip((0.5 - x - y) * 12 + 0.5, 0, 1), c[0], c[1])
    return np.where((np.abs(x - y) < 0.025)[..., None], c[2], diamond)


def _zigzag(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    return mix(wave(b + 0.8 * np.abs(np.mod(a, 1) - 0.5)), c[0], c[1])


def _slanted(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Stripes that climb round the body, of two widths."""
    lying = np.mod(a + b * (1 if seed % 2 else -1), 1)
    return np.where((lying < 0.35)[..., None], c[1], np.where((np.abs(lying - 0.6) < 0.06)[..., None], c[2], c[0]))


def _bands(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """Broad bands of uneven height."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.uniform(0.02, 0.12, 24))
    return c[rng.integers(3, size=25)][np.searchsorted(edges, h)]


def _heather(a: NDArray, b: NDArray, h: NDArray, repeat: int, c: NDArray, seed: int) -> NDArray:
    """One colour with threads of another spun in."""
    fleck = _cells(5 * a, 9 * b, seed) + 0.5 * _cells(11 * a, 4 * b, seed + 1) - 0.75
    return mix(np.clip(0.2 + 0.35 * fleck, 0, 1), c[0], 0.6 * c[0] + 0.4 * c[1])


PATTERNS: dict[str, Pattern] = {
    "tartan": _tartan,
    "knit": _knit,
    "denim": _denim,
    "floral": _floral,
    "fine": _fine,
    "letters": _letters,
    "ombre": _ombre,
    "camouflage": _camouflage,
    "leopard": _leopard,
    "argyle": _argyle,
    "zigzag": _zigzag,
    "slanted": _slanted,
    "bands": _bands,
    "heather": _heather,
}


def creases(phi: NDArray, height: NDArray, number: int) -> NDArray:
    """Where worn cloth folds, lighter above 0 and darker below, -1..1 `[N]`: by degrees round a piece and height."""
    t = np.deg2rad(phi).astype(np.float32)
    one, two, three = (number % 101) * 0.06, (number % 89) * 0.07, (number % 83) * 0.08
    slack = 1 - 2 * np.abs(np.sin(26 * height + 1.3 * np.sin(2 * t + one) + 1.6 * np.sin(17 * height + two)))
    fine = np.sin(97 * height + 3 * np.sin(t + three) + 4 * t) * np.sin(31 * height + two + 3 * t)
    return 0.6 * slack * np.sin(2 * t + 9 * height + three) + 0.4 * fine
