"""A map's file read inside an export gives the bytes that `iuv.read` gives."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dpt_tf import iuv
from dpt_tf.export import maps, reading
from dpt_tf.images import framing, photos
from dpt_tf.ops.patches import components


def encoded(picture, form="PNG", **options):
    """A picture's file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form, **options)
    return buffer.getvalue()


def body():
    """A head of 24 x 24 pixels, its V smooth."""
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[4:28, 4:28] = (24, 90, 3)
    return picture


graph = tf.function(lambda files: reading.read_maps("map", files, 32), autograph=False)


# One graph for maps of any size: real ones come in many.
read_map = tf.function(
    lambda pixels: maps.read("map", pixels), [tf.TensorSpec([1, None, None, 3], tf.uint8)], autograph=False
)


def read(picture):
    return graph(tf.constant([encoded(picture)]))[0].numpy()


def test_pieces_are_joined_by_corners_within_a_kind_only():
    kind = [[1, 1, 0, 2], [0, 0, 1, 2], [3, 0, 0, 1]]
    got = components(tf.constant([kind, kind])).numpy().reshape(2, 3, 4)
    expected = [[11, 11, 2, 7], [4, 5, 11, 7], [8, 9, 10, 11]]
    np.testing.assert_array_equal(got, [expected, np.array(expected) + 12])


def test_a_long_way_round_is_one_piece():
    spiral = np.zeros((1, 17, 17), np.int32)
    spiral[0, ::2] = 1
    spiral[0, 1::4, 16] = spiral[0, 3::4, 0] = 1
    labels = components(tf.constant(spiral)).numpy().reshape(17, 17)
    assert set(labels[spiral[0] > 0]) == {288}


def test_values_that_wrapped_round_become_0_and_a_fold_stays():
    picture = body()
    picture[10:13, 8:11, 2] = 254  # below 0, wrapped round
    picture[14:20, 20:26, 2] = np.linspace(180, 255, 6)  # high beside high
    expected = iuv.decode(encoded(picture), "map").iuv
    assert (expected[11, 9, 2], expected[16, 25, 2]) == (0, 255)
    np.testing.assert_array_equal(read(picture), expected)


@pytest.mark.parametrize(("low", "expected"), [(10, 250), (11, 0)])
def test_nine_tenths_of_the_ring_must_be_low(low, expected):
    picture = body()
    picture[4:28, 4:28, 1] = 150
    picture[9:13, 7:11, 1] = 20  # twelve pixels round
    picture[10:12, 8:10, 1] = 250  # these four
    picture[9, 7 : 7 + 12 - low, 1] = 150
    got = read(picture)
    assert got[10, 8, 1] == expected
    np.testing.assert_array_equal(got, iuv.decode(encoded(picture), "map").iuv)


def test_random_patches_wrap_as_in_python():
    rng = np.random.default_rng(0)
    changed = 0
    for _ in range(20):
        part = rng.integers(1, 4, (4, 4)).repeat(8, 0).repeat(8, 1)
        uv = rng.choice([0, 60, 66, 100, 240, 255], (16, 16, 2), p=[0.5, 0.2, 0.05, 0.05, 0.1, 0.1])
        picture = np.dstack([part, uv.repeat(2, 0).repeat(2, 1)]).astype(np.uint8)
        expected = iuv.decode(encoded(picture), "map").iuv
        changed += np.count_nonzero(expected != picture)
        np.testing.assert_array_equal(read(picture), expected)
    assert changed > 100


@pytest.mark.parametrize("flip", [False, True])
def test_where_both_ends_could_be_the_part_the_order_is_told_as_in_python(flip):
    picture = body()
    picture[..., 2] = np.where(picture[..., 0] > 0, np.arange(32) % 7, 0)
    stored = np.ascontiguousarray(picture[..., ::-1]) if flip else picture
    np.testing.assert_array_equal(iuv.decode(encoded(stored), "map").iuv, picture)
    np.testing.assert_array_equal(read(stored), picture)


def test_real_maps_are_read_alike(realdata):
    compared = mended = 0
    for path in sorted(realdata.rglob("*.png"))[::5]:
        try:
            expected = iuv.examine(path)
        except iuv.NotIUV:
            continue
        if len(expected.people) == 1:
            pixels = np.asarray(Image.open(path).convert("RGB"))[None]
            np.testing.assert_array_equal(read_map(tf.constant(pixels))[0], expected.iuv, err_msg=str(path))
            compared += 1
            mended += any("wrap-around" in fault for fault in expected.mended)
    assert compared > 30
    assert mended > 10


@pytest.mark.parametrize("size", [32, 64])
def test_real_maps_reduced_as_the_networks_see_them_are_read_and_smoothed_ones_refused(realdata, size):
    for path in sorted((realdata / "fashion_video" / "iuv").iterdir())[::6]:
        small = framing.square_map(iuv.read(path), size)
        expected = iuv.decode(encoded(small), "map")
        if len(expected.people) == 1:
            np.testing.assert_array_equal(read_map(tf.constant(small[None]))[0], expected.iuv, err_msg=str(path))
        smooth = np.asarray(Image.open(path).convert("RGB").resize((size, size), Image.Resampling.BILINEAR))
        with pytest.raises(iuv.NotIUV, match=r"smooth resizing|visualisation"):
            iuv.decode(encoded(smooth), "map")
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"smooth resizing|order of channels"):
            read_map(tf.constant(smooth[None]))


@pytest.mark.parametrize(("lonely", "is_map"), [(14, True), (15, False)])
def test_the_smaller_a_body_the_more_of_its_pixels_may_be_lonely(lonely, is_map):
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[10:14, 10:20] = (2, 90, 3)
    picture[20, 0 : 2 * lonely : 2] = (5, 90, 3)  # 14 of 54 are below 2 / sqrt(54), 15 of 55 are above 2 / sqrt(55)
    if is_map:
        np.testing.assert_array_equal(read(picture), iuv.decode(encoded(picture), "map").iuv)
        return
    with pytest.raises(iuv.NotIUV, match="smooth resizing"):
        iuv.decode(encoded(picture), "map")
    with pytest.raises(tf.errors.InvalidArgumentError, match="smooth resizing"):
        read(picture)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "palette", "transparent", "grey"])
def test_a_photo_is_read_as_python_reads_it(tmp_path, form):
    rng = np.random.default_rng(0)
    smooth = np.asarray(Image.fromarray(rng.integers(0, 256, (5, 5, 3)).astype(np.uint8)).resize((32, 32)))
    path = tmp_path / "photo"
    if form == "palette":
        Image.fromarray(smooth).convert("P").save(path, "PNG")
    elif form == "transparent":
        Image.fromarray(np.dstack([smooth, smooth[..., 0]])).save(path, "PNG")
    elif form == "grey":
        Image.fromarray(smooth[..., 0]).save(path, "PNG")
    else:
        Image.fromarray(smooth).save(path, form)
    got = reading.read_photos("photo", tf.constant([path.read_bytes()]), 32)[0].numpy().astype(float)
    assert np.abs(got - photos.read(path)).max() <= 1.01


def test_a_header_that_claims_a_huge_picture_is_refused_before_it_is_decoded():
    data = bytearray(encoded(body()))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"map\[0\] is 60000 x 60000 pixels; it should be 32 x 32"):
        reading.read_maps("map", tf.constant([bytes(data)]), 32)
