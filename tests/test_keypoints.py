"""Joints in any file form come out in one order, in pixels, y first, and are those of the right person and photo."""

import json
import pathlib
import time

import numpy as np
import pytest

from dpt_tf.data import keypoints
from dpt_tf.data.keypoints import openpose
from dpt_tf.system.errors import UserError

# fmt: off
BODY = ["nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"]
LEGS = ["right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"]
FACE = ["right_eye", "left_eye", "right_ear", "left_ear"]
FEET = ["big_toe_left", "small_toe_left", "heel_left", "big_toe_right", "small_toe_right", "heel_right"]
# fmt: on
COCO = BODY + LEGS + FACE
BODY_25 = [*BODY, "mid_hip", *LEGS, *FACE, *FEET]
HEADER = "name:keypoints_y:keypoints_x\n"


def place(joint: str) -> tuple[int, int]:
    """(x, y) of a joint: of its own for each name."""
    number = sorted(set(COCO + BODY_25)).index(joint)
    return 10 + number, 100 + 2 * number


def body(names=BODY_25, missing=()) -> list[float]:
    return [value for name in names for value in (*place(name), 0.0 if name in missing else 0.9)]


def save(path: pathlib.Path, *people, key="pose_keypoints_2d") -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 1.3, "people": [{key: list(numbers)} for numbers in people]}))
    return path


def standing(y: float, x: float, joints: int = 18) -> list[float]:
    """A body with `joints` joints at one place."""
    return [value for k in range(18) for value in (x, y, float(k < joints))]


@pytest.mark.parametrize("names", [COCO, BODY_25], ids=["COCO", "BODY_25"])
@pytest.mark.parametrize("key", ["pose_keypoints_2d", "pose_keypoints"])
def test_each_joint_of_openpose_is_found_by_its_name(tmp_path, names, key):
    (person,) = keypoints.read_openpose(save(tmp_path / "x.json", body(names), key=key))
    assert person.shape == (18, 2)
    assert {name: tuple(point) for name, point in zip(keypoints.JOINTS, person, strict=True)} == {
        name: place(name)[::-1] for name in keypoints.JOINTS
    }


def test_a_joint_without_confidence_is_missing(tmp_path):
    (person,) = keypoints.read_openpose(save(tmp_path / "x.json", body(missing=("left_eye", "nose"))))
    missing = [name for name, point in zip(keypoints.JOINTS, person, strict=True) if tuple(point) == (-1, -1)]
    assert missing == ["nose", "left_eye"]


def test_a_photo_without_people_gives_none(tmp_path):
    assert keypoints.read_openpose(save(tmp_path / "x.json")) == []


def test_all_people_come_in_the_order_of_the_file(tmp_path):
    people = keypoints.read_openpose(save(tmp_path / "x.json", standing(7, 3), standing(5, 1)))
    assert [tuple(person[0]) for person in people] == [(7, 3), (5, 1)]


MISTAKES = {
    "broken": ('{"people": [', "not JSON"),
    "binary": ("\x00\xff", "not JSON"),
    "deep": ("[" * 100_000, "not JSON"),
    "a list": ("[]", "no list `people`"),
    "people as a number": ('{"people": 3}', "no list `people`"),
    "somebody else's person": ('{"people": [[1, 2]]}', "a person without pose_keypoints_2d"),
    "nothing of the body": ('{"people": [{"pose_keypoints_2d": []}]}', "0 numbers a person"),
    "MPI": (json.dumps({"people": [{"pose_keypoints_2d": [1] * 45}]}), "45 numbers a person"),
    "null": (json.dumps({"people": [{"pose_keypoints_2d": [None] * 54}]}), "something else than numbers"),
    "NaN": (json.dumps({"people": [{"pose_keypoints_2d": [float("nan")] * 54}]}), "something else than numbers"),
    "huge": (json.dumps({"people": [{"pose_keypoints_2d": [10**400] * 54}]}), "something else than numbers"),
    "normalised": (json.dumps({"people": [{"pose_keypoints_2d": [0.3, 0.9, 1] * 18}]}), "lie in 0..1"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_not_openpose_is_refused_in_one_line(tmp_path, mistake):
    text, wanted = MISTAKES[mistake]
    path = tmp_path / "x_keypoints.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UserError) as caught:
        keypoints.read_openpose(path)
    line = str(caught.value)
    assert line.startswith(str(path))
    assert wanted in line
    assert ";" in line
    assert "\n" not in line


def test_the_person_with_most_joints_on_the_map_is_meant():
    iuv = np.zeros((40, 40, 3), np.uint8)
    iuv[10:30, 20:30] = (2, 0, 0)
    on, beside = np.full((18, 2), 25.0), np.full((18, 2), 5.0)
    partly = np.where(np.arange(18)[:, None] < 12, on, beside)
    few = np.where(np.arange(18)[:, None] < 10, on, -1.0)
    assert openpose.of_person([beside, few, partly], iuv) is partly
    lean = np.where(np.arange(18)[:, None] < 12, on, -1.0)
    assert openpose.of_person([partly, lean], iuv) is lean
    assert openpose.of_person([beside, np.full((18, 2), -1.0)], iuv) is None
    assert openpose.of_person([], iuv) is None


def test_joints_beyond_the_map_are_not_on_it():
    full = np.ones((8, 6, 3), np.uint8)
    points = np.full((18, 2), -1.0)
    points[:6] = [(7.4, 5.4), (0, 0), (7.6, 0), (0, 5.6), (900, 3), (3, -1)]
    assert openpose.on_person(points, full) == 2


def test_a_line_that_comes_twice_counts_once_and_must_not_differ(tmp_path):
    path = tmp_path / "points.csv"
    line = f"a.jpg: {[1] * 18}: {[2] * 18}\n"
    path.write_text(HEADER + line + "\n" + line)
    assert list(keypoints.read_keypoints(path)) == ["a.jpg"]
    path.write_text(HEADER + line + f"b.jpg: {[1] * 18}: {[2] * 18}\n" + f"a.jpg: {[1] * 18}: {[3] * 18}\n")
    with pytest.raises(UserError, match=r"line 4: a\.jpg a second time"):
        keypoints.read_keypoints(path)


@pytest.mark.parametrize("entry", ["NaN", "1e99", "null", "[1]", '"x"', "9" * 400])
def test_a_joint_of_a_csv_is_a_number(tmp_path, entry):
    path = tmp_path / "points.csv"
    path.write_text(f"{HEADER}a.jpg: [{', '.join([entry] * 18)}]: {[2] * 18}\n")
    with pytest.raises(UserError, match="line 2"):
        keypoints.read_keypoints(path)


def test_a_csv_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "points.csv"
    path.write_bytes(HEADER.encode() + b"\xff\xfe\x80\x00")
    with pytest.raises(UserError, match="not a text file"):
        keypoints.read_keypoints(path)


def test_a_whole_data_sets_csv_is_read_in_seconds(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(HEADER + "".join(f"{k}.jpg: {list(range(k, k + 18))}: {[-1] * 18}\n" for k in range(10_000)))
    start = time.process_time()
    assert len(keypoints.read_keypoints(path)) == 10_000
    assert time.process_time() - start < 2


MAP = np.ones((400, 400, 3), np.uint8)


def test_photos_find_their_line_of_a_csv_by_their_file_name(tmp_path):
    path = tmp_path / "points.csv"
    lines = [f"{name}: {[y] * 18}: {[2] * 18}\n" for name, y in (("a.jpg", 1), ("b.jpg", 2), ("a.png", 3))]
    path.write_text(HEADER + "".join(lines) + f"none.jpg: {[-1] * 18}: {[-1] * 18}\n")
    photos = [tmp_path / "anna" / name for name in ("b.jpg", "a.jpg", "none.jpg", "absent.jpg")]
    found = keypoints.of_photos(path, photos)
    assert set(found) == set(photos[:3])
    assert [found[photo](MAP)[0, 0] for photo in photos[:2]] == [2, 1]
    assert found[photos[2]](MAP) is None


@pytest.mark.parametrize("ending", [".json", "_keypoints.json"])
def test_photos_find_their_json_in_another_folder_and_beside_them(tmp_path, ending):
    photos = [tmp_path / "photos" / name for name in ("x.jpg", "y.png")]
    for folder in ("photos", "poses/deeper"):
        save(tmp_path / folder / f"x{ending}", standing(3, 4))
        save(tmp_path / folder / f"y{ending}", standing(5, 6))
        found = keypoints.of_photos(tmp_path / folder.split("/")[0], photos)
        assert [tuple(found[photo](MAP)[0]) for photo in photos] == [(3, 4), (5, 6)]


def test_openposes_own_name_counts_where_there_are_two(tmp_path):
    save(tmp_path / "x.json", standing(1, 1))
    save(tmp_path / "x_keypoints.json", standing(2, 2))
    (find,) = keypoints.of_photos(tmp_path, [tmp_path / "x.jpg"]).values()
    assert find(MAP)[0, 0] == 2


def test_folders_tell_people_with_the_same_file_names_apart(tmp_path):
    photos = [tmp_path / "in" / name / "images" / "0.jpg" for name in ("anna", "berta", "clara")]
    save(tmp_path / "poses" / "anna" / "0_keypoints.json", standing(11, 1))
    save(tmp_path / "poses" / "keypoints" / "berta" / "0.json", standing(2, 2))
    found = keypoints.of_photos(tmp_path / "poses", photos)
    assert {photo.parts[-3]: find(MAP)[0, 0] for photo, find in found.items()} == {"anna": 11, "berta": 2}


def test_what_folders_cannot_tell_apart_is_refused(tmp_path):
    photos = [tmp_path / "in" / name / "0.jpg" for name in ("anna", "berta")]
    save(tmp_path / "poses" / "0_keypoints.json", standing(1, 1))
    with pytest.raises(UserError, match=r"0 fits both .*anna/0\.jpg and .*berta/0\.jpg"):
        keypoints.of_photos(tmp_path / "poses", photos)
    save(tmp_path / "other" / "x" / "0.json", standing(1, 1))
    save(tmp_path / "other" / "y" / "0.json", standing(1, 1))
    with pytest.raises(UserError, match="x/0 and y/0 both fit"):
        keypoints.of_photos(tmp_path / "other", photos[:1])


def test_where_nothing_fits_is_said_with_a_name_that_would(tmp_path):
    photos = [tmp_path / "x.jpg"]
    with pytest.raises(UserError, match="no such file or folder"):
        keypoints.of_photos(tmp_path / "gone", photos)
    (tmp_path / "poses").mkdir()
    with pytest.raises(UserError, match=r"no \.json file"):
        keypoints.of_photos(tmp_path / "poses", photos)
    save(tmp_path / "poses" / "z.json", standing(1, 1))
    with pytest.raises(UserError, match=r"any of the 1 photos.*x_keypoints\.json"):
        keypoints.of_photos(tmp_path / "poses", photos)
    (tmp_path / "points.csv").write_text(f"{HEADER}z.jpg: {[1] * 18}: {[1] * 18}\n")
    with pytest.raises(UserError, match=r"any of the 1 photos.*x\.jpg"):
        keypoints.of_photos(tmp_path / "points.csv", photos)


def test_keypoints_are_read_y_first(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(f"name:keypoints_y:keypoints_x\na_1.jpg: {list(range(18))}: {[-1] * 18}\n")
    points = keypoints.read_keypoints(path)["a_1.jpg"]
    assert points.dtype.kind == "i"
    assert points[:, 0].tolist() == list(range(18))
    assert points[:, 1].tolist() == [-1] * 18


@pytest.mark.parametrize("line", ["a: [1]: [2]", "a", "a: [1, : [2]", "a: x: y", "a: [[1]]: {}"])
def test_a_broken_keypoint_line_is_named(tmp_path, line):
    path = tmp_path / "points.csv"
    path.write_text(f"name:keypoints_y:keypoints_x\n{line}\n")
    with pytest.raises(UserError, match="line 2"):
        keypoints.read_keypoints(path)
