"""Where the time of some steps goes, for TensorBoard (its plugin is `tensorboard-plugin-profile`)."""

import contextlib
import pathlib

import tensorflow as tf


class Profile:
    """A profile of some steps in a row; shorter where the run ends before."""

    def __init__(self, folder: pathlib.Path, after: int | None, steps: int):
        """Made before the first step.

        Args:
          folder: gets `plugins/profile/`.
          after: the step after which it begins; None for no profile at all.
          steps: how many steps it is of; 0 likewise.
        """
        self._folder, self._running = folder, False
        self._steps = range(after + 1, after + 1 + steps) if after is not None else range(0)

    def __enter__(self) -> "Profile":
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Writes what there is."""
        self._stop()

    @contextlib.contextmanager
    def step(self, number: int):
        """Around a step."""
        if self._steps and number == self._steps[0]:
            tf.profiler.experimental.start(str(self._folder))
            self._running = True
        if not self._running:
            yield
            return
        with tf.profiler.experimental.Trace("train", step_num=number, _r=1):
            yield
        if number == self._steps[-1]:
            self._stop()

    def _stop(self) -> None:
        if self._running:
            self._running = False
            tf.profiler.experimental.stop()
