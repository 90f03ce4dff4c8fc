"""What an experiment is made of: a row of a table with a seed is a run in a folder of its own."""

import dataclasses
import functools
import itertools
import pathlib
from typing import Any

from dpt_tf.config import HParams
from dpt_tf.data import read
from dpt_tf.evaluation import score_set, scoring
from dpt_tf.experiments import tabulate
from dpt_tf.experiments.tables import Row, Table
from dpt_tf.system import atomic
from dpt_tf.training import checkpoints, loop, trained

SPLIT = "test"
_PAIRS_SEED = 0  # which source a held-out target gets; the same for all runs, whatever they were trained with

# What a row may change and a stage before the last one does not read. The last one reads everything.
_LOSSES = ("l1", "perceptual", "style", "gan", "ssim", "predicted")
_UNREAD = ("blocks", "blending", *(f"{loss}_weight" for loss in _LOSSES))
_UNREAD_BY = {
    "predictive": (*_UNREAD, "surface_prior"),  # but matte_weight, by which pairs come with mattes
    "inpainting": (*_UNREAD, "matte_weight", "source_pose", "target_pose", "palette"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be trained and scored, and where.

    Attributes:
      table: of `tables.TABLES`.
      rows: those of its rows that are wanted.
      seeds: of the training.
      base: the hyper-parameters that all rows begin with.
      workdir: gets the runs and the report.
      data_dir: a prepared data set.
      dataset: its kind, to be written down.
      limit: at most so many pairs are scored.
      vgg_weights: as `models.vgg.build` takes them.
      protocol: as `score_set.of` takes it.
      fid: likewise.
      networks: that scores stand on.
      schedule: how often a training saves and shows.
      beside: other experiments on the same data, whose finished stages are taken over.
    """

    table: Table
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    base: HParams
    workdir: pathlib.Path
    data_dir: pathlib.Path
    dataset: str = "folder"
    limit: int | None = None
    vgg_weights: str = "imagenet"
    protocol: str = "dsc"
    fid: str = score_set.DEFAULT_FID
    networks: score_set.Networks = dataclasses.field(default_factory=score_set.Networks)
    schedule: loop.Schedule = dataclasses.field(default_factory=lambda: loop.Schedule(keep=2))
    beside: tuple["Plan", ...] = ()

    def runs(self, rows: tuple[Row, ...] | None = None) -> list["Run"]:
        """Every row with every seed, a seed after the other; other `rows` than the wanted ones, if given."""
        return [Run(self, row, seed) for seed, row in itertools.product(self.seeds, rows or self.rows)]


@dataclasses.dataclass(frozen=True)
class Run:
    """One row with one seed."""

    plan: Plan
    row: Row
    seed: int

    @property
    def name(self) -> str:
        """Of the run and of its folder."""
        return f"{self.row.name}-seed{self.seed}"

    @property
    def folder(self) -> pathlib.Path:
        """Where it is trained."""
        return self.plan.workdir / self.name

    @property
    def hparams(self) -> HParams:
        """The row's."""
        return self.row.hparams(self.plan.base, self.seed)

    @property
    def shows_textures(self) -> bool:
        """Whether its textures are shown, not its results alone."""
        return self.row.name == self.plan.table.textures

    def split(self) -> scoring.Split:
        """The pairs that it is scored on."""
        return scoring.Split(self.plan.data_dir, self.hparams, SPLIT, self.plan.limit, _PAIRS_SEED)

    def steps(self, stage: str) -> int:
        """How many steps a stage of it lasts."""
        return self.hparams.stage_steps(stage, _steps_per_epoch(self.plan.data_dir, self.hparams, stage))

    def done(self, stage: str) -> int:
        """How many steps of a stage are behind it."""
        there = checkpoints.all_of(trained.folder(self.folder, stage))
        return checkpoints.step_of(there[-1]) if there else 0

    def reads(self, stage: str) -> dict[str, Any]:
        """The hyper-parameters that a stage reads; empty where the run has no such stage."""
        if stage not in self.hparams.stages():
            return {}
        unread = _UNREAD_BY.get(stage, ())
        return {key: value for key, value in dataclasses.asdict(self.hparams).items() if key not in unread}

    def has_finished(self, stage: str) -> bool:
        """Whether a stage of it has been trained to its end."""
        there = checkpoints.all_of(trained.folder(self.folder, stage))
        return bool(there) and checkpoints.step_of(there[-1]) >= self.steps(stage) and not checkpoints.damage(there[-1])

    def siblings(self, stage: str) -> list["Run"]:
        """Other runs of the same seed, here and in the experiments beside, that train this stage in the same way."""
        plans = (self.plan, *self.plan.beside)
        others = (Run(plan, row, self.seed) for plan in plans for row in plan.table.rows)
        return [other for other in others if other.folder != self.folder and other.reads(stage) == self.reads(stage)]

    def costs(self) -> dict[str, Any]:
        """Seconds of each stage trained here and of the scoring; `{"from": run}` where a stage was copied."""
        return tabulate.read(self.folder / "costs.json") or {}

    def note(self, what: str, cost: Any) -> None:
        """Writes down a cost; seconds are added to those of earlier calls."""
        costs = self.costs()
        before = costs.get(what)
        costs[what] = cost + before if isinstance(cost, float) and isinstance(before, float) else cost
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic.write_json(self.folder / "costs.json", costs)


# Asked for again and again, and every answer opens the data set.
_steps_per_epoch = functools.lru_cache(read.steps_per_epoch)


class Pace:
    """How long things took last, and how long the rest will take at that."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def note(self, what: str, seconds: float) -> None:
        """Seconds of a step of a stage, or of a scoring."""
        self._seconds[what] = seconds

    def left(self, todo: list[Run]) -> float:
        """Seconds. Stages that another run has finished, or will have, cost nothing."""
        total = 0.0
        shared = []
        for one in todo:
            for stage in one.hparams.stages():
                key = (one.seed, stage, one.reads(stage))
                if key in shared or any(other.done(stage) >= other.steps(stage) for other in one.siblings(stage)):
                    continue
                shared.append(key)
                # A stage not met yet is taken for the slowest that was.
                known = [seconds for what, seconds in self._seconds.items() if what != "scoring"]
                seconds = self._seconds.get(stage, max(known, default=0.0))
                total += seconds * (one.steps(stage) - one.done(stage))
            total += self._seconds.get("scoring", 0.0)
        return total
