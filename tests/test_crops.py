"""Patches of a plane and squares of a photo, in a graph: what SciPy and Pillow make of the same."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage

from dpt_tf.ops import crops, patches


@pytest.mark.parametrize("seed", range(5))
def test_patches_are_those_of_scipy_the_largest_sum_first(seed):
    random = np.random.default_rng(seed)
    share = ndimage.gaussian_filter(random.uniform(size=(24, 31)), 1.5).astype(np.float32)
    bound = float(np.quantile(share, 0.75))
    found = patches.above(tf.constant(share), bound, 0.01)
    labels, _ = ndimage.label(share > np.float32(bound))
    expected = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        own = share[labels == number]
        if own.size >= 0.01 * share.size:
            box = [columns.start, rows.start, columns.stop, rows.stop]
            expected.append((float(own.sum()), own.size, float(own.mean()), box))
    expected.sort(reverse=True)
    assert len(expected) > 1
    assert found.size.numpy().tolist() == [one[1] for one in expected]
    assert found.box.numpy().tolist() == [one[3] for one in expected]
    np.testing.assert_allclose(found.mean, [one[2] for one in expected], rtol=1e-5)


def test_patches_that_touch_at_a_corner_are_two():
    share = tf.constant([[0.9, 0.0, 0.0], [0.0, 0.8, 0.8]])
    assert patches.above(share, 0.5, 0.0).box.numpy().tolist() == [[1, 1, 3, 2], [0, 0, 1, 1]]


def test_of_nothing_there_is_no_patch():
    found = patches.above(tf.zeros([4, 5]), 0.5, 0.0)
    assert found.box.shape == (0, 4) and found.mean.shape == (0,)


def by_pillow(photo, square, size):
    left, top, side = square
    rows, columns = (
        np.clip(np.arange(start, start + side), 0, length - 1)
        for start, length in ((top, photo.shape[0]), (left, photo.shape[1]))
    )
    cut = Image.fromarray(photo[rows[:, None], columns])
    return np.asarray(cut.resize([size, size], Image.Resampling.BILINEAR)).astype(int)


@pytest.mark.parametrize("square", [(-30, 0, 160), (20, 10, 64), (40, 30, 23), (-7, -9, 201), (5, 5, 2)])
def test_a_square_is_cut_as_pillow_cuts_it(square):
    photo = np.random.default_rng(0).integers(0, 256, (160, 100, 3)).astype(np.uint8)
    made = (crops.cut(tf.constant(photo), tf.constant(square), 64).numpy() + 1) * 127.5
    difference = np.abs(made.round() - by_pillow(photo, square, 64))
    assert difference.max() <= 1 and (difference > 0).mean() < 5e-3


@pytest.mark.parametrize(("height", "width"), [(50, 80), (81, 50)])
def test_the_square_over_a_photo_is_evenly_padded(height, width):
    square = crops.whole(tf.zeros([height, width, 3], tf.uint8)).numpy().tolist()
    side = max(height, width)
    assert square == [(width - side) // 2, (height - side) // 2, side]


def test_the_square_round_a_person_has_a_margin_and_at_least_two_pixels():
    around = lambda *box: crops.around(tf.constant(box, tf.float64)).numpy().tolist()  # noqa: E731
    assert around(10, 20, 60, 120) == [-27, 8, 124]
    assert around(10, 20, 10.5, 20.5) == [9, 19, 2]


@pytest.mark.parametrize("length", [6, 5])
def test_what_was_made_is_put_where_it_was_cut_and_enlarged_by_nearest_neighbour(length):
    made = np.arange(1, length * length + 1).reshape(length, length).astype(np.uint8)
    whole = crops.paste(tf.constant(made[..., None]), tf.constant([-2, 1, 6]), tf.zeros([5, 7, 3], tf.uint8))[..., 0]
    expected = np.zeros((5, 7), np.uint8)
    expected[1:5, :4] = np.asarray(Image.fromarray(made).resize((6, 6), Image.Resampling.NEAREST))[:4, 2:6]
    np.testing.assert_array_equal(whole, expected)
