"""Work over workers: the same bytes wherever a shard is written, also where a worker dies over it."""

import argparse
import dataclasses
import signal
import sys
import threading

import dask_cluster
import pytest
import trees

pytest.importorskip("apache_beam", reason="building runs on Apache Beam: pip install 'dpt_tf[data]'")

from dpt_tf.commands import beam_flags
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.data.prepare import deepfashion, pipeline
from dpt_tf.system import spread
from dpt_tf.system.errors import UserError

SIZE = 96


class Shards:
    """Says how many shards, as TFDS does."""

    def __init__(self, count):
        self._count = count

    def get_number_shards(self, num_bytes, items):
        return self._count


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deepfashion")
    trees.make(trees.Tree("deepfashion", folder, items=8, views=3, size=SIZE, test_items=2))
    return deepfashion.catalogue(folder, "dsc")


def planned(catalogue, folder, shards=2, size=SIZE):
    return pipeline.plan(catalogue, str(folder), size, "all", Shards(shards))


def records_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def parsed(*flags):
    parser = argparse.ArgumentParser()
    beam_flags.add(parser)
    return parser.parse_args(flags)


def test_a_shard_that_a_runner_leaves_out_is_missed(catalogue, tmp_path):
    shards = planned(catalogue, tmp_path)
    for shard in shards[:-1]:
        pipeline.write_shard(shard)
    with pytest.raises(UserError, match=r"1 of 4 shards were not written, \.test-00001 the first"):
        pipeline.collect(shards)


def test_what_a_dead_worker_left_goes_and_its_whole_shard_stays(catalogue, tmp_path):
    (shard, *_) = shards = planned(catalogue, tmp_path)
    for one in shards:
        pipeline.write_shard(one)
    (tmp_path / ".train-00000.0f.partial").write_bytes(b"half")
    told = (tmp_path / ".train-00000.json").stat().st_ino
    pipeline.write_shard(shard)
    assert (tmp_path / ".train-00000.json").stat().st_ino == told, "written once more"
    pipeline.collect(shards)
    assert sorted(records_of(tmp_path)) == [".test-00000", ".test-00001", ".train-00000", ".train-00001"]


def test_pictures_that_a_worker_does_not_see_are_not_counted_as_left_out(catalogue, tmp_path):
    (shard, *_) = planned(catalogue, tmp_path)
    (outfit, *_) = shard.outfits
    moved = tuple(dataclasses.replace(shot, photo=f"/nowhere/{shot.name}") for shot in outfit.shots)
    elsewhere = dataclasses.replace(shard, outfits=(dataclasses.replace(outfit, shots=moved),))
    with pytest.raises(UserError, match="/nowhere is not there on"):
        pipeline.write_shard(elsewhere)
    assert not list(tmp_path.iterdir())


def test_on_dask_a_unit_is_a_task_unless_somebody_says_otherwise():
    pytest.importorskip("distributed")
    from apache_beam.runners.dask.dask_runner import DaskOptions

    options = beam_flags.options(parsed("--runner=DaskRunner", "--dask_client_address=tcp://a:1"))
    assert spread.on_dask(options) and not spread.on_dask(beam_flags.options(parsed()))
    spread._one_unit_a_task(options, 300)
    assert options.view_as(DaskOptions).get_all_options(drop_default=True, current_only=True) == {
        "address": "tcp://a:1",
        "npartitions": 300,
    }
    options = beam_flags.options(parsed("--runner=dask", "--dask_npartitions=3"))
    spread._one_unit_a_task(options, 300)
    assert options.view_as(DaskOptions).npartitions == 3


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--workers=300"], "--workers=300: give 1 or more, 256 at most"),
        (["--workers=2", "--runner=DaskRunner"], "--workers=2 are processes of this machine"),
        (["--dask_npartitions=0", "--runner=DaskRunner"], "--dask_npartitions=0: give 1 or more"),
        (["--dask_client_address=a:1"], "are of --runner=DaskRunner"),
        (["--runner=Dusk"], "--runner=Dusk: no runner of Beam; have .*DaskRunner"),
        (["--beam=runner=Dusk"], "--runner=Dusk: no runner of Beam; have .*DaskRunner"),
        (["--beam=runner="], "--runner=: no runner of Beam"),
        (["--beam=="], "--beam==: no name of an option; give options of Apache Beam, KEY=VALUE"),
        (["--beam=a=1,,b=2"], "no name of an option"),
        (["--beam=direct_num_workers=-1"], "--beam=direct_num_workers=-1: -1 workers; give 1 to 256, or 0 for all"),
        (["--beam=direct_num_workers=99999999"], "99999999 workers; give 1 to 256"),
        (["--beam=direct_num_workers=few"], "--direct_num_workers: invalid int value: 'few'; give options"),
    ],
)
def test_flags_that_cannot_be_are_one_line(flags, line):
    given = parsed(*flags)
    with pytest.raises(UserError, match=line):
        beam_flags.check(given, "building")
        beam_flags.options(given)


@pytest.mark.parametrize(
    ("beam", "line"),
    [
        ("runner=no.such.Runner", "no.such.Runner of Beam cannot be used .No module named 'no'"),
        ("runner=os.path", "os.path of Beam cannot be used .'module' object is not callable"),
        ("runner=DataflowRunner", "DataflowRunner of Beam cannot be used .*Missing required option: region"),
        ("runner=PortableRunner", "PortableRunner of Beam did not start .You must specify a --job_endpoint"),
        ("runner=DaskRunner,dask_client_address=::::", "Dask at ::::: invalid address"),
    ],
)
def test_a_runner_that_does_not_start_is_one_line(beam, line):
    with pytest.raises(UserError, match=line) as caught:
        spread.over_workers([1], str, options=beam_flags.options(parsed(f"--beam={beam}")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [UserError("a mistake"), KeyError("a bug")])
def test_what_goes_wrong_in_the_work_itself_is_told_as_it_is(error):
    def work(_):
        raise error

    with pytest.raises(type(error)):
        spread.over_workers([1], work)


def test_without_dask_its_extra_is_named(monkeypatch):
    monkeypatch.setattr(beam_flags.importlib.util, "find_spec", lambda name: None if name == "distributed" else name)
    with pytest.raises(UserError, match=r"pip install 'dpt_tf\[dask\]'"):
        beam_flags.check(parsed("--runner=DaskRunner"), "building")


def test_paths_are_whole_ones_where_workers_stand_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert beam_flags.whole("data", parsed("--runner=DaskRunner")) == str(tmp_path / "data")
    assert beam_flags.whole("data", parsed("--beam=runner=FlinkRunner")) == str(tmp_path / "data")
    assert beam_flags.whole("gs://b/data", parsed("--runner=DaskRunner")) == "gs://b/data"
    assert beam_flags.whole("data", parsed()) == "data"


# A real cluster


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Pictures that take a moment."""
    folder = tmp_path_factory.mktemp("large")
    trees.make(trees.Tree("deepfashion", folder, items=14, views=4, size=256, test_items=2))
    return folder


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for who writes")
def test_a_worker_of_dask_killed_over_a_shard_changes_no_byte(large, tmp_path):
    pytest.importorskip("distributed")
    found = deepfashion.catalogue(large, "dsc")
    (tmp_path / "alone").mkdir()
    (tmp_path / "dask").mkdir()
    shards = planned(found, tmp_path / "alone", 6, 256)
    pipeline.run(shards)
    one = pipeline.collect(shards)
    with dask_cluster.started(tmp_path) as (address, workers):
        killed = []

        def kill():
            process = dask_cluster.writing(workers)
            process.send_signal(signal.SIGSTOP)
            killed.append(sorted(path.name for path in (tmp_path / "dask").glob("*.partial")))
            process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        shards = planned(found, tmp_path / "dask", 6, 256)
        options = beam_flags.options(parsed("--runner=DaskRunner", f"--dask_client_address={address}"))
        pipeline.run(shards, options=options)
        killer.join()
        assert killed[0], "nobody died over a shard"
        two = pipeline.collect(shards)
    assert records_of(tmp_path / "alone") == records_of(tmp_path / "dask")
    assert [outcome for _, outcome in one] == [outcome for _, outcome in two]


@pytest.mark.slow
def test_the_verb_on_dask_builds_what_it_builds_alone(large, tmp_path, monkeypatch, capfd):
    pytest.importorskip("distributed")
    from test_build import DATASETS

    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").symlink_to(large)
    verb = ["build", str(DATASETS / "deepfashion_pairs"), "--manual_dir=pictures"]
    assert guarded(lambda: dispatch([*verb, "--data_dir=alone"])) == 0
    with dask_cluster.started(tmp_path) as (address, _):
        dask = ["--runner=DaskRunner", f"--dask_client_address={address}"]
        assert guarded(lambda: dispatch([*verb, "--data_dir=dask", *dask])) == 0
    one, two = (tmp_path / name / "deepfashion_pairs" / "dsc" for name in ("alone", "dask"))
    shards = sorted(path.relative_to(one) for path in one.rglob("*.tfrecord*"))
    assert len(shards) == 2
    for name in shards:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert (
        guarded(lambda: dispatch([*verb, "--data_dir=late", "--overwrite", *dask, "--beam=dask_connection_timeout=3"]))
        == 2
    )
    assert "nobody answers" in capfd.readouterr().err.strip().splitlines()[-1]
    assert not list((tmp_path / "late").rglob("*.tfrecord*"))
