"""An FID says which pictures are the real ones and how both sides came to the network, and does what it says."""

import io
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_networks import SHAPE, TO_FEATURES, TO_LOGITS, refused, restored, save_function, small_inception
from toy import make_item

from dpt_tf import config, iuv
from dpt_tf.commands import evaluate
from dpt_tf.data import read, records
from dpt_tf.evaluation import ready_pictures, real_set, score_set
from dpt_tf.metrics import fid, networks

STORED, SIZE = 64, 32


def photos(seed, count, size=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def handle(tmp_path_factory):
    """An Inception of three features: the colour of the centre."""
    folder = tmp_path_factory.mktemp("small") / "inception"
    return save_function(folder, lambda x: small_inception(x, TO_LOGITS, TO_FEATURES[:, :3]), SHAPE)


@pytest.fixture(scope="module")
def network(handle):
    return networks.Inception(handle)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> pathlib.Path:
    """Seven training pictures, of which one is held out, and four people with twelve pairs, in 64 pixels."""
    folder = tmp_path_factory.mktemp("prepared")

    def item(name, views, seed, held_out=()):
        made = make_item(name, views, held_out, size=STORED)
        for view, photo in zip(made["views"], photos(seed, views, STORED), strict=True):
            view["image"] = iuv.encode(photo)
        return made

    splits = {"train": [item("a", 3, 1), item("b", 4, 2, (1,))]}
    splits["test"] = [item(name, 3, 3 + i) for i, name in enumerate("cd")]
    records.write(folder, "toy", splits, STORED, "toy")
    return folder


def test_a_protocol_is_a_real_set_a_filter_and_a_form(network):
    assert len(set(fid.FID_PROTOCOLS)) == 2 * 3 * 3
    assert {"test", "train@256.png", "train@299", "test.jpeg"} < set(fid.FID_PROTOCOLS)
    assert {name for name in fid.FID_PROTOCOLS if fid.real_set(name) == "test"} == set(fid.FID_PROTOCOLS[:9])
    assert fid.FrechetDistance(network, "test@299.png").names == ("FID (test@299.png, another network)",)
    for protocol, moments, says in (
        ("valid", None, "no such FID protocol: 'valid'"),
        ("train", None, r"FID \(train\): needs moments"),
        ("test", lambda: None, r"FID \(test\): has no use for moments"),
    ):
        with pytest.raises(ValueError, match=says):
            fid.FrechetDistance(network, protocol, moments)


def test_filters_are_those_of_pil(network):
    y = photos(0, 2, 300)
    half = fid.prepared(y, "test@256")
    np.testing.assert_array_equal(half[1], np.asarray(Image.fromarray(y[1]).resize((256, 256), Image.BICUBIC)))
    whole = fid.prepared(y, "train@299")
    assert (whole.shape, whole.dtype) == ((2, 299, 299, 3), np.float32)
    blue = Image.fromarray(y[0, :, :, 2].astype(np.float32)).resize((299, 299), Image.BICUBIC)
    np.testing.assert_array_equal(whole[0, :, :, 2], np.asarray(blue).clip(0, 255))
    assert np.abs(whole - np.rint(whole)).max() > 0.1, "nothing is rounded"
    assert fid.prepared(y, "test") is y


def test_a_filter_that_reduces_takes_in_every_pixel_which_the_networks_own_does_not():
    stripes = np.zeros((1, 598 * 2, 598 * 2, 3), np.uint8)
    stripes[:, :, ::4] = 255  # every fourth column is white
    assert abs(fid.prepared(stripes, "test@299").mean(-1) - 255 / 4)[:, 9:-9, 9:-9].max() < 8
    bilinear = tf.image.resize(tf.cast(stripes, tf.float32), (299, 299)).numpy()
    assert abs(bilinear - 255 / 4).max() > 60


def test_files_are_read_as_they_were_written():
    y = photos(1, 2)
    np.testing.assert_array_equal(fid.prepared(y, "test.png"), y)
    file = io.BytesIO()
    Image.fromarray(y[1]).save(file, "JPEG", quality=75, subsampling="4:2:0")
    np.testing.assert_array_equal(fid.prepared(y, "train.jpeg")[1], np.asarray(Image.open(file)))
    before = fid.prepared(fid.prepared(y, "test@256"), "test.jpeg")
    np.testing.assert_array_equal(fid.prepared(y, "test@256.jpeg"), before)
    after = fid.prepared(fid.prepared(y, "test.jpeg"), "test@299")
    np.testing.assert_array_equal(fid.prepared(y, "test@299.jpeg"), after)


def test_a_picture_of_floats_reaches_the_network_as_it_is(network):
    y = np.full((2, 299, 299, 3), 128.0, np.float32)
    y[1] += 0.25
    np.testing.assert_allclose(network(y)["pool_3"], [[0] * 3, [0.25 / 128] * 3] @ TO_FEATURES[:, :3], atol=1e-6)


def test_the_pictures_of_a_split_come_once_each_without_those_held_out(prepared):
    assert read.count_pictures(prepared, "train") == 6
    every = np.concatenate(list(read.pictures(prepared, "train", batch_size=4).as_numpy_iterator()))
    expected = np.concatenate([photos(1, 3, STORED), photos(2, 4, STORED)[[0, 2, 3]]])
    assert {one.tobytes() for one in every} == {one.tobytes() for one in expected}
    (rest,) = read.pictures(prepared, "train", start=4).as_numpy_iterator()
    np.testing.assert_array_equal(rest, every[4:])


def by_hand(pictures, network, protocol):
    moments = fid.Moments(network.features)
    moments.add(network(fid.prepared(pictures, protocol))["pool_3"])
    return moments.gaussian()


def reduced(pictures):
    """2 x 2 pixels to their mean, as every reading of a run does."""
    return np.rint(pictures.reshape(len(pictures), SIZE, 2, SIZE, 2, 3).mean((2, 4))).astype(np.uint8)


@pytest.mark.parametrize("protocol", ["train", "train@256.png", "train@299.jpeg"])
def test_training_pictures_are_compared_with_from_the_size_that_the_protocol_says(
    protocol, prepared, network, tmp_path
):
    (real,) = read.pictures(prepared, "train").as_numpy_iterator()
    found = real_set.RealSet(prepared, SIZE, tmp_path)
    distance = fid.FrechetDistance(network, protocol, found.moments(protocol, network))
    generated = photos(9, 5)
    distance.update(photos(8, 5), generated)  # the truths have no part in it
    found.compute()
    expected = by_hand(real if "@" in protocol else reduced(real), network, protocol)
    result = distance.result()[f"FID ({protocol}, another network)"]
    assert result == pytest.approx(fid.distance(*expected, *by_hand(generated, network, protocol)), rel=1e-6)
    again = restored(fid.FrechetDistance(network, protocol, found.moments(protocol, network)), distance)
    assert list(again.result().values()) == [result]


def computed(prepared, network, folder, protocol="train", size=SIZE):
    found = real_set.RealSet(prepared, size, folder)
    moments = found.moments(protocol, network)
    found.compute()
    return moments()


def test_moments_are_computed_once_and_gone_on_with_where_they_were_stopped(prepared, network, tmp_path, monkeypatch):
    whole = computed(prepared, network, tmp_path / "whole")
    features, given = fid.features, []

    def stopped(network, pictures, protocol):
        if len(given) == 2:
            raise KeyboardInterrupt
        given.append(len(pictures))
        return features(network, pictures, protocol)

    monkeypatch.setattr(real_set, "_BATCH", 2)
    monkeypatch.setattr(fid, "features", stopped)
    with pytest.raises(KeyboardInterrupt):
        computed(prepared, network, tmp_path / "parts")
    del given[:]
    parts = computed(prepared, network, tmp_path / "parts")
    assert given == [2], "of three batches two were behind it"
    for ours, theirs in zip(parts.gaussian(), whole.gaussian(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-15)
    monkeypatch.setattr(read, "pictures", None)
    assert computed(prepared, network, tmp_path / "whole").count == 6, "nothing is read again"


def test_moments_of_something_else_are_not_taken(prepared, network, tmp_path):
    computed(prepared, network, tmp_path)
    ours = computed(prepared, network, tmp_path, size=STORED).gaussian()
    (real,) = read.pictures(prepared, "train").as_numpy_iterator()
    np.testing.assert_allclose(ours[0], by_hand(real, network, "train")[0], rtol=1e-6)
    (tmp_path / "fid-train.npz").write_bytes(b"torn")
    assert computed(prepared, network, tmp_path).count == 6


def test_one_evaluation_may_have_several_and_needs_a_training_split(prepared, handle, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    pairs = read.list_eval_pairs(prepared)
    for pair, photo in zip(pairs, photos(5, len(pairs), STORED), strict=True):
        Image.fromarray(photo).save(theirs / f"{ready_pictures.name_of(*pair)}.png")
    more = {"pictures_dir": theirs, "fid": "test+train@299.png", "networks": score_set.Networks(inception=handle)}
    evaluate.evaluate(None, prepared, output=tmp_path / "out", **more)
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| FID (test, another network)" in text and "| FID (train@299.png, another network)" in text
    assert (tmp_path / "out" / "fid-train@299.png.npz").is_file()
    only = tmp_path / "only"
    records.write(only, "toy", {"test": [make_item(name, 3, size=STORED) for name in "cd"]}, STORED, "toy")
    refused(lambda: evaluate.evaluate(None, only, output=tmp_path / "none", **more), "has no split train, only test")


def test_a_score_set_without_training_pictures_is_a_mistake_of_the_caller(handle):
    with pytest.raises(ValueError, match="needs moments"):
        score_set.of("dsc", config.preset("small").image_size, 12, score_set.Networks(inception=handle), "train")
