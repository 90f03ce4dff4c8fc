"""Scores agree with independent references and with hand examples."""

import lookalikes
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dpt_tf import metrics
from dpt_tf.metrics import scores, streams


def pictures(seed, count=4, size=(40, 33)):
    """Smooth random pictures and noisy copies: the range of scores that generated pictures have."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 5, 5, 3)).astype(np.float64)
    y = np.kron(coarse, np.ones((1, 8, 8, 1)))[:, : size[0], : size[1]]
    y_hat = y * rng.uniform(0.6, 1.0, (count, 1, 1, 1)) + rng.normal(0, 20, y.shape)
    return y.astype(np.uint8), y_hat.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("protocol", ["dsc", "skimage"])
def test_ssim_agrees_with_scikit_image(protocol):
    y, y_hat = pictures(0, count=12)
    for truth, generated, ours in zip(y, y_hat, metrics.ssim(y, y_hat, protocol).numpy(), strict=True):
        extent = int(generated.max()) - int(generated.min()) if protocol == "dsc" else 255
        theirs = structural_similarity(
            truth,
            generated,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=extent,
            channel_axis=-1,
        )
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_ssim_agrees_with_scikit_image_on_flat_bright_pictures():
    y = np.full((1, 30, 30, 3), 250, np.uint8)
    y_hat = y.copy()
    y_hat[0, 10:20, 10:20] = 244
    theirs = structural_similarity(
        y[0], y_hat[0], gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=6, channel_axis=-1
    )
    assert float(metrics.ssim(y, y_hat)[0]) == pytest.approx(theirs, abs=1e-3)


def test_the_two_protocols_differ_on_pale_pictures():
    y, y_hat = pictures(1)
    pale = (200 + y_hat // 8).astype(np.uint8)
    assert abs(float(metrics.ssim(y, pale)[0] - metrics.ssim(y, pale, "skimage")[0])) > 0.01


def test_a_generated_picture_of_one_colour_has_a_score():
    black = np.zeros((1, 16, 16, 3), np.uint8)
    assert float(metrics.ssim(black, black)[0]) == 1
    assert np.isfinite(float(metrics.ssim(black + 9, black)[0]))


def test_psnr_agrees_with_scikit_image():
    y, y_hat = pictures(2)
    theirs = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(y, y_hat, strict=True)]
    np.testing.assert_allclose(metrics.psnr(y, y_hat), theirs, atol=1e-3)


def test_l1_of_black_and_white_is_one():
    black = np.zeros((2, 12, 12, 3), np.uint8)
    white = np.full_like(black, 255)
    np.testing.assert_allclose(metrics.l1(black, np.stack([white[0], black[1]])), [1, 0])


def test_streaming_in_batches_equals_one_pass():
    y, y_hat = pictures(3, count=7)
    whole, parts = metrics.Scores(), metrics.Scores()
    whole.update(y, y_hat)
    for piece in (slice(0, 3), slice(3, 4), slice(4, 7)):
        parts.update(y[piece], y_hat[piece])
    assert parts.result() == pytest.approx(whole.result(), rel=1e-5)


def test_a_pair_has_the_same_scores_in_any_batch(large, monkeypatch):
    monkeypatch.setattr(scores, "_PIXELS", 3 * 176 * 192)  # 3, 3 and 1 at once
    values = metrics.Scores(**LARGE).update(*large)
    for i in range(7):
        alone = metrics.Scores(**LARGE).update(*(part[i : i + 1] for part in large))
        for name, value in alone.items():
            np.testing.assert_allclose(value, values[name][i : i + 1], rtol=1e-6, err_msg=f"{name} of pair {i}")


def test_an_unknown_protocol_is_named():
    with pytest.raises(ValueError, match="psycho"):
        metrics.ssim(*pictures(4), protocol="psycho")


def test_the_protocols_are_listed_when_one_is_unknown():
    with pytest.raises(ValueError, match=r"dsc, skimage, win51, dsc@176.*win51@padded"):
        metrics.Scores("dsc@padding")


@pytest.mark.parametrize(
    ("function", "size", "message"),
    [
        (metrics.ssim, (10, 40), "at least 11 x 11 pixels, got 10 x 40"),
        (lambda *pair: metrics.ssim(*pair, "win51"), (60, 50), "at least 51 x 51 pixels, got 60 x 50"),
        (lambda *pair: metrics.ssim(*pair, "dsc@176"), (40, 175), "176 columns .* got 175"),
        (metrics.ms_ssim, (176, 175), "at least 176 x 176 pixels, got 176 x 175"),
    ],
)
def test_pictures_that_are_too_small_are_refused_with_the_least_size(function, size, message):
    black = np.zeros((1, *size, 3), np.uint8)
    with pytest.raises(ValueError, match=message):
        function(black, black)


LARGE = {"ms_ssim": True, "foreground": True}


@pytest.fixture(scope="module")
def large():
    """Seven pairs and their foregrounds; the third has none."""
    y, y_hat = lookalikes.pairs(5, 7, (176, 192))
    person = np.zeros(y.shape[:3], bool)
    person[:, 40:150, 50:140] = True
    person[2] = False
    return y, y_hat, person


def test_a_foreground_that_is_everywhere_changes_nothing(large):
    y, y_hat, _ = large
    everywhere = np.ones(y.shape[:3], bool)
    for function in (metrics.l1, metrics.psnr, metrics.ssim, metrics.ms_ssim):
        whole = function(y, y_hat)
        np.testing.assert_allclose(function(y, y_hat, foreground=everywhere), whole, rtol=1e-5)


def test_only_the_foreground_counts(large):
    y, y_hat, person = large
    same, spoilt = np.where(person[..., None], y, y_hat), np.where(person[..., None], y_hat, y)
    values, others = metrics.Scores(**LARGE), metrics.Scores(**LARGE)
    values, others = values.update(y, same, person), others.update(y, spoilt, person)
    kept = person.any((1, 2))
    assert (values["L1 (foreground)"][kept] == 0).all() and (values["L1"] > 0).all()
    assert np.isinf(values["PSNR (foreground)"][kept]).all() and np.isfinite(values["PSNR"]).all()
    for name in ("SSIM (dsc, foreground)", "MS-SSIM (foreground)"):
        whole = name.replace(", foreground", "").replace(" (foreground)", "")
        assert (values[name][kept] > values[whole][kept]).all() and (others[name][kept] < others[whole][kept]).all()


def test_l1_and_psnr_of_a_foreground_are_those_of_its_pixels():
    y, y_hat = pictures(6)
    person = np.random.default_rng(0).random(y.shape[:3]) < 0.2
    for i in range(len(y)):
        error = y[i][person[i]] / 255.0 - y_hat[i][person[i]] / 255.0
        assert float(metrics.l1(y, y_hat, person)[i]) == pytest.approx(np.abs(error).mean(), abs=1e-6)
        assert float(metrics.psnr(y, y_hat, person)[i]) == pytest.approx(-10 * np.log10((error**2).mean()), abs=1e-4)


def test_a_pair_without_foreground_is_left_out_and_counted(large):
    y, y_hat, person = large
    scores, without = metrics.Scores(**LARGE), metrics.Scores(**LARGE)
    values = scores.update(y, y_hat, person)
    kept = np.arange(7) != 2
    without.update(y[kept], y_hat[kept], person[kept])
    for name, count in scores.left_out.items():
        assert count == 1 and np.isnan(values[name][2])
        assert scores.result()[name] == pytest.approx(without.result()[name], rel=1e-6)
    assert scores.result()["L1"] != pytest.approx(without.result()["L1"], rel=1e-6)


def test_the_foreground_has_to_be_given(large):
    y, y_hat, person = large
    with pytest.raises(ValueError, match=r"foreground \[7, 176, 192\], got none"):
        metrics.Scores(**LARGE).update(y, y_hat)
    with pytest.raises(ValueError, match=r"got \[7, 176\]"):
        metrics.Scores(**LARGE).update(y, y_hat, person[..., 0])


class Brightness:
    """Another metric, as the networks' are: a mean of its own, no value for a pair."""

    names, higher_is_better = ("brightness",), True

    def __init__(self):
        self.total = np.zeros(2)

    def update(self, y, y_hat, foreground=None):
        self.total += len(y), y_hat.mean() * len(y)
        return {}

    def result(self):
        return {"brightness": float(self.total[1] / self.total[0])}

    def state(self):
        return {"total": self.total}

    def restore(self, state):
        self.total = state["total"]


def bundle():
    return metrics.Scores(["dsc", "skimage@176"], **LARGE, others=[Brightness()])


def test_stopping_and_resuming_changes_no_bit(large, tmp_path):
    whole, first, second = bundle(), bundle(), bundle()
    batches = [[part[piece] for part in large] for piece in (slice(0, 3), slice(3, 5), slice(5, 7))]
    for batch in batches:
        whole.update(*batch)
    for batch in batches[:2]:
        first.update(*batch)
    np.savez(tmp_path / "scores.npz", **first.state())
    with np.load(tmp_path / "scores.npz") as state:
        second.restore(state)
    second.update(*batches[2])
    assert second.result() == whole.result()
    assert second.left_out == whole.left_out and set(second.names) == set(whole.result())


def test_the_sums_of_other_scores_are_refused():
    scores, others = metrics.Scores("dsc"), metrics.Scores("skimage")
    with pytest.raises(ValueError, match=r"SSIM \(skimage\) do not belong to scores of .*SSIM \(dsc\)"):
        scores.restore(others.state())
    means = streams.Means(["x"])
    with pytest.raises(ValueError, match=r"sums of y \[3, 1\] do not belong to means of x \[3, 1\]"):
        means.restore(streams.Means(["y"]).state())
    with pytest.raises(ValueError, match=r"sums of x \[4, 1\] do not belong to means of x \[3, 1\]"):
        means.restore(means.state() | {"sums": np.zeros((4, 1))})


def test_the_sums_do_not_grow_with_the_pairs():
    y, y_hat = pictures(7)
    scores = metrics.Scores()
    scores.update(y, y_hat)
    few = {key: value.nbytes for key, value in scores.state().items()}
    for _ in range(5):
        scores.update(y, y_hat)
    assert {key: value.nbytes for key, value in scores.state().items()} == few
    assert sum(few.values()) < 500


def test_a_mean_over_no_pair_is_an_error():
    with pytest.raises(ValueError, match="no pair has a value of L1"):
        metrics.Scores().result()


def test_two_scores_of_one_name_are_refused():
    with pytest.raises(ValueError, match="one name"):
        metrics.Scores(["dsc", "dsc"])


def test_pictures_that_are_not_uint8_are_refused():
    with pytest.raises(ValueError, match=r"uint8 .* got float64 \[2, 16, 16, 3\]"):
        metrics.Scores().update(np.zeros((2, 16, 16, 3)), np.zeros((2, 16, 16, 3)))


def test_a_value_that_is_nan_does_not_enter_a_mean():
    with pytest.raises(ValueError, match="x of a pair is NaN"):
        streams.Means(["x"]).add({"x": np.array([1.0, np.nan])})
