"""The animation that the page makes of pictures."""

import io

import numpy as np
import pytest
import web_toys as toys
from PIL import Image

from serving.web import animation
from serving.web.painting import Pose


def test_an_animation_has_every_frame_one_palette_and_no_end():
    rng = np.random.default_rng(0)
    slope = np.broadcast_to(np.arange(32) * 8, (32, 32))
    left = np.stack([slope, slope.T, 255 - slope], -1).astype(
        np.uint8
    )  # the same in all, of more colours than a palette
    rights = [np.kron(rng.integers(0, 256, (8, 4, 3)), np.ones((4, 4, 1))).astype(np.uint8) for _ in range(5)]
    frames = [np.concatenate([left, right], 1) for right in rights]
    with Image.open(io.BytesIO(animation.gif(frames, 70))) as opened:
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
    made = animation.in_one_frame(given)
    assert [(pose.name, pose.iuv.shape) for pose in made] == [("a", (60, 60, 3)), ("b", (60, 60, 3))]
    np.testing.assert_array_equal(made[1].iuv[15:45], given[1].iuv)
    same = [given[0], given[0]]
    assert [pose.iuv.shape for pose in animation.in_one_frame(same)] == [(48, 40, 3)] * 2
    assert animation.in_one_frame([]) == []


@pytest.mark.parametrize("count", [1, 200])
def test_large_and_many_frames_take_a_palette_of_a_part_of_their_pixels(count):
    frames = [
        np.roll(np.arange(64 * 64).reshape(64, 64, 1) // 16, k, 0).repeat(3, -1).astype(np.uint8) for k in range(count)
    ]
    with Image.open(io.BytesIO(animation.gif(frames))) as opened:
        assert getattr(opened, "n_frames", 1) == count
