"""A table of the paper comes out the same however often it is stopped, and says no more than its numbers do."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from toy import TINY, make_item

from dpt_tf import iuv
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.config import HParams
from dpt_tf.data import read, records
from dpt_tf.evaluation import score_set, scoring
from dpt_tf.experiments import experiment, gallery, runs, tabulate
from dpt_tf.experiments.runs import Plan
from dpt_tf.experiments.tables import TABLES
from dpt_tf.images import photos
from dpt_tf.ops import atlas
from dpt_tf.system import locks
from dpt_tf.system.errors import Interrupted, UserError
from dpt_tf.training import checkpoints, loop, stages

SIZE = 32
BASE = TINY.replace(seed=0, batch_size=2, residuals=0, blending_residuals=0).replace(
    predictive_steps=2, inpainting_steps=2, joint_steps=2
)


def noisy(name: str, seed: int, keypoints: bool = True) -> records.Item:
    """Two views with photos that have something to compare."""
    rng = np.random.default_rng(seed)
    item = make_item(name, 2, size=SIZE, keypoints=keypoints)
    for view in item["views"]:
        view["image"] = iuv.encode(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    return item


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("data")
    splits = {"train": [noisy("a", 0), noisy("b", 1)], "test": [noisy("c", 2), noisy("d", 3)]}
    records.write(folder, "toy", splits, SIZE, "toy")
    return folder


def plan(data_dir, workdir, number=4, rows="predictive,refinement", seeds=(0, 1), base=BASE, **more) -> Plan:
    table = TABLES[number]
    schedule = loop.Schedule(pictures_every=0)
    return Plan(
        table=table,
        rows=table.choose(rows),
        seeds=seeds,
        base=base,
        workdir=workdir,
        data_dir=data_dir,
        schedule=schedule,
        **more,
    )


class Counted:
    """Trains, and keeps count; is stopped before the call of that number."""

    def __init__(self, monkeypatch):
        self.trained: list[str] = []
        self.stop_at = -1
        self._train = experiment.run.train
        monkeypatch.setattr(experiment.run, "train", self)

    def __call__(self, run_dir, data_dir, hparams, names, *args):
        if len(self.trained) == self.stop_at:
            self.stop_at = -1
            raise Interrupted(2)
        self.trained += [f"{run_dir.name}/{name}" for name in names]
        self._train(run_dir, data_dir, hparams, names, *args)


@contextlib.contextmanager
def eagerly():
    """Without graphs, which take longer to build here than they run."""
    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Even though")  # tf.data keeps its graphs and says so
            yield
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def finished(data_dir, tmp_path_factory):
    """Two rows with two seeds, stopped once on the way: the folder, the trainings, what was said."""
    said: list[str] = []
    workdir = tmp_path_factory.mktemp("work") / "table4"
    with pytest.MonkeyPatch.context() as monkeypatch, eagerly():
        counted = Counted(monkeypatch)
        counted.stop_at = 4
        with pytest.raises(Interrupted):
            experiment.carry_out(plan(data_dir, workdir), said.append)
        report = experiment.carry_out(plan(data_dir, workdir), said.append)
    return workdir, counted.trained, said, report


def test_an_experiment_that_is_stopped_trains_nothing_twice_and_shared_stages_once_a_seed(finished):
    _, trained, _, _ = finished
    assert trained == [
        "predictive-seed0/predictive",
        "predictive-seed0/joint",
        "refinement-seed0/joint",
        "predictive-seed1/predictive",
        "predictive-seed1/joint",
        "refinement-seed1/joint",
    ]


def test_a_row_begins_with_the_very_weights_that_another_left(finished):
    workdir, _, _, report = finished
    paths = [checkpoints.latest(workdir / name / "predictive/checkpoints") for name in
             ("predictive-seed0", "refinement-seed0", "predictive-seed1")]  # fmt: skip
    ours, theirs, other = (json.loads((path / "manifest.json").read_text())["files"] for path in paths)
    assert ours == theirs
    assert ours != other
    assert report["rows"][1]["costs"][0]["predictive"] == {"from": "predictive-seed0"}
    assert isinstance(report["rows"][0]["costs"][0]["predictive"], float)


def test_rows_share_a_stage_where_all_that_it_reads_is_the_same(tmp_path):
    def shared(number, stage):
        runs = plan(tmp_path, tmp_path, number, rows="", seeds=(0,)).runs()
        return [len(one.siblings(stage)) for one in runs if stage in one.hparams.stages()]

    assert shared(5, "predictive") == shared(5, "inpainting") == [7] * 8
    assert shared(4, "predictive") == [3] * 4
    assert shared(4, "inpainting") == [0]
    assert shared(3, "predictive") == [0] * 5
    assert shared(7, "predictive") == [0] * 4
    # paper, +prior, +layers, +palette, +augmentation, all, all+losses
    assert shared("beyond", "predictive") == [2, 2, 2, 0, 0, 0, 0]  # with losses pairs have mattes
    assert shared("beyond", "inpainting") == [2, 0, 2, 2, 0, 1, 1]


def test_no_stage_reads_what_rows_that_share_it_differ_in(data_dir):
    read_by: set[str] = set()

    class Watched(HParams):
        def __getattribute__(self, name):
            if sys._getframe(1).f_code.co_name not in ("__hash__", "__post_init__", "keypoints_needed"):
                read_by.add(name)
            return super().__getattribute__(name)

    for name, unread in runs._UNREAD_BY.items():
        hparams = Watched(**dataclasses.asdict(BASE))
        read_by.clear()
        stage = stages.build(name, hparams)
        x, y = next(iter(read.train_batches(data_dir, hparams, name)))
        with eagerly():
            stage.step(x, y)
        assert read_by & {"batch_size", "learning_rate"} == {"batch_size", "learning_rate"}
        assert read_by & set(unread) == set(), name


def test_a_row_that_another_table_has_trained_is_not_trained_again(finished, data_dir, tmp_path, monkeypatch):
    there, _, _, before = finished
    monkeypatch.setattr(experiment.run, "train", None)
    one = plan(data_dir, tmp_path / "table3", 3, rows="densepose", seeds=(1,))
    one = dataclasses.replace(one, beside=(experiment.beside(one, there),))
    with eagerly():
        report = experiment.carry_out(one, lambda line: None)
    row = report["rows"][3]
    assert row["costs"][1]["joint"] == {"from": str(there / "predictive-seed1")}
    ours, theirs = row["scores"]["PSNR"]["seeds"][1], before["rows"][0]["scores"]["PSNR"]["seeds"]
    assert ours == pytest.approx(theirs[1], rel=1e-5) != pytest.approx(theirs[0], rel=1e-3)


def test_an_experiment_of_other_steps_or_data_has_nothing_to_take_over(finished, data_dir, tmp_path):
    there = finished[0]
    with pytest.raises(UserError, match="joint_steps is 2 there and 3 here; leave it out"):
        experiment.beside(plan(data_dir, tmp_path / "new", 3, base=BASE.replace(joint_steps=3), rows=""), there)
    (tmp_path / "file").touch()
    for nothing in (tmp_path, tmp_path / "file"):
        with pytest.raises(UserError, match="no experiment is there"):
            experiment.beside(plan(data_dir, tmp_path / "new", 3, rows=""), nothing)
    records.write(tmp_path, "toy", {s: [noisy("a", 0), noisy("b", 7)] for s in ("train", "test")}, SIZE, "toy")
    with pytest.raises(UserError, match="data: digest is"):
        experiment.beside(plan(tmp_path, tmp_path / "new", 3, rows=""), there)


def test_a_finished_experiment_is_reported_again_without_training_or_scoring(finished, data_dir, monkeypatch):
    workdir, _, _, report = finished
    monkeypatch.setattr(experiment.run, "train", None)
    monkeypatch.setattr(experiment.scoring, "score", None)
    assert experiment.carry_out(plan(data_dir, workdir), lambda line: None) == report
    assert tabulate.read(workdir / "report.json")["orderings"] == report["orderings"]


def test_other_pairs_are_scored_anew_without_training(finished, data_dir, tmp_path, monkeypatch):
    _, _, _, before = finished
    workdir = shutil.copytree(finished[0], tmp_path / "copy")
    monkeypatch.setattr(experiment.run, "train", None)
    one = plan(data_dir, workdir, rows="predictive", seeds=(0,), limit=1)
    with eagerly():
        report = experiment.carry_out(one, lambda line: None)
    assert (before["pairs"], report["pairs"]) == (4, 1)
    assert [len(row["seeds"]) for row in report["rows"]] == [1, 0, 0, 0]


def test_mean_and_deviation_are_those_of_numpy_over_the_runs(finished):
    workdir, _, _, report = finished
    for row in report["rows"][:2]:
        reports = [json.loads((workdir / f"{row['name']}-seed{seed}/report.json").read_text()) for seed in (0, 1)]
        for name in ("L1", "SSIM (dsc)", "PSNR (foreground)"):
            values = [one["scores"][name] for one in reports]
            assert values[0] != values[1]
            assert row["scores"][name]["mean"] == pytest.approx(np.mean(values))
            assert row["scores"][name]["deviation"] == pytest.approx(np.std(values, ddof=1))


def test_the_report_has_the_papers_figures_beside_ours(finished):
    workdir, _, _, report = finished
    text = (workdir / "report.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith("| predictive + blending"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    mean, deviation = (report["rows"][1]["scores"]["SSIM (dsc)"][key] for key in ("mean", "deviation"))
    assert cells[1:5] == [f"{mean:.4f} ± {deviation:.4f}", "0.793", "0.821", "3.10"]
    assert cells[5:8] == ["2", "4", "2 + 2"]
    assert "IS: not computed: give --inception" in text
    assert "MS-SSIM: not computed: its five scales need pictures of 176 pixels, these have 32" in text
    assert "not trained: full, warping" in text
    verdict, person = report["orderings"][1], report["orderings"][1]["foreground"]
    assert verdict["score"] == "SSIM" and (verdict["verdict"], person["verdict"]) == ("cannot be told",) * 2
    assert "foreground" not in report["orderings"][3], "of an Inception score there is none"
    assert text.count("  - foreground: **") == 3


def test_a_plan_comes_first_then_a_line_a_run_with_the_time_that_is_left(finished):
    _, _, said, _ = finished
    assert said[0] == "Table 4: what each block of the framework contributes; 2 rows x 2 seeds (0, 1)"
    assert "refinement" in said[1] and "predictive 2, joint 2" in said[1]
    assert any(line.startswith("predictive-seed0: L1 ") for line in said)
    assert any(line.startswith("3 runs to go, about ") for line in said)
    assert any("2 of 4 runs are finished already" in line for line in said)


def test_the_grid_shows_source_pose_every_row_and_truth(finished):
    workdir, _, _, _ = finished
    with Image.open(workdir / "grid.png") as grid:
        assert grid.width == 5 * 130
        assert grid.height == 16 + 4 * 130


def test_textures_are_shown_before_and_after_inpainting(data_dir, tmp_path):
    split = scoring.Split(data_dir, BASE)
    size = BASE.atlas_size

    def model(inputs):
        texture, observed = atlas.unwrap(inputs["source"], inputs["source_iuv"], size)
        outputs = {name: inputs["source"] for name in ("image", "predicted", "warped")}
        return {**outputs, "texture": texture + (1 - observed)}  # white where nothing was seen

    gallery.paint(scoring.ModelPainter(model), split, 4, tmp_path / "full")
    assert not gallery.is_there(tmp_path / "full", 4, True)
    gallery.paint_textures(model, split, 4, tmp_path / "full")
    assert gallery.is_there(tmp_path / "full", 4, True)
    gallery.draw(tmp_path, {"full": tmp_path / "full"}, split, 4, "full")
    before, after, sheet = (
        photos.read(tmp_path / name) for name in ("full/shown/2-before.png", "full/shown/2-after.png", "textures.png")
    )
    assert before.shape == after.shape == (4 * size, 6 * size, 3)
    changed = (before != after).any(-1)
    assert (after[changed] == 255).all()
    assert 0 < (~changed[:size, :size]).sum() < size * size, "some of part 1 was seen"
    assert changed[size:].all(), "nothing of parts 7 to 24 was"
    assert sheet.shape[:2] == (16 + 4 * (4 * size + 2), 3 * (6 * size + 2))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"base": BASE.replace(width=6)}, "width is 4 there and 6 here; use the same, or another --workdir"),
        ({"number": 3, "rows": ""}, "table is 4 there and 3 here"),
        ({"base": BASE.replace(joint_steps=3)}, "joint_steps is 2 there and 3 here"),
    ],
)
def test_another_experiment_in_the_same_folder_is_refused(finished, data_dir, more, says):
    with pytest.raises(UserError, match=says):
        experiment.carry_out(plan(data_dir, finished[0], **more), lambda line: None)


def test_other_data_of_the_same_name_are_refused(finished, tmp_path):
    records.write(tmp_path, "toy", {s: [noisy("a", 0), noisy("b", 7)] for s in ("train", "test")}, SIZE, "toy")
    with pytest.raises(UserError, match="data: "):
        experiment.carry_out(plan(tmp_path, finished[0]), lambda line: None)


def test_what_a_later_row_lacks_comes_to_light_before_any_training(tmp_path):
    records.write(tmp_path / "data", "toy", {s: [noisy("a", 0, keypoints=False)] for s in ("train", "test")}, SIZE, "t")
    remedy = "--rows=mask,segmentation,densepose,densepose_onehot"
    with pytest.raises(UserError, match=f"views without keypoints, which of Table 3 read: keypoints; .*{remedy}"):
        experiment.carry_out(plan(tmp_path / "data", tmp_path / "work", number=3, rows=""), lambda line: None)
    assert not (tmp_path / "work").exists()


def test_a_detector_that_answers_otherwise_comes_to_light_before_any_training(data_dir, tmp_path, monkeypatch):
    class Deaf:
        handle, short = "there/detector", "detector"

        def __call__(self, pictures):
            return [{name: np.zeros(len(pictures)) for name in ("detection_scores", "detection_classes")}]

    monkeypatch.setattr("dpt_tf.metrics.networks.detector", lambda handle: Deaf())
    monkeypatch.setattr(experiment.run, "train", None)
    one = plan(data_dir, tmp_path / "work", networks=score_set.Networks(detector="there/detector"))
    with pytest.raises(UserError, match=r"there/detector: needs detection_scores of one row of numbers per picture"):
        experiment.carry_out(one, lambda line: None)


def test_tensorboard_shows_scores_and_pictures_beside_the_training(finished):
    workdir, _, _, report = finished
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(workdir / "refinement-seed1" / "evaluation")).Reload()
    (point,) = events.Tensors("evaluation/SSIM (dsc)")
    value = report["rows"][1]["scores"]["SSIM (dsc)"]["seeds"][1]
    assert (point.step, float(tf.make_ndarray(point.tensor_proto))) == (2, pytest.approx(value, rel=1e-6))
    (sheet,) = events.Tensors("evaluation/pairs")
    assert tf.io.decode_png(sheet.tensor_proto.string_val[2]).shape == (16 + 4 * 130, 4 * 130, 3)
    assert not any("IS" in tag.split() for tag in events.Tags()["tensors"])


def test_two_programs_are_not_let_into_one_experiment(finished, data_dir):
    with locks.claimed(finished[0]), pytest.raises(UserError, match="another program is at work"):
        experiment.carry_out(plan(data_dir, finished[0]), lambda line: None)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--table=2"], "argument --table: invalid choice: 2"),
        (["--table=behind"], "argument --table: invalid choice: 'behind'"),
        (
            ["--table=beyond", "--hparams=augment=1"],
            "augment=1: the row paper of Table beyond is what it is by augment=0",
        ),
        ([], "the following arguments are required: --table"),
        (["--table=3", "--rows=9"], "--rows=9: Table 3 has no row 9; have 1 mask, 2 segmentation"),
        (["--table=3", "--rows=,"], "--rows=,: Table 3 has no row without a name; have 1 mask"),
        (["--table=3", "--rows="], "dpt experiment: --rows is empty; give it a value, or leave it out"),
        (["--table=3", "--beside", ""], "dpt experiment: --beside is empty; give it a value, or leave it out"),
        (["--table=3", "--beside=a,"], "--beside=a,: a name is empty; give folders joined by commas"),
        (["--table=3", "--beside=nowhere"], "--beside=nowhere: no experiment is there"),
        (["--table=3", "--protocol=psnr"], "--protocol=psnr: have dsc"),
        (["--table=3", "--lpips=nowhere"], "nowhere: no such folder; give a SavedModel's folder"),
        (["--table=3", "--detector=nowhere"], "nowhere: no such folder; give a SavedModel's folder"),
        (["--table=3", "--inception=nowhere"], "nowhere: no such folder; give a SavedModel's folder"),
        (["--table=3", "--vgg=nowhere"], "--vgg=nowhere: no such file; give one of VGG19's weights"),
        (["--table=3", "--seeds=0,0"], "--seeds=0,0: give different whole numbers"),
        (["--table=3", "--seeds=0,4294967296"], "joined by commas: --seeds=0,1,2; the largest is 4294967295"),
        (["--table=3", "--seeds=one"], "--seeds=one: give different whole numbers"),
        (["--table=3", "--hparams=seed=3"], "give the seeds of the training by --seeds"),
        (
            ["--table=3", "--hparams=target_pose=mask"],
            "target_pose=mask: the row segmentation of Table 3 is",
        ),
        (["--table=5", "--preset=small", "--hparams=gan_weight=0"], "gan_weight=0.0: the row l1+gan of Table 5"),
        (["--table=3", "--hparams=width=wide"], "width wants int, got 'wide'"),
        (["--table=3", "--preset=large"], "no such preset: large"),
        (["--table=3", "--limit=0"], "--limit=0: give 1 or more"),
        (["--table=3", "--dataset=folder"], "--dataset=folder wants --data_dir=DIR"),
        (["--table=3", "--dataset=folder", "--data_dir=nowhere"], "no such folder: nowhere"),
    ],
)
def test_a_mistake_in_the_command_is_one_line_before_people_are_made(tmp_path, monkeypatch, capsys, flags, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dpt_tf.training.run.start", lambda: None)
    assert guarded(lambda: dispatch(["experiment", *flags])) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("table", "dataset"), [(1, "deepfashion"), (8, "mvc")])
def test_a_collection_that_was_not_built_is_explained_in_two_lines(tmp_path, monkeypatch, capsys, table, dataset):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dpt_tf.training.run.start", lambda: None)
    assert guarded(lambda: dispatch(["experiment", f"--table={table}"])) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"data/{dataset} holds no {dataset}: get ")
    assert second.startswith(f"dpt build datasets/{dataset}_pairs ")


def test_the_command_prints_the_report_of_what_it_found(finished, data_dir, monkeypatch, capsys):
    workdir = finished[0]
    monkeypatch.setattr("dpt_tf.training.run.start", lambda: None)
    monkeypatch.setattr(experiment.run, "train", None)
    given = {key: value for key, value in dataclasses.asdict(BASE).items() if key not in ("preset", "seed")}
    for key in {key for row in TABLES[4].rows for key in row.changes} | {"source_pose", "target_pose"}:
        given.pop(key)
    flags = ["--table=4", "--rows=1,2", "--seeds=0,1", "--dataset=folder", f"--data_dir={data_dir}"]
    flags += [f"--workdir={workdir}", "--hparams=" + ",".join(f"{key}={value}" for key, value in given.items())]
    assert guarded(lambda: dispatch(["experiment", *flags])) == 0
    assert (workdir / "report.md").read_text() in capsys.readouterr().out
