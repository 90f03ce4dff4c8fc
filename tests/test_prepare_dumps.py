"""`dpt prepare` finds maps in dumps of Detectron2's, each for the photo it is of."""

import pathlib
import pickle
import shutil

import numpy as np
import pytest
from albums import prepare, save_map, save_photo, stored
from PIL import Image

DUMPS = pathlib.Path(__file__).parent / "data" / "dumps"
SHOP = DUMPS / "new_two_photos.pkl"  # shop/a.jpg and shop/b.jpg


def shop(folder: pathlib.Path, height=32, width=32) -> pathlib.Path:
    for name in ("a.jpg", "b.jpg"):
        save_photo(folder / name, height, width)
    return folder


def box(iuv: np.ndarray) -> tuple[int, ...]:
    """First and last row, first and last column of a person."""
    rows, columns = np.nonzero(iuv[..., 0])
    return tuple(map(int, (rows.min(), rows.max(), columns.min(), columns.max())))


A, B = (2, 10, 4, 9), (1, 12, 1, 4)


@pytest.mark.parametrize("place", ["dump.pkl", "dumps/dump.pkl", "anna/dump.pkl", "anna/iuv/dump.pkl"])
def test_a_dump_serves_every_photo_that_it_names(tmp_path, place):
    shop(tmp_path / "in" / "anna" / "images")
    (tmp_path / "in" / place).parent.mkdir(exist_ok=True)
    shutil.copy(SHOP, tmp_path / "in" / place)
    assert prepare(tmp_path / "in", tmp_path / "out") == 0
    people = stored(tmp_path / "out")
    assert [box(iuv) for iuv in people["anna"]["iuv"]] == [A, B]


def test_a_dumps_boxes_lie_in_the_frame_of_the_upright_photo(tmp_path):
    folder = shop(tmp_path / "in", 24, 32)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(folder / "b.jpg", exif=exif)
    shutil.copy(SHOP, folder / "dump.pkl")
    assert prepare(folder, tmp_path / "out") == 0
    a, b = stored(tmp_path / "out")["in"]["iuv"]
    assert box(a) == (2 + 4, 10 + 4, 4, 9)
    assert box(b) == (1, 12, 1 + 4, 4 + 4)


def test_a_map_beside_the_photo_wins_over_a_dump(tmp_path, capsys):
    folder = shop(tmp_path / "in")
    save_map(folder / "b_IUV.png")
    save_photo(folder / "c.jpg")
    shutil.copy(SHOP, folder / "dump.pkl")
    assert prepare(folder, tmp_path / "out") == 0
    views = stored(tmp_path / "out")["in"]
    assert views["name"].tolist() == [b"a.jpg", b"b.jpg"]
    assert [box(iuv) for iuv in views["iuv"]] == [A, (8, 15, 8, 15)]
    assert "photos without an IUV file, left out: 1" in capsys.readouterr().out


def test_each_person_may_have_a_dump_of_the_same_file_names(tmp_path):
    for name in ("anna", "berta"):
        shutil.copy(SHOP, shop(tmp_path / "in" / name) / "dump.pkl")
    shutil.copy(SHOP, tmp_path / "in" / "all.pkl")
    assert prepare(tmp_path / "in", tmp_path / "out") == 0
    people = stored(tmp_path / "out")
    assert [box(iuv) for name in ("anna", "berta") for iuv in people[name]["iuv"]] == [A, B, A, B]


def test_a_dumps_folders_tell_people_with_the_same_file_names_apart(tmp_path, capsys):
    for name in ("shop", "street"):
        shop(tmp_path / "in" / name)
    shutil.copy(SHOP, tmp_path / "in" / "dump.pkl")
    assert prepare(tmp_path / "in", tmp_path / "out") == 0
    assert set(stored(tmp_path / "out")) == {"shop"}
    assert "photos without an IUV file, left out: 2" in capsys.readouterr().out


def dump_of_either(folder):
    for name in ("anna", "berta"):
        shop(folder / name)
    shutil.copy(SHOP, folder / "dump.pkl")


def two_dumps(folder):
    for name in ("dump.pkl", "older.pkl"):
        shutil.copy(SHOP, shop(folder) / name)


def no_dump(folder):
    (shop(folder) / "scores.pkl").write_bytes(pickle.dumps({"scores": [1, 2]}))


def nameless(folder):
    save_photo(folder / "x.jpg")
    shutil.copy(SHOP, folder / "dump.pkl")


MISTAKES = {
    "a dump that may be of either": (dump_of_either, "shop/a.jpg fits both"),
    "two dumps of a photo": (two_dumps, "older.pkl and"),
    "a pickle of something else": (no_dump, "scores.pkl"),
    "a dump of other photos": (nameless, "none of its 1 photos has an IUV file"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_with_dumps_gets_one_line_and_writes_nothing(tmp_path, capsys, mistake):
    make, wanted = MISTAKES[mistake]
    make(tmp_path / "in")
    assert prepare(tmp_path / "in", tmp_path / "out") == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert wanted in line
    assert line.removeprefix("the dumps in ").startswith(str(tmp_path))
    assert ";" in line
    assert not (tmp_path / "out").exists()
