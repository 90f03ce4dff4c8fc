"""TF Serving's messages, as far as a client needs them: names, numbers and types as in its .proto files.

The official package of messages imports TensorFlow, some gigabytes for a few field numbers. These live in a pool of
their own, so they never meet the originals. An enum is an int32 here, which is the same on the wire; fields that are
not listed are kept as they came.
"""

from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _Field.TYPE_BOOL,
    "bytes": _Field.TYPE_BYTES,
    "float": _Field.TYPE_FLOAT,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
}
# Field: (number, type); `*` after a type means repeated, `map:` before it a map from strings.
MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "tensorflow.Dim": {"size": (1, "int64")},
    "tensorflow.TensorShapeProto": {"dim": (2, "tensorflow.Dim*"), "unknown_rank": (3, "bool")},
    "tensorflow.TensorProto": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "tensorflow.TensorShapeProto"),
        "tensor_content": (4, "bytes"),
        "float_val": (5, "float*"),
        "int_val": (7, "int32*"),
        "string_val": (8, "bytes*"),
    },
    "tensorflow.TensorInfo": {"dtype": (2, "int32"), "tensor_shape": (3, "tensorflow.TensorShapeProto")},
    "tensorflow.SignatureDef": {
        "inputs": (1, "map:tensorflow.TensorInfo"),
        "outputs": (2, "map:tensorflow.TensorInfo"),
    },
    "tensorflow.serving.SignatureDefMap": {"signature_def": (1, "map:tensorflow.SignatureDef")},
    "tensorflow.serving.ModelSpec": {
        "name": (1, "string"),
        "version": (2, "google.protobuf.Int64Value"),
        "signature_name": (3, "string"),
        "version_label": (4, "string"),
    },
    "tensorflow.serving.PredictRequest": {
        "model_spec": (1, "tensorflow.serving.ModelSpec"),
        "inputs": (2, "map:tensorflow.TensorProto"),
        "output_filter": (3, "string*"),
    },
    "tensorflow.serving.PredictResponse": {
        "outputs": (1, "map:tensorflow.TensorProto"),
        "model_spec": (2, "tensorflow.serving.ModelSpec"),
    },
    "tensorflow.serving.GetModelMetadataRequest": {
        "model_spec": (1, "tensorflow.serving.ModelSpec"),
        "metadata_field": (2, "string*"),
    },
    "tensorflow.serving.GetModelMetadataResponse": {
        "model_spec": (1, "tensorflow.serving.ModelSpec"),
        "metadata": (2, "map:google.protobuf.Any"),
    },
}


def _set_type(field: Any, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{kind}"


def _add_map(described: Any, full: str, name: str, number: int, kind: str) -> None:
    entry = "".join(word.capitalize() for word in name.split("_")) + "Entry"
    nested = described.nested_type.add(name=entry)
    nested.options.map_entry = True
    nested.field.add(name="key", number=1, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_STRING)
    _set_type(nested.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL), kind)
    _set_type(described.field.add(name=name, number=number, label=_Field.LABEL_REPEATED), f"{full}.{entry}")


def _build() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    for known in (any_pb2, wrappers_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    needed = [any_pb2.DESCRIPTOR.name, wrappers_pb2.DESCRIPTOR.name]
    for package in ("tensorflow", "tensorflow.serving"):
        file = descriptor_pb2.FileDescriptorProto(name=f"client/{package}.proto", package=package, syntax="proto3")
        file.dependency.extend(needed)
        needed.append(file.name)
        for full, fields in MESSAGES.items():
            if full.rpartition(".")[0] != package:
                continue
            described = file.message_type.add(name=full.rpartition(".")[2])
            for name, (number, kind) in fields.items():
                if kind.startswith("map:"):
                    _add_map(described, full, name, number, kind.removeprefix("map:"))
                    continue
                label = _Field.LABEL_REPEATED if kind.endswith("*") else _Field.LABEL_OPTIONAL
                _set_type(described.field.add(name=name, number=number, label=label), kind.rstrip("*"))
        pool.AddSerializedFile(file.SerializeToString())
    return {full: message_factory.GetMessageClass(pool.FindMessageTypeByName(full)) for full in MESSAGES}


CLASSES = _build()
TensorProto = CLASSES["tensorflow.TensorProto"]
SignatureDefMap = CLASSES["tensorflow.serving.SignatureDefMap"]
ModelSpec = CLASSES["tensorflow.serving.ModelSpec"]
PredictRequest = CLASSES["tensorflow.serving.PredictRequest"]
PredictResponse = CLASSES["tensorflow.serving.PredictResponse"]
GetModelMetadataRequest = CLASSES["tensorflow.serving.GetModelMetadataRequest"]
GetModelMetadataResponse = CLASSES["tensorflow.serving.GetModelMetadataResponse"]
