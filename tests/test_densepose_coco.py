"""DensePose-COCO from annotations to batches, on a small file of the same form."""

import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from coco_toys import crowd, person, write

from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.data import records, sparse_records
from dpt_tf.data.prepare import densepose_coco
from dpt_tf.data.read import densepose
from dpt_tf.system.errors import UserError

pytest.importorskip("pycocotools.mask", reason="masks are decoded by pycocotools: pip install 'dpt_tf[data]'")


def prepare(annotations, pictures, data_dir, *more):
    flags = f"--annotations={annotations}", f"--pictures={pictures}", f"--data_dir={data_dir}"
    return guarded(lambda: dispatch(["prepare", "--dataset=densepose_coco", *flags, *more]))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    annotations, pictures = write(folder, [crowd(), person(), person(9)])
    assert prepare(annotations, pictures, folder / "data", "--size=48") == 0
    return folder / "data"


def test_points_are_where_the_box_says(tmp_path):
    annotations, _ = write(tmp_path, [person(), crowd()])
    one, many = densepose_coco.read(annotations).people
    np.testing.assert_allclose(one.points[:, :2], [[45, 35], [36, 68], [30, 20]])
    np.testing.assert_allclose(one.points[:, 2:], [[2, 0.25, 0.75], [9, 0.5, 1], [1, 1, 0]])
    assert (many.crowd, one.crowd, len(many.points)) == (True, False, 0)


def test_a_crop_has_its_points_mask_and_colours_in_one_frame(tmp_path):
    annotations, pictures = write(tmp_path, [person()])
    (made,) = densepose_coco.examples(densepose_coco.read(annotations), pictures, 48)
    # The crop is 72 pixels of the photo, from (9, 14) on.
    np.testing.assert_allclose(made.points[:, :2], [[24, 14], [18, 36], [14, 4]], atol=1e-4)
    np.testing.assert_allclose(made.box, [14, 4, 34, 44], atol=1e-4)
    mask = np.zeros((48, 48), np.uint8)
    mask[4:24, 14:34], mask[24:44, 14:24] = 1, 6
    np.testing.assert_array_equal(made.mask, mask)
    centres = (np.arange(48) + 0.5) * 1.5 - 0.5
    assert abs(made.photo[10:40, 24, 1].astype(float) - 2 * (14 + centres[10:40])).max() < 4
    assert abs(made.photo[24, 10:40, 0].astype(float) - 2 * (9 + centres[10:40])).max() < 4


def test_beyond_the_photo_its_border_goes_on(tmp_path):
    annotations, pictures = write(tmp_path, [person(bbox=[60.0, 60.0, 40.0, 60.0])])
    (made,) = densepose_coco.examples(densepose_coco.read(annotations), pictures, 48)
    np.testing.assert_allclose(made.photo[-3:], np.broadcast_to(made.photo[-4], (3, 48, 3)), atol=6)


def test_batches_have_the_form_of_dense_maps(prepared):
    (batch,) = densepose.batches(prepared, "train", 48, 4)
    assert batch["photo"].shape == (2, 48, 48, 3)
    assert batch["photo"].dtype == tf.float32 and batch["part"].dtype == tf.int32 and batch["uv"].dtype == tf.float32
    assert -1 <= float(tf.reduce_min(batch["photo"])) < 0 < float(tf.reduce_max(batch["photo"])) <= 1
    part, uv = batch["part"][0].numpy(), batch["uv"][0].numpy()
    known = {(14, 24): (2, 0.25, 0.75), (36, 18): (9, 0.5, 1), (4, 14): (1, 1, 0)}
    for (row, column), (of, u, v) in known.items():
        assert part[row, column] == of
        np.testing.assert_allclose(uv[row, column], [u, v])
    assert (part > 0).sum() == 3
    assert (part[4:24, 14:34] != 0).all() and (part == -1).sum() == 20 * 20 + 20 * 10 - 3
    assert (part[44:] == 0).all() and (uv[part <= 0] == 0).all()


def test_a_smaller_size_keeps_points_in_their_place(prepared):
    (batch,) = densepose.batches(prepared, "train", 24, 4)
    part = batch["part"][0].numpy()
    assert (part[7, 12], part[18, 9], part[2, 7], (part > 0).sum()) == (2, 9, 1, 3)
    assert batch["photo"].shape == (2, 24, 24, 3)
    with pytest.raises(UserError, match="holds pictures of 48 pixels, 36 is no whole part of it"):
        densepose.batches(prepared, "train", 36, 4)
    with pytest.raises(UserError, match="has no split test, only train"):
        densepose.batches(prepared, "test", 48, 4)


def test_shuffled_batches_are_full_and_do_not_end(prepared):
    found = list(densepose.batches(prepared, "train", 24, 3, seed=1).take(4))
    assert [len(batch["photo"]) for batch in found] == [3] * 4


def test_the_last_of_two_points_in_a_pixel_counts_and_what_lies_outside_does_not():
    points = tf.constant([[1.2, 0.1, 3, 0.1, 0.2], [1.9, 0.9, 4, 0.3, 0.4], [-0.1, 0, 5, 1, 1], [2.0, 0, 5, 1, 1]])
    part, uv = densepose.paint(points, tf.constant([[False, False], [True, False]]))
    np.testing.assert_array_equal(part, [[0, 4], [-1, 0]])
    np.testing.assert_allclose(uv[0, 1], [0.3, 0.4])
    part, _ = densepose.paint(points[:0], tf.constant([[False, False], [True, False]]))
    np.testing.assert_array_equal(part, [[0, 0], [-1, 0]])


def test_tfds_reads_it_without_code_of_ours(prepared):
    (folder,) = records.directories(prepared)
    (one, _) = tfds.builder_from_directory(folder).as_dataset("train").as_numpy_iterator()
    assert one["image"].shape == (48, 48, 3) and one["mask"].shape == (48, 48, 1) and one["points"].shape == (3, 5)
    held = sparse_records.open_sparse(prepared)
    assert (held.people, held.points, held.image_size) == ({"train": 2}, {"train": 6}, 48)


def test_the_verb_tells_what_it_wrote_and_the_rest_says_what_it_is_not(tmp_path, capsys):
    train, pictures = write(tmp_path, [person(), crowd()])
    test, _ = write(tmp_path, [person(5)], "densepose_coco_2014_minival.json")
    assert prepare(train, pictures, tmp_path / "data", "--size=32", f"--test_annotations={test}") == 0
    told = capsys.readouterr().out
    assert "train  1 people, 3 points; 1 people without points or masks left out" in told and "test   1 people" in told
    with pytest.raises(UserError, match=r"single points, no pairs; .*--dataset=densepose_coco --stage=pose"):
        records.open_prepared(tmp_path / "data")


DAMAGED = {
    "lengths": ({"dp_U": [0.5]}, "annotation 7 has no sound"),
    "no such part": ({"dp_I": [2.0, 25.0, 1.0]}, "annotation 7 has no sound"),
    "not a number": ({"dp_x": [float("nan"), 1.0, 1.0]}, "annotation 7 has no sound"),
    "another photo": ({"image_id": 3}, "annotation 7 has no sound"),
    "a box of three": ({"bbox": [1, 2, 3]}, "annotation 7 has no sound"),
    "a text": ({"bbox": "abcd"}, "annotation 7 has no sound"),
    "masks": ({"dp_masks": [{"size": [256, 256], "counts": 5}]}, "mask 1 of annotation 7 is damaged"),
    "small masks": ({"dp_masks": [{"size": [2, 2], "counts": "04"}]}, "mask 1 of annotation 7 is damaged"),
    "no points": ({"dp_x": [], "dp_y": [], "dp_I": [], "dp_U": [], "dp_V": []}, "nobody in it has points"),
    "no masks": ({"dp_masks": [[]] * 14}, "nobody in it has points and masks"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_annotation_is_one_line(tmp_path, capsys, kind):
    change, says = DAMAGED[kind]
    annotations, pictures = write(tmp_path, [person(**change)])
    assert prepare(annotations, pictures, tmp_path / "data") == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert says in told[-1] and "Traceback" not in "".join(told)
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").glob("densepose_coco/*"))


def test_what_is_missing_is_named(tmp_path, capsys, monkeypatch):
    annotations, pictures = write(tmp_path, [person()])
    data = tmp_path / "data"
    empty = tmp_path / "empty"
    empty.mkdir()
    for given, says in (
        ((tmp_path / "none.json", pictures), "none.json: no such file"),
        ((pictures / "train2014" / "COCO_train2014_000000000001.jpg", pictures), "not DensePose-COCO's annotations"),
        ((annotations, tmp_path / "nowhere"), "no such folder"),
        ((annotations, empty), "1 of 1 photos are not in it, the first is COCO_train2014_000000000001.jpg"),
    ):
        assert prepare(*given, data) == 2
        assert says in capsys.readouterr().err
    for flags, says in (
        (["--annotations=a.json"], "--annotations goes with --dataset=densepose_coco"),
        (["--dataset=densepose_coco", "--data_dir=d"], "--annotations, --pictures missing"),
        (["photos"], "--output=DIR missing"),
        ([], "FOLDER and --output=DIR missing"),
    ):
        assert guarded(lambda flags=flags: dispatch(["prepare", *flags])) == 2
        assert says in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    assert prepare(annotations, pictures, data) == 2
    assert "needs pycocotools: pip install 'dpt_tf[data]'" in capsys.readouterr().err
