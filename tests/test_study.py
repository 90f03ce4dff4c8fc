"""A study's folder: what is shown, what is told, what is refused."""

import hashlib
import json
import pathlib

import pytest
from PIL import Image
from study_toys import folders

from dpt_tf import study
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.study import pictures, writing
from dpt_tf.system.errors import UserError

PAGE = pathlib.Path(study.__file__).parent / "page"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("a study")
    return place / "study", study.make(*folders(place, 60), place / "study", pairs=True)


def test_the_paper_s_protocol_is_the_default(made):
    folder, key = made
    counts = {task: (len(items["practice"]), len(items["scored"])) for task, items in key["tasks"].items()}
    assert counts == {"realism": (10, 100), "anatomy": (10, 100), "pose": (5, 50)} and key["exposure"] == 1
    for task in ("realism", "anatomy"):
        kinds = [writing.kind_of(item, key) for item in key["tasks"][task]["scored"]]
        assert kinds.count("real") == kinds.count("generated") == 50
    assert '"exposure_ms": 1000' in (folder / "page" / "protocol.js").read_text(encoding="utf-8")


def test_a_number_shows_the_picture_that_the_key_says_and_a_pair_its_target(made):
    folder, key = made
    colours = {}
    for number, one in key["pictures"].items():
        with Image.open(folder / "page" / "pictures" / f"{number}.png") as shown, Image.open(one["file"]) as given:
            colours[number] = shown.getpixel((0, 0))
            assert colours[number] == given.getpixel((0, 0)) and shown.size == given.size
    for item in key["tasks"]["pose"]["scored"]:
        first, second = (colours[number] for number in item.split("-"))
        assert first[0] == second[0] and {first[1], second[1]} == {20, 200}


def test_what_is_served_does_not_tell_real_from_generated(made):
    folder, key = made
    names = {path.name for path in (folder / "page" / "pictures").iterdir()}
    assert names == {f"{number}.png" for number in key["pictures"]}
    text = (folder / "page" / "protocol.js").read_text(encoding="utf-8")
    facts = json.loads(text.removeprefix("const STUDY = ").rstrip(";\n"))
    assert "source" not in text and "/" not in "".join(facts["tasks"][0]["scored"])
    assert set(facts["tasks"][0]["truth"]) == set(key["tasks"]["realism"]["practice"])
    for task in facts["tasks"]:
        assert task["scored"] == sorted(task["scored"])
    sides = {key["pictures"][item.split("-")[0]]["kind"] for item in key["tasks"]["pose"]["scored"]}
    assert sides == {"real", "generated"}


def test_the_same_seed_makes_the_same_study(tmp_path):
    given = folders(tmp_path, 8)
    keys = [study.make(*given, tmp_path / str(k), count=5, practice=1, seed=k // 2) for k in range(3)]
    assert keys[0] == keys[1] and keys[0]["study"] != keys[2]["study"]


def test_jspsych_is_the_package_s_own_with_its_licence():
    versions = json.loads((PAGE / "jspsych" / "VERSIONS.json").read_text(encoding="utf-8"))
    scripts = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (PAGE / "jspsych").glob("*.js")}
    assert scripts == {name: each["sha256"] for name, each in versions.items() if name in scripts} and len(scripts) == 3
    assert "Joshua R. de Leeuw" in (PAGE / "jspsych" / "LICENSE").read_text(encoding="utf-8")
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    assert all(f'src="jspsych/{name}"' in index for name in scripts) and "//" not in index


@pytest.mark.parametrize(
    ("generated", "real", "target"),
    [
        ("front.png", ["front.jpg", "side.jpg"], "front.jpg"),
        ("a_to_b.png", ["a.png", "b.png"], "b.png"),
        ("a_to_b.png", ["a.png", "b.png", "a_to_b.png"], "a_to_b.png"),
        ("p1/front.png", ["p0/front.png", "p1/front.png"], "p1/front.png"),
        ("p1-side___p1-front.png", ["p0/front.png", "p1/front.png", "p1/side.png"], "p1/front.png"),
        (
            "fasionWOMENDressesid0000000101_1front.jpg___fasionWOMENDressesid0000000101_2side.jpg_vis.png",
            ["WOMEN/Dresses/id_00000001/01_1_front.jpg", "WOMEN/Dresses/id_00000001/01_2_side.jpg"],
            "WOMEN/Dresses/id_00000001/01_2_side.jpg",
        ),
        (
            "fashionWOMENDressesid0000000101_2side.png",
            ["WOMEN-Dresses-id_00000001-01_1_front.jpg", "WOMEN-Dresses-id_00000001-01_2_side.jpg"],
            "WOMEN-Dresses-id_00000001-01_2_side.jpg",
        ),
    ],
)
def test_a_generated_picture_finds_its_target_by_name(generated, real, target):
    ours, theirs = pathlib.Path("out"), pathlib.Path("photos")
    found = pictures.targets([ours / generated], ours, [theirs / name for name in real], theirs)
    assert found == {ours / generated: theirs / target}


def test_a_generated_picture_with_two_targets_is_refused():
    real = [pathlib.Path("r/p0/front.png"), pathlib.Path("r/p1/front.png")]
    with pytest.raises(UserError, match=r"front\.png: r/p0/front\.png and r/p1/front\.png both fit"):
        pictures.targets([pathlib.Path("g/front.png")], pathlib.Path("g"), real, pathlib.Path("r"))


REAL, GENERATED = "--real=real", "--generated=generated"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "give --real=DIR and --generated=DIR"),
        ([REAL, "--generated=absent"], "absent: no such folder"),
        ([REAL, "--generated=empty"], "empty: no picture in it"),
        ([REAL, GENERATED], "--generated=generated: 4 pictures, 55 are wanted; add 51 or give --count=4"),
        ([REAL, GENERATED, "--count=4"], "give more pictures than are for practice"),
        (
            [REAL, GENERATED, "--count=4", "--practice=1", "--pairs"],
            "no target of 1 of 4 generated pictures (lost",
        ),
        ([REAL, GENERATED, "--count=5", "--practice=1"], "4 pictures, 5 are wanted"),
        ([REAL, "--generated=broken", "--count=1", "--practice=0"], "broken/a.png: a picture that cannot be read"),
        ([REAL, "--generated=large", "--count=1", "--practice=0"], "would tell real from generated; give --size=6"),
        ([REAL, "--generated=real", "--count=1", "--practice=0"], "hold the same pictures"),
        ([REAL, GENERATED, "--count=4", "--practice=1", "-o", "real/study"], "among the pictures of real"),
        ([REAL, GENERATED, "--count=4", "--practice=1", "-o", "large"], "large: there already"),
        ([REAL, GENERATED, "--count=4", "--practice=1", "-o", "real/v0.png"], "a file stands in its place"),
        ([REAL, GENERATED, "--exposure=0"], "--exposure=0.0"),
        ([REAL, GENERATED, "--exposure=nan"], "--exposure=nan"),
        ([REAL, GENERATED, "--size=0"], "--size=0"),
        ([REAL, GENERATED, "--save_to=ftp://host"], "--save_to=ftp://host: give an address"),
        ([REAL, GENERATED, "--save_to=http://["], "--save_to=http://[: give an address"),
        ([REAL, GENERATED, "--answers=x"], "--answers goes with --report"),
        (["--report", REAL], "leave out --real"),
        (["--report"], "study: no key.json in it"),
        (["--report", "-o", "damaged"], "not the key of a study"),
    ],
)
def test_a_mistake_in_the_command_is_one_line_and_leaves_all_as_it_was(flags, says, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    folders(tmp_path, 4)
    (tmp_path / "generated" / "source___v3.png").rename(tmp_path / "generated" / "lost.png")
    for name in ("empty", "broken", "large", "damaged"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no picture")
    Image.new("RGB", (9, 9)).save(tmp_path / "large" / "a.png")
    (tmp_path / "damaged" / "key.json").write_text('{"format": 1, "tasks": {"realism": 3}}')
    before = sorted(tmp_path.rglob("*"))
    assert guarded(lambda: dispatch(["study", *flags])) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert says in line
    assert sorted(tmp_path.rglob("*")) == before


def test_sizes_that_differ_can_be_framed_alike(tmp_path):
    real, generated = folders(tmp_path, 3)
    Image.new("RGB", (20, 30)).save(real / "v0.png")
    key = study.make(real, generated, tmp_path / "study", pairs=True, count=3, practice=1, size=8)
    for number in key["pictures"]:
        with Image.open(tmp_path / "study" / "page" / "pictures" / f"{number}.png") as shown:
            assert shown.size == (8, 8)


def test_maps_and_mattes_among_the_photos_are_not_shown(tmp_path):
    for name in ("a.png", "a_IUV.png", "a_matte.png", ".b.png", "p/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert pictures.found(tmp_path, "--real") == [tmp_path / "a.png", tmp_path / "p" / "c.jpg"]
