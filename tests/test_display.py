"""Sheets show every picture where it belongs."""

import numpy as np
from PIL import Image

from dpt_tf.images import display


def test_background_is_black_and_parts_differ():
    iuv = np.zeros((1, 25, 3), np.uint8)
    iuv[0, :, 0] = range(25)
    colours = display.colour_map(iuv)[0]
    assert not colours[0].any()
    assert len({tuple(colour) for colour in colours}) == 25


def test_part_eight_stands_in_the_second_row_second_column():
    texture = np.zeros((24, 4, 4, 3), np.uint8)
    texture[7, 0, 3] = 255  # part 8, its upper right texel
    row, column = np.argwhere(display.texture_sheet(texture)[..., 0])[0]
    assert (row, column) == (4, 7)


def test_to_uint8_maps_the_ends_and_cuts_what_is_outside():
    np.testing.assert_array_equal(display.to_uint8(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])), [0, 0, 128, 255, 255])


def test_a_grid_holds_its_pictures():
    red = np.zeros((8, 6, 3), np.uint8)
    red[..., 0] = 255
    sheet = display.grid([[red, red // 2], [red]])
    np.testing.assert_array_equal(sheet[0:8, 0:6], red)
    np.testing.assert_array_equal(sheet[0:8, 8:14], red // 2)
    np.testing.assert_array_equal(sheet[10:18, 0:6], red)
    assert (sheet[10:18, 8:14] == 255).all()


def test_a_row_is_as_high_as_its_own_pictures():
    low, high = np.zeros((4, 6, 3), np.uint8), np.zeros((20, 6, 3), np.uint8)
    assert display.grid([[low], [high]]).shape[:2] == (28, 8)


def test_saving_leaves_only_the_picture(tmp_path):
    display.save(tmp_path / "new" / "a.png", np.zeros((3, 3, 3), np.uint8))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert picture.size == (3, 3)
