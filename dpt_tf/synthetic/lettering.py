"""Block letters: figures with an up and a left, which a mirrored or turned picture shows to be so."""

import numpy as np
from numpy.typing import NDArray

# Seven rows of five dots, each row a number whose highest bit is the left dot.
_ROWS = {
    "A": (14, 17, 17, 31, 17, 17, 17),
    "B": (30, 17, 17, 30, 17, 17, 30),
    "C": (15, 16, 16, 16, 16, 16, 15),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "F": (31, 16, 16, 30, 16, 16, 16),
    "G": (15, 16, 16, 19, 17, 17, 15),
    "J": (7, 2, 2, 2, 2, 18, 12),
    "K": (17, 18, 20, 24, 20, 18, 17),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "N": (17, 25, 21, 21, 19, 17, 17),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "U": (17, 17, 17, 17, 17, 17, 14),
    "Y": (17, 17, 10, 4, 4, 4, 4),
    "2": (14, 17, 1, 6, 8, 16, 31),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "7": (31, 1, 2, 4, 8, 8, 8),
}
DOTS = np.array([[[row >> (4 - k) & 1 for k in range(5)] for row in rows] for rows in _ROWS.values()], bool)


def inked(letters: NDArray, x: NDArray, y: NDArray) -> NDArray[np.bool_]:
    """Whether (x, y) in 0..1, right and up in a letter's cell, is on the letter of `DOTS` with that number. `[N]`."""
    column, row = np.floor(x * 6).astype(int), 7 - np.floor(y * 9).astype(int)
    inside = (column >= 0) & (column < 5) & (row >= 0) & (row < 7)
    return inside & DOTS[letters % len(DOTS), np.clip(row, 0, 6), np.clip(column, 0, 4)]


def word(number: int, x: NDArray, y: NDArray) -> NDArray[np.bool_]:
    """Whether (x, y), each -1..1 right and up in a print, is on the print of this number, of a line or two."""
    rng = np.random.default_rng(number)
    lines, longest = int(rng.choice([1, 1, 2])), int(rng.integers(2, 7))
    letters = rng.integers(len(DOTS), size=(lines, longest))
    across, up = (x + 1) / 2 * longest, (y + 1) / 2 * lines
    inside = (np.abs(x) < 1) & (np.abs(y) < 1)
    line, place = np.clip(up.astype(int), 0, lines - 1), np.clip(across.astype(int), 0, longest - 1)
    return inside & inked(letters[line, place], np.mod(across, 1), np.mod(up, 1))
