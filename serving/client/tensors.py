"""Arrays as they travel: in `tensor_content`, back from there or from the typed fields, whichever a server fills."""

import math
from typing import Any

import numpy as np

from serving.client.errors import ServerError
from serving.client.messages import TensorProto

_FLOAT, _UINT8, _STRING = 1, 4, 7  # DataType
_NUMBERS: dict[int, tuple[np.dtype, str]] = {
    _FLOAT: (np.dtype("<f4"), "float_val"),
    _UINT8: (np.dtype("u1"), "int_val"),
}
_TYPES = {np.dtype("float32"): _FLOAT, np.dtype("uint8"): _UINT8}


def encode(array: np.ndarray) -> Any:
    """float32 or uint8 -> TensorProto."""
    proto = TensorProto(dtype=_TYPES[array.dtype])
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_content = array.astype(_NUMBERS[proto.dtype][0], copy=False).tobytes()
    return proto


def encode_files(*files: bytes) -> Any:
    """Bytes -> TensorProto of strings `[B]`."""
    proto = TensorProto(dtype=_STRING, string_val=files)
    proto.tensor_shape.dim.add(size=len(files))
    return proto


def decode(name: str, proto: Any) -> np.ndarray:
    """TensorProto of numbers -> array. Of equal values at the end a server may send one.

    Raises:
      ServerError: DATA_LOSS, another type or too many values or none.
    """
    if proto.dtype not in _NUMBERS:
        raise ServerError("DATA_LOSS", f"the answer's {name} is of type {proto.dtype}, neither float32 nor uint8")
    dtype, field = _NUMBERS[proto.dtype]
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_content:
        values = np.frombuffer(proto.tensor_content, dtype)
    else:
        listed = getattr(proto, field)
        values = np.fromiter(listed, dtype, len(listed))
        if 0 < len(values) < math.prod(shape):
            values = np.pad(values, (0, math.prod(shape) - len(values)), mode="edge")
    if len(values) != math.prod(shape):
        raise ServerError("DATA_LOSS", f"the answer's {name} holds {len(values)} values for the shape {shape}")
    return values.reshape(shape)
