"""The parts of the body surface: how many, what they are called, and which is which side's.

Part p in 1..24 is sheet p - 1 of an atlas; 0 is the background. Left and right are the person's.
"""

from collections.abc import Collection

NUM_PARTS = 24

# PART_NAMES[p], the background among them.
PART_NAMES = (
    "background",
    "torso back",
    "torso front",
    "right hand",
    "left hand",
    "left foot",
    "right foot",
    "upper leg right back",
    "upper leg left back",
    "upper leg right front",
    "upper leg left front",
    "lower leg right back",
    "lower leg left back",
    "lower leg right front",
    "lower leg left front",
    "upper arm left inside",
    "upper arm right inside",
    "upper arm left outside",
    "upper arm right outside",
    "lower arm left inside",
    "lower arm right inside",
    "lower arm left outside",
    "lower arm right outside",
    "head right",
    "head left",
)

# MIRRORED[p] is what part p becomes when left and right change places.
MIRRORED = (0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23)

# What U and V do in a mirror: the parts on which one of them then runs the other way, 255 - u or 255 - v; on all others
# both stay.
U_TURNS = frozenset({3, 4, 5, 6, 23, 24})
V_TURNS = frozenset({1, 2})

KINDS = ("top", "bottom", "shoes", "hair")
"""What is worn, as people say it: of garments that do not end where parts do (`transfer.garments`)."""


def parsed(parts: str | int | Collection[str | int]) -> tuple[str | int, ...]:
    """Parts as a user writes them: `top,shoes`, numbers from 1 to 24, or their names.

    Raises:
      ValueError: none, or one that there is not.
    """
    if isinstance(parts, str | int):
        parts = str(parts).split(",")
    names = {name: number for number, name in enumerate(PART_NAMES) if number}
    found: list[str | int] = []
    for part in parts:
        said = str(part).strip().lower().replace("_", " ")
        if said in KINDS:
            found.append(said)
        elif said in names or (said.isdecimal() and 1 <= int(said) <= NUM_PARTS):
            found.append(names.get(said) or int(said))
        else:
            raise ValueError(f"no such part: {said!r}; have {', '.join(KINDS)}, 1 to {NUM_PARTS} or names")
    if not found:
        raise ValueError(f"no parts; give some of {', '.join(KINDS)}, or numbers from 1 to {NUM_PARTS}")
    return tuple(dict.fromkeys(found))
