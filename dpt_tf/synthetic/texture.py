"""A plane to paint on: noise at many scales, soft masks and muted colours.

Masks are `[S, S]` or broadcast to it, in 0..1; pictures float32 `[S, S, 3]` in 0..1. What is random does not depend on
the number of pixels, so a small picture is a large one reduced.
"""

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from dpt_tf.synthetic.surface import Floats


class Plane:
    """`x` [1, S] and `y` [S, 1] run right and down from 0 to 1; `rng` decides on all that is random."""

    def __init__(self, rng: np.random.Generator, size: int):
        self.rng, self.size = rng, size
        self.x = ((np.arange(size, dtype=np.float32) + 0.5) / size)[None]
        self.y = self.x.T

    def noise(self, across: float, down: float | None = None, octaves: int = 4, fading: float = 0.55) -> Floats:
        """Smooth noise of mean 0 and deviation about 1: `across` x `down` lumps, each octave twice as many, weaker."""
        total, power = np.zeros((self.size, self.size), np.float32), 0.0
        for k in range(octaves):
            cells = [max(2, round(n * 2**k)) for n in (down or across, across)]
            lumps = Image.fromarray(self.rng.standard_normal(cells, np.float32))
            weight = fading**k
            if k == 0 or max(cells) < 2 * self.size:
                total += weight * np.asarray(lumps.resize((self.size, self.size), Image.Resampling.BICUBIC))
                power += (0.7 * weight) ** 2
        return total / np.float32(np.sqrt(power))

    def step(self, distance: NDArray) -> Floats:
        """1 where `distance`, in shares of the picture, is positive, 0 where negative; a pixel wide in between."""
        return np.clip(distance * self.size + 0.5, 0, 1).astype(np.float32)

    def lay(self, image: NDArray, box: tuple[float, float, float, float], paint: NDArray) -> NDArray:
        """`image` itself, with `paint`, a picture or a colour, on the rectangle (left, right, top, bottom)."""
        left, right, top, bottom = box
        low, high = (
            np.clip(np.floor(np.array(ends) * self.size), 0, self.size).astype(int)
            for ends in ((left, top), (right, bottom))
        )
        here = np.s_[low[1] : high[1] + 1, low[0] : high[0] + 1]
        x, y = self.x[:, here[1]], self.y[here[0]]
        mask = self.step(x - left) * self.step(right - x) * self.step(y - top) * self.step(bottom - y)
        image[here] += mask[..., None] * ((paint[here] if np.ndim(paint) == 3 else paint) - image[here])
        return image

    def fill(self, colour: NDArray) -> Floats:
        """A picture of one colour `[3]`."""
        return np.broadcast_to(np.asarray(colour, np.float32), (self.size, self.size, 3)).copy()

    def colour(self, dark: float = 0.08, bright: float = 0.92, saturation: float = 0.6) -> Floats:
        """A colour `[3]` as walls and things have it: muted mostly, of wood, cream and brick or of slate and sky."""
        kind, share = self.rng.random(), saturation * self.rng.beta(1.1, 3.2)
        hue = (
            self.rng.normal(0.09, 0.025)
            if kind < 0.55
            else self.rng.normal(0.59, 0.03)
            if kind < 0.8
            else self.rng.random()
        )
        return np.array(colorsys.hsv_to_rgb(hue % 1, share, self.rng.uniform(dark, bright)), np.float32)

    def near(self, red: float, green: float, blue: float, spread: float = 0.04) -> Floats:
        """A colour `[3]` like this one, lighter or darker and of a hue beside it."""
        tint = 1 + self.rng.normal(0, spread, 3)
        shade = self.rng.uniform(0.75, 1.2) * tint * np.array([red, green, blue])
        return np.clip(shade, 0.02, 0.98).astype(np.float32)


def over(image: NDArray, mask: NDArray, paint: NDArray) -> Floats:
    """`paint`, a picture or a colour, laid on `image` where `mask` is 1."""
    return (image + mask[..., None] * (paint - image)).astype(np.float32)


def pick(table: NDArray, i: NDArray, j: NDArray) -> NDArray:
    """The entry of `table` [M, N, ...] for each cell (i, j), over and over."""
    return table[np.asarray(i).astype(int) % table.shape[0], np.asarray(j).astype(int) % table.shape[1]]


def blurred(image: NDArray, radius: float) -> Floats:
    """A Gaussian blur by `radius` pixels, in 256 levels. A picture `[S, S, 3]` or a mask `[S, S]`."""
    levels = Image.fromarray(np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8))
    return np.asarray(levels.filter(ImageFilter.GaussianBlur(radius)), np.float32) / np.float32(255)
