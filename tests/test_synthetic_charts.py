"""U and V of synthetic people run as on real maps: same direction, about the same extent, part by part."""

import functools
import itertools

import numpy as np
import pytest

from dpt_tf import iuv, synthetic
from dpt_tf.iuv import charts

FRONT, BACK = (-15, 0, 15), (165, 180, 195)
# Frames of the video in which the woman faces the camera or turns her back on it.
FRAMES = {"front": [*range(0, 61, 8), *range(312, 369, 8)], "back": range(176, 229, 4)}
# Hidden parts and slivers are left out; in the frames from behind the head is turned and the feet stand on heels.
SEEN = {"front": [2, 3, 4, 6, 9, 10, *range(13, 25)], "back": [1, 7, 8, 11, 12, 17, 18, 21, 22, 23]}
CORRELATED, PIXELS, LEVELS = 0.55, 80, 50


def standing(turned):
    pose = {("pelvis", "y"): turned}
    for side in ("left", "right"):
        pose |= {("shoulder_" + side, "z"): 5, ("shoulder_" + side, "y"): -10, ("elbow_" + side, "x"): -12}
        pose |= {("hip_" + side, "z"): 3, ("hip_" + side, "y"): 8}
    return pose


@functools.cache
def synthetic_maps(side):
    people = [synthetic.person(seed) for seed in range(4)]
    turns = FRONT if side == "front" else BACK
    camera = synthetic.Camera(elevation=2)
    return [synthetic.render(who, standing(turn), camera, 128)[1] for who, turn in itertools.product(people, turns)]


@pytest.fixture(scope="module")
def real_maps(realdata):
    paths = {side: [realdata / f"fashion_video/iuv/{k:04d}_IUV.png" for k in ks] for side, ks in FRAMES.items()}
    return {side: [iuv.read(path) for path in several] for side, several in paths.items()}


def course(maps, part):
    """Mean correlation of U and V with x and y `[2, 2]`, and their 10th, 50th, 90th percentiles `[2, 3]`."""
    correlations, values = [], []
    for whole in maps:
        y, x = np.nonzero(whole[..., 0] == part)
        if len(y) < PIXELS * (whole.shape[0] / 256) ** 2:
            continue
        uv = whole[y, x, 1:].astype(float)
        correlations.append(np.corrcoef(np.stack([*uv.T, x, y]))[:2, 2:])
        values.append(uv)
    return np.mean(correlations, 0), np.percentile(np.concatenate(values), (10, 50, 90), axis=0).T


SIDES = [(side, part) for side in FRAMES for part in SEEN[side]]


@pytest.mark.parametrize(("side", "part"), SIDES, ids=[f"{side}-{iuv.PART_NAMES[part]}" for side, part in SIDES])
def test_u_and_v_run_as_on_real_maps(real_maps, side, part):
    real, ours = course(real_maps[side], part), course(synthetic_maps(side), part)
    for channel, name in enumerate("UV"):
        axis = np.abs(real[0][channel]).argmax()
        if abs(real[0][channel, axis]) > CORRELATED:
            assert np.sign(ours[0][channel, axis]) == np.sign(real[0][channel, axis]), f"{name} runs the other way"
        np.testing.assert_allclose(ours[1][channel], real[1][channel], atol=LEVELS, err_msg=name)


def test_the_table_has_every_part_and_says_which_axis_each_coordinate_follows():
    table = [chart for several in charts.PIECES.values() for chart in several]
    assert {chart.part for chart in table} == set(range(1, 25))
    for chart in table:
        for nodes, follows in ((chart.u, chart.u_follows), (chart.v, chart.v_follows)):
            first, _, last = np.array(nodes)
            along, across = abs((last - first).sum()), abs(np.ptp(np.array(nodes), 1).sum())
            assert (along > across) == (follows == "station"), chart


def test_the_other_side_is_the_mirror_image():
    for left, right in zip(charts.PIECES["leg_left"], charts.PIECES["leg_right"], strict=True):
        assert iuv.MIRRORED[left.part] == right.part
        assert (left.u, left.v, left.phi) == (right.u, right.v, right.phi)


def test_front_is_front_and_left_is_the_persons():
    image = synthetic_maps("front")[1]
    _, x = np.nonzero(image[..., 0] == 14)
    _, other = np.nonzero(image[..., 0] == 13)
    assert x.mean() > other.mean()  # the person's left is to the right of the picture
    assert (image[..., 0] == 2).sum() > 20 * (image[..., 0] == 1).sum()
