"""The REST transport: files in base64, with nothing but the standard library."""

import base64
import binascii
import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

from serving.client import transport
from serving.client.errors import BadInput, ServerError

_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class RestTransport:
    """Calls of one address, a connection each."""

    def __init__(self, address: str, tls: transport.Tls | None):
        """Connects at each call."""
        self._root = f"{'https' if tls else 'http'}://{address}/v1/models/"
        try:
            urllib.parse.urlsplit(self._root)
        except ValueError as error:
            raise BadInput(f"{address} is no address ({error}); give host:port") from None
        self._context = _context(tls) if tls else None

    def describe(self, spec: transport.Spec, seconds: float) -> transport.Model:
        """The model, by /metadata."""
        document = self._ask(_path(spec) + "/metadata", None, seconds)
        signature, _ = transport.SIZED_BY
        try:
            signatures = document["metadata"]["signature_def"]["signature_def"]
            version = document["model_spec"].get("version")
            if signature not in signatures:
                raise transport.foreign_model(
                    f"it has no signature `{signature}`, only {', '.join(transport.names(signatures))}"
                )
            shape, free = (_shape(signatures, *which) for which in (transport.SIZED_BY, transport.FREED_BY))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ServerError("DATA_LOSS", f"the answer is no metadata of a model: {_shown(document)}") from None
        return transport.Model(
            transport.side(shape),
            None if version is None else int(version),
            transport.names(signatures),
            any_size=transport.is_free(free),
        )

    def paint(
        self, spec: transport.Spec, files: dict[str, bytes], seconds: float, signature: str = transport.FILES
    ) -> bytes:
        """`serving_default`, or `photos`."""
        row = {name: {"b64": base64.b64encode(file).decode()} for name, file in files.items()}
        # The name of an only output is left out.
        return self._predict(
            spec, signature, row, seconds, lambda picture: _file(picture.get("image_bytes", picture)), "no picture"
        )

    def pose(
        self, spec: transport.Spec, photo: bytes, box: transport.Box, seconds: float
    ) -> tuple[bytes, float, transport.Box]:
        """`pose`."""

        def read(found):
            x0, y0, x1, y1 = map(float, found["box"])
            return _file(found["map_bytes"]), float(found["score"]), (x0, y0, x1, y1)

        row = {"photo_bytes": {"b64": base64.b64encode(photo).decode()}, "box": list(box)}
        return self._predict(spec, "pose", row, seconds, read, "no map")

    def close(self) -> None:
        """There is nothing to end."""

    def _predict(
        self, spec: transport.Spec, signature: str, row: dict, seconds: float, read: Callable[[Any], Any], without: str
    ) -> Any:
        """What `read` makes of the answer to one example."""
        body = json.dumps({"signature_name": signature, "instances": [row]}).encode()
        document = self._ask(_path(spec) + ":predict", body, seconds)
        try:
            (answer,) = document["predictions"]
            return read(answer)
        except (AttributeError, KeyError, TypeError, ValueError, binascii.Error):
            raise ServerError("DATA_LOSS", f"the answer holds {without}: {_shown(document)}") from None

    def _ask(self, path: str, body: bytes | None, seconds: float) -> Any:
        request = urllib.request.Request(self._root + path, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=max(seconds, 1e-3), context=self._context) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ServerError(_CODES.get(error.code, "INTERNAL"), _said(error)) from None
        except TimeoutError:
            raise _late(seconds) from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise _late(seconds) from None
            raise ServerError("UNAVAILABLE", f"{self._root}: {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            raise ServerError("UNAVAILABLE", f"{self._root}: the connection was cut ({error!r})") from None
        except ValueError as error:
            raise ServerError("DATA_LOSS", f"{self._root}: the answer is no JSON ({error})") from None


def _file(encoded: dict) -> bytes:
    return base64.b64decode(encoded["b64"], validate=True)


def _shape(signatures: dict, signature: str, name: str) -> list[int]:
    """Of an input, empty where there is no such signature."""
    if signature not in signatures:
        return []
    return [int(dim["size"]) for dim in signatures[signature]["inputs"][name]["tensor_shape"]["dim"]]


def _path(spec: transport.Spec) -> str:
    path = urllib.parse.quote(spec.model, safe="")
    if spec.version is not None:
        return f"{path}/versions/{spec.version}"
    return path if spec.label is None else f"{path}/labels/{urllib.parse.quote(spec.label, safe='')}"


def _context(tls: transport.Tls) -> ssl.SSLContext:
    authority = tls.read("authority")
    try:
        context = ssl.create_default_context(cadata=authority.decode() if authority else None)
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ValueError) as error:
        raise BadInput(f"the authority, the certificate or the key of TLS cannot be used: {error}") from None
    return context


def _said(error: urllib.error.HTTPError) -> str:
    """The server's sentence: `{"error": ...}`; of whatever else stands between, its status."""
    try:
        return str(json.load(error)["error"])
    except (KeyError, TypeError, ValueError, OSError):
        return f"HTTP {error.code} {error.reason}"


def _late(seconds: float) -> ServerError:
    return ServerError("DEADLINE_EXCEEDED", f"no answer within {seconds:.1f} seconds")


def _shown(document: Any) -> str:
    text = json.dumps(document)
    return text if len(text) <= 100 else text[:100] + "..."
