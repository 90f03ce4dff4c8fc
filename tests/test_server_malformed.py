"""Requests that no client should send: each gets its code, and the server goes on serving."""

import collections
import io
import random
import struct
import zlib

import grpc
import numpy as np
import PIL.Image
import pytest
import server_toy as toy
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from serving.local_server.failures import Refusal
from serving.local_server.pictures import MOST_OF_ONE, promised_size, refuse_bombs, refuse_large_batch

PREDICT = "/tensorflow.serving.PredictionService/Predict"
LARGEST = 2**20
Code = grpc.StatusCode


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is large; its rows are black as far as they go."""
    rows = zlib.compress(bytes(min(height * (1 + 3 * width), 2**22)))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def good(rng: random.Random) -> predict_pb2.PredictRequest:
    """A request to be spoilt."""
    planes = toy.pictures(rng.randrange(2**30), batch=rng.randint(1, 3))
    return rng.choice([toy.files_request, toy.tensors_request])(planes)


def named(rng, request) -> str:
    """One of the request's inputs."""
    return rng.choice(sorted(request.inputs))


def missing(rng):
    request = good(rng)
    for name in rng.sample(sorted(request.inputs), rng.randint(1, 3)):
        del request.inputs[name]
    return request, {Code.INVALID_ARGUMENT}


def superfluous(rng):
    request = good(rng)
    request.inputs["x" * rng.randint(1, 10_000)].CopyFrom(tf.make_tensor_proto([1.0]))
    return request, {Code.INVALID_ARGUMENT}


def mistyped(rng):
    request = good(rng)
    proto = request.inputs[named(rng, request)]
    proto.dtype = rng.choice([dtype for dtype in (0, 1, 3, 4, 7, 9, 23, 101, 999) if dtype != proto.dtype])
    return request, {Code.INVALID_ARGUMENT}


def misshapen(rng):
    request = good(rng)
    shape = request.inputs[named(rng, request)].tensor_shape
    choice = rng.randrange(5)
    if choice == 0:
        shape.dim.add(size=rng.choice([0, 1, 2, -1]))
    elif choice == 1:
        shape.dim[rng.randrange(len(shape.dim))].size = rng.choice([-2, 0, 2**40, 2**62])
    elif choice == 2:
        shape.unknown_rank = True
    elif choice == 3:
        del shape.dim[:]
    else:
        shape.dim[-1].size += 1 + 2**20
    return request, {Code.INVALID_ARGUMENT}


def half_empty(rng):
    request = toy.tensors_request(toy.pictures(1))
    proto = request.inputs[named(rng, request)]
    proto.tensor_content = proto.tensor_content[: rng.randrange(1, len(proto.tensor_content))]
    return request, {Code.INVALID_ARGUMENT}


def inflated(rng):
    """One value, to be repeated over terabytes."""
    request = toy.tensors_request(toy.pictures(1))
    proto = tensor_pb2.TensorProto(dtype=1, float_val=[1.0])
    for size in (2**30, toy.S, toy.S, 3):
        proto.tensor_shape.dim.add(size=size)
    request.inputs["source"].CopyFrom(proto)
    return request, {Code.INVALID_ARGUMENT}


def unpicturesque(rng):
    request = toy.files_request(toy.pictures(rng.randrange(99)))
    proto = request.inputs[named(rng, request)]
    file = proto.string_val[0]
    flipped = bytearray(file)
    flipped[rng.randrange(16, 33)] ^= 1 << rng.randrange(8)
    proto.string_val[0] = rng.choice(
        [b"", file[: rng.randrange(len(file) - 20)], rng.randbytes(rng.randrange(2000)), bytes(flipped)]
    )
    return request, {Code.INVALID_ARGUMENT}


def bombed(rng):
    request = toy.files_request(toy.pictures(1))
    size = rng.choice([(20_000, 20_000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (9_000, 9_000)])
    request.inputs[named(rng, request)].CopyFrom(tf.make_tensor_proto([bomb(*size)]))
    return request, {Code.INVALID_ARGUMENT}


def ill_sized(rng):
    request = toy.files_request(toy.pictures(1, size=rng.choice([1, 31, 33, 64])))
    return request, {Code.INVALID_ARGUMENT}


def uneven(rng):
    request = toy.tensors_request(toy.pictures(1, batch=2))
    request.inputs["target_iuv"].CopyFrom(tf.make_tensor_proto(toy.pictures(1, batch=3)["target_iuv"]))
    return request, {Code.INVALID_ARGUMENT}


def unknown(rng):
    request = good(rng)
    spec = request.model_spec
    choice = rng.randrange(5)
    if choice == 0:
        spec.name = "x" * rng.randint(1, 10_000)
        return request, {Code.NOT_FOUND}
    if choice == 1:
        spec.version.value = rng.choice([-1, 0, 9, 2**63 - 1])
        return request, {Code.NOT_FOUND}
    if choice == 2:
        spec.signature_name = "\u00fc" * rng.randint(1, 10_000)
        return request, {Code.FAILED_PRECONDITION}
    if choice == 3:
        spec.version_label = "x"
    else:
        request.output_filter.append("x")
    return request, {Code.INVALID_ARGUMENT}


def oversized(rng):
    request = good(rng)
    request.inputs["x"].tensor_content = bytes(LARGEST + rng.randrange(10_000))
    return request, {Code.RESOURCE_EXHAUSTED}


def rubbish(rng):
    """Bytes that are no request, or by chance one without a model."""
    message = good(rng).SerializeToString()
    cut = message[: rng.randrange(len(message) // 2)]
    return rng.choice([rng.randbytes(rng.randrange(1, 3000)), cut]), {Code.INVALID_ARGUMENT}


KINDS = [
    *(missing, superfluous, mistyped, misshapen, half_empty, inflated, unpicturesque, bombed, ill_sized),
    *(uneven, unknown, oversized, rubbish),
]


@pytest.mark.parametrize("count", [65, pytest.param(520, marks=pytest.mark.slow)])
@pytest.mark.parametrize("batching", [False, True])
def test_every_malformed_request_gets_its_code_and_the_server_goes_on(tmp_path, count, batching):
    bounds = toy.serve.Bounds(max_batch_size=16, timeout=0.001) if batching else toy.serve.Bounds()
    rng, seen, wrong = random.Random(count), collections.Counter(), []
    base = toy.put(tmp_path / "dpt", 1)
    with toy.running(base, rest_port=0, bounds=bounds, limits=toy.serve.Limits(max_bytes=LARGEST)) as server:
        raw = server.channel.unary_unary(PREDICT)
        for i in range(count):
            request, codes = KINDS[i % len(KINDS)](rng)
            try:
                raw(request if isinstance(request, bytes) else request.SerializeToString(), timeout=30)
                code, words = Code.OK, ""
            except grpc.RpcError as error:
                code, words = error.code(), error.details()
            seen[code.name] += 1
            if code not in codes or not words:
                wrong.append((KINDS[i % len(KINDS)].__name__, code, words))
            if i % 20 == 0:
                planes = toy.pictures(i)
                answer = server.predict.Predict(toy.files_request(planes), timeout=30)
                assert (toy.painted(answer) == toy.expected(planes)).all()
    assert not wrong, wrong
    assert len(seen) >= 4, seen


def test_a_bomb_is_refused_by_its_header_and_a_normal_batch_is_not():
    assert promised_size(bomb(9_000, 9_000)) == (9_000, 9_000)
    with pytest.raises(Refusal, match="source_bytes holds a picture of 81000000 pixels"):
        refuse_bombs("source_bytes", [bomb(9_000, 9_000)])
    refuse_bombs("source_bytes", [bomb(2_048, 2_048)])
    normal = toy.png(np.zeros((256, 256, 3), np.uint8))
    refuse_bombs("source_bytes", [normal] * 16)
    with pytest.raises(Refusal, match="source_bytes holds 17 pictures or more, of 1114112 pixels together"):
        refuse_bombs("source_bytes", [normal] * 17)


def test_a_batch_of_arrays_is_bounded_as_one_of_files():
    for shape in ([1, 2048, 2048, 3], [16, 256, 256, 3], [5000], [100, 24, 256, 256, 3], []):
        refuse_large_batch("source", shape)
    for shape in ([1, MOST_OF_ONE + 1, 1, 3], [17, 256, 256, 3], [4096, 64, 64, 3], [2**62, 1, 1, 1]):
        with pytest.raises(Refusal, match="source holds"):
            refuse_large_batch("source", shape)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP"])
@pytest.mark.parametrize("options", [{}, {"progressive": True, "exif": b"Exif\0\0" + bytes(500)}])
def test_headers_of_all_forms_that_tensorflow_decodes_are_read(form, options):
    file = io.BytesIO()
    PIL.Image.new("RGB", (70, 30), "red").save(file, form, **(options if form == "JPEG" else {}))
    assert promised_size(file.getvalue()) == (70, 30)
    for end in range(len(file.getvalue())):
        assert promised_size(file.getvalue()[:end]) in ((0, 0), (70, 30))
