"""Versions: which are served, and how one takes over from another while requests come."""

import gc
import pathlib
import shutil
import sys
import threading
import time
import weakref

import pytest
import server_toy as toy
from server_versions import Loaded, ending, folders, load, model, states, until
from tensorflow_serving.apis import get_model_status_pb2, model_pb2

from serving.local_server.versions import Models, fingerprint, wanted_versions


class Clients:
    """Threads that ask without a pause, and note who answered."""

    def __init__(self, server, count=4):
        """Starts them."""
        self.seen, self.failures, self.stop = [], [], threading.Event()
        self._server = server
        self._threads = [threading.Thread(target=self._ask, args=(seed,)) for seed in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        for thread in self._threads:
            thread.join(60)

    def answered(self, count: int) -> None:
        """Waits for so many answers."""
        end = time.monotonic() + 120
        while len(self.seen) < count and not self.failures:
            assert time.monotonic() < end, len(self.seen)
            time.sleep(0.02)

    def _ask(self, seed: int) -> None:
        planes = toy.pictures(seed)
        request = toy.files_request(planes)
        while not self.stop.is_set():
            try:
                answer = self._server.predict.Predict(request, timeout=30)
                version = answer.model_spec.version.value
                assert (toy.painted(answer) == toy.expected(planes, version)).all(), "an answer of another version"
                self.seen.append(version)
            except Exception as error:
                self.failures.append(error)


def test_a_version_is_replaced_under_load_without_a_failed_request(tmp_path):
    base = toy.put(tmp_path / "dpt", 1)
    with toy.running(base) as server, Clients(server) as clients:
        clients.answered(10)
        shutil.rmtree(base / "1")
        time.sleep(0.5)
        clients.answered(len(clients.seen) + 20)
        assert states(server) == {1: "AVAILABLE"}, "the last version was let go"
        toy.put(base, 2)
        until(server, {2: "AVAILABLE", 1: "END"})
        after = len(clients.seen)
        clients.answered(after + 20)
        clients.stop.set()
        assert not clients.failures, clients.failures[0]
        assert set(clients.seen[:5]) == {1} and set(clients.seen[after + 8 :]) == {2}


def test_a_broken_version_is_reported_and_the_old_one_goes_on(tmp_path):
    base = toy.put(tmp_path / "dpt", 1)
    with toy.running(base) as server:
        (base / "2").mkdir()
        (base / "2" / "saved_model.pb").write_bytes(b"no model")
        until(server, {1: "AVAILABLE", 2: "END"})
        query = get_model_status_pb2.GetModelStatusRequest()
        query.model_spec.name, query.model_spec.version.value = "dpt", 2
        (two,) = server.models.GetModelStatus(query, timeout=30).model_version_status
        assert two.status.error_code and two.status.error_message
        assert server.predict.Predict(toy.files_request(toy.pictures(1)), timeout=30).model_spec.version.value == 1
        shutil.rmtree(base / "2")
        toy.put(base, 2)
        until(server, {1: "END", 2: "AVAILABLE"})


def test_a_version_whose_warm_up_fails_is_not_served(tmp_path):
    base = toy.put(tmp_path / "dpt", 1)
    broken = tmp_path / "broken" / "2"
    shutil.copytree(toy.masters() / "2", broken)
    warm_up(broken, toy.slow_request(1), toy.files_request({}))
    with toy.running(base) as server:
        broken.rename(base / "2")
        until(server, {1: "AVAILABLE", 2: "END"})


def test_warm_up_runs_before_the_first_request_comes(tmp_path, caplog):
    base = toy.put(tmp_path / "dpt", 1)
    warm_up(base / "1", *[toy.slow_request(1)] * 3)
    with caplog.at_level("INFO", "serving.local_server"), toy.running(base):
        assert "version 1 is available (3 warm-up requests)" in caplog.text


def warm_up(folder, *requests) -> None:
    """Replaces the warm-up requests of a version."""
    with toy.tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for request in requests:
            log = toy.prediction_log_pb2.PredictLog(request=request)
            writer.write(toy.prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())


def test_an_old_version_ends_after_its_last_request_and_is_freed(tmp_path):
    (tmp_path / "1").mkdir()
    models = Models(lambda folder, name, version: Loaded(version))
    models.configure([model(tmp_path)])
    spec = model_pb2.ModelSpec(name="dpt")
    (old, release), (_, second) = models.lease(spec), models.lease(spec)
    (tmp_path / "2").mkdir()
    models.poll()
    assert ending(models) == {1: "UNLOADING", 2: "AVAILABLE"} and models.lease(spec)[0].version == 2
    release()
    assert ending(models)[1] == "UNLOADING", "it ended with a request to answer"
    second()
    assert ending(models)[1] == "END"
    gone = weakref.ref(old)
    del old, release, second, _
    models.poll()
    assert gone() is None


def test_a_version_that_cannot_be_loaded_leaves_no_memory_behind(tmp_path):
    made = []

    def fails(folder, name, version):
        made.append(weakref.ref(Loaded(version)))
        raise ValueError("no model")

    gc.disable()
    try:
        Models(fails).configure([model(folders(tmp_path, 1))])
        assert made[0]() is None
    finally:
        gc.enable()


def test_versions_may_be_asked_while_others_come(tmp_path):
    models, failures, stop, spec = Models(load), [], threading.Event(), model_pb2.ModelSpec(name="dpt")
    models.configure([model(folders(tmp_path, *range(1, 300)), "model_version_policy { all {} }")])

    def ask():
        while not stop.is_set():
            try:
                models.lease(spec)[1]()
            except RuntimeError as error:
                failures.append(error)
                return

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for version in range(300, 340):
            folders(tmp_path, version)
            models.poll()
    finally:
        stop.set()
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join()
    assert not failures, failures[0]


def test_a_folder_that_goes_while_it_is_looked_at_is_no_error(tmp_path, monkeypatch):
    base = folders(tmp_path, 1)
    (base / "1" / "saved_model.pb").touch()
    monkeypatch.setattr(pathlib.Path, "is_file", lambda self: bool(self.unlink()) or True)
    assert fingerprint(base / "1") == ()


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("", [10]),
        ("model_version_policy { latest { num_versions: 2 } }", [10, 9]),
        ("model_version_policy { all {} }", [10, 9, 2]),
        ("model_version_policy { specific { versions: 2 versions: 9 versions: 77 } }", [9, 2]),
    ],
)
def test_policies_choose_among_the_numbered_folders(tmp_path, policy, wanted):
    for name in ("2", "9", "10", "aside", "-3", "1.5", "9" * 30):
        (tmp_path / name).mkdir()
    (tmp_path / "11").write_text("a file is no version")
    assert wanted_versions(model(tmp_path, policy)) == wanted
