"""The gRPC transport: tensors or files, one channel for all calls."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import grpc
import numpy as np

from serving.client import messages, tensors, transport
from serving.client.errors import BadInput, ServerError

_SERVICE = "/tensorflow.serving.PredictionService/"
_OPTIONS = [
    # A texture is some 20 MB; without this an answer above 4 MB is thrown away.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A server that comes back is found by the next retry, not minutes later.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A name that stands for several servers: each gets its share.
    ("grpc.lb_policy_name", "round_robin"),
]


class GrpcTransport:
    """Calls of one address."""

    def __init__(self, address: str, tls: transport.Tls | None):
        """Connects at the first call."""
        if tls is None:
            self._channel = grpc.insecure_channel(address, _OPTIONS)
        else:
            known = (tls.read(name) for name in ("authority", "key", "certificate"))
            self._channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(*known), _OPTIONS)
        self._predict = self._call("Predict", messages.PredictResponse)
        self._metadata = self._call("GetModelMetadata", messages.GetModelMetadataResponse)

    def describe(self, spec: transport.Spec, seconds: float) -> transport.Model:
        """The model, by GetModelMetadata."""
        request = messages.GetModelMetadataRequest(model_spec=_spec(spec), metadata_field=["signature_def"])
        with _server_errors():
            response = self._metadata(request, timeout=seconds)
        signatures = messages.SignatureDefMap.FromString(response.metadata["signature_def"].value).signature_def
        signature, name = transport.SIZED_BY
        if signature not in signatures or name not in signatures[signature].inputs:
            raise transport.foreign_model(
                f"it has no signature `{signature}`, only {', '.join(transport.names(signatures))}"
            )
        said = response.model_spec.version.value if response.model_spec.HasField("version") else None
        shape, free = (_shape(signatures, *which) for which in (transport.SIZED_BY, transport.FREED_BY))
        return transport.Model(
            transport.side(shape), said, transport.names(signatures), any_size=transport.is_free(free)
        )

    def paint(
        self, spec: transport.Spec, files: dict[str, bytes], seconds: float, signature: str = transport.FILES
    ) -> bytes:
        """`serving_default`, or `photos`."""
        inputs = {name: tensors.encode_files(file) for name, file in files.items()}
        (file,) = self.ask(spec, signature, inputs, seconds, ["image_bytes"])["image_bytes"].string_val
        return file

    def pose(
        self, spec: transport.Spec, photo: bytes, box: transport.Box, seconds: float
    ) -> tuple[bytes, float, transport.Box]:
        """`pose`."""
        inputs = {"photo_bytes": tensors.encode_files(photo), "box": tensors.encode(np.array([box], np.float32))}
        outputs = self.ask(spec, "pose", inputs, seconds, ["map_bytes", "score", "box"])
        score, found = (tensors.decode(name, outputs[name])[0] for name in ("score", "box"))
        (file,) = outputs["map_bytes"].string_val
        x0, y0, x1, y1 = map(float, found)
        return file, float(score), (x0, y0, x1, y1)

    def texture(self, spec: transport.Spec, photo: np.ndarray, iuv: np.ndarray, seconds: float) -> dict[str, Any]:
        """What depends on the photo alone, for `render`: of squares, a photo in [-1, 1], or of uint8 of any size."""
        inputs = {"source": tensors.encode(photo[None]), "source_iuv": tensors.encode(iuv[None])}
        return self.ask(spec, "texture", inputs, seconds)

    def render(self, spec: transport.Spec, unwrapped: dict[str, Any], iuv: np.ndarray, seconds: float) -> np.ndarray:
        """The picture in the pose of a uint8 map: of a square `[S, S, 3]` in [-1, 1], of any size uint8."""
        inputs = unwrapped | {"target_iuv": tensors.encode(iuv[None])}
        return tensors.decode("image", self.ask(spec, "render", inputs, seconds, ["image"])["image"])[0]

    def ask(
        self, spec: transport.Spec, signature: str, inputs: Mapping, seconds: float, wanted: Sequence[str] = ()
    ) -> dict[str, Any]:
        """The outputs `wanted`, or all of them, as they came: TensorProto by name, as are the inputs."""
        request = messages.PredictRequest(model_spec=_spec(spec, signature), output_filter=wanted)
        for name, proto in inputs.items():
            request.inputs[name].CopyFrom(proto)
        with _server_errors():
            outputs = dict(self._predict(request, timeout=seconds).outputs)
        if missing := set(wanted) - set(outputs):
            raise transport.foreign_model(f"`{signature}` does not give {', '.join(sorted(missing))}")
        return outputs

    def close(self) -> None:
        """Ends the channel."""
        self._channel.close()

    def _call(self, name: str, response: Any) -> Any:
        return self._channel.unary_unary(
            _SERVICE + name, lambda request: request.SerializeToString(), response.FromString
        )


def _shape(signatures: Mapping, signature: str, name: str) -> list[int]:
    """Of an input, empty where there is none."""
    if signature not in signatures or name not in signatures[signature].inputs:
        return []
    return [dim.size for dim in signatures[signature].inputs[name].tensor_shape.dim]


def _spec(spec: transport.Spec, signature: str = "") -> Any:
    message = messages.ModelSpec(name=spec.model, signature_name=signature)
    if spec.version is not None:
        message.version.value = spec.version
    elif spec.label is not None:
        message.version_label = spec.label
    return message


@contextlib.contextmanager
def _server_errors() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise ServerError(error.code().name, error.details() or "no details") from None
    except ValueError as error:  # too large for protobuf: 2 GiB
        raise BadInput(f"the request cannot be sent: {error}") from None
