"""Versions appear whole, in their order, and never on top of another."""

import errno
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from dpt_tf.commands import main
from dpt_tf.export import versions
from dpt_tf.system.errors import UserError


def fill(folder):
    (folder / "variables").mkdir()
    (folder / "variables" / "data").write_text("weights")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_versions_count_on_from_the_highest(tmp_path):
    models = tmp_path / "models" / "dpt"
    assert versions.write(models, None, fill) == models / "1"
    assert versions.write(models, 7, fill) == models / "7"
    assert versions.write(models, None, fill) == models / "8"
    assert names(models) == ["1", "7", "8"]
    assert (models / "8" / "variables" / "data").read_text() == "weights"


def test_until_it_is_whole_a_server_sees_nothing(tmp_path):
    def look(folder):
        assert folder.parent == tmp_path  # on the same disk
        assert versions.all_of(tmp_path) == []
        assert not folder.name.isdigit()
        fill(folder)

    versions.write(tmp_path, None, look)
    assert versions.all_of(tmp_path) == [1]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=["disk full", "Ctrl-C"])
def test_what_fails_on_the_way_leaves_nothing(tmp_path, error):
    def broken(folder):
        fill(folder)
        raise error

    with pytest.raises(type(error)):
        versions.write(tmp_path, None, broken)
    assert names(tmp_path) == []


def test_what_a_killed_export_left_is_no_version_and_goes_with_the_next(tmp_path):
    code = (
        "import sys, time, pathlib\n"
        "from dpt_tf.export import versions\n"
        "def fill(folder):\n"
        "    (folder / 'half').touch(); print('half', flush=True); time.sleep(600)\n"
        "versions.write(pathlib.Path(sys.argv[1]), None, fill)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "half\n"
        assert versions.write(tmp_path, None, fill).name == "1"
        assert len(names(tmp_path)) == 2, "the other one is still at work: its folder stays"
        child.send_signal(signal.SIGKILL)
    assert versions.all_of(tmp_path) == [1]
    versions.write(tmp_path, None, fill)
    assert names(tmp_path) == ["1", "2"]


def test_of_two_exports_at_once_each_gets_a_number(tmp_path):
    def overtaken(folder):
        fill(folder)
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_text("the other's")

    assert versions.write(tmp_path, None, overtaken) == tmp_path / "2"
    assert (tmp_path / "1" / "saved_model.pb").read_text() == "the other's"


def test_a_version_that_came_meanwhile_is_not_overwritten(tmp_path):
    def overtaken(folder):
        fill(folder)
        (tmp_path / "3").mkdir()
        (tmp_path / "3" / "saved_model.pb").write_text("the other's")

    with pytest.raises(UserError, match="3 exists"):
        versions.write(tmp_path, 3, overtaken)
    assert names(tmp_path) == ["3"]
    assert names(tmp_path / "3") == ["saved_model.pb"]


@pytest.mark.parametrize("version", [None, 2])
def test_a_file_in_the_way_is_no_version_to_overwrite(tmp_path, version):
    (tmp_path / "2").write_text("notes")
    if version is None:
        assert versions.write(tmp_path, None, fill).name == "3"
    else:
        with pytest.raises(UserError, match="2 exists; leave --version out"):
            versions.write(tmp_path, version, fill)
    assert (tmp_path / "2").read_text() == "notes"


@pytest.mark.parametrize(
    ("there", "flags", "said"),
    [
        ("models/dpt", [], "models/dpt is a file; give a folder"),
        ("models/dpt/saved_model.pb", [], "is a SavedModel itself; give the folder above it"),
        ("models/dpt/4/saved_model.pb", ["--version=4"], "models/dpt/4 exists; leave --version out"),
        ("models/notes", ["--version=0"], "--version=0: versions count from 1"),
        ("models/notes", [], r"nowhere is not a run .*train\.py --workdir="),
    ],
)
def test_a_mistake_is_one_line_before_any_work(tmp_path, capsys, there, flags, said):
    path = tmp_path / there
    path.parent.mkdir(parents=True)
    path.write_text("")
    models = pathlib.Path(tmp_path, "models", "dpt")
    line = ["export", f"--workdir={tmp_path / 'nowhere'}", f"--export_dir={models}", *flags]
    begun = time.monotonic()
    assert main.guarded(lambda: main.dispatch(line)) == 2
    assert time.monotonic() - begun < 60
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(said, error)
    assert path.read_text() == ""


def test_a_disk_that_is_full_is_said(tmp_path, capsys, monkeypatch):
    tf = pytest.importorskip("tensorflow")
    from toy import TINY

    from dpt_tf import export
    from dpt_tf.training import trained

    def full(*_):
        raise tf.errors.UnknownError(None, None, f"variables/data; {os.strerror(errno.ENOSPC)}")

    monkeypatch.setattr(trained, "load_generator", lambda *_: (None, TINY, {}))
    monkeypatch.setattr(export, "save", full)
    code = main.guarded(lambda: main.dispatch(["export", "--workdir=run", f"--export_dir={tmp_path / 'dpt'}"]))
    assert code == 1
    assert "the disk is full" in capsys.readouterr().err
    assert names(tmp_path / "dpt") == []


def test_a_folder_that_tensorflow_could_not_write_to_is_told_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.guarded(lambda: main.dispatch(["export", "--workdir=people", "--export_dir=\udce9"])) == 2
    assert capsys.readouterr().err.startswith("\\udce9: not UTF-8")
    assert not list(tmp_path.iterdir())
