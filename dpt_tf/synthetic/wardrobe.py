"""What people wear and look like outside the studio: finer cloth, prints, sleeves of their own, more tones of skin.

The body stays, so that maps do. In `dressed` so do the cut of the clothes and how the hair is worn.
"""

import colorsys
import dataclasses

import numpy as np

from dpt_tf.synthetic.fabric import Fabric
from dpt_tf.synthetic.figure import Person
from dpt_tf.synthetic.hat import KINDS, Hat
from dpt_tf.synthetic.outfit import Outfit

Colour = tuple[float, float, float]

_WORN: tuple[tuple[Colour, float], ...] = (  # and how often
    ((0.05, 0.05, 0.06), 0.17),
    ((0.94, 0.93, 0.91), 0.15),
    ((0.42, 0.43, 0.44), 0.08),
    ((0.72, 0.72, 0.71), 0.05),
    ((0.11, 0.14, 0.24), 0.10),
    ((0.26, 0.37, 0.55), 0.07),
    ((0.78, 0.70, 0.58), 0.08),
    ((0.44, 0.31, 0.22), 0.06),
    ((0.36, 0.37, 0.24), 0.05),
    ((0.42, 0.10, 0.14), 0.05),
    ((0.72, 0.12, 0.12), 0.04),
    ((0.87, 0.68, 0.70), 0.04),
    ((0.62, 0.74, 0.84), 0.06),
)
_KINDS = {  # how often a garment that is not plain is of each, and its repeats round the trunk
    "tartan": (0.16, (5, 18)),
    "floral": (0.15, (8, 26)),
    "fine": (0.17, (16, 46)),
    "knit": (0.08, (12, 34)),
    "letters": (0.05, (8, 22)),
    "ombre": (0.04, (1, 2)),
    "camouflage": (0.03, (8, 20)),
    "leopard": (0.03, (14, 34)),
    "argyle": (0.03, (8, 18)),
    "zigzag": (0.03, (10, 28)),
    "slanted": (0.04, (6, 24)),
    "bands": (0.04, (1, 2)),
    "stripes": (0.05, (12, 40)),
    "checks": (0.05, (14, 44)),
    "dots": (0.05, (12, 36)),
}
_TONES = np.array(
    [[0.96, 0.82, 0.74], [0.92, 0.75, 0.64], [0.88, 0.68, 0.54], [0.76, 0.55, 0.41], [0.60, 0.40, 0.28],
     [0.42, 0.27, 0.19], [0.26, 0.17, 0.13]]
)  # fmt: skip


def colour(rng: np.random.Generator) -> Colour:
    """One colour as clothes have it: mostly the dozen that most clothes are of, seldom a loud one."""
    if rng.random() < 0.22:
        return colorsys.hsv_to_rgb(float(rng.random()), float(0.9 * rng.beta(2.2, 2.2)), float(rng.uniform(0.25, 0.95)))
    shares = np.array([share for _, share in _WORN])
    near = np.array(_WORN[rng.choice(len(_WORN), p=shares / shares.sum())][0])
    r, g, b = np.clip(near * rng.uniform(0.85, 1.12) + rng.normal(0, 0.02, 3), 0.02, 0.97)
    return float(r), float(g), float(b)


def _apart(rng: np.random.Generator, least: float) -> tuple[Colour, ...]:
    """Three colours that can be told apart, at times closely."""
    colours = [colour(rng)]
    while len(colours) < 3:
        other = colour(rng)
        if min(np.abs(np.array(other) - np.array(c)).sum() for c in colours) > least:
            colours.append(other)
    return tuple(colours)


def _plain(rng: np.random.Generator) -> Fabric:
    kind = "heather" if rng.random() < 0.3 else "plain"
    return Fabric(kind, _apart(rng, 0.2), 20, int(rng.integers(1 << 20)))


def _denim(rng: np.random.Generator) -> Fabric:
    depth, dark = rng.uniform(0.25, 1.2), rng.random() < 0.15
    blue = (0.30 * depth, 0.38 * depth, 0.55 * depth) if not dark else (0.09, 0.09, 0.10)
    return Fabric("denim", (blue, (0.66, 0.48, 0.28), blue), 20, int(rng.integers(1 << 20)))


def fabric(rng: np.random.Generator, plain: float) -> Fabric:
    """A random fabric, plain with that probability."""
    if rng.random() < plain:
        return _plain(rng)
    kinds = list(_KINDS)
    kind = str(rng.choice(kinds, p=np.array([share for share, _ in _KINDS.values()])))
    colours = _apart(rng, float(rng.uniform(0.2, 0.9)))
    return Fabric(kind, colours, int(rng.integers(*_KINDS[kind][1])), int(rng.integers(1 << 20)))


def _outfit(worn: Outfit, rng: np.random.Generator) -> Outfit:
    top = _denim(rng) if rng.random() < 0.06 else fabric(rng, 0.42)
    trousers = _denim(rng) if rng.random() < 0.45 else fabric(rng, 0.8)
    bottom = {"dress": top, "skirt": fabric(rng, 0.45)}.get(worn.bottom_kind, trousers)
    printed = top.kind in ("plain", "heather") and rng.random() < 0.45
    leather = [(0.05, 0.05, 0.05), (0.93, 0.92, 0.9), (0.36, 0.22, 0.14), colour(rng)]
    return dataclasses.replace(
        worn,
        top=top,
        bottom=bottom,
        shoes=leather[rng.integers(4)],
        belt=worn.belt,
        badge=0 if printed else worn.badge * (top.kind in ("plain", "heather")),
        badge_colour=_apart(rng, 0.6)[1],
        lettering=int(rng.integers(1, 1 << 20)) if printed else 0,
        sleeves=_plain(rng) if rng.random() < 0.12 else None,
        creases=float(rng.uniform(0.08, 0.26)),
    )


def dressed(who: Person) -> Person:
    """The same body in the clothes and the skin of anybody in the street."""
    rng = np.random.default_rng((who.seed, 0xC107))
    tone = rng.uniform(0, len(_TONES) - 1)
    skin = [float(np.interp(tone, range(len(_TONES)), _TONES[:, k])) for k in range(3)]
    flush, hair = rng.normal(0, 0.02), np.array(who.hair.colour)
    r, g, b = hair + rng.uniform(0.1, 0.4) * (hair.mean() - hair)
    # In photos blue is .64 to .77 of red on hands, and green .73 to .83; the tones by themselves have .47 to .77.
    skin = np.array(skin) + rng.uniform(0, 0.55) * (np.mean(skin) - np.array(skin))
    return dataclasses.replace(
        who,
        outfit=_outfit(who.outfit, rng),
        hair=dataclasses.replace(who.hair, colour=(float(r), float(g), float(b))),
        skin=(float(min(skin[0] + flush, 1.0)), float(skin[1]), float(max(skin[2] - flush, 0.05))),
    )


def varied(who: Person) -> Person:
    """The same body in wider clothes, hair worn otherwise or under a hat, for networks that are to know anybody."""
    rng = np.random.default_rng((who.seed, 0x4A12))
    hair, worn = who.hair, None
    if rng.random() < 0.5:
        hair = dataclasses.replace(hair, swept=float(rng.choice([-1, 1]) * rng.uniform(0.3, 1)))
    if rng.random() < 0.5:
        hair = dataclasses.replace(hair, waved=float(rng.uniform(0.2, 1)))
    if rng.random() < 0.3:
        r, g, b = np.clip(np.array(hair.colour) * rng.uniform(1.2, 3) + rng.uniform(0, 0.12, 3), 0.02, 0.95)
        hair = dataclasses.replace(hair, tips=(float(r), float(g), float(b)))
    if rng.random() < 0.7:
        hair = dataclasses.replace(hair, sheen=float(rng.uniform(0.2, 1)), patches=who.seed)
    if rng.random() < 0.14:
        kind, peak = str(rng.choice(KINDS)), rng.normal(0, 12) + 180 * (rng.random() < 0.15)
        tall, wide = rng.uniform(0.004, 0.05), rng.uniform(0.04, 0.075)
        worn = Hat(kind, colour(rng), float(tall), float(wide), float(peak))
        hair = dataclasses.replace(hair, style="short" if hair.style == "bun" else hair.style)
    loose = float(rng.uniform(0.15, 1)) if rng.random() < 0.4 else 0.0
    return dataclasses.replace(who, hair=hair, hat=worn, outfit=dataclasses.replace(who.outfit, loose=loose))
