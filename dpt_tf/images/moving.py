"""Moving pictures out of frames: MP4 (`video.writer`), GIF or animated WebP, a few frames at a time in memory.

A frame is uint8 `[H, W, 3]`, all of one size. A GIF has one palette for all of its frames and no dithering, whose grain
would change from frame to frame; GIF and WebP begin anew at their end.
"""

import contextlib
import fractions
import heapq
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from dpt_tf.images import video
from dpt_tf.system.errors import UserError

FORMS = (".mp4", ".gif", ".webp")
"""How the name of a moving picture ends, in lower case."""

_COLOURS = 255  # the encoder keeps one for what does not change
_SAMPLE = 1 << 20  # pixels that a palette is chosen from
_WEBP = {"quality": "90", "compression_level": "1"}
_SOUND_RATE = 160_000  # bits a second


def write(
    path: pathlib.Path,
    frames: Callable[[], Iterable[np.ndarray]],
    fps: fractions.Fraction,
    sound: pathlib.Path | None = None,
    cut: video.Cut | None = None,
) -> None:
    """A moving picture at `path`, whole or not at all, in the form that the name's ending says.

    Args:
      path: where to; what is there is replaced.
      frames: gives all frames, each time that it is called: a GIF's are looked at before for its palette.
      fps: frames a second. A GIF counts in hundredths of a second.
      sound: a video whose sound comes along, into an MP4.
      cut: the part of it that the frames are of.

    Raises:
      UserError: PyAV is not installed, or this build has no encoder of that form.
    """
    ending = path.suffix.lower()
    if ending == ".mp4":
        with video.writer(path, fps) as out:
            sounds = _sound(sound, cut or video.Cut(), out) if sound else iter(())
            pictures = ((number / float(fps), picture) for number, picture in enumerate(frames()))
            # The two lie side by side in the file as they are played.
            for _, one in heapq.merge(pictures, sounds, key=lambda timed: timed[0]):
                if isinstance(one, np.ndarray):
                    out.add(one)
                else:
                    out.add_sound(one)
        return
    palette = palette_of(frames()) if ending == ".gif" else None
    with _stream(path, "gif" if palette else "libwebp", fps) as add:
        for picture in frames():
            add(picture, palette)


def palette_of(frames: Iterable[np.ndarray]) -> Image.Image:
    """The colours of frames, 255 at most, chosen from about a million of their pixels, in even steps."""
    kept: list[np.ndarray] = []
    step = 1
    for number, frame in enumerate(frames):
        if number % step:
            continue
        pixels = frame.reshape(-1, 3)
        kept.append(pixels[:: max(1, 32 * len(pixels) // _SAMPLE)])
        if len(kept) == 64:  # twice as far apart from here on
            kept, step = kept[::2], 2 * step
    return Image.fromarray(np.concatenate(kept)[None]).quantize(_COLOURS, Image.Quantize.FASTOCTREE)


@contextlib.contextmanager
def _stream(path: pathlib.Path, encoder: str, fps: fractions.Fraction) -> Iterator[Callable]:
    """A GIF or a WebP being written."""
    av = video.library()
    form = path.suffix.lower()[1:]
    if encoder not in av.codecs_available:
        raise UserError(f"{path}: this build of FFmpeg writes no {form}; give -o x.mp4")
    path.parent.mkdir(parents=True, exist_ok=True)
    with video.written(path) as aside, av.open(str(aside), "w", format=form, options={"loop": "0"}) as container:
        stream: Any = container.add_stream(encoder, rate=fps)
        stream.pix_fmt = "pal8" if form == "gif" else "yuv420p"
        stream.options = {} if form == "gif" else _WEBP

        def add(picture: np.ndarray, palette: Image.Image | None) -> None:
            given: Any = picture if palette is None else _indexed(picture, palette)
            frame = av.VideoFrame.from_ndarray(given, format="rgb24" if palette is None else "pal8")
            if not stream.codec_context.is_open:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(frame))

        yield add
        if stream.codec_context.is_open:
            container.mux(stream.encode())


def _indexed(picture: np.ndarray, palette: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of colours `[H, W]`, and the colours, alpha first, `[256, 4]`."""
    found = Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)
    colours = np.array(palette.getpalette("RGB"), np.uint8).reshape(-1, 3)
    table = np.zeros((256, 4), np.uint8)
    table[:, 0], table[: len(colours), 1:] = 255, colours
    return np.asarray(found), table


def has_sound(path: pathlib.Path) -> bool:
    """Whether a video has sound."""
    with video.opened(path) as (container, _):
        return bool(container.streams.audio)


def _sound(path: pathlib.Path, cut: video.Cut, out: video.Writer) -> Iterator[tuple[float, Sequence[Any]]]:
    """The sound of a part of a video, as AAC: seconds since the part's beginning, and packets."""
    start = cut.start or 0.0
    with video.opened(path) as (container, pictures):
        heard = container.streams.audio[0]
        first = float((pictures.start_time or 0) * (pictures.time_base or 0))
        stream = out.begin_sound(heard.rate, heard.layout.name, _SOUND_RATE)
        with contextlib.suppress(*video.failures()):  # what is damaged ends there, as its pictures do
            for frame in container.decode(heard):
                at = (frame.time or 0.0) - first - start
                if at < 0 or (cut.end is not None and at >= cut.end - start):
                    continue
                frame.pts = round(at / frame.time_base)
                yield at, stream.encode(frame)
        yield float("inf"), stream.encode(None)
