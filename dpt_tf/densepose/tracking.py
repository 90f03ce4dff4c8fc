"""Who is who from frame to frame, and boxes that do not tremble.

Boxes are (x0, y0, x1, y1) in pixels, as `estimator.Person` has them; time is in seconds. All of it is causal: a frame
is answered without knowing the next.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

from dpt_tf.densepose.estimator import Box

_LEAST_OVERLAP = 0.3
_PATIENCE = 1.0  # seconds that somebody may be out of sight and keeps the number


def overlap(one: Box, other: Box) -> float:
    """The area that two boxes share, over the area that they cover together: 0..1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - shared)


class OneEuro:
    """A low-pass filter that is strong at rest and lets go in motion (Casiez, Roussel and Vogel, CHI 2012).

      a(f, dt) = 1 / (1 + 1 / (2 pi f dt))
      v = v + a(1 Hz, dt) ((x - x') / dt - v)
      y = y + a(f_min + beta |v|, dt) (x - y)

    Of x what came before is x', of the speed v and of the answer y likewise.
    """

    def __init__(self, slowest: float = 0.6, beta: float = 3.0):
        """`slowest`, f_min, in Hz; `beta` in Hz per unit of x a second."""
        self._slowest, self._beta = slowest, beta
        self._last: tuple[np.ndarray, np.ndarray, np.ndarray, float] | None = None

    def __call__(self, x: np.ndarray, seconds: float) -> np.ndarray:
        """The smoothed x, each number for itself: `[n] -> [n]`."""
        if self._last is None:
            self._last = x, x, np.zeros_like(x), seconds
            return x
        before, answer, speed, then = self._last
        passed = max(seconds - then, 1e-3)
        speed = speed + _share(1.0, passed) * ((x - before) / passed - speed)
        answer = answer + _share(self._slowest + self._beta * np.abs(speed), passed) * (x - answer)
        self._last = x, answer, speed, seconds
        return answer


def _share(frequency, passed: float):
    return 1 / (1 + 1 / (2 * math.pi * frequency * passed))


class SteadyBox:
    """The box of one person: centre and sides through `OneEuro`, measured in heights and widths of the box."""

    def __init__(self):
        """Nothing seen yet."""
        self._filter = OneEuro()
        self._unit: np.ndarray | None = None

    def __call__(self, box: Box, seconds: float) -> Box:
        """The steadied box."""
        x0, y0, x1, y1 = box
        width, height = max(x1 - x0, 1.0), max(y1 - y0, 1.0)
        if self._unit is None:  # one unit for all of the time, lest the unit itself trembles
            self._unit = np.array([width, height])
        place = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) / self._unit
        smooth = self._filter(np.concatenate([place, np.log([width, height])]), seconds)
        (x, y), (half_width, half_height) = smooth[:2] * self._unit, np.exp(smooth[2:]) / 2
        return x - half_width, y - half_height, x + half_width, y + half_height


@dataclasses.dataclass
class _Track:
    box: Box
    seen: float


class Tracks:
    """Numbers for people that stay theirs: 1 for the first who is seen, and no number is given twice.

    The box in a frame that overlaps most with somebody's last one (by 0.3 of both at least) is that person's, the best
    fitting pair first. Who is out of sight for longer than a second comes back under a new number.
    """

    def __init__(self):
        """Nobody seen yet."""
        self._tracks: dict[int, _Track] = {}
        self._numbers = itertools.count(1)

    def update(self, boxes: Sequence[Box], seconds: float) -> list[int]:
        """The number of each of the people in the next frame."""
        known = {number: track for number, track in self._tracks.items() if seconds - track.seen <= _PATIENCE}
        pairs = sorted(
            (
                (overlap(track.box, box), number, index)
                for number, track in known.items()
                for index, box in enumerate(boxes)
            ),
            key=lambda pair: (-pair[0], pair[1], pair[2]),
        )
        numbers: dict[int, int] = {}
        for fit, number, index in pairs:
            if fit >= _LEAST_OVERLAP and index not in numbers and number not in numbers.values():
                numbers[index] = number
        answer = [numbers[index] if index in numbers else next(self._numbers) for index in range(len(boxes))]
        self._tracks = known | {number: _Track(box, seconds) for number, box in zip(answer, boxes, strict=True)}
        return answer

    def known(self, number: int, seconds: float) -> bool:
        """Whether somebody was in sight within the last second."""
        return number in self._tracks and seconds - self._tracks[number].seen <= _PATIENCE
