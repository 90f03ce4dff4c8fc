"""Points of people under a mirror, a turn and a crop: each stays on the spot of the body that it was marked on."""

import numpy as np
import pytest
import tensorflow as tf

from dpt_tf.data.read import augment
from dpt_tf.data.read.augment import geometry

SIZE = 64
# What a point of each part becomes in a mirror, worked out on a body: sides are exchanged; where the numbers of a part
# run round the body (V on the trunk) or across the end of a limb (U on hands, feet and head), they turn round.
MIRRORED = {
    (2, 0.25, 0.75): (2, 0.25, 0.25),
    (3, 0.25, 0.75): (4, 0.75, 0.75),
    (6, 0.1, 0.6): (5, 0.9, 0.6),
    (9, 0.25, 0.75): (10, 0.25, 0.75),
    (20, 0.3, 0.4): (19, 0.3, 0.4),
    (23, 0.0, 1.0): (24, 1.0, 1.0),
}


def change_of(matrix, mirrors=False):
    return geometry.Change(tf.constant(matrix), tf.constant(mirrors), tf.zeros([2]), tf.fill([2], SIZE - 1.0))


def moved(change, points):
    return geometry.move_points(tf.constant(points, tf.float32), change, SIZE).numpy()


@pytest.mark.parametrize("spot", MIRRORED)
def test_in_a_mirror_a_point_is_of_the_other_side(spot):
    mirror = change_of([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], True)
    (one,) = moved(mirror, [[10.25, 20.5, *spot]])
    np.testing.assert_allclose(one, [SIZE - 10.25, 20.5, *MIRRORED[spot]], atol=1e-5)
    (back,) = moved(mirror, [one])
    np.testing.assert_allclose(back, [10.25, 20.5, *spot], atol=1e-5)


def test_a_quarter_turn_takes_points_where_numpy_takes_their_pixels():
    picture = np.zeros((SIZE, SIZE))
    picture[20, 10] = 1
    ((row, column),) = np.argwhere(np.rot90(picture))
    (one,) = moved(change_of([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]), [[10.25, 20.5, 9, 0.25, 0.75]])
    assert (int(one[1]), int(one[0])) == (row, column)
    np.testing.assert_allclose(one, [20.5, SIZE - 10.25, 9, 0.25, 0.75], atol=1e-5)


def test_a_crop_drops_the_points_that_it_leaves_out():
    # The middle half of the picture, from 16 to 48, enlarged twice.
    points = [[16.0, 16.0], [15.9, 30.0], [47.9, 47.9], [48.1, 30.0], [30.0, 48.1], [40.0, 20.0], [30.0, 15.9]]
    kept = moved(change_of([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]), [[*xy, k + 1, 0.1, 0.2] for k, xy in enumerate(points)])
    np.testing.assert_allclose(kept[:, :3], [[0, 0, 1], [63.8, 63.8, 3], [48, 8, 6]], atol=1e-4)
    assert len(moved(change_of([[1.0, 0.0, 99.0], [0.0, 1.0, 0.0]]), [[1.0, 1.0, 1, 0, 0]])) == 0


def marked():
    """A photo, white where its points are, regions that have the number of a point's part there; the points."""
    photo, regions, points = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), np.uint8), []
    regions[12:52, 16:48] = 100
    for k, spot in enumerate(MIRRORED):
        row, column = 18 + 14 * (k // 2), 24 + 16 * (k % 2)
        photo[row - 3 : row + 4, column - 3 : column + 4] = 255
        regions[row - 3 : row + 4, column - 3 : column + 4] = spot[0]
        points.append([column + 0.5, row + 0.5, *spot])
    return tf.constant(photo), tf.constant(regions), tf.constant(points, tf.float32)


def test_photo_regions_and_points_stay_one_whatever_is_drawn():
    mirrored, turned, dropped = set(), 0, 0
    vary = tf.function(augment.vary_points)
    for seed in range(60):
        photo, regions, points = (one.numpy() for one in vary(*marked(), tf.constant([seed, 0])))
        spots = {spot[0]: spot for spot in MIRRORED}
        sides = set()
        for x, y, *now in points:
            number = regions[int(y), int(x)]  # the part of before, as regions do not change sides
            assert photo[int(y), int(x)].mean() > photo.mean() + 40
            sides.add(tuple(np.round(now, 4)) == MIRRORED[spots[number]])
            assert tuple(np.round(now, 4)) in (spots[number], MIRRORED[spots[number]])
            spots.pop(number)
        # On one side all of them; part 2 alone of these would stay what it is.
        assert len(sides) <= 1
        mirrored |= sides
        for number in spots:  # dropped: nothing of its mark is to be seen, or it is cut by the edge
            rows, columns = np.nonzero(regions == number)
            assert not len(rows) or min(*rows, *columns) == 0 or max(*rows, *columns) == SIZE - 1
        dropped += len(spots)
        turned += regions.any() and len({tuple(row) for row in (regions > 0) if row.any()}) > 2
    assert mirrored == {True, False}
    assert dropped > 10 and turned > 10


def test_what_is_drawn_follows_from_the_seed():
    first, again, other = (augment.vary_points(*marked(), tf.constant([seed, 1])) for seed in (0, 0, 5))
    tf.nest.map_structure(np.testing.assert_array_equal, first, again)
    assert not np.array_equal(first[0], other[0])
