"""Any photo, any pose, from a run or refused with a sentence."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from exporting import R, X
from PIL import Image

from dpt_tf.commands import main
from dpt_tf.commands import transfer as command
from dpt_tf.densepose import asking
from dpt_tf.images import display
from dpt_tf.ops import atlas
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import painter


def mirror(inputs):
    """A toy generator: it paints the source as it is."""
    source = tf.convert_to_tensor(inputs["source"])
    seen = tf.cast(tf.convert_to_tensor(inputs["target_iuv"])[..., :1] > 0, tf.float32)
    return {
        "image": source,
        "warped": -source,
        "predicted": source,
        "provenance": seen,
        "texture": tf.zeros((1, 24, 32, 32, 3)),
        "observed": tf.ones((1, 24, 32, 32, 1)),
    }


def person(height, width):
    iuv = np.zeros((height, width, 3), np.uint8)
    iuv[height // 4 : -height // 4, width // 4 : -width // 4] = (2, 40, 90)
    return iuv


@pytest.fixture
def paint():
    return painter.Transfer(mirror, 32, {}, None)


@pytest.mark.parametrize("size", [(32, 32), (50, 37), (301, 200)])
def test_the_result_has_the_frame_of_the_pose(paint, size):
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    result = paint(photo, person(64, 64), person(*size))
    assert {name: value.shape for name, value in result.items()} == {
        "image": (*size, 3),
        "warped": (*size, 3),
        "predicted": (*size, 3),
        "provenance": (*size, 1),
        "texture": (24, 32, 32, 3),
        "observed": (24, 32, 32, 1),
    }
    assert all(value.dtype == np.uint8 for value in result.values())


def test_what_the_network_paints_is_what_comes_out(paint):
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    result = paint(photo, person(32, 32), person(32, 32))
    np.testing.assert_array_equal(result["image"], photo)
    np.testing.assert_array_equal(result["provenance"][..., 0] > 0, person(32, 32)[..., 0] > 0)


@pytest.fixture(scope="module")
def trained(toy_export):
    """A run and its export."""
    return {"run": painter.load(toy_export / "run"), "export": painter.load(toy_export / "dpt")}


@pytest.mark.parametrize("form", ["run", "export"])
def test_what_the_photo_shows_of_the_surface_keeps_its_colour(trained, form):
    photo, source_iuv = display.to_uint8(X["source"][0]), X["source_iuv"][0]
    result = trained[form](photo, source_iuv, X["target_iuv"][0])
    texture, observed = (made[0].numpy() for made in atlas.unwrap(X["source"][:1], source_iuv[None], R))
    assert result["observed"].dtype == np.uint8 and result["observed"].shape == (24, R, R, 1)
    np.testing.assert_array_equal(result["observed"], observed)
    assert 0.01 < observed.mean() < 0.9
    shown = result["texture"] * result["observed"]
    np.testing.assert_allclose(shown, display.to_uint8(texture) * observed, atol=1)  # rounding of a half
    assert (result["texture"][observed[..., 0] == 0] != 128).any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": np.zeros((32, 32, 3))}, "source must be a uint8"),
        ({"source": np.zeros((32, 32), np.uint8)}, r"\(32, 32\)"),
        ({"source": np.zeros((40, 32, 3), np.uint8)}, "32 x 40.*32 x 32"),
        ({"target_iuv": np.full((32, 32, 3), 25, np.uint8)}, "target_iuv has part 25"),
        ({"target_iuv": np.zeros((32, 32, 3), np.uint8)}, "target_iuv has no person"),
    ],
)
def test_a_bad_array_is_named(paint, change, said):
    arguments = {"source": np.zeros((32, 32, 3), np.uint8), "source_iuv": person(32, 32), "target_iuv": person(32, 32)}
    with pytest.raises(ValueError, match=said):
        paint(**(arguments | change))


def test_a_saved_model_without_our_signature_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "1"))
    with pytest.raises(UserError, match="no signature `tensors`"):
        painter.load(tmp_path / "1")


def test_a_dumps_map_is_found_by_the_photos_name_and_pasted_on_its_size(tmp_path, monkeypatch):
    dump = pathlib.Path(__file__).parent / "data" / "dumps" / "new_two_photos.pkl"  # shop/a.jpg and shop/b.jpg
    Image.fromarray(np.zeros((44, 30, 3), np.uint8)).save(tmp_path / "b.jpg")
    Image.fromarray(person(32, 32)).save(tmp_path / "pose_IUV.png")
    asked = []

    def paint(*arguments, coverage):
        assert coverage is None  # the map was made elsewhere
        asked.append(arguments)
        return painter.Transfer(mirror, 32, {}, None)(*arguments)

    monkeypatch.setattr(painter, "load", lambda _model: paint)
    flags = [f"--source={tmp_path / 'b.jpg'}", f"--source_iuv={dump}", f"--target_iuv={tmp_path / 'pose_IUV.png'}"]
    assert main.dispatch(["transfer", "--model=run", *flags, f"--output={tmp_path / 'out.png'}"]) == 0
    ((photo, source_iuv, _),) = asked
    assert source_iuv.shape == photo.shape == (44, 30, 3)
    rows, columns = np.nonzero(source_iuv[..., 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 12, 1, 4)
    assert (tmp_path / "out.png").is_file()


def test_several_poses_want_a_folder(tmp_path):
    poses = [tmp_path / "a_IUV.png", tmp_path / "b_IUV.png"]
    assert [path.name for path in command._outputs(tmp_path / "out", poses)] == ["a.png", "b.png"]
    with pytest.raises(UserError, match=r"out\.png is one picture but there are 2 poses"):
        command._outputs(tmp_path / "out.png", poses)
    with pytest.raises(UserError, match="one file name"):
        command._outputs(tmp_path / "out", [poses[0], tmp_path / "other" / "a_IUV.png"])
    with pytest.raises(UserError, match=r"one file name, a\.png"):
        command._outputs(tmp_path / "out", [poses[0], tmp_path / "a.png"])


@pytest.fixture
def given(tmp_path):
    """A photo beside its map, a pose, and other names for them."""
    files = tmp_path / "files"
    files.mkdir()
    for name, picture in {"a.png": np.zeros((32, 32, 3), np.uint8), "a_IUV.png": person(32, 32)}.items():
        Image.fromarray(picture).save(files / name)
    Image.fromarray(person(32, 32)).save(files / "b_IUV.png")
    (tmp_path / "linked").symlink_to(files)
    (tmp_path / "link.png").symlink_to(files / "a.png")
    (tmp_path / "hard.png").hardlink_to(files / "b_IUV.png")
    return tmp_path


def run(given, *flags):
    """The exit code."""
    inputs = [f"--{name}={given / 'files' / file}" for name, file in INPUTS.items()]
    return main.guarded(lambda: main.dispatch(["transfer", "--model=run", *inputs, *flags]))


INPUTS = {"source": "a.png", "source_iuv": "a_IUV.png", "target_iuv": "b_IUV.png"}


@pytest.mark.parametrize("flag", ["output", "sheet"])
@pytest.mark.parametrize(
    "path", ["files/a.png", "files/a_IUV.png", "files/b_IUV.png", "linked/a.png", "link.png", "hard.png"]
)
def test_what_was_given_is_not_overwritten(given, monkeypatch, capsys, flag, path):
    monkeypatch.setattr(command.quiet, "start_tensorflow", lambda: pytest.fail("it went to work"))
    before = {file: file.read_bytes() for file in given.rglob("*.png")}
    others = ["--output=out.png"] if flag == "sheet" else []
    assert run(given, *others, f"--{flag}={given / path}") == 2
    what = {"output": "a picture; give another --output", "sheet": "the sheet; give another --sheet"}[flag]
    assert capsys.readouterr().err == f"{given / path} would be overwritten by {what}\n"
    assert {file: file.read_bytes() for file in given.rglob("*.png")} == before


def test_nor_is_the_photo_beside_a_pose_or_a_picture_by_the_sheet(given, capsys):
    files = given / "files"
    flags = [f"--target_iuv={files / 'a_IUV.png'}", f"--output={files}"]
    assert run(given, *flags) == 2
    assert capsys.readouterr().err == f"{files / 'a.png'} would be overwritten by a picture; give another --output\n"
    (files / "a.png").rename(given / "moved.png")
    flags = [f"--source={given / 'moved.png'}", f"--output={files}", f"--sheet={given / 'linked' / 'b.png'}"]
    assert run(given, *flags) == 2
    assert "b.png is the name of a picture, too; give another --sheet" in capsys.readouterr().err
    (files / "a.png").write_bytes(b"somebody's photo")
    assert run(given, *flags[:2], f"--target_iuv={files / 'a_IUV.png'}") == 2
    assert f"{files / 'a.png'} would be overwritten" in capsys.readouterr().err


def test_a_photo_that_is_no_picture_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.jpg: no such file"):
        asking.read(tmp_path / "gone.jpg")
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    with pytest.raises(UserError, match=r"torn\.jpg: a picture that cannot be read"):
        asking.read(tmp_path / "torn.jpg")


def test_a_turned_photo_is_read_upright(tmp_path):
    pixels = np.zeros((40, 20, 3), np.uint8)
    pixels[:10] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "phone.jpg", exif=exif)
    upright = asking.read(tmp_path / "phone.jpg")
    assert upright.shape == (40, 20, 3)
    assert np.abs(upright.astype(int) - pixels).mean() < 8
