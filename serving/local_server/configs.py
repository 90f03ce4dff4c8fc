"""TF Serving's configuration files, in protobuf's text form. A mistake is one line that names the file."""

import os
import pathlib
import ssl
import tempfile
from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import grpc
from google.protobuf import message, text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.local_server.batching import Bounds
from serving.local_server.config_messages import BatchingParameters, MonitoringConfig, SSLConfig
from serving.local_server.failures import BadStart, Refusal, invalid

ModelConfig: TypeAlias = model_server_config_pb2.ModelConfig
Message = TypeVar("Message", bound=message.Message)


_MOST_BYTES = 1 << 24  # of a configuration


def read(file: str, into: Message) -> Message:
    """`into`, filled from the file."""
    path = pathlib.Path(file)
    # A pipe would be waited for, a device read without an end.
    if path.exists() and not path.is_file():
        raise BadStart(f"{file} is no file; give the path of a configuration")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadStart(f"{file} is a file of {path.stat().st_size >> 20} MiB; give the path of a configuration")
        return text_format.Parse(path.read_text(encoding="utf-8"), into)
    except (OSError, UnicodeDecodeError) as error:
        raise BadStart(f"{file} cannot be read: {error}") from None
    except text_format.ParseError as error:
        raise BadStart(f"{file} is no {type(into).__name__} in protobuf's text form: {str(error)[:200]}") from None


def models(file: str) -> list[ModelConfig]:
    """The models of a ModelServerConfig file: `model_config_list { config { name: ... base_path: ... } }`."""
    listed = list(read(file, model_server_config_pb2.ModelServerConfig()).model_config_list.config)
    if not listed:
        raise BadStart(f"{file} lists no models: it needs model_config_list {{ config {{ ... }} }}")
    try:
        check(listed)
    except Refusal as refusal:
        raise BadStart(f"{file}: {refusal}") from None
    return listed


def check(listed: Sequence[ModelConfig]) -> None:
    """Raises INVALID_ARGUMENT where models cannot be told apart, or found, or are not TensorFlow's."""
    names = [model.name for model in listed]
    for model in listed:
        if not model.name or not model.base_path:
            raise invalid("every config needs a name and a base_path")
        if names.count(model.name) > 1:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        if model.model_platform not in ("", "tensorflow"):
            raise invalid(f'model {model.name} is for platform {model.model_platform}; only "tensorflow" is served')


def batching(file: str) -> Bounds:
    """Bounds of the queue, with TF Serving's defaults where the file does not say, or there is none."""
    given: Any = read(file, BatchingParameters()) if file else BatchingParameters()

    def value(name: str, default: int) -> int:
        return getattr(given, name).value if given.HasField(name) else default

    bounds = Bounds(
        max_batch_size=value("max_batch_size", 1000),
        timeout=value("batch_timeout_micros", 0) / 1e6,
        max_enqueued_batches=value("max_enqueued_batches", 10),
        threads=value("num_batch_threads", os.cpu_count() or 1),
        allowed_batch_sizes=tuple(given.allowed_batch_sizes),
    )
    sizes = bounds.allowed_batch_sizes
    if min(bounds.max_batch_size or 0, bounds.max_enqueued_batches, bounds.threads) < 1 or bounds.timeout < 0:
        raise BadStart(f"{file}: max_batch_size, max_enqueued_batches and num_batch_threads are at least 1")
    if sizes and (list(sizes) != sorted(set(sizes)) or sizes[-1] != bounds.max_batch_size):
        raise BadStart(
            f"{file}: allowed_batch_sizes must increase and end with max_batch_size ({bounds.max_batch_size})"
        )
    if given.pad_variable_length_inputs:
        raise BadStart(f"{file}: pad_variable_length_inputs is not implemented by the local server; leave it out")
    return bounds


def metrics_path(file: str) -> str:
    """Where Prometheus finds the metrics; empty where a MonitoringConfig does not enable it."""
    config: Any = read(file, MonitoringConfig()).prometheus_config
    path = config.path or "/monitoring/prometheus/metrics"
    if not path.startswith("/"):
        raise BadStart(f"{file}: the path of prometheus_config begins with a slash, this is {path}")
    return path if config.enable else ""


def credentials(file: str) -> grpc.ServerCredentials:
    """TLS for gRPC, from an SSLConfig whose fields hold PEM texts."""
    config: Any = read(file, SSLConfig())
    with tempfile.TemporaryDirectory() as folder:
        key, cert = pathlib.Path(folder, "key"), pathlib.Path(folder, "cert")
        key.touch(mode=0o600)
        key.write_text(config.server_key, encoding="utf-8")
        cert.write_text(config.server_cert, encoding="utf-8")
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            if config.custom_ca:
                context.load_verify_locations(cadata=config.custom_ca)
        except (ssl.SSLError, ValueError) as error:
            raise BadStart(
                f"{file}: server_key, server_cert or custom_ca is no PEM, or they do not match: {error}"
            ) from None
    if config.client_verify and not config.custom_ca:
        raise BadStart(f"{file}: client_verify needs custom_ca, the authority that signed the clients' certificates")
    pair = (config.server_key.encode(), config.server_cert.encode())
    return grpc.ssl_server_credentials([pair], config.custom_ca.encode() or None, config.client_verify)
