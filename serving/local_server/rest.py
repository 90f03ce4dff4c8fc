"""The HTTP API: TF Serving's REST API and, where it is configured, the metrics for Prometheus."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping

import grpc
import uvicorn
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2, predict_pb2

from serving.local_server import grpc_api, rest_json
from serving.local_server.failures import Refusal, invalid, refusal_of
from serving.local_server.predict import Predictor

MODEL = "/v1/models/{name}"
VERSIONS = ("", "/versions/{version}", "/labels/{label}")


def application(
    predictor: Predictor, max_bytes: int, seconds: float, metrics_path: str, exposition: Callable[[], bytes]
):
    """The ASGI application. Bodies up to `max_bytes`, answers within `seconds`; no `metrics_path`, no metrics."""
    endpoints = _Endpoints(predictor, max_bytes, seconds)
    routes = []
    for version in VERSIONS:
        path = MODEL + version
        routes.append(Route(path + ":predict", endpoints.predict, methods=["POST"]))
        routes.extend(
            Route(f"{path}:{verb}", endpoints.unknown_verb, methods=["POST"]) for verb in ("classify", "regress")
        )
        routes.append(Route(path + "/metadata", endpoints.metadata, methods=["GET"]))
        routes.append(Route(path, endpoints.status, methods=["GET"]))
    if metrics_path:

        async def metrics(request: Request) -> Response:
            return Response(exposition(), media_type="text/plain; version=0.0.4")

        routes.append(Route(metrics_path, metrics, methods=["GET"]))
    handlers: Mapping = {HTTPException: _http_error, Refusal: _refused, Exception: _refused}
    return Starlette(routes=routes, exception_handlers=handlers)


class _Endpoints:
    def __init__(self, predictor: Predictor, max_bytes: int, seconds: float):
        self._predictor, self._max_bytes, self._seconds = predictor, max_bytes, seconds

    async def predict(self, request: Request) -> Response:
        spec, body = _spec(request), await self._body(request)
        prediction = predict_pb2.PredictRequest(model_spec=spec)
        in_rows = await asyncio.to_thread(rest_json.read, body, lambda name: self._infos(spec, name), prediction)
        del body
        answer = await self._predictor.answer(prediction, "REST", self._seconds)
        return _json(await asyncio.to_thread(_written, answer, in_rows))

    async def status(self, request: Request) -> Response:
        query = get_model_status_pb2.GetModelStatusRequest(model_spec=_spec(request))
        answer = grpc_api.status(self._predictor.models, query)
        options = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}
        return _json(json_format.MessageToJson(answer, **options))

    async def metadata(self, request: Request) -> Response:
        query = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=_spec(request))
        query.metadata_field.append("signature_def")
        answer = grpc_api.metadata(self._predictor.models, query)
        return _json(json_format.MessageToJson(answer, preserving_proto_field_name=True))

    async def unknown_verb(self, request: Request) -> Response:
        verb = request.url.path.rpartition(":")[2]
        raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f"{verb} is not implemented by the local server")

    def _infos(self, spec: model_pb2.ModelSpec, name: str) -> Mapping[str, meta_graph_pb2.TensorInfo]:
        servable, release = self._predictor.models.lease(spec)
        try:
            name = name or "serving_default"
            if name not in servable.signatures:
                raise invalid(f'Serving signature name: "{name}" not found in signature def')
            return servable.signatures[name].definition.inputs
        finally:
            release()

    async def _body(self, request: Request) -> bytes:
        """All of it, if it comes in time; of large bodies as many at once as requests may wait."""
        held = 0
        try:
            async with asyncio.timeout(self._seconds):
                body = bytearray()
                async for part in request.stream():
                    body += part
                    if len(body) > self._max_bytes:
                        raise HTTPException(413, f"the body is larger than {self._max_bytes} bytes")
                    held += len(part)
                    self._predictor.hold(len(part), len(body))
                return bytes(body)
        except TimeoutError:
            raise HTTPException(408, f"the body did not come within {self._seconds:g} seconds") from None
        finally:
            self._predictor.hold(-held)


def _spec(request: Request) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=request.path_params["name"])
    if "label" in request.path_params:
        spec.version_label = request.path_params["label"]
    elif version := request.path_params.get("version"):
        if not version.isdecimal() or len(version) > 19 or int(version) >= 2**63:
            raise invalid(f"Failed to convert version: {version} to numeric.")
        spec.version.value = int(version)
    return spec


def _json(body: str | bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


def _written(answer: bytes, in_rows: bool) -> bytes:
    return rest_json.write(predict_pb2.PredictResponse.FromString(answer), in_rows)


async def _refused(request: Request, error: Exception) -> Response:
    refusal = refusal_of(error)
    return _json(json.dumps({"error": str(refusal)}), refusal.http)


async def _http_error(request: Request, error: Exception) -> Response:
    """An address that is none, or a method that it has not. TF Serving calls both malformed under /v1."""
    status = getattr(error, "status_code", 500)
    if status in (404, 405):
        status = 400 if request.url.path.startswith("/v1/") else 404
        return _json(json.dumps({"error": f"Malformed request: {request.method} {request.url.path}"}), status)
    return _json(json.dumps({"error": str(getattr(error, "detail", error))}), status)


class Http(uvicorn.Server):
    """uvicorn in somebody else's event loop: it leaves the signals alone."""

    def __init__(self, app: Starlette, grace: int):
        """Nothing is bound; sockets come to `serve`. What is busy `grace` seconds after the end is cut."""
        config = uvicorn.Config(app, lifespan="off", log_level="critical", access_log=False)
        config.timeout_graceful_shutdown = grace
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two servers have one port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
