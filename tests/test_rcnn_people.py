"""Laws of the R-CNN as an estimator, and of making maps of its outputs, with a network of a few channels."""

import numpy as np
import pytest
import small_rcnn
import tensorflow as tf
from small_rcnn import TINY, TINY_DL

from dpt_tf.densepose.rcnn import RCNN, charts, folding
from dpt_tf.densepose.rcnn.estimator import resized_size
from dpt_tf.densepose.rcnn.network import Network
from dpt_tf.system.errors import UserError

RNG = np.random.default_rng(0)


def network(architecture) -> Network:
    made = Network(architecture)
    variables = made.variables()
    for name, array in folding.fold(architecture, lambda name: small_rcnn.weights(architecture)[name]):
        variables[name].assign(array)
    return made


@pytest.fixture(scope="module")
def tiny() -> Network:
    return network(TINY)


@pytest.fixture(scope="module")
def estimator(tiny) -> RCNN:
    return RCNN(tiny, "tiny", min_score=0.06, size=64)


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def bilinear(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """`[h, w, C] -> [height, width, C]`, pixel by pixel as torch's `interpolate` does."""

    def places(size, of):
        place = np.maximum((np.arange(size) + 0.5) * of / size - 0.5, 0)
        low = place.astype(int)
        return low, np.minimum(low + 1, of - 1), place - low

    top, below, down = places(height, values.shape[0])
    left, right, aside = places(width, values.shape[1])
    down, aside = down[:, None, None], aside[:, None]
    rows = values[top] * (1 - down) + values[below] * down
    return rows[:, left] * (1 - aside) + rows[:, right] * aside


@pytest.mark.parametrize("size", [(9, 30), (112, 112), (150, 40), (1, 1)])
def test_logits_are_resized_before_the_part_is_chosen(size):
    outputs = RNG.standard_normal((112, 112, 77)).astype(np.float32)
    whole = bilinear(outputs.astype(np.float64), *size)
    part = whole[..., 2:27].argmax(-1) * (whole[..., :2].argmax(-1) > 0)
    labels, uv = charts.labelled(tf.constant(outputs), *size)
    assert (labels == part).mean() > 0.999
    u, v = (np.take_along_axis(whole[..., first : first + 25], part[..., None], -1)[..., 0] for first in (27, 52))
    same = labels == part
    np.testing.assert_allclose(uv[..., 0][same], (u * (part > 0))[same], atol=1e-5)
    np.testing.assert_allclose(uv[..., 1][same], (v * (part > 0))[same], atol=1e-5)


def of_one_part(part: int, u: float, v: float) -> tf.Tensor:
    outputs = np.zeros((112, 112, 77), np.float32)
    outputs[..., 1] = 1
    outputs[..., 2 + part] = 1
    outputs[..., 27 + part], outputs[..., 52 + part] = u, v
    return tf.constant(outputs)


def test_a_person_lies_in_whole_pixels_of_the_box():
    made = charts.paste(of_one_part(7, 0.5, 1.0), (3.9, 2.2, 8.8, 5.9), 12, 10)
    expected = np.zeros((12, 10, 3), np.uint8)
    expected[2:5, 3:7] = (7, 127, 255)  # 4.9 x 3.7 pixels from (3.9, 2.2): 4 x 3 from (3, 2)
    np.testing.assert_array_equal(made, expected)


def test_u_and_v_beyond_0_and_1_are_cut_and_do_not_wrap_round():
    made = charts.paste(of_one_part(1, -0.02, 1.02), (0, 0, 4, 4), 4, 4)
    assert (made == (1, 0, 255)).all()


def test_a_box_has_one_pixel_at_least_and_what_lies_outside_is_left_out():
    assert np.argwhere(charts.paste(of_one_part(2, 0, 0), (3.2, 1.9, 3.4, 1.95), 4, 5)[..., 0]).tolist() == [[1, 3]]
    made = charts.paste(of_one_part(2, 0, 0), (-2.5, 1, 2, 99), 4, 5)
    assert (made[..., 0] > 0).tolist() == [[False] * 5] + [[True, True, False, False, False]] * 3
    assert not charts.paste(of_one_part(2, 0, 0), (9, 9, 20, 20), 4, 5).any()


def test_stripes_make_the_same_map(monkeypatch):
    outputs = tf.constant(RNG.standard_normal((112, 112, 77)).astype(np.float32))
    whole = charts.paste(outputs, (-4, 3, 40, 50), 45, 60)
    monkeypatch.setattr(charts, "_STRIPE", 100)
    np.testing.assert_array_equal(charts.paste(outputs, (-4, 3, 40, 50), 45, 60), whole)


def test_the_shorter_side_is_800_and_the_longer_1333_at_most():
    cases = {(256, 256): (800, 800), (480, 640): (800, 1067), (3000, 1000): (1333, 444), (100, 3000): (44, 1333)}
    assert {size: resized_size(*size) for size in cases} == cases
    assert resized_size(480, 640, 400) == (400, 533)


@pytest.mark.parametrize("size", [(1, 1), (7, 90), (90, 7), (64, 64), (50, 83), (200, 130)])
def test_photos_of_any_size_have_maps_of_their_size(size, estimator):
    people = estimator.people(photo(*size))
    for person in people:
        assert person.map.shape == (*size, 3)
        assert person.map.dtype == np.uint8
        assert person.map[..., 0].max() <= 24
        assert not person.map[person.map[..., 0] == 0].any()
        x0, y0, x1, y1 = person.box
        assert 0 <= x0 < x1 <= size[1]
        assert 0 <= y0 < y1 <= size[0]
        rows, columns = np.nonzero(person.map[..., 0])
        assert not len(rows) or (int(y0) <= rows.min() and rows.max() <= y1 and int(x0) <= columns.min())
    assert all(0.06 <= person.score <= 1 for person in people)
    assert [person.score for person in people] == sorted((person.score for person in people), reverse=True)


def test_given_boxes_are_kept_in_their_order_and_each_has_a_map(estimator):
    given = [(30, 10, 60, 60), (0, 0, 30.5, 80), (-9, -9, 20, 20)] * 4
    people = estimator.people(photo(80, 70), given)
    assert [person.box for person in people] == [(30, 10, 60, 60), (0, 0, 30.5, 80), (0, 0, 20, 20)] * 4
    assert {person.score for person in people} == {1.0}
    for person in people:
        np.testing.assert_array_equal(person.map, estimator.people(photo(80, 70), [person.box])[0].map)
    assert estimator.people(photo(80, 70), []) == []


def test_people_of_whom_the_network_is_less_sure_are_left_out(tiny, estimator):
    sure = [person.score for person in estimator.people(photo(64, 64))]
    assert sure
    fewer = RCNN(tiny, "tiny", min_score=sure[0], size=64).people(photo(64, 64))
    assert [person.score for person in fewer] == [score for score in sure if score >= sure[0]]
    blank = RCNN(Network(TINY), "blank", min_score=0.9, size=64)
    assert blank.people(photo(64, 64)) == []


def test_what_lies_beyond_the_photo_is_the_mean_colour(tiny):
    """Sides become multiples of 32 by zeros behind the mean's subtraction: below and at the right."""
    small = photo(40, 70)
    padded = np.zeros((1, 64, 96, 3), np.float32)
    padded[0, :40, :70] = small[..., ::-1] - np.array([103.530, 116.280, 123.675])
    for name, level in tiny.backbone(padded).items():
        np.testing.assert_allclose(tiny.pyramid(small)[name], level, atol=1e-4)


def test_both_heads_give_the_same_for_a_person_alone_and_among_others():
    for architecture in (TINY, TINY_DL):
        made = network(architecture)
        pooled = RNG.standard_normal((3, 28, 28, architecture.pyramid), np.float32)
        together = made.people(pooled)
        assert together.shape == (3, 112, 112, 77)
        np.testing.assert_allclose(made.people(pooled[1:2])[0], together[1], atol=1e-4)


WRONG = {
    "no photo": (np.zeros((4, 4), np.uint8), None, "not uint8 [4, 4]"),
    "floats": (np.zeros((4, 4, 3)), None, "not float64"),
    "alpha": (np.zeros((4, 4, 4), np.uint8), None, "convert it to RGB"),
    "nothing": (np.zeros((0, 4, 3), np.uint8), None, "4 x 0 pixels: nothing to see"),
    "thin": (np.zeros((1, 4000, 3), np.uint8), None, "4000 x 1 pixels is too thin"),
    "large": (np.broadcast_to(np.uint8(0), (8192, 4097, 3)), None, "make it smaller"),
    "a box beside it": (photo(20, 20), [(30, 0, 40, 9)], "the box 30, 0, 40, 9 holds nothing of a photo of 20 x 20"),
    "a box inside out": (photo(20, 20), [(9, 0, 4, 9)], "it is x0, y0, x1, y1"),
    "a box of three": (photo(20, 20), [(9, 0, 4)], "four finite numbers"),
    "a box that is not finite": (photo(20, 20), [(0, 0, np.nan, 9)], "four finite numbers"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_photo_or_a_box_that_cannot_be_is_one_line(kind, estimator):
    pixels, given, told = WRONG[kind]
    with pytest.raises(UserError) as error:
        estimator.people(pixels, given)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("options", [{"min_score": 1.5}, {"min_score": float("nan")}, {"size": 8}, {"size": 9999}])
def test_a_score_or_a_size_that_cannot_be_is_one_line(options, tiny):
    with pytest.raises(UserError, match=r"0\.\.1|32 to 4096"):
        RCNN(tiny, "tiny", **options)
