"""`TF_CONFIG` is checked before anything starts, and a lost worker is one line."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest
import tensorflow as tf
from toy import make_item

from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.data import records
from dpt_tf.system.errors import UserError, WorkerLost
from dpt_tf.training import checkpoints, workers
from dpt_tf.training.workers import Cluster

SMALLEST = "image_size=32,atlas_size=32,width=4,residuals=1"
TWO = {"worker": ["a:1", "b:2"]}
FIRST = {"type": "worker", "index": 0}


def said(cluster=TWO, task=FIRST) -> str:
    return json.dumps({"cluster": cluster, "task": task})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "TF_CONFIG is not JSON"),
        ("[" * 100_000, "must be an object of cluster and task"),
        ("[" * 50_000, "TF_CONFIG is not JSON"),
        ("[]", "must be an object of cluster and task"),
        ("{}", "cluster is None"),
        (said(cluster=[]), r"cluster is \[\]"),
        (said(cluster={"worker": []}), r"worker is \[\]; it must be a list of addresses, one at least"),
        (said(cluster={"worker": "a:1"}), "worker is 'a:1'"),
        (said(cluster={"ps": ["a:1"]}), "an object of worker, a list, and at most chief"),
        (said(cluster={**TWO, "ps": ["c:3"]}), "an object of worker, a list, and at most chief"),
        (said(cluster={**TWO, "chief": ["c:3", "d:4"]}), "chief is .* a list of one address"),
        (said(cluster={"worker": [3]}), "worker 3 is no address; give host:port"),
        (said(cluster={"worker": ["a"]}), "worker 'a' is no address; give host:port"),
        (said(cluster={"worker": ["a b:1"]}), "worker 'a b:1' is no address"),
        (said(cluster={"worker": [":1"]}), "worker ':1' is no address"),
        (said(cluster={"worker": ["a:x"]}), "worker 'a:x' is no address"),
        (said(cluster={"worker": ["a:999999"]}), "worker 'a:999999' is no address"),
        (said(cluster={"worker": ["a:99999"]}), "has port 99999; ports are 1 to 65535"),
        (said(cluster={"worker": ["a:0"]}), "has port 0; ports are 1 to 65535"),
        (said(cluster={"worker": ["a:1", "a:1"]}), "two workers have one address"),
        (said(task={"type": "worker", "index": 5}), "index of the task is 5; of 2 worker it is 0 to 1"),
        (said(task={"type": "worker", "index": -1}), "index of the task is -1"),
        (said(task={"type": "worker", "index": True}), "index of the task is True"),
        (said(task={"type": "worker", "index": "0"}), "index of the task is '0'"),
        (said(task={"type": "ps", "index": 0}), "it must be an object of type, one of worker, and index"),
        (said(task={"type": ["worker"], "index": 0}), "it must be an object of type, one of worker"),
        (said(task=None), "task is None"),
    ],
)
def test_what_cannot_be_a_cluster_is_one_line_before_anything_starts(monkeypatch, tmp_path, capsys, text, line):
    monkeypatch.setenv("TF_CONFIG", text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=line):
        workers.cluster()
    assert guarded(lambda: dispatch(["train", "--preset=small", "--dataset=folder", "--data_dir=x"])) == 2
    error = capsys.readouterr().err
    assert error.startswith("TF_CONFIG") and error.count("\n") == 1 and len(error) < 300
    assert not list(tmp_path.iterdir())


def test_a_cluster_is_its_workers_behind_the_chief(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert workers.cluster() is None
    monkeypatch.setenv("TF_CONFIG", said(task={"type": "worker", "index": 1}))
    assert workers.cluster() == Cluster(("a:1", "b:2"), 1)
    monkeypatch.setenv("TF_CONFIG", said(cluster={**TWO, "chief": ["[::1]:3"]}, task={"type": "worker", "index": 1}))
    assert workers.cluster() == Cluster(("[::1]:3", "a:1", "b:2"), 2)


THREE = Cluster(("a:1", "b:2", "c:3"), 0)


@pytest.mark.parametrize(
    ("together", "error", "who"),
    [
        (Cluster(("a:1", "b:2"), 0), tf.errors.UnavailableError(None, None, "Socket closed"), r"worker 1 \(b:2\)"),
        (Cluster(("a:1", "b:2"), 1), tf.errors.AbortedError(None, None, "aborted"), r"worker 0 \(a:1\)"),
        (THREE, tf.errors.UnavailableError(None, None, "/job:worker/replica:0/task:2 heartbeat"), r"worker 2 \(c:3\)"),
        (THREE, tf.errors.InternalError(None, None, "Collective ops is aborted by: x"), "one of the workers b:2, c:3"),
        (THREE, RuntimeError("Connection reset"), "one of the workers b:2, c:3"),
    ],
)
def test_a_lost_worker_is_named_with_what_is_kept_and_what_to_do(together, error, who):
    line = f"{who} is lost; the checkpoints are whole: start all of them again"
    with pytest.raises(WorkerLost, match=line), workers.told_of_losses(together, lambda: "the checkpoints are whole"):
        raise error


@pytest.mark.parametrize("together", [None, Cluster(("a:1",), 0), THREE])
def test_other_errors_are_left_alone(together):
    with pytest.raises(ValueError), workers.told_of_losses(together, str):
        raise ValueError("ours")


def test_nobody_is_lost_who_trains_alone():
    with pytest.raises(tf.errors.UnavailableError), workers.told_of_losses(None, str):
        raise tf.errors.UnavailableError(None, None, "Socket closed")


# Real workers, on this machine


def test_a_port_that_is_taken_is_one_line_and_others_are_waited_for_by_name(tmp_path, monkeypatch, capsys):
    def taken():
        raise tf.errors.UnknownError(None, None, "Could not start gRPC server")

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", taken)
    monkeypatch.setenv("TF_CONFIG", said())
    records.write(tmp_path / "data", "toy", {"train": [make_item("a", 2, size=32)]}, 32, "toy")
    flags = [f"--data_dir={tmp_path / 'data'}", f"--workdir={tmp_path / 'run'}", f"--hparams={SMALLEST}"]
    assert guarded(lambda: dispatch(["train", "--dataset=folder", "--stage=predictive", *flags])) == 2
    told = capsys.readouterr()
    assert told.err.strip().splitlines()[-1] == (
        "TF_CONFIG: a:1 is taken on this machine; give this worker another port"
    )
    assert "worker 0 of 2: waiting for b:2" in told.out


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Workers:
    """Trainings of one run, a process each, and what they say."""

    def __init__(self, folder, count, steps, *more):
        items = [make_item(f"person{i}", 3, size=32) for i in range(4)]
        if not (folder / "data").exists():
            records.write(folder / "data", "toy", {"train": items}, 32, "toy")
        self.run = folder / f"run{time.monotonic_ns()}"
        hparams = f"{SMALLEST},predictive_steps={steps},batch_size={count}"
        flags = ["--dataset=folder", f"--data_dir={folder / 'data'}", f"--workdir={self.run}", "--stage=predictive"]
        flags += [f"--hparams={hparams}", "--save_every=5", "--pictures_every=0", *more]
        self.addresses = [f"127.0.0.1:{_free_port()}" for _ in range(count)]
        self.processes, self._errors = [], []
        for index in range(count):
            self._errors.append(folder / f"{self.run.name}-errors{index}")
            with self._errors[-1].open("w") as errors, self._output(index).open("w") as output:
                env = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
                env["TF_CONFIG"] = said({"worker": self.addresses}, {"type": "worker", "index": index})
                command = [sys.executable, "-m", "dpt_tf", "train", *flags]
                self.processes.append(subprocess.Popen(command, env=env, stdout=output, stderr=errors))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                for child in _children(process.pid):
                    os.kill(child, signal.SIGKILL)
                process.kill()
            process.wait()

    def _output(self, index):
        return self.run.with_name(f"{self.run.name}-output{index}")

    def begun(self):
        return "1/" in self._errors[0].read_text()  # the bar of the first one

    def said(self, index):
        return self._output(index).read_text()

    @property
    def checkpoints(self):
        return self.run / "predictive" / "checkpoints"

    def steps(self):
        return [checkpoints.step_of(path) for path in checkpoints.all_of(self.checkpoints)]

    def until_saved(self, more_than=0):
        deadline = time.monotonic() + 400
        while max(self.steps(), default=0) <= more_than:
            assert all(process.poll() is None for process in self.processes), self.told(0)
            assert time.monotonic() < deadline, "too slow"
            time.sleep(0.2)

    def told(self, index):
        lines = self._errors[index].read_text().splitlines()
        return [line.strip() for line in lines if line.strip() and "/step]" not in line and "step/s" not in line]


def _children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def weights(folder):
    (path,) = (path for path in checkpoints.all_of(folder)[-1:])
    return [file.read_bytes() for file in sorted(path.glob("*.data-*"))]


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_where_a_worker_is_killed_the_other_ends_in_one_line(tmp_path, killed):
    with Workers(tmp_path, 2, 99999) as two:
        two.until_saved()
        two.processes[killed].kill()
        assert two.processes[1 - killed].wait(timeout=120) == 75
        told = two.told(1 - killed)
    assert told[-1] == (
        f"worker {killed} ({two.addresses[killed]}) is lost; the checkpoints in {two.checkpoints} are whole: "
        "start all of them again"
    )
    assert not [line for line in told[:-1] if "step" not in line]


@pytest.mark.slow
@pytest.mark.parametrize("asked", [0, 1])
def test_where_one_worker_is_told_to_go_all_finish_the_same_step_and_it_is_saved(tmp_path, asked):
    with Workers(tmp_path, 2, 99999, "--save_minutes=999", "--save_every=99999") as two:
        deadline = time.monotonic() + 400
        while not two.begun() and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(2)
        two.processes[asked].send_signal(signal.SIGTERM)
        assert [process.wait(timeout=300) for process in two.processes] == [143, 143]
        (step,) = two.steps()
        for index in range(2):
            assert f"stopped after step {step} of 99999 and saved" in two.said(index)
            assert "lost" not in two.said(index)


@pytest.mark.slow
@pytest.mark.parametrize("hung", [0, 2])
def test_where_one_of_three_workers_hangs_the_others_end_with_the_code_to_try_again(tmp_path, hung):
    with Workers(tmp_path, 3, 99999) as three:
        three.until_saved()
        three.processes[hung].send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        left = [process for process in three.processes if process is not three.processes[hung]]
        assert [process.wait(timeout=300) for process in left] == [75, 75]
        print(f"noticed after {time.monotonic() - begun:.0f} s")
        for index in {0, 1, 2} - {hung}:
            assert three.told(index)[-1].endswith("are whole: start all of them again")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for the kept process")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_trainings_that_restart_end_as_one_that_nothing_happened_to(tmp_path, how):
    with Workers(tmp_path, 2, 200) as undisturbed:
        assert [process.wait(timeout=500) for process in undisturbed.processes] == [0, 0]
    with Workers(tmp_path, 2, 200, "--restart", "--hang_minutes=0.5") as two:
        two.until_saved()
        (child,) = _children(two.processes[1].pid)
        os.kill(child, how)
        assert [process.wait(timeout=500) for process in two.processes] == [0, 0]
        assert any("started again in" in line for line in two.told(1)), two.told(1)
    assert weights(two.checkpoints) == weights(undisturbed.checkpoints)
