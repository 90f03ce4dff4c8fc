"""The losses by hand, and the laws they share."""

import numpy as np
import pytest
import tensorflow as tf

from dpt_tf import losses


def features(seed, batch=2):
    rng = np.random.default_rng(seed)
    return [tf.constant(rng.normal(size=[batch, s, s, c]), tf.float32) for s, c in ((8, 3), (4, 5))]


def texture(seed, *shape):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


MASK = tf.cast(texture(9, 2, 3, 2, 4, 4, 1) > 0, tf.float32)
LOSSES = {
    "l1": lambda b: losses.l1(texture(0, 2, 4, 4, 3)[:b], texture(1, 2, 4, 4, 3)[:b]),
    "perceptual": lambda b: losses.perceptual([f[:b] for f in features(0)], [f[:b] for f in features(1)]),
    "style": lambda b: losses.style([f[:b] for f in features(0)], [f[:b] for f in features(1)]),
    "masked_l1": lambda b: losses.masked_l1(texture(0, 2, 3, 2, 4, 4, 3)[:b], MASK[:b], texture(1, 2, 2, 4, 4, 3)[:b]),
    "dissimilarity": lambda b: losses.dissimilarity(texture(0, 2, 9, 8, 3)[:b], texture(1, 2, 9, 8, 3)[:b]),
    "matte": lambda b: losses.matte(MASK[:b, 0, 0], texture(1, 2, 4, 4, 1)[:b]),
    "generator": lambda b: losses.generator(texture(0, 2, 4, 4, 1)[:b]),
    "discriminator": lambda b: losses.discriminator(texture(0, 2, 4, 4, 1)[:b], texture(1, 2, 4, 4, 1)[:b]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_gives_one_positive_value_per_example(name):
    both, first = LOSSES[name](2), LOSSES[name](1)
    assert both.shape == (2,) and both.dtype == tf.float32
    assert np.all(both.numpy() > 0)
    np.testing.assert_allclose(both[:1], first, rtol=1e-6)
    np.testing.assert_allclose(tf.function(LOSSES[name])(2), both, rtol=1e-6)


@pytest.mark.parametrize("loss", [losses.perceptual, losses.style])
def test_equal_features_cost_nothing_and_their_gradient_is_finite(loss):
    f = features(0)
    with tf.GradientTape() as tape:
        tape.watch(f)
        value = loss(features(0), f)
    np.testing.assert_array_equal(value, [0, 0])
    for gradient in tape.gradient(value, f):
        assert np.all(np.isfinite(gradient))


def test_l1_by_hand():
    np.testing.assert_allclose(losses.l1([[[[0.0, 1.0, -1.0]]]], [[[[0.5, 1.0, 1.0]]]]), [2.5 / 3])


def test_perceptual_by_hand():
    y, y_hat = tf.zeros([1, 1, 2, 1]), tf.constant([3.0, 4.0], shape=[1, 1, 2, 1])
    np.testing.assert_allclose(losses.perceptual([y, y], [y_hat, y]), [(25 / 2) ** 0.5 / 255], rtol=1e-6)


def test_gram_by_hand():
    f = tf.constant([[1.0, 2.0], [3.0, 5.0], [0.0, 1.0]], shape=[1, 3, 1, 2])
    np.testing.assert_allclose(losses.gram(f), np.array([[[10, 17], [17, 30]]]) / 6, rtol=1e-6)


def test_style_by_hand():
    f = tf.constant([1.0, 2.0], shape=[1, 1, 1, 2])  # G = [[1, 2], [2, 4]] / 2, its norm 5 / 2
    np.testing.assert_allclose(losses.style([f], [tf.zeros_like(f)]), [2.5 / 4 / 255**2], rtol=1e-6)


def test_style_is_blind_to_where_things_are_and_perceptual_is_not():
    f, moved = features(0), [tf.roll(f, 1, 1) for f in features(0)]
    np.testing.assert_allclose(losses.style(f, moved), [0, 0], atol=1e-9)
    assert np.all(losses.perceptual(f, moved).numpy() > 0)


def test_masked_l1_by_hand():
    y = tf.constant([[1.0, 1.0], [5.0, 7.0]], shape=[1, 2, 1, 1, 2, 1])  # two neighbours, two texels
    observed = tf.constant([[1.0, 0.0], [1.0, 1.0]], shape=[1, 2, 1, 1, 2, 1])
    y_hat = tf.constant([3.0, 3.0], shape=[1, 1, 1, 2, 1])
    np.testing.assert_allclose(losses.masked_l1(y, observed, y_hat), [(2 + (2 + 4) / 2) / 2])
    np.testing.assert_array_equal(losses.masked_l1(y, 0 * observed, y_hat), [0])


def test_masked_l1_moves_only_observed_texels():
    y_hat = texture(1, 2, 2, 4, 4, 3)
    with tf.GradientTape() as tape:
        tape.watch(y_hat)
        loss = losses.masked_l1(texture(0, 2, 3, 2, 4, 4, 3), MASK, y_hat)
    moved = np.any(tape.gradient(loss, y_hat) != 0, -1)
    np.testing.assert_array_equal(moved, np.any(MASK[..., 0] > 0, 1))


def test_lsgan_by_hand():
    real, fake = tf.constant([1.0, 3.0], shape=[1, 1, 2, 1]), tf.constant([0.0, 2.0], shape=[1, 1, 2, 1])
    np.testing.assert_allclose(losses.generator(fake), [0.5])
    np.testing.assert_allclose(losses.discriminator(real, fake), [0.5 * 2 + 0.5 * 2])


def test_half_precision_features_are_summed_in_float32():
    f = [tf.cast(x, tf.bfloat16) for x in features(0)]
    g = [tf.cast(x, tf.bfloat16) for x in features(1)]
    for loss in (losses.perceptual, losses.style):
        exact = loss([tf.cast(x, tf.float32) for x in f], [tf.cast(x, tf.float32) for x in g])
        np.testing.assert_array_equal(loss(f, g), exact)


def test_dissimilarity_of_a_picture_with_itself_is_0_and_upside_down_above_1():
    y = texture(0, 2, 12, 12, 3)
    np.testing.assert_allclose(losses.dissimilarity(y, y), [0, 0], atol=1e-5)
    assert np.all(losses.dissimilarity(2 + y, 2 - y) > 1)


def test_dissimilarity_is_1_minus_ssim_by_hand():
    """One window of 7 x 7: a step of height 1 against half of it, means 4/7 and 2/7, variances 12/49 and 3/49."""
    y = tf.constant(np.repeat(np.repeat([[0.0] * 3 + [1.0] * 4], 7, 0)[None, :, :, None], 1, -1), tf.float32)
    c_1, c_2 = 0.02**2, 0.06**2
    m, m_hat, v, v_hat, both = 4 / 7, 2 / 7, 12 / 49, 3 / 49, 6 / 49
    ssim = (2 * m * m_hat + c_1) * (2 * both + c_2) / ((m**2 + m_hat**2 + c_1) * (v + v_hat + c_2))
    np.testing.assert_allclose(losses.dissimilarity(y, y / 2), [1 - ssim], rtol=1e-4)


def test_matte_by_hand():
    logit = tf.constant([0.0, 100.0], shape=[1, 1, 2, 1])
    np.testing.assert_allclose(losses.matte(tf.constant([0.5, 1.0], shape=[1, 1, 2, 1]), logit), [np.log(2) / 2])
