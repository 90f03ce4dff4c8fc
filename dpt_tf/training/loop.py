"""Running a stage: steps, progress, curves and pictures, checkpoints, and going on after any end.

Batch k is a function of the seed and k, and a checkpoint holds every variable, so a run that was killed and started
again ends with the very weights of one that was not.
"""

import contextlib
import dataclasses
import errno
import math
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf
from tqdm import tqdm

from dpt_tf.system import alive
from dpt_tf.system.errors import Interrupted, TrainingError, UserError
from dpt_tf.training import checkpoints, stages, summaries, workers

Batches = Callable[[int], tf.data.Dataset]  # k -> batches from batch k on
Say = Callable[[str], None]

_PICTURED = 4  # examples


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """How often a run does what besides stepping. None of it changes the weights that come out.

    Attributes:
      save_every: steps between checkpoints.
      save_minutes: minutes after which one is written in any case.
      keep: how many checkpoints stay.
      scalars_every: steps between points on the curves; a point is the mean since the one before.
      pictures_every: steps between pictures; 0 for none.
    """

    save_every: int = 1000
    save_minutes: float = 10.0
    keep: int = 3
    scalars_every: int = 20
    pictures_every: int = 500


def strategy() -> tf.distribute.Strategy:
    """One replica on each visible device; several workers where TF_CONFIG names them.

    Raises:
      UserError: TF_CONFIG cannot be used, or its port of this worker is taken.
    """
    if together := workers.cluster():
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except tf.errors.UnknownError as error:
            if "gRPC server" not in str(error):
                raise
            mine = together.workers[together.index]
            raise UserError(f"TF_CONFIG: {mine} is taken on this machine; give this worker another port") from None
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def is_chief(distribution: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes."""
    return bool(distribution.extended.should_checkpoint)


def fit(
    stage: stages.Stage,
    batches: Batches,
    steps: int,
    stage_dir: pathlib.Path,
    start: int = 0,
    schedule: Schedule | None = None,
    distribution: tf.distribute.Strategy | None = None,
    say: Say = tqdm.write,
) -> None:
    """Takes `stage` from `start` steps taken to `steps`, and leaves a checkpoint of the last one.

    Args:
      stage: as built, or as restored from the checkpoint of step `start`.
      batches: k -> a data set whose first element is batch k.
      steps: how many steps the stage lasts.
      stage_dir: gets `checkpoints/` and `tensorboard/`.
      start: how many of the steps are behind it.
      schedule: how often to save and to show.
      distribution: the strategy that `stage` was built under.
      say: takes a line for the user.

    Raises:
      TrainingError: a loss term or a weight is no longer finite, or the disk is full.
      Interrupted: SIGINT or SIGTERM came, to this worker or another; the step was finished and saved.
    """
    schedule = schedule or Schedule()
    distribution = distribution or tf.distribute.get_strategy()
    chief = is_chief(distribution)
    keeper = _Keeper(stage, stage_dir, schedule, start, chief)
    train_step = replicated(stage.step, distribution)
    heard = _heard(distribution)
    data = iter(shared(batches(start), distribution))
    progress = tqdm(
        desc=stage.name,
        initial=start,
        total=steps,
        unit="step",
        dynamic_ncols=True,
        mininterval=0.5 if sys.stderr.isatty() else 20,
        disable=not chief,
    )
    diary = _Diary(stage, stage_dir, schedule, batches, chief)
    with keeper.others(), progress, keeper.disk(), diary, _signals(say) as arrived:
        for step in range(start + 1, steps + 1):
            terms = {name: float(value) for name, value in train_step(*next(data)).items()}
            keeper.check(step, terms)
            progress.set_postfix({name: f"{value:.4g}" for name, value in terms.items()}, refresh=False)
            progress.update()
            diary.note(step, terms, last=step == steps)
            if not alive.tell():
                arrived.append(signal.SIGTERM)  # the keeper is gone, and would start another one
            stopped = heard(arrived)
            keeper.save_if_due(step, last=step == steps or bool(stopped))
            if stopped or step == steps:
                heard([])  # nobody leaves before the first has saved
            if stopped:
                say(
                    f"{stage.name}: stopped after step {step} of {steps} and saved; the same command goes on from there"
                )
                raise Interrupted(stopped)


def replicated(step: Callable[..., Mapping[str, tf.Tensor]], distribution: tf.distribute.Strategy) -> Callable:
    """The step on all replicas, as one graph; terms are summed over them."""

    @tf.function
    def train_step(x, y):
        terms = distribution.run(step, args=(x, y))
        return {name: distribution.reduce(tf.distribute.ReduceOp.SUM, term, axis=None) for name, term in terms.items()}

    return train_step


def shared(data: tf.data.Dataset, distribution: tf.distribute.Strategy) -> Any:
    """Each replica gets its share of every global batch."""
    if distribution.num_replicas_in_sync == 1:
        return data
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return distribution.experimental_distribute_dataset(data.with_options(options))


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _heard(distribution: tf.distribute.Strategy) -> Callable[[list[int]], int]:
    """Of the signals that arrived here, what all workers hear in the same step: one that came to any of them, or 0.

    A worker that stopped alone would leave the others in a step that nobody can finish.
    """
    together = workers.cluster()
    if together is None or len(together.workers) < 2:
        return lambda arrived: arrived[0] if arrived else 0

    @tf.function
    def added_up(counts):
        return distribution.reduce(tf.distribute.ReduceOp.SUM, distribution.run(lambda: counts), axis=None)

    def ask(arrived: list[int]) -> int:
        counts = added_up(tf.constant([float(arrived[:1] == [signum]) for signum in _SIGNALS]))
        return next((signum for signum, count in zip(_SIGNALS, counts.numpy(), strict=True) if count), 0)

    return ask


class _Keeper:
    """Lets nothing into a checkpoint that is not finite, and checkpoints onto the disk when they are due."""

    def __init__(self, stage: stages.Stage, stage_dir: pathlib.Path, schedule: Schedule, start: int, chief: bool):
        self._stage, self._folder, self._schedule = stage, stage_dir / "checkpoints", schedule
        self._saved_step, self._saved_time, self._chief = start, time.monotonic(), chief

    def check(self, step: int, terms: Mapping[str, float]) -> None:
        for name, value in terms.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"{self._stage.name}: the loss term {name} is {value} at step {step}; {self._kept()}"
                )

    def save_if_due(self, step: int, last: bool) -> None:
        steps, minutes = step - self._saved_step, (time.monotonic() - self._saved_time) / 60
        due = last or steps >= self._schedule.save_every or minutes >= self._schedule.save_minutes
        if not self._chief or not due:
            return
        # The step's terms were finite before its update; a gradient can still have spoilt the weights.
        for variables in self._stage.variables.values():
            for v in variables:
                if v.dtype.startswith(("float", "bfloat")) and not tf.reduce_all(tf.math.is_finite(v.value)):
                    raise TrainingError(
                        f"{self._stage.name}: the weight {v.path} is not finite after step {step}; {self._kept()}"
                    )
        checkpoints.save(self._folder, step, self._stage.variables, self._schedule.keep)
        self._saved_step, self._saved_time = step, time.monotonic()

    @contextlib.contextmanager
    def disk(self) -> Iterator[None]:
        """Says in one line that the disk is full, from whatever was being written."""
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            if not _disk_is_full(error):
                raise
            raise TrainingError(
                f"cannot write to {self._folder.parent}: no space left on the disk; the checkpoints there are intact "
                f"(the last is of step {self._saved_step}): free some space and run the same command again"
            ) from error

    @contextlib.contextmanager
    def others(self) -> Iterator[None]:
        """Says in one line that another worker is lost."""

        def kept() -> str:
            there = checkpoints.all_of(self._folder)
            return f"the checkpoints in {self._folder} are whole" if there else "there is no checkpoint yet"

        with workers.told_of_losses(workers.cluster(), kept):
            yield

    def _kept(self) -> str:
        there = checkpoints.all_of(self._folder)
        kept = f"the last good checkpoint is {there[-1]}" if there else "there is no checkpoint yet"
        return f"{kept}; train in another --workdir with a lower learning_rate or mixed_precision=float32"


class _Diary:
    """Curves and pictures. The pictures are always of the first examples of batch 0, so that they can be compared."""

    def __init__(self, stage: stages.Stage, stage_dir: pathlib.Path, schedule: Schedule, batches: Batches, chief: bool):
        self._stage, self._schedule = stage, schedule
        self._writer = summaries.Writer(stage_dir / "tensorboard") if chief else None
        self._sums: dict[str, float] = {}
        self._count = 0
        self._shown = None
        if chief and schedule.pictures_every:
            self._shown = tf.nest.map_structure(lambda x: x[:_PICTURED], next(iter(batches(0))))

    def __enter__(self) -> "_Diary":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._writer:
            self._writer.close()

    def note(self, step: int, terms: Mapping[str, float], last: bool) -> None:
        if not self._writer:
            return
        self._count += 1
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if step % self._schedule.scalars_every == 0 or last:
            means = {f"loss/{name}": total / self._count for name, total in self._sums.items()}
            rate = float(tf.convert_to_tensor(self._stage.optimizer.learning_rate))
            self._writer.scalars(step, {**means, "learning_rate": rate})
            self._sums, self._count = {}, 0
        if self._shown and (step == 1 or last or step % self._schedule.pictures_every == 0):
            self._writer.pictures(step, self._stage.pictures(*self._shown))


@contextlib.contextmanager
def _signals(say: Say) -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM; a second one ends the program at once."""
    arrived: list[int] = []

    def note(signum: int, _frame: Any) -> None:
        if arrived:
            raise KeyboardInterrupt
        arrived.append(signum)
        say("finishing this step, then saving (again to leave at once, unsaved)")

    if threading.current_thread() is not threading.main_thread():
        yield arrived
        return
    before = {signum: signal.signal(signum, note) for signum in _SIGNALS}
    try:
        yield arrived
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _disk_is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return any(text in str(error) for text in ("No space left", "Disk quota exceeded", "File too large"))
