"""`dpt paint`: many pairs on many workers, painted as the other verbs paint them and called as scoring wants it."""

import csv
import itertools
import json
import threading

import dask_cluster
import exporting
import numpy as np
import pytest
from people import striped, upright
from PIL import Image
from toy import TINY, make_item

pytest.importorskip("apache_beam", reason="painting in bulk runs on Apache Beam: pip install 'dpt_tf[data]'")

import dpt_tf
from dpt_tf import iuv
from dpt_tf.commands import evaluate, paint
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.data import read, records
from dpt_tf.data.prepare import folders
from dpt_tf.evaluation import bulk, pair_files, ready_pictures
from dpt_tf.system.errors import UserError

SIZE = TINY.image_size
VIEWS = {"anna/front": (64, 48), "anna/side": (48, 48), "ben/images/front": (40, 60), "ben/images/walk": (80, 40)}
PAIRS = [("anna/front.png", "anna/side.png"), ("ben/images/front.png", "ben/images/walk_IUV.png")]
PAIRS += [("anna/front.png", "ben/images/walk.png"), ("ben/images/front.png", "anna/side.png")]
NAMES = ["anna-front___anna-side", "ben-front___ben-walk", "anna-front___ben-walk", "ben-front___anna-side"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return exporting.make_run(tmp_path_factory.mktemp("model") / "run", TINY.replace(batch_size=2))


@pytest.fixture
def photos(tmp_path):
    """Two people, two photos each, of four sizes, with their maps, and a table of pairs."""
    folder = tmp_path / "photos"
    for wide, (view, size) in enumerate(VIEWS.items(), 2):
        path = folder / f"{view}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(striped(upright(*size), wide)).save(path)
        Image.fromarray(upright(*size)[..., ::-1]).save(path.with_name(f"{path.stem}_IUV.png"))
    table(folder, PAIRS)
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Two people of noise, six pairs each."""
    folder, rng = tmp_path_factory.mktemp("prepared"), np.random.default_rng(0)
    items = [make_item(name, 3, size=SIZE) for name in ("d", "e")]
    for view in (view for item in items for view in item["views"]):
        view["image"] = iuv.encode(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    records.write(folder, "toy", {"train": items[:1], "test": items}, SIZE, "toy")
    return folder


def table(folder, rows, header="source,target"):
    path = folder / "pairs.csv"
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return path


def painted(run, output, *flags):
    return guarded(lambda: dispatch(["paint", f"--model={run}", f"--output={output}", *map(str, flags)]))


def pictures(folder):
    return {path.stem: path.read_bytes() for path in folder.glob("*.png")}


def numbers(folder):
    return {path.stem: path.stat().st_ino for path in folder.glob("*.png")}


def test_pairs_of_files_are_painted_as_transfer_paints_them(run, photos, tmp_path, capsys):
    output = tmp_path / "out"
    assert painted(run, output, f"--pairs={photos / 'pairs.csv'}") == 0
    assert "4 of 4 pairs painted" in capsys.readouterr().out
    assert sorted(pictures(output)) == sorted(NAMES)
    transfer = dpt_tf.load(run)
    for (source, target), name in zip(PAIRS, NAMES, strict=True):
        with Image.open(output / f"{name}.png") as picture:
            expected = transfer(photos / source, target=photos / target)["image"]
            np.testing.assert_array_equal(np.asarray(picture), expected)
    assert sorted(path.name for path in output.iterdir() if path.suffix != ".png") == [".lock", "painting.json"]


def test_a_pair_that_fails_is_reported_holds_nobody_up_and_is_tried_again(run, photos, tmp_path, capsys):
    output, photo = tmp_path / "out", photos / "ben/images/front.png"
    whole = photo.read_bytes()
    photo.write_bytes(whole[:100])
    verb = [run, output, f"--pairs={photos / 'pairs.csv'}"]
    assert painted(*verb) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("2 pairs failed, ben-front___ben-walk the first") and "cannot be read" in said
    rows = list(csv.DictReader((output / "failures.csv").read_text().splitlines()))
    assert [row["picture"] for row in rows] == [f"{NAMES[1]}.png", f"{NAMES[3]}.png"]
    assert all(row["source"] == str(photo) and str(photo) in row["reason"] for row in rows)
    before = numbers(output)
    assert sorted(before) == sorted([NAMES[0], NAMES[2]])
    photo.write_bytes(whole)
    assert painted(*verb) == 0
    assert not (output / "failures.csv").exists() and sorted(pictures(output)) == sorted(NAMES)
    assert {name: number for name, number in numbers(output).items() if name in before} == before, "painted twice"


def test_pictures_are_called_as_the_data_set_of_the_folder_wants_it(photos, tmp_path):
    people = folders.find(photos).people
    pairs = [(who, a, b) for who, views in people.items() for (a, _), (b, _) in itertools.permutations(views, 2)]
    (tmp_path / "named").mkdir()
    for pair in pair_files.read(table(photos, [(str(a), str(b.relative_to(photos))) for _, a, b in pairs]), photos):
        (tmp_path / "named" / f"{pair.name}.png").touch()
    named = [(who, a.name, b.name) for who, a, b in pairs]
    assert len(ready_pictures.find(tmp_path / "named", named)) == len(named) == 4


def test_scoring_the_pictures_of_a_split_gives_the_scores_of_the_model(run, prepared, tmp_path):
    assert painted(run, tmp_path / "out", f"--data_dir={prepared}") == 0
    for name, model, folder in (("run", run, None), ("pictures", None, tmp_path / "out")):
        evaluate.evaluate(model, prepared, output=tmp_path / name, pictures_dir=folder)
    of_run, of_pictures = (
        json.loads((tmp_path / name / "report.json").read_text())["scores"] for name in ("run", "pictures")
    )
    for row, same in (("full", "ready"), ("copy", "copy")):  # sums of batches of other sizes differ in their last bits
        known = {name: value for name, value in of_run[row].items() if not isinstance(value, str)}
        assert len(known) > 4
        assert {name: of_pictures[same][name] for name in known} == pytest.approx(known, rel=1e-6)


def test_going_on_with_a_split_repaints_the_batches_that_miss_a_picture(run, prepared, tmp_path):
    verb = [run, tmp_path / "out", f"--data_dir={prepared}"]
    assert painted(*verb) == 0
    whole, before = pictures(tmp_path / "out"), numbers(tmp_path / "out")
    names = [ready_pictures.name_of(*pair) for pair in read.list_eval_pairs(prepared)]
    for name in (names[0], names[5]):
        (tmp_path / "out" / f"{name}.png").unlink()
    assert painted(*verb) == 0
    assert pictures(tmp_path / "out") == whole
    after = numbers(tmp_path / "out")
    assert {name for name in names if after[name] == before[name]} == {*names[2:4], *names[6:]}


def test_pairs_that_a_runner_leaves_out_are_missed(photos, tmp_path):
    units = bulk.of_files(pair_files.read(photos / "pairs.csv", photos), tmp_path, tmp_path, "people", None)
    with pytest.raises(UserError, match="4 of 4 pairs were not painted, anna-front___anna-side the first"):
        bulk.run(units, tmp_path, over=lambda units, work, options: None)


def test_pairs_of_one_source_come_together_and_every_pair_comes_once(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "_FILES", 3)
    pairs = pair_files.read(photos / "pairs.csv", photos)
    units = bulk.of_files(pairs, tmp_path, tmp_path, "people", None)
    ordered = [pair for unit in units for pair in unit.pairs]
    assert sorted(ordered, key=pairs.index) == pairs and [len(unit.pairs) for unit in units] == [3, 1]
    sources = [pair.source for pair in ordered]
    assert sum(a != b for a, b in itertools.pairwise(sources)) == len(set(sources)) - 1
    assert len({unit.path for unit in units}) == 2


def test_other_pictures_are_neither_written_over_nor_taken_for_its_own(run, photos, tmp_path, capsys):
    output = tmp_path / "out"
    output.mkdir()
    theirs = output / f"{NAMES[0]}.png"
    theirs.write_bytes(b"theirs")
    assert painted(run, output, f"--pairs={photos / 'pairs.csv'}") == 2
    assert "was not made by this command" in capsys.readouterr().err
    assert theirs.read_bytes() == b"theirs" and not (output / "painting.json").exists()
    own = photos / "a___b.png"
    (photos / "anna/front.png").rename(own)
    rows = [(str(own), "anna/side.png")]
    path = table(photos, rows)
    theirs.unlink()
    (output / f"{photos.name}-a___b___anna-side.png").symlink_to(own)
    assert painted(run, output, f"--pairs={path}") == 2
    assert "would be overwritten by a picture" in capsys.readouterr().err


def test_pictures_of_another_model_are_told(run, photos, tmp_path, capsys):
    (tmp_path / "painting.json").write_text(json.dumps({"weights": "w", "photos": "p", "pose": "small"}))
    assert painted(run, tmp_path, f"--pairs={photos / 'pairs.csv'}") == 2
    assert "holds pictures of another painting (weights w, not " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"", "its columns are none"),
        (b"a,b\n1,2\n", "its columns are a,b; give source,target"),
        (b"source,target,from\n", "its columns are source,target,source"),
        (b"source,target\n", "no pair in it"),
        (b"source,target\na.png\n", "line 2 is no pair"),
        (b"source,target\n\na.png,\n", "line 3 is no pair"),
        (b"source,target\na.png,b.png\na.png,b.png\n", "two pairs would both be painted as"),
        (b"source,target\na.png," + 300 * b"b" + b".png\n", "would be too long"),
        (b"\xff\xfe\x00", "no table of pairs"),
    ],
)
def test_a_table_that_is_none_is_one_line(text, line, tmp_path):
    (tmp_path / "pairs.csv").write_bytes(text)
    with pytest.raises(UserError, match=line) as caught:
        pair_files.read(tmp_path / "pairs.csv", tmp_path)
    assert "pairs.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_deepfashions_own_lists_are_understood(tmp_path):
    name = "fashionWOMENDressesid0000000101_1front.jpg"
    (pair,) = pair_files.read(table(tmp_path, [(name, "x/b.png")], "from,to"), tmp_path)
    assert (pair.source, pair.target) == (str(tmp_path / name), str(tmp_path / "x" / "b.png"))


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ([], "give --pairs=TABLE or --data_dir=DIR"),
        (["--pairs=a.csv", "--data_dir=b"], "give --pairs=TABLE or --data_dir=DIR"),
        (["--data_dir=b", "--photos=c"], "--photos is where the paths of --pairs begin"),
        (["--data_dir=b", "--pose=small"], "--pose makes maps of photos"),
        (["--pairs=a.csv", "--limit=0"], "--limit=0: give 1 or more"),
        (["--pairs=a.csv", "--workers=0"], "--workers=0: give 1 or more"),
        (["--pairs=a.csv"], "a.csv: No such file"),
        (["--data_dir=b"], "no such folder: b"),
        (["--pairs=pipe"], "a folder, where a file is wanted"),
    ],
)
def test_a_mistake_is_one_line_and_paints_nothing(flags, line, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipe").mkdir()
    assert guarded(lambda: dispatch(["paint", "--output=out", *flags])) == 2
    said = capfd.readouterr().err.strip().splitlines()
    assert line in said[-1] and "Traceback" not in "".join(said)
    assert not (tmp_path / "out").exists()


# Several processes


@pytest.mark.slow
def test_two_processes_paint_what_one_paints(run, photos, prepared, tmp_path):
    for name, pairs in (("table", f"--pairs={photos / 'pairs.csv'}"), ("split", f"--data_dir={prepared}")):
        assert painted(run, tmp_path / f"{name}1", pairs) == 0
        assert painted(run, tmp_path / f"{name}2", pairs, "--workers=2") == 0
        assert pictures(tmp_path / f"{name}1") == pictures(tmp_path / f"{name}2")


@pytest.mark.slow
def test_a_worker_of_dask_killed_over_its_pictures_changes_none(run, photos, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(bulk, "_FILES", 4)
    views = [(f"anna/{k}.png", f"anna/{k}_IUV.png") for k in range(12)]
    for photo, mapped in views:
        for name, as_is in ((photo, "anna/front.png"), (mapped, "anna/front_IUV.png")):
            (photos / name).write_bytes((photos / as_is).read_bytes())
    pairs = f"--pairs={table(photos, [(a, b) for a, _ in views[:4] for b, _ in views])}"
    assert painted(run, tmp_path / "alone", pairs) == 0
    with dask_cluster.started(tmp_path) as (address, workers):
        told, killed = tmp_path / "dask" / paint._TOLD, []

        def kill():
            dask_cluster.wait(lambda: list(told.glob("*.done")))
            workers[0].kill()
            killed.append(len(list(told.glob("*.json"))))

        killer = threading.Thread(target=kill)
        killer.start()
        assert painted(run, tmp_path / "dask", pairs, "--runner=DaskRunner", f"--dask_client_address={address}") == 0
        killer.join()
    assert killed[0] < 12, "too late"
    assert pictures(tmp_path / "alone") == pictures(tmp_path / "dask") and len(pictures(tmp_path / "dask")) == 48
    assert not [path for path in (tmp_path / "dask").iterdir() if path.name.startswith(".partial")]
    assert paint._TOLD not in {path.name for path in (tmp_path / "dask").iterdir()}
