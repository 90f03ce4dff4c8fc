"""What there is to try a model on: people whom no model knows, poses, a turn."""

import itertools

import numpy as np
from PIL import Image

from dpt_tf import iuv
from dpt_tf.iuv import MIRRORED, PART_NAMES
from dpt_tf.synthetic import examples
from dpt_tf.synthetic.dataset import number

FRONT, BACK = PART_NAMES.index("torso front"), PART_NAMES.index("torso back")


def pixels_of(made, part):
    return int((made[..., 0] == part).sum())


def test_people_are_whole_no_two_alike_and_unknown_to_every_training():
    people = examples.people(32)
    assert len(people) >= 3
    tops = []
    for photo, made in people.values():
        assert photo.shape == made.shape == (32, 32, 3)
        assert pixels_of(made, FRONT) > 20
        tops.append(photo[made[..., 0] == FRONT].mean(0))
    for one, other in itertools.combinations(tops, 2):
        assert abs(one - other).max() > 20  # each in clothes of their own
    trained = {number(seed, "train", index) for seed in range(3) for index in range(5000)}
    strangers_of_demo = {number(seed, "test", index) for seed in range(3) for index in range(1000)}
    indices = {examples._MODEL} | {index for index, _ in examples._PEOPLE.values()}
    shown = {number(0, "test", index) for index in indices}
    assert len(shown) == len(people) + 1
    assert not shown & (trained | strangers_of_demo)


def test_the_same_people_are_seen_from_the_front_a_side_and_the_back(tmp_path):
    views = examples.views(32)
    for (photo, made), (front, side, back) in zip(examples.people(32).values(), views.values(), strict=True):
        np.testing.assert_array_equal(photo, front[0])
        np.testing.assert_array_equal(made, front[1])
        assert pixels_of(front[1], FRONT) > 20 > pixels_of(front[1], BACK)
        assert pixels_of(back[1], BACK) > 20 > pixels_of(back[1], FRONT)
        assert side[1].any((0, 2)).sum() < front[1].any((0, 2)).sum()  # narrower
    written = examples.write_views(tmp_path, 32)
    assert [photo.name for photo, _ in written["Ada"]] == ["ada_1.png", "ada_2.png", "ada_3.png"]
    np.testing.assert_array_equal(iuv.read(written["Ada"][2][1]), views["Ada"][2][1])


def test_builds_differ_as_they_say():
    slim, heavy, child = examples.builds(64).values()
    bodies = [(made[..., 0] > 0).sum() for made in (slim, heavy)]
    heads = [
        sum(pixels_of(made, PART_NAMES.index(f"head {side}")) for side in ("left", "right")) for made in (slim, child)
    ]
    assert bodies[1] > 1.3 * bodies[0] and heads[1] > 1.3 * heads[0]


def test_poses_are_whole_bodies_and_no_two_alike():
    poses = examples.poses(48)
    assert len(poses) >= 6
    for name, made in poses.items():
        assert made.shape == (48, 48, 3) and made.dtype == np.uint8
        assert 100 < (made[..., 0] > 0).sum() < 1200, name
    assert len({made.tobytes() for made in poses.values()}) == len(poses)
    assert pixels_of(poses["Back"], BACK) > 50 > 3 > pixels_of(poses["Back"], FRONT)


def test_the_turn_goes_all_the_way_round_in_even_steps():
    frames = examples.turn(48)
    assert len(frames) == examples.FRAMES
    front = [pixels_of(made, FRONT) for made in frames]
    back = [pixels_of(made, BACK) for made in frames]
    assert front[0] > 50 and back[0] == 0 and back[12] > 50 and front[12] == 0
    for part, mirrored in enumerate(MIRRORED):
        if part:  # what is right on one half of the way is left on the other
            assert abs(pixels_of(frames[7], part) - pixels_of(frames[-7], mirrored)) <= 4, PART_NAMES[part]
    heights = [np.ptp(np.nonzero(made[..., 0])[0]) for made in frames]
    assert max(heights) - min(heights) <= 2  # the camera stands still


def test_files_are_what_the_arrays_are(tmp_path):
    examples.write(tmp_path, 32)
    for name, (photo, made) in examples.people(32).items():
        with Image.open(tmp_path / f"{name.lower()}.png") as opened:
            np.testing.assert_array_equal(np.asarray(opened), photo)
        np.testing.assert_array_equal(iuv.read(tmp_path / f"{name.lower()}_IUV.png"), made)
    for name, made in examples.poses(32).items():
        np.testing.assert_array_equal(iuv.read(tmp_path / "poses" / f"{examples.plain(name)}_IUV.png"), made)
    turn = [iuv.read(path) for path in sorted((tmp_path / "turn").iterdir())]
    np.testing.assert_array_equal(turn, examples.turn(32))
