"""Cloth: patterns as functions of where on the resting body a point is.

A fabric is read at (turn, height): `turn` goes once round the body from 0 at the front to 1, `height` is the rest
height in statures. A pattern repeats a whole number of times a turn and by `height` alone along it, so it runs on
from part to part, round the sides to the back, and from the bodice to the skirt.
"""

import colorsys
import dataclasses

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic import cloth
from dpt_tf.synthetic.cloth import mix, wave
from dpt_tf.synthetic.surface import Floats

KINDS = ("plain", "stripes", "columns", "checks", "plaid", "dots", "print", "colour block")
_GIRTH = 0.46  # of an average trunk, to make squares square


@dataclasses.dataclass(frozen=True)
class Fabric:
    """Cloth with a pattern of one of KINDS or of `cloth.PATTERNS`.

    `colours` [3, 3] in 0..1; `repeat` repeats of the pattern in one turn of the trunk.
    """

    kind: str
    colours: tuple[tuple[float, float, float], ...]
    repeat: int
    seed: int

    def at(self, turn: NDArray, height: NDArray, scale: float = 1.0) -> Floats:
        """Colours `[N, 3]`; `scale` is the tube's girth against the trunk's."""
        repeat = max(1, round(self.repeat * scale))
        across, along = np.mod(turn, 1.0) * repeat, height * self.repeat / _GIRTH
        c = np.array(self.colours, np.float32)
        if self.kind in cloth.PATTERNS:
            return cloth.PATTERNS[self.kind](across, along, height, repeat, c, self.seed).astype(np.float32)
        return _PATTERNS[self.kind](across, along, c, self.seed, height).astype(np.float32)


def _hash(i: NDArray, j: NDArray, seed: int) -> NDArray:
    """One number in 0..1 for each cell (i, j)."""
    return np.modf(np.abs(np.sin(i * 127.1 + j * 311.7 + (seed % 977) * 7.31) * 43758.5453))[0]


def _plain(a: NDArray, b: NDArray, c: NDArray, seed: int, h: NDArray) -> NDArray:
    return np.broadcast_to(c[0], (len(a), 3))


def _stripes(a: NDArray, b: NDArray, c: NDArray, seed: int, h: NDArray) -> NDArray:
    return mix(wave(b), c[0], c[1])


def _columns(a: NDArray, b: NDArray, c: NDArray, seed: int, h: NDArray) -> NDArray:
    return mix(wave(a), c[0], c[1])


def _checks(a: NDArray, b: NDArray, c: NDArray, seed: int, h: NDArray) -> NDArray:
    return mix(0.5 * (wave(a) + wave(b)), c[0], c[1])


def _plaid(a: NDArray, b: NDArray, c: NDArray, seed: int, h: NDArray) -> NDArray:
    ground = mix(0.4 * (wave(a) + wave(b)), c[0], c[1])
    thin = np.maximum(np.sin(2 * np.pi * a + 2), np.sin(2 * np.pi * b + 2)) > 0.93
    return np.where(thin[..., None], c[2], ground)


def _dots(a: NDArray, b: NDArray, c: NDArray, seed: int, h: NDArray) -> NDArray:
    row = np.floor(b)
    x, y = a - np.floor(a) - 0.5, b - row - 0.5
    x = np.where(row % 2 == 0, x, np.mod(x + 1.0, 1.0) - 0.5)
    return mix(np.clip((0.3 - np.hypot(x, y)) * 12, 0, 1), c[0], c[1])


def _print(a: NDArray, b: NDArray, c: NDArray, seed: int, h: NDArray) -> NDArray:
    """Blossoms strewn at random, some of either colour; the same everywhere round the body."""
    i, j = np.floor(a), np.floor(b)
    first, second = _hash(i, j, seed), _hash(j, i, seed + 5)
    x, y = a - i - 0.35 - 0.3 * first, b - j - 0.35 - 0.3 * second
    radius = 0.26 + 0.1 * np.sin(5 * np.arctan2(y, x) + 6 * first)
    petal = np.clip((radius * (0.5 + 0.6 * second) - np.hypot(x, y)) * 10, 0, 1)
    return mix(petal, c[0], np.where((first > 0.5)[..., None], c[1], c[2]))


def _block(a: NDArray, b: NDArray, c: NDArray, seed: int, h: NDArray) -> NDArray:
    edge = 0.62 + 0.12 * (seed % 1000) / 1000
    return np.where((h > edge)[..., None], c[1], np.where((h > edge - 0.03)[..., None], c[2], c[0]))


_PATTERNS = dict(zip(KINDS, (_plain, _stripes, _columns, _checks, _plaid, _dots, _print, _block), strict=True))
_NEUTRALS = (
    (0.06, 0.06, 0.07),
    (0.95, 0.95, 0.94),
    (0.13, 0.16, 0.28),
    (0.55, 0.55, 0.56),
    (0.82, 0.76, 0.66),
    (0.30, 0.30, 0.33),
)


def colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """One colour that people wear: neutral as often as not."""
    if rng.random() < 0.4:
        pick = np.array(_NEUTRALS[rng.integers(len(_NEUTRALS))])
        return tuple(float(x) for x in np.clip(pick + rng.normal(0, 0.02, 3), 0.02, 0.98))  # type: ignore[return-value]
    return colorsys.hsv_to_rgb(float(rng.random()), float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.25, 0.95)))


def denim(rng: np.random.Generator) -> Fabric:
    """Jeans, from washed-out to nearly black."""
    depth = rng.uniform(0.25, 1.1)
    return Fabric("plain", ((0.30 * depth, 0.40 * depth, 0.58 * depth),) * 3, 1, 0)


def sample(rng: np.random.Generator, plain: float) -> Fabric:
    """A random fabric, `plain` with that probability; its colours are told apart easily."""
    kind = "plain" if rng.random() < plain else str(rng.choice(KINDS[1:], p=[0.2, 0.1, 0.15, 0.17, 0.16, 0.16, 0.06]))
    colours = [colour(rng)]
    while len(colours) < 3:
        other = colour(rng)
        if min(np.abs(np.array(other) - np.array(c)).sum() for c in colours) > 0.5:
            colours.append(other)
    repeat = {"stripes": (8, 26), "columns": (12, 30), "dots": (8, 22), "print": (6, 14)}.get(kind, (8, 20))
    return Fabric(kind, tuple(colours), int(rng.integers(*repeat)), int(rng.integers(1 << 20)))
