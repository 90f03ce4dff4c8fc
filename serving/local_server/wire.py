"""Messages as bytes: requests looked over before protobuf reads them, answers written without a copy for each layer.

What protobuf makes of a message has no bound but the message's size: two bytes can become a submessage of eighty, and
megabytes of them hold the interpreter for seconds. So the fields of a message are counted first, as its descriptor
nests them, and one of too many is refused; the rest protobuf reads in milliseconds. Of numbers packed into one field
the bytes are counted, as many as the array takes.

A texture is 20 MB, and to give memory of that size to a process takes as long as to copy it a few times. So an answer
is joined from the arrays' own memory, once, into protobuf's wire form.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import message
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import model_pb2, predict_pb2

from serving.local_server.failures import Refusal, invalid

Buffer = bytes | memoryview
VARINT, FIXED64, LENGTH_DELIMITED, GROUP, GROUP_END, FIXED32 = range(6)
# Bytes that a field takes where it has no length. A group is its fields, between two keys.
SIZES = {FIXED64: 8, FIXED32: 4, GROUP: 0, GROUP_END: 0}
# Fields of a request, submessages' among them: a thousand files and what is round them.
MOST_FIELDS = 4096
# Levels of messages within messages.
DEEPEST = 16
# Numbers whose packed form may be shorter than the array that they become, and bytes of one of these.
GROWING = {
    getattr(FieldDescriptor, f"TYPE_{name}"): size
    for size, names in ((8, "INT64 UINT64 SINT64"), (4, "INT32 UINT32 SINT32 ENUM"))
    for name in names.split()
}
OUTPUTS = predict_pb2.PredictResponse.DESCRIPTOR.fields_by_name["outputs"].number
MODEL_SPEC = predict_pb2.PredictResponse.DESCRIPTOR.fields_by_name["model_spec"].number
CONTENT = tensor_pb2.TensorProto.DESCRIPTOR.fields_by_name["tensor_content"].number
KEY, VALUE = 1, 2


def read(data: bytes, kind: Any, max_bytes: int) -> Any:
    """The message of class `kind`; INVALID_ARGUMENT where the bytes are none, or one that takes too much to read."""
    try:
        _count(memoryview(data), kind.DESCRIPTOR, MOST_FIELDS, max_bytes, DEEPEST)
        return kind.FromString(data)
    except (IndexError, ValueError, message.DecodeError):
        raise invalid(f"The bytes are no message {kind.DESCRIPTOR.full_name}") from None


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


def _count(view: memoryview, kind: Descriptor, left: int, max_bytes: int, depth: int) -> int:
    """How many of `left` fields are left. Raises Refusal; ValueError or IndexError where this is no message."""
    at = 0
    while at < len(view):
        left -= 1
        if left < 0 or not depth:
            raise _too_many()
        key, at = _number(view, at)
        if key & 7 == VARINT:
            _, at = _number(view, at)
            continue
        size, at = _number(view, at) if key & 7 == LENGTH_DELIMITED else (SIZES.get(key & 7, len(view) + 1), at)
        if at + size > len(view):
            raise ValueError("a field is longer than its message")
        known = kind.fields_by_number.get(key >> 3)
        if known is not None and key & 7 == LENGTH_DELIMITED:
            if known.message_type is not None:
                left = _count(view[at : at + size], known.message_type, left, max_bytes, depth - 1)
            elif size * GROWING.get(known.type, 1) > max_bytes:
                raise invalid(f"{known.name} packs more numbers than this server takes: {max_bytes} bytes of them")
        at += size
    return left


def _too_many() -> Refusal:
    return invalid(f"The message has more than {MOST_FIELDS} fields, or is {DEEPEST} messages deep")


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
