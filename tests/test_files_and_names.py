"""Whatever files a user names, a command ends with one line that says so, and loses nothing that was there."""

import errno
import os
import pathlib
import subprocess
import sys
import types

import damaged
import numpy as np
import odd_files
import pytest
from PIL import Image

from dpt_tf.commands import main
from dpt_tf.commands import transfer as transfer_command
from dpt_tf.densepose import choosing
from dpt_tf.images import display, naming
from dpt_tf.system import atomic
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import painter
from serving.client import __main__ as client

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among files here")

ROOT = pathlib.Path(__file__).resolve().parents[1]


def dpt(*arguments) -> int:
    return main.guarded(lambda: main.dispatch(list(map(str, arguments))))


def ask_client(*flags) -> int:
    try:
        return client.main(["--server=127.0.0.1:1", "--retries=0", "--timeout=1", *map(str, flags)])
    except SystemExit as left:
        return left.code


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Nobody gets as far as a network; one that does paints the pose's own colours."""

    def paint(photo, source_iuv, pose, coverage=None):
        grey = np.full((*pose.shape[:2], 3), 120, np.uint8)
        return {"image": grey, "warped": grey, "predicted": grey, "provenance": grey[..., :1]}

    monkeypatch.setattr(transfer_command.quiet, "start_tensorflow", lambda: None)
    monkeypatch.setattr(painter, "load", lambda *_: paint)
    nobody = types.SimpleNamespace(name="nobody", people=lambda *_: pytest.fail("it looked for people"))
    monkeypatch.setattr(choosing, "open_estimator", lambda *_: nobody)


@pytest.fixture
def given(tmp_path):
    """A photo beside its map, a folder of poses, and other names for them."""
    made = damaged.a_map()
    (tmp_path / "poses").mkdir()
    for name in ("a_IUV.png", "poses/b_IUV.png", "poses/c_IUV.png"):
        (tmp_path / name).write_bytes(damaged.picture(made))
    (tmp_path / "a.png").write_bytes(damaged.picture(np.full_like(made, 90)))
    (tmp_path / "linked").symlink_to(tmp_path / "poses")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "hard.png").hardlink_to(tmp_path / "poses" / "b_IUV.png")
    (tmp_path / "hard_map.png").hardlink_to(tmp_path / "a_IUV.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "null.png").symlink_to("/dev/null")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "text").write_text("a text")
    return tmp_path


def painting(given, *poses, ask=dpt):
    flags = [f"--source={given / 'a.png'}", f"--source_iuv={given / 'a_IUV.png'}", "--target_iuv"]
    flags += [given / pose for pose in poses or ("poses/b_IUV.png",)]
    return ["transfer", "--model=run", *flags] if ask is dpt else flags


NO_PLACES = [
    ("a.png", "overwritten"),
    ("a_IUV.png", "overwritten"),
    ("poses/b_IUV.png", "overwritten"),
    ("link.png", "overwritten"),
    ("hard.png", "overwritten"),
    ("hard_map.png", "overwritten"),
    ("linked/b_IUV.png", "overwritten"),
    ("./poses/../a.png", "overwritten"),
    ("dangling.png", "is no file that"),
    ("loop.png", "is no file that"),
    ("pipe.png", "is no file that"),
    ("null.png", "is no file that"),
    ("loop.png/new.png", "is no folder, so nothing can be written to"),
    ("text/new.png", "is no folder, so nothing can be written to"),
    ("out.txt", "is written as .png, .jpg"),
    ("out.gif", "is written as .png, .jpg"),
    ("out.final", "is written as .png, .jpg"),
]


@pytest.mark.parametrize("place, said", NO_PLACES)
def test_nothing_but_a_new_picture_or_an_older_one_is_written_to(given, capsys, place, said):
    with odd_files.untouched(given):
        odd_files.refused(lambda: dpt(*painting(given), f"--output={given / place}"), capsys, said)
        sheet = [f"--output={given / 'new.png'}", f"--sheet={given / place}"]
        odd_files.refused(lambda: dpt(*painting(given), *sheet), capsys, said)
        odd_files.refused(lambda: ask_client(*painting(given, ask=client), f"--output={given / place}"), capsys, said)
        maps = [given / "a_IUV.png", given / "poses" / "b_IUV.png", f"--photo={given / 'a.png'}"]
        odd_files.refused(lambda: dpt("inspect", *maps, f"--show={given / place}"), capsys, said)


EMPTY = [
    ["transfer", "--source=a.png", "--target_iuv=a_IUV.png", "--output="],
    ["transfer", "--source=", "--target_iuv=a_IUV.png", "--output=new.png"],
    ["transfer", "--source=a.png", "--target_iuv=a_IUV.png", "--output=new.png", "--model="],
    ["pose", "a.png", "--output="],
    ["pose", "", "--output=new"],
    ["inspect", ""],
    ["inspect", "a_IUV.png", "--write="],
    ["prepare", "", "--output=new"],
    ["prepare", "poses", "--output="],
    ["prepare", "--dataset=densepose_coco", "--data_dir="],
    ["evaluate", "--maps=", "--true_maps=poses"],
]


@pytest.mark.parametrize("command", EMPTY, ids=" ".join)
def test_an_empty_name_is_not_the_folder_one_stands_in(given, capsys, monkeypatch, command):
    monkeypatch.chdir(given)
    with odd_files.untouched(given):
        odd_files.refused(lambda: dpt(*command), capsys, "is empty; name a folder or a file")


@pytest.mark.parametrize("verb", ["transfer", "person", "dress"])
def test_who_makes_maps_is_looked_at_though_every_photo_has_one(given, capsys, monkeypatch, verb):
    monkeypatch.chdir(given)
    flags = {
        "transfer": ["--source=a.png", "--target_iuv=a_IUV.png", "--output=new.png"],
        "person": ["a.png", "--output=new.person"],
        "dress": ["--person=a.png", "--clothes=a.png", "--output=new.png"],
    }[verb]
    with odd_files.untouched(given):
        odd_files.refused(
            lambda: dpt(verb, *flags, "--pose=nobody"), capsys, "nobody: no estimator of maps is called so"
        )


@pytest.mark.parametrize("place", [place for place, _ in NO_PLACES])
def test_a_map_and_what_shows_it_take_nobodys_place(given, capsys, place):
    photo, new = given / "a.png", f"--output={given / 'new.png'}"
    with odd_files.untouched(given):
        for flags in ([f"--output={given / place}"], [new, f"--show={given / place}"]):
            assert dpt("pose", photo, *flags) == 2
            assert capsys.readouterr().err.count("\n") == 1


def test_inputs_in_a_folder_of_results_are_kept(given, capsys):
    several = painting(given, "poses/b_IUV.png", "poses/c_IUV.png")
    (given / "poses" / "c.png").write_bytes(b"the photo beside the pose")
    with odd_files.untouched(given):
        for folder in ("poses", "linked"):
            said = odd_files.refused(lambda folder=folder: dpt(*several, f"--output={given / folder}"), capsys)
            assert "c.png would be overwritten" in said
    assert dpt("inspect", given / "a_IUV.png", "--write", given, "--show", given / "a_IUV.png") == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name, form", [("a.png", "PNG"), ("b.jpg", "JPEG"), ("c.JPEG", "JPEG"), ("d.webp", "WEBP")])
def test_a_picture_is_what_its_name_says(given, name, form):
    assert dpt(*painting(given), f"--output={given / name}-made{pathlib.Path(name).suffix}") == 0
    with Image.open(given / f"{name}-made{pathlib.Path(name).suffix}") as made:
        assert (made.format, made.size) == (form, (40, 48))


def test_a_name_without_a_form_is_a_folder(given, capsys):
    for folder in ("v1.0", "new", "2024.06"):
        assert dpt(*painting(given), f"--output={given / folder}") == 0
        assert capsys.readouterr().out == f"{given / folder / 'b.png'}\n"
    assert dpt(*painting(given, "poses/b_IUV.png", "poses/c_IUV.png"), f"--output={given / 'v1.0'}") == 0
    assert naming.is_file_name(given / "res.jpg") and not naming.is_file_name(given / "folder.png")


def test_a_picture_too_large_for_its_form_is_told(tmp_path):
    with pytest.raises(UserError, match=r"a\.jpg: 70000 x 1 pixels are too many for this form .*give a \.png"):
        display.save(tmp_path / "a.jpg", np.zeros((1, 70000, 3), np.uint8))
    assert not list(tmp_path.iterdir())


ODD_INPUTS = {
    "transfer": lambda odd, given: ["--source", odd, "--target_iuv", given / "a_IUV.png", "--output=new.png"],
    "transfer with a map": lambda odd, given: [*painting(given)[2:4], "--target_iuv", odd, "--output=new.png"],
    "inspect": lambda odd, given: [given / "a_IUV.png", "--photo", odd, "--show=new.png"],
    "prepare": lambda odd, given: [given / "poses", "--keypoints", odd, "--output=new"],
}


@pytest.mark.parametrize("case", ODD_INPUTS)
def test_what_is_no_file_ends_a_command_at_once(given, monkeypatch, capsys, case):
    monkeypatch.chdir(given)
    (given / "poses" / "b.png").write_bytes((given / "a.png").read_bytes())
    for path, what in odd_files.no_files(given / "odd", ".png").items():
        if case == "prepare" and "folder" in what:
            what = "no .json file in it"
        if case == "transfer with a map" and "MiB" in what:
            continue  # which may be a dump
        verb = case.split()[0]
        with odd_files.untouched(given):
            odd_files.refused(lambda path=path, verb=verb: dpt(verb, *ODD_INPUTS[case](path, given)), capsys, what)


def test_the_client_opens_regular_files_alone(given, capsys):
    for path, what in odd_files.no_files(given / "odd", ".png").items():
        for flag in ("source", "source_iuv", "target_iuv"):
            flags = {"source": given / "a.png", "source_iuv": given / "a_IUV.png", "target_iuv": given / "hard.png"}
            flags |= {flag: path, "output": given / "new.png"}
            line = [f"--{name}={value}" for name, value in flags.items()]
            if flag == "target_iuv" and "folder" in what:
                what = "no PNG in this folder"
            with odd_files.untouched(given):
                assert ask_client(*line) in (1, 2)
                assert capsys.readouterr().err.count("\n") == 1


def test_a_link_that_leads_to_itself_and_a_file_of_the_systems_are_told(given, capsys):
    loop = given / "loop.png"
    (given / "poses" / "b.png").write_bytes((given / "a.png").read_bytes())
    for ask in (["prepare", given / "poses", f"--output={given / 'new'}", f"--keypoints={loop}"], ["pose", loop]):
        with odd_files.untouched(given):
            odd_files.refused(lambda ask=ask: dpt(*ask, f"--output={given / 'new'}"), capsys, "loop.png")
    if pathlib.Path("/proc/kmsg").exists():
        assert dpt("pose", "/proc/kmsg", f"--output={given / 'new'}") == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_pipe_among_photos_is_left_out_or_told(given, capsys):
    for name in ("b.jpg", "c_matte.png"):
        os.mkfifo(given / "poses" / name)
    (given / "poses" / "c.png").write_bytes((given / "a.png").read_bytes())
    with odd_files.untouched(given):
        odd_files.refused(lambda: dpt("prepare", given / "poses", f"--output={given / 'new'}"), capsys, "b.jpg: a pipe")
    (given / "poses" / "b.jpg").unlink()
    (given / "poses" / "b.png").write_bytes((given / "a.png").read_bytes())
    odd_files.refused(
        lambda: dpt("prepare", given / "poses", f"--output={given / 'new'}"), capsys, "c_matte.png: a pipe"
    )


def test_a_prepared_set_never_takes_the_place_of_its_photos(given, capsys):
    place = given / "set" / "folder" / "1.0.0"
    place.mkdir(parents=True)
    for name in ("a.png", "a_IUV.png"):
        (place / name).write_bytes((given / name).read_bytes())
        (place / f"2{name}").write_bytes((given / name).read_bytes())
    for folder in (place, given / "set"):
        with odd_files.untouched(given):
            said = odd_files.refused(lambda folder=folder: dpt("prepare", folder, f"--output={given / 'set'}"), capsys)
            assert "which is to be replaced" in said or "would be lost" in said


@pytest.mark.parametrize("verb", ["inspect", "transfer", "client"])
def test_odd_names_are_one_line_each(given, capsys, verb):
    for path in odd_files.named(given / "odd", (given / "a_IUV.png").read_bytes(), "_IUV.png"):
        flags = painting(given, path.relative_to(given), ask=client if verb == "client" else dpt)
        if verb == "inspect":
            assert dpt("inspect", path, "--write", given / "new") == 0
            lines = capsys.readouterr().out.splitlines()
            assert len(lines) == 5 and all(line.isprintable() for line in lines)
        elif verb == "transfer":
            assert dpt(*flags, f"--output={given / 'new'}") == 0
            assert len(capsys.readouterr().out.splitlines()) == 1
        else:
            assert ask_client(*flags, f"--output={given / 'new'}") == 1
            assert capsys.readouterr().err.count("\n") == 1


def test_a_terminal_of_ascii_alone_stops_nothing(given):
    odd = odd_files.named(given / "odd", (given / "a_IUV.png").read_bytes(), "_IUV.png")
    code = "import sys; from dpt_tf.commands import main; main.main(sys.argv[1:])"
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", code, "inspect", *odd, "--write", given / "ö"], capture_output=True, env=env
    )
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, b"", 5 * len(odd))


def test_a_full_disk_is_told_with_the_file_that_has_no_room(given, monkeypatch, capsys):
    def full(*_args, **_more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pathlib.Path, "write_bytes", full)
    with odd_files.untouched(given):
        said = odd_files.refused(lambda: dpt(*painting(given), f"--output={given / 'x.png'}"), capsys, code=1)
        assert said.startswith(f"{given / 'x.png'}: the disk is full; make room")


def test_what_is_written_aside_is_nobodys_file(given):
    (given / "new.png.partial").symlink_to(given / "a.png")
    with odd_files.untouched(given), pytest.raises(RuntimeError), atomic.written(given / "new.png") as aside:
        aside.write_bytes(b"half")
        raise RuntimeError
    with atomic.written(given / ("n" * 250 + ".png")) as aside:
        aside.write_bytes(b"whole")
    assert (given / ("n" * 250 + ".png")).read_bytes() == b"whole"


def test_photos_of_any_name_are_prepared(given, capsys):
    person = given / "photos" / os.fsdecode(b"\xe4nna\n")
    for name in (b"\xe9", b"two\nlines", b"plain"):
        for suffix, source in ((".png", "a.png"), ("_IUV.png", "a_IUV.png")):
            path = person / f"{os.fsdecode(name)}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((given / source).read_bytes())
    assert dpt("prepare", given / "photos", f"--output={given / 'new'}", "--size=16", "--hold_out=2") == 0
    told = capsys.readouterr().out
    assert "3 views" in told and all(line.isprintable() for line in told.splitlines())
    odd_files.refused(
        lambda: dpt("prepare", given / "photos", f"--output={given / os.fsdecode(b'set-%c' % 0xE9)}", "--size=16"),
        capsys,
        "not UTF-8",
    )
