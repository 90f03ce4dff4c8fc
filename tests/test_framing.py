"""Any picture fits the square, and comes back as it was."""

import numpy as np
import pytest
from PIL import Image

from dpt_tf.images import framing


@pytest.mark.parametrize("size", [(40, 40), (64, 30), (31, 64)])
def test_there_and_back_at_the_same_scale_changes_nothing(size):
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    side = max(size)
    np.testing.assert_array_equal(framing.unsquare(framing.square_photo(photo, side), *size), photo)
    np.testing.assert_array_equal(framing.unsquare(framing.square_map(photo, side), *size), photo)


def test_a_tall_photo_is_padded_left_and_right_by_its_border():
    photo = np.zeros((4, 2, 3), np.uint8)
    photo[:, 1] = 200
    np.testing.assert_array_equal(framing.square_photo(photo, 4)[..., 0], np.tile([0, 0, 200, 200], (4, 1)))


def test_a_tall_map_is_padded_by_background():
    iuv = np.full((4, 2, 3), 7, np.uint8)
    np.testing.assert_array_equal(framing.square_map(iuv, 4)[..., 0], np.tile([0, 7, 7, 0], (4, 1)))


def test_a_map_never_gains_a_value_by_resizing():
    iuv = np.random.default_rng(1).choice([0, 3, 24], (50, 37, 3)).astype(np.uint8)
    assert set(np.unique(framing.square_map(iuv, 64))) <= {0, 3, 24}


def test_one_channel_comes_back_as_one_channel():
    assert framing.unsquare(np.zeros((32, 32, 1), np.uint8), 20, 11).shape == (20, 11, 1)


@pytest.mark.parametrize("shape", [(40, 40), (64, 31), (31, 64), (51, 96)])
@pytest.mark.parametrize("size", [16, 50, 64, 200])
def test_a_point_moves_with_the_pixel_it_names(shape, size):
    rng = np.random.default_rng(sum(shape) + size)
    rows, columns = np.unique(rng.integers(0, np.tile(shape, (40, 1))), axis=0).T
    marks = np.zeros((*shape, 3), np.uint8)
    marks[rows, columns] = np.stack([1 + np.arange(len(rows))] * 3, axis=-1)
    there = framing.square_points(np.stack([rows, columns], axis=1), *shape, size)
    assert there.min() >= 0
    assert there.max() < size
    square = framing.square_map(marks, size)[..., 0]
    side = max(shape)
    if size >= side:
        assert square[tuple(there.T)].tolist() == list(1 + np.arange(len(rows)))
    else:
        seen = [(number, np.argwhere(square == number)[0]) for number in range(1, len(rows) + 1) if number in square]
        assert seen or size == 16
        assert all((there[number - 1] == place).all() for number, place in seen)


def test_a_point_lies_in_the_middle_of_a_spot_that_is_resized_with_the_photo():
    photo = np.zeros((120, 200, 3), np.uint8)
    photo[30:39, 150:159] = 255
    photo_square = framing.square_photo(photo, 50)[..., 0].astype(float)
    centre = [(photo_square.sum(axis) * np.arange(50)).sum() / photo_square.sum() for axis in (1, 0)]
    assert np.abs(framing.square_points(np.array([34, 154]), 120, 200, 50) - centre).max() <= 0.5


def test_what_is_missing_or_outside_of_the_photo_stays_missing():
    points = np.array([[-1, -1], [-1, 5], [5, -1], [39.4, 19.4], [39.6, 5], [5, 20]])
    assert (framing.square_points(points, 40, 20, 40) < 0).tolist() == [[True] * 2] * 3 + [[False] * 2] + [
        [True] * 2
    ] * 2


@pytest.mark.parametrize("shape", [(256, 256), (203, 301), (97, 260), (255, 251)])
@pytest.mark.parametrize("part", [2, 4])
def test_a_reduced_copy_becomes_the_square_of_the_whole(shape, part):
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 5, 3)).astype(np.uint8)).resize(
        shape[::-1], Image.Resampling.BICUBIC
    )
    photo = np.asarray(coarse)
    even = np.pad(photo, [(0, -shape[0] % part), (0, -shape[1] % part), (0, 0)], mode="edge")
    reduced = even.reshape(even.shape[0] // part, part, -1, part, 3).mean((1, 3)).round().astype(np.uint8)
    difference = framing.square_photo(reduced, 32, shape).astype(float) - framing.square_photo(photo, 32)
    assert np.sqrt((difference**2).mean()) < 2.5
