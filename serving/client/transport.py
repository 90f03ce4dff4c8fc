"""What both transports, gRPC and REST, have in common.

A transport's calls take `seconds`, after which they fail with DEADLINE_EXCEEDED, and raise ServerError.
"""

import dataclasses
import os
from collections.abc import Iterable
from typing import Protocol

from serving.client import files
from serving.client.errors import ServerError

FILES = "serving_default"
"""The signature of files."""

SIZED_BY = ("tensors", "source")
"""The signature and the input whose shape tells the side of the square."""

FREED_BY = ("texture", "source")
"""The signature and the input whose shape tells whether pictures may be of any size instead."""


Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Tls:
    """Whom to trust, and who we are: paths of PEM files. None of them: the authorities that the system trusts."""

    authority: str | os.PathLike | None = None
    certificate: str | os.PathLike | None = None
    key: str | os.PathLike | None = None

    def read(self, name: str) -> bytes | None:
        """The content of one of the three, if it is set. Raises BadInput."""
        path = getattr(self, name)
        return None if path is None else files.read(path, f"the {name} of TLS, a PEM file")


@dataclasses.dataclass(frozen=True)
class Spec:
    """Which model, and which of its versions: a number, a label, or neither for the newest."""

    model: str
    version: int | None = None
    label: str | None = None


@dataclasses.dataclass(frozen=True)
class Model:
    """What a server says of a model: the side of its square, the version that said so, the names of its signatures.

    `any_size`: all but `tensors` takes pictures of any size, and gives them at the pose's.
    """

    size: int
    version: int | None
    signatures: tuple[str, ...]
    any_size: bool = False


class Transport(Protocol):
    """A way to a server."""

    def describe(self, spec: Spec, seconds: float) -> Model:
        """The model."""

    def paint(self, spec: Spec, files: dict[str, bytes], seconds: float, signature: str = FILES) -> bytes:
        """`serving_default`, or `photos`, of one example: files in, the file of a picture out."""

    def pose(self, spec: Spec, photo: bytes, box: Box, seconds: float) -> tuple[bytes, float, Box]:
        """`pose` of one example: a photo's file and a box in, the file of a map, its score and its box out."""

    def close(self) -> None:
        """Lets the connection go."""


def names(signatures: Iterable[str]) -> tuple[str, ...]:
    """Of all signatures those that are for clients."""
    return tuple(sorted(name for name in signatures if not name.startswith("__")))


def side(shape: list[int]) -> int:
    """S of `[-1, S, S, 3]`. Raises ServerError."""
    if len(shape) != 4 or shape[1] != shape[2] or shape[1] < 1:
        raise foreign_model(f"its photos are of shape {shape}, not [batch, S, S, 3]")
    return shape[1]


def is_free(shape: list[int]) -> bool:
    """Whether it is `[-1, -1, -1, 3]`."""
    return shape[1:3] == [-1, -1]


def foreign_model(reason: str) -> ServerError:
    """The error of a server whose model is not one of `dpt export`."""
    return ServerError("FAILED_PRECONDITION", f"the model is none that dpt export wrote: {reason}")
