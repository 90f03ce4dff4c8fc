"""Scores that stand on a network, over small SavedModels whose answers are known by hand."""

import concurrent.futures
import gc
import hashlib
import http.server
import io
import pathlib
import shutil
import socket
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from scipy import linalg, special

from dpt_tf.errors import UserError
from dpt_tf.metrics import detection, fid, inception, lpips, networks, saved_model

TO_LOGITS = np.array([[2, 0, -1, 1], [0, 3, 1, 0], [1, 1, 0, 4]], np.float32)
TO_FEATURES = np.array([[1, 0, 2, 0, 1], [0, 1, 0, 3, 0], [1, 1, 0, 0, 2]], np.float32)
PUBLISHED = "https://tfhub.dev/tensorflow/tfgan/eval/inception/1"


def small_inception(x, to_logits=TO_LOGITS, to_features=TO_FEATURES):
    """Logits from the mean colour, features (with the axes of a pool) from the colour of the centre."""
    centre = tf.tensordot(x[:, 149:150, 149:150], to_features, 1)
    return {"logits": tf.reduce_mean(x, axis=(1, 2)) @ to_logits, "pool_3": centre}


class Called(tf.Module):
    """What can be called once its `__call__` is set."""

    def __call__(self, *x):
        raise NotImplementedError


def save_function(folder, function, *shapes, dtype=tf.float32, signature="serving_default"):
    """A TF2 SavedModel of a function; `signature=None` leaves only the object to call."""
    specs = [tf.TensorSpec(shape, dtype, name=f"x{i}") for i, shape in enumerate(shapes)]
    module = tf.Module()
    traced = tf.function(lambda *x: function(*x), input_signature=specs)
    if signature is None:
        module = Called()
        module.__call__ = traced
    tf.saved_model.save(
        module, str(folder), signatures={signature: traced.get_concrete_function()} if signature else {}
    )
    return str(folder)


def save_tf1(folder, signature, tags):
    """The small Inception with its weights in variables, as TensorFlow 1 saved it."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 299, 299, 3), "images")
        weights = [v1.get_variable(n, initializer=w) for n, w in (("logits", TO_LOGITS), ("features", TO_FEATURES))]
        session.run(v1.global_variables_initializer())
        outputs = small_inception(x, *weights)
        definition = v1.saved_model.signature_def_utils.predict_signature_def({"images": x}, outputs)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, tags, signature_def_map={signature: definition})
        builder.save()
    return str(folder)


def save_with_variables(folder, called=False):
    """The small Inception of TF2 with its weights in variables; `called`: without signatures."""
    module = Called() if called else tf.Module()
    module.weights = [tf.Variable(TO_LOGITS), tf.Variable(TO_FEATURES)]
    module.run = tf.function(
        lambda x: small_inception(x, *module.weights), input_signature=[tf.TensorSpec((None, 299, 299, 3))]
    )
    if called:
        module.__call__ = module.run
    tf.saved_model.save(module, str(folder), signatures={} if called else module.run)
    return str(folder)


SHAPE = (None, 299, 299, 3)
MAKERS = {
    "TF2, variables": save_with_variables,
    "TF2, default": lambda folder: save_function(folder, small_inception, SHAPE, signature="default"),
    "TF2, called, variables": lambda folder: save_with_variables(folder, called=True),
    "TF2, called": lambda folder: save_function(folder, small_inception, SHAPE, signature=None),
    "TF2, one by one": lambda folder: save_function(folder, small_inception, (1, 299, 299, 3)),
    "TF1, serving_default": lambda folder: save_tf1(folder, "serving_default", ["serve"]),
    "TF1, default without tags": lambda folder: save_tf1(folder, "default", []),
}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return networks.Inception(save_with_variables(tmp_path_factory.mktemp("small") / "inception"))


def plain(colours, size=(12, 9)):
    """One picture of each colour: `[B, 3] -> uint8 [B, H, W, 3]`."""
    return np.broadcast_to(np.uint8(colours)[:, None, None], (len(colours), *size, 3)).copy()


def colours(seed, count):
    return np.random.default_rng(seed).integers(0, 256, (count, 3))


def restored(empty, metric):
    """`empty` after the way over a file."""
    file = io.BytesIO()
    np.savez(file, **metric.state())
    file.seek(0)
    empty.restore(dict(np.load(file, allow_pickle=False)))
    return empty


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
    assert fid.FrechetDistance(network).names == ("FID (another network)",)
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


def refused(load, *parts):
    with pytest.raises(UserError) as caught:
        load()
    line = str(caught.value)
    assert "\n" not in line
    for part in parts:
        assert part in line


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


@pytest.mark.parametrize("make", BROKEN)
def test_what_is_no_inception_is_one_line_that_names_it_and_what_was_found(make, tmp_path):
    handle = make(tmp_path / "model")
    refused(lambda: networks.Inception(handle), f"{handle}: ", BROKEN[make])


def test_a_module_without_any_function_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "model"))
    refused(lambda: networks.Inception(str(tmp_path / "model")), "found no function at all")


def inception_by_hand(drawn, splits=10):
    """The formula as Salimans et al. wrote it, over all pictures at once."""
    p = special.softmax((drawn - 128) / 128 @ TO_LOGITS, axis=1)
    scores = []
    for i in range(splits):
        part = p[i * len(p) // splits : (i + 1) * len(p) // splits]
        kl = part * (np.log(part) - np.log(part.mean(axis=0, keepdims=True)))
        scores.append(np.exp(kl.sum(axis=1).mean()))
    return np.mean(scores), np.std(scores)


def scored(metric, drawn, truth=None, batch=5):
    for start in range(0, len(drawn), batch):
        generated = plain(drawn[start : start + batch])
        y = np.zeros_like(generated) if truth is None else plain(truth[start : start + batch])
        assert metric.update(y, generated) == {}
    return metric


def test_inception_score_agrees_with_the_formula_over_all_pictures(network):
    drawn = colours(1, 47)
    result = scored(inception.InceptionScore(network, 47), drawn).result()
    assert list(result) == ["IS (another network)", "IS deviation (another network)"]
    assert list(result.values()) == pytest.approx(inception_by_hand(drawn), abs=1e-6)


def test_inception_score_is_1_for_equal_pictures_and_the_classes_for_sure_and_varied_ones(tmp_path):
    sure = save_function(tmp_path / "sure", lambda x: small_inception(x, 1e4 * tf.eye(3)), SHAPE)
    network = networks.Inception(sure)
    varied = 255 * np.tile(np.eye(3, dtype=int), (10, 1))
    for drawn, expected in ((varied, 3), (varied[:1].repeat(30, 0), 1)):
        assert list(scored(inception.InceptionScore(network, 30), drawn).result().values()) == pytest.approx(
            [expected, 0], abs=1e-9
        )


def test_parts_of_an_inception_score_add_up_to_the_whole(network):
    drawn = colours(2, 31)
    whole = scored(inception.InceptionScore(network, 31), drawn).result()
    first = scored(inception.InceptionScore(network, 31), drawn[:13], batch=4)
    second = scored(inception.InceptionScore(network, 31, start=13), drawn[13:24])
    first.merge(restored(inception.InceptionScore(network, 31), second))
    assert scored(first, drawn[24:]).result() == pytest.approx(whole, abs=1e-12)


def test_an_inception_score_refuses_missing_and_surplus_pairs(network):
    drawn = colours(3, 12)
    with pytest.raises(ValueError, match="not"):
        scored(inception.InceptionScore(network, 13), drawn).result()
    with pytest.raises(ValueError, match="announced 11 pairs"):
        scored(inception.InceptionScore(network, 11), drawn)
    with pytest.raises(UserError, match="needs 10 pairs, got 9"):
        inception.InceptionScore(network, 9)
    with pytest.raises(ValueError, match="no use for sums"):
        inception.InceptionScore(network, 12).merge(inception.InceptionScore(network, 13))


def fid_by_hand(real, generated):
    x, x_hat = ((drawn - 128) / 128 @ TO_FEATURES[:, :3] for drawn in (real, generated))
    c, c_hat = np.cov(x, rowvar=False), np.cov(x_hat, rowvar=False)
    root = linalg.sqrtm(c @ c_hat).real
    return ((x.mean(0) - x_hat.mean(0)) ** 2).sum() + np.trace(c + c_hat - 2 * root)


@pytest.fixture(scope="module")
def regular(tmp_path_factory):
    """An Inception of three features, so that covariances have full rank."""
    folder = tmp_path_factory.mktemp("regular") / "inception"
    return networks.Inception(save_function(folder, lambda x: small_inception(x, TO_LOGITS, TO_FEATURES[:, :3]), SHAPE))


def test_fid_agrees_with_scipy_over_all_pictures(regular):
    real, generated = colours(4, 40), colours(5, 40) // 2
    result = scored(fid.FrechetDistance(regular), generated, real).result()
    assert result["FID (another network)"] == pytest.approx(fid_by_hand(real, generated), rel=1e-5)


def test_fid_of_gaussians_agrees_with_closed_forms():
    rng = np.random.default_rng(6)
    mean, mean_2 = rng.normal(size=(2, 6))
    apart = ((mean - mean_2) ** 2).sum()
    turn = linalg.qr(rng.normal(size=(6, 6)))[0]
    sigma, sigma_2 = rng.uniform(0.1, 3, (2, 6))
    commuting = [turn * s**2 @ turn.T for s in (sigma, sigma_2)]
    assert fid.distance(mean, commuting[0], mean_2, commuting[1]) == pytest.approx(
        apart + ((sigma - sigma_2) ** 2).sum(), abs=1e-12
    )
    a, b = rng.normal(size=(2, 6))  # of rank one: Tr (C C')^(1/2) = |a b|
    assert fid.distance(mean, np.outer(a, a), mean_2, np.outer(b, b)) == pytest.approx(
        apart + a @ a + b @ b - 2 * abs(a @ b), abs=1e-12
    )
    assert fid.distance(mean, np.zeros((6, 6)), mean_2, commuting[0]) == pytest.approx(apart + (sigma**2).sum())


def test_fid_of_equal_sets_is_zero_though_there_are_fewer_pictures_than_features(network):
    drawn = colours(7, 3)
    assert scored(fid.FrechetDistance(network), drawn, drawn).result()["FID (another network)"] < 1e-12


def test_fid_of_fewer_pictures_than_features_agrees_with_the_exact_root():
    rng = np.random.default_rng(14)
    real, generated = (rng.normal(size=(20, 200)) + shift for shift in (0, 0.1))
    a, b = (x - x.mean(axis=0) for x in (real, generated))
    # Tr (A^T A B^T B)^(1/2) is the sum of the singular values of A B^T, which is 20 x 20 and has no idle direction.
    spread = ((a**2).sum() + (b**2).sum() - 2 * linalg.svdvals(a @ b.T).sum()) / 19
    exact = ((real.mean(axis=0) - generated.mean(axis=0)) ** 2).sum() + spread
    gaussians = [f(x) for x in (real, generated) for f in (lambda x: x.mean(axis=0), lambda x: np.cov(x, rowvar=False))]
    assert fid.distance(*gaussians) == pytest.approx(exact, abs=1e-9)


def test_parts_of_an_fid_add_up_to_the_whole(network):
    real, generated = colours(8, 30), colours(9, 30)
    whole = scored(fid.FrechetDistance(network), generated, real).result()
    first = scored(fid.FrechetDistance(network), generated[:11], real[:11], batch=3)
    second = scored(fid.FrechetDistance(network), generated[11:20], real[11:20])
    first.merge(restored(fid.FrechetDistance(network), second))
    assert scored(first, generated[20:], real[20:]).result() == pytest.approx(whole, rel=1e-9)


def test_fid_refuses_one_pair_and_sums_of_another_network(network, regular):
    with pytest.raises(ValueError, match="at least two pairs, got 1"):
        scored(fid.FrechetDistance(network), colours(10, 1)).result()
    with pytest.raises(ValueError, match="3 features do not belong to an FID of 5"):
        fid.FrechetDistance(network).restore(fid.FrechetDistance(regular).state())


def find(x):
    """The first pixel's colours / 255 as confidences, the second pixel's as classes."""
    return {
        "detection_scores": tf.cast(x[:, 0, 0], tf.float32) / 255,
        "detection_classes": tf.cast(x[:, 0, 1], tf.float32),
        "num_detections": tf.fill([tf.shape(x)[0]], 3.0),
    }


@pytest.mark.parametrize("batch", [1, None])
def test_detection_score_is_the_mean_best_confidence_of_a_person(batch, tmp_path):
    handle = save_function(tmp_path / "ssd_small" / "2", find, (batch, None, None, 3), dtype=tf.uint8)
    y_hat = np.zeros((3, 4, 5, 3), np.uint8)
    y_hat[0, 0, :2] = (51, 102, 255), (1, 1, 15)
    y_hat[1, 0, :2] = (255, 204, 153), (2, 1, 15)
    y_hat[2, 0, :2] = (255, 255, 255), (2, 3, 4)
    for trained_on, name, expected in (
        ("coco", "DS (COCO detector ssd_small/2)", [0.4, 0.8, 0]),
        ("voc", "DS (PASCAL VOC detector ssd_small/2)", [1, 0.6, 0]),
    ):
        score = detection.DetectionScore(networks.detector(handle), trained_on)
        np.testing.assert_allclose(score.update(np.zeros_like(y_hat), y_hat)[name], expected, atol=1e-6)
        part = detection.DetectionScore(networks.detector(handle), trained_on)
        part.update(y_hat[:1], y_hat[:1])
        score.merge(restored(detection.DetectionScore(networks.detector(handle), trained_on), part))
        assert score.result() == pytest.approx({name: (sum(expected) + expected[0]) / 4}, abs=1e-6)
    with pytest.raises(ValueError, match="have coco, voc"):
        detection.DetectionScore(networks.detector(handle), "kitti")


def finds(function):
    """`find` with its two outputs changed: `function(scores, classes)`."""

    def changed(x):
        scores, classes = function(*(find(x)[name] for name in ("detection_scores", "detection_classes")))
        return {"detection_scores": scores, "detection_classes": classes}

    return changed


STRANGE = {
    "found float32 [3] for 3": lambda scores, classes: (scores[:, 0], classes),
    "found float32 [1, 3] for 3": lambda scores, classes: (scores[:1], classes),
    "needs detection_classes of one row of numbers per picture; found object": lambda scores, classes: (
        scores,
        tf.strings.as_string(classes),
    ),
    "found [3, 3] scores, [3, 2] classes": lambda scores, classes: (scores, classes[:, :2]),
    "scores from nan to nan": lambda scores, classes: (scores / 0.0, classes),
    "scores from -3 to 5": lambda scores, classes: (scores * 8 - 3, classes),
}


@pytest.mark.parametrize("says", STRANGE)
def test_a_detector_that_answers_otherwise_is_one_line(says, tmp_path):
    handle = save_function(tmp_path / "model", finds(STRANGE[says]), (None, None, None, 3), dtype=tf.uint8)
    y_hat = np.zeros((3, 4, 5, 3), np.uint8)
    y_hat[0, 0, 0, 0] = 255
    score = detection.DetectionScore(networks.detector(handle))
    refused(lambda: score.update(y_hat, y_hat), f"{handle}: needs", says)


def test_what_is_no_detector_is_refused(tmp_path):
    handle = save_function(tmp_path / "model", find, (1, None, None, 3))
    refused(lambda: networks.detector(handle), handle, "needs a function of uint8", "x0: float32 [1, None, None, 3]")


def far(x, y):
    return {"distance": tf.reduce_mean(tf.abs(x - y), axis=(1, 2, 3), keepdims=True)}


@pytest.mark.parametrize("signature", ["serving_default", None])
def test_lpips_feeds_both_pictures_in_the_unit_range(signature, tmp_path):
    free = (None, None, None, 3)
    handle = save_function(tmp_path / "lpips_alex", far, free, free, signature=signature)
    score = lpips.Lpips(networks.perceptual(handle))
    y, y_hat = plain([(255, 255, 255), (0, 0, 0), (9, 9, 9)]), plain([(0, 0, 0), (51, 51, 51), (9, 9, 9)])
    np.testing.assert_allclose(score.update(y, y_hat)["LPIPS (lpips_alex)"], [2, 0.4, 0], atol=1e-6)
    part = lpips.Lpips(networks.perceptual(handle))
    part.update(y[:1], y_hat[:1])
    score.merge(restored(lpips.Lpips(networks.perceptual(handle)), part))
    assert score.result() == pytest.approx({"LPIPS (lpips_alex)": 1.1}, abs=1e-6)


def test_an_lpips_network_of_another_size_or_with_one_number_per_batch_is_refused(tmp_path):
    fixed = save_function(tmp_path / "fixed", far, (None, 64, 64, 3), (None, 64, 64, 3))
    y = plain(colours(11, 2))
    refused(lambda: lpips.Lpips(networks.perceptual(fixed)).update(y, y), fixed, "[None, 64, 64, 3]", "(2, 12, 9, 3)")
    free = (None, None, None, 3)
    mixing = save_function(tmp_path / "mixing", lambda x, y: {"d": tf.reduce_mean(x - y)}, free, free)
    refused(lambda: lpips.Lpips(networks.perceptual(mixing)).update(y, y), mixing, "found [1] for 2 pairs")
    endless = save_function(tmp_path / "endless", lambda x, y: {"d": (x - y)[:, 0, 0, 0] / 0.0}, free, free)
    refused(
        lambda: lpips.Lpips(networks.perceptual(endless)).update(y, y), "found [2] for 2 pairs, some infinite or NaN"
    )
    words = save_function(tmp_path / "words", lambda x, y: {"d": tf.strings.as_string((x - y)[:, 0, 0, 0])}, free, free)
    refused(lambda: lpips.Lpips(networks.perceptual(words)).update(y, y), "found [2] for 2 pairs of object")
    one = save_function(tmp_path / "one", lambda x: {"d": x[:, 0, 0, 0]}, free)
    refused(lambda: networks.perceptual(one), one, "float32 [B, H, W, 3] and float32 [B, H, W, 3] to one output")


def test_a_score_without_its_network_says_which_flag_gives_it():
    absent = networks.absent("FID", "inception")
    assert absent.update(plain(colours(12, 2)), plain(colours(13, 2))) == {}
    restored(absent, absent)
    absent.merge(absent)
    assert absent.result() == {"FID": "not computed: give --inception=HANDLE_OR_FOLDER"}


def test_a_home_folder_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save_with_variables(tmp_path / "inception")
    assert pathlib.Path("~/inception").expanduser().is_dir()
    assert networks.Inception("~/inception").classes == 4
