"""Which answers to a study count, and what the report makes of them."""

import csv
import json
import pathlib
import shutil

import numpy as np
import pytest
from study_toys import RATES, folders, visit

from dpt_tf import study
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.study import sheets


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
