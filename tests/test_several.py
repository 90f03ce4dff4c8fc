"""Several photos of one person: whose colour a texel takes, in which light, before which backdrop."""

import numpy as np
import pytest
from people import ramps, striped, upright
from small_models import layers_painter

from dpt_tf.system.errors import UserError
from dpt_tf.transfer import painter, several

R = 32
BACK = 1  # the trunk's other side


def shown(colours, rows=1.0, height=64):
    """A photo whose map is one part, the trunk's front, in full, of which it shows the first share of the rows."""
    texture, observed = np.zeros([24, R, R, 3], np.uint8), np.zeros([24, R, R, 1], np.uint8)
    part = slice(1, 2)
    texture[part, : int(rows * R)], observed[part, : int(rows * R)] = colours, 255
    iuv = np.zeros([height + 16, height + 16, 3], np.uint8)
    ramps(iuv, slice(8, 8 + int(rows * height)), slice(8, 8 + height), 2)
    iuv[..., 2] = np.round(iuv[..., 2] * rows)
    return several.Shown(texture, observed, iuv)


def middle(merged):
    return merged.texture[1, R // 4, R // 2].tolist(), int(merged.photo[1, R // 4, R // 2, 0])


def test_what_one_photo_does_not_show_another_shows():
    merged = several.merge([shown([10, 20, 30], rows=0.5), shown([10, 20, 30])])
    assert (merged.observed[1] == 255).all() and not merged.observed[0].any()
    assert set(merged.photo[1, -4:].ravel()) == {2} and not merged.photo[0].any()
    np.testing.assert_array_equal(merged.texture[1], np.broadcast_to([10, 20, 30], [R, R, 3]))


def test_where_two_photos_differ_the_nearer_one_is_alone():
    near, far = shown([200, 0, 0], height=96), shown([0, 0, 200], height=40)
    assert middle(several.merge([near, far])) == ([200, 0, 0], 1)
    assert middle(several.merge([far, near])) == ([200, 0, 0], 2)


def test_where_two_photos_agree_the_colour_is_between():
    (red, green, blue), best = middle(several.merge([shown([100, 50, 50]), shown([106, 50, 50])]))
    assert 100 < red < 106 and (green, blue) == (50, 50) and best in (1, 2)


def test_of_three_photos_the_one_that_differs_from_two_is_left_out_however_near():
    near = shown([0, 0, 250], height=80)
    colour, best = middle(several.merge([near, shown([120, 90, 60]), shown([120, 90, 60])]))
    assert colour == [120, 90, 60] and best in (2, 3)


def test_the_light_of_a_darker_photo_is_found_and_less_believed_the_less_is_shown():
    colours = np.random.default_rng(0).integers(60, 200, [R, R, 3])
    bright, dark = shown(colours), shown((colours * 0.8).astype(int))
    little = shown((colours[: R // 4] * 0.8).astype(int), rows=0.25)
    much, less = several.light(bright, dark), several.light(bright, little)
    assert (much > 1.08).all() and (much < 1.25).all() and (less > 1).all() and (less < much).all()
    assert several.light(bright, shown(colours[:0], rows=0.0)) is None


def test_a_pixel_is_of_the_photo_of_its_texel():
    photo = np.zeros([24, R, R, 1], np.uint8)
    photo[2, 0, R - 1] = 2  # part 3, v = 0, u = 1
    iuv = np.array([[[3, 255, 0], [3, 0, 255], [4, 255, 0], [0, 255, 0]]], np.uint8)
    assert several.sources_of(photo, iuv)[0, :, 0].tolist() == [2, 0, 0, 0]


# Painting


@pytest.fixture(scope="module")
def paint():
    return layers_painter()


def from_behind(iuv):
    back = iuv.copy()
    back[..., 0] = np.where(iuv[..., 0] == 2, BACK, iuv[..., 0])
    return back


def test_photos_of_both_sides_show_both_sides(paint):
    front = upright(64, 64)
    back = from_behind(front)
    photos = [striped(front), striped(back)]
    assert paint(photos[0], front, back)["provenance"][20:30, 20:40].max() == 0
    result = paint(photos, [front, back], back)
    trunk = back[..., 0] == BACK
    assert (result["photo"][trunk] == 2).mean() > 0.9 and result["provenance"][trunk].mean() > 230
    assert not result["photo"][~trunk & (back[..., 0] == 0)].any()
    assert paint.doubts() == []


def test_one_photo_in_a_list_is_that_photo(paint):
    front = upright(64, 48)
    alone, listed = paint(striped(front), front, front), paint([striped(front)], [front], front)
    for name in alone:
        np.testing.assert_array_equal(alone[name], listed[name])


def test_what_one_photo_hides_of_a_place_another_shows(paint):
    left = np.pad(upright(64, 64), [[0, 0], [0, 128], [0, 0]])
    right = np.roll(left, 128, 1)
    wall = np.full([64, 192, 3], (60, 70, 80), np.uint8)
    wall[:, 30:34] = 200  # a post behind whoever stands to the left
    photos = [np.where(iuv[..., :1] > 0, striped(iuv), wall) for iuv in (left, right)]
    post = np.s_[16:40, 31:33]
    assert paint(photos[0], left, left)["backdrop"][post].mean() < 120
    assert paint(photos, [left, right], left)["backdrop"][post].mean() > 190


def test_somebody_else_among_the_photos_is_doubted(paint):
    front = upright(64, 64)
    other = np.where(front[..., :1] > 0, np.uint8([20, 200, 220]), np.uint8(90))
    paint([striped(front), other], [front, front], front)
    (line,) = paint.doubts()
    assert "photo 2 may show somebody else" in line


def test_lists_that_do_not_fit_are_refused(paint):
    front = upright(64, 64)
    with pytest.raises(ValueError, match="2 photos, 1 maps"):
        paint([striped(front)] * 2, [front], front)
    with pytest.raises(ValueError, match="empty list"):
        paint([], None, front)
    plain = painter.Transfer(lambda inputs: {}, 32, {}, None)
    with pytest.raises(UserError, match="paints from one photo"):
        plain([striped(front)] * 2, [front] * 2, front)
