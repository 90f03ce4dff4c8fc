"""Laws of `dpt prepare`: which files belong together, what is stored, and what each mistake is answered with."""

import numpy as np
import pytest
from albums import person, prepare, save_map, save_photo, stored
from PIL import Image

from dpt_tf import iuv
from dpt_tf.data import records


def test_every_way_to_lay_out_a_folder_is_understood(tmp_path):
    folder = person(tmp_path / "people")
    person(folder / "beside")
    for view in "xy":
        save_photo(folder / "parallel" / "images" / f"{view}.jpg")
        save_map(folder / "parallel" / "iuv" / f"{view}.png", first=False)
        save_photo(folder / "images" / "apart" / f"{view}.jpeg")
        save_map(folder / "iuv" / "apart" / f"{view}_iuv.png")
        save_photo(folder / "array" / f"{view}.JPG")
        save_map(folder / "array" / f"{view}.npy")
    assert prepare(folder, tmp_path / "out") == 0
    people = stored(tmp_path / "out")
    assert set(people) == {"people", "beside", "parallel", "apart", "array"}
    for views in people.values():
        assert len(views["name"]) == 2
        assert views["iuv"][:, 10, 10].tolist() == [[2, 80, 90]] * 2
        assert not views["iuv"][:, 20, 20].any()


def test_every_nth_view_is_held_out_and_never_trained_on(tmp_path, capsys):
    folder = person(tmp_path / "anna", views=7)
    assert prepare(folder, tmp_path / "out", "--hold_out=3") == 0
    assert [name.decode() for name in stored(tmp_path / "out")["anna"]["name"]] == [f"{v}.png" for v in (0, 1, 3, 4, 6)]
    assert stored(tmp_path / "out", "test")["anna"]["held_out"].tolist() == [0, 0, 1, 0, 0, 1, 0]
    report = capsys.readouterr().out
    assert "train  5 views, 25 pairs" in report
    assert "test   7 views, 2 pairs" in report
    assert "7 x PNG: R = I" in report


def test_the_last_people_are_kept_whole(tmp_path):
    for name in "abc":
        person(tmp_path / "in" / name)
    assert prepare(tmp_path / "in", tmp_path / "out", "--test_people=1") == 0
    assert set(stored(tmp_path / "out")) == {"a", "b"}
    assert set(stored(tmp_path / "out", "test")) == {"c"}


def test_a_photo_of_the_right_size_keeps_its_bytes(tmp_path):
    import tensorflow_datasets as tfds

    person(tmp_path / "in")
    save_photo(tmp_path / "in" / "1.png", 16, 16)
    assert prepare(tmp_path / "in", tmp_path / "out") == 0
    builder = tfds.builder_from_directory(records.open_prepared(tmp_path / "out").directory)
    decoders = {"views": {"image": tfds.decode.SkipDecoding()}}
    (item,) = builder.as_dataset("train", decoders=decoders).as_numpy_iterator()
    assert item["views"]["image"][0] == (tmp_path / "in" / "0.png").read_bytes()
    assert item["views"]["image"][1] != (tmp_path / "in" / "1.png").read_bytes()


def test_a_photo_that_is_not_square_is_padded_and_its_map_with_it(tmp_path):
    person(tmp_path / "in", height=64, width=32)
    assert prepare(tmp_path / "in", tmp_path / "out") == 0
    views = stored(tmp_path / "out")["in"]
    assert (views["image"][0] == (200, 100, 50)).all()
    rows, columns = np.nonzero(views["iuv"][0, ..., 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 15, 12, 15)


def test_a_photo_on_its_side_is_turned_upright(tmp_path):
    person(tmp_path / "in", height=40, width=20)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / "in" / "0.jpg", exif=exif)
    (tmp_path / "in" / "0.png").unlink()
    assert prepare(tmp_path / "in", tmp_path / "out") == 0


def test_a_smaller_map_of_the_same_aspect_is_enlarged(tmp_path, capsys):
    person(tmp_path / "in")
    save_map(tmp_path / "in" / "0_IUV.png", 16, 16)
    assert prepare(tmp_path / "in", tmp_path / "out") == 0
    assert "map resized to its photo: 1" in capsys.readouterr().out
    views = stored(tmp_path / "out")["in"]
    np.testing.assert_array_equal(views["iuv"][0], views["iuv"][1])


def test_what_has_no_counterpart_is_listed(tmp_path, capsys):
    folder = person(tmp_path / "in")
    save_photo(folder / "alone.jpg")
    save_map(folder / "lost_IUV.png")
    assert prepare(folder, tmp_path / "out") == 0
    report = capsys.readouterr().out
    assert "photos without an IUV file, left out: 1" in report
    assert "alone.jpg" in report
    assert "lost_IUV.png" in report


def no_maps(folder):
    save_photo(folder / "0.png")


def unreadable(folder):
    person(folder)
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:60])


def other_aspect(folder):
    person(folder)
    save_map(folder / "1_IUV.png", 32, 48)


def visualisation(folder):
    person(folder)
    save_photo(folder / "1_IUV.png", colour=(68, 1, 84))


def nobody(folder):
    person(folder)
    save_photo(folder / "1_IUV.png", colour=(0, 0, 0))


def one_view(folder):
    person(folder / "anna")
    person(folder / "berta", views=1)


MISTAKES = {
    "no such folder": (lambda folder: None, "no such folder"),
    "an empty folder": (lambda folder: folder.mkdir(), "no photo in it"),
    "no map at all": (no_maps, "none of its 1 photos has an IUV file"),
    "an unreadable photo": (unreadable, "1.png: a picture that cannot be read"),
    "a map of another aspect": (other_aspect, "1_IUV.png: 48 x 32 pixels, but its photo 1.png has 32 x 32"),
    "a colour visualisation": (visualisation, "1_IUV.png: a colour visualisation"),
    "a map without a person": (nobody, "1_IUV.png: no person in it"),
    "a person with one view": (one_view, "berta has 1 usable view"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_line_and_writes_nothing(tmp_path, capsys, mistake):
    make, wanted = MISTAKES[mistake]
    make(tmp_path / "in")
    assert prepare(tmp_path / "in", tmp_path / "out") == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert wanted in line
    assert line.startswith(str(tmp_path))
    assert ";" in line or ":" in line
    assert not (tmp_path / "out").exists()


def test_bad_views_can_be_left_out_and_are_listed(tmp_path, capsys):
    person(tmp_path / "in" / "anna", views=3)
    visualisation(tmp_path / "in" / "berta")
    save_photo(tmp_path / "in" / "anna" / "1_IUV.png", colour=(0, 0, 0))
    assert prepare(tmp_path / "in", tmp_path / "out", "--skip_bad") == 0
    report = capsys.readouterr().out
    assert "left out: 3" in report
    assert "no person in it" in report
    assert "berta has 1 usable view" in report
    assert set(stored(tmp_path / "out")) == {"anna"}


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (["--hold_out=1"], "nothing to train on"),
        (["--hold_out=9"], "nobody has so many views"),
        (["--test_people=1"], "nobody to train on"),
        (["--hold_out=2", "--test_people=1"], "give one of them"),
        (["--size=x"], "--size"),
        (["--pose=nobody"], "nobody: no estimator of maps is called so"),
    ],
)
def test_flags_that_make_no_sense_are_refused(tmp_path, capsys, flags, wanted):
    person(tmp_path / "in")
    assert prepare(tmp_path / "in", tmp_path / "out", *flags) == 2
    assert wanted in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_said_in_one_line_and_loses_nothing(tmp_path, capsys, monkeypatch):
    import tensorflow as tf

    person(tmp_path / "in")
    assert prepare(tmp_path / "in", tmp_path / "out") == 0
    before = records.open_prepared(tmp_path / "out")

    def full(*_args):
        raise tf.errors.ResourceExhaustedError(None, None, "somewhere; No space left on device")

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", full)
    assert prepare(tmp_path / "in", tmp_path / "out") == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the disk is full" in line
    assert str(tmp_path / "out") in line
    assert records.open_prepared(tmp_path / "out") == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["folder"]


def test_real_frames_are_prepared_with_every_fifth_held_out(realdata, tmp_path, capsys):
    assert prepare(realdata / "taichi_video", tmp_path / "out", "--hold_out=5") == 0
    report = capsys.readouterr().out
    assert "test   81 views, 16 pairs" in report
    assert "81 x PNG: R = V, G = U, B = I" in report
    first = realdata / "taichi_video" / "iuv" / "0000_IUV.png"
    np.testing.assert_array_equal(
        stored(tmp_path / "out")["taichi_video"]["iuv"][0], iuv.resize(iuv.read(first), 32, 32)
    )
