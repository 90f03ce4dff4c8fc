"""Moving pictures: steady, held where nobody is found, going on where they were stopped, in every form."""

import errno
import fractions

import numpy as np
import posing
import pytest
from people import striped, upright
from PIL import Image
from scipy import ndimage
from small_models import layers_painter

from dpt_tf import iuv
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.densepose import choosing
from dpt_tf.images import moving, video
from dpt_tf.transfer import animation, kept_frames, motions, painter, sources
from dpt_tf.transfer.steady_colours import SteadyColours

av = pytest.importorskip("av")


@pytest.fixture(scope="module")
def paint():
    return layers_painter(digest="d")


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A video of 14 frames; in the first, the seventh and the eighth there is nobody."""
    path = tmp_path_factory.mktemp("video") / "walk.mp4"
    with video.writer(path, 10, fine=True) as out:
        for k in range(14):
            out.add(posing.photo(*([] if k in (0, 6, 7) else [(20 + k, 10, 50 + k, 86)])))
    return path


class Plain:
    """Paints without networks, and the same every time: cloth on the body, the photo's corner behind."""

    keeps, provenance = False, {"digest": "d"}
    cloth = ndimage.gaussian_filter(np.random.default_rng(0).uniform(0, 255, (256, 256, 3)), (9, 9, 0))

    def __init__(self):
        self.painted = 0

    def __call__(self, photo, source_iuv, *, target_iuv, coverage=None):
        self.painted += 1
        look = self.cloth[target_iuv[..., 2], target_iuv[..., 1]]
        return {"image": np.where(target_iuv[..., :1] > 0, look, photo[0, 0]).astype(np.uint8)}

    def doubts(self):
        return []


@pytest.fixture
def animate(tmp_path_factory, monkeypatch):
    """The command, painting without networks unless a person's file is given, four frames a file."""
    monkeypatch.setattr(painter, "load", lambda *_: Plain())
    monkeypatch.setattr(choosing, "open_estimator", lambda *_: posing.ByColour())
    monkeypatch.setattr(kept_frames, "PER", 4)
    photo = tmp_path_factory.mktemp("photo") / "ada.png"
    Image.fromarray(posing.photo((20, 10, 50, 86))).save(photo)

    def run(poses, output, *flags, person=photo):
        return guarded(
            lambda: dispatch(["animate", f"--person={person}", f"--poses={poses}", f"--output={output}", *flags])
        )

    return run


def moves(count=6, height=48, width=40):
    """Maps of somebody who goes to the right."""
    return [np.roll(upright(height, width), k, 1) for k in range(count)]


def folder(path, maps):
    path.mkdir()
    for number, one in enumerate(maps):
        (path / f"{number}_IUV.png").write_bytes(iuv.encode(one))
    return path


def frames(path):
    return [frame.pixels for frame in video.frames(path)]


# Steadiness


def test_noise_on_the_surface_goes_and_its_detail_stays():
    random = np.random.default_rng(0)
    maps = moves(10, 96, 80)
    plain = [np.roll(striped(maps[0]), k, 1) for k in range(10)]
    noisy = [(one + random.normal(0, 12, one.shape)).clip(0, 255).astype(np.uint8) for one in plain]
    colours, body = SteadyColours(), maps[-1][..., 0] > 0
    calm = [colours(one, iuv) for one, iuv in zip(noisy, maps, strict=True)]
    assert animation.unsteadiness(calm, maps) < 0.5 * animation.unsteadiness(noisy, maps)
    errors = [np.abs(one[-1].astype(int) - plain[-1])[body].mean() for one in (calm, noisy)]
    assert errors[0] < 0.75 * errors[1]
    np.testing.assert_array_equal(calm[-1][~body], noisy[-1][~body])


def test_what_stays_the_same_is_left_as_it_is_and_what_was_long_hidden_begins_anew():
    colours, iuv = SteadyColours(), upright(48, 40)
    red, blue = (np.broadcast_to(np.uint8(colour), iuv.shape) for colour in ([200, 0, 0], [0, 0, 200]))
    for _ in range(5):
        np.testing.assert_array_equal(colours(red, iuv), red)
    nobody = np.zeros_like(iuv)
    for _ in range(14):
        np.testing.assert_array_equal(colours(blue, nobody), blue)
    np.testing.assert_array_equal(colours(blue, iuv), blue)


def test_a_colour_that_changes_for_good_is_followed_within_some_frames():
    colours, iuv = SteadyColours(), upright(48, 40)
    body = iuv[..., 0] > 0
    for _ in range(5):
        colours(np.full_like(iuv, 100), iuv)
    seen = [colours(np.full_like(iuv, 150), iuv)[body].mean() for _ in range(12)]
    assert 100 < seen[0] < 125 and (np.diff(seen) >= 0).all() and seen[-1] > 143


def test_unsteadiness_is_of_the_surface_and_not_of_its_place():
    maps = moves(4)
    photos = [np.roll(striped(maps[0]), k, 1) for k in range(4)]
    assert animation.unsteadiness(photos, maps) == 0
    brighter = [one + np.uint8(5 * (k % 2)) for k, one in enumerate(photos)]
    assert animation.unsteadiness(brighter, maps) == pytest.approx(5, abs=1)
    assert animation.unsteadiness(photos[:1], maps[:1]) == 0


def test_a_trembling_person_who_stands_still_is_painted_steadier_by_each_of_the_filters():
    truth = [upright(48, 40)] * 8
    maps = posing.noisy(truth, patches=3)
    calm = list(motions._steadied(maps, True))
    plain, by_maps, by_both = (
        animation.unsteadiness(list(animation.animate(Plain(), striped(truth[0]), given, steady=steady)), truth)
        for given, steady in ((maps, False), (calm, False), (calm, True))
    )
    assert by_both < by_maps < 0.7 * plain


def test_of_several_photos_another_is_taken_only_where_it_shows_clearly_more():
    shown = np.zeros([2, 24, 16, 16, 1], np.uint8)
    shown[0, 1], shown[1, 1], shown[0, 8:10] = 255, 255, 255  # the second shows the trunk alone
    each = [{"photo": 1}, {"photo": 2}]
    staying = sources.Sources(each, [], list(shown)).staying()
    trunk, both = upright(64, 48), upright(64, 48)
    trunk[40:] = 0
    assert staying.of_pose(trunk) is each[0]
    staying.photo = 1
    assert staying.of_pose(trunk) is each[1] and sources.Sources(each, [], list(shown)).of_pose(trunk) is each[0]
    assert staying.of_pose(both) is each[0] and staying.photo == 0


# Frames


def test_where_nobody_is_the_pose_before_is_held_and_at_the_beginning_the_first():
    a, b = moves(2)
    found = list(animation.held([None, None, a, None, b, None]))
    assert [one is a for one in found] == [True, True, True, True, False, False] and found[4] is found[5] is b
    assert list(animation.held([None, None])) == []


def test_a_frame_is_painted_when_it_is_asked_for_and_a_held_one_only_once():
    paint = Plain()
    pictures = animation.animate(paint, striped(upright(48, 40)), [moves(1)[0], None, moves(2)[1]])
    assert not paint.painted
    first, second, third = next(pictures), next(pictures), next(pictures)
    assert paint.painted == 2 and first is second and third.shape == (48, 40, 3)


@pytest.mark.slow
def test_a_persons_file_is_animated_as_the_photo_is(animate, paint, tmp_path, monkeypatch):
    monkeypatch.setattr(painter, "load", lambda *_: paint)
    photo, iuv_of = striped(upright(64, 48)), upright(64, 48)
    paint.person(photo, iuv_of, save=tmp_path / "ada.person")
    maps = folder(tmp_path / "maps", moves(5))
    assert animate(maps, tmp_path / "out.gif", "--nosteady", person=tmp_path / "ada.person") == 0
    made = frames(tmp_path / "out.gif")
    for one, other in zip(made, animation.animate(paint, photo, moves(5), iuv_of, steady=False), strict=True):
        assert np.abs(one.astype(int) - other).mean() < 12  # a GIF's colours


def test_a_video_gives_a_frame_for_each_of_its_own_and_says_where_nobody_is(animate, walk, tmp_path, capsys):
    assert animate(walk, tmp_path / "out.mp4") == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'out.mp4'}  14 frames, 10 a second, 80 x 96\n"
    assert f"{walk}: nobody found in frames 1, 7-8; there a pose is held" in said.err
    made = frames(tmp_path / "out.mp4")
    assert len(made) == 14 and video.facts(tmp_path / "out.mp4").fps == 10
    assert np.abs(made[0].astype(int) - made[1]).mean() < 1 and np.abs(made[5].astype(int) - made[7]).mean() < 1
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_folder_is_taken_in_the_order_of_numbers_in_names_and_fitted_into_the_first_frame(animate, tmp_path, capsys):
    maps = folder(tmp_path / "maps", moves(12))
    (maps / "7_IUV.png").write_bytes(iuv.encode(upright(96, 80)))
    found = list(motions.open_motion(maps, video.Cut(), steady=False).maps(None))
    assert {one.shape for one in found} == {(48, 40, 3)} and len(found) == 12
    np.testing.assert_array_equal(found[10], moves(11)[10])
    assert (found[7][..., 0] != upright(48, 40)[..., 0]).mean() < 0.03
    (maps / "3_IUV.png").write_bytes(b"none")
    assert animate(maps, tmp_path / "out.gif", "--every=3", "--fps=5") == 0
    said = capsys.readouterr()
    assert "4 frames, 5 a second, 40 x 48" in said.out and "the pose before is held" in said.err
    assert "nobody found in frames 2;" in said.err


def test_a_folder_of_maps_of_a_video_knows_its_gaps_and_its_pace(animate, walk, tmp_path, capsys):
    assert dispatch(["pose", str(walk), f"--output={tmp_path}"]) == 0
    motion = motions.open_motion(tmp_path / "walk_iuv", video.Cut())
    assert motion.fps == 10 and [k for k, one in enumerate(motion.maps(None)) if one is None] == [0, 6, 7]
    assert animate(tmp_path / "walk_iuv", tmp_path / "a.mp4") == animate(walk, tmp_path / "b.mp4") == 0
    for one, other in zip(frames(tmp_path / "a.mp4"), frames(tmp_path / "b.mp4"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_photos_without_maps_are_mapped_and_a_mixed_folder_is_refused(animate, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    for k in range(3):
        Image.fromarray(posing.photo((20 + k, 10, 50 + k, 86))).save(tmp_path / "photos" / f"{k}.png")
    (tmp_path / "photos" / "1.png").write_bytes(b"torn")
    assert animate(tmp_path / "photos", tmp_path / "out.webp") == 0
    said = capsys.readouterr()
    assert "3 frames, 25 a second, 80 x 96" in said.out and "1.png: a picture that cannot be read" in said.err
    (tmp_path / "photos" / "0_IUV.png").write_bytes(iuv.encode(upright(96, 80)))
    assert animate(tmp_path / "photos", tmp_path / "out.mp4") == 2
    assert "1.png has no map and " in capsys.readouterr().err.splitlines()[-1]


# Stopping


@pytest.mark.parametrize("steps", [0, 3, 9])
def test_stopping_and_going_on_changes_nothing(animate, walk, tmp_path, monkeypatch, capsys, steps):
    assert animate(walk, tmp_path / "whole.mp4") == 0
    add, left = video.Writer.add, [steps]

    def full(self, picture):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        add(self, picture)

    with monkeypatch.context() as patched:
        patched.setattr(video.Writer, "add", full)
        assert animate(walk, tmp_path / "out.mp4") == 1
    assert capsys.readouterr().err.endswith("the disk is full; make room and run the same command again\n")
    assert not (tmp_path / "out.mp4").exists()
    assert len(list((tmp_path / ".out.mp4.frames").glob("*.mp4"))) == steps // 4
    estimator = posing.ByColour()
    monkeypatch.setattr(choosing, "open_estimator", lambda *_: estimator)
    assert animate(walk, tmp_path / "out.mp4") == 0
    assert ("8 frames are there already" in capsys.readouterr().err) == (steps == 9)
    assert len(estimator.asked) < 28 - steps  # twice a frame, and once for the photo
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"out.mp4", "whole.mp4"}


def test_another_input_is_noticed_where_frames_are_kept(animate, walk, tmp_path, monkeypatch, capsys):
    maps = folder(tmp_path / "maps", moves(6))
    with monkeypatch.context() as patched:
        patched.setattr(moving, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full", "x")))
        assert animate(maps, tmp_path / "out.mp4") == 1
    for other, what in (((walk,), "poses"), ((maps, "--nosteady"), "steady")):
        assert animate(other[0], tmp_path / "out.mp4", *other[1:]) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith(f"{tmp_path / '.out.mp4.frames'}: frames with another {what} are kept here; ")
    assert animate(maps, tmp_path / "out.mp4") == 0


# Forms


@pytest.mark.parametrize("form", moving.FORMS)
def test_every_form_has_every_frame_in_its_time_and_takes_little_memory(tmp_path, form):
    import tracemalloc

    def picture(k):
        return np.kron(np.random.default_rng(k % 3).integers(0, 256, (6, 8, 3)), np.ones((16, 16, 1))).astype(np.uint8)

    path = tmp_path / f"a{form}"
    moving.write(path, lambda: map(picture, range(2)), fractions.Fraction(20))  # what is imported takes memory, too
    tracemalloc.start()
    moving.write(path, lambda: map(picture, range(200)), fractions.Fraction(20))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 5e6 < 200 * 96 * 128 * 3  # a palette is chosen from a million pixels
    if form == ".mp4":
        made = frames(path)
        assert len(made) == 200 and video.facts(path).fps == 20
    else:
        with Image.open(path) as opened:
            assert opened.n_frames == 200 and opened.info["loop"] == 0 and opened.size == (128, 96)
            made = []
            for k in range(4):
                opened.seek(k)
                opened.load()
                assert opened.info["duration"] == 50
                made.append(np.asarray(opened.convert("RGB")))
    for k in range(4):
        assert np.abs(made[k].astype(int) - picture(k)).mean() < 24


def loud(path, seconds=2):
    """A video of red somebody, black at first, with a tone that begins in the middle."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 80, 96, "yuv420p"
        sound = container.add_stream("aac", rate=16000)
        for k in range(10 * seconds):
            frame = av.VideoFrame.from_ndarray(posing.photo((20 + k, 10, 50 + k, 86)), format="rgb24")
            container.mux(pictures.encode(frame))
        for k in range(16 * seconds):
            tone = np.sin(np.arange(1000) / 4).astype(np.float32)[None] * (k >= 8 * seconds)
            noise = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            noise.rate, noise.pts = 16000, 1000 * k
            container.mux(sound.encode(noise))
        for stream in (pictures, sound):
            container.mux(stream.encode())
    return path


def loudness(path):
    """Seconds when the sound begins, and how long it is."""
    with av.open(str(path)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        return (np.abs(heard) > 0.3).argmax() / 16000, len(heard) / 16000


def test_the_sound_comes_along_where_it_is_asked_for(animate, tmp_path, walk, capsys):
    given = loud(tmp_path / "loud.mp4")
    assert animate(given, tmp_path / "a.mp4", "--keep_audio", "--every=2") == 0
    assert loudness(tmp_path / "a.mp4") == pytest.approx(loudness(given), abs=0.1)
    assert animate(given, tmp_path / "b.mp4", "--keep_audio", "--from=0.5", "--to=1.5") == 0
    assert loudness(tmp_path / "b.mp4") == pytest.approx((0.5, 1.0), abs=0.15)
    assert animate(given, tmp_path / "c.mp4") == 0 and not moving.has_sound(tmp_path / "c.mp4")
    assert animate(walk, tmp_path / "d.mp4", "--keep_audio") == 0
    assert "no sound in it" in capsys.readouterr().err


# Mistakes


def test_a_video_cut_short_is_animated_until_there_and_said(animate, walk, tmp_path, capsys):
    data = walk.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: int(len(data) * 0.8)])
    assert animate(tmp_path / "cut.mp4", tmp_path / "out.mp4") == 0
    assert "cut.mp4: damaged after" in capsys.readouterr().err and 0 < len(frames(tmp_path / "out.mp4")) < 14


def test_mistakes_are_a_line_and_nothing_is_left_or_lost(animate, walk, tmp_path, capsys):
    maps = folder(tmp_path / "maps", moves(2))
    for name in ("text.mp4", "text.txt"):
        (tmp_path / name).write_bytes(b"a text\n" * 99)
    with video.writer(tmp_path / "empty.mp4", 10) as out:
        out.add(posing.photo())
    (tmp_path / "none").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    out = tmp_path / "out.mp4"
    for given, words in (
        ((tmp_path / "empty.mp4", out), "no frame in it of anybody"),
        ((tmp_path / "text.mp4", out), "not a video"),
        ((tmp_path / "gone.mp4", out), "no such file"),
        ((tmp_path / "none", out), "neither photos nor maps in it"),
        ((tmp_path / "text.txt", out), "neither a video"),
        ((walk, walk), "would be overwritten by a moving picture"),
        ((maps, maps / "0_IUV.webp"), "would be one of the poses"),
        ((walk, tmp_path / "out.avi"), "is written as .mp4, .gif, .webp"),
        ((walk, tmp_path / "none"), "is no file that a moving picture could replace"),
        ((walk, tmp_path / "x.gif", "--keep_audio"), "cannot hold sound"),
        ((maps, out, "--keep_audio"), "is a folder and has no sound"),
        ((walk, out, "--fps=0"), "--fps=0: give frames a second"),
        ((walk, out, "--every=0"), "--every=0"),
        ((maps, out, "--from=9"), "no frame in it between --from and --to"),
    ):
        assert animate(*given) == 2, words
        said = capsys.readouterr().err.splitlines()
        assert words in said[-1] and "Traceback" not in "".join(said)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert not list(tmp_path.glob(".*"))
