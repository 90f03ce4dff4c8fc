"""The queue: who may share a call, who is turned away, who is not run; and a batch with one bad member."""

import concurrent.futures
import threading
import time

import grpc
import pytest
import server_toy as toy

from serving.local_server.batching import Batcher, Bounds
from serving.local_server.failures import Refusal


@pytest.fixture
def batcher():
    """Makes batchers, and closes them."""
    made = []

    def make(**bounds):
        made.append(Batcher(Bounds(**bounds)))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Gate:
    """A `run` that notes its batches and, while shut, holds each."""

    def __init__(self):
        """Open."""
        self.batches, self.entered, self.open = [], threading.Event(), threading.Event()
        self.open.set()

    def __call__(self, payloads):
        """Doubles."""
        self.batches.append(list(payloads))
        self.entered.set()
        assert self.open.wait(10)
        return [2 * payload for payload in payloads]


@pytest.fixture
def held(batcher):
    """A batcher of batches of 4, at most 8 rows waiting, whose one thread is held; and its gate."""
    gate, one = Gate(), batcher(max_batch_size=4, max_enqueued_batches=2, threads=1)
    gate.open.clear()
    one.submit("held", 1, 0, gate)
    assert gate.entered.wait(10)
    yield one, gate
    gate.open.set()


def test_requests_that_wait_together_share_a_call_and_get_their_own_answers(held):
    one, gate = held
    answers = [one.submit("a", 1, i, gate) for i in range(6)]
    gate.open.set()
    assert [answer.result(10) for answer in answers] == [0, 2, 4, 6, 8, 10]
    assert gate.batches[1:] == [[0, 1, 2, 3], [4, 5]]


def test_different_keys_never_share_a_call(held):
    one, gate = held
    answers = [one.submit(key, 1, key, gate) for key in "abab"]
    gate.open.set()
    concurrent.futures.wait(answers, 10)
    assert sorted(map("".join, gate.batches[1:])) == ["aa", "bb"]


def test_a_request_is_never_split_over_two_calls(held):
    one, gate = held
    answers = [one.submit("a", rows, rows, gate) for rows in (3, 2, 2)]
    gate.open.set()
    concurrent.futures.wait(answers, 10)
    assert gate.batches[1:] == [[3], [2, 2]]


def test_a_full_queue_refuses_at_once_and_takes_again_when_it_has_room(held):
    one, gate = held
    answers = [one.submit("a", 4, i, gate) for i in range(2)]
    began = time.monotonic()
    with pytest.raises(Refusal, match="is full") as refused:
        one.submit("a", 1, 9, gate)
    assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED and time.monotonic() - began < 1
    gate.open.set()
    concurrent.futures.wait(answers, 10)
    assert one.submit("a", 1, 9, gate).result(10) == 18


def test_a_cancelled_request_is_not_run_and_gives_its_place_back(held):
    one, gate = held
    answers = [one.submit("a", 4, i, gate) for i in range(2)]
    assert answers[0].cancel()
    last = one.submit("a", 4, 2, gate)
    gate.open.set()
    assert last.result(10) == 4
    assert gate.batches[1:] == [[1], [2]]
    assert one.waiting == 0


def test_a_request_whose_deadline_passed_in_the_queue_is_not_run(held):
    one, gate = held
    late, timely = one.submit("a", 1, 1, gate, time.monotonic() - 1), one.submit("a", 1, 2, gate)
    gate.open.set()
    with pytest.raises(Refusal) as refused:
        late.result(10)
    assert refused.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert timely.result(10) == 4 and gate.batches[1:] == [[2]]


def test_a_batch_waits_for_company_while_another_is_run_and_no_longer_than_told(batcher):
    busy, gate, one = Gate(), Gate(), batcher(max_batch_size=4, timeout=0.2, threads=2, busy=1)
    busy.open.clear()
    one.submit("busy", 1, 0, busy)
    assert busy.entered.wait(10)
    began = time.monotonic()
    assert one.submit("a", 1, 1, gate).result(10) == 2
    assert 0.15 < time.monotonic() - began < 2
    began = time.monotonic()
    assert [a.result(10) for a in [one.submit("a", 2, i, gate) for i in range(2)]] == [0, 2]
    assert time.monotonic() - began < 0.15, "a full batch waited"
    busy.open.set()


def test_nothing_waits_while_fewer_batches_are_run_than_keep_the_machine_busy(batcher):
    gate, one = Gate(), batcher(max_batch_size=4, timeout=5.0, threads=4, busy=2)
    began = time.monotonic()
    for i in range(3):
        assert one.submit("a", 1, i, gate).result(10) == 2 * i
    held = [Gate(), Gate()]
    for busy in held:
        busy.open.clear()
        one.submit("busy", 1, 0, busy)
        assert busy.entered.wait(10)
    behind = one.submit("a", 1, 4, gate)
    time.sleep(0.1)
    assert not behind.done(), "it did not wait for company though the machine was busy"
    held[0].open.set()
    assert behind.result(10) == 8
    held[1].open.set()
    assert time.monotonic() - began < 2


def test_no_batch_is_padded_while_it_fills_a_smaller_size(batcher):
    gate = Gate()
    one = batcher(max_batch_size=8, threads=1, allowed_batch_sizes=(1, 2, 4, 8))
    gate.open.clear()
    one.submit("held", 1, 0, gate)
    assert gate.entered.wait(10)
    answers = [one.submit("a", 1, i, gate) for i in range(7)]
    gate.open.set()
    concurrent.futures.wait(answers, 10)
    assert gate.batches[1:] == [[0, 1, 2, 3], [4, 5], [6]]


def test_a_request_larger_than_a_batch_is_refused(batcher):
    with pytest.raises(Refusal, match="Task size 5 is larger than maximum input batch size 4"):
        batcher(max_batch_size=4).submit("a", 5, 0, Gate())


def test_without_batching_nothing_is_merged(batcher):
    gate, one = Gate(), batcher(threads=1)
    gate.open.clear()
    answers = [one.submit("a", 1, i, gate) for i in range(4)]
    gate.open.set()
    assert [answer.result(10) for answer in answers] == [0, 2, 4, 6]
    assert gate.batches == [[0], [1], [2], [3]]


def test_closing_answers_what_was_accepted_and_refuses_the_rest(batcher):
    gate, one = Gate(), batcher(max_batch_size=4, timeout=60.0)
    answers = [one.submit("a", 1, i, gate) for i in range(3)]
    one.close()
    assert [answer.result(0) for answer in answers] == [0, 2, 4]
    with pytest.raises(Refusal) as refused:
        one.submit("a", 1, 0, gate)
    assert refused.value.code is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("sizes", [(), (4, 16)])
def test_one_bad_member_of_a_batch_fails_alone(tmp_path, sizes):
    bounds = Bounds(max_batch_size=16, timeout=0.2, threads=1, allowed_batch_sizes=sizes)
    with toy.running(toy.put(tmp_path / "dpt", 1), bounds=bounds, metrics_path="/m") as server:
        planes = [toy.pictures(seed, batch=1 + seed % 2) for seed in range(8)]
        planes[3]["target_iuv"][0, 0, 0, 0] = 30
        calls = [server.predict.Predict.future(toy.files_request(each), timeout=30) for each in planes]
        assert calls[3].code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "a part of target_iuv is above 24" in calls[3].details()
        for seed, call in enumerate(calls):
            if seed != 3:
                assert (toy.painted(call.result()) == toy.expected(planes[seed])).all()
        metrics = toy.get(server.rest + "/m")
    assert ':tensorflow:serving:request_count{model_name="dpt",status="INVALID_ARGUMENT"} 1' in metrics
    assert ":tensorflow:serving:batching_session:batch_size_sum 12" in metrics
    merged = float(metrics.split(":tensorflow:serving:batching_session:batch_size_count ")[1].split()[0])
    assert merged < 8, "nothing was merged"
