"""`dpt evaluate` goes on with nothing but what it began with, and says what it cannot do in a line."""

import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toy import make_item

from dpt_tf import config, iuv
from dpt_tf.commands import evaluate
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.data import fingerprint, read, records
from dpt_tf.evaluation import places, ready_pictures, score_set, scoring
from dpt_tf.evaluation.report import Report
from dpt_tf.system import locks
from dpt_tf.system.errors import UserError

SIZE = 32


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> pathlib.Path:
    """Six pairs of one person's views, which are noise."""
    folder = tmp_path_factory.mktemp("prepared")
    rng = np.random.default_rng(0)
    item = make_item("d", 3, size=SIZE)
    for view in item["views"]:
        view["image"] = iuv.encode(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    records.write(folder, "toy", {"train": [item], "test": [item]}, SIZE, "toy")
    return folder


@pytest.fixture
def theirs(prepared, tmp_path) -> pathlib.Path:
    """A grey picture for every pair, each a little brighter than the one before."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    for i, pair in enumerate(read.list_eval_pairs(prepared)):
        Image.new("RGB", (SIZE, SIZE), (100 + i,) * 3).save(folder / f"{ready_pictures.name_of(*pair)}.png")
    return folder


def told(capsys, *flags) -> tuple[int, str]:
    code = guarded(lambda: dispatch(["evaluate", *map(str, flags)]))
    return code, capsys.readouterr().err.strip().splitlines()[-1]


def scores(prepared, theirs, output, **more):
    evaluate.evaluate(None, prepared, output=output, pictures_dir=theirs, **more)
    return json.loads((output / "report.json").read_text())["scores"]["ready"]


def test_scores_without_networks_go_on_from_what_they_saved():
    make, _ = score_set.of("dsc", SIZE, 6, score_set.Networks())
    saved, again = make(), make()
    rng = np.random.default_rng(0)
    y, y_hat = rng.integers(0, 256, (2, 3, SIZE, SIZE, 3)).astype(np.uint8)
    saved.update(y, y_hat, np.ones((3, SIZE, SIZE), bool))
    again.restore(saved.state())
    assert again.result() == saved.result()


class Looked(Exception):
    """Instead of a scoring, what tells it from another."""


@pytest.fixture
def facts_of(prepared, theirs, tmp_path, monkeypatch):
    """What tells the scoring of a call from another, as text."""

    def look(paint, split, make, folder, facts, outputs):
        raise Looked(json.dumps(facts, sort_keys=True))

    monkeypatch.setattr(scoring, "score", look)

    def of(**more):
        with pytest.raises(Looked) as looked:
            evaluate.evaluate(None, prepared, pictures_dir=theirs, **more)
        return str(looked.value)

    return of


def test_pictures_that_were_changed_meanwhile_are_scored_anew(prepared, theirs, facts_of):
    before = facts_of()
    assert facts_of() == before
    picture = next(theirs.iterdir())
    times = picture.stat().st_atime_ns, picture.stat().st_mtime_ns
    Image.new("RGB", (SIZE, SIZE), "white").save(picture)
    os.utime(picture, ns=times)
    assert facts_of() != before


def test_data_that_were_made_anew_meanwhile_are_scored_anew(facts_of, monkeypatch):
    before = facts_of()
    monkeypatch.setattr(fingerprint, "of", lambda data_dir: {"digest": "another"})
    assert facts_of() != before


def test_what_is_asked_for_in_addition_is_not_left_out_of_the_pairs_behind(facts_of):
    before = facts_of()
    for more in ({"save_pictures": True}, {"networks": score_set.Networks(detector_classes="voc")}, {"seed": 1}):
        assert facts_of(**more) != before


def test_a_network_is_another_when_its_files_are(tmp_path):
    (tmp_path / "net" / "variables").mkdir(parents=True)
    (tmp_path / "net" / "variables" / "data").write_text("1")
    networks = score_set.Networks(inception="keras", detector=str(tmp_path / "net"), lpips="https://example.org/lpips")
    before = networks.digests()
    assert list(before) == ["detector"]
    (tmp_path / "net" / "variables" / "data").write_text("2")
    assert networks.digests() != before


def test_the_report_of_a_folder_lies_beside_it_however_it_is_called(theirs, monkeypatch, tmp_path):
    (theirs / "below").mkdir()
    for cwd, name in ((theirs, "."), (theirs / "below", ".."), (tmp_path, "theirs")):
        monkeypatch.chdir(cwd)
        assert places.beside(pathlib.Path(name)).resolve() == tmp_path / "theirs-evaluation"
    with pytest.raises(UserError, match="give --output=FOLDER"):
        places.beside(pathlib.Path("/"))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--pictures="], "argument --pictures: is empty; name a folder"),
        (["--workdir=", "--pictures=a"], "argument --workdir: is empty; name a folder"),
        (["--inception="], "argument --inception: is empty; name a folder or a handle"),
        (["--seed=-1"], "--seed=-1: give 0 or more"),
        (["--output={theirs}"], "theirs is in the folder of pictures"),
        (["--output={theirs}/report"], "report is in the folder of pictures"),
        (["--output={file}"], "file: a file stands in its place"),
        (["--output={file}/below"], "file: a file stands in its place"),
        (["--protocol=dsc+dsc"], "--protocol=dsc+dsc: name each protocol once"),
        (["--inception=absent"], "absent: no such folder"),
        (["--inception=keras"], "mean over 10 splits and needs as many pairs, here are 6"),
        (["--fid=train@512"], "--fid=train@512: no such protocol: 'train@512'; have, joined by +: test, test.png, "),
        (["--fid=test+test"], "--fid=test+test: name each protocol once"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(prepared, theirs, tmp_path, capsys, flags, says):
    (tmp_path / "file").touch()
    given_flags = [flag.format(theirs=theirs, file=tmp_path / "file") for flag in flags]
    code, line = told(capsys, f"--pictures={theirs}", f"--data_dir={prepared}", *given_flags)
    assert code == 2
    assert says in line


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--protocol=mine", "--protocol=mine: have dsc"),
        ("--lpips=nowhere", "nowhere: no such folder"),
        ("--split=mine", "has no split mine"),
        ("--data_dir=nowhere", "no such folder: nowhere"),
    ],
)
def test_a_run_is_not_loaded_for_what_cannot_be_scored(prepared, tmp_path, capsys, monkeypatch, flag, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dpt_tf.training.trained.load_generator", lambda *_: pytest.fail("it was loaded"))
    code, line = told(capsys, "--workdir=run", f"--data_dir={prepared}", flag)
    assert code == 2
    assert says in line


def test_two_programs_are_not_let_into_one_report(prepared, theirs, tmp_path, capsys):
    with locks.claimed(tmp_path / "out"):
        flags = f"--pictures={theirs}", f"--data_dir={prepared}", f"--output={tmp_path / 'out'}"
        assert told(capsys, *flags) == (
            2,
            f"another program is at work in {tmp_path / 'out'}; wait for it, or use another folder",
        )


def test_a_report_is_not_written_over_by_one_on_other_pairs(prepared, theirs, tmp_path):
    usual = theirs.with_name("theirs-evaluation")
    evaluate.evaluate(None, prepared, pictures_dir=theirs)
    before = (usual / "report.json").read_bytes()
    others = tmp_path / "others"
    rng = np.random.default_rng(1)
    item = make_item("d", 3, size=SIZE)
    for view in item["views"]:
        view["image"] = iuv.encode(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    records.write(others, "toy", {"train": [item], "test": [item]}, SIZE, "toy")
    for more in ({"split": "train"}, {"protocol": "skimage"}, {"seed": 3, "limit": 2}):
        evaluate.evaluate(None, prepared, pictures_dir=theirs, **more)
    evaluate.evaluate(None, others, pictures_dir=theirs)
    digest = fingerprint.of(others)["digest"]
    assert sorted(path.name for path in tmp_path.glob("theirs-*")) == [
        "theirs-evaluation",
        f"theirs-evaluation-others-{digest[:8]}",
        "theirs-evaluation-seed3",
        "theirs-evaluation-skimage",
        "theirs-evaluation-train",
    ]
    assert (usual / "report.json").read_bytes() == before


@pytest.mark.parametrize("more", [{"split": "train"}, {"protocol": "skimage"}, {"fid": "train"}])
def test_a_named_folder_with_a_report_on_other_pairs_is_refused(prepared, theirs, tmp_path, more):
    output = tmp_path / "out"
    scores(prepared, theirs, output)
    before = {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()}
    with pytest.raises(UserError, match=r"holds a report on other pairs .*; give another --output"):
        evaluate.evaluate(None, prepared, output=output, pictures_dir=theirs, **more)
    assert {path.name: path.read_bytes() for path in output.iterdir() if path.is_file()} == before


def test_a_runs_own_data_are_those_it_was_trained_on():
    facts = {"data_dir": "data/mine", "split": "test", "limit": None, "seed": 0, "protocol": "dsc", "fid": "test"}
    own = pathlib.Path("runs/a/evaluation")
    assert places.usual(own, facts | {"digests": {"data": "0123456789"}}, "0123456789") == own
    other = places.usual(own, facts | {"digests": {"data": "0123456789"}}, "another")
    assert other == pathlib.Path("runs/a/evaluation-mine-01234567")
    digests = {"digests": {"data": "0123456789"}}
    trained = places.usual(own, facts | digests | {"fid": "train@256.png"}, "0123456789")
    assert trained == pathlib.Path("runs/a/evaluation-fid-train@256.png")


def test_a_folder_in_a_pictures_place_is_one_line(prepared, theirs, capsys):
    picture = next(theirs.iterdir())
    picture.unlink()
    picture.mkdir()
    code, line = told(capsys, f"--pictures={theirs}", f"--data_dir={prepared}")
    assert code == 2
    assert picture.name in line
    assert "a folder, where a file is wanted" in line


def test_what_the_pictures_are_too_small_for_is_said(prepared, theirs, tmp_path):
    found = scores(prepared, theirs, tmp_path / "out", protocol="all")
    why = "not computed: its five scales need pictures of 176 pixels, these have 32"
    assert found["MS-SSIM"] == why
    assert found["SSIM (dsc@176)"] == "not computed: is of pictures of 256 pixels, these have 32"
    assert found["SSIM (win51)"] == "not computed: is of pictures of at least 51 pixels, these have 32"
    assert f"MS-SSIM: {why}" in (tmp_path / "out" / "report.md").read_text()
    assert score_set.impossible("all", 256) == score_set.impossible("dsc", 176) == {}


def test_equal_pictures_leave_a_report_that_every_reader_of_json_takes(prepared, theirs, tmp_path):
    hparams = config.preset("small").replace(image_size=SIZE, batch_size=6)
    ((_, target, _),) = read.eval_pairs(prepared, hparams).as_numpy_iterator()
    for pair, picture in zip(read.list_eval_pairs(prepared), target, strict=True):
        picture = np.rint((picture + 1) * 127.5).astype(np.uint8)
        Image.fromarray(picture).save(theirs / f"{ready_pictures.name_of(*pair)}.png")
    assert scores(prepared, theirs, tmp_path / "out")["PSNR"] == "infinite"

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    json.loads((tmp_path / "out" / "report.json").read_text(), parse_constant=refuse)


def test_tensorboard_has_scores_and_sheet_at_the_step_of_the_weights(prepared, tmp_path, monkeypatch):
    def model(inputs):
        return {"image": inputs["source"], "predicted": inputs["source"] * 0, "warped": inputs["source"] * 0.5}

    (tmp_path / "step_00000007").mkdir()
    (tmp_path / "step_00000007" / "manifest.json").touch()
    facts = {"checkpoint": str(tmp_path / "step_00000007"), "step": 7}
    hparams = config.preset("small").replace(image_size=SIZE)
    monkeypatch.setattr("dpt_tf.training.trained.load_generator", lambda workdir: (model, hparams, facts))
    evaluate.evaluate(tmp_path / "run", prepared)
    output = tmp_path / "run" / "evaluation"
    full = json.loads((output / "report.json").read_text())["scores"]["full"]
    events = EventAccumulator(str(output)).Reload()
    for name in ("L1", "PSNR", "SSIM (dsc)", "SSIM (dsc, foreground)"):
        (point,) = events.Tensors(f"evaluation/{name}")
        assert (point.step, float(tf.make_ndarray(point.tensor_proto))) == (7, pytest.approx(full[name], rel=1e-6))
    (sheet,) = events.Tensors("evaluation/best, median, worst")
    shown = tf.io.decode_png(sheet.tensor_proto.string_val[2]).numpy()
    with Image.open(output / "sheet.png") as saved:
        assert (shown == np.asarray(saved)).all()


def test_no_row_is_the_best_by_the_deviation_of_its_splits():
    table = {row: {"IS": 2.0 + i, "IS deviation": 0.1 + i} for i, row in enumerate(("copy", "full"))}
    lines = Report(10, table, {"IS": True, "IS deviation": True}, {}).markdown().splitlines()
    assert [line.count("*") for line in lines[2:]] == [1, 0]
