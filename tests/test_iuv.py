"""Laws of reading IUV files."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from dpt_tf import iuv


def a_map(height=24, width=20) -> np.ndarray:
    """A person of two parts: torso with U falling along its columns, head on top of it."""
    made = np.zeros((height, width, 3), np.uint8)
    made[10:20, 4:14] = (2, 0, 90)
    made[10:20, 4:14, 1] = np.linspace(200, 40, 10)
    made[4:10, 7:11] = (24, 100, 120)
    return made


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def as_floats(made: np.ndarray) -> np.ndarray:
    return np.concatenate([made[..., :1], made[..., 1:] / 255], -1).astype(np.float32)


FORMS = {
    "png I first": png,
    "png I last": lambda made: png(made[..., ::-1]),
    "png with full alpha": lambda made: png(np.concatenate([made, np.full_like(made[..., :1], 255)], -1)),
    "npy channels last": npy,
    "npy I last": lambda made: npy(np.ascontiguousarray(made[..., ::-1])),
    "npy channels first": lambda made: npy(made.transpose(2, 0, 1)),
    "npy int64": lambda made: npy(made.astype(np.int64)),
    "npy float channels first": lambda made: npy(as_floats(made).transpose(2, 0, 1)),
    "npy float64 batch of one": lambda made: npy(as_floats(made)[None].astype(np.float64)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_one_map_reads_alike(tmp_path, form):
    path = tmp_path / "any.name"
    path.write_bytes(FORMS[form](a_map()))
    np.testing.assert_array_equal(iuv.read(path), a_map())


def damaged_by_jpeg() -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(a_map(96, 80)).save(buffer, "JPEG", quality=98)
    return np.minimum(np.asarray(Image.open(buffer)), [24, 255, 255]).astype(np.uint8)


def with_nan() -> np.ndarray:
    made = as_floats(a_map())
    made[5, 5, 1] = np.nan
    return made


REFUSED = {
    "a colour visualisation": (png(np.full((9, 9, 3), (68, 1, 84), np.uint8)), "visualisation"),
    "a grey picture": (png(np.full((9, 9, 3), 7, np.uint8)), "grey"),
    "one channel": (png(a_map()[..., 0]), "one channel"),
    "transparent pixels": (png(np.dstack([a_map(), np.zeros((24, 20), np.uint8)])), "transparent"),
    "damaged by JPEG, saved as PNG": (png(damaged_by_jpeg()), "damaged"),
    "a JPEG": (b"\xff\xd8\xff\xe0 and so on", "JPEG"),
    "nobody": (png(np.zeros((9, 9, 3), np.uint8)), "no person"),
    "zero bytes": (b"", "empty"),
    "other bytes": (b"hello, I am a text", "neither a PNG nor"),
    "a PNG cut short": (png(a_map())[:90], "cut short"),
    "a PNG's first bytes": (b"\x89PNG\r\n\x1a\n", "damaged header"),
    "a PNG too large": (png(a_map())[:16] + b"\0\1\0\0\0\1\0\0" + png(a_map())[24:], "too many"),
    "U and V only": (npy(as_floats(a_map())[..., 1:].transpose(2, 0, 1)), "without the part number"),
    "a flat array": (npy(np.zeros(12)), r"shape \[12\]"),
    "four channels": (npy(np.zeros((5, 5, 4), np.uint8)), "shape"),
    "no pixels": (npy(np.zeros((0, 5, 3), np.uint8)), "without a pixel"),
    "texts": (npy(np.array([["a"]])), "array of <U1"),
    "objects": (npy(np.array([{}], dtype=object)), "array of object"),
    "an array cut short": (npy(a_map())[:200], "cut short"),
    "a broken header": (npy(a_map())[:30], "cut short"),
    "a header that asks for too much": (npy(a_map()).replace(b"(24, 20, 3)", b"(5999, 999, 3)")[:300], "cut short"),
    "NaN": (npy(with_nan()), "NaN"),
    "a 25th part": (npy(as_floats(a_map()) + np.float32([1, 0, 0])), "part number"),
    "halves of parts": (npy(as_floats(a_map()) * np.float32([0.25, 1, 1])), "part number"),
    "U beyond 1": (npy(as_floats(a_map()) * np.float32([1, 4, 1])), "lie in 0..1"),
    "integers beyond 255": (npy(a_map().astype(np.int32) * 9), "0..255"),
    "negative integers": (npy(a_map().astype(np.int32) - 1), "0..255"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_map_is_refused_with_its_name_and_a_reason(tmp_path, what):
    data, reason = REFUSED[what]
    path = tmp_path / "given.png"
    path.write_bytes(data)
    with pytest.raises(iuv.NotIUV, match=reason) as caught:
        iuv.read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_any_bytes_are_either_read_or_refused():
    random = np.random.default_rng(1)
    files = [png(a_map()), npy(a_map()), npy(as_floats(a_map()))]
    for number in range(300):
        data = bytearray(files[number % 3])
        for place in random.integers(0, min(len(data), 200), 4):
            data[place] = random.integers(256)
        with contextlib.suppress(iuv.NotIUV):
            assert iuv.decode(bytes(data), "fuzz").iuv.dtype == np.uint8


def test_where_both_ends_stay_small_the_part_is_what_is_zero_on_background_only():
    made = a_map()
    made[..., 2] = made[..., 0] == 2  # the head has V = 0, so V changes less often than I
    np.testing.assert_array_equal(iuv.decode(png(made), "x").iuv, made)
    np.testing.assert_array_equal(iuv.decode(png(made[..., ::-1]), "x").iuv, made)


def test_where_both_are_zero_there_only_the_part_is_what_changes_less():
    made = a_map()
    made[..., 2] = np.where(made[..., 0] > 0, 1 + np.arange(20) % 3, 0)
    np.testing.assert_array_equal(iuv.decode(png(made), "x").iuv, made)
    np.testing.assert_array_equal(iuv.decode(png(made[..., ::-1]), "x").iuv, made)


def test_wrap_around_next_to_low_values_becomes_zero():
    made = a_map()
    made[4:10, 7:11, 2] = 3
    wrapped = made.copy()
    wrapped[4, 8:10, 2] = (239, 255)
    made[4, 8:10, 2] = 0
    examined = iuv.decode(png(wrapped), "x")
    np.testing.assert_array_equal(examined.iuv, made)
    assert examined.mended == ("2 values of uint8 wrap-around undone",)


def test_high_values_next_to_high_ones_stay():
    made = a_map()
    made[4:10, 7:11, 2] = np.array([255, 253, 230, 200, 120, 30])[:, None]
    examined = iuv.decode(png(made), "x")
    np.testing.assert_array_equal(examined.iuv, made)
    assert examined.mended == ()


def test_high_values_next_to_low_ones_of_another_part_stay():
    made = a_map()
    made[10:20, 4:14, 2] = 2
    made[4:10, 7:11, 2] = 255
    np.testing.assert_array_equal(iuv.decode(png(made), "x").iuv, made)


def test_floats_a_little_outside_are_clipped():
    made = as_floats(a_map())
    made[12, 5, 1:] = (-0.0024, 1.0068)
    assert iuv.decode(npy(made), "x").iuv[12, 5].tolist() == [2, 0, 255]


def crowd() -> np.ndarray:
    """Two people, the larger one on the right; a hand beside the smaller one."""
    made = np.zeros((30, 60, 3), np.uint8)
    made[5:25, 2:8] = (2, 50, 50)
    made[10:13, 10:12] = (3, 60, 60)
    made[4:28, 30:45] = (2, 70, 70)
    return made


def test_of_several_people_the_largest_is_kept_unless_another_is_asked_for(tmp_path):
    path = tmp_path / "crowd.png"
    path.write_bytes(png(crowd()))
    examined = iuv.examine(path)
    assert examined.people == (24 * 15, 20 * 6 + 6)
    assert examined.mended == ("person 1 of 2 kept",)
    largest, other = iuv.read(path), iuv.read(path, person=2)
    assert not largest[:, :25].any()
    assert not other[:, 25:].any()
    np.testing.assert_array_equal(np.maximum(largest, other), crowd())
    with pytest.raises(iuv.NotIUV, match="shows 2"):
        iuv.read(path, person=3)


def test_wrap_around_is_undone_on_the_chosen_person_alone():
    made = crowd()
    made[4:28, 30:45, 2] = 3
    made[10, 40, 2] = 250
    made[5:25, 2:8, 2] = 3
    made[8, 4:6, 2] = 250
    for person, count in ((1, 1), (2, 2)):
        examined = iuv.decode(png(made), "x", person)
        assert examined.mended == (f"person {person} of 2 kept", f"{count} values of uint8 wrap-around undone")
        assert examined.iuv[..., 2].max() < 100


def test_wrapped_patches_of_parts_that_touch_are_undone_each_for_itself():
    made = a_map()
    made[4:10, 7:11, 2] = 3
    made[10:20, 4:14, 2] = 120
    made[9, 8:10, 2] = 250  # the head: among low values
    made[10, 8:10, 2] = 250  # the torso: among middle ones
    examined = iuv.decode(png(made), "x")
    assert examined.iuv[9, 8:10, 2].tolist() == [0, 0]
    assert examined.iuv[10, 8:10, 2].tolist() == [250, 250]


@pytest.mark.parametrize(("row", "column"), [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c])
def test_one_low_neighbour_of_its_part_on_any_side_tells_of_wrap_around(row, column):
    made = np.full((20, 20, 3), (2, 120, 120), np.uint8)
    made[9, 9] = (1, 120, 250)
    made[9 + row, 9 + column] = (1, 120, 3)
    assert iuv.decode(png(made), "x").iuv[9, 9].tolist() == [1, 120, 0]
    made[9 + row, 9 + column, 0] = 2
    assert iuv.decode(png(made), "x").iuv[9, 9].tolist() == [1, 120, 250]


def test_a_hand_apart_from_its_body_is_no_second_person():
    made = a_map()
    made[1:3, 1:3] = (3, 9, 9)
    examined = iuv.decode(png(made), "x")
    np.testing.assert_array_equal(examined.iuv, made)
    assert len(examined.people) == 1


def test_mirroring_twice_changes_nothing_and_swaps_left_and_right():
    assert len(iuv.PART_NAMES) == len(iuv.MIRRORED) == 1 + iuv.NUM_PARTS == 25
    for part, mirrored in enumerate(iuv.MIRRORED):
        assert iuv.MIRRORED[mirrored] == part
        swapped = iuv.PART_NAMES[part].replace("left", "?").replace("right", "left").replace("?", "right")
        assert iuv.PART_NAMES[mirrored] == swapped


def test_resizing_makes_no_new_values_and_enlarging_repeats():
    made = a_map()
    smaller = iuv.resize(made, 7, 9)
    assert {tuple(pixel) for pixel in smaller.reshape(-1, 3)} <= {tuple(pixel) for pixel in made.reshape(-1, 3)}
    np.testing.assert_array_equal(iuv.resize(made, 48, 60), made.repeat(2, 0).repeat(3, 1))
    np.testing.assert_array_equal(iuv.resize(made, 24, 20), made)


def test_encoding_keeps_a_map():
    np.testing.assert_array_equal(iuv.decode(iuv.encode(a_map()), "x").iuv, a_map())
    for made in (
        a_map()[..., ::-1],
        a_map()[:1],
        a_map()[::2, ::3],
        np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8),
    ):
        with Image.open(io.BytesIO(iuv.encode(made))) as stored:
            assert stored.mode == "RGB"
            np.testing.assert_array_equal(np.asarray(stored), made)
