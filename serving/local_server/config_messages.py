"""TF Serving's configuration messages that its Python package has not: BatchingParameters, SSLConfig, MonitoringConfig.

Only names and types matter, for they are read as text. They live in a pool of their own, so they never meet the
originals.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {"bool": Field.TYPE_BOOL, "string": Field.TYPE_STRING, "int64": Field.TYPE_INT64}
MESSAGES = {
    "BatchingParameters": {
        "max_batch_size": "Int64Value",
        "batch_timeout_micros": "Int64Value",
        "max_enqueued_batches": "Int64Value",
        "num_batch_threads": "Int64Value",
        "thread_pool_name": "StringValue",
        "allowed_batch_sizes": "int64*",
        "pad_variable_length_inputs": "bool",
    },
    "SSLConfig": {"server_key": "string", "server_cert": "string", "custom_ca": "string", "client_verify": "bool"},
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": "PrometheusConfig"},
}


def _build() -> dict[str, type]:
    file = descriptor_pb2.FileDescriptorProto(name="server/configs.proto", package="server", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for message, fields in MESSAGES.items():
        described = file.message_type.add(name=message)
        for number, (name, kind) in enumerate(fields.items(), 1):
            label = Field.LABEL_REPEATED if kind.endswith("*") else Field.LABEL_OPTIONAL
            field = described.field.add(name=name, number=number, label=label)
            kind = kind.rstrip("*")
            if kind in SCALARS:
                field.type = SCALARS[kind]
            else:
                field.type = Field.TYPE_MESSAGE
                field.type_name = f".google.protobuf.{kind}" if kind.endswith("Value") else f".server.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"server.{name}")) for name in MESSAGES}


_CLASSES = _build()
BatchingParameters = _CLASSES["BatchingParameters"]
SSLConfig = _CLASSES["SSLConfig"]
MonitoringConfig = _CLASSES["MonitoringConfig"]
