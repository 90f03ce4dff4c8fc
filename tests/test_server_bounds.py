"""What one request may cost, over the wire: it is refused in the client's codes, at once, and others are answered."""

import base64
import concurrent.futures
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import grpc
import numpy as np
import pytest
import server_toy as toy
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.local_server import memory, predict, rest_json, servable
from serving.local_server.failures import Refusal

PREDICT = "/tensorflow.serving.PredictionService/Predict"
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
WATCH = "/grpc.health.v1.Health/Watch"
Code = grpc.StatusCode


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with toy.running(toy.put(tmp_path_factory.mktemp("bounds") / "dpt", 1)) as one:
        one.predict.Predict(toy.tensors_request(toy.pictures(1)), timeout=30)
        yield one


def repeated(batch: int):
    """A few hundred bytes that are `batch` pictures."""
    request = toy.tensors_request(toy.pictures(1))
    for name, proto in request.inputs.items():
        small = tensor_pb2.TensorProto(dtype=proto.dtype)
        (small.float_val if name == "source" else small.int_val).append(1)
        for size in (batch, toy.S, toy.S, 3):
            small.tensor_shape.dim.add(size=size)
        proto.CopyFrom(small)
    return request


def refused(call) -> tuple[Code, str]:
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value.code(), error.value.details()


def post(server, body, path="/v1/models/dpt:predict") -> tuple[int, dict]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(server.rest + path, data), timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_batch_of_one_repeated_value_is_bounded_by_its_pixels(server):
    assert repeated(4096).ByteSize() < 1000
    code, words = refused(lambda: server.predict.Predict(repeated(4096), timeout=30))
    assert code is Code.INVALID_ARGUMENT and "holds 4096 pictures or more, of 4194304 pixels together" in words
    outputs = server.predict.Predict(repeated(64), timeout=30).outputs
    assert [dim.size for dim in outputs["image"].tensor_shape.dim] == [64, toy.S, toy.S, 3]


def test_of_large_calls_one_is_run_at_a_time_and_small_ones_run_beside_it():
    running, most, together = [0], [0], threading.Barrier(3)

    def function(source):
        running[0] += 1
        most[0] = max(most[0], running[0])
        if len(source) == 1:
            together.wait(10)
        time.sleep(0.02)
        running[0] -= 1
        return {"image": source[:, :1, :1]}

    signature = servable.Signature("x", meta_graph_pb2.SignatureDef(), function, servable.Limits(), ())

    def call(*batches):
        calls = [{"source": tf.zeros([batch, 64, 64, 3], tf.uint8)} for batch in batches]
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as threads:
            assert len(list(threads.map(lambda one: signature._call([one], [None]), calls))) == len(batches)

    call(256, 128, 200)
    assert most == [1]
    call(1, 1, 256, 1)
    assert most[0] >= 3


def test_a_file_that_is_repeated_counts_as_often_as_it_is_there(server):
    """A million rows of one file of 30 MiB would be 30 TB; of none, a million rows of a graph."""
    request = toy.files_request(toy.pictures(1))
    for proto, size, count in (
        (request.inputs["source_bytes"], 2**20, 200),
        (request.inputs["source_iuv_bytes"], 9, 1),
    ):
        proto.string_val[:] = [bytes(size)]
        proto.tensor_shape.dim[0].size = count
    code, words = refused(lambda: server.predict.Predict(request, timeout=30))
    assert code is Code.INVALID_ARGUMENT and f"is {200 * (2**20 + 32)} bytes" in words
    for proto in request.inputs.values():
        del proto.string_val[:]
        proto.tensor_shape.dim[0].size = 10**6
    code, words = refused(lambda: server.predict.Predict(request, timeout=30))
    assert code is Code.INVALID_ARGUMENT and "holds 1000000 files" in words


def test_the_inputs_of_a_request_share_its_bytes(tmp_path):
    limits = toy.serve.Limits(max_bytes=4 * toy.S * toy.S * 3 * 4)
    with toy.running(toy.put(tmp_path / "dpt", 1), limits=limits, rest_port=0) as one:
        one.predict.Predict(repeated(2), timeout=30)  # of 4 + 1 + 1 bytes each
        code, words = refused(lambda: one.predict.Predict(repeated(3), timeout=30))
    assert code is Code.INVALID_ARGUMENT and "a request" in words


@pytest.mark.parametrize("data", [bytes(4 << 20), b"\x12\x00" * (1 << 20), b"\xff"], ids=["zeros", "inputs", "cut"])
def test_bytes_that_are_no_message_are_the_clients_error_whatever_the_method(server, data, caplog):
    channel = server.channel
    calls = (
        lambda: channel.unary_unary(PREDICT)(data, timeout=30),
        lambda: channel.unary_unary("/tensorflow.serving.ModelService/GetModelStatus")(data, timeout=30),
        lambda: channel.unary_unary("/grpc.health.v1.Health/Check")(data, timeout=30),
        lambda: list(channel.unary_stream(WATCH)(data, timeout=30)),
        lambda: list(channel.stream_stream(REFLECT)(iter([data]), timeout=30)),
    )
    for call in calls:
        assert refused(call)[0] is Code.INVALID_ARGUMENT
    assert not caplog.records


def test_others_are_answered_while_hostile_bytes_are_read(server):
    stop, slowest = threading.Event(), [0.0]

    def ask() -> None:
        while not stop.wait(0.02):
            began = time.monotonic()
            toy.get(f"{server.rest}/v1/models/dpt")
            slowest[0] = max(slowest[0], time.monotonic() - began)

    other = threading.Thread(target=ask)
    other.start()
    try:
        before = memory.resident()
        for data in (bytes(16 << 20), b"\x12\x00" * (8 << 20), b"\x1a\x00" * (8 << 20)):
            refused(lambda data=data: server.channel.unary_unary(PREDICT)(data, timeout=60))
        values = b'{"instances": [' + b"[]," * (4 << 20) + b"[]]}"
        status, answer = post(server, values)
        assert status == 400 and "values, this server reads" in answer["error"]
    finally:
        stop.set()
        other.join()
    assert slowest[0] < 2, slowest
    assert memory.resident() < before + 2**28


def test_what_large_requests_have_together_is_bounded_and_small_ones_pass():
    predictor = predict.Predictor(None, None, None, 3 * predict.LARGE)
    predictor.hold(2 * predict.LARGE, 2 * predict.LARGE)
    with pytest.raises(Refusal) as full:
        predictor.hold(predict.LARGE + 1, predict.LARGE + 1)
    assert full.value.code is Code.RESOURCE_EXHAUSTED
    predictor.hold(1000, 1000)
    predictor.hold(-predict.LARGE - 1001)
    predictor.hold(predict.LARGE, predict.LARGE)


GIVEN_BACK = """
from serving.local_server import memory
memory.keep_freed_blocks()
busy = [True]
look, before = memory.giving_back(lambda: busy), memory.resident()
blocks = [bytearray(2**20) for _ in range(400)]
last = bytearray(2**20)
look()
busy.clear()
del blocks
kept = memory.resident() - before
look()
print(kept, memory.resident() - before)
"""


def test_memory_is_given_back_after_a_large_request():
    if not memory.resident():
        pytest.skip("this system does not tell of a process's memory")
    printed = subprocess.run([sys.executable, "-c", GIVEN_BACK], capture_output=True, text=True, check=True).stdout
    kept, left = map(int, printed.split())
    assert kept > 2**28 and left < 2**25


def test_a_body_that_does_not_come_gives_its_place_back(tmp_path):
    base = toy.put(tmp_path / "dpt", 1)
    with (
        toy.running(base, rest_seconds=0.5) as one,
        socket.create_connection(("127.0.0.1", one.options.rest_port), timeout=30) as stalled,
    ):
        stalled.sendall(b"POST /v1/models/dpt:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n{")
        assert b" 408 " in stalled.recv(1000)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"signature_name": "\ud800", "instances": [1]}, "not formatted correctly"),
        (b'{"signature_name": "slow", "instances": ' + b"[" * 900 + b"]" * 900 + b"}", ""),
        (b'{"inputs": {"source_bytes": ' + b"[" * 900 + b"]" * 900 + b"}}", ""),
        (b'{"signature_name": "slow", "instances": [' + b"9" * 5000 + b"]}", ""),
        (b'{"signature_name": "slow", "instances": [1e999]}', ""),
        (b'{"signature_name": "slow", "instances": [NaN]}', ""),
        (b'{"signature_name": "slow", "instances": [[1], [2, 3]]}', ""),
        (b'{"signature_name": "slow", "instances": [{"loops": {"b64": "AA=="}}]}', ""),
        (b'{"\xff": 1}', "JSON Parse error"),
        (b"\xef\xbb\xbf{}", ""),
        ('{"inputs": "' + "\N{SNOWMAN}" * (2 << 20) + '"}', "has to be ASCII"),
    ],
    ids=range(11),
)
def test_what_a_body_has_wrong_is_the_clients_error(server, body, said, caplog):
    status, answer = post(server, body.encode() if isinstance(body, str) else body)
    assert status == 400 and said in answer["error"] and len(answer["error"]) < 2100
    assert not caplog.records


def test_a_version_of_a_thousand_digits_is_the_clients_error(server):
    status, answer = post(server, b"{}", f"/v1/models/dpt/versions/{'9' * 5000}:predict")
    assert status == 400 and answer["error"].startswith("Failed to convert version: 999")


def test_a_picture_of_the_wrong_size_is_told_in_one_sentence(server):
    planes = toy.pictures(1, size=33)
    row = {f"{name}_bytes": {"b64": base64.b64encode(toy.png(one[0])).decode()} for name, one in planes.items()}
    status, answer = post(server, {"instances": [row]})
    code, words = refused(lambda: server.predict.Predict(toy.files_request(planes), timeout=30))
    assert status == 400 and code is Code.INVALID_ARGUMENT and answer["error"] == words
    assert "[33,33,3]" in words and "\n" not in words and "Graph execution" not in words and "node" not in words


def test_an_answer_in_pieces_is_the_answer(monkeypatch):
    array = np.arange(24.0).reshape(2, 3, 4)
    whole = json.loads(rest_json._text("x", array))
    monkeypatch.setattr(rest_json, "_AT_ONCE", 3)
    assert json.loads(rest_json._text("x", array)) == whole == array.tolist()
