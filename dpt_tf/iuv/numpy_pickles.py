"""Arrays in a pickle of numpy's, where they lie: a large one is mapped into memory, not read.

`{name: array}` or an array alone, of floats, as `pickle.dump` writes it up to protocol 4, of Python 3 or 2 (binary
protocols). Nothing of the pickle is run, see `unpickle`.
"""

import math
import os
from typing import Any

import numpy as np

from dpt_tf.iuv import unpickle
from dpt_tf.iuv.sources import NotIUV, Source, opened
from dpt_tf.iuv.unpickle import Built, Function, Span

_FLOATS = ("f2", "f4", "f8")
_DAMAGED = "a damaged pickle of an array; download it again"


class _DType(Built):
    def __init__(self, code: Any, *_: Any):
        if code not in _FLOATS:
            raise NotIUV(f"an array of {code!r:.40}, not of floats")
        self.dtype = np.dtype(code)

    def build(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "=", "|"):
            raise NotIUV(_DAMAGED)
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(Built):
    def __init__(self, *_: Any):
        self.shape: tuple[int, ...] = ()
        self.dtype = np.dtype("f4")
        self.data: Span | str | None = None

    def build(self, state: Any) -> None:
        _, shape, kind, _, data = state
        sizes = isinstance(shape, tuple) and all(type(size) is int and 0 <= size < 1 << 48 for size in shape)
        if not sizes or not isinstance(kind, _DType) or not isinstance(data, Span | str):
            raise NotIUV(_DAMAGED)
        length = data.size if isinstance(data, Span) else len(data)
        if length != math.prod(shape) * kind.dtype.itemsize:
            raise NotIUV(_DAMAGED)
        self.shape, self.dtype, self.data = shape, kind.dtype, data


_MADE_BY = Function(_Array)
_KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"): _MADE_BY,
    ("numpy._core.multiarray", "_reconstruct"): _MADE_BY,
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): Function(_DType),
}


def _foreign(module: str, name: str) -> str:
    return f"a pickle that asks for {module}.{name}, which no array needs: not opened"


def vector(path: str | os.PathLike, name: str) -> np.ndarray:
    """The numbers of an array, `[N]` in its own dtype and the order they are stored in; read as they are used.

    Args:
      path: the pickle.
      name: of the array, where the pickle is a dict.

    Raises:
      NotIUV: it holds no such array of floats, or is damaged; without the file's name.
      OSError: it cannot be opened.
    """
    with opened(path) as source:
        found = _load(source)
        array = found.get(name) if isinstance(found, dict) else found
        if not isinstance(array, _Array) or array.data is None:
            raise NotIUV(f"a pickle without an array {name}")
        if isinstance(array.data, str):
            return np.frombuffer(array.data.encode("latin1"), array.dtype)
        count = math.prod(array.shape)
        if not count:
            return np.zeros(0, array.dtype)
        return np.memmap(source.file, array.dtype, "r", array.data.start, (count,))


def _load(source: Source) -> Any:
    cursor = unpickle.Cursor(source, 0, source.size, unpickle.budget(0))
    return unpickle.load(cursor, _KNOWN, foreign=_foreign, arrays=True)
