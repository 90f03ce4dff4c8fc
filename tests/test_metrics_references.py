"""SSIM under every protocol, and MS-SSIM, agree with independent implementations to four digits; so do foregrounds."""

import json
import pathlib

import lookalikes
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage
from skimage.metrics import structural_similarity

from dpt_tf import metrics

REFERENCES = pathlib.Path(__file__).parent / "data" / "ms_ssim.json"
TOLERANCE = 1e-5  # tighter than the four digits a score is printed with: float32 allows it


@pytest.fixture(scope="module")
def synthetic():
    return lookalikes.pairs(0, 52, (72, 188))


@pytest.fixture(scope="module")
def real(realdata):
    """Frames of a film: against the next, against one half a turn on, smoothed, shifted, noisy, pale."""
    files = sorted((realdata / "fashion_video" / "images").iterdir())[::12]
    frames = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    rng = np.random.default_rng(0)
    changed = [
        lambda i, x: frames[(i + 1) % len(frames)],
        lambda i, x: ndimage.gaussian_filter(x, (2, 2, 0)),
        lambda i, x: np.roll(x, (2, 3), (0, 1)),
        lambda i, x: (x + rng.normal(0, 15, x.shape)).clip(0, 255),
        lambda i, x: frames[(i + 4) % len(frames)],
        lambda i, x: x * 0.2 + 190,
    ]
    y = np.stack([x for x in frames for _ in range(2)])
    y_hat = np.stack([changed[i % len(changed)](i // 2, x).astype(np.uint8) for i, x in enumerate(y)])
    return y, y_hat


def framed(x, frame):
    """What the protocol's part after the @ says, `[B, H, W, C]`."""
    if frame:
        x = x[:, :, x.shape[2] // 2 - 88 : x.shape[2] // 2 + 88]
    if frame == "padded":
        x = np.pad(x, ((0, 0), (0, 0), (40, 40), (0, 0)), constant_values=255)
    return x


def by_scikit_image(y, y_hat, protocol, **kwargs):
    """The call that the table of protocols gives, for each pair."""
    name, _, frame = protocol.partition("@")
    for truth, generated in zip(framed(y, frame), framed(y_hat, frame), strict=True):
        if name == "win51":
            arguments = {"win_size": 51, "data_range": 1}
            truth, generated = truth / 255, generated / 255
        else:
            extent = int(generated.max()) - int(generated.min()) if name == "dsc" else 255
            arguments = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": extent}
        yield structural_similarity(truth, generated, channel_axis=-1, **arguments, **kwargs)


@pytest.mark.parametrize("protocol", metrics.SSIM_PROTOCOLS)
def test_ssim_is_that_of_scikit_image(synthetic, protocol):
    theirs = list(by_scikit_image(*synthetic, protocol))
    assert max(theirs) - min(theirs) > 0.2
    np.testing.assert_allclose(metrics.ssim(*synthetic, protocol), theirs, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("protocol", metrics.SSIM_PROTOCOLS)
def test_ssim_of_photos_is_that_of_scikit_image(real, protocol):
    np.testing.assert_allclose(
        metrics.ssim(*real, protocol), list(by_scikit_image(*real, protocol)), atol=TOLERANCE, rtol=0
    )


@pytest.mark.parametrize(("protocol", "edge"), [("dsc", 5), ("win51", 25), ("skimage@176", 5)])
def test_ssim_over_a_foreground_is_the_mean_of_scikit_images_map_there(synthetic, protocol, edge):
    y, y_hat = (x[:6] for x in synthetic)
    foreground = ndimage.gaussian_filter(np.random.default_rng(1).random(y.shape[:3]), (0, 4, 4)) > 0.5
    shown = framed(foreground[..., None], protocol.partition("@")[2])[..., 0]
    theirs = []
    for (_, similarity), person in zip(by_scikit_image(y, y_hat, protocol, full=True), shown, strict=True):
        theirs.append(similarity[edge:-edge, edge:-edge][person[edge:-edge, edge:-edge]].mean())
    np.testing.assert_allclose(metrics.ssim(y, y_hat, protocol, foreground), theirs, atol=TOLERANCE, rtol=0)
    assert np.abs(metrics.ssim(y, y_hat, protocol) - theirs).max() > 10 * TOLERANCE


def test_padding_adds_no_foreground(synthetic):
    y, y_hat = (x[:3] for x in synthetic)
    everywhere = np.ones(y.shape[:3], bool)
    masked, padded = metrics.ssim(y, y_hat, "dsc@padded", everywhere), metrics.ssim(y, y_hat, "dsc@padded")
    assert (np.asarray(masked) < np.asarray(padded) - 0.01).all()  # white equals white


def test_the_covariance_of_win51_is_that_of_a_sample():
    grain = np.random.default_rng(0).integers(100, 119, (2, 60, 60, 3)).astype(np.uint8)  # where the constants weigh
    y, y_hat = grain[:1], grain[1:]
    (theirs,) = by_scikit_image(y, y_hat, "win51")
    (of_population,) = by_scikit_image(y, y_hat, "win51", use_sample_covariance=False)
    assert abs(theirs - of_population) > 5e-5
    assert float(metrics.ssim(y, y_hat, "win51")[0]) == pytest.approx(theirs, abs=TOLERANCE)


def test_flat_backdrops_of_pale_pictures_keep_their_digits():
    rng = np.random.default_rng(0)
    y = np.full((4, 64, 180, 3), 250, np.uint8)
    y[:, 20:50, 60:120] = rng.integers(0, 60, (4, 30, 60, 3))
    y_hat = (190 + y // 5).astype(np.uint8)
    for protocol in ("dsc", "dsc@padded"):
        theirs = list(by_scikit_image(y, y_hat, protocol))
        np.testing.assert_allclose(metrics.ssim(y, y_hat, protocol), theirs, atol=TOLERANCE, rtol=0)


def test_ms_ssim_of_a_negative_is_zero():
    y, _ = lookalikes.pairs(3, 2, (176, 176))
    assert (np.asarray(metrics.ms_ssim(y, 255 - y)) == 0).all()


@pytest.mark.parametrize("size", lookalikes.SIZES)
def test_ms_ssim_is_that_of_pytorch_msssim(size):
    theirs = json.loads(REFERENCES.read_text())["values"][f"{size[0]}x{size[1]}"]
    ours = metrics.ms_ssim(*lookalikes.pairs(lookalikes.SEED, lookalikes.COUNT, size))
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("size", [(176, 176), (177, 203)])
def test_ms_ssim_is_that_of_tensorflow_on_odd_sizes_too(size):
    y, y_hat = lookalikes.pairs(1, 8, size)
    np.testing.assert_allclose(
        metrics.ms_ssim(y, y_hat), tf.image.ssim_multiscale(y, y_hat, max_val=255), atol=TOLERANCE, rtol=0
    )


def test_ms_ssim_of_photos_is_that_of_tensorflow(real):
    theirs = tf.image.ssim_multiscale(*real, max_val=255)
    np.testing.assert_allclose(metrics.ms_ssim(*real), theirs, atol=1e-4, rtol=0)  # theirs loses digits on flat white


def test_ms_ssim_over_a_foreground_is_the_written_formula():
    y, y_hat = lookalikes.pairs(2, 4, (176, 208))
    person = np.zeros(y.shape[:3], bool)
    person[:, 51:140, 33:160] = np.random.default_rng(0).random((4, 89, 127)) < 0.7
    theirs = [by_formula(*pair) for pair in zip(y / 255, y_hat / 255, person, strict=True)]
    np.testing.assert_allclose(metrics.ms_ssim(y, y_hat, person), theirs, atol=TOLERANCE, rtol=0)


def by_formula(y, y_hat, share):
    """MS-SSIM over a foreground in float64, one pair, even sizes; the windows are filtered by SciPy."""

    def window(x):
        return ndimage.gaussian_filter(x, (1.5, 1.5, 0), truncate=3.5)[5:-5, 5:-5]

    def halved(x):
        return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4

    share, score = share.astype(np.float64), np.ones(3)
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale:
            y, y_hat, share = halved(y), halved(y_hat), halved(share)
        a, b = window(y), window(y_hat)
        covariance = window(y * y_hat) - a * b
        value = (2 * covariance + 0.03**2) / (window(y * y) - a * a + window(y_hat * y_hat) - b * b + 0.03**2)
        if scale == 4:
            value *= (2 * a * b + 0.01**2) / (a * a + b * b + 0.01**2)
        weights = share[5:-5, 5:-5]
        score *= ((value * weights[..., None]).sum((0, 1)) / weights.sum()).clip(0) ** weight
    return score.mean()
