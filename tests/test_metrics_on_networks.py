"""IS, FID, detection score and LPIPS over small SavedModels whose answers are known by hand."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import linalg, special
from small_networks import (
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

from dpt_tf.metrics import detection, fid, inception, lpips, networks
from dpt_tf.system.errors import UserError


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return networks.Inception(save_with_variables(tmp_path_factory.mktemp("small") / "inception"))


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


def test_an_inception_score_that_is_stopped_and_resumed_is_the_whole_one(network):
    drawn = colours(2, 31)
    whole = scored(inception.InceptionScore(network, 31), drawn).result()
    first = scored(inception.InceptionScore(network, 31), drawn[:13], batch=4)
    second = restored(inception.InceptionScore(network, 31), first)
    assert scored(second, drawn[13:]).result() == pytest.approx(whole, abs=1e-12)


def test_an_inception_score_refuses_missing_and_surplus_pairs(network):
    drawn = colours(3, 12)
    with pytest.raises(ValueError, match="not"):
        scored(inception.InceptionScore(network, 13), drawn).result()
    with pytest.raises(ValueError, match="announced 11 pairs"):
        scored(inception.InceptionScore(network, 11), drawn)
    with pytest.raises(UserError, match="needs 10 pairs, got 9"):
        inception.InceptionScore(network, 9)
    with pytest.raises(ValueError, match="no use for sums"):
        inception.InceptionScore(network, 12).restore(inception.InceptionScore(network, 13).state())


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
    assert result["FID (test, another network)"] == pytest.approx(fid_by_hand(real, generated), rel=1e-5)


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
    assert scored(fid.FrechetDistance(network), drawn, drawn).result()["FID (test, another network)"] < 1e-12


def test_fid_of_fewer_pictures_than_features_agrees_with_the_exact_root():
    rng = np.random.default_rng(14)
    real, generated = (rng.normal(size=(20, 200)) + shift for shift in (0, 0.1))
    a, b = (x - x.mean(axis=0) for x in (real, generated))
    # Tr (A^T A B^T B)^(1/2) is the sum of the singular values of A B^T, which is 20 x 20 and has no idle direction.
    spread = ((a**2).sum() + (b**2).sum() - 2 * linalg.svdvals(a @ b.T).sum()) / 19
    exact = ((real.mean(axis=0) - generated.mean(axis=0)) ** 2).sum() + spread
    gaussians = [f(x) for x in (real, generated) for f in (lambda x: x.mean(axis=0), lambda x: np.cov(x, rowvar=False))]
    assert fid.distance(*gaussians) == pytest.approx(exact, abs=1e-9)


def test_an_fid_that_is_stopped_and_resumed_is_the_whole_one(network):
    real, generated = colours(8, 30), colours(9, 30)
    whole = scored(fid.FrechetDistance(network), generated, real).result()
    first = scored(fid.FrechetDistance(network), generated[:11], real[:11], batch=3)
    second = restored(fid.FrechetDistance(network), first)
    assert scored(second, generated[11:], real[11:]).result() == pytest.approx(whole, rel=1e-9)


def test_fid_refuses_one_pair_and_sums_of_another_network(network, regular):
    with pytest.raises(ValueError, match="at least two pairs, got 1"):
        scored(fid.FrechetDistance(network), colours(10, 1)).result()
    with pytest.raises(ValueError, match="3 features do not belong to an FID of 5"):
        fid.FrechetDistance(network).restore(fid.FrechetDistance(regular).state())


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
        resumed = restored(detection.DetectionScore(networks.detector(handle), trained_on), score)
        resumed.update(y_hat[:1], y_hat[:1])
        assert resumed.result() == pytest.approx({name: (sum(expected) + expected[0]) / 4}, abs=1e-6)
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


@pytest.mark.parametrize("signature", ["serving_default", None])
def test_lpips_feeds_both_pictures_in_the_unit_range(signature, tmp_path):
    free = (None, None, None, 3)
    handle = save_function(tmp_path / "lpips_alex", far, free, free, signature=signature)
    score = lpips.Lpips(networks.perceptual(handle))
    y, y_hat = plain([(255, 255, 255), (0, 0, 0), (9, 9, 9)]), plain([(0, 0, 0), (51, 51, 51), (9, 9, 9)])
    np.testing.assert_allclose(score.update(y, y_hat)["LPIPS (lpips_alex)"], [2, 0.4, 0], atol=1e-6)
    resumed = restored(lpips.Lpips(networks.perceptual(handle)), score)
    resumed.update(y[:1], y_hat[:1])
    assert resumed.result() == pytest.approx({"LPIPS (lpips_alex)": 1.1}, abs=1e-6)


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
