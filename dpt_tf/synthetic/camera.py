"""A camera: how a person is framed, in what light and before what. Lengths in statures."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic.surface import Floats

_FRAMING = ("distance", "elevation", "fill", "lower", "shift")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera in front of the person, its light and its backdrop.

    Light is a sky (`ambient` of it, coloured `sky`) and a key light from `light` that gives the rest, `power` times,
    coloured `tint`; of it the share `leak` reaches what lies in shadow.
    """

    distance: float = 4.0
    elevation: float = 0.0  # degrees it looks down
    fill: float = 0.88  # of the picture's height that the person takes
    lower: float = 0.0  # height of the picture's lower edge as a share of the person's: 0 shows the feet
    shift: tuple[float, float] = (0.0, 0.0)  # of the person, in shares of the picture (right, down)
    light: tuple[float, float, float] = (0.4, 0.7, 0.6)
    ambient: float = 0.6
    backdrop: tuple[float, float, float] = (0.95, 0.95, 0.95)
    gradient: float = 0.0
    floor: float = 0.3  # how dark the shadow at the feet is
    scene: tuple[str, int] | None = None  # what `backdrops.paint` puts in the place of `backdrop` and `gradient`
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sky: tuple[float, float, float] = (1.0, 1.0, 1.0)
    power: float = 1.0
    leak: float = 0.25
    softness: float = 0.0  # how wide the key light is, as a tangent
    cast: float = 0.0  # how dark the person's shadow on floor and wall is
    wall: float = 1e3  # how far behind the person the wall is
    exposure: float = 1.0

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "Camera":
        """As fashion photos are framed: full figures mostly, some to the thigh or the knee."""
        close = rng.random() < 0.22
        # A studio: white to light grey, as in the shops' photos that the networks are meant for.
        colour = 1 - 0.2 * rng.random() * np.ones(3) - 0.05 * rng.random(3)
        angle = rng.uniform(-70, 70)
        light = np.array([np.sin(np.deg2rad(angle)), rng.uniform(0.3, 1.2), np.cos(np.deg2rad(angle))])
        light /= np.linalg.norm(light)
        return cls(
            distance=float(rng.uniform(2.8, 5.5)),
            elevation=float(rng.uniform(-3, 9)),
            fill=float(rng.uniform(0.86, 0.97) if close else rng.uniform(0.8, 0.95)),
            lower=float(rng.uniform(0.12, 0.45)) if close else 0.0,
            shift=(float(rng.normal(0, 0.025)), float(rng.uniform(-0.4, 0.4))),
            light=(float(light[0]), float(light[1]), float(light[2])),
            ambient=float(rng.uniform(0.5, 0.75)),
            backdrop=(float(colour[0]), float(colour[1]), float(colour[2])),
            gradient=float(rng.uniform(0, 0.12)),
            floor=float(rng.uniform(0.1, 0.45)),
        )

    def framed_anew(self, rng: np.random.Generator) -> "Camera":
        """Another photo in the same studio: light and backdrop stay."""
        other = Camera.sample(rng)
        return dataclasses.replace(self, **{name: getattr(other, name) for name in _FRAMING})


@dataclasses.dataclass(frozen=True)
class View:
    """A placed camera: `focus` pixels per unit of slope, principal point, position and axes."""

    eye: NDArray
    axes: NDArray  # rows: right, up, towards the person
    focus: float
    middle: NDArray  # (x, y)

    def project(self, points: NDArray) -> NDArray:
        """`[N, 3]` -> pixel (x, y) `[N, 2]`, y down."""
        local = (points - self.eye) @ self.axes.T
        return self.middle + self.focus * local[:, :2] * (1, -1) / local[:, 2:]

    def rays(self, pixels: NDArray) -> Floats:
        """Directions of the rays through pixel positions (x, y) `[N, 2]`."""
        slope = (pixels - self.middle.astype(np.float32)) * np.array([1 / self.focus, -1 / self.focus], np.float32)
        return slope @ self.axes[:2].astype(np.float32) + self.axes[2].astype(np.float32)


def place(camera: Camera, points: NDArray, size: int) -> View:
    """Aims the camera and zooms so that the person fills the frame as asked, never wider than 96 % of it."""
    target = np.array([0, 0.5, 0])
    tilt = np.deg2rad(camera.elevation)
    back = np.array([0, np.sin(tilt), np.cos(tilt)])
    axes = np.stack([[1.0, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], -back])
    unit = View(target + camera.distance * back, axes, 1.0, np.zeros(2))
    seen = unit.project(points)
    left, right = seen[:, 0].min(), seen[:, 0].max()
    top, bottom = seen[:, 1].min(), seen[:, 1].max()
    tall = (bottom - top) * (1 - camera.lower)
    focus = size * camera.fill / tall
    if camera.lower == 0:
        focus = min(focus, 0.96 * size / (right - left))
    margin = size - focus * tall
    rise = margin * (0.5 + camera.shift[1]) if camera.lower == 0 else size * (1 - camera.fill)
    slack = max(0.0, (size - focus * (right - left)) / 2)
    across = size / 2 - focus * (left + right) / 2 + np.clip(camera.shift[0] * size, -slack, slack)
    return dataclasses.replace(unit, focus=focus, middle=np.array([across, rise - focus * top]))
