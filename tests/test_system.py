"""Files are there whole or not at all, and two programs keep out of each other's folders."""

import errno
import importlib.util
import logging
import os
import subprocess
import sys
import tempfile

import absl.logging
import pytest

from dpt_tf.system import atomic, locks, quiet
from dpt_tf.system.errors import UserError


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.json"
    atomic.write_text(path, "ä")
    assert path.read_bytes() == "ä".encode()
    atomic.write_json(path, {"a": 1})
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("there", [True, False])
def test_a_file_that_cannot_be_written_to_its_end_changes_nothing(tmp_path, there):
    path = tmp_path / "a.txt"
    if there:
        path.write_text("before")

    def half(aside):
        aside.write_text("aft")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"), atomic.written(path) as aside:
        half(aside)
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == ({"a.txt": "before"} if there else {})


def test_a_full_disk_is_named_by_the_file_that_is_open(tmp_path):
    with pytest.raises(OSError) as caught, atomic.errors_at(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "a")
    with pytest.raises(OSError) as caught, atomic.errors_at(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device", "b")
    assert caught.value.filename == "b"


@pytest.mark.parametrize("windows", [True, False])
def test_all_files_of_a_folder_are_flushed_and_folders_where_they_can_be(tmp_path, monkeypatch, windows):
    (tmp_path / "b").mkdir()
    for name in ("a", "b/c"):
        (tmp_path / name).touch()
    opened, flushed = {}, []
    real = os.open

    def note(path, flags):
        descriptor = real(path, flags)
        opened[descriptor] = (os.path.relpath(path, tmp_path), flags)
        return descriptor

    monkeypatch.setattr(os, "open", note)
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(opened[descriptor]))
    monkeypatch.setattr(atomic, "_WINDOWS", windows)
    atomic.flush(tmp_path)
    # Windows flushes what may be written to alone, and opens no folder.
    wanted = {("a", os.O_RDWR), ("b/c", os.O_RDWR)} if windows else {(p, os.O_RDONLY) for p in ("a", "b", "b/c", ".")}
    assert set(flushed) == wanted


HOLD = """
import pathlib, sys
from dpt_tf.system import locks
with locks.claimed(pathlib.Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_one_programs_until_it_ends_however_it_ends(tmp_path):
    folder = tmp_path / "a" / "b"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(UserError, match=r"another program is at work in .*b; wait for it"), locks.claimed(folder):
            pass
        other.kill()
    with locks.claimed(folder):
        pass
    with locks.claimed(folder):
        pass


def test_a_file_where_the_folder_should_be_is_said(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(UserError, match="a: a file stands in its place"), locks.claimed(tmp_path / "a"):
        pass


def test_what_nobody_wants_is_not_imported_by_others_and_can_be_afterwards(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with quiet._without(("this", "json")):
        assert importlib.import_module("json")  # was there before
        with pytest.raises(ImportError):
            importlib.import_module("this")
    assert importlib.util.find_spec("this") is not None


def test_what_was_quiet_for_a_while_is_heard_again(caplog):
    with pytest.raises(KeyError), quiet.errors_only():
        logging.getLogger("somebody").warning("hidden")
        absl.logging.warning("hidden")
        logging.getLogger("somebody").error("shown")
        raise KeyError
    logging.getLogger("somebody").warning("heard")
    assert [record.message for record in caplog.records] == ["shown", "heard"]


def test_a_folder_made_for_what_is_refused_is_gone_again(tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    for folder, left in ((tmp_path / "new", False), (there, True)):
        for error in (UserError("no"), OSError("no")):
            with pytest.raises(type(error), match="no"), locks.claimed(folder):
                raise error
            assert folder.exists() is left
    with pytest.raises(UserError), locks.claimed(tmp_path / "filled"):
        (tmp_path / "filled" / "a").touch()
        raise UserError("no")
    assert (tmp_path / "filled" / "a").exists()


def test_what_cannot_be_written_to_is_told_before_any_work(tmp_path, monkeypatch):
    there = tmp_path / "there"
    there.mkdir()
    locks.refuse(there, tmp_path / "a" / "b", None, read=tmp_path / "c")
    assert list(tmp_path.rglob("*")) == [there]

    def fails(dir):
        raise OSError(errno.EROFS, "Read-only file system", str(dir))

    monkeypatch.setattr(tempfile, "mkdtemp", fails)
    for folder in (there, tmp_path / "a" / "b"):
        with pytest.raises(UserError, match=rf"{folder}: nothing can be written there \(Read-only file system\); name"):
            locks.refuse(folder)
    locks.refuse(read=there)
