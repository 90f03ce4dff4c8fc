"""A local server with TF Serving's APIs: `python -m serving.local_server --model_base_path=models/dpt`.

Flags, APIs, error codes and configuration files are TF Serving's, as far as they go (`--help`); `--host` is its own,
and so are some defaults: it binds to 127.0.0.1 only, the model's name is `dpt`, and REST is on port 8501.
SIGTERM or SIGINT ends it after every accepted request is answered, or at once while it starts; a second one ends it at
once. A full queue is RESOURCE_EXHAUSTED, where TF Serving says UNAVAILABLE.
Exit codes: 0 stopped; 2 it could not start, and one line says why.
"""

import argparse
import asyncio
import importlib.util
import logging
import os
import re
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# What comes with the extra `serving`.
PACKAGES = ("grpc", "grpc_health", "grpc_reflection", "prometheus_client", "starlette", "tensorflow_serving", "uvicorn")

_LARGEST = 2**31 - 1  # of a number that gRPC takes; and seconds for ever
_MOST_BYTES = "grpc.max_receive_message_length"


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Serves until a signal, and exits."""
    flags = _flags().parse_args(argv)
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            _refuse(f"{package} is not installed; the local server needs it: pip install -e '.[serving]'")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    logging.info(
        "This server is for development and demonstrations; it has TF Serving's APIs, but it is not TF Serving."
    )
    # The flags are checked before TensorFlow is loaded, which takes seconds.
    from serving.local_server import memory
    from serving.local_server.failures import BadStart

    memory.keep_freed_blocks()
    try:
        asyncio.run(_serve(flags))
    except BadStart as error:
        _refuse(str(error))
    # A version may be loading in a thread, which can neither be stopped nor outlive the interpreter.
    logging.shutdown()
    os._exit(0)


async def _serve(flags: argparse.Namespace) -> None:
    from serving.local_server.serve import serve

    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def leave(*_: object) -> None:
        for signum in before:
            signal.signal(signum, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    # Not by `loop.add_signal_handler`, which Windows has not.
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
    for signum in before:
        signal.signal(signum, leave)
    try:
        await serve(options(flags), stop, lambda: logging.info("serving"))
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def options(flags: argparse.Namespace):
    """The flags, with the files that they name read. Raises BadStart."""
    from serving.local_server import configs
    from serving.local_server.batching import Bounds
    from serving.local_server.failures import BadStart
    from serving.local_server.servable import Limits
    from serving.local_server.serve import Options

    if bool(flags.model_base_path) == bool(flags.model_config_file):
        raise BadStart("give --model_base_path=FOLDER, or --model_config_file=FILE for several models")
    for name in ("host", "model_name", "model_base_path"):
        value = getattr(flags, name)
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise BadStart(f"--{name}={value} is not UTF-8, which gRPC and TensorFlow want of names")
        if not value.strip() and name != "model_base_path":
            raise BadStart(f"--{name} is empty; give it a value, or leave it out")
    if flags.batching_parameters_file and not flags.enable_batching:
        raise BadStart("--batching_parameters_file is set without --enable_batching")
    if flags.monitoring_config_file and not flags.rest_api_port:
        raise BadStart("--monitoring_config_file needs --rest_api_port: the metrics for Prometheus is there")
    if not flags.port:
        raise BadStart("--port=0: gRPC needs a port; TF Serving's is 8500")
    if flags.port == flags.rest_api_port:
        raise BadStart(f"--rest_api_port cannot be same as --port: both are {flags.port}")
    if flags.model_config_file:
        models = configs.models(flags.model_config_file)
    else:
        models = [configs.ModelConfig(name=flags.model_name, base_path=flags.model_base_path)]
    channel = dict(flags.grpc_channel_arguments)
    max_bytes = channel.get(_MOST_BYTES, Limits.max_bytes)
    return Options(
        models=models,
        host=flags.host,
        port=flags.port,
        rest_port=flags.rest_api_port,
        bounds=configs.batching(flags.batching_parameters_file) if flags.enable_batching else Bounds(),
        limits=Limits(max_bytes, flags.enable_serialization_as_tensor_content),
        credentials=configs.credentials(flags.ssl_config_file) if flags.ssl_config_file else None,
        channel=tuple(channel.items()),
        metrics_path=configs.metrics_path(flags.monitoring_config_file) if flags.monitoring_config_file else "",
        rest_seconds=flags.rest_api_timeout_in_ms / 1000,
        poll_seconds=flags.file_system_poll_wait_seconds,
        config_file=flags.model_config_file,
        config_poll_seconds=flags.model_config_file_poll_wait_seconds,
        allow_new_labels=flags.allow_version_labels_for_unavailable_models,
    )


def _refuse(line: str) -> NoReturn:
    """Spells out what would break the line or steer a terminal."""
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
    print(f"local_server: {line}", file=sys.stderr)
    sys.exit(2)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line rather than after a page of usage."""
        _refuse(f"{message}; --help lists the flags")


def _flags() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m serving.local_server", description=__doc__.partition("\n\n")[0], allow_abbrev=False
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to bind to; 0.0.0.0 lets other machines in (default %(default)s)")
    add("--port", type=_port, default=8500, help="port for gRPC (default %(default)s)")
    add("--rest_api_port", type=_port, default=8501, help="port for REST; 0: none (default %(default)s)")
    add(
        "--rest_api_timeout_in_ms",
        type=_number,
        default=30000,
        help="longest wait of a REST call (default %(default)s)",
    )
    add("--model_name", default="dpt", help="name of the model under --model_base_path (default %(default)s)")
    add("--model_base_path", default="", help="folder that holds the versions, 1/ 2/ ...")
    add("--model_config_file", default="", help="ModelServerConfig: several models, version policies, labels")
    add("--model_config_file_poll_wait_seconds", type=_number, default=0, help="reread it every so often; 0: never")
    add(
        "--allow_version_labels_for_unavailable_models",
        type=_truth,
        nargs="?",
        const=True,
        default=False,
        help="new labels may name versions that are not loaded yet, as all are at the start",
    )
    add(
        "--file_system_poll_wait_seconds",
        type=_number,
        default=1,
        help="look for versions every so often; 0: only once",
    )
    add("--enable_batching", type=_truth, nargs="?", const=True, default=False, help="merge requests into one call")
    add("--batching_parameters_file", default="", help="BatchingParameters: sizes, waiting time, bound of the queue")
    add("--ssl_config_file", default="", help="SSLConfig: TLS for gRPC")
    add("--monitoring_config_file", default="", help="MonitoringConfig: the metrics for Prometheus, on the REST port")
    add("--grpc_channel_arguments", type=_pairs, default=(), help="KEY=VALUE,...: gRPC's own settings")
    add(
        "--enable_serialization_as_tensor_content",
        type=_truth,
        nargs="?",
        const=True,
        default=False,
        help="answers as tensor_content, which is faster to write and read than the typed fields",
    )
    return parser


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value < 65536:
        raise argparse.ArgumentTypeError(f"ports are 1 to 65535, this is {value}")
    return value


def _number(text: str) -> float:
    value = float(text)
    if not 0 <= value <= _LARGEST:
        raise argparse.ArgumentTypeError(f"it is a number from 0 on, {_LARGEST} at most, this is {text}")
    return value


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"it is true or false, this is {text}")
    return text.lower() in ("true", "1")


def _pairs(text: str) -> tuple[tuple[str, int | str], ...]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if not all(key and equals for key, equals, _ in pairs):
        raise argparse.ArgumentTypeError(f"it is KEY=VALUE,KEY=VALUE, this is {text}")
    known = {key: int(value) if re.fullmatch("-?[0-9]{1,18}", value) else value for key, _, value in pairs}
    for key, value in known.items():
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise argparse.ArgumentTypeError(f"numbers are {_LARGEST} at most, this is {key}={value}")
    most = known.get(_MOST_BYTES, 1)
    if not isinstance(most, int) or most < 1:
        raise argparse.ArgumentTypeError(f"{_MOST_BYTES} is a whole number from 1 on, this is {most}")
    return tuple(known.items())


if __name__ == "__main__":
    main()
