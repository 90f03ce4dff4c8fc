"""`dpt train --restart`: what is started again, and what is not."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from dpt_tf.commands import main
from dpt_tf.system import alive
from dpt_tf.training import keeping

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes by number")

ROOT = pathlib.Path(__file__).resolve().parents[1]


def kept(tmp_path, *lives, silence=20.0):
    """Keeps a program whose n-th start does what `lives` says n-th: code, how often it started, what was said."""
    starts = tmp_path / "starts"
    starts.write_text("")
    head = "import os, signal, sys, time; from dpt_tf.system import alive; "
    head += f"path = {str(starts)!r}; n = len(open(path).read()); open(path, 'a').write('x'); "
    body = "; ".join([f"lives = {list(lives)!r}", "exec(lives[min(n, len(lives) - 1)])"])
    told = []
    code = keeping.keep([sys.executable, "-c", head + body], silence, pause=0.01, say=told.append)
    return code, len(starts.read_text()), told


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


STEP = "alive.tell(); "


def test_where_another_worker_is_lost_it_starts_again_until_it_is_done(tmp_path):
    code, starts, told = kept(tmp_path, "sys.exit(75)", STEP + "sys.exit(75)", "sys.exit(0)")
    assert (code, starts) == (0, 3)
    assert told == 2 * ["another worker is lost; started again in 0.01 s"]
    assert keeping.AGAIN == main.TRY_AGAIN


def test_where_it_is_killed_it_starts_again(tmp_path):
    code, starts, told = kept(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)", "os.abort()", "sys.exit(0)")
    assert (code, starts) == (0, 3)
    assert [line.partition(";")[0] for line in told] == ["ended by SIGKILL", "ended by SIGABRT"]


def test_where_it_falls_silent_after_a_step_it_is_killed_and_starts_again(tmp_path):
    code, starts, told = kept(tmp_path, STEP + "time.sleep(99)", "sys.exit(0)", silence=0.3)
    assert (code, starts) == (0, 2) and told[0].startswith("no step for 0.3 s: killed")


def test_before_its_first_step_it_may_take_its_time(tmp_path):
    assert kept(tmp_path, "time.sleep(0.6); sys.exit(0)", silence=0.2) == (0, 1, [])


@pytest.mark.parametrize("code", [0, 1, 2, 130, 143])
def test_with_any_other_code_it_is_done(tmp_path, code):
    assert kept(tmp_path, f"sys.exit({code})") == (code, 1, [])


def test_what_never_comes_to_a_step_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "_IN_VAIN", 3)
    code, starts, told = kept(tmp_path, STEP + "sys.exit(75)", "sys.exit(75)")
    assert (code, starts) == (75, 4) and told[-1].startswith("another worker is lost, 3 times in a row before a step")


def test_a_signal_is_passed_on_once_and_ends_it(tmp_path):
    child = "import signal, sys, time; got = []; signal.signal(signal.SIGTERM, lambda *_: got.append(1)); "
    child += f"open({str(tmp_path / 'ready')!r}, 'w'); end = time.time() + 20; "
    child += (
        "exec('while not got and time.time() < end: time.sleep(0.02)'); time.sleep(0.3); sys.exit(140 + 3 * len(got))"
    )
    keeper = "import sys; from dpt_tf.training import keeping; sys.exit(keeping.keep(sys.argv[1:], 20))"
    process = subprocess.Popen([sys.executable, "-c", keeper, sys.executable, "-c", child])
    deadline = time.monotonic() + 20
    while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 143


def test_who_is_kept_hears_that_its_keeper_is_gone(monkeypatch):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    monkeypatch.delenv(alive.KEPT, raising=False)
    assert alive.tell() and not alive.kept()
    monkeypatch.setenv(alive.KEPT, str(writer))
    assert alive.kept() and all(alive.tell() for _ in range(70_000)), "a keeper that does not read holds nobody up"
    os.close(reader)
    assert not alive.tell()
    os.close(writer)
