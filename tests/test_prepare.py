"""Laws of `dpt prepare`: which files belong together, what is stored, and what each mistake is answered with."""

import io
import json
import pathlib
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image, ImageOps, JpegImagePlugin

from dpt_tf import framing, iuv, photos, records
from dpt_tf.commands import main


def save_photo(path: pathlib.Path, height=32, width=32, colour=(200, 100, 50)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), colour, np.uint8)).save(path)


def save_map(path: pathlib.Path, height=32, width=32, first=True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = np.zeros((height, width, 3), np.uint8)
    made[height // 4 : height // 2, width // 4 : width // 2] = (2, 80, 90)
    if path.suffix == ".npy":
        np.save(path, made)
    else:
        Image.fromarray(made if first else made[..., ::-1]).save(path)


def person(folder: pathlib.Path, views: int = 2, **kwargs) -> pathlib.Path:
    for view in range(views):
        save_photo(folder / f"{view}.png", **kwargs)
        save_map(folder / f"{view}_IUV.png", **kwargs)
    return folder


def prepare(folder, output, *flags) -> int:
    return main.guarded(lambda: main.dispatch(["prepare", str(folder), f"--output={output}", "--size=32", *flags]))


def stored(output, split="train") -> dict:
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(records.open(output).directory)
    return {item["id"].decode(): item["views"] for item in builder.as_dataset(split).as_numpy_iterator()}


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
    builder = tfds.builder_from_directory(records.open(tmp_path / "out").directory)
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


def grain(height, width, cell=32) -> Image.Image:
    """Something with detail in it, no white noise."""
    noise = np.random.default_rng(0).integers(0, 256, (height // cell, width // cell, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def square_of(path: pathlib.Path, size: int) -> tuple[Image.Image, np.ndarray]:
    opened = Image.open(io.BytesIO(photos.square(path, size)[0]))
    return opened, np.asarray(opened).astype(float)


def test_a_resized_jpeg_stays_a_jpeg_with_all_of_its_colour(tmp_path):
    grain(160, 120).save(tmp_path / "x.jpg", quality=98, subsampling=0)
    grain(160, 120).save(tmp_path / "x.png")
    (jpeg, seen), (png, wanted) = square_of(tmp_path / "x.jpg", 100), square_of(tmp_path / "x.png", 100)
    assert (jpeg.format, png.format) == ("JPEG", "PNG")
    assert JpegImagePlugin.get_sampling(jpeg) == 0
    assert jpeg.size == (100, 100)
    assert np.sqrt(((seen - wanted) ** 2).mean()) < 3


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
@pytest.mark.parametrize("shape", [(640, 480), (640, 355), (417, 530)])
def test_a_large_jpeg_that_is_not_decoded_whole_looks_the_same(tmp_path, shape, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    grain(*shape).save(tmp_path / "x.jpg", quality=98, subsampling=0, exif=exif)
    with Image.open(tmp_path / "x.jpg") as whole:
        upright = ImageOps.exif_transpose(whole)
    _, seen = square_of(tmp_path / "x.jpg", 64)
    wanted = framing.square_photo(np.asarray(upright), 64)
    assert photos.square(tmp_path / "x.jpg", 64)[1:] == (upright.height, upright.width)
    assert np.sqrt(((seen - wanted) ** 2).mean()) < 3


def test_a_large_jpeg_is_decoded_no_further_than_needed(tmp_path, monkeypatch):
    decoded = []
    squared = framing.square_photo
    monkeypatch.setattr(framing, "square_photo", lambda p, *rest: decoded.append(p.shape[:2]) or squared(p, *rest))
    grain(1024, 800).save(tmp_path / "x.jpg")
    for size in (64, 65, 256, 257, 512, 513):
        photos.square(tmp_path / "x.jpg", size)
    assert [height for height, _ in decoded] == [128, 256, 512, 1024, 1024, 1024]


def openpose_file(path: pathlib.Path, *people) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = [[value for _ in range(18) for value in (x, y, 0.9)] for y, x in people]
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": person} for person in numbers]}))


def test_joints_lie_where_they_were_marked_in_the_photo(tmp_path, capsys):
    folder = tmp_path / "anna"
    for view, (y, x) in enumerate([(20, 10), (29, 15)]):
        made = np.zeros((64, 40, 3), np.uint8)
        made[y - 4 : y + 4, x - 4 : x + 4] = 255
        save_map(folder / f"{view}_IUV.png", 64, 40)
        Image.fromarray(made).save(folder / f"{view}.png")
        openpose_file(tmp_path / "poses" / f"{view}_keypoints.json", (2, 2), (y, x))
    assert prepare(folder, tmp_path / "out", f"--keypoints={tmp_path / 'poses'}") == 0
    assert records.open(tmp_path / "out").keypoints
    report = capsys.readouterr().out
    assert "joints 2 photos" in report
    assert "without keypoints" not in report
    views = stored(tmp_path / "out")["anna"]
    for image, points in zip(views["image"], views["keypoints"], strict=True):
        rows, columns = np.nonzero(image[..., 0] > 128)
        assert (points == points[0]).all()
        assert np.abs(points[0] - (rows.mean(), columns.mean())).max() <= 1


def test_what_was_prepared_with_keypoints_trains_with_keypoints(tmp_path):
    from dpt_tf import config, data

    person(tmp_path / "anna")
    joints = [[8 + k // 2 for k in range(18)], [9 + k // 3 for k in range(18)]]
    lines = [f"{view}.png: {joints[0]}: {joints[1]}\n" for view in range(2)]
    (tmp_path / "points.csv").write_text("name:keypoints_y:keypoints_x\n" + "".join(lines))
    assert prepare(tmp_path / "anna", tmp_path / "out", f"--keypoints={tmp_path / 'points.csv'}") == 0
    hparams = config.HParams(image_size=32, batch_size=4, source_pose="keypoints", target_pose="keypoints")
    inputs, _ = next(iter(data.train_batches(tmp_path / "out", hparams, "predictive")))
    for side in ("source", "target"):
        np.testing.assert_array_equal(inputs[f"{side}_keypoints"], [np.transpose(joints)] * 4)


def test_photos_without_keypoints_are_counted_and_joints_off_the_person_too(tmp_path, capsys):
    person(tmp_path / "in", views=4)
    for view, places in enumerate([[(10, 10)], [], [(2, 2)]]):
        openpose_file(tmp_path / "in" / f"{view}.json", *places)
    assert prepare(tmp_path / "in", tmp_path / "out", f"--keypoints={tmp_path / 'in'}") == 0
    report = capsys.readouterr().out
    assert "joints 1 photos" in report
    assert "photos without keypoints: 3" in report
    assert "remove these photos" in report
    assert not records.open(tmp_path / "out").keypoints
    lines = [f"{view}.png: {[25] * 18}: {[3] * 18}\n" for view in range(4)]
    (tmp_path / "points.csv").write_text("name:keypoints_y:keypoints_x\n" + "".join(lines))
    assert prepare(tmp_path / "in", tmp_path / "out", f"--keypoints={tmp_path / 'points.csv'}") == 0
    assert (
        "photos with most joints off the person; are they of this photo, in its pixels?: 4" in capsys.readouterr().out
    )


def test_joints_of_another_frame_are_refused(tmp_path, capsys):
    person(tmp_path / "in")
    lines = [f"{view}.png: {[9] * 18}: {[50] * 18}\n" for view in range(2)]
    (tmp_path / "points.csv").write_text("name:keypoints_y:keypoints_x\n" + "".join(lines))
    assert prepare(tmp_path / "in", tmp_path / "out", f"--keypoints={tmp_path / 'points.csv'}") == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "0.png: its joints reach to x = 50, y = 9, outside of its 32 x 32 pixels;" in line
    assert not (tmp_path / "out").exists()


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
    "a dump that may be of either": (dump_of_either, "shop/a.jpg fits both"),
    "two dumps of a photo": (two_dumps, "older.pkl and"),
    "a pickle of something else": (no_dump, "scores.pkl"),
    "a dump of other photos": (nameless, "none of its 1 photos has an IUV file"),
    "a person with one view": (one_view, "berta has 1 usable view"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_line_and_writes_nothing(tmp_path, capsys, mistake):
    make, wanted = MISTAKES[mistake]
    make(tmp_path / "in")
    assert prepare(tmp_path / "in", tmp_path / "out") == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert wanted in line
    assert line.removeprefix("the dumps in ").startswith(str(tmp_path))
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
    before = records.open(tmp_path / "out")

    def full(*_args):
        raise tf.errors.ResourceExhaustedError(None, None, "somewhere; No space left on device")

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", full)
    assert prepare(tmp_path / "in", tmp_path / "out") == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the disk is full" in line
    assert str(tmp_path / "out") in line
    assert records.open(tmp_path / "out") == before
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
