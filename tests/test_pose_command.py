"""Laws of `dpt pose` and `dpt_tf.pose`: which files come out, what goes on where it stopped, what each mistake gets."""

import json
import sys

import damaged
import numpy as np
import posing
import pytest
from PIL import Image

import dpt_tf
from dpt_tf import iuv
from dpt_tf.commands import main
from dpt_tf.densepose import asking, choosing, following, map_files
from dpt_tf.images import video
from dpt_tf.iuv import notes
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError

ONE = (20, 10, 60, 80)
TWO = ((4, 10, 40, 90), (50, 20, 70, 60))


@pytest.fixture(autouse=True)
def estimator(monkeypatch):
    """By colour, under whatever name it is asked for."""
    made = posing.ByColour()

    def opened(name=None):
        if not isinstance(name, str | None):
            return name
        made.name = str(name or "by colour")
        return made

    monkeypatch.setattr(choosing, "open_estimator", opened)
    monkeypatch.setattr(quiet, "start_tensorflow", lambda: None)
    return made


def run(*flags):
    return main.guarded(lambda: main.dispatch(["pose", *map(str, flags)]))


def save(path, *people, **kwargs):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(posing.photo(*people, **kwargs)).save(path)
    return path


@pytest.fixture
def album(tmp_path):
    """Two people's photos; one photo with nobody in it, one torn, and a map that is no photo."""
    folder = tmp_path / "album"
    save(folder / "anna" / "1.png", ONE)
    save(folder / "anna" / "2.png", ONE, width=90)
    save(folder / "bea" / "1.png", *TWO)
    save(folder / "bea" / "empty.png")
    (folder / "bea" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "bea" / "1_IUV.png")
    return folder


def test_a_photo_becomes_a_map_of_its_size():
    made = dpt_tf.pose(posing.photo(*TWO), estimator=posing.ByColour())
    assert made.dtype == np.uint8 and made.shape == (96, 80, 3)
    assert set(np.unique(made[..., 0])) == {0, 2, 9} and made[15, 10, 0] == 2 and not made[30, 60].any()


def test_the_second_surest_person_or_a_box_may_be_meant(tmp_path):
    path = save(tmp_path / "a.png", *TWO)
    assert dpt_tf.pose(path, person=2, estimator=posing.ByColour())[30, 60, 0] == 2
    assert dpt_tf.pose(str(path), box=(50, 20, 70, 60), estimator=posing.ByColour())[30, 60, 0] == 2


@pytest.mark.parametrize(
    "asked, error, said",
    [
        ({"photo": "gone.png"}, UserError, "gone.png: no such file"),
        ({"person": 3}, UserError, "no person 3: by colour found 2"),
        ({"person": 0}, UserError, "counted from 1"),
        ({"box": (0, 0, 9, 9), "person": 1}, UserError, "give one of them"),
        ({"box": (90, 0, 99, 9)}, UserError, "outside of the photo of 80 x 96"),
        ({"box": (9, 0, 9, 9)}, UserError, "x1 beyond x0"),
        ({"box": (0, 0, float("nan"), 9)}, UserError, "x1 beyond x0"),
        ({"box": (0, 0, 3, 3)}, UserError, "nobody found in the box by by colour"),
        ({"photo": np.zeros((4, 4), np.uint8)}, ValueError, r"got uint8 \(4, 4\)"),
        ({"photo": np.zeros((4, 4, 3))}, ValueError, "got float64"),
        ({"photo": np.zeros((0, 4, 3), np.uint8)}, ValueError, "without pixels"),
        ({"photo": None}, ValueError, "got NoneType"),
        ({"photo": posing.photo()}, UserError, "nobody found in it"),
    ],
)
def test_each_mistake_in_a_call_has_its_sentence(asked, error, said):
    with pytest.raises(error, match=said):
        dpt_tf.pose(**({"photo": posing.photo(*TWO), "estimator": posing.ByColour()} | asked))


def test_a_photo_gives_one_file_that_reads_back_and_says_how_it_was_made(tmp_path, capsys):
    photo = save(tmp_path / "a.png", ONE)
    assert run(photo, f"--output={tmp_path / 'out'}", f"--show={tmp_path / 'look.png'}") == 0
    made = tmp_path / "out" / "a_IUV.png"
    assert capsys.readouterr().out == f"{made}  score 0.729  box 20,10,60,80\n"
    np.testing.assert_array_equal(iuv.read(made), dpt_tf.pose(photo, estimator=posing.ByColour()))
    assert iuv.examine(made).order == "R = I, G = U, B = V"
    said = notes.read(made)
    assert said["Channels"] == "R = I, G = U, B = V" and said["Estimator"] == "by colour"
    assert said["Asked"] == "person 1" and said["Person"] == "1 of 1"
    look = np.asarray(Image.open(tmp_path / "look.png"))
    assert (look[0, 0] == posing.photo()[0, 0]).all() and (look[50, 40] != posing.photo(ONE)[50, 40]).any()
    assert run(photo, f"--output={tmp_path / 'named.png'}") == 0
    assert map_files.read(tmp_path / "named.png").shape == (96, 80, 3)


def test_a_folder_is_mapped_the_rest_of_it_named_and_a_second_start_makes_only_what_is_missing(
    album, tmp_path, capsys, estimator
):
    out = tmp_path / "out"
    assert run(album, f"--output={out}", f"--show={tmp_path / 'look'}") == 1
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == [
        "anna/1_IUV.png",
        "anna/2_IUV.png",
        "bea/1_IUV.png",
    ]
    assert (tmp_path / "look" / "bea" / "1.png").exists()
    first = capsys.readouterr().out.splitlines()
    assert len([line for line in first if "score" in line]) == 3
    assert first[3] == "maps of 3 photos made by by colour, 2 have none:"
    assert first[4].startswith(f"  {album / 'bea' / 'empty.png'}: nobody found")
    assert first[5].startswith(f"  {album / 'bea' / 'torn.jpg'}: a picture that cannot be read")
    (out / "anna" / "2_IUV.png").unlink()
    estimator.asked.clear()
    assert run(album, f"--output={out}") == 1
    assert "maps of 1 photos made by by colour, 2 were there, 2 have none:" in capsys.readouterr().out
    assert len(estimator.asked) == 2  # the missing one, and the one without anybody


def test_what_was_made_otherwise_is_not_passed_off_as_the_same(album, tmp_path, capsys):
    out = tmp_path / "out"
    run(album, f"--output={out}")
    capsys.readouterr()
    for flag, now in (("--person=2", "by colour of person 2"), ("--weights=other", "other of person 1")):
        assert run(album, f"--output={out}", flag) == 2
        first = out / "anna" / "1_IUV.png"
        assert capsys.readouterr().err == (
            f"{first} was made by by colour of person 1, which would now be {now}; give another --output, or remove "
            "what is there\n"
        )


def test_nobodys_file_is_written_over(album, tmp_path, capsys):
    before = {path: path.read_bytes() for path in album.rglob("*.*")}
    assert run(album, f"--output={album}") == 1
    assert "1 had one that was made elsewhere" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in before} == before
    assert run(album / "bea" / "1.png", f"--output={album / 'bea'}") == 2
    assert "1_IUV.png is there and was not made by this command" in capsys.readouterr().err
    assert run(album / "bea" / "1.png", f"--output={album / 'bea' / '1.png'}") == 2
    assert run(album / "anna" / "1.png", f"--output={tmp_path / 'o'}", f"--show={album / 'bea' / '1.png'}") == 2
    assert run(album / "anna", f"--output={tmp_path / 'o'}", f"--show={album / 'anna'}") == 2
    assert run(album, f"--output={tmp_path / 'o'}", f"--show={album / '..' / 'album' / 'bea' / '..'}") == 2
    assert {path: path.read_bytes() for path in before} == before


def test_another_photo_of_the_same_name_does_not_take_its_map(tmp_path, capsys):
    photo = save(tmp_path / "a.png", ONE)
    assert run(photo, f"--output={tmp_path}") == 0
    save(photo, (20, 20, 60, 90))
    assert run(photo, f"--output={tmp_path}") == 2
    assert "was made of another photo of this name" in capsys.readouterr().err


def test_everybody_gets_a_file(tmp_path, capsys, estimator):
    photo = save(tmp_path / "a.png", *TWO)
    assert run(photo, "--all", f"--output={tmp_path}") == 0
    maps = [iuv.read(tmp_path / f"a_person{number}_IUV.png") for number in (1, 2)]
    assert maps[0][15, 10, 0] == 2 and maps[1][30, 60, 0] == 2 and not (maps[0][..., 0] * maps[1][..., 0]).any()
    (tmp_path / "a_person2_IUV.png").unlink()
    assert run(photo, "--all", f"--output={tmp_path}") == 0
    assert (tmp_path / "a_person2_IUV.png").exists() and len(estimator.asked) == 2
    assert run(photo, "--all", f"--output={tmp_path}") == 0
    assert len(estimator.asked) == 2


def test_with_a_box_or_the_whole_photo_nobody_is_looked_for(tmp_path, estimator):
    photo = save(tmp_path / "a.png", *TWO)
    assert run(photo, "--box=50,20,70,60", f"--output={tmp_path / 'box'}") == 0
    assert run(photo, "--whole", f"--output={tmp_path / 'whole'}") == 0
    assert estimator.asked == [[(50, 20, 70, 60)], [(0, 0, 80, 96)]]
    assert notes.read(tmp_path / "box" / "a_IUV.png")["Asked"] == "box 50,20,70,60"


@pytest.mark.parametrize(
    "flags, code, said",
    [
        (["{a}"], 2, "--output"),
        (["--output=out"], 2, "give a photo, a folder of photos or a video"),
        (["gone.png", "--output=out"], 2, "gone.png: no such file"),
        (["{a}", "--output=out.jpg"], 2, "a map is a PNG"),
        (["{a}", "--output=out.png", "--all"], 2, "--all are several"),
        (["{a}", "--output={b}"], 2, "is there and was not made"),
        (["{a}", "{b}", "--output={a}"], 2, "is a file; give a folder"),
        (["{a}", "--output=out", "--person=0"], 2, "counted from 1"),
        (["{a}", "--output=out", "--person=2"], 1, "no person 2: by colour found 1"),
        (["{a}", "--output=out", "--all", "--whole"], 2, "not allowed with"),
        (["{a}", "--output=out", "--box=1,2,3"], 2, "give x0,y0,x1,y1"),
        (["{a}", "--output=out", "--box=900,0,950,50"], 2, "outside of the photo"),
        (["{a}", "--output=out", "--every=0"], 2, "--every=0"),
        (["{a}", "--output=out", "--from=5"], 2, "--from is for videos"),
        (["{a}", "--output=out", "--frames"], 2, "--frames is for videos"),
        (["{a}", "--output=out", "--show=look.jpg"], 2, "it is a .png or a folder"),
        (["{a}", "--output=out/x.png", "--show=out/x.png"], 2, "the map's own name"),
        (["{empty}", "--output=out"], 1, "empty.png: nobody found in it by by colour"),
        (["{folder}/none", "--output=out"], 2, "no photo in it"),
        (["{a}", "{twin}", "--output=out"], 2, "would have one map"),
        (["--convert=gone.pkl", "--output=out.npz"], 2, "gone.pkl: no such file"),
        (["--convert={a}", "--output=out.pkl"], 2, "into a file .npz"),
        (["--convert={a}", "{a}", "--output=out.npz"], 2, "makes no maps"),
        (["{map}", "--output=out"], 2, "map.png: a DensePose map and no photo; give the photo"),
        (["--convert={a}", "--output={b}.npz"], 2, "is there already and stays"),
    ],
)
def test_each_mistake_of_a_user_is_one_line(tmp_path, monkeypatch, capsys, flags, code, said):
    monkeypatch.chdir(tmp_path)
    names = {"a": save(tmp_path / "a.png", ONE), "b": save(tmp_path / "b.png", ONE), "folder": tmp_path}
    names |= {"empty": save(tmp_path / "empty.png"), "twin": save(tmp_path / "twin" / "a.bmp", ONE)}
    names["map"] = tmp_path / "map.png"
    names["map"].write_bytes(damaged.picture(damaged.a_map()))
    (tmp_path / "none").mkdir()
    (tmp_path / "b.png.npz").write_bytes(b"somebody's")
    before = sorted(tmp_path.rglob("*"))
    assert run(*(flag.format(**names) for flag in flags)) == code
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_of_two_lines_is_told_in_one(tmp_path, capsys):
    path = tmp_path / "two\nlines \x1b[31m.jpg"
    path.write_bytes(b"no photo")
    assert run(path, f"--output={tmp_path / 'out'}") == 2
    error = capsys.readouterr().err
    assert error.startswith(rf"{tmp_path}/two\nlines \x1b[31m.jpg: a picture that cannot be read")
    assert error.count("\n") == 1 and "\x1b" not in error


@pytest.mark.parametrize("size, box", [((1, 20000), None), ((8, 8), (0, 0, 1e12, 1e12))])
def test_what_would_be_a_square_of_a_gibibyte_is_not_cut_out(size, box, estimator):
    estimator.people = lambda *args: pytest.fail("it was")
    with pytest.raises(asking.Nobody, match=r"too long a stretch .* cut out the person"):
        asking.people(estimator, np.zeros((size[1], size[0], 3), np.uint8), box and [box])


def test_weights_are_converted(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(choosing, "convert", lambda source, destination: destination.write_bytes(source.read_bytes()))
    (tmp_path / "model.pkl").write_bytes(b"weights")
    assert run(f"--convert={tmp_path / 'model.pkl'}", f"--output={tmp_path / 'model.npz'}") == 0
    assert (tmp_path / "model.npz").read_bytes() == b"weights"
    assert capsys.readouterr().out == f"{tmp_path / 'model.npz'}\n"


def test_two_hundred_damaged_huge_and_tiny_photos_give_a_line_each(tmp_path, capsys, monkeypatch, estimator):
    monkeypatch.setattr(estimator, "people", lambda photo, boxes=None: [])  # some are pictures, of colours
    folder, given, mark = tmp_path / "given", tmp_path / "raw", tmp_path / "mark"
    folder.mkdir()
    given.mkdir()
    for number, path in enumerate(damaged.make(given, str(mark))):
        path.rename(folder / f"{number:03d}.{('jpg', 'png', 'webp')[number % 3]}")
    # Made by hand, for nobody could hold its pixels: 9000 x 9000, which Pillow alone would open.
    (folder / "huge.png").write_bytes(damaged.png(9000, 9000, b""))
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(folder / "tiny.png")
    (folder / "away.png").symlink_to(tmp_path / "nowhere.png")
    count = len(list(folder.glob("*.*"))) - 1  # a link to nowhere is no file
    assert count > 200
    assert run(folder, f"--output={tmp_path / 'out'}") == 1
    done = capsys.readouterr()
    lines = done.out.splitlines()
    assert lines[0] == f"maps of 0 photos made by by colour, {count} have none:"
    assert len(lines) == 1 + count and done.err == ""
    assert all(line.startswith(f"  {folder}") and len(line) > len(str(folder)) + 25 for line in lines[1:])
    assert any("huge.png: 9000 x 9000 pixels are too many" in line for line in lines)
    assert not mark.exists() and not list((tmp_path / "out").rglob("*.*"))


# Videos.


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Somebody goes to the right, and one who is smaller stands still; in frame 6 nobody is there."""
    pytest.importorskip("av")
    path = tmp_path_factory.mktemp("clip") / "walk.mp4"
    with video.writer(path, 10) as out:
        for frame in range(12):
            people = [(6 + 2 * frame, 10, 46 + 2 * frame, 90), (84, 40, 110, 80)] if frame != 6 else []
            out.add(posing.photo(*people, width=112))
    return path


def maps_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*_IUV.png"))


def test_a_video_becomes_a_folder_of_maps(clip, tmp_path, capsys):
    assert run(clip, f"--output={tmp_path}", "--frames", f"--show={tmp_path / 'look.mp4'}") == 0
    folder = tmp_path / "walk_iuv"
    assert capsys.readouterr().out == (f"{folder}  11 of 12 frames have maps, 10 a second\n{tmp_path / 'look.mp4'}\n")
    assert maps_of(folder) == [f"{number:06d}_IUV.png" for number in range(12) if number != 6]
    assert len(list((folder / "frames").glob("*.jpg"))) == 12
    columns = [np.nonzero(iuv.read(folder / f"{number:06d}_IUV.png")[..., 0].any(0))[0].mean() for number in (0, 5, 11)]
    assert columns[0] < columns[1] < columns[2]  # the one who goes, and not the one who stands
    facts = json.loads((folder / "made.json").read_text())
    assert facts["complete"] and facts["fps"] == 10 and len(facts["of_frames"]) == 12
    assert not facts["of_frames"][6]["people"] and not (folder / ".answers").exists()
    assert len(list(video.frames(tmp_path / "look.mp4"))) == 12
    assert not (folder / ".lock").exists()


def test_frames_and_their_maps_are_a_set_to_prepare(clip, tmp_path):
    from dpt_tf.data.prepare import folders

    run(clip, f"--output={tmp_path}", "--frames", "--every=2")
    found = folders.find(tmp_path)
    (pairs,) = found.people.values()
    assert [(photo.name, made.name) for photo, made in pairs][:2] == [
        ("000000.jpg", "000000_IUV.png"),
        ("000001.jpg", "000001_IUV.png"),
    ]


def test_with_all_everybody_in_a_video_has_a_folder(clip, tmp_path):
    assert run(clip, f"--output={tmp_path}", "--all", "--nosteady") == 0
    folder = tmp_path / "walk_iuv"
    still = [iuv.read(folder / "person2" / f"{number:06d}_IUV.png") for number in (0, 11)]
    assert all(45 < np.nonzero(one[..., 0].any(1))[0].mean() < 75 for one in still)
    assert len(maps_of(folder)) == 22


def test_a_video_goes_on_where_it_was_stopped(clip, tmp_path, estimator, capsys):
    whole = tmp_path / "whole"
    assert run(clip, f"--output={whole}") == 0
    calls = len(estimator.asked)
    ask, left = estimator.people, [calls // 2]

    def until_the_plug_is_pulled(photo, boxes=None):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return ask(photo, boxes)

    estimator.people = until_the_plug_is_pulled
    assert run(clip, f"--output={tmp_path / 'again'}") == 130
    estimator.people, estimator.asked = ask, []
    assert run(clip, f"--output={tmp_path / 'again'}") == 0
    assert len(estimator.asked) == calls - calls // 2
    for name in maps_of(whole):
        assert (whole / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    estimator.asked = []
    capsys.readouterr()
    assert run(clip, f"--output={whole}") == 0
    assert estimator.asked == [] and "(was there)" in capsys.readouterr().out
    assert run(clip, f"--output={whole}", "--every=2") == 2
    assert "was made with every = 1, which would now be 2" in capsys.readouterr().err


def test_a_folder_of_somebody_elses_and_a_video_without_anybody_are_told(clip, tmp_path, capsys):
    (tmp_path / "walk_iuv").mkdir()
    (tmp_path / "walk_iuv" / "mine.txt").write_text("mine")
    assert run(clip, f"--output={tmp_path}") == 2
    assert "walk_iuv is there and was not made by this command" in capsys.readouterr().err
    with video.writer(tmp_path / "empty.mp4", 10) as out:
        out.add(posing.photo())
    assert run(tmp_path / "empty.mp4", f"--output={tmp_path}") == 1
    assert "nobody found in any of its frames by by colour; give --box" in capsys.readouterr().err
    (tmp_path / "torn.mp4").write_bytes(b"torn")
    assert run(tmp_path / "torn.mp4", f"--output={tmp_path}") == 2
    assert "torn.mp4: not a video" in capsys.readouterr().err
    assert not (tmp_path / "torn_iuv").exists()
    (tmp_path / "headless.gif").write_bytes(b"GIF89a" + bytes([16, 0, 16, 0]) + b"nothing of a frame")
    assert run(tmp_path / "headless.gif", f"--output={tmp_path}") == 2
    assert "no frame can be decoded" in capsys.readouterr().err
    assert not (tmp_path / "headless_iuv").exists()


def test_photos_and_videos_mix_and_a_torn_one_does_not_stop_the_others(clip, tmp_path, capsys):
    (tmp_path / "torn.mp4").write_bytes(b"torn")
    photo = save(tmp_path / "a.png", ONE)
    assert run(tmp_path / "torn.mp4", photo, clip, f"--output={tmp_path / 'out'}") == 1
    done = capsys.readouterr()
    assert done.err.startswith(f"{tmp_path / 'torn.mp4'}: not a video") and done.err.count("\n") == 1
    assert "walk_iuv  11 of 12 frames have maps" in done.out
    assert (tmp_path / "out" / "a_IUV.png").exists()


def test_of_a_video_cut_short_the_maps_until_there_are_made_and_it_is_said(clip, tmp_path, capsys):
    data = clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: int(len(data) * 0.97)])
    assert run(tmp_path / "cut.mp4", f"--output={tmp_path}") == 0
    assert "cut.mp4: damaged after" in capsys.readouterr().err
    facts = json.loads((tmp_path / "cut_iuv" / "made.json").read_text())
    assert facts["complete"] and 0 < len(facts["of_frames"]) < 12 and len(facts["notes"]) == 1


def test_a_video_without_pyav_is_refused_before_any_work(clip, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr(quiet, "start_tensorflow", lambda: pytest.fail("work began"))
    assert run(clip, f"--output={tmp_path}") == 2
    assert capsys.readouterr().err == "reading and writing videos needs PyAV: pip install 'dpt_tf[video]'\n"


def test_what_an_estimator_said_is_remembered_to_the_pixel(tmp_path, estimator):
    remembering = following.Remembering(estimator, tmp_path)
    photo = posing.photo(*TWO)
    for boxes in (None, [ONE], [(0.0, 0.0, 2.0, 2.0)]):
        first, second = (remembering.people(photo, boxes) for _ in range(2))
        assert [(one.box, one.score) for one in first] == [(one.box, one.score) for one in second]
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one.map, other.map)
    assert len(estimator.asked) == 3
