"""Laws of `dpt inspect` and of the command around it."""

import errno
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dpt_tf import config, iuv
from dpt_tf.commands import main


def inspect(*arguments) -> int:
    return main.guarded(lambda: main.dispatch(["inspect", *map(str, arguments)]))


@pytest.fixture
def usable(tmp_path):
    """A map of a torso and one wrapped value of a head."""
    made = np.zeros((24, 20, 3), np.uint8)
    made[10:20, 4:14] = (2, 100, 90)
    made[4:10, 7:11] = (24, 100, 2)
    made[5, 8, 2] = 255
    path = tmp_path / "usable.png"
    Image.fromarray(made).save(path)
    return path


@pytest.fixture
def wrong(tmp_path):
    """A colour visualisation."""
    path = tmp_path / "wrong.png"
    Image.fromarray(np.full((9, 9, 3), (68, 1, 84), np.uint8)).save(path)
    return path


def test_it_tells_form_order_size_parts_people_and_what_was_mended(usable, capsys):
    assert inspect(usable) == 0
    told = capsys.readouterr().out
    assert f"{usable}: PNG, R = I, G = U, B = V, 20 x 24" in told
    assert "1 (124 pixels)" in told
    assert "2 torso front 100, 24 head left 24" in told
    assert "1 values of uint8 wrap-around undone" in told


def test_one_file_that_is_not_usable_makes_the_code_1_and_hides_no_other(usable, wrong, tmp_path, capsys):
    assert inspect(wrong, tmp_path / "absent.png", tmp_path, usable) == 1
    told = capsys.readouterr().out
    assert told.count("not usable") == 3
    assert "colour visualisation" in told
    assert "absent.png: No such file" in told
    assert "torso front" in told


def test_it_draws_map_photo_and_texture(usable, tmp_path):
    photo = tmp_path / "photo.png"
    Image.fromarray(np.full((24, 20, 3), (255, 0, 0), np.uint8)).save(photo)
    assert inspect(usable, "--show", tmp_path / "new" / "out.png", "--photo", photo) == 0
    drawn = np.asarray(Image.open(tmp_path / "new" / "out.png"))
    assert drawn.shape == (6 * 64 + 8, 2 * 320 + 4 * 64, 3)
    texture = drawn[:-8, -4 * 64 :].reshape(6, 64, 4, 64, 3).transpose(2, 0, 1, 3, 4).reshape(24, 64, 64, 3)
    seen = [part + 1 for part in range(24) if texture[part].any()]
    assert seen == [2, 24]
    assert set(map(tuple, texture.reshape(-1, 3))) == {(0, 0, 0), (255, 0, 0)}


DUMPS = pathlib.Path(__file__).parent / "data" / "dumps"


def test_a_dump_is_told_photo_by_photo(capsys):
    assert inspect(DUMPS / "new_two_photos.pkl") == 0
    told = capsys.readouterr().out
    assert "new_two_photos.pkl: a dump of 2 photos" in told
    assert "new_two_photos.pkl: shop/a.jpg: Detectron2 dump (torch.save), labels, U, V, 11 x 11" in told
    assert "new_two_photos.pkl: shop/b.jpg: Detectron2 dump" in told
    assert "score 0.910" in told


def test_a_dump_becomes_a_folder_of_maps_and_no_file_is_replaced(usable, tmp_path, capsys):
    out = tmp_path / "new" / "maps"
    assert inspect(DUMPS / "new_two_photos.pkl", usable, "--write", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a_IUV.png", "b_IUV.png", "usable_IUV.png"]
    for name in ("a", "b"):
        expected = iuv.read(DUMPS / "new_two_photos.pkl", photo=f"{name}.jpg")
        np.testing.assert_array_equal(np.asarray(Image.open(out / f"{name}_IUV.png")), expected)
    assert f"written  {out / 'a_IUV.png'}" in capsys.readouterr().out
    (out / "b_IUV.png").write_bytes(b"mine")
    assert inspect(DUMPS / "new_two_photos.pkl", "--write", out) == 1
    assert f"{out / 'b_IUV.png'} exists and is left as it is" in capsys.readouterr().out
    assert (out / "b_IUV.png").read_bytes() == b"mine"


def test_a_map_that_cannot_be_written_to_the_end_is_not_left_half(usable, tmp_path, monkeypatch, capsys):
    def full(_made):
        raise OSError(errno.ENOSPC, "full", "maps")

    monkeypatch.setattr(iuv, "encode", full)
    assert inspect(usable, "--write", tmp_path / "maps") == 1
    assert "the disk is full" in capsys.readouterr().err
    assert not list((tmp_path / "maps").iterdir())


def test_a_name_in_another_encoding_is_told(tmp_path, capsys):
    path = os.fsencode(tmp_path) + b"/\xff\n.png"
    with open(path, "wb") as file:
        file.write(b"text")
    assert inspect(os.fsdecode(path)) == 1
    assert "/\\udcff\\n.png: neither" in capsys.readouterr().out


def test_the_help_lists_every_verb_and_each_verb_has_its_module(capsys):
    assert main.guarded(lambda: main.dispatch(["--help"])) == 0
    told = capsys.readouterr().out
    for verb, text in main.VERBS.items():
        assert f"dpt {verb}" in told
        assert text in told
        with pytest.raises(SystemExit) as left:
            main.dispatch([verb, "--help"])
        assert left.value.code == 0


def test_without_a_verb_or_with_an_unknown_one_the_code_is_2(capsys):
    assert main.guarded(lambda: main.dispatch([])) == 2
    assert main.guarded(lambda: main.dispatch(["portray"])) == 2
    assert "no such verb: portray" in capsys.readouterr().err
    assert main.guarded(lambda: main.dispatch(["inspect"])) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("verb", main.VERBS)
def test_an_empty_value_is_refused_by_every_verb_and_named(verb, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for argv, flag in (
        ([""], "a name"),
        (["a.png", " "], "a name"),
        (["--source="], "--source"),
        (["--size=4", "--source", ""], "--source"),
        (["--size=4", ""], "a name"),
    ):
        with pytest.raises(main.UserError, match=f"^dpt {verb}: {flag} is empty; give it a value, or leave it out"):
            main._refuse_empty(verb, argv)
    main._refuse_empty(verb, ["--hparams=", "--hparams", "", "a=", "--source=a="])
    assert main.guarded(lambda: main.dispatch([verb, "--output="])) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def raising(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(errno.ENOSPC, "full", "/data/x"), 1, "/data/x: the disk is full"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.png"), 2, "a.png: No such file"),
        (iuv.NotIUV("a.png: grey"), 2, "a.png: grey"),
    ],
)
def test_each_kind_of_error_has_its_line_and_code(capsys, error, code, said):
    assert main.guarded(raising(error)) == code
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert err.count("\n") == 1


def test_an_unknown_hyper_parameter_is_the_users_and_other_value_errors_are_ours(capsys):
    assert main.guarded(lambda: config.override(config.preset("small"), "with=3") and 0) == 2
    assert "no such hyper-parameter: with" in capsys.readouterr().err
    with pytest.raises(ValueError, match="ours"):
        main.guarded(raising(ValueError("ours")))


def test_a_reader_that_leaves_is_no_error(usable):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "dpt_tf", "inspect", str(usable)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.stderr == b""


def test_a_map_for_which_there_is_no_room_is_named_and_nothing_is_left_of_it(usable, tmp_path, monkeypatch, capsys):
    full = raising(OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(iuv, "encode", lambda _: full())
    assert inspect(usable, f"--write={tmp_path / 'new'}") == 1
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'new' / 'usable_IUV.png'}: the disk is full; make room")
    assert not list((tmp_path / "new").iterdir())
