"""How maps and joints become planes that a network reads."""

import numpy as np
import pytest
import tensorflow as tf
from small_models import S, in_bfloat16

from dpt_tf.models import conditioning, predictive


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        ("densepose", [3 / 24, 51 / 255, 1.0]),
        ("mask", [1.0]),
        ("segmentation", [0.0] * 2 + [1.0] + [0.0] * 21),
        ("densepose_onehot", [0.0] * 2 + [1.0] + [0.0] * 21 + [51 / 255, 1.0]),
    ],
)
def test_planes_of_a_pixel_of_part_3(pose, expected):
    iuv = np.zeros([1, 2, 2, 3], np.uint8)
    iuv[0, 0, 1] = [3, 51, 255]
    planes = conditioning.Planes(pose)(iuv)
    np.testing.assert_allclose(planes[0, 0, 1], expected, rtol=1e-6)
    np.testing.assert_array_equal(planes[0, 1, 0], np.zeros(len(expected)))


def test_a_joint_at_row_1_column_3_is_a_blob_on_its_own_plane_and_a_missing_one_nothing():
    keypoints = np.full([1, 18, 2], -1, np.int32)
    keypoints[0, 7] = [1, 3]
    keypoints[0, 8] = [2, 64]  # outside
    keypoints[0, 9] = [-1, 3]
    planes = conditioning.KeypointPlanes(64)(keypoints).numpy()
    assert planes.shape == (1, 64, 64, 18)
    assert planes[0, 1, 3, 7] == 1
    assert np.flatnonzero(planes.any((0, 1, 2))).tolist() == [7]
    # sigma is 6 / 4: by hand exp(-1 / 4.5) one row above, exp(-(4 + 1) / 4.5) two rows below and one to the right.
    np.testing.assert_allclose(planes[0, [0, 3], [3, 4], 7], [0.800737, 0.329193], rtol=1e-5)


@pytest.mark.parametrize("size", [64, 256])
def test_a_blob_is_round_and_falls_to_half_at_the_same_share_of_every_picture(size):
    """exp(-d^2 / (2 sigma^2)) is 1/2 at d = sigma sqrt(2 ln 2), 7.06 pixels of 256."""
    y, x = size // 2, size // 4
    blob = conditioning.KeypointPlanes(size)(np.full([1, 18, 2], [y, x], np.int32))[0, :, :, 0].numpy()
    assert np.unravel_index(blob.argmax(), blob.shape) == (y, x)
    assert blob[y, x] == 1
    reach = size // 4 - 1
    around = blob[y - reach : y + reach + 1, x - reach : x + reach + 1]
    for turned in (around.T, around[::-1], around[:, ::-1]):
        np.testing.assert_array_equal(around, turned)
    half = 7.06 * size / 256
    ahead = blob[y, x:]
    assert ahead[int(half)] > 0.5 > ahead[int(half) + 1]
    np.testing.assert_allclose(ahead[size // 32], np.exp(-((256 / 32) ** 2) / 72), rtol=1e-5)


def test_in_bfloat16_a_blob_has_the_exact_values_rounded_once():
    keypoints = np.full([1, 18, 2], [9, 4], np.int32)
    exact = conditioning.KeypointPlanes(S)(keypoints)
    mixed = in_bfloat16(lambda: conditioning.KeypointPlanes(S))(keypoints)
    np.testing.assert_array_equal(tf.cast(exact, tf.bfloat16), mixed)


def test_source_and_target_have_conditionings_of_their_own():
    model = predictive.build(S, 4, 1, source_pose="densepose", target_pose="keypoints")
    assert set(model.input) == {"source", "source_iuv", "target_iuv", "target_keypoints"}
    assert model.get_layer("encode_1").kernel.shape[2] == 3 + 3 + 18
