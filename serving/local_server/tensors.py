"""Tensors as they travel: TensorProto in, TensorProto out.

An input is checked by what its proto says of itself, before any memory is taken for it: a proto may name a huge shape
and hold one value, which is then repeated. TF Serving answers in the typed fields (`float_val`), whose reader in Python
is `tf.make_ndarray`; with --enable_serialization_as_tensor_content in `tensor_content`. So does this.
"""

import math
from typing import TypeAlias

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.local_server import wire
from serving.local_server.failures import Refusal, invalid

TensorProto: TypeAlias = tensor_pb2.TensorProto

# The runtime's string is 24 bytes plus what does not fit in it.
STRING_SIZE = 32
# Typed fields. Floats and bools are packed as the array's own bytes, integers as varints.
_NAMES = {"float32": "float_val", "float64": "double_val", "bool": "bool_val", "int64": "int64_val"}
_NAMES |= dict.fromkeys(("uint8", "int8", "uint16", "int16", "int32"), "int_val")
_NAMES |= {"uint32": "uint32_val", "uint64": "uint64_val"}
FIELDS = {np.dtype(key): TensorProto.DESCRIPTOR.fields_by_name[name].number for key, name in _NAMES.items()}


def type_name(dtype: int) -> str:
    """TF's short name of a DataType: DT_FLOAT -> float."""
    try:
        return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()
    except ValueError:
        return f"type {dtype}"


def dims(shape: tensor_shape_pb2.TensorShapeProto) -> list[int]:
    """The sizes; -1 where free."""
    return [dim.size for dim in shape.dim]


def check(name: str, place: int, proto: TensorProto, info: meta_graph_pb2.TensorInfo, max_bytes: int) -> int:
    """The bytes of input `name`, the `place`th; INVALID_ARGUMENT unless it is as the signature has it, and fits."""
    if proto.dtype != info.dtype:
        raise invalid(
            f"Expects arg[{place}] to be {type_name(info.dtype)} but {type_name(proto.dtype)} is provided"
            f" (input {name})"
        )
    shape = dims(proto.tensor_shape)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise unparsed(name)
    wanted = dims(info.tensor_shape)
    fits = len(shape) == len(wanted) and all(w in (-1, s) for s, w in zip(shape, wanted, strict=True))
    if not (info.tensor_shape.unknown_rank or fits):
        raise invalid(f"input {name} has shape {shape}, the signature takes {wanted}")
    size = _size(proto, math.prod(shape))
    if size > max_bytes:
        raise invalid(f"input {name} of shape {shape} is {size} bytes, this server takes {max_bytes} a request")
    return size


def _size(proto: TensorProto, count: int) -> int:
    """Bytes of `count` values. Where fewer are given the last one is repeated, be it a number or a file."""
    if proto.dtype != types_pb2.DT_STRING:
        return count * tf.as_dtype(proto.dtype).size
    files = proto.string_val
    repeated = max(0, count - len(files)) * len(files[-1]) if files else 0
    return count * STRING_SIZE + sum(map(len, files)) + repeated


def unparsed(name: str) -> Refusal:
    """The refusal of a proto whose parts do not agree."""
    return invalid(f"tensor parsing error: {name}")


def decode(name: str, proto: TensorProto) -> tf.Tensor:
    """The tensor of a checked proto; INVALID_ARGUMENT where its values do not fill its shape."""
    dtype = tf.as_dtype(proto.dtype)
    if dtype == tf.string or not proto.tensor_content:
        try:
            return tf.io.parse_tensor(proto.SerializeToString(), proto.dtype)
        except tf.errors.OpError:
            raise unparsed(name) from None
    # By TensorFlow's own reader, as above, large content would be copied twice more.
    content, shape = proto.tensor_content, dims(proto.tensor_shape)
    if len(content) != math.prod(shape) * dtype.size:
        raise unparsed(name)
    return tf.constant(np.frombuffer(content, dtype.as_numpy_dtype).reshape(shape))


def pieces(array: np.ndarray, as_content: bool = False) -> list[wire.Buffer]:
    """An array as the pieces of a serialised TensorProto: typed fields, or one run of bytes."""
    number = wire.CONTENT if as_content else FIELDS.get(array.dtype)
    if array.dtype.kind == "O" or number is None:
        return [tf.make_tensor_proto(array).SerializeToString()]
    proto = TensorProto(dtype=tf.as_dtype(array.dtype).as_datatype_enum)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if array.dtype.kind in "iu" and not as_content:
        payload = _varints(array)
    else:
        payload = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return [proto.SerializeToString(), *wire.field(number, [payload.reshape(-1).view(np.uint8).data])]


def _varints(array: np.ndarray) -> np.ndarray:
    """Integers as packed varints, in uint8: seven bits a byte, the lowest first, the top bit where more follow."""
    if not array.size or (array.min() >= 0 and array.max() < 0x80):
        return array.astype(np.uint8)
    # Of negative numbers as of the largest all ten bytes are there.
    bits = 64 if array.min() < 0 else int(array.max()).bit_length()
    shifts = np.arange(0, bits, 7, dtype=np.uint64)
    chunks = []
    for start in range(0, array.size, 2**16):
        values = array.reshape(-1)[start : start + 2**16].astype(np.int64 if array.dtype.kind == "i" else np.uint64)
        rest = values.view(np.uint64)[:, None] >> shifts
        more = np.pad(rest[:, 1:] > 0, ((0, 0), (0, 1)))
        is_there = np.pad(rest[:, 1:] > 0, ((0, 0), (1, 0)), constant_values=True)
        chunks.append((rest & 0x7F | more.astype(np.uint64) << 7).astype(np.uint8)[is_there])
    return np.concatenate(chunks)
