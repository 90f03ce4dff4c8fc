"""Messages of many megabytes, written and read without a copy for each layer that they pass.

A texture is 20 MB, and to give memory of that size to a process takes as long as to copy it a few times. So the large
runs of bytes never enter a message object: an answer is joined from the arrays' own memory, once, into protobuf's wire
form, and `tensor_content` of a request stays where it came in. All the rest is read by protobuf, and so is any request
that is not of the plainest form.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import model_pb2, predict_pb2

Buffer = bytes | memoryview
# Bytes from which on an input is left where it is.
LARGE = 2**16
LENGTH_DELIMITED = 2
INPUTS = predict_pb2.PredictRequest.DESCRIPTOR.fields_by_name["inputs"].number
OUTPUTS = predict_pb2.PredictResponse.DESCRIPTOR.fields_by_name["outputs"].number
MODEL_SPEC = predict_pb2.PredictResponse.DESCRIPTOR.fields_by_name["model_spec"].number
CONTENT = tensor_pb2.TensorProto.DESCRIPTOR.fields_by_name["tensor_content"].number
KEY, VALUE = 1, 2


@dataclasses.dataclass(frozen=True)
class Request:
    """A PredictRequest, and what was left out of it: the `tensor_content` of these inputs."""

    message: predict_pb2.PredictRequest
    contents: Mapping[str, memoryview] = dataclasses.field(default_factory=dict)


def read(data: bytes) -> Request:
    """Raises protobuf's DecodeError where the bytes are no PredictRequest."""
    try:
        return _read(data)
    except (ValueError, IndexError):
        return Request(predict_pb2.PredictRequest.FromString(data))


def response(spec: model_pb2.ModelSpec, outputs: Mapping[str, Sequence[Buffer]]) -> bytes:
    """A PredictResponse; an output is given as the pieces of its TensorProto."""
    pieces: list[Buffer] = []
    for name, tensor in outputs.items():
        entry = [*field(KEY, [name.encode()]), *field(VALUE, tensor)]
        pieces += field(OUTPUTS, entry)
    pieces += field(MODEL_SPEC, [spec.SerializeToString()])
    return b"".join(pieces)


def field(number: int, pieces: Sequence[Buffer]) -> list[Buffer]:
    """A field of a message, string, bytes or packed numbers: key, length, and the pieces."""
    size = sum(len(piece) for piece in pieces)
    return [_varint(number << 3 | LENGTH_DELIMITED) + _varint(size), *pieces]


def _read(data: bytes) -> Request:
    """Raises ValueError or IndexError where protobuf should have a look at the whole."""
    small: list[Buffer] = []
    contents, entries = {}, 0
    for number, whole, payload in _fields(memoryview(data)):
        if number != INPUTS:
            small.append(whole)
            continue
        entries += 1
        name, content, left = _entry(payload) if len(payload) >= LARGE else (b"", None, [])
        if content is None:
            small.append(whole)
        else:
            contents[str(name, "utf-8")] = content
            small += field(INPUTS, [*field(KEY, [name]), *field(VALUE, left)])
    request = predict_pb2.PredictRequest.FromString(b"".join(small))
    if entries != len(request.inputs):
        raise ValueError("an input comes twice, and the last one counts")
    return Request(request, contents)


def _entry(payload: memoryview) -> tuple[Buffer, memoryview | None, list[Buffer]]:
    """(name, the one large `tensor_content` if there is one, the rest of the tensor) of one input."""
    (key, _, name), (value, _, tensor) = _fields(payload)
    if (key, value) != (KEY, VALUE):
        raise ValueError("an entry of a map is a key and a value")
    parts = list(_fields(tensor))
    content = [part for number, _, part in parts if number == CONTENT]
    left: list[Buffer] = [whole for number, whole, _ in parts if number != CONTENT]
    if len(content) != 1 or len(content[0]) < LARGE:
        return name, None, []
    return name, content[0], left


def _fields(view: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """(number, the whole field, its payload) of each field of a message; only what has a length is of use here."""
    at = 0
    while at < len(view):
        begin = at
        key, at = _number(view, at)
        if key & 7 == LENGTH_DELIMITED:
            size, at = _number(view, at)
        elif key & 7 == 0:
            size, _ = 0, 0
            _, at = _number(view, at)
        else:
            raise ValueError("a field of fixed width, which these messages have none of")
        if at + size > len(view):
            raise ValueError("a field is longer than its message")
        yield key >> 3, view[begin : at + size], view[at : at + size]
        at += size


def _number(view: memoryview, at: int) -> tuple[int, int]:
    """A varint and where it ends."""
    value = shift = 0
    while True:
        byte = view[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than ten bytes")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
