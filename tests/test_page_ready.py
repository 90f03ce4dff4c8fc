"""What the page has ready: people whom no model knows, poses, an animation of them."""

import io
import itertools

import numpy as np
import page_toys as toys
import pytest
from PIL import Image

from dpt_tf.iuv import MIRROR, PARTS
from dpt_tf.synthetic.dataset import number
from page import painting, people, poses, turning
from page.painting import Pose

FRONT, BACK = PARTS.index("torso front"), PARTS.index("torso back")


def pixels_of(made, part):
    return int((made[..., 0] == part).sum())


def test_examples_are_photos_with_their_own_maps_and_always_the_same(tmp_path):
    first, again = (people.write(tmp_path / name, 32) for name in "ab")
    assert tuple(first) == people.NAMES and len(first) >= 3
    tops = []
    for name, example in first.items():
        photo, made = painting.read_person(*example)
        assert photo.shape == made.shape == (32, 32, 3)
        assert pixels_of(made, FRONT) > 20
        assert [one.path.read_bytes() for one in example] == [one.path.read_bytes() for one in again[name]]
        tops.append(photo[made[..., 0] == FRONT].mean(0))
    for one, other in itertools.combinations(tops, 2):
        assert abs(one - other).max() > 20  # each in clothes of their own


def test_examples_and_poses_are_of_people_whom_no_training_has():
    trained = {number(seed, "train", index) for seed in range(3) for index in range(5000)}
    demo_strangers = {number(seed, "test", index) for seed in range(3) for index in range(1000)}
    shown = {number(0, "test", index) for index, _ in people._CHOSEN.values()} | {poses._MODEL}
    assert len(shown) == len(people.NAMES) + 1
    assert not shown & (trained | demo_strangers)


def test_ready_poses_are_whole_bodies_and_no_two_alike():
    ready = poses.ready(48)
    assert tuple(ready) == poses.NAMES and len(ready) >= 6
    for name, made in ready.items():
        assert made.shape == (48, 48, 3) and made.dtype == np.uint8
        assert 100 < (made[..., 0] > 0).sum() < 1200, name
    assert len({made.tobytes() for made in ready.values()}) == len(ready)
    assert pixels_of(ready["Back"], BACK) > 50 > 3 > pixels_of(ready["Back"], FRONT)


def test_the_turn_goes_all_the_way_round_in_even_steps():
    frames = poses.turn(48)
    assert len(frames) == poses.FRAMES == 24
    front = [pixels_of(made, FRONT) for made in frames]
    back = [pixels_of(made, BACK) for made in frames]
    assert front[0] > 50 and back[0] == 0 and back[12] > 50 and front[12] == 0
    for part, mirrored in enumerate(MIRROR):
        if part:  # what is right on one half of the way is left on the other
            assert abs(pixels_of(frames[7], part) - pixels_of(frames[-7], mirrored)) <= 4, PARTS[part]
    heights = [np.ptp(np.nonzero(made[..., 0])[0]) for made in frames]
    assert max(heights) - min(heights) <= 2  # the camera stands still


def test_an_animation_has_every_frame_one_palette_and_no_end():
    rng = np.random.default_rng(0)
    slope = np.broadcast_to(np.arange(32) * 8, (32, 32))
    left = np.stack([slope, slope.T, 255 - slope], -1).astype(
        np.uint8
    )  # the same in all, of more colours than a palette
    rights = [np.kron(rng.integers(0, 256, (8, 4, 3)), np.ones((4, 4, 1))).astype(np.uint8) for _ in range(5)]
    frames = [np.concatenate([left, right], 1) for right in rights]
    with Image.open(io.BytesIO(turning.gif(frames, 70))) as opened:
        assert opened.n_frames == 5 and opened.info["loop"] == 0 and opened.size == (48, 32)
        seen = []
        for k in range(5):
            opened.seek(k)
            assert opened.info["duration"] == 70
            seen.append(np.asarray(opened.convert("RGB")))
    for shown, frame in zip(seen, frames, strict=True):
        np.testing.assert_allclose(shown.astype(int), frame, atol=48)
        np.testing.assert_array_equal(shown[:, :32], seen[0][:, :32])


def test_poses_of_several_sizes_come_into_one_square():
    given = [Pose("a", toys.body(48, 40)), Pose("b", toys.body(30, 60))]
    made = turning.in_one_frame(given)
    assert [(pose.name, pose.iuv.shape) for pose in made] == [("a", (60, 60, 3)), ("b", (60, 60, 3))]
    np.testing.assert_array_equal(made[1].iuv[15:45], given[1].iuv)
    same = [given[0], given[0]]
    assert [pose.iuv.shape for pose in turning.in_one_frame(same)] == [(48, 40, 3)] * 2
    assert turning.in_one_frame([]) == []


@pytest.mark.parametrize("count", [1, 200])
def test_large_and_many_frames_take_a_palette_of_a_part_of_their_pixels(count):
    frames = [
        np.roll(np.arange(64 * 64).reshape(64, 64, 1) // 16, k, 0).repeat(3, -1).astype(np.uint8) for k in range(count)
    ]
    with Image.open(io.BytesIO(turning.gif(frames))) as opened:
        assert getattr(opened, "n_frames", 1) == count
