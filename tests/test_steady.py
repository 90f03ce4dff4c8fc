"""Laws of steadiness: less flicker, nothing blurred, everybody keeps a number, boxes follow and do not tremble."""

import numpy as np
import posing
import pytest

from dpt_tf.densepose import following, steady, tracking
from dpt_tf.densepose.map_files import Asked
from dpt_tf.images.video import Frame


def steadied(photos, maps):
    filtered = steady.SteadyMaps()
    return [filtered(photo, iuv) for photo, iuv in zip(photos, maps, strict=True)]


def wrong(maps, truth, where=None):
    """Which share of the body's pixels has a wrong part, after the first frames."""
    shares = []
    for number, (iuv, true) in enumerate(zip(maps, truth, strict=True)):
        body = (true[..., 0] > 0) | (iuv[..., 0] > 0) if where is None else where[number]
        shares.append((iuv[..., 0] != true[..., 0])[body].mean())
    return np.mean(shares[3:])


def uv_error(maps, truth):
    apart = []
    for iuv, true in zip(maps, truth, strict=True):
        same = (iuv[..., 0] == true[..., 0]) & (true[..., 0] > 0)
        apart.append(np.abs(iuv[..., 1:].astype(int) - true[..., 1:])[same].mean())
    return np.mean(apart[3:])


@pytest.mark.parametrize("speed", [0.5, 2.0, 4.0, 9.0])
def test_maps_flicker_less_and_come_nearer_to_the_truth(speed):
    photos, truth, _ = posing.walking(speed=speed)
    noisy = posing.noisy(truth)
    calm = steadied(photos, noisy)
    assert steady.flicker(calm, 5) < 0.5 * steady.flicker(noisy, 5)
    assert wrong(calm, truth) < 0.3 * wrong(noisy, truth)
    assert uv_error(calm, truth) < 0.7 * uv_error(noisy, truth)


@pytest.mark.parametrize("speed", [0.5, 2.0, 4.0, 9.0])
def test_a_moving_limb_is_not_blurred(speed):
    photos, truth, arms = posing.walking(speed=speed)
    calm = steadied(photos, truth)
    assert wrong(calm, truth) < 0.004
    assert wrong(calm, truth, arms) < 0.02
    assert uv_error(calm, truth) < 0.1
    noisy = posing.noisy(truth)
    assert wrong(steadied(photos, noisy), truth, arms) < wrong(noisy, truth, arms) + 0.02


def test_a_body_in_plain_cloth_keeps_u_and_v_where_it_moves():
    """The photo of a plain wall of cloth does not change when it moves: the map alone tells."""
    maps = []
    for frame in range(12):
        iuv = np.zeros((100, 140, 3), np.uint8)
        posing.ramps(iuv, slice(20, 80), slice(10 + 6 * frame, 60 + 6 * frame), 2)
        maps.append(iuv)
    photos = [np.where(iuv[..., :1] > 0, (90, 90, 90), (95, 95, 95)).astype(np.uint8) for iuv in maps]
    assert uv_error(steadied(photos, maps), maps) < 2


def test_somebody_in_plain_cloth_who_turns_round_keeps_u_and_v():
    """Nothing of the photo changes, and no shift explains what the map says: only the map itself forbids a mean."""
    maps = []
    for frame in range(6):
        iuv = np.zeros((100, 100, 3), np.uint8)
        iuv[20:80, 30:70] = (2, 20 + 40 * frame, 90)
        maps.append(iuv)
    photos = [np.where(iuv[..., :1] > 0, (90, 90, 90), (30, 60, 95)).astype(np.uint8) for iuv in maps]
    assert uv_error(steadied(photos, maps), maps) == 0


def test_the_first_frame_and_a_window_of_one_stay_as_they_are():
    photos, truth, _ = posing.walking(frames=4)
    noisy = posing.noisy(truth)
    np.testing.assert_array_equal(steadied(photos, noisy)[0], noisy[0])
    alone = steady.SteadyMaps(window=1)
    for photo, iuv in zip(photos, noisy, strict=True):
        np.testing.assert_array_equal(alone(photo, iuv), iuv)


def test_frames_without_a_body_begin_anew_and_other_sizes_are_refused():
    photos, truth, _ = posing.walking(frames=3)
    filtered = steady.SteadyMaps()
    filtered(photos[0], truth[0])
    filtered.forget()
    assert not filtered(photos[1], truth[1] * 0).any()
    np.testing.assert_array_equal(filtered(photos[2], truth[2]), truth[2])
    with pytest.raises(ValueError, match="one size"):
        filtered(photos[0][:50], truth[0][:50])


def test_flicker_counts_parts_that_come_from_nowhere_and_no_motion():
    _, truth, _ = posing.walking(speed=2.0)
    assert steady.flicker(truth, 3) == 0
    assert steady.flicker(truth[:1]) == 0
    a = np.zeros((20, 20, 3), np.uint8)
    a[5:15, 5:15, 0] = 2
    b = a.copy()
    b[5:9, 5:15, 0] = 15
    assert steady.flicker([a, b], 1) == pytest.approx(0.4)
    assert steady.flicker([a, b, a], 1) == pytest.approx(0.4)
    assert steady.flicker([a, np.roll(a, 1, axis=1)], 1) == 0


def test_large_frames_are_steadied_in_their_own_pixels():
    photos, truth, _ = posing.walking(frames=6, speed=1.0)
    photos, truth = ([frame.repeat(5, 0).repeat(5, 1)[:-3, :-4] for frame in frames] for frames in (photos, truth))
    calm = steadied(photos, posing.noisy(truth, patches=200))
    assert calm[0].shape == truth[0].shape
    assert wrong(calm, truth) < 0.6 * wrong(posing.noisy(truth, patches=200), truth)


def test_everybody_keeps_a_number_through_each_other_and_a_short_absence():
    tracks = tracking.Tracks()

    def box(x, y=0):
        return (x, y, x + 40.0, y + 100.0)

    assert tracks.update([box(0), box(200)], 0.0) == [1, 2]
    assert tracks.update([box(190), box(10)], 0.1) == [2, 1]
    assert tracks.update([box(180)], 0.2) == [2]
    assert tracks.update([box(170), box(12), box(500)], 0.3) == [2, 1, 3]
    assert tracks.known(1, 0.3) and not tracks.known(1, 9.0) and not tracks.known(4, 0.3)
    assert tracks.update([], 0.4) == []
    assert tracks.update([box(12)], 5.0) == [4]
    # Two who stand close to where one stood are two.
    assert tracks.update([box(15), box(11)], 5.1) == [5, 4]
    assert tracking.overlap(box(0), box(20)) == pytest.approx(1 / 3)
    assert tracking.overlap(box(0), box(50)) == 0


def test_a_trembling_box_comes_to_rest_and_a_running_one_is_followed():
    random = np.random.default_rng(0)
    rest, run = tracking.SteadyBox(), tracking.SteadyBox()
    given, calm, behind = [], [], []
    for frame in range(60):
        box = np.array([100, 50, 180, 250]) + random.normal(0, 3, 4)
        given.append(box)
        calm.append(rest(tuple(box), frame / 25))
        away = np.array([100, 50, 180, 250]) + np.array([1, 0, 1, 0]) * 8 * frame
        behind.append(away[0] - run(tuple(away), frame / 25)[0])
    jitter = [np.abs(np.diff(np.array(boxes)[20:], axis=0)).mean() for boxes in (given, calm)]
    assert jitter[1] < 0.4 * jitter[0]
    assert abs(np.array(calm)[20:].mean(0) - [100, 50, 180, 250]).max() < 3
    assert np.abs(behind).max() < 16  # two frames' way, at 200 pixels a second
    np.testing.assert_allclose(run((0, 0, 10, 10), 9e9), (0, 0, 10, 10), atol=8)


def frames(*people_of):
    return [Frame(number / 10, posing.photo(*people, width=112)) for number, people in enumerate(people_of)]


def middle(people):
    """Where the one person of a frame stands, None for nobody."""
    assert set(people) <= {1}
    return int(np.nonzero(people[1].map[..., 0].any(0))[0].mean()) if people else None


@pytest.mark.parametrize("person, stays", [(None, 20), (2, 80)])
def test_whoever_was_chosen_is_followed_though_another_becomes_surer(person, stays):
    left = [(10, 10, 32, 10 + side) for side in (80, 70, 60, 50)]
    right = [(70, 10, 92, 10 + side) for side in (40, 55, 65, 80)]
    given = frames(*zip(left, right, strict=True), (), *zip(left[::-1], right[::-1], strict=True))
    for steadily in (True, False):
        places = [middle(one) for one in following.follow(given, posing.ByColour(), Asked(person=person), steadily)]
        assert places[4] is None
        assert all(abs(place - stays) < 3 for place in places[:4] + places[5:])


def test_after_a_second_out_of_sight_another_is_taken():
    given = frames([(10, 10, 32, 90)], *[[]] * 12, [(70, 10, 92, 90)])
    places = [middle(one) for one in following.follow(given, posing.ByColour(), Asked())]
    assert places == [20, *[None] * 12, 80]


def test_maps_are_made_in_steadied_boxes_unless_each_frame_is_to_stand_for_itself():
    random = np.random.default_rng(2)
    given = frames(*([tuple(np.array([30, 20, 70, 85]) + random.integers(-3, 4, 4))] for _ in range(30)))
    asked = {}
    for steadily in (True, False):
        estimator = posing.ByColour()
        answers = list(following.follow(given, estimator, Asked(), steadily))
        assert all(set(answer) == {1} for answer in answers)
        asked[steadily] = [boxes[0] for boxes in estimator.asked if boxes]
    assert not asked[False] and len(asked[True]) >= 28
    found = [posing.ByColour().people(frame.pixels)[0].box for frame in given]
    jitter = [np.abs(np.diff(np.array(boxes)[10:], axis=0)).mean() for boxes in (asked[True], found)]
    assert jitter[0] < 0.4 * jitter[1]
