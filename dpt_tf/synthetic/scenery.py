"""Backdrops under the sky: park, hedge, shore, street, house front, and lights out of focus."""

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic.texture import Plane, blurred, over, pick


def _sky(p: Plane) -> NDArray:
    """Blue, white or grey, paler downwards, with clouds."""
    above, below = (
        p.near(*((0.35, 0.55, 0.85), (0.75, 0.8, 0.85), (0.6, 0.65, 0.7))[p.rng.integers(3)]),
        p.near(0.85, 0.88, 0.9),
    )
    clouds = np.clip(p.noise(3, 6, 5) - p.rng.uniform(-0.3, 1.5), 0, 1) * 0.6
    return over(over(p.fill(above), np.clip(p.y * 1.6 + 0 * p.x, 0, 1), below), clouds, np.array([0.96, 0.96, 0.97]))


def _leaves(p: Plane) -> NDArray:
    """Foliage: light and dark lumps in lumps, yellower where the sun falls."""
    light = 0.75 * p.noise(5, octaves=3) + 0.7 * p.noise(36, octaves=3, fading=0.8)
    green = p.near(
        *((0.2, 0.3, 0.1), (0.16, 0.26, 0.12), (0.35, 0.3, 0.12), (0.26, 0.34, 0.16))[p.rng.integers(4)], 0.03
    )
    sunny = np.clip(light * 0.4, -0.6, 1.5)[..., None] * np.array([1.15, 1.0, 0.7], np.float32)
    return np.clip(green * (1 + sunny), 0, 1).astype(np.float32)


def _ground(p: Plane, edge: float, near: NDArray) -> NDArray:
    """Grass, sand or stone from the row `edge` down, finer towards it."""
    depth = np.clip((p.y - edge) / max(1 - edge, 0.05), 0, 1)
    grain = p.noise(70, 110, 2) * depth + p.noise(30, 160, 2) * (1 - depth)
    return near * (1 + 0.14 * grain + 0.10 * p.noise(3, 10))[..., None]


def park(p: Plane) -> NDArray:
    """Sky, trees, trunks, grass and perhaps a path."""
    edge = p.rng.uniform(0.45, 0.85)
    image = _sky(p)
    crowns = edge - p.rng.uniform(0.1, 0.7) + 0.07 * p.noise(4, octaves=5)[:1]
    mask = p.step(p.y - crowns) * (0.25 * p.noise(24, octaves=3) + p.rng.uniform(0.7, 1.2) > 0.4)
    image = over(image, mask, _leaves(p))
    for _ in range(p.rng.integers(0, 5)):
        middle, wide = p.rng.random(), p.rng.uniform(0.01, 0.05)
        x = p.x + 0.02 * (p.y - 0.5) * p.rng.normal() + 0.004 * p.noise(2, 8, 2)
        trunk = p.step(wide / 2 - np.abs(x - middle)) * p.step(edge + 0.05 - p.y)
        bark = p.near(0.3, 0.24, 0.18) * (1 + 0.8 * (x - middle) / wide + 0.2 * p.noise(60, 12, 2))[..., None]
        image = over(image, trunk, bark)
    grass = p.near(*((0.33, 0.42, 0.17), (0.25, 0.36, 0.14), (0.5, 0.46, 0.3))[p.rng.integers(3)], 0.03)
    ground = _ground(p, edge, grass)
    if p.rng.random() < 0.5:
        middle, wide = p.rng.uniform(0.2, 0.8), p.rng.uniform(0.2, 1.0)
        away = np.clip(p.y - edge, 0, 1)
        path = p.step(0.02 + wide * away - np.abs(p.x - middle) + 0.01 * p.noise(8, octaves=2))
        ground = over(ground, path, _ground(p, edge, p.near(0.62, 0.58, 0.52)))
    return over(image, p.step(p.y - edge + 0.006 * p.noise(20, octaves=2)), ground)


def hedge(p: Plane) -> NDArray:
    """Leaves all over, with blossoms at times."""
    image = _leaves(p)
    if p.rng.random() < 0.4:
        spots = np.clip(3 * (p.noise(40, octaves=2) - 1.3), 0, 1)
        image = over(image, spots, p.colour(0.7, 1.0, 1.2))
    return over(image, p.step(p.y - p.rng.uniform(0.82, 1.1) + 0 * p.x), _ground(p, 0.9, p.near(0.4, 0.38, 0.3)))


def shore(p: Plane) -> NDArray:
    """Sky, sea or hills, sand."""
    horizon, strand = p.rng.uniform(0.3, 0.6), p.rng.uniform(0.62, 0.9)
    water = p.near(0.25, 0.45, 0.55) * (1 + 0.12 * p.noise(8, 70))[..., None]
    image = over(_sky(p), p.step(p.y - horizon + 0 * p.x), water)
    if p.rng.random() < 0.5:
        hills = p.step(p.y - (horizon - 0.05 - 0.05 * p.noise(3, octaves=4)[:1])) * p.step(horizon - p.y)
        image = over(image, hills, p.near(0.4, 0.46, 0.5))
    return over(
        image, p.step(p.y - strand - 0.02 * p.noise(3, octaves=2)), _ground(p, strand, p.near(0.75, 0.67, 0.53))
    )


def bokeh(p: Plane) -> NDArray:
    """A scene far out of focus: soft masses, and discs of light by night or under leaves."""
    dark = p.rng.random() < 0.5
    image = p.fill(p.colour(0.03, 0.3) if dark else p.colour(0.3, 0.8))
    for _ in range(4):
        image = over(
            image, np.clip(p.noise(3, octaves=2) - 0.2, 0, 1), p.colour(0.03, 0.5) if dark else p.colour(0.15, 0.95)
        )
    image = blurred(np.clip(image, 0, 1), 0.03 * p.size).copy()
    radius = p.rng.uniform(0.015, 0.05)
    lamps = p.rng.normal((0.8, 0.65, 0.4), 0.2, (3, 3)).clip(0.1, 1)
    for _ in range(p.rng.integers(0, 45)):
        x, y = p.rng.uniform(-0.05, 1.05), p.rng.beta(2, 3)
        low, high = (np.clip((np.array([y, x]) + d) * p.size, 0, p.size).astype(int) for d in (-2 * radius, 2 * radius))
        here = np.s_[low[0] : high[0], low[1] : high[1]]
        far = np.hypot(p.x[:, here[1]] - x, p.y[here[0]] - y)
        disc = np.clip((radius * p.rng.uniform(0.7, 1.1) - far) * p.size / 3 + 0.5, 0, 1) * p.rng.uniform(0.1, 0.55)
        image[here] = np.minimum(image[here] + disc[..., None] * lamps[p.rng.integers(3)].astype(np.float32), 1)
    return image


def _storeys(p: Plane, across: NDArray, up: NDArray) -> NDArray:
    """A house front: windows at every whole (across, up), `[S, S]` each; plain where they would be too small to see."""
    wall = p.near(
        *((0.7, 0.62, 0.52), (0.55, 0.33, 0.26), (0.62, 0.6, 0.58), (0.8, 0.78, 0.72), (0.35, 0.36, 0.4))[
            p.rng.integers(5)
        ]
    )
    wide, tall = p.rng.uniform(0.15, 0.4), p.rng.uniform(0.2, 0.4)
    x, y = np.abs(np.mod(across, 1) - 0.5), np.abs(np.mod(up, 1) - 0.5)
    image = wall * (1 + 0.04 * p.noise(30) - 0.1 * (y > 0.46))[..., None]
    image = over(
        image, ((x < wide + 0.05) & (y < tall + 0.05)).astype(np.float32), np.clip(wall * p.rng.uniform(0.7, 1.4), 0, 1)
    )
    panes = pick(p.rng.choice([0.12, 0.2, 0.35, 0.6], (23, 29)), across + 50, up + 50)
    glass = panes[..., None] * np.array([0.9, 1.0, 1.1]) * (1 + 0.2 * (np.mod(up, 1) - 0.5))[..., None]
    cross = (x > 0.015) & (np.abs(y - 0.3 * tall) > 0.02)
    return over(image, ((x < wide) & (y < tall) & cross).astype(np.float32), np.clip(glass, 0, 1))


def street(p: Plane) -> NDArray:
    """Two rows of houses that run to a vanishing point, sky above, pavement below."""
    vx, vy = p.rng.uniform(0.25, 0.75), p.rng.uniform(0.4, 0.62)
    low, shaded = p.rng.uniform(0.35, 0.8), p.rng.integers(2)
    lines = np.mod(1.2 / np.maximum(p.y - vy, 0.02), 1) < 0.04
    stone = p.near(0.5, 0.49, 0.47, 0.02) * (1 + 0.08 * p.noise(30, 80) - 0.12 * lines)[..., None]
    image = over(_sky(p), p.step(p.y - vy - 0.03 + 0 * p.x), stone)
    for row, sign in enumerate((1, -1)):
        out = np.maximum(sign * (vx - p.x), 0.02)
        depth, rise = 1 / out + 0 * p.y, (vy - p.y) / out
        roof = p.rng.uniform(1.0, 3.5) + p.rng.uniform(0, 0.8, 7)[(depth * 0.35).astype(int) % 7]
        front = _storeys(p, depth * p.rng.uniform(0.5, 1.1), rise * p.rng.uniform(2, 4))
        front = over(front, np.clip(depth / 22, 0, 0.5), np.array([0.72, 0.75, 0.78], np.float32))
        mask = (rise < roof) & (rise > -low) & (out > 0.045)
        image = over(image, mask.astype(np.float32), front * np.float32(0.7 if row == shaded else 1.0))
    return image


def facade(p: Plane) -> NDArray:
    """A house front seen straight on, with its pavement."""
    edge, count = p.rng.uniform(0.8, 0.96), p.rng.uniform(2, 6)
    front = _storeys(p, p.x * count + p.rng.random() + 0 * p.y, p.y * count * 0.8 + p.rng.random() + 0 * p.x)
    return over(front, p.step(p.y - edge + 0 * p.x), _ground(p, edge, p.near(0.5, 0.49, 0.47, 0.02)))
