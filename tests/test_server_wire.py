"""Large messages: read and written as protobuf would, only without its copies."""

import random

import numpy as np
import pytest
import server_toy as toy
import tensorflow as tf
from google.protobuf import message
from tensorflow_serving.apis import model_pb2, predict_pb2

from serving.local_server import tensors, wire
from serving.local_server.failures import Refusal

Request = predict_pb2.PredictRequest


def large(**spec) -> Request:
    """Two inputs above the size from which on they are left where they are, one below it."""
    request = toy.tensors_request(toy.pictures(1, batch=24))
    request.inputs["target_iuv"].CopyFrom(tf.make_tensor_proto(np.arange(12, dtype=np.uint8)))
    request.model_spec.MergeFrom(model_pb2.ModelSpec(**spec))
    request.output_filter.append("image")
    return request


def whole(read: wire.Request) -> Request:
    """What was read, with what was left out put back."""
    request = Request()
    request.CopyFrom(read.message)
    for name, content in read.contents.items():
        assert not request.inputs[name].tensor_content
        request.inputs[name].tensor_content = bytes(content)
    return request


def test_a_request_is_read_as_protobuf_reads_it_and_its_large_inputs_stay_where_they_are():
    data = large(version_label="x").SerializeToString()
    read = wire.read(data)
    assert whole(read) == Request.FromString(data) and sorted(read.contents) == ["source", "source_iuv"]
    assert all(content.obj is data for content in read.contents.values())
    assert len(read.message.SerializeToString()) < 1000


def test_the_last_of_two_inputs_of_one_name_counts():
    small = Request()
    small.inputs["source"].CopyFrom(tf.make_tensor_proto([1.0]))
    for parts in ([large(), small], [small, large()], [large(), large()]):
        data = b"".join(part.SerializeToString() for part in parts)
        assert whole(wire.read(data)) == Request.FromString(data)


@pytest.mark.parametrize("seed", range(4))
def test_spoilt_requests_are_read_as_protobuf_reads_them(seed):
    rng, data = random.Random(seed), large().SerializeToString()
    kinds = set()
    for _ in range(150):
        spoilt = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            at = rng.choice([rng.randrange(200), len(data) - 1 - rng.randrange(200), rng.randrange(len(data))])
            spoilt[at] = rng.randrange(256)
        spoilt = bytes(spoilt[: rng.choice([len(data), rng.randrange(len(data))])])
        try:
            expected = Request.FromString(spoilt)
        except message.DecodeError:
            with pytest.raises(message.DecodeError):
                wire.read(spoilt)
            kinds.add("error")
            continue
        read = wire.read(spoilt)
        kinds.add(bool(read.contents))
        # Unknown fields keep no order among the known ones, and equality does not look at them.
        assert whole(read) == expected
    assert kinds >= {"error", True}


@pytest.mark.parametrize("off", [-1, 1])
def test_content_that_does_not_fill_its_shape_is_refused(off):
    request = large()
    content = bytes(len(request.inputs["source"].tensor_content) + off)
    request.inputs["source"].tensor_content = content
    read = wire.read(request.SerializeToString())
    with pytest.raises(Refusal, match="tensor parsing error: source"):
        tensors.decode("source", read.message.inputs["source"], read.contents["source"])


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
