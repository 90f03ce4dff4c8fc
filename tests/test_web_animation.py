"""The moving pictures of the page: of ready poses, and of a video, of which it takes a part that is bounded."""

import fractions
import html
import re

import numpy as np
import posing
import pytest
import web_toys as toys

from dpt_tf.images import video
from serving.web import animation
from serving.web.clicks import FILM, SYNTHETIC, Clicks
from serving.web.estimating import Maps
from serving.web.painting import Pose

WALL = posing.photo()


@pytest.fixture(scope="module")
def clicks(tmp_path_factory):
    return Clicks(toys.Model(), 32, tmp_path_factory.mktemp("people"), Maps(posing.ByColour()))


def walk(path, frames, fps=10, nobody=()) -> toys.Upload:
    """A video of somebody who walks, but in some of its frames."""
    with video.writer(path, fps, fine=True) as out:
        for k in range(frames):
            out.add(WALL if k in nobody else posing.photo((10 + k % 20, 10, 50 + k % 20, 86)))
    return toys.Upload(path, path.name)


def made(clicks, film, seconds="", form="MP4"):
    """Message and HTML of the last step, and how many steps there were."""
    *steps, (message, shown) = clicks.turn(*clicks.first, FILM, [], film=film, seconds=seconds, form=form)
    return html.unescape(re.sub("<[^>]*>", " ", message)).strip(), shown, len(steps)


def test_poses_of_several_sizes_come_into_one_square():
    given = [Pose("a", toys.body(48, 40)), Pose("b", toys.body(30, 60))]
    made = animation.in_one_frame(given)
    assert [(pose.name, pose.iuv.shape) for pose in made] == [("a", (60, 60, 3)), ("b", (60, 60, 3))]
    np.testing.assert_array_equal(made[1].iuv[15:45], given[1].iuv)
    same = [given[0], given[0]]
    assert [pose.iuv.shape for pose in animation.in_one_frame(same)] == [(48, 40, 3)] * 2
    assert animation.in_one_frame([]) == []


@pytest.mark.parametrize("form", animation.FORMS)
def test_a_file_has_all_frames_in_each_form(clicks, tmp_path, form):
    frames = [np.full((48, 40, 3), 20 * k, np.uint8) for k in range(5)]
    ending = animation.FORMS[form]
    path = tmp_path / f"x{ending}"
    path.write_bytes(animation.file(frames, fractions.Fraction(10), ending))
    if form != "animated WebP":  # which FFmpeg writes and does not read
        assert len(list(video.frames(path))) == 5
    assert path.stat().st_size > 100


def test_a_video_is_painted_frame_by_frame_and_a_pose_held_where_nobody_is(clicks, tmp_path):
    film = walk(tmp_path / "walk.mp4", 8, nobody=(0, 4))
    clicks._transfer.asked.clear()
    message, shown, steps = made(clicks, film)
    assert message == "walk.mp4: nobody found in frames 1, 5; there a pose is held"
    assert 'download="walk.mp4"' in shown and "<video" in shown and "8 frames, 0.8 s" in shown
    assert steps == 9 and len(clicks._transfer.asked) == 6


def test_of_a_video_that_ends_too_early_what_there_is_is_painted_and_said(clicks, tmp_path):
    film = walk(tmp_path / "torn.mp4", 20)
    film.path.write_bytes(film.path.read_bytes()[: film.path.stat().st_size * 3 // 4])
    message, shown, _ = made(clicks, film)
    assert re.fullmatch(r"torn.mp4: damaged after [0-9.]+ seconds \(.*\); the frames until there are kept", message)
    assert "<video" in shown


def test_of_a_fast_video_each_so_manieth_frame_and_of_a_part_no_others(clicks, tmp_path):
    film = walk(tmp_path / "fast.mp4", 60, fps=60)
    assert "15 frames, 1.0 s" in made(clicks, film)[1]
    assert "8 frames, 0.5 s" in made(clicks, film, "0.25 - 0.75")[1]


def test_a_video_that_says_nothing_of_its_length_ends_after_so_many_frames(clicks, tmp_path, monkeypatch):
    film = walk(tmp_path / "endless.mp4", 12)
    monkeypatch.setattr(animation.video, "facts", lambda path: video.Facts(fractions.Fraction(10), None, None))
    monkeypatch.setattr(animation, "MOST_FRAMES", 5)
    assert "5 frames, 0.5 s" in made(clicks, film)[1]


def test_what_is_no_video_or_too_long_or_shows_nobody_is_one_line_without_a_path(clicks, tmp_path):
    long = walk(tmp_path / "long.mp4", 34, fps=2)
    cut = toys.Upload(tmp_path / "cut.mp4", "cut.mp4")
    cut.path.write_bytes(long.path.read_bytes()[:500])
    empty = walk(tmp_path / "empty.mp4", 3, nobody=range(3))
    playlist = toys.Upload(tmp_path / "list.mp4", "list.mp4")
    playlist.path.write_text(f"ffconcat version 1.0\nfile {empty.path.name}\n")
    photo = toys.save(tmp_path / "photo.png", WALL)
    hours = walk(tmp_path / "hours.mp4", 40, fps=0.2)
    for film, seconds, says in (
        (None, "", "there is no video yet"),
        (
            long,
            "",
            "long.mp4: 17.0 seconds are too long for this page, which paints 16 at most; write which, as in 0-16",
        ),
        (long, "0-16.5", "long.mp4: 16.5 seconds are too long"),
        (long, "18-19", "long.mp4: it lasts 17.0 seconds, and second 18 is not among them"),
        (long, "3", "`3` is no part of a video; write from which to which second, as in 2-8"),
        (long, "8-2", "`8-2` is no part"),
        (hours, "0-2", "hours.mp4: it lasts 200 seconds, and this page looks at videos of 180 at most"),
        (empty, "", "empty.mp4: no frame in it shows anybody"),
        (playlist, "", "list.mp4: not a video"),
        (photo, "", "photo.png: not a video"),
        (cut, "", "cut.mp4: not a video, or one that is cut short"),
    ):
        message, shown, _ = made(clicks, film, seconds)
        assert says in message and not shown and "\n" not in message and str(tmp_path) not in message, message


def test_where_nobody_makes_maps_a_video_is_refused_and_the_turn_goes_on(tmp_path):
    alone = Clicks(toys.Model(), 32, tmp_path)
    film = walk(tmp_path / "walk.mp4", 2)
    assert "walk.mp4: no network that makes maps is here" in made(alone, film)[0]
    assert 'download="turn.webp"' in list(alone.turn(*alone.first, SYNTHETIC, [], form="animated WebP"))[-1][1]
