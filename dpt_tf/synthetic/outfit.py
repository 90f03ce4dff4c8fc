"""What a person wears, and which point of the resting body is covered by what."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from dpt_tf.synthetic import anatomy, fabric
from dpt_tf.synthetic.fabric import Fabric

SKIN, TOP, BOTTOM, SHOE, SOLE, SOCK, BELT = range(7)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outfit:
    """Lengths in statures, heights above the floor of the resting person."""

    top: Fabric
    bottom: Fabric
    bottom_kind: str  # trousers | shorts | skirt | dress
    sleeve: float  # share of the arm covered, 0 none .. 1 to the wrist
    neckline: str  # round | v | high | boat
    neck_depth: float
    hem: float  # of trousers, shorts or skirt
    flare: float  # how much a skirt or a trouser leg widens on its way down
    folds: int  # of a skirt
    untucked: float  # how far the top hangs over the hips, 0 = tucked in
    thickness: float
    shoes: tuple[float, float, float]
    sole: tuple[float, float, float]
    boot: float  # height of the shoe's upper edge
    sock: float  # height of the sock's upper edge
    sock_colour: tuple[float, float, float]
    belt: bool
    badge: int  # a figure printed on the chest, 0 = none
    badge_colour: tuple[float, float, float]
    lettering: int = 0  # the number of what is written on chest or back in the badge's colour, 0 = nothing
    sleeves: Fabric | None = None  # raglan sleeves of another cloth than the top
    creases: float = 0.0  # how much lighter and darker folds make the cloth
    loose: float = 0.0  # how wide sleeves, trousers and top are cut, 1 = twice as wide as the limb in them

    @classmethod
    def sample(cls, rng: np.random.Generator, female: float) -> "Outfit":
        """A random outfit; skirts and dresses are for women mostly."""
        skirts = 0.55 if female > 0.5 else 0.03
        kind = "trousers"
        if rng.random() < skirts:
            kind = str(rng.choice(["skirt", "dress"], p=[0.45, 0.55]))
        elif rng.random() < 0.25:
            kind = "shorts"
        if kind in ("skirt", "dress"):
            hem, flare = (
                rng.uniform(0.14, 0.43),
                rng.choice([rng.uniform(0.0, 0.1), rng.uniform(0.15, 0.6)], p=[0.3, 0.7]),
            )
        else:
            hem = (
                rng.uniform(0.29, 0.43)
                if kind == "shorts"
                else rng.choice([rng.uniform(0.04, 0.07), 0.12], p=[0.8, 0.2])
            )
            flare = rng.choice([rng.uniform(0, 0.1), rng.uniform(0.2, 0.8)], p=[0.55, 0.45])
        top = fabric.sample(rng, 0.3)
        trousers = fabric.denim(rng) if rng.random() < 0.4 else fabric.sample(rng, 0.8)
        bottom = {"dress": top, "skirt": fabric.sample(rng, 0.45)}.get(kind, trousers)
        sleeve = float(rng.choice([0, rng.uniform(0.08, 0.45), rng.uniform(0.5, 0.9), 1.0], p=[0.15, 0.4, 0.15, 0.3]))
        boots = rng.random() < 0.15
        return cls(
            top=top,
            bottom=bottom,
            bottom_kind=kind,
            sleeve=sleeve,
            neckline=str(rng.choice(["round", "v", "high", "boat"], p=[0.45, 0.3, 0.13, 0.12])),
            neck_depth=float(rng.uniform(0.015, 0.045) + 0.03 * rng.random() * (female > 0.5)),
            hem=float(hem),
            flare=float(flare),
            folds=int(rng.integers(5, 13)),
            untucked=0.0 if kind == "dress" else float(rng.choice([0, rng.uniform(0.05, 0.14)], p=[0.45, 0.55])),
            thickness=float(rng.uniform(0.003, 0.008)),
            shoes=fabric.colour(rng),
            sole=fabric.colour(rng)
            if rng.random() < 0.3
            else (0.92, 0.92, 0.9)
            if rng.random() < 0.4
            else (0.1, 0.09, 0.08),
            boot=float(rng.uniform(0.1, 0.24)) if boots else float(rng.uniform(0.03, 0.06)),
            sock=float(rng.uniform(0.07, 0.13)) if rng.random() < 0.4 else 0.0,
            sock_colour=(0.93, 0.93, 0.93) if rng.random() < 0.5 else (0.08, 0.08, 0.09),
            belt=bool(rng.random() < 0.4),
            badge=int(rng.integers(1, 5)) if rng.random() < 0.3 else 0,
            badge_colour=fabric.colour(rng),
        )

    @property
    def skirted(self) -> bool:
        """Whether the legs share one tube of cloth."""
        return self.bottom_kind in ("skirt", "dress")

    def neck_edge(self, phi: NDArray) -> NDArray:
        """Height of the neckline at angle `phi`, degrees from the front."""
        around = np.abs((phi + 180) % 360 - 180)
        front = np.clip(1 - around / 70, 0, 1)
        if self.neckline == "high":
            return np.full_like(around, 0.86)
        if self.neckline == "v":
            return 0.835 - 2.0 * self.neck_depth * front
        if self.neckline == "boat":
            return np.full_like(around, 0.813)
        return 0.835 - self.neck_depth * np.sqrt(front)

    def covers(self, piece: str, height: NDArray, phi: NDArray, places: dict[str, NDArray]) -> NDArray[np.int8]:
        """The garment (SKIN, TOP, ...) at (height, phi) of a piece of the body."""
        kind = piece.split("_")[0]
        worn = np.full(np.shape(height), SKIN, np.int8)
        if kind == "torso":
            worn[height < anatomy.WAIST] = BOTTOM if self.bottom_kind != "dress" else TOP
            worn[(height >= anatomy.WAIST - self.untucked) & (height < self.neck_edge(phi))] = TOP
            if self.belt and self.bottom_kind != "dress" and not self.untucked:
                worn[np.abs(height - anatomy.WAIST + 0.008) < 0.008] = BELT
        elif kind == "head" and self.neckline == "high":
            worn[height < 0.86] = TOP
        elif kind == "arm":
            top, end = places["shoulder_left"][1], places["wrist_left"][1]
            worn[height > top - self.sleeve * (top - end) + (1e3 if self.sleeve == 0 else 0)] = TOP
        elif kind == "leg":
            if not self.skirted:
                worn[height > self.hem] = BOTTOM
                worn[height > anatomy.WAIST - self.untucked] = TOP
            else:
                worn[height > 0.50] = BOTTOM if self.bottom_kind == "skirt" else TOP
            worn[(height < self.sock) & (worn == SKIN)] = SOCK
            worn[(height < self.boot) & ((worn == SKIN) | (worn == SOCK) | (self.boot > 0.07))] = SHOE
        elif kind == "foot":
            worn[:] = SHOE
        return worn

    def offset(self, piece: str, height: NDArray, phi: NDArray, places: dict[str, NDArray]) -> NDArray:
        """How far the cloth stands off the skin at (height, phi)."""
        worn = self.covers(piece, height, phi, places)
        away = np.where(worn == SKIN, 0.0, self.thickness)
        away = np.where(np.isin(worn, (SHOE, SOCK)), 0.0025, away)
        if piece == "torso":
            away = np.where(worn == TOP, away + 0.010 * self.loose, away)
        if piece.startswith("leg") and not self.skirted:
            away = np.where(worn == BOTTOM, away + 0.022 * self.loose, away)
            loose = self.flare * np.clip((0.47 - height) / 0.45, 0, 1) * 0.045 + 0.004
            away = np.where(worn == BOTTOM, away + loose, away)
        if piece.startswith("arm"):
            top = places["shoulder_left"][1]
            away = np.where(worn == TOP, away + 0.02 * min(self.flare, 0.5) * np.clip(top - height, 0, 1), away)
            wide = 0.2 + 0.8 * np.clip((top - height) / 0.2, 0, 1)
            away = np.where(worn == TOP, away + 0.034 * self.loose * wide, away)
        return away
