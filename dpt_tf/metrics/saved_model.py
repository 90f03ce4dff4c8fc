"""SavedModels from a handle: loading, finding a way in that fits, and calling it.

A handle is an https:// address of TF-Hub or Kaggle, downloaded once into the folder TFHUB_CACHE_DIR, or the folder of
a SavedModel of TF2 or TF1; it is asked through its signature `serving_default` or `default`, or called. It may also be
a frozen graph, see `frozen`.
"""

import contextlib
import dataclasses
import pathlib
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from dpt_tf.metrics import frozen
from dpt_tf.system import files
from dpt_tf.system.errors import UserError

PATIENCE = 30.0  # seconds without a word from a server, after which it counts as unreachable
_TITLES = ("Graph execution error", "Exception encountered")
_PLACES = ("Detected at node", "File ", "<stack traces", "[[{{node", "(0)", "2 root error", "Stack trace")
_WHOLE = "is the SavedModel whole?"
OFFLINE = "check the network, or give the folder of a SavedModel"


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One way into a loaded SavedModel; `outputs` is None where they have no names."""

    name: str
    call: Callable[..., Any]
    inputs: dict[str, tf.TensorSpec]
    outputs: tuple[str, ...] | None

    def __str__(self) -> str:
        inputs = ", ".join(f"{name}: {spec.dtype.name} {_shape(spec)}" for name, spec in self.inputs.items())
        return f"{self.name} ({inputs}) -> {', '.join(self.outputs) if self.outputs is not None else 'unnamed'}"


class Network:
    """A function of pictures to named outputs, found in the SavedModel of a handle.

    `short` is the end of the handle (`ssd_mobilenet_v2/2`), for the names of scores.
    """

    def __init__(
        self, handle: str, dtype: tf.DType, outputs: Sequence[str] = (), pictures: int = 1, size: int | None = None
    ):
        """Loads `handle` and picks the first way in that fits.

        Args:
          handle: see the module.
          dtype: of the pictures it takes.
          outputs: the names it must give; none: it must give exactly one, whatever its name.
          pictures: how many batches it takes at once, in the order of the inputs' names.
          size: the side of the squares it must accept; None: any.

        Raises:
          UserError: the handle cannot be reached or read, or nothing in it fits; the line names what was found.
        """
        self.handle, self.short = handle, _short(handle)
        # The functions of a SavedModel die with the object they were loaded with.
        self._loaded = _load(handle, outputs)
        entries = list(_entries(self._loaded))
        fitting = [entry for entry in entries if _fits(entry, dtype, tuple(outputs), pictures, size)]
        if not fitting:
            needed = " and ".join([f"{dtype.name} [B, {size or 'H'}, {size or 'W'}, 3]"] * pictures)
            others = ", ".join(getattr(self._loaded, "signatures", {}))
            found = "; ".join(map(str, entries)) or (f"signatures {others} only" if others else "no function at all")
            given = ", ".join(outputs) or "one output"
            raise UserError(f"{handle}: needs a function of {needed} to {given}; found {found}")
        self._entry = fitting[0]
        self._spec = next(iter(self._entry.inputs.values()))

    def __call__(self, *pictures: tf.Tensor) -> Iterator[dict[str, np.ndarray]]:
        """`[B, H, W, 3]` each -> its outputs, for the whole batch or, if it takes one picture at a time, one by one.

        Raises:
          UserError: it takes another size of pictures, or fails on these.
        """
        shape = pictures[0].shape
        if not self._spec.shape[1:].is_compatible_with(shape[1:]):
            raise UserError(f"{self.handle}: takes pictures {_shape(self._spec)}, these are {tuple(shape)}")
        step = 1 if self._spec.shape.rank and self._spec.shape[0] == 1 else max(1, shape[0])
        for start in range(0, shape[0], step):
            try:
                outputs = self._entry.call(*(batch[start : start + step] for batch in pictures))
            except (tf.errors.OpError, ValueError, TypeError) as error:
                raise UserError(f"{self.handle}: fails on pictures {tuple(shape)}: {first_line(error)}") from error
            if isinstance(outputs, tuple | list) and len(outputs) == 1:
                outputs = outputs[0]
            if not isinstance(outputs, dict):
                outputs = {"output": outputs}
            if strange := [name for name, value in outputs.items() if not tf.is_tensor(value)]:
                kind = type(outputs[strange[0]]).__name__
                raise UserError(f"{self.handle}: needs tensors for outputs; found a {kind} as {strange[0]}")
            yield {name: value.numpy() for name, value in outputs.items()}


def refuse_missing(handle: str) -> None:
    """Looks whether something is where a handle points on this machine; loads nothing.

    Raises:
      UserError: nothing is there, or no SavedModel; the package of `ssdlite` is not installed.
    """
    if (path := frozen.path_of(handle)) is not None:
        if not path.is_file():
            raise UserError(f"{path}: no such file; give a frozen graph's, a SavedModel's folder or an https:// handle")
    elif "://" not in handle:
        folder = pathlib.Path(handle).expanduser()
        if not folder.is_dir():
            raise UserError(
                f"{handle}: no such folder; give a SavedModel's folder or an https:// handle of TF-Hub or Kaggle"
            )
        if not any((folder / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
            inside = sorted(entry.name for entry in folder.iterdir())[:5]
            raise UserError(
                f"{handle}: not a SavedModel, it has no saved_model.pb; found {', '.join(inside) or 'nothing'}"
            )


def _load(handle: str, outputs: Sequence[str]) -> Any:
    refuse_missing(handle)
    if (path := frozen.path_of(handle)) is not None:
        return _thawed(path, outputs)
    if "://" not in handle:
        files.refuse_odd(pathlib.Path(handle).expanduser())
    where, remedy = (handle, OFFLINE) if "://" in handle else (str(pathlib.Path(handle).expanduser()), _WHOLE)
    try:
        with warnings.catch_warnings():
            # It imports pkg_resources, which warns of its own end.
            warnings.simplefilter("ignore")
            import tensorflow_hub as hub
        with patience():
            return hub.load(where)
    except Exception as error:  # of the network, the archive, the protocol buffer or TensorFlow: no common base
        raise UserError(f"{handle}: cannot be loaded: {first_line(error)}; {remedy}") from error


def _thawed(path: pathlib.Path, outputs: Sequence[str]) -> frozen.Graph:
    try:
        return frozen.Graph(path, outputs)
    except (ValueError, tf.errors.OpError) as error:
        raise UserError(f"{path}: cannot be loaded: {first_line(error)}; is the file whole?") from error


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """Downloads inside give up on a silent server."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _entries(loaded: Any) -> Iterator[_Entry]:
    signatures = getattr(loaded, "signatures", {})
    for name in ("serving_default", "default"):
        if name in signatures:
            yield _signature(name, signatures[name])
    if callable(loaded):
        for function in loaded.__call__.concrete_functions:
            specs = [a for a in function.structured_input_signature[0] if isinstance(a, tf.TensorSpec)]
            inputs = {f"argument {i + 1}": spec for i, spec in enumerate(specs)}
            outputs = function.structured_outputs
            yield _Entry("a call", loaded.__call__, inputs, tuple(outputs) if isinstance(outputs, dict) else None)


def _signature(name: str, function: Any) -> _Entry:
    specs = dict(sorted(function.structured_input_signature[1].items()))

    def call(*pictures: tf.Tensor) -> Any:
        return function(**dict(zip(specs, pictures, strict=True)))

    return _Entry(name, call, specs, tuple(function.structured_outputs))


def _fits(entry: _Entry, dtype: tf.DType, outputs: tuple[str, ...], pictures: int, size: int | None) -> bool:
    for spec in entry.inputs.values():
        one_by_one = spec.shape.rank is None or spec.shape[0] in (None, 1)
        if spec.dtype != dtype or not one_by_one or not spec.shape.is_compatible_with((None, size, size, 3)):
            return False
    if outputs:
        given = entry.outputs is not None and set(outputs) <= set(entry.outputs)
    else:
        given = entry.outputs is None or len(entry.outputs) == 1
    return len(entry.inputs) == pictures and given


def _shape(spec: tf.TensorSpec) -> str:
    return "[...]" if spec.shape.rank is None else str(spec.shape.as_list())


def _short(handle: str) -> str:
    if handle == frozen.SSDLITE:
        return "SSDLite"
    parts = handle.rstrip("/").split("/")
    versioned = len(parts) > 1 and parts[-1].isdigit()
    return "/".join(parts[-2:]) if versioned else parts[-1]


def first_line(error: Exception) -> str:
    """What an error says, cut to a sentence's beginning.

    TensorFlow puts a title and where the graph was made before what is wrong, and the names of nodes behind it.
    """
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()] or [type(error).__name__]
    if lines[0].startswith(_TITLES):
        telling = [line for line in lines[1:] if not line.startswith(_PLACES)]
        lines = telling or lines
    return lines[0].partition(" [[{{node")[0].rstrip(".")
