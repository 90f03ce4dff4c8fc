"""A photo and many poses in, a picture for each out, painted by a server."""

import dataclasses
import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from serving.client import framing, retrying, transport
from serving.client.errors import BadInput, ServerError

_PARTS = 24


@dataclasses.dataclass(frozen=True)
class Person:
    """Somebody in a photo.

    Attributes:
      map: uint8 `[H, W, 3]` (I, U, V), of the photo's size.
      score: in [0, 1], how sure the server's network is that somebody is there; 1 where the box was given.
      box: x0, y0, x1, y1 in the photo's pixels.
    """

    map: np.ndarray
    score: float
    box: transport.Box


class Client:
    """A server's model, as Python methods.

    with Client("127.0.0.1:8500") as client:
        for picture in client.transfer(photo, photo_iuv, poses): ...
        for picture in client.transfer(photo, target_photos=others): ...  # of an export with --pose
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
        if version is not None and not 0 <= version < 1 << 63:
            raise BadInput(f"version {version}: versions are whole numbers from 0 to {(1 << 63) - 1}")
        if retries < 0:
            raise BadInput(f"{retries} retries: give 0 or more")
        for what, name in {"server": address, "model": model, "label": label}.items():
            _check_name(what, name)
        port = re.search(r":(-?[0-9]+)\Z", address.rpartition("]")[2])
        if port and not 1 <= int(port[1]) <= 65535:
            raise BadInput(f"{address}: ports are 1 to 65535, this is {port[1]}")
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
        self,
        photo: np.ndarray,
        source_iuv: np.ndarray | None = None,
        targets: Iterable[np.ndarray] | None = None,
        *,
        target_photos: Iterable[np.ndarray] | None = None,
    ) -> Iterator[np.ndarray]:
        """The person of `photo` in each pose, in turn; a pose is taken when it is due.

        Of several poses over gRPC, what depends on the photo alone is computed once (`texture`, then `render` for
        each); otherwise `serving_default` is asked for each, or `photos` where there are no maps at all. One version
        paints them all; where it is taken away meanwhile, the one in its place paints the rest.

        Args:
          photo: uint8 `[H, W, 3]`.
          source_iuv: uint8 `[H, W, 3]` (I, U, V), its DensePose map; None: the server finds it.
          targets: uint8 `[H', W', 3]` each, maps; the frame of a pose is the frame of its picture.
          target_photos: instead of `targets`: photos of people in the poses, whose maps the server finds.

        Returns:
          Pictures, uint8 `[H', W', 3]`.

        Raises:
          BadInput: an array of another shape or type, a map with parts above 24 or without a person, neither or both
            of `targets` and `target_photos`; a map is left out and the server's model finds none.
          ServerError: no answer, or a refusal.
        """
        if (targets is None) == (target_photos is None):
            raise BadInput("give targets, maps, or target_photos: one of them")
        _check_picture("photo", photo)
        if source_iuv is not None:
            _check_map("source_iuv", source_iuv)
            if photo.shape != source_iuv.shape:
                raise BadInput(
                    f"the photo is {photo.shape[1]} x {photo.shape[0]} and its map {source_iuv.shape[1]} x "
                    f"{source_iuv.shape[0]}: give the map that was made from this very photo"
                )
        if targets is not None:
            return self._paint_maps(photo, source_iuv, iter(targets), found=source_iuv is None)
        assert target_photos is not None
        others = iter(target_photos)
        if source_iuv is None:
            return self._paint_all(others, lambda: self._by_photos(photo), lambda one: _check_picture("target", one))
        return self._paint_maps(photo, source_iuv, (self.pose(one).map for one in others), found=True)

    def pose(self, photo: np.ndarray, box: transport.Box | None = None) -> Person:
        """Whoever stands in the box, or the person of whom the server's network is surest.

        Args:
          photo: uint8 `[H, W, 3]`.
          box: x0, y0, x1, y1 in the photo's pixels.

        Raises:
          BadInput: the server's model finds no maps; an array of another shape or type.
          ServerError: no answer, or a refusal: nobody is found.
        """
        _check_picture("photo", photo)
        spec = self._finds("pose")
        sent = framing.within(photo)
        # Width, height, width, height: of a large photo a smaller one is sent.
        sizes = np.tile(np.array([photo.shape[1], photo.shape[0]]), 2)
        scale = np.tile(np.array([sent.shape[1], sent.shape[0]]), 2) / sizes
        where = (0.0, 0.0, 0.0, 0.0) if box is None else tuple(float(side) for side in np.asarray(box) * scale)
        file = framing.encode(sent)
        made, score, found = self._ask(lambda seconds: self._transport.pose(spec, file, where, seconds))
        x0, y0, x1, y1 = (float(side) for side in np.asarray(found) / scale)
        iuv = framing.enlarged(framing.decode(made), photo.shape[0], photo.shape[1], is_map=True)
        return Person(iuv, score, (x0, y0, x1, y1) if box is None else box)

    def _paint_maps(
        self, photo: np.ndarray, source_iuv: np.ndarray | None, targets: Iterator[np.ndarray], found: bool
    ) -> Iterator[np.ndarray]:
        """With maps; `found`: some are by the server's network, in which a file's checks may see several people."""
        iuv = self.pose(photo).map if source_iuv is None else source_iuv
        first = list(itertools.islice(targets, 2))
        by = self._by_halves if (found or len(first) > 1) and not self._rest else self._by_files
        check = functools.partial(_check_map, "target_iuv")
        yield from self._paint_all(itertools.chain(first, targets), lambda: by(photo, iuv), check)

    def _paint_all(
        self, targets: Iterator[np.ndarray], prepare: Callable[[], Callable], check: Callable[[np.ndarray], None]
    ) -> Iterator[np.ndarray]:
        paint = None
        for target in targets:
            check(target)
            if paint is not None:
                try:
                    picture = paint(target)
                except ServerError as error:
                    if error.code != "NOT_FOUND" or self._spec.version is not None:
                        raise
                    paint = None
            if paint is None:
                paint = prepare()
                picture = paint(target)
            yield picture

    def _by_photos(self, photo: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        spec = self._finds("photos")
        source = framing.encode(framing.within(photo))

        def paint(target: np.ndarray) -> np.ndarray:
            files = {"source_bytes": source, "target_bytes": framing.encode(framing.within(target))}
            file = self._ask(lambda seconds: self._transport.paint(spec, files, seconds, "photos"))
            return framing.enlarged(framing.decode(file), *target.shape[:2])

        return paint

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

    def _finds(self, signature: str) -> transport.Spec:
        """The version to ask for what needs no map. Raises BadInput."""
        model, spec = self._describe()
        if signature not in model.signatures:
            raise BadInput(
                f"the server's model finds no maps of photos (it has no signature `{signature}`): give maps, "
                "--source_iuv and --target_iuv, or serve what dpt export --pose wrote"
            )
        return spec

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


def _check_name(what: str, name: str | None) -> None:
    """Neither an empty word, such as a variable of the shell that is not set, nor one that cannot be sent."""
    if name is not None and not name.strip():
        raise BadInput(f"the {what} is empty; give one, or leave it out")
    if any("\ud800" <= letter <= "\udfff" for letter in name or ""):
        raise BadInput(f"the {what} {name} is not UTF-8, so it cannot be asked for")


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
