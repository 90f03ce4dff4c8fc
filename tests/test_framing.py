"""Any picture fits the square, and comes back as it was."""

import numpy as np
import pytest

from dpt_tf import framing


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
