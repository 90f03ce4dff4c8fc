"""The original's weights in a file: a published `.pkl`, or a `.pth` of one's own training, without torch.

  .pkl  a pickle of {"model": {name: array}}, by Python 2 or 3, in any protocol from 2 on
  .pth  a zip by `torch.save` of {"model": {name: tensor}, ...}

The file's description is read first, by a machine that runs nothing (`iuv.unpickle`); the numbers of a tensor when it
is asked for. A leading `module.` of names is ignored, and so are anchors, the mean of pictures and counters.

Note: models with confidences (`_WC1_`, `_WC2_` and so on) are read without them. Those whose names have an M (`_WC1M_`)
multiply the logits of parts by confidences before resizing; without that a pixel between two of the network's own may
fall to the other side of a border between parts.
"""

import contextlib
import dataclasses
import math
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from dpt_tf.densepose.rcnn import architecture
from dpt_tf.densepose.rcnn.architecture import PREDICTOR, ROI, Architecture
from dpt_tf.iuv import sources, tensors
from dpt_tf.iuv.sources import NotIUV, Source
from dpt_tf.iuv.unpickle import Built, Function, Record, Span
from dpt_tf.system.errors import UserError

TAKE = "take densepose_rcnn_R_50_FPN_s1x or another chart-based network of the model zoo"
_AGAIN = "download or save it again"
_MOST_BYTES = 1 << 30  # of one tensor
_SHOWN = 3

_NO_WEIGHTS = re.compile(r"(^|\.)cell_anchors\.|(^|\.)pixel_(mean|std)$|(^|\.)num_batches_tracked$")
_CONFIDENCES = re.compile(
    rf"{re.escape(PREDICTOR)}\.(sigma_\d|kappa_[uv]|(fine|coarse)_segm_confidence)_lowres\.(weight|bias)"
)


class _Dtype(Built):
    def __init__(self, name, *_):
        self.dtype = np.dtype(name if isinstance(name, str) and len(name) < 8 else "O")
        if self.dtype.kind not in "fiub":
            raise NotIUV(f"an array of {str(name)[:20]!r}")

    def build(self, state: Any) -> None:
        """Takes the order of its bytes."""
        order = state[1]
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array(Built):
    """An array of numpy's, unread."""

    def __init__(self, *_):
        self.shape: tuple[int, ...] = ()
        self.dtype = np.dtype("f4")
        self.data: Any = b""
        self.order = "C"

    def build(self, state: Any) -> None:
        """Takes shape, dtype, order and where the numbers are."""
        *_version, shape, dtype, fortran, data = state
        self.describe(data, dtype, shape, "F" if fortran else "C")

    def describe(self, data, dtype, shape, order) -> "_Array":
        if not isinstance(dtype, _Dtype) or not isinstance(data, Span | bytes | str) or order not in ("C", "F"):
            raise NotIUV("a damaged array")
        if len(shape) > 8 or not all(type(side) is int and 0 <= side < 1 << 32 for side in shape):
            raise NotIUV("an array of an impossible shape")
        if math.prod(shape) * dtype.dtype.itemsize > _MOST_BYTES:
            raise NotIUV(f"an array of shape {list(shape)}, which is too large")
        self.data, self.dtype, self.shape, self.order = data, dtype.dtype, tuple(shape), order
        return self

    def read(self, source: Source) -> np.ndarray:
        data = self.data
        if isinstance(data, Span):
            read = source.read(data.start, data.size)
            data = read.decode("utf-8").encode("latin1") if data.text else read
        elif isinstance(data, str):
            data = data.encode("latin1")
        if len(data) != math.prod(self.shape) * self.dtype.itemsize:
            raise NotIUV(f"an array of shape {list(self.shape)} with {len(data)} bytes")
        return np.frombuffer(data, self.dtype).reshape(self.shape, order="F" if self.order == "F" else "C")


def _ordered(items=()) -> Record:
    if not all(len(item) == 2 and type(item[0]) is str for item in items):
        raise NotIUV("a damaged pickle")
    return Record((name, value) for name, value in items)


def _encoded(text, _encoding="latin1"):
    return text.encode("latin1") if isinstance(text, str) else text


_NUMPY: dict[tuple[str, str], Any] = {
    (f"numpy.{core}.{module}", name): function
    for core in ("core", "_core")
    for module, name, function in (
        ("multiarray", "_reconstruct", Function(_Array)),
        ("multiarray", "scalar", Function(lambda dtype, data: _Array().describe(data, dtype, (), "C"))),
        ("numeric", "_frombuffer", Function(lambda *given: _Array().describe(*given))),
    )
}
_KNOWN: dict[tuple[str, str], Any] = {
    **_NUMPY,
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): Function(_Dtype),
    ("_codecs", "encode"): Function(_encoded),
    ("collections", "OrderedDict"): Function(_ordered),
    ("collections", "Counter"): Function(lambda *_: Record()),
    ("collections", "defaultdict"): Function(lambda *_: Record()),
    ("torch._utils", "_rebuild_parameter"): Function(lambda tensor, *_: tensor),
    ("__builtin__", "bytearray"): Function(lambda data=b"", *_: data),
    ("builtins", "bytearray"): Function(lambda data=b"", *_: data),
}


@dataclasses.dataclass(frozen=True)
class Stored:
    """A file of the original's weights; good as long as `opened`."""

    path: str
    architecture: Architecture
    tensors: dict[str, Any]
    source: Source

    def read(self, name: str) -> np.ndarray:
        """A tensor's numbers, float32.

        Raises:
          UserError: they are damaged, no floats, or not finite.
        """
        try:
            values = self.tensors[name].read(self.source)
        except (NotIUV, ValueError) as error:
            raise UserError(f"{self.path}: {name} cannot be read ({_reason(error)}); {_AGAIN}") from None
        if values.dtype.kind != "f":
            raise UserError(f"{self.path}: {name} is of {values.dtype}, weights are floats; {_AGAIN}")
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)
        if not np.isfinite(values).all():
            raise UserError(f"{self.path}: {name} has values that are NaN or infinite; {_AGAIN}")
        return values


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[Stored]:
    """The weights at `path`, which have all tensors of one architecture and no others.

    Raises:
      UserError: absent, damaged, another kind of file, or weights of another network.
    """
    name = os.fspath(path)
    with contextlib.ExitStack() as stack:
        try:
            source = stack.enter_context(sources.opened(path))
            loaded = _load(source)
        except OSError as error:
            raise UserError(f"{name}: {error.strerror}; {TAKE}") from None
        except NotIUV as error:
            raise UserError(f"{name}: no weights that can be read ({_reason(error)}); {_AGAIN}") from None
        found = _weights(name, loaded)
        yield Stored(name, _checked(name, found), found, source)


def _load(source: Source) -> Any:
    head = source.read(0, min(source.size, len(tensors.LEGACY)))
    if head == tensors.LEGACY:
        raise NotIUV("the form that torch wrote before 1.6: load it with a newer torch and `torch.save` it again, then")
    if not head.startswith((b"PK", b"\x80")):
        raise NotIUV("neither a pickle nor a zip of torch's")
    return tensors.load(source, _KNOWN, _foreign, arrays=True)[0]


def _foreign(module: str, name: str) -> str:
    return f"it asks for {ascii(f'{module}.{name}')[1:-1]}, which no weights need: not opened"


def _weights(path: str, loaded: Any) -> dict[str, Any]:
    if not isinstance(loaded, dict):
        raise UserError(f"{path}: a pickle, but not a dict of weights; {TAKE}")
    if "blobs" in loaded:
        raise UserError(f"{path}: weights of Detectron 1 (`blobs`), which is another architecture; {TAKE}")
    model = loaded.get("model", loaded)
    if not isinstance(model, dict):
        raise UserError(f"{path}: its `model` is not a dict of weights; {TAKE}")
    found = {}
    for name, value in model.items():
        if not isinstance(value, _Array | tensors.Tensor):
            continue
        name = str(name).removeprefix("module.")
        if not _NO_WEIGHTS.search(name) and not _CONFIDENCES.fullmatch(name):
            found[name] = value
    if not found:
        raise UserError(f"{path}: a pickle without weights; {TAKE}")
    return found


def _checked(path: str, found: dict[str, Any]) -> Architecture:
    if any("embed" in name for name in found):
        raise UserError(f"{path}: weights of a CSE model, which has no parts, U and V; {TAKE}")
    if not any(name.startswith(PREDICTOR) for name in found):
        raise UserError(f"{path}: weights of a network without a DensePose head; {TAKE}")
    if not any(name.startswith(f"{ROI}.decoder.") for name in found):
        raise UserError(f"{path}: weights of a `_legacy` model, which has no decoder; {TAKE}")
    if not any(name.startswith(f"{architecture.BACKBONE}.res") for name in found):
        raise UserError(f"{path}: its backbone is not a ResNet of Detectron2's; {TAKE}")
    shapes = {name: tuple(value.shape) for name, value in found.items()}
    fitting = architecture.of(shapes)
    wanted = fitting.tensors()
    wrong = [
        f"{name} is {shapes[name]} instead of {shape}"
        for name, shape in wanted.items()
        if name in shapes and shapes[name] != shape
    ]
    faults = [
        ("missing", sorted(wanted.keys() - shapes.keys())),
        ("unknown", sorted(shapes.keys() - wanted.keys())),
        ("misshapen", wrong),
    ]
    told = "; ".join(f"{len(names)} {kind}: {_few(names)}" for kind, names in faults if names)
    if told:
        raise UserError(f"{path}: not the weights of {fitting.name}, which it resembles most ({told}); {TAKE}")
    return fitting


def _few(names: list[str]) -> str:
    shown = [ascii(name[:160])[1:-1] for name in names[:_SHOWN]]
    return ", ".join(shown) + (", ..." if len(names) > _SHOWN else "")


def _reason(error: Exception) -> str:
    """Without its remedy, which is one for maps."""
    return str(error).partition(";")[0]
