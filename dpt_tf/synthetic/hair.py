"""Hair: a cap on the skull, and what hangs from it. It is a volume that the body's surface does not have."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic.surface import Surface, loft, profile

STYLES = ("bald", "short", "bob", "long", "bun", "ponytail")
_COLOURS = (
    (0.05, 0.04, 0.04),
    (0.16, 0.10, 0.07),
    (0.32, 0.20, 0.12),
    (0.72, 0.56, 0.33),
    (0.50, 0.22, 0.10),
    (0.62, 0.61, 0.6),
)


@dataclasses.dataclass(frozen=True)
class Hair:
    """`length` is the rest height of the ends; `volume` how far it stands off; `parting` shifts the hairline."""

    style: str
    colour: tuple[float, float, float]
    length: float
    volume: float
    parting: float
    swept: float = 0.0  # over the left shoulder (1) or the right one (-1), from the nape down
    waved: float = 0.0
    tips: tuple[float, float, float] | None = None  # another colour towards the ends, and in streaks
    sheen: float = 0.0  # how much lighter it is where it shines, in patches as large as a face
    patches: int = 0  # where those are

    @classmethod
    def sample(cls, rng: np.random.Generator, female: float) -> "Hair":
        """Random hair, longer on women mostly."""
        chances = [0.01, 0.12, 0.22, 0.4, 0.1, 0.15] if female > 0.5 else [0.12, 0.76, 0.06, 0.03, 0.02, 0.01]
        style = str(rng.choice(STYLES, p=chances))
        shade = np.array(_COLOURS[rng.choice(6, p=[0.25, 0.27, 0.2, 0.15, 0.06, 0.07])]) * rng.uniform(0.75, 1.25)
        length = {"bob": rng.uniform(0.835, 0.875), "long": rng.uniform(0.68, 0.81)}.get(style, 0.87)
        return cls(
            style,
            tuple(float(c) for c in np.clip(shade, 0.02, 0.95)),  # type: ignore[arg-type]
            float(length),
            float(rng.uniform(0.006, 0.016)),
            float(rng.uniform(-14, 14)),
        )

    def covers(self, height: NDArray, phi: NDArray) -> NDArray[np.bool_]:
        """Whether hair grows at (height, phi) of the head."""
        if self.style == "bald":
            return np.zeros(np.shape(height), bool)
        around = np.abs((phi + self.parting + 180) % 360 - 180)
        edge = np.interp(
            around, (0, 25, 52, 66, 82, 100, 125, 180), (0.968, 0.966, 0.952, 0.93, 0.912, 0.905, 0.876, 0.868)
        )
        return height > edge

    def offset(self, height: NDArray, phi: NDArray) -> NDArray:
        """How far the hair of the cap stands off the skull."""
        return np.where(self.covers(height, phi), self.volume, 0.0)

    def shine(self, height: NDArray, phi: NDArray) -> NDArray:
        """How much the hair shines at (height, phi), about -1..1, in broad soft patches."""
        rng = np.random.default_rng((self.patches, 0x5EE2))
        total = np.zeros(np.shape(height))
        for _ in range(4):
            around, along = rng.integers(1, 6), rng.uniform(20, 110)
            a, b = rng.uniform(0, 2 * np.pi, 2)
            total = total + np.sin(np.deg2rad(around * phi) + a) * np.sin(along * height + b)
        return total / 2

    def surfaces(self, head: float) -> list[Surface]:
        """What hangs from the cap, for a head of size `head`."""
        if self.style in ("bob", "long"):
            return [self._curtain(head)]
        if self.style == "bun":
            return [self._ball(0.955, -0.074 * head, 0.026, 0.024)]
        if self.style == "ponytail":
            return [self._ball(0.935, -0.072 * head, 0.016, 0.014), self._tail(head)]
        return []

    def _curtain(self, head: float) -> Surface:
        height = np.linspace(0.975, self.length, 20)
        grow = np.where(height > 0.842, head, 1.0)
        knots = np.array(
            [
                [0.66, 0.062, 0.02, 0.078],
                [0.76, 0.066, 0.02, 0.076],
                [0.82, 0.062, 0.022, 0.066],
                [0.86, 0.054, 0.024, 0.058],
                [0.90, 0.051, 0.030, 0.060],
                [0.94, 0.0505, 0.034, 0.066],
                [0.965, 0.047, 0.034, 0.064],
                [0.98, 0.039, 0.030, 0.05],
            ]
        )
        half = profile(knots, height) * grow[:, None] + self.volume * np.clip((0.985 - height) / 0.02, 0, 1)[:, None]
        centre = np.stack([0 * height, 0.842 + (height - 0.842) * grow, 0 * height], 1)
        phi = np.linspace(62, 298, 30).astype(np.float32)
        points = loft(centre, half, phi, ((1, 0, 0), (0, 0, 1)), 2.2)
        points[..., 1] += (0.006 * np.sin(phi * 0.35) * (height < self.length + 0.02)[:, None]).astype(np.float32)
        if self.waved:
            wave = np.sin(150 * height[:, None] + 0.09 * phi + 2 * np.sin(0.05 * phi)) * (height < 0.95)[:, None]
            points[..., [0, 2]] *= (1 + 0.1 * self.waved * wave).astype(np.float32)[..., None]
        if self.swept:
            points = self._swept(points, height, phi)
        return Surface("hair", points, height.astype(np.float32), phi)

    def _swept(self, points: NDArray, height: NDArray, phi: NDArray) -> NDArray:
        """What hangs below the ears, drawn together and round to one side."""
        below = np.clip((0.885 - height) / 0.08, 0, 1)[:, None]
        angle = -below * (0.62 * abs(self.swept) * (phi - 180) + 78 * self.swept)
        cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        x, z = points[..., 0], points[..., 2]
        return np.stack([cosine * x + sine * z, points[..., 1], cosine * z - sine * x], -1).astype(np.float32)

    def _ball(self, height: float, z: float, radius: float, depth: float) -> Surface:
        angle = np.linspace(0.05, np.pi - 0.05, 9)
        centre = np.stack([0 * angle, height + radius * np.cos(angle), np.full(9, z)], 1)
        half = np.stack([radius * np.sin(angle), depth * np.sin(angle), depth * np.sin(angle)], 1)
        phi = np.linspace(0, 360, 15).astype(np.float32)
        return Surface(
            "hair", loft(centre, half, phi[:-1], ((1, 0, 0), (0, 0, 1))), centre[:, 1].astype(np.float32), phi
        )

    def _tail(self, head: float) -> Surface:
        along = np.linspace(0, 1, 10)
        centre = np.stack([0 * along, 0.938 - 0.15 * along, -0.078 * head - 0.012 * np.sin(np.pi * along)], 1)
        girth = 0.004 + 0.016 * np.sin(np.pi * np.clip(along * 0.85 + 0.12, 0, 1))
        phi = np.linspace(0, 360, 13).astype(np.float32)
        points = loft(centre, np.stack([girth, 0.8 * girth, 0.8 * girth], 1), phi[:-1], ((1, 0, 0), (0, 0, 1)))
        return Surface("hair", points, centre[:, 1].astype(np.float32), phi)
