"""A photo and many poses in, a picture for each out, painted by a server."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from serving.client import framing, retrying, transport
from serving.client.errors import BadInput, ServerError

_PARTS = 24


class Client:
    """A server's model, as one Python method.

    with Client("127.0.0.1:8500") as client:
        for picture in client.transfer(photo, photo_iuv, poses): ...
    """

    def __init__(
        self,
        address: str,
        model: str = "dpt",
        version: int | None = None,
        label: str | None = None,
        tls: transport.Tls | None = None,
        timeout: float = 60,
        rest: bool = False,
        retries: int = 5,
    ):
        """Connects at the first transfer.

        Args:
          address: `host:port`; without a port TF Serving's own, 8500, or 8501 for REST.
          model: its name on the server.
          version: its number; or
          label: the name that the server's configuration gives to a version; neither: the newest one.
          tls: for a server with TLS.
          timeout: seconds until each of the server's answers, however often it is asked for it.
          rest: speak REST instead of gRPC.
          retries: how many times a call that was UNAVAILABLE is tried again.
        """
        if version is not None and label is not None:
            raise BadInput("give a version or a label, not both")
        if ":" not in address.rpartition("]")[2]:
            address = f"{address}:{8501 if rest else 8500}"
        self._spec, self._timeout, self._retries, self._rest = (
            transport.Spec(model, version, label),
            timeout,
            retries,
            rest,
        )
        self._transport: Any = _rest_transport(address, tls) if rest else _grpc_transport(address, tls)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()

    def transfer(
        self, photo: np.ndarray, source_iuv: np.ndarray, targets: Iterable[np.ndarray]
    ) -> Iterator[np.ndarray]:
        """The person of `photo` in each pose, in turn; a pose is taken from `targets` when it is due.

        Of several poses over gRPC, what depends on the photo alone is computed once (`texture`, then `render` for
        each); otherwise `serving_default` is asked for each. One version paints them all; where it is taken away
        meanwhile, the one in its place paints the rest.

        Args:
          photo: uint8 `[H, W, 3]`.
          source_iuv: uint8 `[H, W, 3]` (I, U, V), its DensePose map.
          targets: uint8 `[H', W', 3]` each; the frame of a pose is the frame of its picture.

        Returns:
          Pictures, uint8 `[H', W', 3]`.

        Raises:
          BadInput: an array of another shape or type, a map with parts above 24 or without a person.
          ServerError: no answer, or a refusal.
        """
        _check_picture("photo", photo)
        _check_map("source_iuv", source_iuv)
        if photo.shape != source_iuv.shape:
            raise BadInput(
                f"the photo is {photo.shape[1]} x {photo.shape[0]} and its map {source_iuv.shape[1]} x "
                f"{source_iuv.shape[0]}: give the map that was made from this very photo"
            )
        return self._paint_all(photo, source_iuv, iter(targets))

    def _paint_all(self, photo: np.ndarray, source_iuv: np.ndarray, targets: Iterator) -> Iterator[np.ndarray]:
        first = list(itertools.islice(targets, 2))
        prepare = self._by_halves if len(first) > 1 and not self._rest else self._by_files
        paint = None
        for target in itertools.chain(first, targets):
            _check_map("target_iuv", target)
            if paint is not None:
                try:
                    picture = paint(target)
                except ServerError as error:
                    if error.code != "NOT_FOUND" or self._spec.version is not None:
                        raise
                    paint = None
            if paint is None:
                paint = prepare(photo, source_iuv)
                picture = paint(target)
            yield picture

    def _by_files(self, photo: np.ndarray, source_iuv: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        model, spec = self._describe()
        source = {
            "source_bytes": framing.encode(_sent(model, photo)),
            "source_iuv_bytes": framing.encode(_sent(model, source_iuv, is_map=True)),
        }

        def paint(target: np.ndarray) -> np.ndarray:
            files = source | {"target_iuv_bytes": framing.encode(_sent(model, target, is_map=True))}
            picture = framing.decode(self._ask(lambda seconds: self._transport.paint(spec, files, seconds)))
            return _received(model, picture, *target.shape[:2])

        return paint

    def _by_halves(self, photo: np.ndarray, source_iuv: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        model, spec = self._describe()
        for signature in ("texture", "render"):
            if signature not in model.signatures:
                raise transport.foreign_model(f"it has no signature `{signature}`, only {', '.join(model.signatures)}")
        sent, iuv = _sent(model, photo), _sent(model, source_iuv, is_map=True)
        if not model.any_size:
            sent = sent.astype(np.float32) / 127.5 - 1
        unwrapped = self._ask(lambda seconds: self._transport.texture(spec, sent, iuv, seconds))

        def paint(target: np.ndarray) -> np.ndarray:
            pose = _sent(model, target, is_map=True)
            image = self._ask(lambda seconds: self._transport.render(spec, unwrapped, pose, seconds))
            return _received(model, image if model.any_size else framing.to_uint8(image), *target.shape[:2])

        return paint

    def _describe(self) -> tuple[transport.Model, transport.Spec]:
        """The model, and the version to ask from here on."""
        model = self._ask(lambda seconds: self._transport.describe(self._spec, seconds))
        return model, self._spec if model.version is None else transport.Spec(self._spec.model, model.version)

    def _ask(self, call: Callable[[float], Any]) -> Any:
        return retrying.ask(call, self._timeout, self._retries)


def _sent(model: transport.Model, picture: np.ndarray, is_map: bool = False) -> np.ndarray:
    """What a server takes of a picture: itself, where the model takes any size, or its square."""
    if model.any_size:
        return framing.within(picture, is_map)
    return (framing.square_map if is_map else framing.square_photo)(picture, model.size)


def _received(model: transport.Model, picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """What a server gave, at the pose's size."""
    return (framing.enlarged if model.any_size else framing.unsquare)(picture, height, width)


def _grpc_transport(address: str, tls: transport.Tls | None) -> transport.Transport:
    try:
        from serving.client.grpc_transport import GrpcTransport
    except ImportError as error:
        raise BadInput(
            f"gRPC needs the packages grpcio and protobuf ({error}): pip install -e '.[serving]'; REST needs neither"
        ) from None
    return GrpcTransport(address, tls)


def _rest_transport(address: str, tls: transport.Tls | None) -> transport.Transport:
    from serving.client.rest_transport import RestTransport

    return RestTransport(address, tls)


def _check_picture(name: str, picture: np.ndarray) -> None:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        got = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise BadInput(f"{name} must be a uint8 array [H, W, 3], got {got}")


def _check_map(name: str, iuv: np.ndarray) -> None:
    _check_picture(name, iuv)
    highest = int(iuv[..., 0].max(initial=0))
    if highest > _PARTS:
        raise BadInput(f"{name} has part {highest}; channels must be I, U, V with I in 0..{_PARTS}")
    if highest == 0:
        raise BadInput(f"{name} has no person: I is 0 everywhere")
