"""From nothing to pictures: people are made, networks trained on them, strangers scored and painted."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from toy import TINY, make_item

import dpt_tf
from dpt_tf import iuv, synthetic
from dpt_tf.commands import main
from dpt_tf.data import records
from dpt_tf.training import loop
from dpt_tf.training import run as training

HPARAMS = TINY.replace(batch_size=2, neighbours=1, predictive_steps=2, inpainting_steps=2, joint_steps=2)


def dpt(flags):
    """The command's exit code."""
    return main.guarded(lambda: main.dispatch(flags))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps a stage on two synthetic people, and the data set with one stranger."""
    folder = tmp_path_factory.mktemp("pipeline")
    synthetic.generate(folder / "data", people=2, test_people=1, views=3, image_size=32, workers=1)
    schedule = loop.Schedule(pictures_every=0)
    training.train(
        folder / "run", folder / "data", HPARAMS, dataset="synthetic", schedule=schedule, say=lambda line: None
    )
    return folder


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """Files of one synthetic person: photo and map of one view, maps of two others."""
    folder = tmp_path_factory.mktemp("person")
    who, studio = synthetic.person(5), synthetic.Camera.sample(np.random.default_rng(5))
    for k in range(3):
        rng = np.random.default_rng(k)
        picture, coordinates, _ = synthetic.render(who, synthetic.sample_pose(rng, 60 * k), studio, 96)
        Image.fromarray(picture[:, 10:-10, :3]).save(folder / f"{k}.png")
        Image.fromarray(coordinates[:, 10:-10, ::-1]).save(folder / f"{k}_IUV.png")
    return folder


def transfer(trained, person, output, *more, source="0.png", source_iuv="0_IUV.png", poses=("1_IUV.png",)):
    flags = [f"--model={trained / 'run'}", f"--source={person / source}", f"--source_iuv={person / source_iuv}"]
    maps = [str(person / pose) for pose in poses]
    return dpt(["transfer", *flags, "--target_iuv", *maps, f"--output={output}", *more])


def test_a_photo_and_two_poses_become_two_pictures_and_a_sheet(trained, person, tmp_path, capsys):
    sheet = f"--sheet={tmp_path / 'sheet.png'}"
    assert transfer(trained, person, tmp_path / "out", sheet, poses=("1_IUV.png", "2_IUV.png")) == 0
    printed = capsys.readouterr().out.split()
    assert printed == [str(tmp_path / p) for p in ("out/1.png", "out/2.png", "sheet.png")]
    with Image.open(tmp_path / "out" / "1.png") as picture:
        assert picture.size == (76, 96)
        assert len(np.unique(picture)) > 1


def test_the_command_paints_what_the_function_returns(trained, person, tmp_path):
    assert transfer(trained, person, tmp_path / "one.png") == 0
    with Image.open(person / "0.png") as photo:
        maps = [iuv.read(person / f"{k}_IUV.png") for k in (0, 1)]
        result = dpt_tf.load(trained / "run")(np.asarray(photo), *maps)
    with Image.open(tmp_path / "one.png") as picture:
        np.testing.assert_array_equal(picture, result["image"])
    assert result["texture"].shape == (24, 32, 32, 3)


def test_the_evaluation_scores_every_row_and_says_whose_weights(trained, capsys):
    flags = [f"--workdir={trained / 'run'}", f"--data_dir={trained / 'data'}"]
    assert dpt(["evaluate", *flags, "--limit=4"]) == 0
    report = json.loads((trained / "run" / "evaluation" / "report.json").read_text())
    assert report["pairs"] == 4
    assert set(report["scores"]) == {"copy", "warped", "pasted", "predicted", "full"}
    assert report["weights"]["dataset"] == "synthetic"
    assert (trained / "run" / "evaluation" / "sheet.png").is_file()
    assert "SSIM (dsc)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "gone.png"}, r"gone\.png: no such file"),
        ({"source_iuv": "gone_IUV.png"}, r"gone_IUV\.png"),
        ({"poses": ("0.png",)}, r"0\.png"),
        ({"poses": ("empty_IUV.png",)}, r"empty_IUV\.png.*"),
        ({"source": "wide.png"}, "wide.png is 96 x 50 but .*76 x 96"),
    ],
)
def test_a_wrong_file_is_one_line_and_no_picture(trained, person, tmp_path, capsys, change, said):
    Image.fromarray(np.zeros((96, 76, 3), np.uint8)).save(person / "empty_IUV.png")
    Image.fromarray(np.zeros((50, 96, 3), np.uint8)).save(person / "wide.png")
    assert transfer(trained, person, tmp_path / "out.png", **change) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert re.search(said, lines[0])
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("verb", ["transfer", "evaluate"])
def test_a_folder_that_is_no_run_is_named(verb, trained, person, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    if verb == "transfer":
        flags = [f"--model={tmp_path / 'empty'}", f"--source={person / '0.png'}", f"--output={tmp_path / 'o.png'}"]
        flags += [f"--source_iuv={person / '0_IUV.png'}", f"--target_iuv={person / '1_IUV.png'}"]
    else:
        flags = [f"--workdir={tmp_path / 'empty'}", f"--data_dir={trained / 'data'}"]
    assert dpt([verb, *flags]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert str(tmp_path / "empty") in line


def test_a_data_set_of_another_size_is_refused(trained, tmp_path, capsys):
    records.write(tmp_path, "toy", {"test": [make_item("a", 3, size=16)]}, 16, "toy")
    assert dpt(["evaluate", f"--workdir={trained / 'run'}", f"--data_dir={tmp_path}"]) == 2
    assert "16 pixels" in capsys.readouterr().err
