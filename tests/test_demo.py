"""The demo in miniature."""

import pathlib

import pytest
from PIL import Image

from dpt_tf import config, synthetic
from dpt_tf.commands import demo, main
from dpt_tf.synthetic import dataset
from dpt_tf.system import processor
from dpt_tf.system.errors import UserError
from dpt_tf.training import run


@pytest.mark.slow
def test_the_demo_ends_with_a_table_and_the_paths_of_its_pictures(tmp_path, capsys):
    flags = [f"--workdir={tmp_path / 'run'}", f"--data_dir={tmp_path / 'data'}"]
    assert main.guarded(lambda: main.dispatch(["demo", "--quick", *flags])) == 0
    printed = capsys.readouterr().out
    for row in ("copy the source", "warped only", "predicted only", "shipped model", "full"):
        assert printed.count(row) == 2
    assert pathlib.Path(tmp_path / "run" / "evaluation" / "sheet.png").is_file()
    with Image.open(tmp_path / "run" / "evaluation" / "sheet.png") as sheet:
        assert sheet.width == 7 * (demo.PHOTO_SIZE + 2)
    assert f"--logdir {tmp_path / 'run'}" in printed
    examples = tmp_path / "run" / "examples"
    assert str(examples) in printed
    assert printed.count("mean nothing") == 1
    painted = ["transfer", f"--model={tmp_path / 'run'}", f"--source={examples / 'ada.png'}"]
    painted += [f"--source_iuv={examples / 'ada_IUV.png'}", f"--target_iuv={examples / 'poses' / 'front_IUV.png'}"]
    assert main.guarded(lambda: main.dispatch([*painted, f"--output={tmp_path / 'a.png'}"])) == 0


def test_a_quick_demo_and_other_people_have_folders_of_their_own(monkeypatch):
    begun = []

    def train(workdir, data_dir, hparams, **_):
        begun.append((workdir, data_dir, hparams.joint_steps))
        raise UserError("enough")

    monkeypatch.setattr(synthetic, "is_missing", lambda data_dir: False)
    monkeypatch.setattr(synthetic, "refuse_others", lambda data_dir, views, seed, **_: None)
    monkeypatch.setattr(run, "train", train)
    for flags in ([], ["--quick"], ["--seed=1"]):
        assert main.guarded(lambda flags=flags: main.dispatch(["demo", *flags])) == 2
    (full, quick, other) = begun
    assert full == (pathlib.Path("runs/demo"), pathlib.Path("data/demo"), demo.FULL.joint_steps)
    assert other == (pathlib.Path("runs/demo-1"), pathlib.Path("data/demo-1"), demo.FULL.joint_steps)
    assert quick == (pathlib.Path("runs/demo-quick"), pathlib.Path("data/demo-quick"), 2)


def test_another_run_in_its_place_is_told_before_people_are_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "_make", lambda *_: pytest.fail("it made people"))
    checkpoint = tmp_path / "run" / "joint" / "checkpoints" / "step_00000007"
    checkpoint.mkdir(parents=True)
    config.preset("small").replace(width=7).save(tmp_path / "run" / "hparams.json")
    assert main.guarded(lambda: main.dispatch(["demo", "--quick", f"--workdir={tmp_path / 'run'}"])) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "was trained differently: width is 7 there and" in line


@pytest.mark.parametrize(
    ("flags", "able"), [("fma avx512_bf16", True), ("amx_bf16 amx_tile", True), ("avx2 avx512f", False)]
)
def test_bfloat16_is_used_where_the_processor_has_it(flags, able, monkeypatch):
    monkeypatch.setattr(pathlib.Path, "read_text", lambda path, encoding: f"flags\t\t: {flags}\n")
    assert processor.computes_in_bfloat16() is able


def test_a_demo_does_not_train_on_the_people_of_another_seed(tmp_path, capsys):
    synthetic.generate(tmp_path / "data", people=1, test_people=1, views=3, image_size=64, seed=0, workers=1)
    capsys.readouterr()
    flags = [f"--data_dir={tmp_path / 'data'}", f"--workdir={tmp_path / 'run'}", "--quick", "--seed=1"]
    assert main.guarded(lambda: main.dispatch(["demo", *flags])) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "holds other people (" in line and "give another --data_dir" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not pathlib.Path("/proc/self").exists(), reason="a folder that nobody can write to")
@pytest.mark.parametrize("flag", ["workdir", "data_dir"])
def test_a_place_that_cannot_be_written_to_is_told_before_people_are_made(flag, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(dataset, "make_item", lambda *_: pytest.fail("it made people"))
    places = {"workdir": tmp_path / "run", "data_dir": tmp_path / "data"} | {flag: "/proc/x"}
    flags = [f"--{name}={place}" for name, place in places.items()]
    assert main.guarded(lambda: main.dispatch(["demo", "--quick", *flags])) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("/proc/x: nothing can be written there")
    assert not list(tmp_path.iterdir())


def test_a_run_that_tensorflow_could_not_write_to_is_told_before_people_are_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(dataset, "make_item", lambda *_: pytest.fail("it made people"))
    monkeypatch.chdir(tmp_path)
    assert main.guarded(lambda: main.dispatch(["demo", "--quick", "--workdir=\udce9", "--data_dir=data"])) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("\\udce9: not UTF-8")
    assert not list(tmp_path.iterdir())
