"""Laws of splat, fill and sample, and one lopsided hand example of each."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dpt_tf.ops import atlas, pyramid

R = 16


def random_map(seed, batch=2, height=12, width=10):
    """Random parts (some of them background) and random uv."""
    random = np.random.default_rng(seed)
    part = random.integers(0, 25, [batch, height, width]).astype(np.int32)
    return part, random.random([batch, height, width, 2]).astype(np.float32)


def random_iuv(seed, batch=2, height=12, width=10):
    part, uv = random_map(seed, batch, height, width)
    return np.concatenate([part[..., None], np.round(255 * uv)], axis=-1).astype(np.uint8)


def random_image(seed, batch=2, height=12, width=10, channels=3):
    return np.random.default_rng(seed).uniform(-1, 1, [batch, height, width, channels]).astype(np.float32)


def one_pixel(part, u, v, colour=(0.25, -0.5, 1.0)):
    """A picture of 3 x 4 pixels whose only foreground is at row 2, column 1."""
    image, iuv = np.full([1, 3, 4, 3], 0.75, np.float32), np.zeros([1, 3, 4, 3], np.uint8)
    image[0, 2, 1], iuv[0, 2, 1] = colour, (part, u, v)
    return image, iuv


# Hand examples


@pytest.mark.parametrize(
    ("u", "v", "row", "column"), [(255, 0, 0, R - 1), (0, 255, R - 1, 0), (0, 0, 0, 0), (51, 204, 12, 3)]
)
def test_one_pixel_lands_in_its_texel(u, v, row, column):
    image, iuv = one_pixel(5, u, v)
    texture, observed = (x.numpy() for x in atlas.unwrap(image, iuv, R, radius=0))
    np.testing.assert_array_equal(np.argwhere(observed), [[0, 4, row, column, 0]])
    np.testing.assert_allclose(texture[0, 4, row, column], [0.25, -0.5, 1.0], atol=1e-6)
    assert np.count_nonzero(texture) == 3


def test_a_pixel_between_texels_is_shared_out_by_distance():
    part, uv = np.array([[[24]]], np.int32), np.array([[[[2.25, 3.75]]]], np.float32) / (R - 1)
    sums = atlas.splat(np.ones([1, 1, 1, 1], np.float32), part, uv, R).numpy()[0, 23, :, :, 0]
    np.testing.assert_allclose(sums[3:5, 2:4], [[0.25 * 0.75, 0.25 * 0.25], [0.75 * 0.75, 0.75 * 0.25]], atol=1e-5)
    np.testing.assert_allclose(sums.sum(), 1, atol=1e-5)


def test_pixels_that_share_a_texel_are_averaged():
    iuv = np.full([1, 1, 2, 3], 17, np.uint8)
    image = np.array([[[[1.0], [0.5]]]], np.float32)
    texture, _ = atlas.unwrap(image, iuv, R, radius=0)
    np.testing.assert_allclose(texture[0, 16, 1, 1], [0.75], atol=1e-6)


def test_sample_reads_u_along_columns_and_v_along_rows():
    texture = np.zeros([1, 24, R, R, 1], np.float32)
    texture[0, 6, 0, R - 1] = 1.0
    assert atlas.sample(texture, one_pixel(7, 255, 0)[1])[0, 2, 1, 0] == 1
    assert not np.any(atlas.sample(texture, one_pixel(7, 0, 255)[1]))
    assert not np.any(atlas.sample(texture, one_pixel(8, 255, 0)[1]))


def test_sample_interpolates_linearly():
    i, j = np.meshgrid(np.arange(R), np.arange(R), indexing="ij")
    texture = np.broadcast_to((2 * i - 3 * j)[None, None, :, :, None], [2, 24, R, R, 1]).astype(np.float32)
    part, uv = random_map(0)
    expected = (2 * uv[..., 1] - 3 * uv[..., 0]) * (R - 1) * (part > 0)
    np.testing.assert_allclose(atlas.lookup(texture, part, uv)[..., 0], expected, atol=1e-4)


# Laws


def test_splat_is_the_transpose_of_sample():
    part, uv = random_map(1)
    image, texture = random_image(2), np.random.default_rng(3).normal(size=[2, 24, R, R, 3]).astype(np.float32)
    seen = np.sum(atlas.lookup(texture, part, uv) * image, dtype=np.float64)
    there = np.sum(atlas.splat(image, part, uv, R) * texture, dtype=np.float64)
    np.testing.assert_allclose(seen, there, rtol=1e-5)


@pytest.mark.parametrize("radius", [0, None, 6])
def test_constant_colour_survives_a_round_trip(radius):
    iuv = random_iuv(4)
    colour = np.array([0.3, -0.7, 1.0], np.float32)
    texture, observed = atlas.unwrap(np.broadcast_to(colour, [2, 12, 10, 3]), iuv, R, radius)
    np.testing.assert_allclose(texture, colour * observed, atol=1e-5)
    np.testing.assert_allclose(atlas.sample(texture, iuv), colour * (iuv[..., :1] > 0), atol=1e-3)


def test_background_gives_nothing_and_gets_nothing():
    iuv = np.full([1, 6, 6, 3], 128, np.uint8)
    iuv[..., 0] = 0
    texture, observed = atlas.unwrap(random_image(5, 1, 6, 6), iuv, R)
    assert not np.any(texture)
    assert not np.any(observed)
    assert not np.any(atlas.sample(np.ones([1, 24, R, R, 3], np.float32), iuv))


def test_batches_do_not_mix():
    image, iuv = random_image(6, batch=3), random_iuv(7, batch=3)
    texture, observed = atlas.unwrap(image, iuv, R)
    sampled = atlas.sample(texture, iuv)
    for b in range(3):
        alone, seen = atlas.unwrap(image[b : b + 1], iuv[b : b + 1], R)
        np.testing.assert_array_equal(texture[b], alone[0])
        np.testing.assert_array_equal(observed[b], seen[0])
        np.testing.assert_array_equal(sampled[b], atlas.sample(alone, iuv[b : b + 1])[0])


def test_parts_do_not_mix():
    image, iuv = random_image(8), random_iuv(9)
    texture, _ = atlas.unwrap(image, iuv, R)
    only = np.where(iuv[..., :1] == 11, iuv, 0)
    np.testing.assert_array_equal(texture[:, 10], atlas.unwrap(image, only, R)[0][:, 10])


# Fill


def test_fill_leaves_what_was_seen_alone():
    image, iuv = random_image(10), random_iuv(11)
    bare, hit = (x.numpy() for x in atlas.unwrap(image, iuv, R, radius=0))
    filled, observed = (x.numpy() for x in atlas.unwrap(image, iuv, R, radius=6))
    np.testing.assert_array_equal(filled * hit, bare)
    assert np.all(observed >= hit)
    assert observed.sum() > 2 * hit.sum()
    assert not np.any(filled * (1 - observed))


@pytest.mark.parametrize(("radius", "certain"), [(0, 0), (1, 0), (2, 1), (5, 1), (6, 3), (14, 7), (16, 7)])
@pytest.mark.parametrize("resolution", [32, 45])
def test_fill_reaches_what_is_near_and_never_beyond_the_radius(radius, certain, resolution):
    for u, v in ((0, 0), (97, 140), (120, 127), (255, 30)):
        image, iuv = one_pixel(3, u, v)
        _, hit = atlas.unwrap(image, iuv, resolution, radius=0)
        _, observed = atlas.unwrap(image, iuv, resolution, radius)
        hits = np.argwhere(hit[0, 2, :, :, 0])
        places = np.stack(np.meshgrid(range(resolution), range(resolution), indexing="ij"), axis=-1)
        distance = np.abs(places[:, :, None] - hits).max(axis=-1).min(axis=-1)
        reached = observed.numpy()[0, 2, :, :, 0] > 0
        assert distance[reached].max() <= radius
        assert np.all(reached[distance <= certain])
        assert set(np.unique(observed)) <= {0.0, 1.0}


def test_fill_knows_no_left_or_right_up_or_down():
    rng = np.random.default_rng(12)
    known = (rng.random([2, 32, 32, 1]) < 0.03).astype(np.float32)
    colour = rng.normal(size=[2, 32, 32, 2]).astype(np.float32) * known
    filled, seen = pyramid.fill(tf.constant(colour), tf.constant(known), 3)
    for flip in (lambda x: x[:, ::-1], lambda x: x[:, :, ::-1], lambda x: np.swapaxes(x, 1, 2)):
        other, other_seen = pyramid.fill(tf.constant(flip(colour)), tf.constant(flip(known)), 3)
        np.testing.assert_allclose(other, flip(filled.numpy()), atol=1e-6)
        np.testing.assert_array_equal(other_seen, flip(seen.numpy()))


def test_fill_stays_within_the_colours_round_it():
    image, iuv = random_image(13, channels=1), random_iuv(14)
    texture, observed = atlas.unwrap(np.abs(image) + 1, iuv, R)
    inside = texture.numpy()[observed.numpy() > 0]
    assert inside.min() >= 1 - 1e-5
    assert inside.max() <= 2 + 1e-5


# Gradients


def assert_gradient_is_numeric(function, *arguments, delta=1e-2):
    theory, numeric = tf.test.compute_gradient(function, [tf.constant(a) for a in arguments], delta=delta)
    for t, n in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(t, n, atol=2e-3)
        assert np.abs(n).max() > 0.05


def between_texels(seed, resolution):
    """A small map that keeps away from texel centres, where bilinear weights have a kink."""
    part, uv = random_map(seed, 1, 2, 3)
    place = np.floor(uv * (resolution - 1)) + 0.3 + 0.4 * uv
    return np.maximum(part, 1) % 3 * 12, (place / (resolution - 1)).astype(np.float32)


def test_gradients_of_splat_and_lookup_are_the_numeric_ones():
    part, uv = between_texels(15, 3)
    probe = np.random.default_rng(16).normal(size=[1, 24, 3, 3, 2]).astype(np.float32)
    assert_gradient_is_numeric(
        lambda image, uv: tf.reduce_sum(probe * atlas.splat(image, part, uv, 3)),
        random_image(17, 1, 2, 3, 2),
        uv,
    )
    assert_gradient_is_numeric(lambda texture, uv: atlas.lookup(texture, part, uv), probe, uv)


def test_gradient_of_unwrap_is_the_numeric_one():
    iuv = random_iuv(18, 1, 3, 3)
    iuv[..., 0] = 9 * (iuv[..., 0] > 8)
    probe = np.random.default_rng(19).normal(size=[8, 8, 2]).astype(np.float32)
    assert_gradient_is_numeric(
        lambda image: tf.reduce_sum(probe * atlas.unwrap(image, iuv, 8, radius=6)[0][0, 8]),
        random_image(20, 1, 3, 3, 2),
    )


def test_second_derivatives_exist():
    part, uv = between_texels(21, 4)
    texture = tf.constant(np.random.default_rng(22).normal(size=[1, 24, 4, 4, 1]).astype(np.float32))
    with tf.GradientTape() as outer:
        outer.watch(texture)
        with tf.GradientTape() as inner:
            inner.watch(texture)
            value = tf.reduce_sum(atlas.lookup(texture, part, uv) ** 3)
        first = tf.reduce_sum(inner.gradient(value, texture) ** 2)
    assert np.any(outer.gradient(first, texture))


# Every way to run it


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graph_and_xla_equal_eager(jit_compile):
    image, iuv = random_image(23), random_iuv(24)

    def round_trip(image, iuv):
        with tf.GradientTape() as tape:
            tape.watch(image)
            texture, observed = atlas.unwrap(image, iuv, R)
            result = atlas.sample(texture, iuv)
        return texture, observed, result, tape.gradient(result, image, image)

    compiled = tf.function(round_trip, jit_compile=jit_compile)
    for got, expected in zip(compiled(tf.constant(image), iuv), round_trip(tf.constant(image), iuv), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_batch_height_and_width_may_be_unknown():
    spec = [tf.TensorSpec([None, None, None, 3], tf.float32), tf.TensorSpec([None, None, None, 3], tf.uint8)]

    @tf.function(input_signature=spec)
    def round_trip(image, iuv):
        texture, observed = atlas.unwrap(image, iuv, R, 2)
        assert texture.shape.as_list() == [None, 24, R, R, 3]
        assert observed.shape.as_list() == [None, 24, R, R, 1]
        with tf.GradientTape() as tape:
            tape.watch(texture)
            sampled = atlas.sample(texture, iuv)
        assert sampled.shape.as_list() == [None, None, None, 3]
        return sampled, tape.gradient(sampled, texture)

    for batch, height, width in ((1, 5, 7), (3, 8, 2)):
        image, iuv = random_image(25, batch, height, width), random_iuv(26, batch, height, width)
        sampled, gradient = round_trip(image, iuv)
        np.testing.assert_allclose(sampled, atlas.sample(atlas.unwrap(image, iuv, R)[0], iuv), atol=1e-6)
        np.testing.assert_allclose(gradient, atlas.splat(np.ones_like(image), *atlas.coordinates(iuv), R), atol=1e-5)


def test_the_same_input_gives_the_same_bits():
    image, iuv = random_image(27, 2, 64, 64), random_iuv(28, 2, 64, 64)
    first, again = (atlas.unwrap(image, iuv, 32)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)


# Bad input


def test_a_bad_shape_is_named():
    with pytest.raises(ValueError, match="a texture is"):
        atlas.sample(np.zeros([1, 24, 8, 3], np.float32), random_iuv(29))
    with pytest.raises(ValueError, match="at least 2 texels"):
        atlas.unwrap(random_image(30), random_iuv(30), resolution=1)
    with pytest.raises(ValueError, match="radius of the fill is -1"):
        atlas.unwrap(random_image(31), random_iuv(31), R, radius=-1)


# Real people


def test_a_real_photo_comes_back_through_its_own_atlas(realdata):
    """Every pixel of the body is found again at its own place, at most as blurred as the texels it shares."""
    folder = realdata / "fashion_video"
    image = np.asarray(Image.open(folder / "images" / "0016.png").convert("RGB"), np.float32)[None] / 127.5 - 1
    iuv = np.asarray(Image.open(folder / "iuv" / "0016_IUV.png").convert("RGB"))[None, ..., ::-1].copy()
    texture, observed = atlas.unwrap(image, iuv)
    again = atlas.sample(texture, iuv).numpy()
    body = iuv[..., 0] > 0
    assert 10 * np.log10(4 / np.mean((again[body] - image[body]) ** 2)) > 25
    assert 0.05 < observed.numpy().mean() < 0.5
    np.testing.assert_allclose(atlas.sample(observed, iuv).numpy()[body], 1, atol=1e-3)
