"""What the TFDS builders of the collections share: a catalogue in, shards and a report out.

A builder of `datasets/` names its collection, its protocols and how a folder becomes a catalogue; everything that
opens pictures is `pipeline`.
"""

import abc
import dataclasses
import os
import sys
from collections.abc import Callable, Sequence

import tensorflow_datasets as tfds
from etils import epath

from dpt_tf.data import pairing, records
from dpt_tf.data.prepare import pipeline
from dpt_tf.data.prepare.catalogue import Catalogue
from dpt_tf.data.prepare.report import NAME, Report
from dpt_tf.system.errors import UserError


def _one_line(kind, error, trace, before=sys.excepthook) -> None:
    """Under `tfds build` a user's mistake is one line, not a traceback."""
    if issubclass(kind, UserError) or str(error).startswith("Manual directory"):
        print(error, file=sys.stderr)
    else:
        before(kind, error, trace)


sys.excepthook = _one_line


@dataclasses.dataclass(kw_only=True)
class PairsConfig(tfds.core.BuilderConfig):
    """How a collection is split and stored."""

    protocol: str = "all"
    """Whose lists say which items are for testing; `all`: drawn by `seed`."""
    rule: str = "all"
    """Which views may be in a pair, one of `pairing.RULES`."""
    image_size: int = 256
    seed: int = 0
    strict: bool = False
    """Whether anything that has to be left out stops the build."""


class PairsBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Items of one person in one outfit, each with all their views; see `records` for the stored form."""

    VERSION = tfds.core.Version(records.VERSION)
    HOMEPAGE = ""

    def __init__(
        self,
        *,
        strict: bool | None = None,
        reports: str | None = None,
        say: Callable[[str], None] = print,
        **kwargs,
    ):
        """Takes what TFDS's builders take and three things more.

        Args:
          strict: goes before the config's.
          reports: where the report of a build that stops goes; the data sets' folder by default.
          say: hears the summary.
          **kwargs: `data_dir`, `config`, `version`.
        """
        super().__init__(**kwargs)
        self._strict = self.builder_config.strict if strict is None else strict
        self._reports = epath.Path(reports) if reports else self.data_dir_root
        self._say = say

    @abc.abstractmethod
    def catalogue(self, folder: str, config: PairsConfig) -> Catalogue:
        """What is in a user's folder."""

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        return self.dataset_info_from_configs(
            features=records.features(config.image_size),
            homepage=self.HOMEPAGE,
            metadata=records.metadata(config.image_size, config.rule),
        )

    def _split_generators(self, dl_manager):
        raise AssertionError("shards are written by the pipeline, see _generate_splits")

    def _generate_examples(self):
        raise AssertionError("shards are written by the pipeline, see _generate_splits")

    def _generate_splits(self, dl_manager, download_config) -> Sequence[tfds.core.SplitInfo]:
        """Generates all splits, in place of TFDS's own way.

        TFDS's Beam writer sends every record through a shuffle, which a runner on one machine holds in memory.
        """
        config = self.builder_config
        catalogue = self.catalogue(os.fspath(dl_manager.manual_dir), config)
        if download_config.max_examples_per_split is not None:
            catalogue = _first(catalogue, download_config.max_examples_per_split)
        shards = pipeline.plan(
            catalogue, os.fspath(self.data_dir), config.image_size, config.rule, download_config.get_shard_config()
        )
        pipeline.run(shards, download_config.beam_runner, download_config.beam_options)
        finished = pipeline.collect(shards)
        outcomes = {split: _sum(finished, split) for split in catalogue.splits}
        report = Report(f"{self.name}/{config.name}", config.image_size, outcomes, catalogue.faults, catalogue.notes)
        if catalogue.pairs is not None:
            self._write_pairs(catalogue, outcomes["test"], report)
        self._conclude(report)
        return [self._name_shards(split, finished) for split, outcome in outcomes.items() if outcome.counts.items]

    def _write_pairs(self, catalogue: Catalogue, test: pipeline.Outcome, report: Report) -> None:
        stored = {(outfit.id, shot.name) for outfit in catalogue.splits["test"] for shot in outfit.shots}
        stored -= set(map(tuple, test.lost))
        listed = catalogue.pairs or []
        kept = [pair for pair in listed if {(pair[0], pair[1]), (pair[0], pair[2])} <= stored]
        pairing.write_list(self.data_path / records.PAIR_LIST, kept)
        test.counts.pairs = len(kept)
        report.notes.append(f"{len(kept)} of {len(listed)} listed test pairs have both their views")

    def _conclude(self, report: Report) -> None:
        """Prints the report and writes it into the data set; beside it where there will be none."""
        train = report.splits["train"].counts
        stop = ""
        if not train.items:
            stop = "nothing is left to train on"
        elif self._strict and report.all_faults():
            stop = f"strict: {len(report.all_faults())} things would have been left out"
        folder = self._reports if stop else self.data_path
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{report.name.replace('/', '-')}-{NAME}" if stop else NAME
        (folder / f"{stem}.txt").write_text(report.text(), encoding="utf-8")
        (folder / f"{stem}.json").write_text(report.json(), encoding="utf-8")
        self._say(report.summary())
        if stop:
            raise UserError(f"{report.name}: {stop}; {folder / stem}.txt lists all. Nothing was written besides")
        self.info.metadata.update(
            keypoints=all(outcome.counts.keypoints for outcome in report.splits.values()),
            views={split: outcome.counts.views for split, outcome in report.splits.items() if outcome.counts.items},
            pairs={split: outcome.counts.pairs for split, outcome in report.splits.items() if outcome.counts.items},
        )

    def _name_shards(
        self, split: str, finished: Sequence[tuple[pipeline.Shard, pipeline.Outcome]]
    ) -> tfds.core.SplitInfo:
        """Gives the files of a split their names; a shard of which nothing was left has none."""
        template = self._get_filename_template(split_name=split)
        filled = [(shard, outcome) for shard, outcome in finished if shard.split == split and outcome.counts.items]
        for index, (shard, _) in enumerate(filled):
            path = template.sharded_filepath(shard_index=index, num_shards=len(filled))
            epath.Path(shard.path).rename(path)
        return tfds.core.SplitInfo(
            name=split,
            shard_lengths=[outcome.counts.items for _, outcome in filled],
            num_bytes=sum(outcome.num_bytes for _, outcome in filled),
            filename_template=template,
        )


def _sum(finished: Sequence[tuple[pipeline.Shard, pipeline.Outcome]], split: str) -> pipeline.Outcome:
    total = pipeline.Outcome()
    for shard, outcome in finished:
        if shard.split == split:
            total.merge(outcome)
    return total


def _first(catalogue: Catalogue, items: int) -> Catalogue:
    """The first so many items of each split, for a try."""
    return dataclasses.replace(catalogue, splits={split: found[:items] for split, found in catalogue.splits.items()})
