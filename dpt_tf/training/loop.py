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

from dpt_tf.ops import device
from dpt_tf.system import alive
from dpt_tf.system.errors import Interrupted, TrainingError, UserError
from dpt_tf.training import checkpoints, profiling, stages, workers
from dpt_tf.training.diary import Batches, Diary

Say = Callable[[str], None]

_READ_EVERY = {"gpu": 10, "cpu": 1}
_WARM = 2  # steps before a profile: they trace the graph and fill the caches


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """How often a run does what besides stepping. None of it changes the weights that come out.

    Attributes:
      save_every: steps between checkpoints.
      save_minutes: minutes after which one is written in any case.
      keep: how many checkpoints stay.
      scalars_every: steps between points on the curves; a point is the mean since the one before.
      pictures_every: steps between pictures; 0 for none.
      read_every: steps whose terms are read at once; until then the device is not waited for, nor other workers asked
        whether to stop. None is 10 on a GPU and 1 on a CPU, which is waited for in any case.
      profile: steps that TensorBoard's profile is of, from the third on; 0 for none.
    """

    save_every: int = 1000
    save_minutes: float = 10.0
    keep: int = 3
    scalars_every: int = 20
    pictures_every: int = 500
    read_every: int | None = None
    profile: int = 0


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
    heard, alone = _heard(distribution), not _together()
    read_every = schedule.read_every or _READ_EVERY[device.device()]
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
    diary = Diary(stage, stage_dir, schedule.scalars_every, schedule.pictures_every, batches, chief)
    profile = profiling.Profile(stage_dir / "tensorboard", start + _WARM if chief else None, schedule.profile)
    unread: list[Mapping[str, tf.Tensor]] = []
    with keeper.others(), progress, keeper.disk(), diary, profile, _signals(say) as arrived:
        for step in range(start + 1, steps + 1):
            with profile.step(step):
                unread.append(train_step(*next(data)))
            progress.update()
            if not alive.tell():
                arrived.append(signal.SIGTERM)  # the keeper is gone, and would start another one
            last, looked_at = step == steps, step % read_every == 0
            stopped = heard(arrived) if looked_at or last or alone else 0
            saved = last or bool(stopped) or keeper.due(step)
            if looked_at or saved or diary.due(step, last):
                for number, terms in _read(unread, step):
                    keeper.check(number, terms)
                    diary.note(number, terms, last and number == step)
                progress.set_postfix({name: f"{value:.4g}" for name, value in terms.items()}, refresh=False)
                unread.clear()
            if saved:
                keeper.save(step)
            if stopped or last:
                heard([])  # nobody leaves before the first has saved
            if stopped:
                say(
                    f"{stage.name}: stopped after step {step} of {steps} and saved; the same command goes on from there"
                )
                raise Interrupted(stopped)


def _read(unread: list[Mapping[str, tf.Tensor]], step: int) -> Iterator[tuple[int, dict[str, float]]]:
    """The terms of the last steps until `step` as numbers, each with its step's: one copy from the device."""
    values = tf.stack([tf.stack([tf.cast(x, tf.float32) for x in terms.values()]) for terms in unread]).numpy()
    for number, terms, row in zip(range(step - len(unread) + 1, step + 1), unread, values.tolist(), strict=True):
        yield number, dict(zip(terms, row, strict=True))


def replicated(step: Callable[..., Mapping[str, tf.Tensor]], distribution: tf.distribute.Strategy) -> Callable:
    """The step on all replicas, as one graph; terms are summed over them."""

    @tf.function
    def train_step(x, y):
        terms = distribution.run(step, args=(x, y))
        return {name: distribution.reduce(tf.distribute.ReduceOp.SUM, term, axis=None) for name, term in terms.items()}

    return train_step


def shared(data: tf.data.Dataset, distribution: tf.distribute.Strategy) -> Any:
    """Each replica gets its share of every global batch; a GPU gets its next ones while it computes."""
    if distribution.num_replicas_in_sync == 1:
        gpus = tf.config.list_logical_devices("GPU")
        return data.apply(tf.data.experimental.prefetch_to_device(gpus[0].name)) if gpus else data
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return distribution.experimental_distribute_dataset(data.with_options(options))


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _together() -> bool:
    """Whether other workers take part."""
    cluster = workers.cluster()
    return cluster is not None and len(cluster.workers) > 1


def _heard(distribution: tf.distribute.Strategy) -> Callable[[list[int]], int]:
    """Of the signals that arrived here, what all workers hear in the same step: one that came to any of them, or 0.

    A worker that stopped alone would leave the others in a step that nobody can finish.
    """
    if not _together():
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

    def due(self, step: int) -> bool:
        minutes = (time.monotonic() - self._saved_time) / 60
        return step - self._saved_step >= self._schedule.save_every or minutes >= self._schedule.save_minutes

    def save(self, step: int) -> None:
        if not self._chief:
            self._saved_step, self._saved_time = step, time.monotonic()
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
