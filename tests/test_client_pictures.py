"""The client's own copies of what the library and the official messages say: equal to the originals."""

import inspect
import io

import numpy as np
import pytest
import server_toy as toy
from PIL import Image
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2, predict_pb2

from dpt_tf import iuv
from dpt_tf.images import framing as library
from dpt_tf.images import naming as library_naming
from dpt_tf.images import photos
from dpt_tf.models.composition import LARGEST
from serving.client import BadInput, framing, maps, messages, naming

OFFICIAL = (tensor_pb2, meta_graph_pb2, get_model_metadata_pb2, model_pb2, predict_pb2)


@pytest.mark.parametrize("full", messages.MESSAGES)
def test_messages_have_the_numbers_and_types_of_the_official_ones(full):
    name = full.rpartition(".")[2]
    if name == "Dim":
        official = tensor_shape_pb2.TensorShapeProto.Dim.DESCRIPTOR
    else:
        (file,) = {getattr(f, name).DESCRIPTOR for f in (*OFFICIAL, tensor_shape_pb2) if hasattr(f, name)}
        assert file.full_name == full
        official = file
    for field in messages.CLASSES[full].DESCRIPTOR.fields:
        theirs = official.fields_by_name[field.name]
        kind = theirs.TYPE_INT32 if theirs.type == theirs.TYPE_ENUM else theirs.type
        assert (field.number, field.type, field.is_repeated) == (theirs.number, kind, theirs.is_repeated)
        if field.message_type:
            assert field.message_type.GetOptions().map_entry == theirs.message_type.GetOptions().map_entry


@pytest.mark.parametrize(("height", "width"), [(32, 32), (50, 31), (20, 47), (7, 90), (256, 176)])
def test_squares_and_back_are_the_librarys_pixel_for_pixel(height, width):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    square = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(framing.square_photo(picture, 32), library.square_photo(picture, 32))
    np.testing.assert_array_equal(framing.square_map(picture, 32), library.square_map(picture, 32))
    np.testing.assert_array_equal(framing.unsquare(square, height, width), library.unsquare(square, height, width))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (100, 31), (1, 90), (49, 64)])
def test_large_pictures_are_reduced_and_enlarged_as_by_the_library(height, width):
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    for is_map in (False, True):
        small = framing.within(picture, is_map, most=40)
        np.testing.assert_array_equal(small, library.within(picture, 40, is_map))
        np.testing.assert_array_equal(framing.enlarged(small, height, width), library.enlarged(small, height, width))
    assert framing.LARGEST == LARGEST


@pytest.mark.parametrize("copy", [naming, library_naming])
def test_a_picture_is_called_after_its_pose_without_the_mark_of_a_map(copy):
    names = {"front_IUV.png": "front", "a/b_iuv.npy": "b", "c-iuv.png": "c", "d.PNG": "d", "e.f_IUV.png": "e.f"}
    names |= {"_IUV.png": "_IUV", "IUV.png": "IUV", "my_IUV_2.png": "my_IUV_2", "Half turned": "Half turned"}
    assert {pose: copy.of_pose(pose) for pose in names} == {pose: f"{name}.png" for pose, name in names.items()}


def test_pictures_are_named_and_inputs_kept_by_the_same_code_as_in_the_library():
    ours, theirs = (inspect.getsource(module).partition("\n")[2] for module in (naming, library_naming))
    assert ours == theirs


def save(path, picture, **options):
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "P", "CMYK", "I;16"])
def test_photos_are_read_as_by_the_library(tmp_path, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 14, 4), dtype=np.uint8)
    if mode == "I;16":
        picture = Image.fromarray(pixels[..., 0].astype(np.uint16) * 250)
    else:
        picture = Image.fromarray(pixels, "RGBA").convert(mode)
    path = save(tmp_path / "photo", picture, format="TIFF" if mode == "CMYK" else "PNG")
    np.testing.assert_array_equal(framing.read_photo(path), photos.read(path))


def test_a_turned_photo_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.jpg", Image.fromarray(toy.pictures(0)["source"][0][:20]), format="JPEG", exif=exif)
    got = framing.read_photo(path)
    assert got.shape == (32, 20, 3)
    np.testing.assert_array_equal(got, photos.read(path))


def body(size=48):
    """A torso with a head on it, U and V smooth."""
    picture = np.zeros((size, size, 3), np.uint8)
    picture[20:40, 8:40] = (2, 0, 0)
    picture[4:20, 16:30] = (24, 0, 0)
    on = picture[..., 0] > 0
    picture[..., 1], picture[..., 2] = on * np.linspace(20, 180, size), (on * np.linspace(20, 180, size)[:, None])
    return picture


def edited(*edits):
    picture = body()
    for rows, columns, channel, values in edits:
        picture[rows, columns, channel] = values
    return picture


def small(lonely):
    """A torso of 40 pixels, and so many pixels by themselves."""
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[10:14, 10:20] = (2, 90, 3)
    picture[20, 0 : 2 * lonely : 2] = (5, 90, 3)
    return picture


MAPS = {
    "plain": body(),
    "a small body in pieces": small(14),
    "wrapped": edited((slice(22, 25), slice(9, 12), 1, 20), (slice(23, 24), slice(10, 11), 1, 254)),
    "wrapped at the edge": edited((slice(20, 30), slice(8, 14), 2, 10), (slice(22, 26), slice(8, 10), 2, 240)),
    "a fold": edited((slice(22, 30), slice(20, 26), 2, np.linspace(180, 255, 6))),
    "two pieces, one wrapped": edited(
        (slice(20, 40), slice(8, 20), 1, 12),
        (slice(24, 28), slice(10, 14), 1, 250),
        (slice(24, 28), slice(30, 34), 1, 250),
    ),
    "beside another part": edited(
        (slice(14, 26), slice(16, 30), 1, 5),
        (slice(17, 23), slice(18, 24), 1, 255),
        (slice(30, 40), slice(10, 12), 2, 250),
    ),
    "a hand by itself": edited((slice(42, 46), slice(2, 5), 0, 3)),
    "tiny U and V": np.minimum(body(), (24, 9, 9)).astype(np.uint8),
    "the background tells": np.minimum(edited((slice(20, 24), slice(8, 40), 2, 0)), (24, 9, 9)).astype(np.uint8),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("reverse", [False, True])
def test_maps_are_read_as_by_the_library(tmp_path, name, reverse):
    path = tmp_path / "map.png"
    path.write_bytes(toy.png(np.ascontiguousarray(MAPS[name][..., :: -1 if reverse else 1])))
    np.testing.assert_array_equal(maps.read(path), iuv.read(path))


def test_some_of_these_maps_are_mended_and_some_are_not(tmp_path):
    mended = set()
    for name, picture in MAPS.items():
        (tmp_path / "map.png").write_bytes(toy.png(picture))
        if (maps.read(tmp_path / "map.png") != picture).any():
            mended.add(name)
    assert {"wrapped", "wrapped at the edge", "two pieces, one wrapped"} <= mended and "a fold" not in mended


def test_real_maps_are_read_as_by_the_library(realdata):
    files = sorted(path for path in realdata.rglob("*.png") if "iuv" in path.name.lower())[::8][:12]
    assert files
    read = 0
    for file in files:
        try:
            expected = iuv.read(file)
        except iuv.NotIUV:
            with pytest.raises(BadInput):
                maps.read(file)
            continue
        try:
            got = maps.read(file)
        except BadInput as error:
            assert "people" in str(error)  # the library keeps the largest
            continue
        read += 1
        np.testing.assert_array_equal(got, expected)
    assert read


def jpeg(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG")
    return buffer.getvalue()


TWO = np.concatenate([body(), body()], axis=1)
NOISE = np.random.default_rng(0).integers(0, 25, (48, 48, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello", "no PNG that can be decoded"),
        (toy.png(body())[:-40], "no PNG that can be decoded"),
        (jpeg(body()), "a JPEG of mode RGB; a map is a PNG"),
        (toy.png(body()[..., 0]), "a PNG of mode L; a map is"),
        (toy.png(np.dstack([body(), body()[..., :1] * 0])), "transparent"),
        (toy.png(0 * body()), "0 everywhere"),
        (toy.png(body() // 255 * 0 + np.uint8(7)), "a grey picture"),
        (toy.png(toy.pictures(0)["source"][0]), "red goes up to"),
        (toy.png(NOISE), "a colour picture, or a map damaged"),
        (toy.png(small(15)), "a colour picture, or a map damaged"),
        (toy.png(TWO), "it shows 2 people; choose one with dpt inspect --person=N --write"),
    ],
)
def test_what_is_no_map_is_refused_with_its_name(tmp_path, data, words):
    path = tmp_path / "map.png"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=rf"map\.png: .*{words}"):
        maps.read(path)
