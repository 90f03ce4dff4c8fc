"""Weights that come with the package: whole, loaded by name, and painting as their card says."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from exporting import make_run
from PIL import Image
from toy import TINY, make_item

from dpt_tf import config, densepose, shipped, synthetic
from dpt_tf.commands import main, ship
from dpt_tf.data import fingerprint, records
from dpt_tf.densepose import small
from dpt_tf.evaluation import digests, places, strangers
from dpt_tf.shipped import weights
from dpt_tf.system.errors import UserError
from dpt_tf.training import loop, networks, trained
from dpt_tf.training import run as training
from dpt_tf.transfer import painter

NAMES = shipped.names()
PAINTERS = [name for name in NAMES if "joint" in weights.read_card(shipped.folder(name))["steps"]]
MAPPERS = [name for name in NAMES if name not in PAINTERS]


def test_the_usual_model_is_here_and_small():
    assert shipped.DEFAULT in PAINTERS and small.DEFAULT in MAPPERS
    for names, stage in ((PAINTERS, "joint"), (MAPPERS, "pose")):
        assert (
            sum(path.stat().st_size for name in names for path in shipped.folder(name).iterdir())
            < ship.MOST_BYTES[stage]
        )


@pytest.mark.parametrize("name", NAMES)
def test_it_is_whole_and_says_where_it_comes_from(name):
    read = weights.read(shipped.folder(name))
    assert {array.dtype for array in read.arrays.values()} == {np.dtype(np.float16)}
    card = read.card
    assert card["name"] == name and card["licence"] and card["cannot"] and card["description"]
    assert min(card["steps"].values()) > 0 and card["seed"] == read.hparams.seed
    assert card["command"].startswith("python train.py --dataset=")
    assert {"dataset", "data", "vgg"} <= card["provenance"].keys()
    for text in (json.dumps(card), (shipped.folder(name) / shipped.CARD_TEXT).read_text(encoding="utf-8")):
        assert not any(root in text for root in ("/tmp", "/home", "/work", "/root"))


@pytest.mark.parametrize("name", PAINTERS)
def test_it_paints_forty_strangers_as_well_as_its_card_says(name):
    paint = painter.load(name)
    check = weights.read_card(shipped.folder(name))["check"]
    assert check["pairs"] == strangers.COUNT == 40
    scores = strangers.score(paint, paint.image_size)
    for score, expected in check["scores"].items():
        assert scores[score] == pytest.approx(expected, abs=check["tolerance"][score]), score


@pytest.mark.parametrize("name", MAPPERS)
def test_it_maps_forty_strangers_as_well_as_its_card_says(name):
    estimator = small.load(name)
    check = weights.read_card(shipped.folder(name))["check"]
    assert check["pairs"] == strangers.COUNT
    scores = strangers.score_maps(lambda photo: densepose.pose(photo, estimator=estimator))
    for score, expected in check["scores"].items():
        assert scores[score] == pytest.approx(expected, abs=check["tolerance"][score]), score


def test_what_paints_finds_no_maps_and_the_other_way_round():
    for load, names, does in (
        (small.load, PAINTERS, "paints and finds no maps"),
        (painter.load, MAPPERS, "finds maps and does not paint"),
    ):
        for name in names:
            with pytest.raises(UserError, match=f"{name} {does}"):
                load(name)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The folder of a toy model, and its network."""
    folder = tmp_path_factory.mktemp("shipped") / "toy"
    network, hparams, _ = trained.load_generator(make_run(folder.parent / "run"))
    weights.write(folder, hparams, weights.of(network), {"steps": {"joint": 7}, "provenance": {"dataset": "synthetic"}})
    return folder, network


def test_what_is_read_is_what_was_written(toy):
    folder, network = toy
    read, hparams, facts = trained.load_generator(folder)
    assert hparams == TINY and facts["step"] == 7 and facts["dataset"] == "synthetic"
    for before, after in zip(network.variables, read.variables, strict=True):
        np.testing.assert_array_equal(np.float32(np.float16(before)), np.array(after), err_msg=before.path)


def test_what_exists_wins_over_a_name(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shipped.find("people") == shipped.folder("people") == shipped.find(pathlib.Path("people"))
    assert places.of_model(pathlib.Path("people")) == pathlib.Path("runs/people/evaluation")
    shutil.copytree(toy[0], "people")
    assert trained.load_generator("people")[1] == TINY
    assert places.of_model(pathlib.Path("people")) == pathlib.Path("people/evaluation")
    assert painter.load(shipped.folder()).image_size > TINY.image_size


def test_what_is_neither_run_nor_model_is_told_the_names(tmp_path):
    with pytest.raises(UserError, match=r"is not a run .*: people"):
        painter.load(tmp_path / "nowhere")


def cut(folder):
    path = folder / shipped.WEIGHTS
    path.write_bytes(path.read_bytes()[:-500])


def flip(folder):
    path = folder / shipped.WEIGHTS
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def other_arrays(folder):
    with np.load(folder / shipped.WEIGHTS) as stored:
        arrays = dict(stored)
    name = sorted(arrays)[0]
    np.savez(folder / shipped.WEIGHTS, **(arrays | {name: arrays[name] + np.float16(0.01)}))


def pickled(folder):
    np.savez(folder / shipped.WEIGHTS, x=np.array([{}], object))


def change(file, **values):
    def changed(folder):
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return changed


DAMAGE = {
    "cut": (cut, r"weights\.npz cannot be read .*install dpt_tf anew"),
    "a bit": (flip, r"weights\.npz (cannot be read|with hparams\.json does not match).*install dpt_tf anew"),
    "weights": (other_arrays, r"weights\.npz with hparams\.json does not match the digest in card\.json.*install"),
    "pickled": (pickled, r"weights\.npz cannot be read .*install dpt_tf anew"),
    "sizes": (change(shipped.HPARAMS, image_size=64), r"does not match the digest in card\.json.*install"),
    "version": (change(shipped.CARD, format=2), r"card\.json is of format 2, and .* reads format 1: use the version"),
    "no card": (lambda folder: (folder / shipped.CARD).unlink(), r"card\.json cannot be read \(No such file.*install"),
    "torn card": (lambda folder: (folder / shipped.CARD).write_text("{"), r"card\.json cannot be read .*install"),
    "no numbers": (lambda folder: (folder / shipped.HPARAMS).unlink(), r"hparams\.json cannot be read .*install"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_one_line_with_the_file_and_the_remedy(kind, toy, tmp_path):
    spoil, said = DAMAGE[kind]
    folder = shutil.copytree(toy[0], tmp_path / "toy")
    spoil(folder)
    with pytest.raises(UserError, match=said) as refused:
        trained.load_generator(folder)
    assert "\n" not in str(refused.value) and str(folder) in str(refused.value)


def test_arrays_of_other_networks_are_named(toy, tmp_path):
    arrays = weights.of(toy[1])
    weights.write(tmp_path / "toy", TINY.replace(width=8), arrays, {"steps": {"joint": 7}, "provenance": {}})
    said = r"weights\.npz does not fit the networks of hparams\.json: \S+ is \(.*\) there and \(.*\) in this version"
    with pytest.raises(UserError, match=said):
        trained.load_generator(tmp_path / "toy")


def test_what_float16_cannot_hold_is_not_written(toy):
    network = networks.generator_of(TINY)
    network.variables[0].assign(network.variables[0] + 1e6)
    with pytest.raises(ValueError, match="not finite as float16"):
        weights.of(network)


def test_without_a_model_transfer_takes_the_shipped_one_and_says_so(tmp_path, monkeypatch, capsys):
    body = np.zeros((32, 32, 3), np.uint8)
    body[8:24, 8:24] = (2, 40, 90)
    Image.fromarray(body).save(tmp_path / "a_IUV.png")
    Image.fromarray(body + 50).save(tmp_path / "a.png")
    asked = []

    def load(model):
        asked.append(model)
        named = ("image", "warped", "predicted", "provenance")
        return lambda *arrays, coverage: {name: body[..., : 1 if name == "provenance" else 3] for name in named}

    monkeypatch.setattr(painter, "load", load)
    monkeypatch.chdir(tmp_path)
    pathlib.Path("people").mkdir()  # the folder of somebody's photos is not asked
    flags = ["--source=a.png", "--source_iuv=a_IUV.png", "--target_iuv=a_IUV.png", "--output=out.png"]
    assert main.dispatch(["transfer", *flags]) == 0
    assert asked == [shipped.folder("people")]
    printed = capsys.readouterr()
    assert printed.out == "out.png\n" and printed.err == "with the shipped model people; --model=RUN takes another\n"
    assert main.dispatch(["transfer", "--model=people", *flags]) == 0
    assert asked[1] == pathlib.Path("people") and not capsys.readouterr().err


@pytest.fixture
def finished(toy, tmp_path, monkeypatch):
    """A run that noted its data, and a report on it; the fixed strangers count for nothing here."""
    folder = shutil.copytree(toy[0].parent / "run", tmp_path / "run")
    data_dir = tmp_path / "data"
    records.write(data_dir, "toy", {"train": [make_item("person", 3, size=32)]}, 32, "people of numbers")
    facts = {"dataset": "synthetic", "data_dir": str(data_dir), "data": fingerprint.of(data_dir), "vgg": None}
    training._write_facts(folder, "joint", facts)
    digest = digests.of_checkpoint(trained.folder(folder, "joint") / "step_00000007")
    scored = {"full": {"L1": 0.125, "PSNR": 21.5, "FID": "not computed"}}
    report = {"scores": scored, "digests": {"weights": digest, "data": "0"}, "pairs": 9, "split": "test"}
    report |= {"protocol": "dsc", "limit": None, "seed": 0, "data_dir": str(data_dir)}
    (tmp_path / "report.json").write_text(json.dumps(report))
    monkeypatch.setattr(strangers, "score", lambda paint, size: {"PSNR": 20.0})
    return folder


def test_a_run_is_shipped_with_a_card_that_names_no_folder_of_this_machine(finished, toy, tmp_path, capsys):
    flags = ["ship", f"--workdir={finished}", "--name=toy", f"--output={tmp_path / 'toy'}", "--cannot=It cannot swim."]
    assert main.dispatch([*flags, f"--report=numbers={tmp_path / 'report.json'}"]) == 0
    read, hparams, facts = trained.load_generator(tmp_path / "toy")
    assert hparams == TINY and facts["step"] == 7 and facts["dataset"] == "synthetic"
    for before, after in zip(toy[1].variables, read.variables, strict=True):
        np.testing.assert_array_equal(np.float32(np.float16(before)), np.array(after))
    text = (tmp_path / "toy" / shipped.CARD_TEXT).read_text(encoding="utf-8")
    for said in (
        "people of numbers",
        "numbers: 9 pairs",
        "21.50",
        "It cannot swim.",
        "joint 7",
        "Apache-2.0",
        "--preset=",
    ):
        assert said in text, said
    card = (tmp_path / "toy" / shipped.CARD).read_text(encoding="utf-8")
    assert str(tmp_path) not in text + card and "not computed" not in text + card
    assert {path.name for path in (tmp_path / "toy").iterdir()} == {
        "weights.npz",
        "hparams.json",
        "card.json",
        "CARD.md",
    }
    assert not list(tmp_path.glob(".ship*"))


def test_what_a_card_cannot_vouch_for_is_not_shipped(finished, tmp_path):
    flags = ["ship", f"--workdir={finished}", f"--output={tmp_path / 'toy'}"]
    report = json.loads((tmp_path / "report.json").read_text())
    report["digests"]["weights"] = "0"
    (tmp_path / "other.json").write_text(json.dumps(report))
    with pytest.raises(UserError, match=r"other\.json is a report on other weights"):
        main.dispatch([*flags, f"--report=numbers={tmp_path / 'other.json'}"])
    with pytest.raises(UserError, match="is no report of `dpt evaluate`"):
        main.dispatch([*flags, f"--report=numbers={finished / 'hparams.json'}"])
    noted = trained.provenance(finished, "joint")
    training._write_facts(finished, "joint", noted | {"dataset": "folder"})
    with pytest.raises(UserError, match="say by --licence what the weights may be used for"):
        main.dispatch(flags)
    training._write_facts(finished, "joint", noted | {"data": {"digest": "0"}})
    with pytest.raises(UserError, match=r"is not what .* was trained on"):
        main.dispatch(flags)
    assert not (tmp_path / "toy").exists()


def test_a_run_without_a_note_of_its_data_is_not_shipped(toy, tmp_path):
    flags = [f"--workdir={toy[0].parent / 'run'}", f"--output={tmp_path / 'me'}"]
    with pytest.raises(UserError, match="wrote no provenance"):
        main.dispatch(["ship", *flags])
    assert not (tmp_path / "me").exists()


@pytest.mark.slow
def test_a_run_that_finds_maps_is_shipped_with_its_card(tmp_path, monkeypatch, capsys):
    data_dir, run, output = tmp_path / "data", tmp_path / "run", tmp_path / "out"
    synthetic.generate(data_dir, people=2, test_people=0, views=2, image_size=32, workers=1)
    hparams = config.preset("pose").replace(image_size=32, fcn_width=32, batch_size=2, cooldown=0.0, pose_steps=1)
    training.train(run, data_dir, hparams, ["pose"], "synthetic", schedule=loop.Schedule(pictures_every=0), say=str)
    scored = dict.fromkeys(strangers.MAP_TOLERANCE, 0.25)
    monkeypatch.setattr(strangers, "score_maps", lambda pose: scored)
    assert main.dispatch(["ship", f"--workdir={run}", "--name=mine", f"--output={output}"]) == 0
    card, text = weights.read_card(output), (output / shipped.CARD_TEXT).read_text(encoding="utf-8")
    assert card["steps"] == {"pose": 1} and card["check"]["scores"] == scored
    assert "Finds DensePose maps" in text and "--stage=pose" in text and str(tmp_path) not in text
    assert any("head" in sentence for sentence in card["cannot"])
    network, _, _ = trained.load_fcn(run)
    for before, after in zip(network.variables, trained.load_fcn(output)[0].variables, strict=True):
        np.testing.assert_array_equal(np.float32(np.float16(before)), np.array(after), err_msg=before.path)
    estimator = small.load(output)
    assert estimator.name == f"{output}, step 1, 32 x 32 pixels"
    (person,) = estimator.people(np.zeros([40, 30, 3], np.uint8), [(0, 0, 30, 40)])
    assert person.map.shape == (40, 30, 3)
