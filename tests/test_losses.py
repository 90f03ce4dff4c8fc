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
    "silhouette": lambda b: losses.silhouette(MASK[:b, 0, 0], tf.nn.softmax(texture(1, 2, 4, 4, 3)[:b])),
    "generator": lambda b: losses.generator(texture(0, 2, 4, 4, 1)[:b]),
    "discriminator": lambda b: losses.discriminator(texture(0, 2, 4, 4, 1)[:b], texture(1, 2, 4, 4, 1)[:b]),
}

# Maps of 4 x 4 pixels, 25 parts: left half part 2, right half background; places are 2 x 2.
PART = tf.constant(np.repeat([[2, 2, 0, 0]], 4, 0)[None].repeat(2, 0), tf.int32)
POINTS = tf.constant([[[2, -1, 0, 0], [-1, -1, 0, 0]] * 2] * 2, tf.int32)  # the same person, of two points
UV = texture(2, 2, 4, 4, 2) / 4 + 0.5
LOSSES |= {
    "parts": lambda b: losses.parts(PART[:b], texture(3, 2, 2, 2, 25)[:b]),
    "coordinates": lambda b: losses.coordinates(PART[:b], UV[:b], texture(4, 2, 2, 2, 48)[:b]),
    "person": lambda b: losses.person(tf.cast(PART[:b] > 0, tf.float32), texture(5, 2, 2, 2, 1)[:b]),
    "head": lambda b: losses.head(PART[:b] + 21, texture(6, 2, 1, 1, 1)[:b]),
    "facing": lambda b: losses.facing(PART[:b], texture(7, 2, 1)[:b]),
    "parts_at_points": lambda b: losses.parts_at_points(POINTS[:b], texture(3, 2, 2, 2, 25)[:b]),
    "covered": lambda b: losses.covered(tf.cast(POINTS[:b], tf.float32) / 2, texture(6, 2, 2, 2, 1)[:b]),
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


def test_silhouette_by_hand():
    layers = tf.constant([[[[0.25, 0.25, 0.5], [0.0, 0.2, 0.8]]]])
    expected = -(np.log(0.5) + 0.5 * np.log(0.2) + 0.5 * np.log(0.8)) / 2
    np.testing.assert_allclose(losses.silhouette(tf.constant([1.0, 0.5], shape=[1, 1, 2, 1]), layers), [expected], 1e-5)
    sure = losses.silhouette(tf.ones([1, 1, 1, 1]), tf.constant([0.0, 0.0, 1.0], shape=[1, 1, 1, 3]))
    assert 10 < sure.numpy()[0] < 20


def certain(part, logit=30.0):
    """Logits `[1, 2, 2, 25]` that are sure of a part at each place."""
    return logit * tf.one_hot(tf.constant(part)[None], 25)


def test_parts_by_hand():
    right = certain([[2, 0], [2, 0]])
    np.testing.assert_allclose(losses.parts(PART[:1], right), [0], atol=1e-6)
    unsure = tf.zeros([1, 2, 2, 25])
    np.testing.assert_allclose(losses.parts(PART[:1], unsure), [np.log(25)], rtol=1e-6)
    # Body wrong, background right: the body has weight 1 and the background 0.3.
    wrong = certain([[1, 0], [1, 0]], 10.0)
    own = 10 + np.log(1 + 24 * np.exp(-10.0))
    np.testing.assert_allclose(losses.parts(PART[:1], wrong), [(own + 0.3 * (own - 10)) / 1.3], rtol=1e-4)


def test_unlabelled_pixels_cost_nothing():
    nothing = tf.fill([1, 4, 4], -1)
    logits, uv = texture(3, 1, 2, 2, 25), texture(4, 1, 2, 2, 48)
    assert losses.parts(nothing, logits) == losses.coordinates(nothing, UV[:1], uv) == 0
    assert losses.head(nothing, logits[:, :1, :1, :1]) == losses.facing(nothing, logits[:, 0, 0, :1]) == 0
    one = tf.tensor_scatter_nd_update(nothing, [[0, 1, 1]], [7])  # in the first place
    logits_elsewhere = tf.concat([logits[:, :1, :1], 0 * logits[:, :1, 1:]], 2)
    logits_elsewhere = tf.concat([logits_elsewhere, 0 * logits[:, 1:]], 1)
    np.testing.assert_allclose(losses.parts(one, logits), losses.parts(one, logits_elsewhere), rtol=1e-6)


def test_points_all_over_a_body_cost_what_a_map_does():
    part, logits = tf.constant(np.random.default_rng(0).integers(0, 25, (3, 8, 8)), tf.int32), texture(3, 3, 4, 4, 25)
    np.testing.assert_allclose(losses.parts_at_points(part, logits), losses.parts(part, logits), rtol=1e-5)


def enlarged(part):
    return tf.constant(np.kron(part, np.ones((2, 2), int))[None], tf.int32)


def test_parts_at_points_by_hand():
    # Two pixels of background, three of body, of which one has a point of part 3, which counts 2.
    # Each four times, for a place stands for 2 x 2 pixels.
    part = enlarged([[0, 0, -1, -1, 3, 0]])
    logits = texture(5, 1, 1, 6, 25)
    p = tf.nn.softmax(logits[0, 0]).numpy()
    outside, bare = [-0.3 * np.log(p[k, 0]) for k in (0, 1, 5)], [-np.log(1 - p[k, 0]) for k in (2, 3)]
    point = -2 * (np.log(1 - p[4, 0]) + 3 * np.log(p[4, 3] / (1 - p[4, 0])))
    by_hand = (sum(outside) + sum(bare) + point) / (3 * 0.3 + 3 * 2)
    np.testing.assert_allclose(losses.parts_at_points(part, logits), [by_hand], rtol=1e-5)
    # Without a point what is left is whether it is a body.
    part = enlarged([[0, 0, -1, -1, -1, 0]])
    by_hand = (sum(outside) + sum(bare) - np.log(1 - p[4, 0])) / (3 * 0.3 + 3)
    np.testing.assert_allclose(losses.parts_at_points(part, logits), [by_hand], rtol=1e-5)


def test_the_few_points_of_a_body_cost_about_as_much_as_its_map():
    rng = np.random.default_rng(1)
    dense = np.where(np.arange(64)[:, None] < 32, rng.integers(1, 25, (64, 64)), 0)
    sparse = np.where((dense > 0) & (rng.random(dense.shape) > 0.1), -1, dense)
    logits = 3 * tf.one_hot(dense[None, ::2, ::2], 25) * tf.constant(rng.random((1, 32, 32, 1)), tf.float32)
    costs = (
        of(tf.constant(part[None]), logits) for of, part in ((losses.parts_at_points, sparse), (losses.parts, dense))
    )
    assert abs(np.divide(*costs)[0] - 1) < 0.05


def test_what_covers_a_pixel_costs_only_where_it_is_known():
    logit = tf.constant([[[[2.0], [-1.0]]]])
    cost = losses.covered(tf.constant([[[1.0, -1.0], [0.0, -1.0], [-1.0, -1.0], [-1.0, -1.0]]]), tf.zeros([1, 2, 1, 1]))
    np.testing.assert_allclose(cost, [np.log(2)], rtol=1e-6)
    both = losses.covered(tf.constant([[[1.0, -1.0, -1.0, -1.0]] * 2]), logit)
    np.testing.assert_allclose(both, [np.log(1 + np.exp(-2))], rtol=1e-5)


def test_coordinates_look_at_the_true_part_only_and_tell_u_from_v():
    part = tf.fill([1, 2, 2], 3)
    uv = tf.tile(tf.constant([0.25, 0.75]), [4])
    uv = tf.reshape(uv, [1, 2, 2, 2])
    predicted = np.full([1, 1, 1, 48], 9.0, np.float32)
    predicted[..., 2], predicted[..., 24 + 2] = 0.25, 0.75
    assert losses.coordinates(part, uv, predicted) == 0
    predicted[..., 2] += 0.3  # straight from 0.1 on
    np.testing.assert_allclose(losses.coordinates(part, uv, predicted), [0.3 - 0.05], rtol=1e-5)
    predicted[..., 2] = 0.25 + 0.05
    np.testing.assert_allclose(losses.coordinates(part, uv, predicted), [0.05**2 / 0.2], rtol=1e-4)


def test_facing_is_the_share_of_the_trunks_front():
    part = tf.constant([[[1, 2], [2, 2]]])
    logits = tf.constant([[-1.0], [0.0], [float(np.log(3))], [2.0]])
    cost = losses.facing(tf.repeat(part, 4, 0), logits).numpy()
    assert cost.argmin() == 2  # 3 / 4 is the sigmoid of log 3
