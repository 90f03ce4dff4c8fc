"""Scores agree with independent references and with hand examples."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dpt_tf import metrics


def pictures(seed, count=4, size=(40, 33)):
    """Smooth random pictures and noisy copies: the range of scores that generated pictures have."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 5, 5, 3)).astype(np.float64)
    y = np.kron(coarse, np.ones((1, 8, 8, 1)))[:, : size[0], : size[1]]
    y_hat = y * rng.uniform(0.6, 1.0, (count, 1, 1, 1)) + rng.normal(0, 20, y.shape)
    return y.astype(np.uint8), y_hat.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("protocol", metrics.SSIM_PROTOCOLS)
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


def test_an_unknown_protocol_is_named():
    with pytest.raises(ValueError, match="psycho"):
        metrics.ssim(*pictures(4), protocol="psycho")
