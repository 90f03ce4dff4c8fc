"""A network is had from wherever it is, or refused in one line that says what was found."""

import concurrent.futures
import gc
import hashlib
import http.server
import os
import pathlib
import shutil
import socket
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from small_networks import (
    MAKERS,
    PUBLISHED,
    SHAPE,
    TO_FEATURES,
    TO_LOGITS,
    colours,
    far,
    find,
    plain,
    refused,
    restored,
    save_function,
    save_with_variables,
    small_inception,
)

from dpt_tf.metrics import fid, inception, lpips, networks, saved_model


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return networks.Inception(save_with_variables(tmp_path_factory.mktemp("small") / "inception"))


@pytest.mark.parametrize("form", MAKERS)
def test_every_form_of_a_saved_model_gives_the_same(form, tmp_path):
    network = networks.Inception(MAKERS[form](tmp_path / "model"))
    gc.collect()
    drawn = colours(0, 3)
    outputs = network(plain(drawn))
    x = (drawn.astype(np.float32) - 128) / 128
    np.testing.assert_allclose(outputs["logits"], x @ TO_LOGITS, atol=1e-5)
    np.testing.assert_allclose(outputs["pool_3"], x @ TO_FEATURES, atol=1e-5)
    assert (network.classes, network.features) == (4, 5)


def test_pictures_are_resized_with_half_pixel_centres(network):
    two = np.zeros((1, 2, 2, 3), np.uint8)
    two[:, :, 1] = 254
    np.testing.assert_allclose(network(two)["pool_3"], [[-1 / 128] * 3] @ TO_FEATURES, atol=1e-5)


def test_a_batch_is_computed_once_for_all_who_ask(network, monkeypatch):
    runs = []
    run = network._run
    monkeypatch.setattr(network, "_run", lambda pictures: runs.append(len(pictures)) or run(pictures))
    y, y_hat = plain(colours(50, 2)), plain(colours(51, 2))
    for generated in (y_hat, y_hat // 2):
        score, distance = inception.InceptionScore(network, 10), fid.FrechetDistance(network)
        score.update(y, generated)
        distance.update(y, generated)
    assert len(runs) == 3  # the truth and two generated batches
    y[0] += 1
    network(y)
    assert len(runs) == 4  # the same array with other pictures in it
    black = np.zeros((2, 4, 4, 3), np.uint8)
    assert [len(network(batch)["logits"]) for batch in (black, black.reshape(1, 8, 4, 3))] == [2, 1]


def test_rows_that_ask_at_once_get_what_they_get_one_after_the_other(network, monkeypatch):
    runs = []
    run = network._run
    monkeypatch.setattr(
        network, "_run", lambda pictures: runs.append(len(pictures)) or time.sleep(0.01) or run(pictures)
    )
    truth, rows = plain(colours(60, 2)), [plain(colours(61 + i, 2)) for i in range(5)]
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        for _ in range(3):
            found = list(pool.map(lambda row: (network(row)["logits"], network(truth)["logits"]), rows))
    assert len(runs) == 6
    for row, (ours, of_truth) in zip(rows, found, strict=True):
        np.testing.assert_array_equal(ours, network(row)["logits"])
        np.testing.assert_array_equal(of_truth, network(truth)["logits"])


def test_of_an_error_of_tensorflow_the_telling_line_is_given(tmp_path):
    def fixed(x):
        return find(tf.ensure_shape(tf.reshape(x, (-1, 300, 300, 3)), (None, 300, 300, 3)))

    handle = save_function(tmp_path / "model", fixed, (None, None, None, 3), dtype=tf.uint8)
    line = "Input to reshape is a tensor with 12288 values, but the requested shape requires a multiple of 270000"
    refused(lambda: list(networks.detector(handle)(tf.zeros((1, 64, 64, 3), tf.uint8))), f"{handle}: fails on", line)


def test_a_single_output_may_come_as_a_tuple_and_other_things_are_refused(tmp_path):
    free = (None, None, None, 3)
    y = plain(colours(70, 2))
    handle = save_function(tmp_path / "one", lambda *x: (far(*x)["distance"],), free, free, signature=None)
    assert lpips.Lpips(networks.perceptual(handle)).update(y, y)["LPIPS (one)"].tolist() == [0, 0]
    handle = save_function(tmp_path / "two", lambda *x: x, free, free, signature=None)
    refused(lambda: lpips.Lpips(networks.perceptual(handle)).update(y, y), "needs tensors for outputs; found a tuple")


def test_only_the_shape_of_2015_gives_scores_their_plain_names(network, tmp_path):
    published = save_published(tmp_path / "tfgan" / "eval" / "inception" / "1")
    assert networks.Inception(published).named("IS") == "IS"
    assert "Inception of 2015-12-05, judged by its 1008 classes, 2048 features" in networks.Inception(published).label
    assert inception.InceptionScore(network, 10).names == ("IS (another network)", "IS deviation (another network)")
    assert fid.FrechetDistance(network).names == ("FID (test, another network)",)
    assert "not comparable with published IS/FID" in network.label


def save_published(folder):
    maps = tf.ones((3, 1008)), tf.ones((3, 2048))
    return save_function(folder, lambda x: small_inception(x, *maps), SHAPE)


def test_a_handle_that_was_downloaded_before_needs_no_net(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", offline)
    save_published(tmp_path / hashlib.sha1(PUBLISHED.encode()).hexdigest())
    assert networks.Inception(PUBLISHED).label == f"Inception of 2015-12-05 ({PUBLISHED})"


def offline(*args, **kwargs):
    raise socket.gaierror(-2, "Name or service not known")


def test_a_handle_without_net_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", offline)
    refused(lambda: networks.Inception(PUBLISHED), PUBLISHED, "Name or service not known", "give the folder")


def test_a_silent_server_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(saved_model, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        handle = f"http://127.0.0.1:{server.getsockname()[1]}/model"
        start = time.monotonic()
        refused(lambda: networks.Inception(handle), handle, "timed out", "give the folder")
    assert time.monotonic() - start < 10
    assert socket.getdefaulttimeout() is None


# TF-Hub leaves the answer's socket to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("status", [200, 404])
def test_a_server_that_has_no_model_is_one_line(status, tmp_path, monkeypatch):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>no model of this name</html>")

        def log_message(self, *args):
            pass

    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        handle = f"http://127.0.0.1:{server.server_port}/model"
        try:
            refused(lambda: networks.Inception(handle), handle, "cannot be loaded")
        finally:
            server.shutdown()
            thread.join()
    gc.collect()


def test_keras_without_net_is_one_line(monkeypatch):
    def unreachable(**kwargs):
        raise Exception("URL fetch failure on https://example.org/weights.h5: None -- refused")

    monkeypatch.setattr("keras.applications.InceptionV3", unreachable)
    refused(lambda: networks.Inception("keras"), "keras", "URL fetch failure", "give the folder")


def test_keras_inception_is_fed_its_own_range_and_labelled_as_another_network(monkeypatch):
    import keras

    def small(weights, classifier_activation):
        assert (weights, classifier_activation) == ("imagenet", None)
        inputs = keras.Input((299, 299, 3))
        pooled = keras.layers.GlobalAveragePooling2D(name="avg_pool")(inputs)
        return keras.Model(inputs, keras.layers.Dense(2, kernel_initializer="ones")(pooled))

    monkeypatch.setattr("keras.applications.InceptionV3", small)
    network = networks.Inception("keras")
    outputs = network(plain([(255, 0, 0), (255, 255, 255)]))
    np.testing.assert_allclose(outputs["pool_3"], [[1, -1, -1], [1, 1, 1]], atol=1e-5)
    np.testing.assert_allclose(outputs["logits"], [[-1, -1], [3, 3]], atol=1e-5)
    assert network.named("IS") == "IS (Keras InceptionV3)"
    assert "not comparable" in network.label


def no_folder(folder):
    return str(folder)


def empty_folder(folder):
    folder.mkdir()
    return str(folder)


def folder_of_versions(folder):
    save_function(folder / "1", small_inception, SHAPE)
    return str(folder)


def cut_short(folder):
    save_with_variables(folder)
    whole = (folder / "saved_model.pb").read_bytes()
    (folder / "saved_model.pb").write_bytes(whole[: len(whole) // 2])
    return str(folder)


def without_variables(folder):
    save_with_variables(folder)
    shutil.rmtree(folder / "variables")
    return str(folder)


def not_finite(folder):
    return save_function(folder, lambda x: small_inception(x / 0.0), SHAPE)


def one_row_for_all(folder):
    def mixed(x):
        return {name: tf.reduce_sum(value, 0, keepdims=True) for name, value in small_inception(x).items()}

    return save_function(folder, mixed, SHAPE)


BROKEN = {
    no_folder: "no such folder",
    empty_folder: "no saved_model.pb; found nothing",
    folder_of_versions: "no saved_model.pb; found 1",
    cut_short: "cannot be loaded",
    without_variables: "cannot be loaded",
    not_finite: "not finite",
    one_row_for_all: "found logits [1, 4], pool_3 [1, 5] for 2 pictures",
    lambda f: save_function(f, small_inception, SHAPE, signature="serve"): "found signatures serve only",
    lambda f: save_function(f, lambda x: {"dense": x[:, 0, 0]}, SHAPE): "float32 [None, 299, 299, 3]) -> dense",
    lambda f: save_function(f, small_inception, (None, 224, 224, 3)): "found serving_default (x0: float32 [None, 224",
    lambda f: save_function(f, small_inception, (8, 299, 299, 3)): "found serving_default (x0: float32 [8, 299",
    lambda f: save_function(f, lambda x, y: small_inception(x + y), SHAPE, SHAPE): "x0: float32",
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among files here")
def test_a_pipe_in_a_saved_model_is_not_waited_for(tmp_path):
    handle = tmp_path / "model"
    save_with_variables(handle)
    (handle / "variables" / "variables.index").unlink()
    os.mkfifo(handle / "variables" / "variables.index")
    refused(lambda: networks.Inception(str(handle)), f"{handle}/variables/variables.index: a pipe or a device")


@pytest.mark.parametrize("make", BROKEN)
def test_what_is_no_inception_is_one_line_that_names_it_and_what_was_found(make, tmp_path):
    handle = make(tmp_path / "model")
    refused(lambda: networks.Inception(handle), f"{handle}: ", BROKEN[make])


def test_a_module_without_any_function_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "model"))
    refused(lambda: networks.Inception(str(tmp_path / "model")), "found no function at all")


def test_a_score_without_its_network_says_which_flag_gives_it():
    absent = networks.absent("FID", "inception")
    assert absent.update(plain(colours(12, 2)), plain(colours(13, 2))) == {}
    restored(absent, absent)
    assert absent.result() == {"FID": "not computed: give --inception=HANDLE_OR_FOLDER"}


def test_a_home_folder_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save_with_variables(tmp_path / "inception")
    assert pathlib.Path("~/inception").expanduser().is_dir()
    assert networks.Inception("~/inception").classes == 4
