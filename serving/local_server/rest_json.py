"""TF Serving's JSON: rows (`instances` -> `predictions`) or columns (`inputs` -> `outputs`).

Bytes are `{"b64": ...}`, in an output where its name ends in `_bytes`. With one input, or one output, its name may be,
or is, left out.
"""

import base64
import binascii
import json
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2

from serving.local_server.failures import Refusal, invalid
from serving.local_server.tensors import type_name

# Values, and whatever else of the text is more than a character to its reader: 1.7 pictures of 256 x 256 in numbers.
MOST_VALUES = 2**20
# Bytes of a text that has characters beyond ASCII, which may become four each.
MOST_BEYOND_ASCII = 2**22

Infos = Mapping[str, meta_graph_pb2.TensorInfo]

# Numbers of an answer.
_AT_ONCE = 2**16
_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxdict = 20
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100


def read(body: bytes, infos_of: Callable[[str], Infos], request: predict_pb2.PredictRequest) -> bool:
    """Fills signature name and inputs of `request`; True where the answer is to be in rows. Raises INVALID_ARGUMENT."""
    try:
        return _read(body, infos_of, request)
    except (ValueError, OverflowError, RecursionError) as error:
        raise invalid(f"JSON Value: not formatted correctly: {error}") from None


def write(response: predict_pb2.PredictResponse, in_rows: bool) -> bytes:
    """The body of the answer. Raises INVALID_ARGUMENT where rows are wanted of outputs that have no common number."""
    arrays = {name: tf.make_ndarray(proto) for name, proto in sorted(response.outputs.items())}
    if not in_rows:
        return f'{{"outputs": {_text_of(arrays)}}}'.encode()
    if not all(array.ndim for array in arrays.values()) or len({len(array) for array in arrays.values()}) != 1:
        raise invalid("the outputs have no common first dimension: ask with 'inputs' rather than 'instances'")
    count = len(next(iter(arrays.values())))
    rows = (_text_of({name: _row(array, k) for name, array in arrays.items()}) for k in range(count))
    return f'{{"predictions": [{", ".join(rows)}]}}'.encode()


def _read(body: bytes, infos_of: Callable[[str], Infos], request: predict_pb2.PredictRequest) -> bool:
    document = _parse(body)
    signature = document.get("signature_name", "")
    if not isinstance(signature, str):
        raise invalid(
            f"JSON Value: {_shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    request.model_spec.signature_name = signature
    infos = infos_of(signature)
    if "instances" in document and "inputs" in document:
        raise invalid("JSON Value: not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if "instances" in document:
        columns = _columns(document["instances"], infos)
    elif "inputs" in document:
        columns = _named(document["inputs"], infos)
    else:
        raise invalid("Missing 'inputs' or 'instances' key")
    for name, value in columns.items():
        array = _array(name, value, infos[name].dtype)
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array, dtype=infos[name].dtype, shape=array.shape))
    return "instances" in document


def _parse(body: bytes) -> dict:
    """The document. Its reader holds the interpreter until it is done, so what it has to make is counted before."""
    if (values := sum(map(body.count, (b",", b"[", b"{", b"\\")))) > MOST_VALUES:
        raise invalid(
            f"The body has {values} values, this server reads {MOST_VALUES}: send files in base64, or use gRPC"
        )
    if len(body) > MOST_BEYOND_ASCII and not body.isascii():
        raise invalid(
            f"A body of more than {MOST_BEYOND_ASCII} bytes has to be ASCII: write other characters as \\u...."
        )
    try:
        document = json.loads(body)
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_shown(document)} Is not object")
    return document


def _columns(instances: Any, infos: Infos) -> dict[str, list]:
    if not isinstance(instances, list):
        raise invalid("JSON Value: Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid("JSON Value: No values in 'instances' array")
    if not _is_object(instances[0]):
        if len(infos) > 1:
            raise invalid(
                "instances is a plain list, but expecting list of objects as multiple input tensors required as per"
                " tensorinfo_map"
            )
        return {name: instances for name in infos}
    for place, instance in enumerate(instances):
        if not _is_object(instance):
            raise invalid(f"Expecting object but got list at item {place} of input list")
        if set(instance) != set(infos):
            names = ",".join(sorted(infos))
            raise invalid(f"Failed to process element: {place} of 'instances' list. keys must be equal to: {names}")
    return {name: [instance[name] for instance in instances] for name in infos}


def _named(inputs: Any, infos: Infos) -> dict[str, Any]:
    if not _is_object(inputs):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per"
                " tensorinfo_map"
            )
        return {name: inputs for name in infos}
    for name in infos:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: inputs[name] for name in infos}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and set(value) != {"b64"}


def _array(name: str, value: Any, dtype: int) -> np.ndarray:
    wanted = tf.as_dtype(dtype)
    if wanted == tf.string:
        array = np.array(_strings(name, value), dtype=object)
        if not all(isinstance(item, bytes) for item in array.flat):
            raise _ragged(name)
        return array
    try:
        array = np.array(value)
    except ValueError:
        raise _ragged(name) from None
    kinds = "b" if wanted.is_bool else "iu" if wanted.is_integer else "iuf"
    if array.size and array.dtype.kind not in kinds:
        raise invalid(f"JSON Value: {_shown(value)} is not of expected type: {type_name(dtype)} (input {name})")
    if wanted.is_integer and array.size and not (wanted.min <= array.min() and array.max() <= wanted.max):
        raise invalid(f"JSON Value: {name} holds numbers outside {wanted.min} to {wanted.max}")
    with np.errstate(over="ignore"):  # what is too large is infinite
        return array.astype(wanted.as_numpy_dtype)


def _ragged(name: str) -> Refusal:
    return invalid(f"Encountered list at unexpected size: the lists of {name} differ in length or depth")


def _strings(name: str, value: Any) -> Any:
    """Nested lists of bytes."""
    if isinstance(value, list):
        return [_strings(name, item) for item in value]
    if isinstance(value, str):
        return value.encode(errors="surrogatepass")
    if not (isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)):
        raise invalid(f"JSON Value: {_shown(value)} not formatted correctly for base64 data (input {name})")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"Unable to base64 decode (input {name})") from None


def _text_of(outputs: Mapping[str, np.ndarray]) -> str:
    texts = {name: _text(name, array) for name, array in outputs.items()}
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}"


def _text(name: str, array: np.ndarray) -> str:
    """An array, in pieces: `json` holds the interpreter until it is done."""
    if array.ndim and array.size > _AT_ONCE:
        return f"[{', '.join(_text(name, _row(array, k)) for k in range(len(array)))}]"
    if array.dtype.kind != "O":
        return json.dumps(array.tolist())
    if name.endswith("_bytes"):
        return json.dumps(_map(lambda file: {"b64": base64.b64encode(file).decode()}, array.tolist()))
    return json.dumps(_map(lambda text: text.decode(errors="replace"), array.tolist()))


def _row(array: np.ndarray, k: int) -> np.ndarray:
    """`array[k]`, an array where that is one value, too."""
    return array[k : k + 1].reshape(array.shape[1:])


def _map(change: Callable[[bytes], Any], value: Any) -> Any:
    return [_map(change, item) for item in value] if isinstance(value, list) else change(value)


def _shown(value: Any) -> str:
    text = _SHORT.repr(value)
    return text if len(text) <= 100 else text[:100] + "..."
