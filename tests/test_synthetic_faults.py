"""Faults spoil a map the way DensePose does, and no further."""

import numpy as np
import pytest

from dpt_tf import iuv, synthetic
from dpt_tf.synthetic import faults


@pytest.fixture(scope="module")
def clean():
    return synthetic.render(synthetic.person(1), {("shoulder_left", "z"): 15}, synthetic.Camera(), 128)[1]


def border(part):
    change = np.zeros(part.shape, bool)
    for axis in (0, 1):
        step = np.diff(part.astype(int), axis=axis) != 0
        pad = [(0, 0), (0, 0)]
        pad[axis] = (1, 0)
        change |= np.pad(step, pad)
        pad[axis] = (0, 1)
        change |= np.pad(step, pad)
    return change


def test_ragged_borders_change_nothing_but_borders(clean):
    spoiled = faults.ragged(clean, np.random.default_rng(0))
    changed = (spoiled != clean).any(-1)
    assert 0 < changed.sum() < 0.8 * border(clean[..., 0]).sum()
    assert not (changed & ~border(clean[..., 0])).any()


def test_confused_parts_become_their_mirror_image_or_their_back(clean):
    for seed in range(10):
        spoiled = faults.confused(clean, np.random.default_rng(seed))
        np.testing.assert_array_equal(spoiled[..., 1:], clean[..., 1:])
        for was, now in zip(*(m[spoiled[..., 0] != clean[..., 0], 0] for m in (clean, spoiled)), strict=True):
            assert now in (iuv.MIRRORED[was], faults._TURNED[was])


def test_only_values_next_to_zero_wrap_around_and_mostly_on_the_head(clean):
    map_of_zeros = clean.copy()
    map_of_zeros[..., 2] = np.where(clean[..., 0] > 0, clean[..., 2] // 64, 0)
    spoiled = faults.wrapped(map_of_zeros, np.random.default_rng(0))
    changed = spoiled != map_of_zeros
    assert (spoiled[changed] >= 253).all()
    assert (map_of_zeros[changed] < 3).all()
    head = np.isin(clean[..., 0], (23, 24))
    assert changed[head, 2].mean() > 3 * changed[~head & (clean[..., 0] > 0), 2].mean() > 0


def test_background_stays_empty_and_the_argument_untouched(clean):
    before = clean.copy()
    for seed in range(10):
        spoiled = faults.apply(clean, np.random.default_rng(seed))
        assert spoiled.dtype == np.uint8
        assert not spoiled[spoiled[..., 0] == 0].any()
    np.testing.assert_array_equal(clean, before)


def test_faults_follow_the_seed(clean):
    spoiled = [faults.apply(clean, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(spoiled[0], spoiled[1])
    assert (spoiled[0] != spoiled[2]).any()


def test_an_empty_map_stays_empty():
    assert not faults.apply(np.zeros((16, 16, 3), np.uint8), np.random.default_rng(0)).any()
