"""Laws of videos in and out: which frames, which way up, and what a damaged one gives."""

import errno
import fractions
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from dpt_tf.images import video
from dpt_tf.system.errors import UserError

av = pytest.importorskip("av")
UNTURNED = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
ON_ITS_SIDE = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)


def shade(number):
    """A frame that tells its number: brighter from frame to frame, red above, blue below."""
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24, :, 0] = frame[24:, :, 2] = 40 + 7 * number
    return frame


def make(path, count=30, fps=25, frame=shade):
    with video.writer(path, fps) as out:
        for number in range(count):
            out.add(frame(number))
    return path


def numbers(path, **cut):
    return [
        round((frame.pixels[:20].astype(int)[..., 0].mean() - 40) / 7) for frame in video.frames(path, video.Cut(**cut))
    ]


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    return make(tmp_path_factory.mktemp("video") / "walk.mp4")


def test_what_is_written_is_read_back(walk):
    facts = video.facts(walk)
    assert facts == video.Facts(fractions.Fraction(25), 1.2, 30)
    read = list(video.frames(walk))
    assert [round(frame.seconds * 25) for frame in read] == list(range(30))
    for number, frame in enumerate(read):
        assert frame.pixels.shape == (48, 64, 3) and frame.pixels.dtype == np.uint8
        assert np.abs(frame.pixels.astype(int) - shade(number)).mean() < 6
    assert not list(walk.parent.glob("*.partial"))


def test_a_part_of_the_frames_is_asked_for_by_number_and_by_seconds(walk):
    assert numbers(walk, every=10) == [0, 10, 20]
    assert numbers(walk, start=0.4, end=0.6) == [10, 11, 12, 13, 14]
    assert numbers(walk, start=1.0, every=2) == [25, 27, 29]
    facts = video.facts(walk)
    for cut, count in (({"every": 7}, 5), ({"start": 0.4, "end": 0.6}, 5), ({"start": 9}, 0)):
        assert video.Cut(**cut).expected(facts) == count
    with pytest.raises(UserError, match="no frame in it between --from and --to"):
        numbers(walk, start=9)


@pytest.mark.parametrize("cut", [{"every": 0}, {"start": -1.0}, {"start": 2.0, "end": 1.0}, {"end": float("nan")}])
def test_a_cut_that_leaves_nothing_is_refused(cut):
    with pytest.raises(UserError, match="--"):
        video.Cut(**cut)


def test_a_phone_held_upright_gives_upright_frames(walk, tmp_path):
    data = walk.read_bytes()
    track = data.index(UNTURNED, data.index(b"tkhd"))
    (tmp_path / "phone.mp4").write_bytes(data[:track] + ON_ITS_SIDE + data[track + 36 :])
    frame = next(iter(video.frames(tmp_path / "phone.mp4"))).pixels
    assert frame.shape == (64, 48, 3)
    # Turned clockwise, what was above is at the right.
    assert frame[:, 30:, 0].mean() > 30 > frame[:, :18, 0].mean()


def test_odd_sides_are_filled_up_and_every_frame_has_the_first_ones_size(tmp_path):
    make(tmp_path / "odd.mp4", 3, 30, lambda number: shade(number)[:47, :63])
    assert next(iter(video.frames(tmp_path / "odd.mp4"))).pixels.shape == (48, 64, 3)
    with (
        pytest.raises(ValueError, match="a frame of 64 x 46 in a video of 64 x 48"),
        video.writer(tmp_path / "b.mp4", 9) as out,
    ):
        out.add(shade(0))
        out.add(shade(0)[:46])
    assert not list(tmp_path.glob("b.mp4*"))


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
@pytest.mark.parametrize("fps", [fractions.Fraction(30000, 1001), 12.5])
def test_uneven_rates_survive_whatever_the_encoder(tmp_path, monkeypatch, encoder, fps):
    monkeypatch.setattr(video, "_ENCODERS", (encoder, "mpeg4"))
    path = make(tmp_path / "a.mp4", 9, fps)
    assert float(video.facts(path).fps) == pytest.approx(float(fps), rel=1e-3)
    assert len(list(video.frames(path))) == 9


def test_of_a_video_cut_short_the_frames_until_there_are_kept_with_a_note(walk, tmp_path):
    data = walk.read_bytes()
    for share in (0.7, 0.97):
        (tmp_path / "cut.mp4").write_bytes(data[: int(len(data) * share)])
        notes = []
        kept = list(video.frames(tmp_path / "cut.mp4", note=notes.append))
        assert 0 < len(kept) < 30
        assert [round(frame.seconds * 25) for frame in kept] == list(range(len(kept)))
        (note,) = notes
        assert note.startswith(f"{tmp_path / 'cut.mp4'}: damaged after ") and note.endswith("until there are kept")
    (tmp_path / "head.mp4").write_bytes(data[: data.index(b"mdat") + 8])
    with pytest.raises(UserError, match=r"head\.mp4: a video of which no frame can be decoded"):
        list(video.frames(tmp_path / "head.mp4"))


def test_fifty_damaged_videos_give_frames_or_one_line(walk, tmp_path):
    data, random = walk.read_bytes(), np.random.default_rng(0)
    for trial in range(50):
        torn = bytearray(data[: random.integers(1, len(data))] if trial % 2 else data)
        for _ in range(trial):
            torn[random.integers(len(torn))] ^= 1 << random.integers(8)
        path = tmp_path / f"{trial}.mp4"
        path.write_bytes(torn)
        notes = []
        try:
            count = sum(1 for _ in video.frames(path, note=notes.append))
        except UserError as error:
            notes, count = [str(error)], 1
        assert count and len(notes) <= 1
        assert all(note.startswith(f"{path}: ") and "\n" not in note for note in notes)


def test_what_is_no_video_is_told_in_a_line(tmp_path):
    Image.fromarray(shade(0)).save(tmp_path / "a.png")
    files = {"empty.mp4": b"", "text.mp4": b"a text\n" * 99, "head.mov": b"\0\0\0\x14ftypqt  \0\0\0\0qt  "}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=rf"{name}: not a video, or one that is cut short"):
            list(video.frames(tmp_path / name))
    with pytest.raises(UserError, match=r"gone\.mp4: no such file"):
        video.facts(tmp_path / "gone.mp4")
    with av.open(str(tmp_path / "song.mp4"), "w") as song:
        sound = song.add_stream("aac", rate=44100)
        noise = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        noise.rate = 44100
        song.mux(sound.encode(noise))
        song.mux(sound.encode())
    with pytest.raises(UserError, match=r"song\.mp4: no pictures in it"):
        list(video.frames(tmp_path / "song.mp4"))


def test_a_full_disk_is_an_error_of_the_system_that_names_the_video(tmp_path):
    def full():
        raise av.error.OSError(errno.ENOSPC, "No space left on device", "aside")

    with pytest.raises(OSError, match=r"a\.mp4") as caught, video.written(tmp_path / "a.mp4"):
        full()
    assert type(caught.value) is OSError and caught.value.errno == errno.ENOSPC and not list(tmp_path.iterdir())


def test_without_pyav_the_extra_is_named(walk, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    for call in (lambda: video.facts(walk), lambda: make(tmp_path / "a.mp4"), lambda: list(video.frames(walk))):
        with pytest.raises(UserError, match=r"^reading and writing videos needs PyAV: pip install 'dpt_tf\[video\]'$"):
            call()


def test_few_frames_are_in_memory_at_a_time(tmp_path):
    import tracemalloc

    path = make(tmp_path / "long.mp4", 200, frame=lambda number: np.full((256, 256, 3), number, np.uint8))
    tracemalloc.start()
    assert sum(1 for _ in video.frames(path)) == 200
    assert tracemalloc.get_traced_memory()[1] < 20 * 256 * 256 * 3
    tracemalloc.stop()
