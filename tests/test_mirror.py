"""What a mirror makes of a map, and that real people who turn round agree."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from dpt_tf import iuv
from dpt_tf.iuv import symmetry

LEAST = 80  # pixels of a part, below which it is a sliver


def test_twice_is_not_at_all():
    anything = np.random.default_rng(0).integers(0, [25, 256, 256], (2, 7, 9, 3)).astype(np.uint8)
    np.testing.assert_array_equal(iuv.mirror(iuv.mirror(anything)), anything)


def test_one_pixel_of_each_law():
    one = np.array([[[0, 0, 0], [2, 10, 20], [3, 10, 20], [7, 10, 20], [24, 10, 20]]], np.uint8)
    wanted = [[23, 245, 20], [8, 10, 20], [4, 245, 20], [2, 10, 235], [0, 0, 0]]
    assert iuv.mirror(one)[0].tolist() == wanted


def test_the_graph_says_the_same():
    anything = np.random.default_rng(0).integers(0, [25, 256, 256], (2, 7, 9, 3)).astype(np.uint8)
    flipped = tf.constant(anything[:, :, ::-1])
    np.testing.assert_array_equal(tf.function(symmetry.change_sides)(flipped), iuv.mirror(anything))


def laid_over(first, second, part, law):
    """U and V of `part` of `first`, flipped, by `law`, and of the mirrored part of `second` in the same places.

    The part is shifted and scaled to the other's mean and spread; None where they do not look alike.
    """
    flipped = first[:, ::-1]
    here, there = (np.argwhere(which) for which in (flipped[..., 0] == part, second[..., 0] == iuv.MIRRORED[part]))
    if min(len(here), len(there)) < LEAST or not 0.6 < len(here) / len(there) < 1.67:
        return None
    scale = here.std(0) / np.maximum(there.std(0), 0.5)
    y, x = np.clip(np.rint((there - there.mean(0)) * scale + here.mean(0)).astype(int), 0, first.shape[0] - 1).T
    hit = flipped[y, x, 0] == part
    if hit.mean() < 0.75:
        return None
    return law(flipped[y, x, 1:][hit].astype(float)), second[tuple(there[hit].T)][:, 1:].astype(float)


def error(maps, part, law):
    """Mean error in levels of U and V of `part` under `law`, over pairs of maps that look alike."""
    found = [laid_over(first, second, part, law) for first, second in itertools.product(maps, maps)]
    found = [pair for pair in found if pair is not None]
    return np.mean([np.abs(ours - theirs).mean() for ours, theirs in found]) if found else None


LAWS = {
    (u, v): lambda uv, u=u, v=v: np.where([u, v], 255 - uv, uv) for u, v in itertools.product((False, True), repeat=2)
}


@pytest.fixture(scope="module")
def real_maps(realdata):
    return {
        side: [iuv.read(realdata / f"fashion_video/iuv/{k:04d}_IUV.png") for k in frames]
        for side, frames in {"front": (0, 20, 40, 60, 312, 332, 352), "back": (176, 188, 200, 212, 224)}.items()
    }


@pytest.mark.parametrize("part", range(1, 25), ids=iuv.PART_NAMES[1:])
def test_no_other_law_fits_real_people_better(real_maps, part):
    errors = {}
    for law in LAWS:
        seen = [error(maps, part, LAWS[law]) for maps in real_maps.values()]
        errors[law] = np.mean([one for one in seen if one is not None])
    ours = errors.pop((part in symmetry.U_TURNS, part in symmetry.V_TURNS))
    assert ours < (30 if part in (3, 4, 5, 6) else 15)
    assert ours < 0.7 * min(errors.values())
