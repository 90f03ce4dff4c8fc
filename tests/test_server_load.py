"""Sixteen clients at once: no error, no lost or mixed-up answer, and memory that stays."""

import asyncio
import concurrent.futures
import gc
import os
import subprocess
import sys
import threading
import time
import types
import weakref
from concurrent.futures import Future

import grpc
import numpy as np
import pytest
import server_toy as toy
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.local_server import batching, predict, servable


def test_an_answered_request_leaves_neither_itself_nor_its_answer_behind(tmp_path, monkeypatch):
    prepared, prepare = [], servable.Signature.prepare

    def watched(signature, asked):
        made = prepare(signature, asked)
        prepared.append(weakref.ref(made))
        return made

    with toy.running(toy.put(tmp_path / "dpt", 1)) as server:
        monkeypatch.setattr(servable.Signature, "prepare", watched)
        gc.collect()
        gc.disable()  # it comes by once in many requests
        try:
            for seed in range(5):
                server.predict.Predict(toy.tensors_request(toy.pictures(seed, batch=8)), timeout=30)
            until = time.monotonic() + 10
            while any(ref() for ref in prepared) and time.monotonic() < until:
                time.sleep(0.05)
            assert [ref() for ref in prepared] == [None] * 5
            futures = [one for one in gc.get_objects() if isinstance(one, Future) and one.done()]
            assert not any(one.result() for one in futures if not one.cancelled() and not one.exception())
        finally:
            gc.enable()


class Large:
    """What a request or an answer holds."""

    rows, shapes = 1, ()


class Signature:
    """Runs for as long as it is told to; fails where it is told to."""

    name, limits = "toy", types.SimpleNamespace(as_content=True)

    def __init__(self):
        self.begun, self.go, self.error, self.seen = threading.Event(), threading.Event(), None, []

    def prepare(self, asked):
        made = Large()
        self.seen.append(weakref.ref(made))
        return made

    def run(self, batch):
        self.begun.set()
        assert self.go.wait(20)
        if self.error:
            raise self.error
        return [{"image": np.zeros([1, 4], np.float32)} for _ in batch]


async def _left_early(how, predictor, signature, request):
    """A request that ends before its answer is there, while it runs or while it waits."""
    first = asyncio.ensure_future(predictor.answer(request, "GRPC", 0.2 if how == "late, running" else None))
    await asyncio.to_thread(signature.begun.wait, 20)
    asked = [first]
    if how.endswith("waiting"):
        asked.append(asyncio.ensure_future(predictor.answer(request, "GRPC", 0.2 if how.startswith("late") else None)))
    await asyncio.sleep(0.05)
    if how.startswith("cancelled"):
        asked[-1].cancel()
    if how.startswith("late"):
        await asyncio.wait(asked[-1:])
    signature.go.set()
    return [str(one) for one in await asyncio.gather(*asked, return_exceptions=True) if isinstance(one, BaseException)]


@pytest.mark.parametrize(
    "how", ["cancelled, running", "cancelled, waiting", "late, running", "late, waiting", "failed"]
)
def test_a_request_that_ends_early_leaves_neither_itself_nor_its_answer_behind(how, monkeypatch):
    signature, written = Signature(), []
    signature.error = ValueError("on purpose") if how == "failed" else None
    servable = types.SimpleNamespace(name="dpt", version=1, signature=lambda name: signature)
    models = types.SimpleNamespace(lease=lambda spec: (servable, lambda: None), names=["dpt"])
    metrics = types.SimpleNamespace(answered=lambda *said: None)

    monkeypatch.setattr(predict.wire, "response", lambda *_: _noted(written))
    batcher = batching.Batcher(batching.Bounds(threads=1, busy=1))
    gc.collect()
    gc.disable()
    try:
        predictor = predict.Predictor(models, batcher, metrics)
        early = _left_early(how, predictor, signature, predict_pb2.PredictRequest())
        with concurrent.futures.ThreadPoolExecutor(1) as alone:  # a thread that no other test has left a loop to
            said = alone.submit(asyncio.run, early).result()
        assert len(said) == 1
        batcher.close()
        assert [ref() for ref in signature.seen] == [None] * len(signature.seen)
        assert [ref() for ref in written] == [None] * len(written)
    finally:
        gc.enable()


def _noted(refs):
    made = Large()
    refs.append(weakref.ref(made))
    return made


def soak(port: int, seconds: float, clients: int = 16, between=lambda: None) -> tuple[int, list]:
    """(answers, mistakes) of clients that ask both signatures with pictures of their own; `between` runs meanwhile."""
    end, answers, mistakes = time.monotonic() + seconds, [0] * clients, []

    def ask(place: int) -> None:
        asked = []
        for i in range(4):
            planes = toy.pictures(10 * place + i, batch=1 + i % 2)
            asked += [
                (toy.files_request(planes), toy.painted, planes),
                (toy.tensors_request(planes), repainted, planes),
            ]
        with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
            predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
            while time.monotonic() < end and not mistakes:
                request, read, planes = asked[answers[place] % len(asked)]
                try:
                    if not (read(predict(request, timeout=60)) == toy.expected(planes)).all():
                        mistakes.append(f"client {place} got another's answer")
                    answers[place] += 1
                except Exception as error:
                    mistakes.append(error)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        between()
        threads[0].join(0.5)
    return sum(answers), mistakes


def repainted(response) -> np.ndarray:
    """The pictures of an answer to `tensors`."""
    return np.round((tf.make_ndarray(response.outputs["image"]) + 1) * 127.5).astype(np.uint8)


@pytest.mark.parametrize("batching", [False, True])
def test_sixteen_clients_get_their_own_answers(tmp_path, batching):
    bounds = toy.serve.Bounds(max_batch_size=8, timeout=0.002) if batching else toy.serve.Bounds()
    with toy.running(toy.put(tmp_path / "dpt", 1), rest_port=0, bounds=bounds) as server:
        answers, mistakes = soak(server.options.port, 2.5)
    assert not mistakes, mistakes[0]
    assert answers > 16


@pytest.mark.slow
@pytest.mark.parametrize("batching", [False, True])
def test_two_minutes_of_sixteen_clients_leave_the_memory_flat(tmp_path, batching, capsys):
    port, samples = toy.free_port(), []
    flags = [f"--port={port}", "--rest_api_port=0", f"--model_base_path={toy.put(tmp_path / 'dpt', 1)}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.local_server", *flags, *["--enable_batching"] * batching],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not next(process.stderr).endswith(" serving\n"):
        pass

    def sample() -> None:
        with open(f"/proc/{process.pid}/statm") as file:
            samples.append((time.monotonic(), int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20))

    answers, mistakes = soak(port, 120, between=sample)
    process.terminate()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0, said
    quarter = samples[len(samples) // 4][1]
    with capsys.disabled():
        late = [f"{megabytes:.0f}" for _, megabytes in samples[:: max(1, len(samples) // 8)]]
        print(f"\nbatching {batching}: {answers} answers; MB over the time: {' '.join(late)}")
    assert not mistakes, mistakes[0]
    assert samples[-1][1] < 1.05 * quarter, samples
