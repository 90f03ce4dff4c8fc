"""Laws of reading dumps of Detectron2's. `data/dumps/make.py` made the files and says of whom."""

import contextlib
import io
import pathlib
import pickle
import struct
import tracemalloc
import zipfile

import damaged
import numpy as np
import pytest
from PIL import Image

from dpt_tf import iuv
from dpt_tf.iuv import dumps, sources, tensors, unpickle

TWO_PHOTOS, TWO_PEOPLE, OLD = (damaged.DUMPS / f"{name}.pkl" for name in ("new_two_photos", "new_two_people", "old"))


def person(height: int, width: int) -> np.ndarray:
    """What `make.py` calls a person, as a map of the box: uint8 `[H, W, 3]`."""
    part = np.zeros((height, width), np.uint8)
    part[: height // 3, width // 4 : -(width // 4)] = 24
    part[height // 3 :, 1:-1] = 2
    u = np.broadcast_to(np.linspace(0, 1, width), part.shape)
    v = np.broadcast_to(np.linspace(-0.002, 1.004, height)[:, None], part.shape)
    levels = np.rint(np.stack([u, v], -1).clip(0, 1) * 255) * (part > 0)[..., None]
    return np.concatenate([part[..., None], levels], -1).astype(np.uint8)


def pasted(box: np.ndarray, row: int, column: int, height: int, width: int) -> np.ndarray:
    made = np.zeros((height, width, 3), np.uint8)
    made[row : row + box.shape[0], column : column + box.shape[1]] = box
    return made


def agree(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal, but for a level where float32 rounds the other way."""
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found[..., 0], expected[..., 0])
    np.testing.assert_allclose(found.astype(int), expected, atol=1)
    assert (found != expected).mean() < 0.01


def test_a_person_is_pasted_where_the_box_begins():
    examined = iuv.examine(TWO_PHOTOS, photo="shop/a.jpg", size=(30, 20))
    agree(examined.iuv, pasted(person(9, 8), 2, 3, 30, 20))
    assert examined.form == "Detectron2 dump (torch.save)"
    assert examined.order == "labels, U, V"
    assert examined.people == (48,)


@pytest.mark.parametrize("path", [TWO_PEOPLE, OLD], ids=["new form", "old form"])
def test_of_several_people_the_one_with_most_pixels_is_first(path):
    examined = iuv.examine(path, size=(20, 16))
    agree(examined.iuv, pasted(person(12, 8), 2, 4, 20, 16))
    assert examined.people == (64, 24)
    assert examined.mended[0] == "person 1 of 2 kept: score 0.870, box 4 3 12 15"
    second = iuv.examine(path, 2, size=(20, 16))
    agree(second.iuv, pasted(person(6, 6), 3, 1, 20, 16))
    assert second.mended[0].startswith("person 2 of 2 kept: score 0.990")
    for number in (0, 3):
        with pytest.raises(iuv.NotIUV, match=rf"street\.jpg: no person {number}: it shows 2"):
            iuv.read(path, number)


def test_u_and_v_beyond_0_and_1_are_clipped_and_counted():
    examined = iuv.examine(TWO_PHOTOS, photo="a.jpg", size=(30, 20))
    assert "U or V of 10 pixels clipped to 0..1" in examined.mended
    column = examined.iuv[2:11, 6, 2]
    assert column[0] == 0
    assert column[-1] == 255


def test_old_and_new_form_and_bytes_and_path_read_alike():
    expected = iuv.read(TWO_PEOPLE)
    np.testing.assert_array_equal(iuv.read(OLD), expected)
    for path in (OLD, TWO_PEOPLE):
        np.testing.assert_array_equal(iuv.decode(path.read_bytes(), "x").iuv, expected)


def test_the_photos_of_a_dump_are_listed_in_its_order(tmp_path):
    assert iuv.photos(TWO_PHOTOS) == ("shop/a.jpg", "shop/b.jpg")
    assert iuv.photos(OLD) == ("street.jpg",)
    path = tmp_path / "a.png"
    path.write_bytes(iuv.encode(damaged.a_map()))
    assert iuv.photos(path) == ()


def test_a_map_in_a_file_of_its_own_ignores_photo_and_size(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(iuv.encode(damaged.a_map()))
    np.testing.assert_array_equal(iuv.read(path, photo="b.jpg", size=(3, 4)), damaged.a_map())


def named(*names: str) -> dumps.Index:
    return dumps._indexed("", tuple(dumps.Photo(name, None, None, [number]) for number, name in enumerate(names)))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("x/a.jpg", 0),
        ("y/a.jpg", 1),
        ("a.jpg", 2),
        ("/home/me/y/a.jpg", 1),
        ("elsewhere/b.jpg", 3),
        ("b.jpg", 3),
        ("C:\\photos\\b.jpg", 3),
    ],
)
def test_a_photo_is_found_by_as_much_of_its_path_as_it_takes(asked, found):
    photos = named("x/a.jpg", "y/a.jpg", "a.jpg", "z/b.jpg")
    assert dumps._choose(photos, asked).results == [found]


def test_a_photo_that_is_absent_ambiguous_or_not_given_is_refused_with_names():
    photos = named("x/a.jpg", "y/a.jpg", "z/b.jpg", "z/c.jpg")
    for asked, reason in (
        ("q.jpg", r"no photo q\.jpg .* \(x/a\.jpg, y/a\.jpg, z/b\.jpg, \.\.\.\)"),
        ("a.jpg", "photos of the dump are called"),
        ("w/a.jpg", "photos of the dump are called"),
        (None, "a dump of 4 photos .* say which"),
    ):
        with pytest.raises(iuv.NotIUV, match=reason):
            dumps._choose(photos, asked)
    with pytest.raises(iuv.NotIUV, match="photos of the dump are called"):
        dumps._choose(named("a.jpg", "a.jpg"), "a.jpg")
    assert dumps._choose(named("a.jpg"), "q.jpg").name == "a.jpg"


def test_results_that_were_left_on_a_gpu_are_read():
    for name in (b"torch\nLongStorage", b"torch\nFloatStorage"):
        data = damaged.changed(name, name.replace(b"torch", b"torch.cuda"))
        np.testing.assert_array_equal(iuv.decode(data, "x").iuv, iuv.read(TWO_PEOPLE))


def test_the_canvas_is_the_size_of_the_photo_beside_the_dump(tmp_path):
    path = tmp_path / "dump.pkl"
    path.write_bytes(OLD.read_bytes())
    assert iuv.read(path).shape == (14, 12, 3)
    assert iuv.examine(path).mended[-1] == "the photo is not beside the dump, so the map ends where the boxes end"
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "street.jpg", "JPEG", exif=turned)
    examined = iuv.examine(path)
    agree(examined.iuv, pasted(person(12, 8), 2, 4, 40, 30))
    assert len(examined.mended) == 2
    assert iuv.read(path, size=(15, 13)).shape == (15, 13, 3)


def test_what_lies_outside_the_canvas_is_cut_off():
    whole = iuv.read(OLD, size=(20, 16))
    np.testing.assert_array_equal(iuv.read(OLD, size=(9, 7)), whole[:9, :7])
    with pytest.raises(iuv.NotIUV, match="beside a photo of 3 x 2 pixels"):
        iuv.read(OLD, size=(2, 3))


def test_boxes_that_begin_outside_are_cut_there():
    data = damaged.members_of(TWO_PEOPLE.name)
    name = next(name for name in data if name.endswith("/data/1"))
    boxes = np.frombuffer(data[name], "<f4").reshape(2, 4) - np.float32([6, 5, 6, 5])
    moved = iuv.decode(damaged.archive({**data, name: boxes.tobytes()}), "x", size=(20, 16)).iuv
    agree(moved, pasted(person(12, 8)[2:, 1:], 0, 0, 20, 16))


def zipped(members: dict[str, bytes], **changes: bytes) -> bytes:
    return damaged.archive({name: changes.get(name.split("/", 1)[1], data) for name, data in members.items()})


def test_numbers_of_a_big_endian_machine_are_turned_round():
    members = damaged.members_of(TWO_PEOPLE.name)
    turned = {}
    for name, data in members.items():
        number = name.rpartition("/data/")[2]
        size = 0 if not number.isdigit() else 8 if int(number) in (2, 4) else 4
        turned[name] = np.frombuffer(data, f"<i{size}").astype(f">i{size}").tobytes() if size else data
    data = zipped(turned, byteorder=b"big")
    np.testing.assert_array_equal(iuv.decode(data, "x").iuv, iuv.read(TWO_PEOPLE))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8", "i4", "u1"])
def test_tensors_of_every_type_are_read_with_their_offset_and_strides(dtype):
    numbers = np.arange(40).astype(dtype)
    source = sources.of_bytes(b"xyz" + numbers.tobytes())
    storage = tensors.Storage(np.dtype(dtype).newbyteorder("<"), 40, 3)
    transposed = tensors.Tensor(storage, 5, (3, 4), (1, 3)).read(source)
    np.testing.assert_array_equal(transposed, numbers[5:17].reshape(4, 3).T)
    np.testing.assert_array_equal(tensors.Tensor(storage, 39, (1,), (1,)).read(source), [39])
    with pytest.raises(iuv.NotIUV, match="beyond its storage"):
        tensors.Tensor(storage, 6, (5, 8), (7, 1)).read(source)


def test_only_the_wanted_photo_is_read(tmp_path):
    path = tmp_path / "dump.pkl"
    path.write_bytes(TWO_PHOTOS.read_bytes())
    read = []

    class Watched(io.BytesIO):
        def read(self, count=-1):
            read.append((self.tell(), count))
            return super().read(count)

    data = path.read_bytes()
    source = sources.Source(Watched(data), len(data), str(path), 1)
    assert dumps.index(source) is dumps.index(source)
    dumps.decode(source, sources.Wanted(photo="b.jpg", size=(30, 20)))
    with zipfile.ZipFile(path) as opened:
        starts = {member.filename: member.header_offset for member in opened.infolist()}
    first, last = starts["new_two_photos/data/0"], starts["new_two_photos/data/4"]
    assert read
    assert not [place for place, _ in read if first <= place < last]


def test_a_dump_that_was_written_anew_is_read_anew(tmp_path):
    path = tmp_path / "dump.pkl"
    for original in (TWO_PHOTOS, OLD):
        path.write_bytes(original.read_bytes())
        assert iuv.photos(path) == iuv.photos(original)


@pytest.mark.parametrize(("factors", "box"), [([2, 1, 2, 1], "3 4 16 10"), ([1, 2, 1, 2], "2 7 8 20")])
def test_a_map_that_does_not_fit_its_box_is_refused(factors, box):
    members = damaged.members_of(TWO_PEOPLE.name)
    boxes = np.frombuffer(members["new_two_people/data/1"], "<f4").reshape(2, 4) * np.float32(factors)
    data = zipped(members, **{"data/1": boxes.tobytes()})
    with pytest.raises(iuv.NotIUV, match=f"a map of 6 x 6 pixels for the box {box}"):
        iuv.decode(data, "x")


@pytest.mark.parametrize(("value", "reason"), [(np.nan, "NaN"), (9, "far from 0..1")])
def test_u_and_v_that_are_no_coordinates_are_refused(value, reason):
    members = damaged.members_of(TWO_PEOPLE.name)
    uv = np.full(2 * 12 * 8, value, "<f4")
    with pytest.raises(iuv.NotIUV, match=reason):
        iuv.decode(zipped(members, **{"data/5": uv.tobytes()}), "x")


def run(code: bytes, known=None):
    cursor = unpickle.Cursor(sources.of_bytes(code), 0, len(code), unpickle.budget(len(code)))
    return unpickle.load(cursor, known or {})


def test_the_machine_reads_plain_data_of_every_protocol():
    for made in ([], {}, (), [1, -5, 70000, 1 << 40, None, True, False, 0.5], {"a": [("b",), (1, 2), (1, 2, 3, 4)]}):
        for protocol in (2, 3, 4, 5):
            assert run(pickle.dumps(made, protocol)) == made
    shared = ["x"]
    first, second = run(pickle.dumps([shared, shared], 4))
    assert first is second


def test_the_machine_calls_only_what_it_was_given():
    made = run(
        b"\x80\x02cfractions\nFraction\nK\x03\x85R.", {("fractions", "Fraction"): unpickle.Function(lambda n: n + 1)}
    )
    assert made == 4
    with pytest.raises(iuv.NotIUV, match=r"fractions\.Fraction"):
        run(b"\x80\x02cfractions\nFraction\nK\x03\x85R.")


def test_an_object_of_more_fields_than_any_result_has_is_refused():
    known = {("a", "B"): unpickle.Function(unpickle.Record)}
    for fields, read in ((64, True), (65, False)):
        items = b"".join(b"\x8c\x02%02dN" % number for number in range(fields))
        code = b"\x80\x04\x8c\x01a\x8c\x01B\x93)\x81}(" + items + b"ub."
        if read:
            assert len(run(code, known)) == fields
        else:
            with pytest.raises(iuv.NotIUV, match="damaged"):
                run(code, known)


def test_what_a_pickle_claims_is_not_allocated():
    tracemalloc.start()
    claims = [
        damaged.MEMO_OF_4_GIBIBYTES,  # what it takes of Python's own
        b"\x80\x02]r" + struct.pack("<I", 0xFFFFFFF0) + b".",
        b"\x80\x02X\xf0\xff\xff\xff.",
        b"\x80\x02B\xf0\xff\xff\xff.",
    ]
    for code in claims:
        with contextlib.suppress(iuv.NotIUV):
            run(code)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_the_script_that_made_the_dumps_is_beside_them():
    script = (pathlib.Path(damaged.DUMPS) / "make.py").read_text()
    assert all(path.name in script and path.stat().st_size < 10_000 for path in (TWO_PHOTOS, TWO_PEOPLE, OLD))
