"""Moving pictures: poses one after another, of which a video's are found here, and the file of their frames.

What one takes is bounded: `MOST_FRAMES` frames, of a video `MOST_SECONDS` of one of `LONGEST` at most, 15 a second or
less, in pictures of 512 pixels. `dpt animate` has none of these bounds.
"""

import dataclasses
import fractions
import itertools
import math
import re
from collections.abc import Iterator, Sequence

import numpy as np

from dpt_tf.densepose import following
from dpt_tf.densepose.map_files import Asked
from dpt_tf.images import framing, moving, video
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import motions
from dpt_tf.transfer.steady_colours import SteadyColours
from serving.web.estimating import Maps
from serving.web.painting import Paint, Person, Pose, Upload, called, written

MOST_FRAMES, MOST_SECONDS = 240, 16
LONGEST = 180  # seconds of a video of which a part is taken, for what lies before the part may have to be decoded
FPS = fractions.Fraction(100, 9)
"""Frames a second of poses that do not know their own."""

FORMS = {"MP4": ".mp4", "animated WebP": ".webp", "GIF": ".gif"}

_FASTEST = 15  # frames a second that are taken of a video
_SPARSEST = 16  # each so-manieth frame at most, whatever the video says of its pace
_SIDE = 512  # pixels


def in_one_frame(poses: Sequence[Pose]) -> list[Pose]:
    """Poses as they are where all maps have one size, else in squares of the largest side."""
    if len({pose.iuv.shape for pose in poses}) <= 1:
        return list(poses)
    side = max(max(pose.iuv.shape[:2]) for pose in poses)
    return [Pose(pose.name, framing.square_map(pose.iuv, side)) for pose in poses]


def file(frames: Sequence[np.ndarray], fps: fractions.Fraction, form: str) -> bytes:
    """The file of frames `[H, W, 3]` of one size; `form` is one of those that `FORMS` has.

    Raises:
      UserError: it cannot be written.
    """
    return written(form, lambda path: moving.write(path, lambda: frames, fps))


class Painting:
    """Paints frame by frame, and keeps colours from flickering, as `dpt animate` does."""

    def __init__(self, transfer: Paint, person: Person):
        """Who is painted, and what paints."""
        self._transfer, self._person, self._colours = transfer, person.moving(), SteadyColours()

    def __call__(self, pose: np.ndarray) -> np.ndarray:
        """The next frame."""
        result = self._person.painted(self._transfer, pose)
        return self._colours(result["image"], result.get("target_iuv", pose))


@dataclasses.dataclass
class Film:
    """The poses of a video.

    Attributes:
      name: as its owner calls the file.
      fps: frames a second that are taken.
      expected: how many frames, about.
      notes: a line about what is damaged, once the maps have come so far.
    """

    name: str
    fps: fractions.Fraction
    expected: int
    notes: list[str]
    _upload: Upload
    _cut: video.Cut

    def maps(self, estimator: Maps) -> Iterator[np.ndarray | None]:
        """A map for each frame; None where nobody is found.

        Raises:
          UserError: none of its frames can be decoded.
        """
        path = self._upload.path

        def note(line: str) -> None:
            self.notes.append(line.replace(str(path), self.name))

        frames = itertools.islice(video.frames(path, self._cut, note), MOST_FRAMES)
        small = (video.Frame(one.seconds, framing.within(one.pixels, _SIDE)) for one in frames)
        with called(self._upload):
            for people in following.follow(small, estimator, Asked()):
                yield next(iter(people.values())).map if people else None

    def held(self, missing: Sequence[int]) -> list[str]:
        """Lines about the frames, numbers from 1, in which nobody is found, and about damage."""
        lines = list(self.notes)
        if missing:
            lines.append(f"{self.name}: nobody found in frames {motions.said(missing)}; there a pose is held")
        return lines


def film(upload: Upload, seconds: str) -> Film:
    """A video, of which `seconds` are to be taken, `2-8`; nothing: all of it.

    Raises:
      UserError: it is none; it is too long, or the part is; the part is none.
    """
    start, end = _seconds(seconds)
    with called(upload):
        facts = video.facts(upload.path)
        length = facts.seconds if facts.seconds is not None and math.isfinite(facts.seconds) else None
        if length is not None and length > LONGEST:
            raise UserError(
                f"{upload.path}: it lasts {length:.0f} seconds, and this page looks at videos of {LONGEST} at most; "
                "cut it, or use the command `dpt animate`"
            )
        if length is not None and start >= length:
            raise UserError(
                f"{upload.path}: it lasts {length:.1f} seconds, and second {start:g} is not among them; write an "
                "earlier one"
            )
        last = min((one for one in (end, length) if one is not None), default=None)
        if last is not None and last - start > MOST_SECONDS + 0.1:
            raise UserError(
                f"{upload.path}: {last - start:.1f} seconds are too long for this page, which paints {MOST_SECONDS} at "
                f"most; write which, as in {start:g}-{start + MOST_SECONDS:g}, or use the command `dpt animate`"
            )
    every = min(max(1, math.ceil(facts.fps / _FASTEST)), _SPARSEST)
    fps = min(facts.fps / every, fractions.Fraction(_FASTEST))
    cut = video.Cut(every, start or None, end)
    expected = cut.expected(facts) or MOST_FRAMES
    return Film(upload.name, fps, min(expected, MOST_FRAMES), [], upload, cut)


def _seconds(text: str) -> tuple[float, float | None]:
    """Where the part begins and ends. Raises UserError where that is none."""
    if not text.strip():
        return 0.0, None
    found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*[-–]\s*(\d{1,6}(?:\.\d{1,6})?)\s*", text)
    if not found or float(found[2]) <= float(found[1]):
        raise UserError(f"`{text[:20]}` is no part of a video; write from which to which second, as in 2-8, or nothing")
    return float(found[1]), float(found[2])
