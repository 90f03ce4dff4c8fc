"""Laws of the scores of maps, and a map small enough to be counted by hand."""

import numpy as np
import pytest
from people import upright

from dpt_tf import iuv
from dpt_tf.iuv.symmetry import LAW
from dpt_tf.metrics import maps

# The true person has five pixels: torso front twice, thigh, hand and head.
TRUE = np.array([[[2, 0, 0], [2, 100, 100], [9, 10, 10], [3, 0, 0], [24, 5, 5], [0, 0, 0]]], np.uint8)
# Right but (3, 4) apart, torso back, the other thigh, a hand as background, the head right; a pixel too many.
FOUND = np.array([[[2, 3, 4], [1, 100, 100], [10, 10, 10], [0, 0, 0], [24, 5, 5], [1, 0, 0]]], np.uint8)


def another(seed: int) -> np.ndarray:
    """The upright person with some of it called something else."""
    rng = np.random.default_rng(seed)
    made = upright(48, 40)
    spots = rng.random(made.shape[:2]) < 0.3
    made[spots] = np.stack([rng.integers(0, 25, spots.sum()), *rng.integers(0, 256, (2, spots.sum()))], -1)
    made[made[..., 0] == 0] = 0
    return made


def test_a_pair_counted_by_hand():
    found = maps.MapScores().update(TRUE, FOUND)
    # Both call four pixels person, six are called so by one of them.
    assert found["foreground IoU"] == pytest.approx(4 / 6)
    # Torso front 1 of 2, thigh 0 of 1, hand 0 of 1, head 1 of 1.
    assert found["mean part IoU"] == pytest.approx((1 / 2 + 0 + 0 + 1) / 4)
    assert found["part accuracy on the body"] == pytest.approx(2 / 4)
    assert found["part accuracy on the true person"] == pytest.approx(2 / 5)
    # Front as front, front as back, front of a thigh as front of the other.
    assert found["front/back accuracy"] == pytest.approx(2 / 3)
    # The errors are 5 levels and none.
    assert found["mean U-V error in texels"] == pytest.approx(2.5)
    assert found["median U-V error in texels"] == pytest.approx(2.5)
    assert found["mean U-V error"] == pytest.approx(2.5 / 255)
    # 5 levels are 0.0196 of a chart.
    assert found["right within 0.02"] == pytest.approx(2 / 5)
    assert found["area of right within 0.3"] == pytest.approx((1 + 1 - 5 / 255 / 0.3) / 5)


def test_an_error_of_a_threshold_itself_is_not_below_it():
    y, y_hat = (np.array([[[1, u, 0]]], np.uint8) for u in (0, 51))  # 0.2 of a chart
    found = maps.scores(maps.count(y, y_hat))
    assert (found["right within 0.15"], found["right within 0.2"], found["right within 0.3"]) == (0, 0, 1)


def test_a_perfect_map_scores_perfectly():
    for name, value in maps.MapScores().update(upright(48, 40), upright(48, 40)).items():
        assert value == (1 if maps.HIGHER_IS_BETTER[name] else 0), name


def test_the_median_is_numpys():
    y, y_hat = upright(48, 40), another(0)
    right = (y[..., 0] == y_hat[..., 0]) & (y[..., 0] > 0)
    errors = np.linalg.norm(y[right][:, 1:].astype(float) - y_hat[right][:, 1:], axis=-1)
    found = maps.scores(maps.count(y, y_hat))
    assert found["median U-V error in texels"] == pytest.approx(np.median(errors))
    assert found["mean U-V error in texels"] == pytest.approx(errors.mean())
    ends = np.linspace(0, 0.3, 1001)
    curve = [(errors / 255 < end).sum() / (y[..., 0] > 0).sum() for end in ends]
    assert found["area of right within 0.3"] == pytest.approx(np.trapezoid(curve, ends) / 0.3, abs=5e-4)


def test_in_a_mirror_every_score_stays_as_it_is():
    y, y_hat = upright(48, 40), another(1)
    mirrored = maps.scores(maps.count(iuv.mirror(y), iuv.mirror(y_hat)))
    assert mirrored == pytest.approx(maps.scores(maps.count(y, y_hat)))


def test_left_and_right_exchanged_is_wrong_but_on_the_right_side():
    y = upright(48, 40)
    found = maps.scores(maps.count(y, LAW[y[..., 0]] ^ (y & np.array([0, 255, 255], np.uint8))))
    assert found["front/back accuracy"] == 1
    torso = (y[..., 0] == 2).sum() / (y[..., 0] > 0).sum()
    assert found["part accuracy on the body"] == pytest.approx(torso) != 1


def test_front_and_back_exchanged_is_never_on_the_right_side():
    y = upright(48, 40)
    y_hat = y.copy()
    for back, front in ((1, 2), (7, 9), (8, 10)):
        y_hat[..., 0][y[..., 0] == front] = back
    assert maps.scores(maps.count(y, y_hat))["front/back accuracy"] == 0


def test_every_part_with_two_sides_is_in_the_pairs_once():
    sided = [part for sides in maps.PAIRS_OF_SIDES.values() for side in sides for part in side]
    assert sorted(sided) == [1, 2, *range(7, 23)]
    for (one, other), name in zip(maps.PAIRS_OF_SIDES.values(), maps.PAIRS_OF_SIDES, strict=True):
        words = ("inside", "outside") if "arms" in name else ("back", "front")
        for side, word in zip((one, other), words, strict=True):
            assert all(iuv.PART_NAMES[part].endswith(word) for part in side)


def test_streaming_equals_at_once_and_stops_and_resumes():
    ys, ys_hat = [upright(48, 40)] * 3, [another(seed) for seed in range(3)]
    streamed, again = maps.MapScores(), maps.MapScores()
    for y, y_hat in zip(ys, ys_hat, strict=True):
        again.restore(streamed.state())
        streamed.update(y, y_hat)
        again.update(y, y_hat)
    at_once = maps.MapScores()
    at_once.update(np.stack(ys), np.stack(ys_hat))
    assert streamed.result() == at_once.result() == again.result()
    assert streamed.part_ious() == at_once.part_ious()


def test_what_is_not_there_has_no_score():
    nobody, somebody = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 3, np.uint8)
    assert all(np.isnan(value) for value in maps.scores(maps.count(nobody, nobody)).values())
    found = maps.scores(maps.count(somebody, nobody))
    assert found["foreground IoU"] == found["part accuracy on the true person"] == 0
    assert np.isnan(found["part accuracy on the body"])


@pytest.mark.parametrize(
    ("y_hat", "says"),
    [
        (np.zeros((4, 5, 3), np.uint8), r"uint8 \[4, 5, 3\]"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.full((4, 4, 3), 25, np.uint8), "parts are 0..24, got 25"),
    ],
)
def test_what_are_no_two_maps_of_one_size_is_refused(y_hat, says):
    with pytest.raises(ValueError, match=says):
        maps.count(np.zeros((4, 4, 3), np.uint8), y_hat)
