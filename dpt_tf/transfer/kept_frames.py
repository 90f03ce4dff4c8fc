"""Frames that are painted, on the disk, until a moving picture is complete: what a stop does not take away.

FOLDER/made.json         what they are made of
FOLDER/000000.mp4 ...    `PER` frames each, the last one fewer; H.264 that is all but lossless
FOLDER/000001.npz        what the frames after the first such file depend on; only the newest is kept

A file of frames is there whole or not at all, and where it is, so is what the next ones depend on.
"""

import fractions
import io
import itertools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dpt_tf.images import video
from dpt_tf.system import atomic, files
from dpt_tf.system.errors import UserError

PER = 24
"""Frames of a file: so many are lost at most."""

_MADE = "made.json"
State = dict[str, np.ndarray]


class KeptFrames:
    """Frames of one moving picture in a folder of their own.

    Attributes:
      count: how many are there.
    """

    def __init__(self, folder: pathlib.Path, made_of: dict[str, Any], fps: fractions.Fraction):
        """Goes on with what is in the folder, which must be there.

        Args:
          folder: where they are.
          made_of: names and values, as JSON has them, that the frames depend on.
          fps: frames a second, for who looks at the files.

        Raises:
          UserError: those in the folder are made of something else, or damaged.
        """
        self._folder, self._fps = folder, fps
        self._files = next(number for number in itertools.count() if not self._frames(number).exists())
        self._check(made_of)
        last = video.facts(self._frames(self._files - 1)).frames if self._files else 0
        self.count = PER * max(0, self._files - 1) + (last or 0)

    def state(self) -> State:
        """What the next frame depends on, as it was given with the last ones.

        Raises:
          UserError: it is damaged.
        """
        if not self._files:
            return {}
        try:
            with files.opened(self._state(self._files)) as file, np.load(file, allow_pickle=False) as kept:
                return {name: kept[name] for name in kept.files}
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{self._folder}: damaged ({error}); remove the folder to begin anew") from None

    def add(self, frames: Iterator[np.ndarray], state: Callable[[], State]) -> None:
        """More frames, uint8 `[H, W, 3]`, written as they come; `state` is asked for what the next depends on."""
        for first in frames:
            with video.writer(self._frames(self._files), self._fps, fine=True) as out:
                for frame in itertools.chain([first], itertools.islice(frames, PER - 1)):
                    out.add(frame)
                    self.count += 1
                self._keep(state())
            self._state(self._files).unlink(missing_ok=True)
            self._files += 1

    def frames(self, height: int, width: int) -> Iterator[np.ndarray]:
        """All of them, of that size."""
        for number in range(self._files):
            for frame in video.frames(self._frames(number)):
                yield frame.pixels[:height, :width]

    def _check(self, made_of: dict[str, Any]) -> None:
        if not self._files:
            atomic.write_json(self._folder / _MADE, made_of)
            return
        try:
            there = files.read_facts(self._folder / _MADE)
        except (ValueError, FileNotFoundError):
            raise UserError(f"{self._folder / _MADE}: damaged; remove the folder to begin anew") from None
        if other := [name for name, value in made_of.items() if there.get(name) != value]:
            raise UserError(
                f"{self._folder}: frames with another {other[0]} are kept here; finish them by their own command, "
                "remove the folder, or give another --output"
            )

    def _keep(self, state: State) -> None:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **state)  # type: ignore[arg-type]
        with atomic.written(self._state(self._files + 1)) as aside:
            aside.write_bytes(buffer.getvalue())

    def _frames(self, number: int) -> pathlib.Path:
        return self._folder / f"{number:06d}.mp4"

    def _state(self, number: int) -> pathlib.Path:
        return self._folder / f"{number:06d}.npz"
