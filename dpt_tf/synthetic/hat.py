"""Hats: like hair, a volume that the body's surface does not have."""

import dataclasses

import numpy as np

from dpt_tf.synthetic.surface import Surface, loft, profile

KINDS = ("beanie", "cap", "brim")


@dataclasses.dataclass(frozen=True)
class Hat:
    """A hat.

    Attributes:
      kind: one of `KINDS`.
      colour: of its cloth.
      tall: how far it stands above the crown, in statures.
      wide: how far a brim goes out, in statures.
      turned: where a cap's peak points, in degrees from the front.
    """

    kind: str
    colour: tuple[float, float, float]
    tall: float = 0.012
    wide: float = 0.06
    turned: float = 0.0

    def surfaces(self, head: float) -> list[Surface]:
        """The hat for a head of size `head`, at rest."""
        if self.kind == "beanie":
            return [self._crown(head)]
        return [self._crown(head), self._brim(head)]

    def _crown(self, head: float) -> Surface:
        top = 1 + self.tall
        knots = np.array(
            [[0.948, 0.060, 0.066, 0.080], [0.965, 0.060, 0.065, 0.080], [top - 0.02, 0.054, 0.058, 0.072],
             [top - 0.003, 0.036, 0.039, 0.047], [top, 0.002, 0.002, 0.002]]
        )  # fmt: skip
        height = np.concatenate([np.linspace(0.948, top - 0.02, 8), np.linspace(top - 0.015, top, 5)])
        phi = np.linspace(0, 360, 25).astype(np.float32)
        points = loft(_axis(height, head), profile(knots, height) * head, phi[:-1], ((1, 0, 0), (0, 0, 1)))
        return Surface("hat", points, height.astype(np.float32), phi)

    def _brim(self, head: float) -> Surface:
        """A sheet from the crown outwards, falling a little; of a cap only the peak."""
        out = np.linspace(0, 1, 6)
        height = 0.955 - (0.006 if self.kind == "cap" else 0.018) * out**2
        half = (np.array([0.059, 0.065, 0.079]) + self.wide * out[:, None]) * head
        reach = 55 if self.kind == "cap" else 180
        phi = np.linspace(-reach, reach, 31).astype(np.float32) + np.float32(self.turned)
        points = loft(_axis(height, head), half, phi, ((1, 0, 0), (0, 0, 1)))
        if self.kind == "cap":  # the peak is round
            inner = points[:1]
            shrink = np.cos(np.deg2rad((phi - self.turned) * 90 / reach)).astype(np.float32)
            points = inner + (points - inner) * shrink[None, :, None]
        return Surface("hat", points, height.astype(np.float32), phi)


def _axis(height, head: float):
    return np.stack([0 * height, 0.842 + (height - 0.842) * head, 0 * height - 0.002], 1)
