"""Laws of the batches: which ones come, in what order, and that no step depends on the ones before it."""

import collections

import numpy as np
import pytest
import tensorflow as tf
from toy import make_item

from dpt_tf import config, iuv
from dpt_tf.data import pairing, read, records
from dpt_tf.data.read import stored
from dpt_tf.system.errors import UserError

SIZE = 32
VIEWS = {"a": 3, "b": 4, "c": 1}
HPARAMS = config.preset("small").replace(image_size=SIZE, batch_size=2, neighbours=2, augment=0, matte_weight=0)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Three people to train on, and to test on one with held-out views and one without."""
    train = [make_item(name, views, size=SIZE) for name, views in VIEWS.items()]
    test = [make_item("d", 5, (1, 4), size=SIZE), make_item("e", 3, size=SIZE)]
    folder = tmp_path_factory.mktemp("prepared")
    return records.write(folder, "toy", {"train": train, "test": test}, SIZE, "toy").directory


def pairs_of(batches):
    for inputs, target in batches.as_numpy_iterator():
        for source, source_iuv, target_iuv, wanted in zip(
            inputs["source"], inputs["source_iuv"], inputs["target_iuv"], target, strict=True
        ):
            assert source_iuv[5, 5, 2] == target_iuv[5, 5, 2], "the two views are of different items"
            views = [round(float(image[0, 0, 0] + 1) * 127.5) for image in (source, wanted)]
            assert views == [source_iuv[5, 5, 1], target_iuv[5, 5, 1]], "picture and map are of different views"
            yield int(source_iuv[5, 5, 2]), *views


def test_an_epoch_holds_every_ordered_pair_once_identical_ones_too(prepared):
    wanted = {(n, i, j) for n in VIEWS.values() for i in range(n) for j in range(n)}
    assert read.steps_per_epoch(prepared, HPARAMS, "predictive") == len(wanted) // 2 == 13
    seen = collections.Counter(pairs_of(read.train_batches(prepared, HPARAMS, "joint").take(26)))
    assert set(seen) == wanted
    assert set(seen.values()) == {2}


def test_epochs_and_seeds_differ_in_order(prepared):
    two = list(pairs_of(read.train_batches(prepared, HPARAMS, "predictive").take(26)))
    assert two[:26] != two[26:]
    other = list(pairs_of(read.train_batches(prepared, HPARAMS.replace(seed=1), "predictive").take(13)))
    assert two[:26] != other
    assert two[:26] != sorted(two[:26])


@pytest.mark.parametrize("stage", ["predictive", "inpainting"])
def test_a_batch_depends_on_seed_and_step_alone(prepared, stage):
    tf.random.set_seed(1)
    batches = list(read.train_batches(prepared, HPARAMS, stage).take(40).as_numpy_iterator())
    tf.random.set_seed(2)
    for step in (12, 31):
        again = next(read.train_batches(prepared, HPARAMS, stage, step).as_numpy_iterator())
        tf.nest.map_structure(np.testing.assert_array_equal, again, batches[step])


def test_windows_of_items_change_the_order_only(prepared, monkeypatch):
    monkeypatch.setattr(read.training, "_MOST_ITEMS", 2)
    pairs = list(pairs_of(read.train_batches(prepared, HPARAMS, "joint").take(20)))
    assert len(set(pairs[:26])) == 26
    assert list(pairs_of(read.train_batches(prepared, HPARAMS, "joint", start_step=11).take(9))) == pairs[22:]


def test_neighbours_are_other_views_of_the_item(prepared):
    assert read.steps_per_epoch(prepared, HPARAMS, "inpainting") == 4
    sources = collections.Counter()
    for inputs, target in read.train_batches(prepared, HPARAMS, "inpainting").take(4).as_numpy_iterator():
        assert target["image"].shape == target["iuv"].shape == (2, 2, SIZE, SIZE, 3)
        for source, others in zip(inputs["source_iuv"][:, 5, 5], target["iuv"][:, :, 5, 5], strict=True):
            sources[tuple(source)] += 1
            assert (others[:, 2] == source[2]).all()
            if source[2] > 2:
                assert len({source[1], *others[:, 1]}) == 3, "three different views"
            else:
                assert (others == source).all(), "a lonely view is its own neighbour"
    assert set(sources.values()) == {1}
    assert len(sources) == 8


def test_neighbours_come_twice_only_where_there_are_too_few(prepared):
    hparams = HPARAMS.replace(neighbours=5)
    for inputs, target in read.train_batches(prepared, hparams, "inpainting").take(4).as_numpy_iterator():
        for source, others in zip(inputs["source_iuv"][:, 5, 5], target["iuv"][:, :, 5, 5], strict=True):
            if source[2] > 1:
                assert set(others[:, 1]) == set(range(source[2])) - {source[1]}


def test_shapes_types_and_range_are_the_contract(prepared):
    inputs, target = read.train_batches(prepared, HPARAMS, "predictive").element_spec
    assert {name: spec.dtype for name, spec in inputs.items()} == {
        "source": tf.float32,
        "source_iuv": tf.uint8,
        "target_iuv": tf.uint8,
    }
    assert target.shape == (2, SIZE, SIZE, 3)
    image = stored._to_float(tf.constant([0, 255], tf.uint8))
    assert image.numpy().tolist() == [-1, 1]


def test_keypoints_come_where_a_conditioning_reads_them(prepared):
    hparams = HPARAMS.replace(target_pose="keypoints")
    inputs, _ = next(iter(read.train_batches(prepared, hparams, "predictive")))
    assert "source_keypoints" not in inputs
    np.testing.assert_array_equal(inputs["target_keypoints"][:, 3, 0], inputs["target_iuv"][:, 5, 5, 1])


def test_evaluation_takes_each_test_pair_once_in_a_fixed_order(prepared):
    batches = list(read.eval_pairs(prepared, HPARAMS.replace(batch_size=3)).as_numpy_iterator())
    names = [
        tuple(map(bytes.decode, row))
        for _, _, n in batches
        for row in zip(n["item"], n["source"], n["target"], strict=True)
    ]
    assert [len(target) for _, target, _ in batches] == [3, 3, 2]
    assert read.count_eval_pairs(prepared) == len(names) == 8
    assert [pair[2] for pair in names if pair[0] == "d"] == ["view1", "view4"]
    assert all(pair[1] not in ("view1", "view4") for pair in names if pair[0] == "d")
    assert len({pair for pair in names if pair[0] == "e"}) == 6
    for inputs, target, n in batches:
        for k, name in enumerate(n["target"]):
            assert round(float(target[k, 0, 0, 0] + 1) * 127.5) == int(name[4:]) == inputs["target_iuv"][k, 5, 5, 1]


def test_evaluation_goes_on_where_it_stopped_and_finds_single_pairs(prepared):
    names = names_of(read.eval_pairs(prepared, HPARAMS))
    for start in range(len(names) + 1):
        assert names_of(read.eval_pairs(prepared, HPARAMS, start=start)) == names[start:]
    assert names_of(read.eval_pairs(prepared, HPARAMS, only=[1, 2, 6])) == [names[k] for k in (1, 2, 6)]


def test_a_limit_spreads_over_all_items(prepared):
    (batch,) = list(read.eval_pairs(prepared, HPARAMS.replace(batch_size=9), limit=4).as_numpy_iterator())
    assert set(batch[2]["item"]) == {b"d", b"e"}
    assert len(batch[1]) == 4 == read.count_eval_pairs(prepared, limit=4)


def test_what_a_data_set_cannot_give_is_said_with_the_remedy(prepared, tmp_path):
    with pytest.raises(UserError, match=r"--size 64 .*image_size=32"):
        read.train_batches(prepared, HPARAMS.replace(image_size=64), "joint")
    with pytest.raises(UserError, match="dpt prepare"):
        read.train_batches(tmp_path, HPARAMS, "joint")
    records.write(tmp_path, "toy", {"train": [make_item("a", 1, keypoints=False, size=SIZE)]}, SIZE, "toy")
    with pytest.raises(UserError, match="without keypoints"):
        read.train_batches(tmp_path, HPARAMS.replace(source_pose="keypoints"), "joint")
    with pytest.raises(UserError, match="no split test"):
        read.eval_pairs(tmp_path, HPARAMS)
    with pytest.raises(UserError, match="no pair"):
        read.eval_pairs(tmp_path, HPARAMS, split="train")
    with pytest.raises(ValueError, match="no such stage: all"):
        read.train_batches(tmp_path, HPARAMS, "all")


def names_of(batches):
    return [
        tuple(map(bytes.decode, row))
        for _, _, n in batches.as_numpy_iterator()
        for row in zip(n["item"], n["source"], n["target"], strict=True)
    ]


def test_a_published_list_of_pairs_goes_before_the_rule_in_its_own_order(tmp_path):
    items = [make_item("d", 3, size=SIZE), make_item("e", 4, size=SIZE)]
    prepared = records.write(tmp_path, "toy", {"train": items, "test": items}, SIZE, "toy").directory
    listed = [("e", "view2", "view0"), ("d", "view1", "view2"), ("e", "view1", "view3"), ("d", "view0", "view2")]
    pairing.write_list(prepared / records.PAIR_LIST, listed)
    batches = read.eval_pairs(prepared, HPARAMS.replace(batch_size=3))
    assert names_of(batches) == listed
    for inputs, target, names in batches.as_numpy_iterator():
        for k, (source, name) in enumerate(zip(names["source"], names["target"], strict=True)):
            assert inputs["source_iuv"][k, 5, 5, 1] == int(source[4:])
            assert round(float(target[k, 0, 0, 0] + 1) * 127.5) == int(name[4:]) == inputs["target_iuv"][k, 5, 5, 1]
    assert names_of(read.eval_pairs(prepared, HPARAMS, limit=2)) == [listed[0], listed[2]]
    assert names_of(read.eval_pairs(prepared, HPARAMS, start=3)) == listed[3:]
    assert names_of(read.eval_pairs(prepared, HPARAMS, start=4)) == []
    assert names_of(read.eval_pairs(prepared, HPARAMS, only=[0, 3])) == [listed[0], listed[3]]
    assert len(names_of(read.eval_pairs(prepared, HPARAMS, split="train"))) == 6 + 12
    pairing.write_list(prepared / records.PAIR_LIST, [("e", "view2", "view9")])
    with pytest.raises(UserError, match="e / view9 is not in test"):
        read.eval_pairs(prepared, HPARAMS)


def test_only_views_with_shoulders_and_hips_pair_up_where_the_rule_wants_them(tmp_path, monkeypatch):
    item = make_item("d", 4, size=SIZE)
    item["views"][2]["keypoints"] = np.ones((18, 2), np.int32)
    item["views"][2]["keypoints"][pairing.NEEDED[3]] = -1
    prepared = records.write(tmp_path, "toy", {"train": [item], "test": [item]}, SIZE, "toy")
    metadata = prepared.directory / "metadata.json"
    metadata.write_text(metadata.read_text().replace('"rule": "all"', '"rule": "joints"').replace("16", "9"))
    assert set(pairs_of(read.train_batches(tmp_path, HPARAMS, "joint").take(9))) == {
        (4, source, target) for source in (0, 1, 3) for target in (0, 1, 3)
    }
    assert {pair[1:] for pair in names_of(read.eval_pairs(tmp_path, HPARAMS))} == {
        (f"view{source}", f"view{target}") for source in (0, 1, 3) for target in (0, 1, 3) if source != target
    }
    neighbours = read.train_batches(tmp_path, HPARAMS, "inpainting").take(4).as_numpy_iterator()
    assert {int(view) for inputs, _ in neighbours for view in inputs["source_iuv"][:, 5, 5, 1]} == {0, 1, 2, 3}


def test_larger_pictures_are_reduced_on_reading(tmp_path):
    rng = np.random.default_rng(0)
    item = make_item("d", 2, size=2 * SIZE)
    for view in item["views"]:
        noise = rng.integers(0, 256, (2, 2 * SIZE, 2 * SIZE, 3), np.uint8)
        view["image"], view["iuv"] = iuv.encode(noise[0]), iuv.encode(noise[1])
    records.write(tmp_path, "toy", {"train": [item]}, 2 * SIZE, "toy")
    half = HPARAMS.replace(source_pose="keypoints")
    inputs, target = next(read.train_batches(tmp_path, half, "joint").as_numpy_iterator())
    whole, same = next(read.train_batches(tmp_path, half.replace(image_size=2 * SIZE), "joint").as_numpy_iterator())
    assert target.shape == inputs["source_iuv"].shape == (2, SIZE, SIZE, 3)
    for k in range(2):
        np.testing.assert_array_equal(inputs["source_iuv"][k], iuv.resize(whole["source_iuv"][k], SIZE, SIZE))
    means = same.reshape(2, SIZE, 2, SIZE, 2, 3).mean((2, 4))
    np.testing.assert_allclose(target, means, atol=0.51 / 127.5)
    np.testing.assert_array_equal(inputs["source_keypoints"], whole["source_keypoints"] // 2)
