"""The table says which picture was nearest to the truth, whoever painted it and however often it was stopped."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from toy import make_item

from dpt_tf import config, iuv
from dpt_tf.commands import evaluate
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.data import read, records
from dpt_tf.data.read import evaluation
from dpt_tf.evaluation import progress, ready_pictures, score_set, scoring
from dpt_tf.images import display
from dpt_tf.metrics import Scores
from dpt_tf.system.errors import UserError

SIZE = 32


def noisy(item: records.Item, seed: int) -> records.Item:
    """With photos that have something to compare."""
    rng = np.random.default_rng(seed)
    for view in item["views"]:
        view["image"] = iuv.encode(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    return item


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> pathlib.Path:
    """Seven pairs: six of one person, and one of a held-out view."""
    folder = tmp_path_factory.mktemp("prepared")
    test = [noisy(make_item("d", 3, size=SIZE), 0), noisy(make_item("e", 2, (1,), size=SIZE), 1)]
    records.write(folder, "toy", {"train": test, "test": test}, SIZE, "toy")
    return folder


@pytest.fixture(scope="module")
def split(prepared) -> scoring.Split:
    return scoring.Split(prepared, config.preset("small").replace(image_size=SIZE, batch_size=2))


def oracle(inputs):
    """Is 0.1 off the source in `predicted`, copies it in `full` but for a little, and is black in `warped`."""
    source = inputs["source"]
    return {"image": source * 0.999, "predicted": source * 0.9, "warped": tf.zeros_like(source) - 1}


class Oracle(scoring.ModelPainter):
    """Copies every source; the truth is then the target, so that scores differ from pair to pair."""

    def __init__(self):
        super().__init__(oracle)
        self.calls = 0

    def __call__(self, inputs, pairs):
        self.calls += 1
        return super().__call__(inputs, pairs)


class Stopped(Oracle):
    """Somebody presses Ctrl-C after two batches."""

    def __call__(self, inputs, pairs):
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().__call__(inputs, pairs)


def scores() -> Scores:
    return Scores("dsc", foreground=True)


def test_the_rows_are_ranked_by_their_distance_to_the_truth(split, tmp_path):
    class Knowing(scoring.ModelPainter):
        def __call__(self, inputs, pairs):
            shown = super().__call__(inputs, pairs)
            truth = next(self.truths)
            return {row: np.clip(truth + off, 0, 255).astype(np.uint8) for row, off in self.offs.items()} | {
                "copy": shown["copy"]
            }

    paint = Knowing(oracle)
    paint.offs = {"warped": 90.0, "pasted": 60.0, "predicted": 20.0, "full": 2.0}
    paint.truths = (np.asarray((t + 1) * 127.5, np.float64) for _, t, _ in split.batches().as_numpy_iterator())
    report = scoring.score(paint, split, scores, tmp_path, {})
    assert report.pairs == 7
    errors = [report.table[row]["L1"] for row in ("full", "predicted", "pasted", "warped")]
    assert errors == sorted(errors)
    similar = [report.table[row]["SSIM (dsc)"] for row in ("full", "predicted", "pasted", "warped")]
    assert similar == sorted(similar, reverse=True)
    lines = report.markdown().splitlines()
    assert sum(line.count("*") for line in lines) == len(report.table["full"])
    assert all(line.rstrip(" |").endswith("*") for line in lines[2:])


def test_a_scoring_that_is_stopped_goes_on_with_the_same_result(split, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    whole = scoring.score(Oracle(), split, scores, tmp_path / "whole", {})

    with pytest.raises(KeyboardInterrupt):
        scoring.score(Stopped(), split, scores, tmp_path / "parts", {})
    with (tmp_path / "parts" / "pairs.csv").open("a") as table:
        table.write("half a li")
    again = Oracle()
    parts = scoring.score(again, split, scores, tmp_path / "parts", {})
    assert again.calls == 2, "of four batches two were scored before"
    assert parts == whole
    tables = [(tmp_path / name / "pairs.csv").read_bytes() for name in ("whole", "parts")]
    assert tables[0] == tables[1]
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["pairs.csv"]


def test_a_scoring_that_is_stopped_inside_a_batch_counts_no_pair_twice(split, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    whole = scoring.score(Oracle(), split, scores, tmp_path / "whole", {})
    update, calls = Scores.update, []

    def stopped(self, *batch):
        values = update(self, *batch)
        calls.append(self)
        if len(calls) == 13:  # the sums of a row know the third batch by now
            raise KeyboardInterrupt
        return values

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Scores, "update", stopped)
        scoring.score(Oracle(), split, scores, tmp_path / "parts", {})
    assert scoring.score(Oracle(), split, scores, tmp_path / "parts", {}) == whole


def test_another_scoring_begins_anew(split, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS", 0.0)

    with pytest.raises(KeyboardInterrupt):
        scoring.score(Stopped(), split, scores, tmp_path, {"weights": 1})
    again = Oracle()
    scoring.score(again, split, scores, tmp_path, {"weights": 2})
    assert again.calls == 4


def test_best_median_and_worst_are_what_the_table_says(split, tmp_path):
    paint = Oracle()
    scoring.score(paint, split, scores, tmp_path, {})
    values = progress.column(tmp_path, "full", "SSIM (dsc)")
    shown = scoring.cases(paint, split, tmp_path, "SSIM (dsc)", each=2)
    assert [round(case.score, 5) for case in shown["best"]] == [round(v, 5) for v in np.sort(values)[::-1][:2]]
    assert [round(case.score, 5) for case in shown["worst"]] == [round(v, 5) for v in np.sort(values)[:2]]
    names = [f"{item}: {s} -> {t}" for item, s, t in read.list_eval_pairs(split.data_dir)]
    for case in (case for cases in shown.values() for case in cases):
        assert round(values[names.index(case.name)], 5) == round(case.score, 5)
    rows = [case for cases in shown.values() for case in cases]
    assert scoring.sheet(rows, least=SIZE).shape[0] < scoring.sheet(rows, least=2 * SIZE).shape[0]


def test_the_pasted_row_has_the_sources_backdrop_behind_the_person():
    source = np.full((1, 8, 8, 3), 200, np.uint8)
    source[0, 2:6, 2:6] = 10
    iuv_map = np.zeros((1, 8, 8, 3), np.uint8)
    iuv_map[0, 3, 3] = (2, 0, 0)
    shown = scoring._before_backdrop(np.full((1, 8, 8, 3), 77, np.uint8), iuv_map, source)
    assert shown[0, 3, 3, 0] == 77
    assert (np.delete(shown[0].reshape(64, 3), 3 * 8 + 3, axis=0) == 200).all()


def test_unscaled_photos_are_those_that_scaled_ones_show(split):
    for scaled, plain in zip(split.batches(), split.batches(scaled=False), strict=True):
        np.testing.assert_array_equal(plain[0]["source"], display.to_uint8(scaled[0]["source"].numpy()))
        np.testing.assert_array_equal(plain[1], display.to_uint8(scaled[1].numpy()))
        np.testing.assert_array_equal(plain[0]["target_iuv"], scaled[0]["target_iuv"])


def test_items_are_found_where_they_lie_in_several_files(tmp_path):
    written = [b"a" * 5, b"", b"c" * 70_000, b"d"]
    files = [str(tmp_path / name) for name in ("first", "none", "second")]
    for path, records_of_it in zip(files, (written[:3], [], written[3:]), strict=True):
        with tf.io.TFRecordWriter(path) as writer:
            for one in records_of_it:
                writer.write(one)
    places = list(evaluation._places(files))
    found = [pathlib.Path(path).read_bytes()[start : start + size] for path, start, size in places]
    assert found == written
    assert [path for path, _, _ in places] == [files[0]] * 3 + [files[2]]


def truths(prepared, folder: pathlib.Path) -> list[pathlib.Path]:
    """The truth of every pair as a picture that somebody generated."""
    folder.mkdir(exist_ok=True)
    hparams = config.preset("small").replace(image_size=SIZE, batch_size=7)
    ((_, target, _),) = read.eval_pairs(prepared, hparams).as_numpy_iterator()
    paths = []
    for pair, picture in zip(read.list_eval_pairs(prepared), target, strict=True):
        paths.append(folder / f"{ready_pictures.name_of(*pair)}.png")
        Image.fromarray(np.rint((picture + 1) * 127.5).astype(np.uint8)).save(paths[-1])
    return paths


def test_ready_pictures_are_scored_as_a_run_is(prepared, tmp_path, capsys):
    truths(prepared, tmp_path / "theirs")
    flags = ["evaluate", f"--pictures={tmp_path / 'theirs'}", f"--data_dir={prepared}"]
    assert guarded(lambda: dispatch(flags)) == 0
    facts = json.loads((tmp_path / "theirs-evaluation" / "report.json").read_text())
    assert facts["scores"]["ready"]["L1"] == 0
    assert facts["scores"]["ready"]["SSIM (dsc)"] == 1
    assert facts["scores"]["copy"]["L1"] > 0.1
    assert facts["scores"]["ready"]["FID"].startswith("not computed: give --inception")
    text = (tmp_path / "theirs-evaluation" / "report.md").read_text()
    assert "SSIM (dsc)" in text
    assert "7 pairs" in text
    assert text in capsys.readouterr().out


def test_with_a_limit_pictures_of_other_pairs_may_lie_there(prepared, tmp_path):
    truths(prepared, tmp_path / "theirs")
    flags = ["evaluate", f"--pictures={tmp_path / 'theirs'}", f"--data_dir={prepared}", "--limit=3"]
    assert guarded(lambda: dispatch(flags)) == 0
    assert json.loads((tmp_path / "theirs-evaluation" / "report.json").read_text())["pairs"] == 3


def _doubled(paths):
    paths[0].with_suffix(".jpg").write_bytes(paths[0].read_bytes())


def _missing(paths):
    paths[3].unlink()


def _stranger(paths):
    paths[3].with_name("holiday.png").write_bytes(paths[3].read_bytes())


def _other_size(paths):
    Image.new("RGB", (SIZE, SIZE + 1)).save(paths[5])


def _torn(paths):
    paths[5].write_bytes(paths[5].read_bytes()[:50])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_doubled, "are both of view0 -> view1; leave one"),
        (_missing, r"1 of 7 pairs have no picture; add them, named like d-view1___d-view2\.png"),
        (_stranger, r"holiday\.png: of no pair of this split"),
        (_other_size, "32 x 33 pixels, the truth has 32 x 32"),
        (_torn, "a picture that cannot be read"),
    ],
)
def test_a_folder_that_cannot_be_scored_is_one_line(prepared, tmp_path, spoil, message, capsys):
    import re

    spoil(truths(prepared, tmp_path / "theirs"))
    flags = ["evaluate", f"--pictures={tmp_path / 'theirs'}", f"--data_dir={prepared}", f"--output={tmp_path / 'out'}"]
    assert guarded(lambda: dispatch(flags)) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(message, said)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "give --workdir=RUN or --pictures=FOLDER"),
        (["--workdir=a"], "give --data_dir=DIR or --dataset=NAME"),
        (["--workdir=a", "--data_dir=b", "--limit=0"], "--limit=0: give 1 or more"),
        (["--pictures=absent", "--data_dir={prepared}"], "absent: no such folder"),
        (["--pictures=a", "--data_dir={prepared}", "--save_pictures"], "leave it out"),
        (["--workdir=a", "--data_dir={prepared}"], "a is not a run"),
        (["--workdir=a", "--dataset=deepfashion"], "no such folder: data/deepfashion"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(prepared, flags, message, capsys):
    assert guarded(lambda: dispatch(["evaluate", *(flag.format(prepared=prepared) for flag in flags)])) == 2
    assert message in capsys.readouterr().err


def test_protocols_are_for_pictures_of_their_size():
    make, labels = score_set.of("all", 256, 20, score_set.Networks())
    assert {"SSIM (dsc)", "SSIM (win51@176)", "SSIM (dsc@padded)", "MS-SSIM", "IS"} <= set(make().names)
    assert labels == {}
    assert "MS-SSIM" not in score_set.of("dsc", 64, 20, score_set.Networks())[0]().names
    assert "SSIM (win51)" in score_set.of("all", 64, 20, score_set.Networks())[0]().names
    for protocol, size, message in (
        ("patn", 64, "dsc@padded is not for pictures of 64 pixels"),
        ("nice", 256, "--protocol=nice: have dsc, patn, all"),
        ("dsc+nice", 256, "have dsc, patn, all"),
    ):
        with pytest.raises(UserError, match=message):
            score_set.of(protocol, size, 20, score_set.Networks())


def test_a_split_without_a_pair_is_refused(tmp_path):
    records.write(tmp_path, "toy", {"train": [make_item("a", 1, size=SIZE)]}, SIZE, "toy")
    with pytest.raises(UserError, match="no split test"):
        scoring.Split(tmp_path, config.preset("small").replace(image_size=SIZE)).count()
    with pytest.raises(UserError, match="no pair of views"):
        evaluate.evaluate(None, tmp_path, "train", pictures_dir=tmp_path)
