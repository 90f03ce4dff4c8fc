"""Laws of the stored form."""

import errno
import os
import signal
import socket
import subprocess
import sys

import pytest
import tensorflow as tf
from toy import SIZE, make_item

from dpt_tf.commands.main import guarded
from dpt_tf.data import records
from dpt_tf.system import atomic
from dpt_tf.system.errors import UserError


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to a pipe"])
def test_what_is_no_file_is_not_replaced_by_one(tmp_path, kind):
    pipe, path = tmp_path / "pipe", tmp_path / "there.json"
    if kind == "folder":
        path.mkdir()
    elif not hasattr(os, "mkfifo"):
        pytest.skip("no pipes among files here")
    else:
        os.mkfifo(pipe)
        (path.hardlink_to if kind == "pipe" else path.symlink_to)(pipe)
    with pytest.raises(UserError, match="no file that could be replaced"):
        atomic.write_json(path, {})
    assert not path.is_file() and not list(tmp_path.glob("*.partial"))


def test_tfds_reads_what_was_written_without_our_code(tmp_path):
    import tensorflow_datasets as tfds

    records.write(tmp_path, "toy", {"train": [make_item("a", 3)]}, SIZE, "toy")
    builder = tfds.builder_from_directory(tmp_path / "toy" / "1.0.0")
    (item,) = list(builder.as_dataset("train").as_numpy_iterator())
    assert item["id"] == b"a"
    assert item["views"]["name"].tolist() == [b"view0", b"view1", b"view2"]
    assert item["views"]["image"][:, 0, 0, 0].tolist() == [0, 1, 2]
    assert item["views"]["iuv"][:, 5, 5].tolist() == [[1, 0, 3], [1, 1, 3], [1, 2, 3]]
    assert item["views"]["keypoints"].shape == (3, 18, 2)
    assert next(iter(tfds.builder("toy", data_dir=tmp_path).as_dataset("train")))["id"] == b"a"


def test_it_counts_items_views_and_pairs(tmp_path):
    splits = {"train": [make_item("a", 5, (0, 3)), make_item("b", 2)], "test": [make_item("a", 5, (0, 3))]}
    prepared = records.write(tmp_path, "toy", splits, SIZE, "toy")
    assert prepared == records.open_prepared(tmp_path)
    assert prepared.items == {"train": 2, "test": 1}
    assert prepared.views == {"train": 5, "test": 5}
    assert prepared.pairs == {"train": 9 + 4, "test": 2}
    assert prepared.image_size == SIZE
    assert prepared.keypoints


def test_one_view_without_keypoints_leaves_the_set_without(tmp_path):
    prepared = records.write(tmp_path, "toy", {"train": [make_item("a", 2), make_item("b", 2, (), False)]}, SIZE, "toy")
    assert not prepared.keypoints


def test_a_failed_write_leaves_what_was_there(tmp_path):
    before = records.write(tmp_path, "toy", {"train": [make_item("a", 2)]}, SIZE, "toy")

    def broken():
        yield make_item("b", 3)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        records.write(tmp_path, "toy", {"train": broken()}, SIZE, "toy")
    assert records.open_prepared(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_a_second_write_replaces_the_first(tmp_path):
    records.write(tmp_path, "toy", {"train": [make_item("a", 2)]}, SIZE, "toy")
    records.write(tmp_path, "toy", {"train": [make_item("b", 3)], "test": []}, SIZE, "toy")
    assert records.open_prepared(tmp_path).views == {"train": 3}
    assert [path.name for path in (tmp_path / "toy").iterdir()] == ["1.0.0"]


@pytest.fixture
def dead():
    """How a process that is no more signs its folders."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return f"{process.pid}@{socket.gethostname()}"


@pytest.mark.parametrize("opened", ["", "toy", "toy/1.0.0"])
def test_a_set_that_a_killed_replacement_moved_away_is_there_again(tmp_path, dead, opened):
    before = records.write(tmp_path, "toy", {"train": [make_item("a", 2)]}, SIZE, "toy")
    before.directory.rename(tmp_path / "toy" / f".1.0.0.old-{dead}")
    assert records.open_prepared(tmp_path / opened) == before
    assert [path.name for path in (tmp_path / "toy").iterdir()] == ["1.0.0"]


def test_what_killed_writes_left_is_cleared_by_the_next(tmp_path, dead):
    left = [tmp_path / "toy" / f".1.0.0.old-{dead}", tmp_path / f".toy.partial-{dead}"]
    for folder in left:
        (folder / "deep").mkdir(parents=True)
    first = records.write(tmp_path, "toy", {"train": [make_item("a", 2)]}, SIZE, "toy")
    assert not any(folder.exists() for folder in left)
    left[0].mkdir()
    assert records.open_prepared(tmp_path) == first
    assert not left[0].exists()


def test_what_a_living_process_moved_away_is_left_alone(tmp_path, monkeypatch):
    before = records.write(tmp_path, "toy", {"train": [make_item("a", 2)]}, SIZE, "toy")
    away = before.directory.rename(tmp_path / "toy" / f".1.0.0.old-{os.getppid()}@{socket.gethostname()}")
    monkeypatch.setattr(atomic, "_LONG", -1)
    with pytest.raises(UserError, match="no prepared data set"):
        records.open_prepared(tmp_path)
    assert away.exists()


@pytest.mark.parametrize("owner", ["7@elsewhere", "7"])
def test_what_another_machine_moved_away_is_put_back_after_a_while(tmp_path, monkeypatch, owner):
    away, aside = tmp_path / f".1.0.0.old-{owner}", tmp_path / f".toy.partial-{owner}"
    away.mkdir()
    aside.mkdir()
    atomic.recover(tmp_path / "1.0.0")
    assert away.exists()
    monkeypatch.setattr(atomic, "_LONG", -1)
    atomic.recover(tmp_path / "1.0.0")
    atomic.clear(tmp_path, "toy.partial")
    assert sorted(path.name for path in tmp_path.iterdir()) == [aside.name, "1.0.0"]


KILLED = """
import os, pathlib, signal, sys
from dpt_tf.system import atomic
moment, new, final = sys.argv[1], *map(pathlib.Path, sys.argv[2:])
def die(*_args, **_kwargs): os.kill(os.getpid(), signal.SIGKILL)
rename = pathlib.Path.rename
if moment == "between":
    pathlib.Path.rename = lambda self, to: die() if self == new else rename(self, to)
else:
    atomic.shutil.rmtree = die
atomic.replace(new, final)
"""


@pytest.mark.parametrize(("moment", "wanted"), [("between", "old"), ("after", "new")])
def test_a_replacement_killed_at_any_moment_leaves_one_whole_folder(tmp_path, moment, wanted):
    final, new = tmp_path / "set" / "1.0.0", tmp_path / "aside"
    for folder, text in ((final, "old"), (new, "new")):
        folder.mkdir(parents=True)
        (folder / "text").write_text(text)
    killed = subprocess.run([sys.executable, "-c", KILLED, moment, new, final])
    assert killed.returncode == -signal.SIGKILL
    assert len([path for path in final.parent.iterdir() if ".old-" in path.name]) == 1
    atomic.recover(final)
    assert (final / "text").read_text() == wanted
    assert [path.name for path in final.parent.iterdir()] == ["1.0.0"]


def test_a_replacement_that_fails_leaves_what_was_there(tmp_path):
    final = tmp_path / "1.0.0"
    final.mkdir()
    with pytest.raises(FileNotFoundError):
        atomic.replace(tmp_path / "absent", final)
    assert [path.name for path in tmp_path.iterdir()] == ["1.0.0"]


def test_opening_nothing_says_how_to_write_it(tmp_path):
    with pytest.raises(UserError, match="dpt prepare"):
        records.open_prepared(tmp_path / "absent")
    with pytest.raises(UserError, match="no prepared data set"):
        records.open_prepared(tmp_path)
    with pytest.raises(UserError, match="no item"):
        records.write(tmp_path, "toy", {"train": []}, SIZE, "toy")


@pytest.mark.parametrize("text", ["{}", "{", "[]", '{"name": 3}'])
def test_opening_somebody_elses_data_set_says_so(tmp_path, text):
    (tmp_path / "dataset_info.json").write_text(text)
    with pytest.raises(UserError, match="not written by `dpt prepare`"):
        records.open_prepared(tmp_path)


@pytest.mark.parametrize("length", [0, 100, None])
def test_a_set_that_was_not_copied_to_its_end_is_refused(tmp_path, length):
    folder = records.write(tmp_path, "toy", {"train": [make_item("a", 2)]}, SIZE, "toy").directory
    (file,) = folder.glob("*.tfrecord*")
    data = file.read_bytes()
    file.write_bytes(data + b"more" if length is None else data[:length])
    with pytest.raises(UserError, match=rf"the files of train have \d+ bytes together, and {len(data)} were written"):
        records.open_prepared(tmp_path)


def test_what_tensorflow_finds_damaged_on_the_way_is_one_line(capsys):
    def read():
        raise tf.errors.DataLossError(None, None, "corrupted record at 0\nnode IteratorGetNext")

    assert guarded(read) == 2
    assert capsys.readouterr().err == (
        "a file that was read is damaged (corrupted record at 0): copy it anew, or write it again\n"
    )
