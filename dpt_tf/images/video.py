"""Frames out of videos and videos out of frames, by way of PyAV (the extra `video`), a few frames at a time in memory.

A frame is uint8 `[H, W, 3]`, RGB, upright: the turn that a phone writes down beside its pictures is obeyed. Seconds
count from the video's first frame. A video that is damaged on its way gives what was decoded until there, and a note.
"""

import contextlib
import dataclasses
import fractions
import math
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dpt_tf.system import atomic
from dpt_tf.system.errors import UserError

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".ogv", ".gif")
"""How a video's file name ends, in lower case."""

MOST_PIXELS = 1 << 25
# What FFmpeg calls the forms of those files. A playlist is none of them: it names other files, which nobody gave.
_FORMS = "mov,matroska,webm,avi,mpeg,mpegvideo,m4v,mpegts,asf,flv,ogg,gif"
_ENCODERS = ("libx264", "libopenh264", "mpeg4")  # the first that this build of FFmpeg has
_FINEST_CLOCK = 65535  # mpeg4 counts in no smaller parts of a second


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a video says of itself.

    Attributes:
      fps: frames a second, as a fraction; where they come irregularly, their mean.
      seconds: how long it lasts, or None where it does not say.
      frames: how many frames it holds, as far as that can be known beforehand, or None.
    """

    fps: fractions.Fraction
    seconds: float | None
    frames: int | None


@dataclasses.dataclass(frozen=True)
class Frame:
    """A frame: `pixels` uint8 `[H, W, 3]`, `seconds` since the first one."""

    seconds: float
    pixels: np.ndarray


@dataclasses.dataclass(frozen=True)
class Cut:
    """Which frames are wanted.

    Attributes:
      every: each n-th of them, beginning with the first.
      start, end: seconds; the frame at `end` is no part of it any more. None is the video's own beginning and end.
    """

    every: int = 1
    start: float | None = None
    end: float | None = None

    def __post_init__(self):
        """Raises UserError where that leaves nothing."""
        if self.every < 1:
            raise UserError(f"--every={self.every}: give 1 for all frames, 5 for each fifth")
        for flag, value in (("from", self.start), ("to", self.end)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise UserError(f"--{flag}={value:g}: give seconds since the beginning of the video")
        if self.end is not None and self.end <= (self.start or 0):
            raise UserError(
                f"--to={self.end:g} is not after --from={self.start or 0:g}: give seconds, the end the larger"
            )

    def expected(self, facts: Facts) -> int | None:
        """About how many frames of such a video it leaves, or None where nobody can say."""
        if facts.frames is None:
            return None
        seconds = facts.frames / float(facts.fps)
        length = min(self.end if self.end is not None else seconds, seconds) - (self.start or 0)
        return max(0, math.ceil(round(length * float(facts.fps), 3) / self.every))


def is_video(path: pathlib.Path) -> bool:
    """Whether a file bears a video's name."""
    return path.suffix.lower() in SUFFIXES


def facts(path: pathlib.Path) -> Facts:
    """What the video at `path` says of itself.

    Raises:
      UserError: it is none, or PyAV is not installed.
    """
    with opened(path) as (container, stream):
        fps = fractions.Fraction(stream.average_rate or stream.guessed_rate or 25)
        seconds = None
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            seconds = container.duration / 1e6
        return Facts(fps, seconds, stream.frames or (round(seconds * fps) if seconds else None))


def frames(path: pathlib.Path, cut: Cut | None = None, note: Callable[[str], None] = print) -> Iterator[Frame]:
    """The frames of the video at `path`, one after another.

    Args:
      path: whatever FFmpeg reads.
      cut: which of them; all if None.
      note: told, in one line, that the video is damaged and where, once some frames have been decoded.

    Raises:
      UserError: no video, none of its frames can be decoded or lies within the cut, or PyAV is not installed.
    """
    cut = cut or Cut()
    given, last = 0, None
    with opened(path) as (container, stream):
        said = stream.frames
        if cut.start and stream.time_base:
            with contextlib.suppress(*failures()):  # what cannot be sought is decoded from its beginning
                container.seek(int(cut.start / stream.time_base) + (stream.start_time or 0), stream=stream)
        decoded, whole, damage, inside = 0, False, "", 0
        first = float((stream.start_time or 0) * (stream.time_base or 0))
        frames_decoded = container.decode(stream)
        while not damage:
            try:
                frame = next(frames_decoded, None)
            except failures() as error:
                damage = _said(error)
                break
            if frame is None:
                whole = not said or bool(cut.start) or decoded >= said - 2
                damage = "" if whole else f"it promises {said} frames"
                break
            if frame.is_corrupt:
                damage = "pictures with pieces missing"
                break
            decoded += 1
            at = frame.time - first if frame.time is not None else (last or 0.0) + (1 / 25 if decoded > 1 else 0)
            if cut.end is not None and at >= cut.end - 1e-6:
                break
            last = at
            if at < (cut.start or 0) - 1e-6:
                continue
            inside += 1
            if (inside - 1) % cut.every:
                continue
            pixels = _upright(frame, path)
            given += 1
            yield Frame(at, pixels)
    if not decoded and damage:
        raise UserError(f"{path}: a video of which no frame can be decoded ({damage}); copy or record it again")
    if not given and damage:
        raise UserError(f"{path}: damaged after {last or 0:.2f} seconds ({damage}), before any of the wanted frames")
    if not given:
        raise UserError(f"{path}: no frame in it{' between --from and --to' if cut.start or cut.end else ''}")
    if damage:
        note(f"{path}: damaged after {last or 0:.2f} seconds ({damage}); the frames until there are kept")


def _upright(frame: Any, path: pathlib.Path) -> np.ndarray:
    _refuse_large(frame, path)
    pixels = frame.to_ndarray(format="rgb24")
    # A turn counts anticlockwise, as numpy's does.
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))


def _refuse_large(of: Any, path: pathlib.Path) -> None:
    """Raises UserError for a frame, or a stream of frames, beyond what is decoded."""
    if (of.width or 0) * (of.height or 0) > MOST_PIXELS:
        raise UserError(f"{path}: frames of {of.width} x {of.height} pixels are too large; make the video smaller")


class Writer:
    """A video being written; see `writer`."""

    def __init__(self, container: Any, fps: fractions.Fraction, fine: bool):
        """Made by `writer`."""
        self._container, self._fps, self._fine = container, fps, fine
        self._stream: Any = None

    def add(self, picture: np.ndarray) -> None:
        """One more frame, uint8 `[H, W, 3]`, all of one size; an odd side gets its last pixels a second time.

        Raises:
          ValueError: another size than the first.
        """
        import av

        even = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), mode="edge")
        if self._stream is None:
            self._stream = self._begin(even.shape[1], even.shape[0])
        if (self._stream.height, self._stream.width) != even.shape[:2]:
            raise ValueError(
                f"a frame of {even.shape[1]} x {even.shape[0]} in a video of {self._stream.width} x "
                f"{self._stream.height}"
            )
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        self._container.mux(self._stream.encode(frame))

    def _begin(self, width: int, height: int) -> Any:
        import av

        encoder = next(name for name in _ENCODERS if name in av.codecs_available)
        stream: Any = self._container.add_stream(encoder, rate=self._fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if encoder == "libx264":
            # With its tree of macroblocks libx264 makes other pictures of the same frames in one of ten runs.
            stream.options = {"x264-params": "mbtree=0"}
            stream.options |= {"crf": "3", "preset": "veryfast"} if self._fine else {"crf": "18"}
            stream.pix_fmt = "yuv444p" if self._fine else "yuv420p"
        else:
            stream.bit_rate = max(1_000_000, width * height * 8) * (8 if self._fine else 1)
        return stream

    def begin_sound(self, rate: int, layout: str, bits: int) -> Any:
        """An encoder of sound, AAC of `bits` a second, whose packets `add_sound` takes; before the first frame."""
        stream: Any = self._container.add_stream("aac", rate=rate, layout=layout)
        stream.bit_rate = bits
        return stream

    def add_sound(self, packets: Any) -> None:
        """What that encoder gave."""
        self._container.mux(packets)

    def finish(self) -> None:
        """Writes what the encoder still holds."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())


@contextlib.contextmanager
def writer(path: pathlib.Path, fps: fractions.Fraction | float, fine: bool = False) -> Iterator[Writer]:
    """An MP4 at `path`, whole or not at all: H.264 where this build of FFmpeg has it, else MPEG-4; YUV 4:2:0.

    A `fine` one is to be decoded and written again: what it loses nobody sees, but not every player knows its 4:4:4.

    Raises:
      UserError: PyAV is not installed.
    """
    av = library()
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = fractions.Fraction(fps).limit_denominator(_FINEST_CLOCK // max(1, round(fps)) or 1)
    with (
        written(path) as aside,
        av.open(str(aside), "w", format="mp4", options={"movflags": "faststart"}) as container,
    ):
        made = Writer(container, rate, fine)
        yield made
        made.finish()


@contextlib.contextmanager
def written(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """`atomic.written` for PyAV, whose errors of the system, a full disk, become Python's own."""
    with atomic.written(path) as aside:
        try:
            yield aside
        except library().error.OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[tuple[Any, Any]]:
    """`-> (container, its first video)`."""
    av = library()
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the path of a video")
    try:
        container = av.open(str(path), metadata_errors="replace", options={"format_whitelist": _FORMS})
    except failures() as error:
        said = "the file is empty" if not path.stat().st_size else _said(error)
        raise UserError(
            f"{path}: not a video, or one that is cut short before its pictures ({said}); copy or record it again"
        ) from None
    with container:
        # A still picture beside the sound of a song is a video to FFmpeg.
        videos = [one for one in container.streams.video if not int(one.disposition) & _COVER]
        if not videos:
            raise UserError(f"{path}: no pictures in it, only sound or text; give a video")
        if videos[0].codec_context is not None:  # else nobody can decode it, which is said later
            _refuse_large(videos[0].codec_context, path)
        videos[0].thread_type = "AUTO"
        yield container, videos[0]


_COVER = 0x0400  # AV_DISPOSITION_ATTACHED_PIC


def library() -> Any:
    """PyAV; UserError where it is not installed, for programs that would find out late, too."""
    try:
        import av
    except ImportError:
        raise UserError("reading and writing videos needs PyAV: pip install 'dpt_tf[video]'") from None
    return av


def failures() -> tuple[type[Exception], ...]:
    """What PyAV raises on damaged files; damaged times and rates make Python's own errors."""
    return library().error.FFmpegError, ValueError, ArithmeticError


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
