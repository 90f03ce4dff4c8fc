"""A study's folder, which answers count, and what the report makes of them."""

import csv
import hashlib
import json
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from dpt_tf import study
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.study import pictures, sheets, writing
from dpt_tf.study.protocol import FIGURES, TASKS
from dpt_tf.system.errors import UserError

PAGE = pathlib.Path(study.__file__).parent / "page"
RATES = {"R2G": 0.13, "G2R": 0.17, "anatomy, real": 0.76, "anatomy, gen.": 0.41, "pose, gen.": 0.78}


def folders(place, count, shape=(6, 4)):
    """Real pictures `v0.png` ... and generated ones `source___v0.png` ..., each of a colour of its own."""
    for k in range(count):
        for kind, name in ("real", f"v{k}.png"), ("generated", f"source___v{k}.png"):
            (place / kind).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", shape, (k, 200 if kind == "real" else 20, 0)).save(place / kind / name)
    return place / "real", place / "generated"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("a study")
    return place / "study", study.make(*folders(place, 60), place / "study", pairs=True)


@pytest.fixture
def answered(made, tmp_path):
    """The study's folder without answers, and a function that puts a visit there."""
    folder = tmp_path / "study"
    shutil.copytree(made[0], folder, ignore=shutil.ignore_patterns("page"))

    def put(name, visit):
        path = folder / "answers" / name
        path.write_text(visit if isinstance(visit, str) else json.dumps(visit), encoding="utf-8")
        return path

    return folder, put


def visit(key, worker, draw=None, rates=RATES, tasks=TASKS, ms=400.0, begun="2030-01-01"):
    """What the page writes of a worker who gives each figure's answer as often as `rates` say."""
    draw = draw or np.random.default_rng(0)
    answers = []
    for task in tasks:
        for item in key["tasks"][task]["practice"] + key["tasks"][task]["scored"]:
            kind = writing.kind_of(item, key)
            figure = next(each for each in FIGURES if (each.task, each.kind) == (task, kind))
            other = next(each for each in TASKS[task].answers if each != figure.answer)
            said = figure.answer if draw.random() < rates[figure.name] else other
            answers.append({"task": task, "item": item, "practice": False, "answer": said, "ms": ms})
    about = {"study": key["study"], "sheet": f"{worker}{begun}", "worker": worker, "begun": begun, "ended": begun}
    return about | {"agent": "", "answers": answers}


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


def test_the_report_finds_the_rates_of_thirty_workers(made, answered):
    key, (folder, put) = made[1], answered
    draw = np.random.default_rng(1)
    for k in range(30):
        put(f"{k}.json", visit(key, f"w{k}", draw))
    assert guarded(lambda: dispatch(["study", "--report", "-o", str(folder)])) == 0
    facts = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert facts["kept"] == 90 and facts["dropped"] == []
    for name, rate in RATES.items():
        figure = facts["figures"][name]
        assert figure["workers"] == 30 and figure["answers"] == 1500
        assert figure["low"] < 100 * rate < figure["high"] and 2 < figure["high"] - figure["low"] < 6
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "| DPT, AMT, in the paper | 13.1 | 17.2 | 75.6 | 40.7 | 78.2 |" in text and sheets.RULE in text


def test_workers_who_differ_widen_the_interval_and_one_alone_has_none(made, answered):
    key, (folder, put) = made[1], answered
    widths = []
    for spread in (0, 0.4):
        for k in range(10):
            rates = {name: 0.5 + spread * (-1) ** k for name in RATES}
            put(f"{k}.json", visit(key, f"w{k}", np.random.default_rng(k), rates, ["realism"]))
        figures = study.report(folder)["figures"]
        widths.append(figures["R2G"]["high"] - figures["R2G"]["low"])
        assert figures["pose, gen."] is None
    assert widths[1] > 4 * widths[0]
    alone = study.report(folder, [folder / "answers" / "0.json"])["figures"]["R2G"]
    assert alone["workers"] == 1 and alone["low"] is None


def as_csv(path, one):
    with open(path, "w", encoding="utf-8", newline="") as file:
        names = ["study", "sheet", "worker", "begun", "ended", "task", "item", "practice", "answer", "ms"]
        table = csv.DictWriter(file, names, extrasaction="ignore")
        table.writeheader()
        table.writerows({**one, **answer} for answer in one["answers"])


def test_a_sheet_in_two_files_counts_once_and_a_file_may_hold_many(made, answered):
    key, (folder, put) = made[1], answered
    ada, ben = visit(key, "ada"), visit(key, "ben", np.random.default_rng(1))
    put("both.json", [ada, ben])
    as_csv(folder / "answers" / "ada.csv", ada)
    facts = study.report(folder)
    assert facts["kept"] == 6 and facts["dropped"] == []
    (folder / "answers" / "both.json").unlink()
    as_csv(folder / "answers" / "ben.csv", ben)
    joined = "".join((folder / "answers" / f"{name}.csv").read_text(encoding="utf-8") for name in ("ada", "ben"))
    for name in ("ada", "ben"):
        (folder / "answers" / f"{name}.csv").unlink()
    put("joined.csv", joined)
    assert study.report(folder)["figures"] == facts["figures"]


def test_sheets_that_are_broken_are_dropped_by_the_rule_each_with_its_reason(made, answered):
    key, (folder, put) = made[1], answered
    put("good.json", visit(key, "good"))
    put("again.json", visit(key, "good", np.random.default_rng(5), tasks=["pose"], begun="2030-01-02"))
    put("short.json", visit(key, "short", tasks=["realism"]) | {"answers": visit(key, "s")["answers"][:60]})
    twice = visit(key, "twice", tasks=["pose"])
    put("twice.json", twice | {"answers": twice["answers"] + twice["answers"][-1:]})
    put("hasty.json", visit(key, "hasty", tasks=["anatomy"], ms=99.0))
    put("same.json", visit(key, "same", rates=RATES | {"R2G": 1, "G2R": 0}, tasks=["realism"]))
    put("other.json", visit(key, "other") | {"study": "0" * 12})
    odd = visit(key, "odd", tasks=["pose"])
    odd["answers"][-1]["answer"] = "perhaps"
    put("odd.json", odd)
    put("none.json", "{")
    put("deep.json", "[" * 100_000)
    put("list.json", [3, {"worker": "w"}, visit(key, "third", tasks=["pose"])])
    put("text.csv", "hello")
    put("notes.txt", "hello")
    (folder / "answers" / "folder.json").mkdir()
    facts = study.report(folder)
    reasons = {(pathlib.Path(one["file"]).stem, one["reason"]) for one in facts["dropped"]}
    assert facts["kept"] == 4
    expected = [
        ("again", "earlier sheet"),
        ("short", "50 of 100 pictures unanswered"),
        ("twice", "answered twice"),
        ("hasty", "100 of 100 answers within 100 ms"),
        ("same", "one answer to all pictures, fake"),
        ("other", "another study (000000000000)"),
        ("odd", "same and different"),
        ("none", "cannot be read"),
        ("deep", "nested too deeply"),
        ("list", "'study' is missing"),
        ("list", "not as the page writes it"),
        ("text", "no answers"),
        ("notes", "neither .json nor .csv"),
    ]
    for stem, why in expected:
        assert any(name == stem and why in reason for name, reason in reasons), (stem, reasons)
    assert len(reasons) == len(expected)
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert all(reason in text for _, reason in reasons)


def test_always_the_same_pose_may_be_true(made, answered):
    key, (folder, put) = made[1], answered
    put("w.json", visit(key, "w", rates=RATES | {"pose, gen.": 1}, tasks=["pose"]))
    assert study.report(folder)["figures"]["pose, gen."]["share"] == 100


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


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no answers in it"), ("{", "none of 1 sheets counts"), ("absent", "absent: not there; give --answers")],
)
def test_a_report_without_answers_is_one_line(answered, capfd, content, says):
    folder, put = answered
    flags = ["study", "--report", "-o", str(folder)]
    if content == "absent":
        flags += ["--answers", "absent"]
    elif content:
        put("a.json", content)
    assert guarded(lambda: dispatch(flags)) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert says in line and not (folder / "report.json").exists()


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
