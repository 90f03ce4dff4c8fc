"""Photos where maps are wanted: who makes the map, which map wins, and how photos and maps are told apart."""

import io

import numpy as np
import posing
import pytest
from albums import prepare, stored
from PIL import Image

from dpt_tf import iuv
from dpt_tf.commands import main
from dpt_tf.densepose import choosing, small
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import painter
from dpt_tf.transfer.poses import Poses

ONE, OTHER = (20, 10, 60, 80), (10, 20, 70, 90)


@pytest.fixture(autouse=True)
def estimator(monkeypatch):
    made = posing.ByColour()
    made.opened = []

    def opened(name=None):
        made.opened.append(name)
        return name if isinstance(name, posing.ByColour) else made

    monkeypatch.setattr(choosing, "open_estimator", opened)
    monkeypatch.setattr(choosing, "refuse_unknown", lambda name: None)  # it goes by any name here
    monkeypatch.setattr(quiet, "start_tensorflow", lambda: None)
    return made


@pytest.fixture
def files(tmp_path):
    """Photos a, b, c; a map of another pose; c has its map beside it."""
    for name, box in (("a", ONE), ("b", OTHER), ("c", ONE)):
        Image.fromarray(posing.photo(box)).save(tmp_path / f"{name}.png")
    for name in ("c_IUV", "pose"):
        (tmp_path / f"{name}.png").write_bytes(iuv.encode(the_map(OTHER)))
    return tmp_path


def the_map(box):
    (person,) = posing.ByColour().people(posing.photo(box))
    return person.map


class Painter(painter.Transfer):
    """Paints the pose's map; with three halves as a run does, with two as an export."""

    def __init__(self, pose=None, halves=2):
        super().__init__(lambda inputs: {}, 32, {}, None, (lambda *given: {},) * halves, pose)

    def _sources(self, known):
        return known

    def _compose(self, halves, of, target_iuv):
        ((_, iuv, coverage),) = of
        seen = np.zeros((*target_iuv.shape[:2], 1), np.uint8)
        names = ("image", "warped", "predicted")
        return dict.fromkeys(names, target_iuv) | {"provenance": seen, "source_iuv": iuv, "coverage": coverage}


def test_a_photo_is_painted_in_the_pose_of_a_photo(files, estimator):
    paint = Painter()
    first = paint(posing.photo(ONE), target=posing.photo(OTHER))
    again = paint(files / "a.png", target=str(files / "b.png"))
    for result in (first, again):
        np.testing.assert_array_equal(result["source_iuv"], the_map(ONE))
        np.testing.assert_array_equal(result["image"], the_map(OTHER))
    assert len(estimator.asked) == 2  # a photo's map is made once
    assert estimator.opened == [None]  # and the network opened once


def test_of_a_map_that_is_given_the_network_that_ships_says_who_hangs_beside_the_body(files, monkeypatch):
    looker = posing.ByColour(margin=3)
    monkeypatch.setattr(small, "load", lambda: looker)
    two, paint = posing.photo((10, 10, 30, 60), (45, 20, 70, 80)), Painter(halves=3)
    source_iuv = posing.ByColour().people(two)[1].map  # the smaller
    for _ in range(2):
        coverage = paint(two, source_iuv, the_map(OTHER))["coverage"]
    assert looker.asked == [[(10, 10, 30, 60)]]
    assert coverage[12, 8].item() == 255 and not coverage[:, 40:].any()
    given = np.full((96, 80, 1), 7, np.uint8)
    assert (paint(two, source_iuv, the_map(OTHER), coverage=given)["coverage"] == 7).all()
    assert not Painter()(two, source_iuv, the_map(OTHER))["coverage"].any()  # an export takes none
    elsewhere = the_map((10, 40, 30, 90))  # what is seen in its place covers two fifths of it
    assert not paint(two, elsewhere, the_map(OTHER))["coverage"].any()


def test_maps_that_are_given_or_lie_beside_a_photo_ask_nobody(files, estimator):
    paint = Painter()
    assert (paint(posing.photo(ONE), the_map(ONE), the_map(OTHER))["image"] == the_map(OTHER)).all()
    for target in ("pose.png", "c.png", "c_IUV.png"):
        assert (paint(files / "c.png", target=files / target)["image"] == the_map(OTHER)).all()
    assert (paint(files / "c.png", the_map(ONE), target=files / "pose.png")["source_iuv"] == the_map(ONE)).all()
    assert not estimator.asked


def test_who_makes_a_map_says_who_is_the_person_beside_the_body(files):
    paint = Painter(posing.ByColour(margin=3))
    covered = paint(files / "a.png", target=posing.photo(OTHER))["coverage"]
    assert (covered[..., 0] > 0).sum() == (40 + 6) * (70 + 6)
    assert not paint(files / "c.png", target=posing.photo(OTHER))["coverage"].any()  # its map lies beside it


def test_who_makes_the_maps_is_named_when_a_model_is_loaded(files, toy_export):
    mine = posing.ByColour("mine")
    paint = painter.load(toy_export / "run", pose=mine)
    assert paint(files / "a.png", target=posing.photo(OTHER))["image"].shape == (96, 80, 3)
    assert len(mine.asked) == 2


@pytest.mark.parametrize(
    "args, kwargs, error, said",
    [
        ((posing.photo(ONE),), {}, ValueError, "one of them"),
        ((posing.photo(ONE), None, the_map(ONE)), {"target": posing.photo(ONE)}, ValueError, "one of them"),
        ((posing.photo(ONE),), {"target": posing.photo()}, UserError, "a photo: nobody found in it.*or give the map"),
        ((posing.photo(),), {"target": posing.photo(ONE)}, UserError, "the source: nobody found in it"),
        ((np.zeros((4, 4)),), {"target": posing.photo(ONE)}, ValueError, "source must be a uint8 array"),
        ((posing.photo(ONE),), {"target": np.zeros((4, 4))}, ValueError, "a photo must be a path or a uint8 array"),
        (("gone.png",), {"target": posing.photo(ONE)}, UserError, r"gone\.png: no such file"),
        ((posing.photo(ONE),), {"target": "gone.png"}, UserError, r"gone\.png: no such file"),
        ((posing.photo(ONE),), {"target": "gone_IUV.png"}, FileNotFoundError, "gone_IUV"),
    ],
)
def test_each_mistake_has_its_sentence(args, kwargs, error, said):
    with pytest.raises(error, match=said):
        Painter()(*args, **kwargs)


def test_a_file_called_like_a_map_is_never_taken_for_a_photo(files, estimator):
    (files / "x_IUV.png").write_bytes((files / "a.png").read_bytes())
    with pytest.raises(iuv.NotIUV, match=r"x_IUV\.png"):
        Poses().of(files / "x_IUV.png")
    assert not estimator.asked


# The command.


def transfer(files, *flags):
    paths = [flag.format(files) for flag in flags]
    return main.guarded(lambda: main.dispatch(["transfer", "--model=run", f"--output={files / 'out'}", *paths]))


@pytest.fixture
def painted(monkeypatch):
    monkeypatch.setattr(painter, "load", lambda *args: Painter())


@pytest.mark.usefixtures("painted")
def test_photos_and_maps_mix_and_each_ones_maker_is_told(files, capsys, estimator):
    flags = ["--source={0}/a.png", "--target_iuv={0}/pose.png", "--target", "{0}/b.png", "{0}/c.png"]
    assert transfer(files, *flags, "--pose=best", f"--sheet={files / 'sheet.png'}") == 0
    done = capsys.readouterr()
    assert done.out.splitlines() == [
        str(files / name) for name in ("out/pose.png", "out/b.png", "out/c.png", "sheet.png")
    ]
    assert done.err.splitlines() == [
        f"{files / 'a.png'}: its map is made by by colour, score 0.729",
        f"{files / 'b.png'}: its map is made by by colour, score 1.000",
        f"{files / 'c.png'}: its map is {files / 'c_IUV.png'}",
    ]
    assert estimator.opened == ["best"]
    np.testing.assert_array_equal(np.asarray(Image.open(files / "out" / "b.png")), the_map(OTHER))


@pytest.mark.usefixtures("painted")
@pytest.mark.parametrize(
    "flags, said",
    [
        (["--source={0}/a.png"], "give the poses, as photos (--target) or as maps (--target_iuv)"),
        (["--source={0}/a.png", "--target={0}/gone.jpg"], "gone.jpg: no such file"),
        (["--source={0}/pose.png", "--target={0}/b.png"], "pose.png: a DensePose map and no photo; give the photo"),
        (["--source={0}/a.png", "--target={0}/empty.png"], "empty.png: nobody found in it by by colour"),
        (["--source={0}/a.png", "--target={0}/b.png", "--output={0}/b.png"], "b.png would be overwritten"),
        (["--source={0}/a.png", "--target={0}/b.png", "--output={0}"], "b.png would be overwritten"),
        (["--source={0}/c.png", "--target={0}/b.png", "--output={0}/c_IUV.png"], "c_IUV.png would be overwritten"),
        (["--source={0}/a.png", "--target={0}/b.png", "--output={0}/made"], "made/b.png is no file that a picture"),
        (["--source=.", "--target={0}/b.png"], ".: a folder; give the path of a photo"),
        (["--source={0}/wide.png", "--target={0}/b.png"], "wide.png is 90 x 96 but the map beside it is 80 x 96"),
    ],
)
def test_each_mistake_of_a_user_is_one_line(files, capsys, flags, said):
    Image.fromarray(posing.photo()).save(files / "empty.png")
    Image.fromarray(posing.photo(ONE, width=90)).save(files / "wide.png")
    (files / "wide_IUV.png").write_bytes((files / "c_IUV.png").read_bytes())
    (files / "made" / "b.png").mkdir(parents=True)
    before = {path: path.read_bytes() for path in files.glob("*.*")}
    assert transfer(files, *flags) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert {path: path.read_bytes() for path in files.glob("*.*")} == before


# `dpt prepare`.


@pytest.fixture
def album(tmp_path):
    """Anna's three photos, one with a map of hers; nobody in bea's third."""
    for name in ("anna", "bea"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for view in range(3):
            people = [] if (name, view) == ("bea", 2) else [(20 + view, 10, 60, 80)]
            Image.fromarray(posing.photo(*people)).save(tmp_path / "in" / name / f"{view}.png")
    (tmp_path / "in" / "anna" / "0_IUV.png").write_bytes(iuv.encode(the_map(OTHER)))
    return tmp_path / "in"


def test_without_the_flag_no_map_is_made_and_the_flag_is_named(album, tmp_path, capsys, estimator):
    assert prepare(album, tmp_path / "out") == 2
    (album / "anna" / "0_IUV.png").unlink()
    assert prepare(album, tmp_path / "out") == 2
    assert "none of its 6 photos has an IUV file" in (said := capsys.readouterr().err)
    assert "--pose=small has maps made" in said
    assert not estimator.asked and not (tmp_path / "out").exists()


def test_missing_maps_are_made_and_kept_for_the_next_start(album, tmp_path, capsys, estimator):
    out = tmp_path / "out"
    assert prepare(album, out, "--pose=small", "--hold_out=2") == 0
    people = stored(out)
    assert {name: len(views["name"]) for name, views in people.items()} == {"anna": 2, "bea": 1}
    report = capsys.readouterr().out
    assert "maps   4 made by by colour, kept in" in report
    assert f"photos without an IUV file, left out: 1\n    {album / 'bea' / '2.png'}" in report
    assert len(estimator.asked) == 5
    assert not list(album.rglob("*_IUV.png"))[1:]  # nothing was written into the album
    assert prepare(album, out, "--pose=small", "--size=16") == 0
    assert len(estimator.asked) == 6  # who was not found is looked for again
    estimator.name = "another"
    assert prepare(album, out, "--pose=another") == 0
    assert len(estimator.asked) == 11


def test_a_map_that_is_given_wins_over_one_that_could_be_made(album, tmp_path):
    assert prepare(album, tmp_path / "out", "--pose=small", "--size=96") == 0
    made = stored(tmp_path / "out")["anna"]["iuv"]
    assert np.nonzero(made[0][..., 0].any(1))[0].tolist() == list(range(20, 90))
    assert np.nonzero(made[1][..., 0].any(1))[0].tolist() == list(range(10, 80))


def test_a_photo_that_cannot_be_read_stops_or_is_left_out(album, tmp_path, capsys):
    (album / "anna" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    assert prepare(album, tmp_path / "out", "--pose=small") == 2
    assert "torn.jpg: a picture that cannot be read" in capsys.readouterr().err
    assert prepare(album, tmp_path / "out", "--pose=small", "--skip_bad") == 0
    assert "torn.jpg: a picture that cannot be read" in capsys.readouterr().out


def alphas(output, name):
    files = stored(output, encoded=True)[name]["image"]
    return [np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))[..., 3] for file in files]


def test_photos_whose_maps_are_made_know_who_is_the_person(album, tmp_path, capsys, estimator):
    estimator.margin = 4
    assert prepare(album, tmp_path / "out", "--pose=small", "--size=96") == 0
    given, made, _ = alphas(tmp_path / "out", "anna")
    assert (given == 255).all()  # of a map that was given nobody knows more
    assert np.nonzero((made > 0).any(1))[0].tolist() == list(range(6, 84))
    assert "mattes 4 photos know who is the person" in capsys.readouterr().out
    assert not list(album.rglob("*matte*"))
    photo = np.asarray(Image.open(io.BytesIO(stored(tmp_path / "out", encoded=True)["anna"]["image"][1])))
    assert (photo[40, 4, :3] == (90, 120, 90)).all()  # the backdrop is still there


def test_a_matte_that_is_given_counts_and_one_of_another_size_is_one_line(album, tmp_path, capsys):
    matte = np.zeros((96, 80), np.uint8)
    matte[:, 10:20] = 255
    for name in ("anna", "bea"):
        for view in range(2):
            (album / name / f"{view}_IUV.png").write_bytes(iuv.encode(the_map(OTHER)))
    Image.fromarray(matte).save(album / "anna" / "0_matte.png")
    assert prepare(album, tmp_path / "out", "--size=96") == 0
    said = capsys.readouterr().out
    assert "0_matte" not in said and "mattes 1 photos" in said  # neither a photo nor a map without its photo
    first, second = alphas(tmp_path / "out", "anna")
    assert np.nonzero(first.any(0))[0].tolist() == list(range(18, 28)) and (second == 255).all()
    Image.fromarray(matte[:50]).save(album / "anna" / "0_matte.png")
    assert prepare(album, tmp_path / "other", "--size=96") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "0_matte.png: 80 x 50 pixels, but its photo 0.png has 80 x 96; give the matte of this very photo" in said
