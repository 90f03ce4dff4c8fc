"""`dpt build` on trees of made people: what is stored, what is left out, and that workers change nothing."""

import io
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import trees
from PIL import Image

pytest.importorskip("apache_beam", reason="building runs on Apache Beam: pip install 'dpt_tf[data]'")

from dpt_tf import iuv
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.config import HParams
from dpt_tf.data import read, records
from dpt_tf.data.prepare import pipeline

DATASETS = pathlib.Path(__file__).resolve().parents[1] / "datasets"
SIZE = 96


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Ten outfits of three views, two for testing; then one map is lost, one picture cut, one map a garment's."""
    folder = tmp_path_factory.mktemp("deepfashion")
    trees.make(trees.Tree("deepfashion", folder, items=10, views=3, size=SIZE, test_items=2))
    maps = sorted((folder / "densepose").iterdir())
    maps[0].unlink()
    Image.new("RGB", (SIZE, SIZE)).save(maps[4])
    maps[7].write_bytes(b"GIF89a")
    (photo,) = folder.glob("Img/img/WOMEN/Dresses/id_00000001/01_2_side.jpg")
    photo.write_bytes(photo.read_bytes()[:300])
    return folder


def build(folder, output, *flags, builder="deepfashion_pairs"):
    flags = (f"--manual_dir={folder}", f"--data_dir={output}", f"--size={SIZE}", *flags)
    return guarded(lambda: dispatch(["build", str(DATASETS / builder), *flags]))


@pytest.fixture(scope="module")
def built(tree, tmp_path_factory):
    """The tree, built once."""
    output = tmp_path_factory.mktemp("built")
    assert build(tree, output) == 0
    return output


def items(prepared, split):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(prepared.directory)
    decoders = {"views": {"image": tfds.decode.SkipDecoding(), "iuv": tfds.decode.SkipDecoding()}}
    return {item["id"].decode(): item["views"] for item in tfds.as_numpy(builder.as_dataset(split, decoders=decoders))}


def test_what_cannot_be_used_is_left_out_counted_and_listed_with_the_reason(built, tree):
    prepared = records.open_prepared(built)
    report = json.loads((prepared.directory / "report.json").read_text())
    kinds = [fault["kind"] for fault in report["left_out"]]
    assert sorted(kinds) == [
        "map that cannot be used", "no map", "no person in its map", "picture that cannot be used"
    ]  # fmt: skip
    assert sum(prepared.views.values()) == 30 - 4
    assert {split: report["splits"][split]["views"] for split in prepared.views} == prepared.views
    text = (prepared.directory / "report.txt").read_text()
    assert "01_2_side.jpg: a picture that cannot be read" in text
    assert "left out, no map: 1" in text


def test_no_item_is_in_two_splits_and_pairs_have_both_their_views(built, tree):
    prepared = records.open_prepared(built)
    train, test = items(prepared, "train"), items(prepared, "test")
    assert len(train) == 8
    assert len(test) == 2
    assert train.keys().isdisjoint(test)
    listed = (tree / "fasion-pairs-test.csv").read_text().splitlines()[1:]
    names = {name.decode() for views in test.values() for name in views["name"]}
    wanted = [tuple(trees_key(name) for name in line.split(",")) for line in listed]
    kept = [pair for pair in wanted if set(pair) <= names]
    hparams = HParams(image_size=SIZE, batch_size=4)
    batches = read.eval_pairs(built, hparams).as_numpy_iterator()
    seen = [
        (source.decode(), target.decode())
        for _, _, n in batches
        for source, target in zip(n["source"], n["target"], strict=True)
    ]
    assert seen == kept
    assert prepared.pairs["test"] == len(kept)
    inputs, _ = next(iter(read.train_batches(built, hparams.replace(source_pose="keypoints"), "joint")))
    assert inputs["source_keypoints"].shape == (4, 18, 2)


def test_a_try_with_few_items_has_a_name_of_its_own(tree, tmp_path):
    assert build(tree, tmp_path, "--max_items=1") == 0
    prepared = records.open_prepared(tmp_path)
    assert prepared.items == {"train": 1, "test": 1}
    assert "dsc-96-first1" in str(prepared.directory)


def test_tfds_build_says_a_mistake_in_one_line(tmp_path):
    command = [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build", str(DATASETS / "mvc_pairs")]
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "holiday.jpg").touch()
    done = subprocess.run(
        [*command, f"--manual_dir={tmp_path / 'pictures'}", f"--data_dir={tmp_path / 'out'}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no picture named as MVC's are" in done.stderr.splitlines()[-1]


def test_tfds_opens_it_by_its_bare_name(built):
    import tensorflow_datasets as tfds

    builder = tfds.builder("deepfashion_pairs/dsc-96", data_dir=built)
    assert builder.info.splits["train"].num_examples == 8
    assert "deepfashion" in builder.info.citation


def trees_key(name):
    from dpt_tf.data.prepare import deepfashion

    return deepfashion.key(name.removesuffix(".jpg"))


def test_photos_of_the_right_size_pass_through_byte_for_byte_and_maps_are_what_the_reader_gives(built, tree):
    views = items(records.open_prepared(built), "train")["MEN-Tees_Tanks-id_00000002-01"]
    photo = tree / "Img/img/MEN/Tees_Tanks/id_00000002"
    for name, image, stored in zip(views["name"], views["image"], views["iuv"], strict=True):
        view = name.decode().removeprefix("MEN-Tees_Tanks-id_00000002-")
        assert image == (photo / f"{view}.jpg").read_bytes()
        given = iuv.read(tree / "densepose" / f"{name.decode()}_densepose.png")
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(stored))), given)


def test_strict_stops_writes_nothing_and_lists_everything(tree, tmp_path, capsys):
    assert build(tree, tmp_path, "--strict") == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "strict: 4 things would have been left out" in said
    assert not list(tmp_path.rglob("*.tfrecord*"))
    (text,) = tmp_path.glob("*-report.txt")
    assert len([line for line in text.read_text().splitlines() if line.startswith("    ")]) == 4


def test_workers_and_runs_write_the_same(built, tree, tmp_path):
    assert build(tree, tmp_path, "--workers=2") == 0
    one, two = (records.open_prepared(folder).directory for folder in (built, tmp_path))
    files = sorted(path.name for path in one.iterdir())
    assert files == sorted(path.name for path in two.iterdir())
    for name in files:
        if name.endswith(".csv") or ".tfrecord" in name:
            assert (one / name).read_bytes() == (two / name).read_bytes()


def test_a_second_build_needs_overwrite_and_a_failed_one_leaves_the_first(built, tree, capsys):
    before = {path: path.read_bytes() for path in records.open_prepared(built).directory.iterdir()}
    assert build(tree, built) == 2
    assert "--overwrite builds it anew" in capsys.readouterr().err
    assert build(tree, built, "--overwrite", "--strict") == 2
    assert {path: path.read_bytes() for path in records.open_prepared(built).directory.iterdir()} == before
    assert build(tree, built, "--overwrite") == 0
    assert not [path for path in built.iterdir() if path.name.startswith(".") and "partial" in path.name]


def test_ready_maps_of_the_large_pictures_fit_the_small_padded_ones(tmp_path):
    folder, item = tmp_path / "tree", "WOMEN-Dresses-id_00000001-01"
    folder.mkdir()
    for view in ("1_front", "2_side"):
        large = np.zeros((1101, 750, 3), np.uint8)
        large[300:900, 200:500] = (2, 100, 50)
        Image.fromarray(large[..., ::-1]).save(folder / f"{item}_{view}_densepose.png")
        Image.new("RGB", (256, 256), "white").save(folder / f"{item}_{view}.jpg")
    assert build(folder, tmp_path / "out", "--config=all") == 0
    (views,) = items(records.open_prepared(tmp_path / "out"), "train").values()
    stored = np.asarray(Image.open(io.BytesIO(views["iuv"][0])))
    rows, columns = np.nonzero(stored[..., 0])
    scale = SIZE / 1101
    assert abs(rows.min() - 300 * scale) < 1
    assert abs(columns.min() - (200 + 175) * scale) < 1
    assert abs(columns.max() - (500 + 175) * scale) < 1.5


def test_high_resolution_pictures_are_padded_to_a_square_with_their_maps(tmp_path):
    folder, item = tmp_path / "Img/img_highres/WOMEN/Dresses/id_00000001", "WOMEN-Dresses-id_00000001-01"
    folder.mkdir(parents=True)
    marked = np.zeros((1101, 750, 3), np.uint8)
    marked[300:900, 200:500] = (2, 100, 50)
    photo = np.where(marked[..., :1] > 0, 255, np.zeros((1, 1, 3))).astype(np.uint8)
    for view in ("1_front", "2_side"):
        Image.fromarray(photo).save(folder / f"01_{view}.jpg", quality=95)
        Image.fromarray(marked).save(tmp_path / f"{item}_{view}_IUV.png")
    assert build(tmp_path, tmp_path / "out", "--config=all") == 0
    (views,) = items(records.open_prepared(tmp_path / "out"), "train").values()
    body = np.asarray(Image.open(io.BytesIO(views["iuv"][0])))[..., 0] > 0
    bright = np.asarray(Image.open(io.BytesIO(views["image"][0]))).mean(-1) > 127
    assert bright.shape == (SIZE, SIZE)
    assert (body != bright).mean() < 0.01
    assert views["image"][0].startswith(b"\xff\xd8"), "a JPEG's picture stays a JPEG"


def test_a_shard_that_is_begun_again_replaces_what_a_dead_worker_left(tree, tmp_path):
    from dpt_tf.data.prepare import deepfashion

    found = deepfashion.catalogue(tree, "dsc")
    outfits = tuple(found.splits["test"])
    shard = pipeline.Shard("test", 0, str(tmp_path / ".test-00000"), SIZE, "joints", True, outfits)
    (tmp_path / ".test-00000").write_bytes(b"half")
    pipeline.write_shard(shard)
    once = (tmp_path / ".test-00000").read_bytes()
    pipeline.write_shard(shard)
    assert (tmp_path / ".test-00000").read_bytes() == once != b"half"
    ((_, outcome),) = pipeline.collect([shard])
    assert outcome.counts.items == 2
    assert [path.name for path in tmp_path.iterdir()] == [".test-00000"]


def test_mvc_goes_the_same_way(tmp_path):
    trees.make(trees.Tree("mvc", tmp_path / "tree", items=4, views=3, size=SIZE))
    assert build(tmp_path / "tree", tmp_path / "out", builder="mvc_pairs") == 0
    prepared = records.open_prepared(tmp_path / "out")
    assert prepared.items == {"train": 3, "test": 1}
    assert prepared.pairs == {"train": 27, "test": 6}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["datasets/absent", "--manual_dir=.", "--data_dir=x"], "datasets/absent: no builder"),
        ([str(DATASETS / "mvc_pairs"), "--manual_dir=absent", "--data_dir=x"], "absent: no such folder"),
        ([str(DATASETS / "mvc_pairs"), "--manual_dir=empty", "--data_dir=x"], "empty is empty; docs/data.md says"),
        ([str(DATASETS / "mvc_pairs"), "--manual_dir=.", "--data_dir=x", "--size=4"], "--size=4: give 16 to 4096"),
        ([str(DATASETS / "mvc_pairs"), "--manual_dir=.", "--data_dir=x", "--workers=0"], "--workers=0: give 1 or more"),
        ([str(DATASETS / "mvc_pairs"), "--manual_dir=.", "--data_dir=x", "--max_items=0"], "give 1 or more"),
        (
            [str(DATASETS / "mvc_pairs"), "--manual_dir=gs://b/x", "--data_dir=x"],
            "gs://b/x: pictures are read",
        ),
        ([str(DATASETS / "mvc_pairs"), "--manual_dir=.", "--data_dir=x", "--config=dsc"], "no config dsc; have all"),
        ([str(DATASETS / "mvc_pairs"), "--manual_dir=.", "--data_dir=x"], "no picture named as MVC's are"),
        ([str(DATASETS / "deepfashion_pairs"), "--manual_dir=.", "--data_dir=x"], "no picture named as DeepFashion's"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(flags, message, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert guarded(lambda: dispatch(["build", *flags])) == 2
    said = capfd.readouterr().err.strip().splitlines()
    assert message in said[-1]
    assert "Traceback" not in "".join(said)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_a_bucket_that_does_not_answer_is_one_line(tree, tmp_path, monkeypatch, capsys):
    import tensorflow as tf

    def unreachable(*_):
        raise tf.errors.FailedPreconditionError(None, None, "Could not resolve host\nwhen reading metadata")

    monkeypatch.setattr("dpt_tf.commands.build._builder", unreachable)
    assert build(tree, "gs://nowhere/x") == 2
    assert capsys.readouterr().err == "gs://nowhere/x cannot be reached (Could not resolve host)\n"
