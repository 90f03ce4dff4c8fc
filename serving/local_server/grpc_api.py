"""The gRPC API: PredictionService, ModelService, health and reflection, on the official stubs."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
)

from serving.local_server import configs, wire
from serving.local_server.failures import Refusal, invalid, refusal_of
from serving.local_server.predict import Predictor
from serving.local_server.versions import Models

SERVICES = (
    prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"].full_name,
    model_service_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name,
)
PREDICT = f"/{SERVICES[0]}/Predict"


class Decoding(grpc.aio.ServerInterceptor):
    """Bytes to messages, by `wire`: beside the event loop, and what is no message is INVALID_ARGUMENT.

    The library alone would read them in the loop, say UNKNOWN of what is none (TF Serving says INTERNAL), and log it.
    An aborted call and its exception are a cycle, as a future and its callbacks are: on it hang the arguments of the
    functions that it came through, until the collector comes by. So bytes and messages travel in lists, and are taken
    out of them.
    """

    def __init__(self, max_bytes: int):
        """Of a request."""
        self._max_bytes = max_bytes

    async def intercept_service(self, continuation: Callable, details: Any) -> Any:
        """The handler of the method, given messages as before, for it reads none itself."""
        handler = await continuation(details)
        if handler is None:
            return None
        kind = handler.request_deserializer.__self__

        async def read(data: list[bytes], context: Any) -> list[Any]:
            try:
                return await asyncio.to_thread(lambda: [wire.read(data.pop(), kind, self._max_bytes)])
            except Refusal as refusal:
                traceback.clear_frames(refusal.__traceback__)
                await context.abort(refusal.code, str(refusal))
                raise

        async def of_one(data: list[bytes], context: Any) -> Any:
            message = await read(data, context)
            return await handler.unary_unary(message.pop(), context)

        async def watch(data: list[bytes], context: Any) -> None:
            message = await read(data, context)
            await handler.unary_stream(message.pop(), context)

        async def of_many(stream: AsyncIterator[list[bytes]], context: Any) -> AsyncIterator[Any]:
            messages = ((await read(data, context)).pop() async for data in stream)
            async for answer in handler.stream_stream(messages, context):
                yield answer

        write = None if details.method == PREDICT else handler.response_serializer
        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(of_many, _in_list, write)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(watch, _in_list, write)
        return grpc.unary_unary_rpc_method_handler(of_one, _in_list, write)


def _in_list(data: bytes) -> list[bytes]:
    return [data]


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the rest is for models of tf.Example, which there are none of here."""

    def __init__(self, predictor: Predictor):
        """Asks `predictor`."""
        self._predictor = predictor

    async def Predict(self, request: predict_pb2.PredictRequest, context: Any) -> bytes:
        """Runs a signature; the answer comes as bytes."""
        try:
            return await self._predictor.answer(request, "GRPC", context.time_remaining())
        except Refusal as refusal:
            del request  # an aborted call is a cycle, see `Decoding`
            await context.abort(refusal.code, str(refusal))
            raise

    async def GetModelMetadata(self, request: Any, context: Any) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a version."""
        try:
            return metadata(self._predictor.models, request)
        except Refusal as refusal:
            await context.abort(refusal.code, str(refusal))

    async def Classify(self, request: Any, context: Any) -> None:
        """UNIMPLEMENTED."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Classify is not implemented by the local server")

    async def Regress(self, request: Any, context: Any) -> None:
        """UNIMPLEMENTED."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Regress is not implemented by the local server")

    async def MultiInference(self, request: Any, context: Any) -> None:
        """UNIMPLEMENTED."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "MultiInference is not implemented by the local server")


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """The states of versions, and a new list of models."""

    def __init__(self, models: Models):
        """Asks `models`."""
        self._models = models

    async def GetModelStatus(self, request: Any, context: Any) -> get_model_status_pb2.GetModelStatusResponse:
        """The state of one version or of all."""
        try:
            return status(self._models, request)
        except Refusal as refusal:
            await context.abort(refusal.code, str(refusal))

    async def HandleReloadConfigRequest(self, request: Any, context: Any) -> model_management_pb2.ReloadConfigResponse:
        """Serves the models of a new configuration; the answer's status says if that went well."""
        response = model_management_pb2.ReloadConfigResponse()
        try:
            if request.config.WhichOneof("config") != "model_config_list":
                raise invalid("Request does not contain valid ModelServerConfig")
            configs.check(request.config.model_config_list.config)
            await asyncio.to_thread(self._models.configure, request.config.model_config_list.config)
        except Exception as error:
            refusal = refusal_of(error)
            response.status.error_code, response.status.error_message = refusal.code.value[0], str(refusal)
        return response


def metadata(models: Models, request: Any) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """What GetModelMetadata answers. Raises Refusal."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != "signature_def":
            raise invalid(f"Metadata field {field} is not supported")
    servable, release = models.lease(request.model_spec)
    try:
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name, response.model_spec.version.value = servable.name, servable.version
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.definitions)
        response.metadata["signature_def"].Pack(signatures)
        return response
    finally:
        release()


def status(models: Models, request: Any) -> get_model_status_pb2.GetModelStatusResponse:
    """What GetModelStatus answers. Raises Refusal."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return models.status(request.model_spec)


def build(predictor: Predictor, options: list[tuple[str, Any]], max_bytes: int) -> tuple[grpc.aio.Server, Callable]:
    """The server with all services, bound to nothing; and what sets its health: `await set_up(True or False)`."""
    server = grpc.aio.server(interceptors=[Decoding(max_bytes)], options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(predictor), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(predictor.models), server)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)

    async def set_health(state: int) -> None:
        for service in ("", *SERVICES):
            await healthy.set(service, state)

    async def serving() -> None:
        await set_health(health_pb2.HealthCheckResponse.SERVING)

    async def leaving() -> None:
        await healthy.enter_graceful_shutdown()

    return server, lambda up: serving() if up else leaving()
