"""`train.py` as a user types it: mistakes are one line, and a killed run goes on as if nothing had been."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import coco_toys
import numpy as np
import pytest
import tensorflow as tf
from toy import make_item

from dpt_tf import config
from dpt_tf.data import records, sparse_records
from dpt_tf.data.prepare import densepose_coco
from dpt_tf.training import checkpoints
from dpt_tf.training import run as training

TRAIN = pathlib.Path(__file__).resolve().parents[1] / "train.py"
TINY = (
    "image_size=32,atlas_size=32,width=4,residuals=1,coder_width=4,context_size=8,blending_width=4,"
    "blending_residuals=1,discriminator_width=4,batch_size=2,predictive_steps=8,inpainting_steps=8,joint_steps=8"
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    items = [make_item(f"person{i}", 3, size=32) for i in range(4)]
    records.write(folder, "toy", {"train": items}, 32, "toy")
    return folder


def command(data_dir, workdir, *more, hparams=TINY):
    flags = ["--dataset=folder", f"--data_dir={data_dir}", f"--workdir={workdir}", f"--hparams={hparams}"]
    return [sys.executable, str(TRAIN), *flags, "--pictures_every=0", *more]


def run(*arguments, **kwargs):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=600, **kwargs)


def stored(path):
    reader = tf.train.load_checkpoint(str(path / "variables"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if "OBJECT" not in name}


def assert_same_weights(workdir, other, stages):
    for stage in stages:
        folders = [checkpoints.latest(folder / stage / "checkpoints") for folder in (workdir, other)]
        assert {checkpoints.step_of(folder) for folder in folders} == {8}
        ours, theirs = map(stored, folders)
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=f"{stage}: {name}")


def kill_at(folder, step, arguments, signum=signal.SIGKILL):
    """Starts a training and ends it once the checkpoint of `step` is there; its exit code and stderr."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not checkpoints.path_of(folder, step).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def test_a_killed_run_ends_bit_for_bit_like_one_that_was_not(tmp_path, data_dir):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    result = run(*command(data_dir, whole, "--stage=predictive"))
    assert result.returncode == 0, result.stderr
    again = command(data_dir, killed, "--stage=predictive", "--save_every=1", "--keep=2")
    code, errors = kill_at(killed / "predictive" / "checkpoints", 2, again)
    assert code == -signal.SIGKILL, errors
    newest = checkpoints.all_of(killed / "predictive" / "checkpoints")[-1]
    assert checkpoints.step_of(newest) < 8, "the run ended before it could be killed"
    os.truncate(newest / "variables.data-00000-of-00001", 100)  # as if the disk had lost its tail besides

    result = run(*again)
    assert result.returncode == 0, result.stderr
    assert "is damaged" in result.stdout and "goes on from step" in result.stdout
    assert_same_weights(killed, whole, ["predictive"])

    said = []
    hparams = config.override(config.preset("paper"), TINY)
    training.train(killed, data_dir, hparams, ["predictive"], say=said.append)
    assert said == ["predictive: trained already, 8 steps; nothing to do"]


@pytest.mark.slow
def test_all_stages_with_every_loss_killed_again_and_again_end_like_an_undisturbed_run(tmp_path, data_dir):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    result = run(*command(data_dir, whole, "--vgg=random"))
    assert result.returncode == 0, result.stderr
    again = command(data_dir, killed, "--vgg=random", "--save_every=1")
    for stage in config.STAGES:
        code, errors = kill_at(killed / stage / "checkpoints", 2, again)
        assert code == -signal.SIGKILL, errors
    result = run(*again)
    assert result.returncode == 0, result.stderr
    assert_same_weights(killed, whole, config.STAGES)


@pytest.mark.slow
def test_ctrl_c_saves_and_ends_with_130(tmp_path, data_dir):
    arguments = command(
        data_dir, tmp_path, "--stage=predictive", "--save_every=1", hparams=TINY + ",predictive_steps=9999"
    )
    code, errors = kill_at(tmp_path / "predictive" / "checkpoints", 2, arguments, signal.SIGINT)
    assert code == 130
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--dateset=folder"], "Unknown command line flag 'dateset'"),
        (["folder"], "folder is not a flag"),
        (["--dataset=folders"], "should be one of <synthetic|folder|deepfashion|mvc|densepose_coco>"),
        (["--stage=third"], "should be one of <predictive|inpainting|joint|matting|pose|all>"),
        (["--preset=large"], "no such preset: large; have layers, paper, pose, small"),
        (["--hparams=widht=4"], "no such hyper-parameter: widht; have atlas_size"),
        (["--hparams=width=wide"], "width wants int, got 'wide'"),
        (["--hparams=image_size=40"], "image_size is 40; it must be a whole number from 32 to 4096, a multiple of 16"),
        (["--stage=inpainting", "--hparams=blocks=warping"], "the inpainting stage has nothing to train"),
        (["--dataset=folder"], "--dataset=folder wants --data_dir=DIR"),
        (["--dataset=folder", "--data_dir=nowhere"], "no such folder: nowhere"),
        (
            ["--dataset=densepose_coco"],
            "the predictive, inpainting, joint stage cannot be trained on it; give --stage=pose",
        ),
        (
            ["--dataset=densepose_coco", "--stage=pose"],
            "data/densepose_coco holds no people with points of DensePose-COCO",
        ),
    ],
)
def test_a_mistake_is_one_line_and_2(tmp_path, capfd, monkeypatch, flags, says):
    assert mistaken(tmp_path, monkeypatch, flags) == 2
    _, errors = capfd.readouterr()
    assert says in errors
    assert errors.count("\n") == 1


def test_points_and_maps_are_not_taken_for_each_other(tmp_path, capfd, monkeypatch, data_dir):
    pytest.importorskip("pycocotools.mask", reason="masks are decoded by pycocotools: pip install 'dpt_tf[data]'")
    annotations, pictures = coco_toys.write(tmp_path, [coco_toys.person()])
    people = densepose_coco.examples(densepose_coco.read(annotations), pictures, 48)
    points = sparse_records.write(tmp_path / "coco", {"train": people}, 48, "toy").directory.parents[1]
    for dataset, folder, more, says in (
        ("folder", points, [], "--dataset=densepose_coco --stage=pose` takes it, not --dataset=folder"),
        ("densepose_coco", data_dir, [], "no people with points of DensePose-COCO; docs/data.md says what to fetch"),
        ("densepose_coco", pictures, [], "no people with points of DensePose-COCO; docs/data.md says what to fetch"),
        ("densepose_coco", points, ["--preset=pose"], "48 pixels, 160 is no whole part of it: prepare them with"),
        ("densepose_coco", points, ["--stage=joint"], "the joint stage cannot be trained on it; give --stage=pose"),
    ):
        flags = [f"--dataset={dataset}", f"--data_dir={folder}", "--stage=pose", "--workdir=run", *more]
        assert mistaken(tmp_path, monkeypatch, flags) == 2
        errors = capfd.readouterr().err
        assert says in errors and errors.count("\n") == 1
    assert not (tmp_path / "run" / "hparams.json").exists()


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        ("deepfashion", ["InShopRetrieval.html", "yumingj/DeepFashion-MultiModal"]),
        ("mvc", ["github.com/MVC-Datasets/MVC"]),
    ],
)
def test_a_data_set_that_nobody_may_download_is_explained_in_two_lines(tmp_path, capfd, monkeypatch, name, pages):
    (tmp_path / "empty").mkdir()
    for flags, folder in (([], f"data/{name}"), (["--data_dir=empty"], "empty")):
        assert mistaken(tmp_path, monkeypatch, [f"--dataset={name}", *flags]) == 2
        first, second = capfd.readouterr().err.splitlines()
        assert first.startswith(f"{folder} holds no {name}: get ")
        assert all(page in first for page in pages)
        assert second.startswith(f"dpt build datasets/{name}_pairs --manual_dir=FOLDER --data_dir={folder} ")


def mistaken(tmp_path, monkeypatch, flags):
    """The exit code of train.py, in this process and an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(TRAIN.parent))
    import train

    # What the flags before had switched on stays on for the next test otherwise.
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)
    return train.main(["train.py", *flags])
