"""The server as a whole: what it is made of, in which order it comes up and in which order it goes.

Up: models loaded and warmed, ports bound, healthy. Down: new requests are UNAVAILABLE, accepted ones are answered, then
the ports close and the threads end.
"""

import asyncio
import contextlib
import dataclasses
import logging
import pathlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from typing import Any

import grpc

from serving.local_server import configs, grpc_api, memory, rest, versions
from serving.local_server.batching import Batcher, Bounds
from serving.local_server.failures import BadStart, Refusal
from serving.local_server.monitoring import Metrics
from serving.local_server.predict import Predictor
from serving.local_server.servable import Limits, Servable

log = logging.getLogger(__name__)
# Seconds for what never ends by itself, such as a watch of the health; accepted requests have as long as they need.
GRACE = 3
# Between two looks at what large requests left behind.
TRIM_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Options:
    """What the flags say, read and checked."""

    models: Sequence[configs.ModelConfig]
    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int = 0
    bounds: Bounds = dataclasses.field(default_factory=Bounds)
    limits: Limits = dataclasses.field(default_factory=Limits)
    credentials: grpc.ServerCredentials | None = None
    channel: Sequence[tuple[str, Any]] = ()
    metrics_path: str = ""
    rest_seconds: float = 30.0
    poll_seconds: float = 1.0
    config_file: str = ""
    config_poll_seconds: float = 0.0
    allow_new_labels: bool = False


async def serve(options: Options, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
    """Serves until `stop`, calling `ready` when requests can come. Raises BadStart.

    A version that is being loaded when `stop` comes goes on in a thread of its own: who calls this ends the process.
    """

    def load(folder: pathlib.Path, name: str, version: int) -> Servable:
        return Servable(folder, name, version, options.limits, options.bounds.allowed_batch_sizes)

    _refuse_taken(options)
    models = versions.Models(load, options.allow_new_labels)
    metrics = Metrics()
    if not await _loaded(models, options, stop):
        log.info("stopped before anything was served")
        return
    batcher = Batcher(options.bounds, metrics.batched)
    predictor = Predictor(models, batcher, metrics, options.limits.waiting_bytes)
    try:
        async with _http(options, predictor, metrics), _grpc(options, predictor):
            with _watching(options, models, lambda: predictor.answering):
                ready()
                await stop.wait()
                log.info("stopping: answering %d requests", predictor.answering)
    finally:
        await asyncio.to_thread(batcher.close)
    log.info("stopped")


async def _loaded(models: versions.Models, options: Options, stop: asyncio.Event) -> bool:
    """Whether the models were there before `stop` came. Raises BadStart."""
    done: Future = Future()

    def load() -> None:
        try:
            versions.must_serve(models, options.models)
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=load, daemon=True).start()
    loading, stopping = asyncio.wrap_future(done), asyncio.create_task(stop.wait())
    await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if loading.done():
        loading.result()
        return True
    return False


@contextlib.asynccontextmanager
async def _grpc(options: Options, predictor: Predictor) -> AsyncIterator[None]:
    channel = {
        # Else a second server would share the port in silence.
        "grpc.so_reuseport": 0,
        "grpc.max_receive_message_length": options.limits.max_bytes,
        "grpc.max_send_message_length": -1,
    } | dict(options.channel)
    server, set_up = grpc_api.build(predictor, list(channel.items()), options.limits.max_bytes)
    address = f"[{options.host}]:{options.port}" if ":" in options.host else f"{options.host}:{options.port}"
    try:
        if options.credentials:
            bound = server.add_secure_port(address, options.credentials)
        else:
            bound = server.add_insecure_port(address)
    except RuntimeError:
        bound = 0
    if not bound:
        raise _taken("--port", options.host, options.port)
    await server.start()
    await set_up(True)
    log.info("gRPC at %s%s", address, " with TLS" if options.credentials else "")
    try:
        yield
    finally:
        await set_up(False)
        await predictor.drain()
        await server.stop(GRACE)


@contextlib.asynccontextmanager
async def _http(options: Options, predictor: Predictor, metrics: Metrics) -> AsyncIterator[None]:
    if not options.rest_port:
        yield
        return
    try:
        bound = rest.listen(options.host, options.rest_port)
    except OSError:
        raise _taken("--rest_api_port", options.host, options.rest_port) from None
    limit = options.limits.max_bytes
    app = rest.application(predictor, limit, options.rest_seconds, options.metrics_path, metrics.exposition)
    server = rest.Http(app, GRACE)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    while not server.started and not task.done():
        await asyncio.sleep(0.01)
    log.info("REST at http://%s:%d/v1/models", options.host, options.rest_port)
    try:
        yield
    finally:
        server.should_exit = True
        await task
        bound.close()


def _refuse_taken(options: Options) -> None:
    """Raises BadStart before minutes go into loading: ports are taken, or the host is not this machine's."""
    for flag, port in (("--port", options.port), ("--rest_api_port", options.rest_port)):
        if port:
            try:
                rest.listen(options.host, port).close()
            except (OSError, UnicodeError):
                raise _taken(flag, options.host, port) from None


def _taken(flag: str, host: str, port: int) -> BadStart:
    words = f"{host}:{port} cannot be bound; is another server there? Choose another {flag}, or another --host"
    return BadStart(f"{flag}={port}: {words}")


@contextlib.contextmanager
def _watching(options: Options, models: versions.Models, busy: Callable[[], object]):
    """Looks at the folders, at the configuration file, and at the memory, every so often."""
    leaving = threading.Event()
    threads = [
        threading.Thread(target=_every, args=(seconds, leaving, action), daemon=True)
        for seconds, action in (
            (options.poll_seconds, models.poll),
            (options.config_poll_seconds if options.config_file else 0, lambda: _reread(options.config_file, models)),
            (TRIM_SECONDS, memory.giving_back(busy)),
        )
        if seconds > 0
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        leaving.set()


def _every(seconds: float, leaving: threading.Event, action: Callable[[], None]) -> None:
    while not leaving.wait(seconds):
        try:
            action()
        except Exception:
            log.exception("the watch over the models stumbled, and goes on")


def _reread(file: str, models: versions.Models) -> None:
    try:
        models.configure(configs.models(file))
    except (BadStart, Refusal) as error:
        log.error("the models stay as they are: %s", error)
