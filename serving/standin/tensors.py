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

from standin.failures import Refusal, invalid

TensorProto: TypeAlias = tensor_pb2.TensorProto

# The runtime's string is 24 bytes plus what does not fit in it.
STRING_SIZE = 32
# Typed fields whose packed wire form is the array's own bytes; the others are extended value by value.
RAW = {np.dtype("float32"): "float_val", np.dtype("float64"): "double_val", np.dtype("bool"): "bool_val"}
LISTED = dict.fromkeys(map(np.dtype, ("uint8", "int8", "uint16", "int16", "int32")), "int_val") | {
    np.dtype("int64"): "int64_val",
    np.dtype("uint32"): "uint32_val",
    np.dtype("uint64"): "uint64_val",
}


def type_name(dtype: int) -> str:
    """TF's short name of a DataType: DT_FLOAT -> float."""
    try:
        return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()
    except ValueError:
        return f"type {dtype}"


def dims(shape: tensor_shape_pb2.TensorShapeProto) -> list[int]:
    """The sizes; -1 where free."""
    return [dim.size for dim in shape.dim]


def check(name: str, place: int, proto: TensorProto, info: meta_graph_pb2.TensorInfo, max_bytes: int) -> None:
    """Raises INVALID_ARGUMENT unless input `name`, the `place`th, has the signature's type and shape and fits."""
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
    size = STRING_SIZE if proto.dtype == types_pb2.DT_STRING else tf.as_dtype(proto.dtype).size
    if math.prod(shape) * size > max_bytes:
        raise invalid(
            f"input {name} of shape {shape} is {math.prod(shape) * size} bytes, this server takes {max_bytes}"
        )


def unparsed(name: str) -> Refusal:
    """The refusal of a proto whose parts do not agree."""
    return invalid(f"tensor parsing error: {name}")


def decode(name: str, proto: TensorProto) -> tf.Tensor:
    """The tensor of a checked proto. Raises INVALID_ARGUMENT where its values do not fill its shape."""
    try:
        return tf.io.parse_tensor(proto.SerializeToString(), proto.dtype)
    except tf.errors.OpError:
        raise unparsed(name) from None


def encode(array: np.ndarray, proto: TensorProto, as_content: bool = False) -> None:
    """Fills an empty proto, where it lies, with an array: typed fields, or one run of bytes."""
    field = RAW.get(array.dtype) or LISTED.get(array.dtype)
    if as_content or (field is None and array.dtype.kind != "O"):
        proto.CopyFrom(tf.make_tensor_proto(array))
        return
    proto.dtype = types_pb2.DT_STRING if field is None else tf.as_dtype(array.dtype).as_datatype_enum
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if array.dtype in RAW:
        proto.MergeFromString(_packed(field, array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()))
    else:
        getattr(proto, field or "string_val").extend(array.ravel().tolist())


def _packed(field: str | None, values: bytes) -> bytes:
    """Wire form of a packed field: key, length, values."""
    length, left = bytearray(), len(values)
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    length.append(left)
    key = TensorProto.DESCRIPTOR.fields_by_name[field].number << 3 | 2
    return bytes([key]) + bytes(length) + values
