"""What a stage leaves for TensorBoard: curves and pictures."""

import pathlib
from collections.abc import Callable, Mapping

import tensorflow as tf

from dpt_tf.training import stages, summaries

Batches = Callable[[int], tf.data.Dataset]
"""k -> batches from batch k on."""

_PICTURED = 4  # examples


class Diary:
    """Curves and pictures. The pictures are always of the first examples of batch 0, so that they can be compared."""

    def __init__(
        self,
        stage: stages.Stage,
        stage_dir: pathlib.Path,
        scalars_every: int,
        pictures_every: int,
        batches: Batches,
        chief: bool,
    ):
        """As `loop.Schedule` has them; only the chief keeps one."""
        self._stage, self._scalars_every, self._pictures_every = stage, scalars_every, pictures_every
        self._writer = summaries.Writer(stage_dir / "tensorboard") if chief else None
        self._sums: dict[str, float] = {}
        self._count = 0
        self._shown = None
        if chief and pictures_every:
            self._shown = tf.nest.map_structure(lambda x: x[:_PICTURED], next(iter(batches(0))))

    def __enter__(self) -> "Diary":
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes the curves."""
        if self._writer:
            self._writer.close()

    def due(self, step: int, last: bool) -> bool:
        """Whether a point or a picture is due after this step: it is of the weights and the rate of that moment."""
        return last or self._pictured(step) or step % self._scalars_every == 0

    def note(self, step: int, terms: Mapping[str, float], last: bool) -> None:
        """A step's terms; and the curves and pictures where they are due."""
        if not self._writer:
            return
        self._count += 1
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if step % self._scalars_every == 0 or last:
            means = {f"loss/{name}": total / self._count for name, total in self._sums.items()}
            rate = float(tf.convert_to_tensor(self._stage.optimizer.learning_rate))
            self._writer.scalars(step, {**means, "learning_rate": rate})
            self._sums, self._count = {}, 0
        if self._shown and (last or self._pictured(step)):
            self._writer.pictures(step, self._stage.pictures(*self._shown))

    def _pictured(self, step: int) -> bool:
        return bool(self._pictures_every) and (step == 1 or step % self._pictures_every == 0)
