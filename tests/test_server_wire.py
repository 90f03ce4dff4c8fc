"""Messages as bytes: a request is refused for what it would become before it becomes that; answers are protobuf's."""

import time

import grpc
import numpy as np
import pytest
import server_toy as toy
import tensorflow as tf
from google.protobuf import message
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import model_pb2, predict_pb2

from serving.local_server import tensors, wire
from serving.local_server.failures import Refusal

Request = predict_pb2.PredictRequest
MOST = 2**26


def read(data: bytes) -> Request:
    return wire.read(data, Request, MOST)


def nested(*numbers: int, inside: bytes) -> bytes:
    """`inside` as field `numbers[-1]` of ... of field `numbers[0]`."""
    for number in reversed(numbers):
        inside = b"".join(wire.field(number, [inside]))
    return inside


HOSTILE = {
    "zeros": bytes(4 << 20),
    "unknown numbers": b"\x78\x01" * (2 << 20),
    "names of outputs": b"\x1a\x00" * (2 << 20),
    "inputs": b"\x12\x00" * (2 << 20),
    "dimensions": nested(2, 2, 2, inside=b"\x12\x00" * (2 << 20)),
    "variants": nested(2, 2, inside=b"\x7a\x00" * (2 << 20)),
    "groups": b"\x7b" * (4 << 20),
    "messages within messages": nested(2, 2, *[15, 3] * 500, inside=b""),
    "a number without an end": b"\x08" + b"\xff" * (4 << 20),
    "a length beyond the end": b"\x12\xff\xff\xff\xff\x0f" * 1000,
    "packed numbers": nested(2, 2, 10, inside=bytes(MOST // 8 + 1)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_would_become_too_much_is_refused_before_it_does(kind):
    began = time.thread_time()
    with pytest.raises(Refusal) as refused:
        read(HOSTILE[kind])
    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert time.thread_time() - began < 0.5


def test_a_request_of_a_thousand_files_is_read():
    request = Request()
    request.inputs["source_bytes"].CopyFrom(tf.make_tensor_proto([b"x"] * 1024))
    assert read(request.SerializeToString()) == request


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_spoilt_requests_are_read_as_protobuf_reads_them_or_refused(data):
    request = toy.tensors_request(toy.pictures(1))
    request.output_filter.append("image")
    sound = request.SerializeToString()
    spoilt = bytearray(sound)
    ends = st.one_of(st.integers(0, 199), st.integers(len(sound) - 200, len(sound) - 1), st.integers(0, len(sound) - 1))
    for at, byte in data.draw(st.lists(st.tuples(ends, st.integers(0, 255)), max_size=3)):
        spoilt[at] = byte
    spoilt = bytes(spoilt[: data.draw(st.one_of(st.just(len(sound)), ends))])
    try:
        expected = Request.FromString(spoilt)
    except message.DecodeError:
        expected = None
    try:
        assert read(spoilt) == expected
    except Refusal:
        # It looks into what protobuf does not know, too: a message of many wrong bytes may count as one too large.
        assert expected is None or spoilt != sound


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_refused(data):
    try:
        assert read(data) == Request.FromString(data)
    except Refusal as refusal:
        assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("off", [-1, 1])
def test_content_that_does_not_fill_its_shape_is_refused(off):
    proto = toy.tensors_request(toy.pictures(1)).inputs["source"]
    proto.tensor_content = bytes(len(proto.tensor_content) + off)
    with pytest.raises(Refusal, match="tensor parsing error: source"):
        tensors.decode("source", proto)


@pytest.mark.parametrize("as_content", [False, True])
def test_an_answer_is_protobufs_own_to_the_byte_but_for_the_order_of_fields(as_content):
    arrays = {"a": np.linspace(0, 1, 40_000, dtype=np.float32), "b": np.array([b"x", b""], object)}
    spec = model_pb2.ModelSpec(name="dpt", signature_name="tensors")
    data = wire.response(spec, {name: tensors.pieces(array, as_content) for name, array in arrays.items()})
    answer = predict_pb2.PredictResponse.FromString(data)
    assert answer.model_spec == spec and len(answer.SerializeToString()) == len(data)
    for name, array in arrays.items():
        assert (tf.make_ndarray(answer.outputs[name]) == array).all()
    assert bool(answer.outputs["a"].tensor_content) is as_content


def test_a_large_request_is_answered_as_a_small_one(tmp_path):
    planes = toy.pictures(3, batch=24)
    with toy.running(toy.put(tmp_path / "dpt", 1), rest_port=0) as server:
        outputs = server.predict.Predict(toy.tensors_request(planes), timeout=30).outputs
    image = np.round((tf.make_ndarray(outputs["image"]) + 1) * 127.5).astype(np.uint8)
    assert (image == toy.expected(planes)).all()
