"""`dpt prepare --keypoints`: joints lie where the photo has them, and a set with joints trains with joints."""

import json
import pathlib

import numpy as np
from albums import person, prepare, save_map, stored
from PIL import Image

from dpt_tf.data import records


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
    assert records.open_prepared(tmp_path / "out").keypoints
    report = capsys.readouterr().out
    assert "joints 2 photos" in report
    assert "without keypoints" not in report
    views = stored(tmp_path / "out")["anna"]
    for image, points in zip(views["image"], views["keypoints"], strict=True):
        rows, columns = np.nonzero(image[..., 0] > 128)
        assert (points == points[0]).all()
        assert np.abs(points[0] - (rows.mean(), columns.mean())).max() <= 1


def test_what_was_prepared_with_keypoints_trains_with_keypoints(tmp_path):
    from dpt_tf import config
    from dpt_tf.data import read

    person(tmp_path / "anna")
    joints = [[8 + k // 2 for k in range(18)], [9 + k // 3 for k in range(18)]]
    lines = [f"{view}.png: {joints[0]}: {joints[1]}\n" for view in range(2)]
    (tmp_path / "points.csv").write_text("name:keypoints_y:keypoints_x\n" + "".join(lines))
    assert prepare(tmp_path / "anna", tmp_path / "out", f"--keypoints={tmp_path / 'points.csv'}") == 0
    hparams = config.HParams(image_size=32, batch_size=4, source_pose="keypoints", target_pose="keypoints")
    inputs, _ = next(iter(read.train_batches(tmp_path / "out", hparams, "predictive")))
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
    assert not records.open_prepared(tmp_path / "out").keypoints
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
