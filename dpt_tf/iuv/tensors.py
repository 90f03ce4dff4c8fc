"""The tensors in files of torch's, without torch: `torch.save` since 1.6 (a zip), before it, and plain pickles.

Only the description is read at first; a tensor's numbers are read when they are asked for.
"""

import dataclasses
import io
import math
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from dpt_tf.iuv import unpickle
from dpt_tf.iuv.sources import REMEDY, NotIUV, Source
from dpt_tf.iuv.unpickle import Cursor, Function, Span

# The first pickle of every stream that torch wrote before it wrote zips.
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_LEGACY_VERSION = 1001

_MOST_DIRECTORY = 1 << 25
_MOST_PICKLE = 1 << 26
_MOST_READ = 1 << 28
_LOCAL_HEADER = 30

_DTYPES = {
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "HalfStorage": "f2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
# Storages that lay on a GPU are named after it by older versions.
STORAGES = {(module, name): np.dtype(form) for name, form in _DTYPES.items() for module in ("torch", "torch.cuda")}


@dataclasses.dataclass(slots=True)
class Storage:
    """Numbers in a row: where they lie in the source, or where the header of the zip member lies that holds them."""

    dtype: np.dtype
    count: int
    start: int
    checksum: int | None = None
    """Of the whole storage, for a member of a zip."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage: offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, source: Source) -> np.ndarray:
        """Its numbers, in the order of bytes of this machine's numpy or not.

        Raises:
          NotIUV: it reaches beyond its storage, is far too large, or the storage is damaged.
        """
        size = math.prod(self.shape)
        if size > _MOST_READ:
            raise NotIUV(f"a tensor of shape {list(self.shape)} is too large for a person's box")
        dtype = self.storage.dtype
        if not size:
            return np.zeros(self.shape, dtype)
        last = self.offset + sum((count - 1) * stride for count, stride in zip(self.shape, self.strides, strict=True))
        if last >= self.storage.count:
            raise NotIUV("a tensor reaches beyond its storage; write the dump again")
        count = last + 1 - self.offset
        if count * dtype.itemsize > _MOST_READ:
            raise NotIUV("a tensor larger than any box, or scattered over such a storage; write the dump again")
        start = self.storage.start
        if self.storage.checksum is not None:
            start = _member_start(source, start)
        data = source.read(start + self.offset * dtype.itemsize, count * dtype.itemsize)
        whole = self.storage.checksum is not None and count == self.storage.count
        if whole and zlib.crc32(data) != self.storage.checksum:
            raise NotIUV("the numbers of a tensor do not match their checksum: the file is damaged; copy it again")
        flat = np.frombuffer(data, dtype)
        return np.lib.stride_tricks.as_strided(
            flat, self.shape, [stride * dtype.itemsize for stride in self.strides], writeable=False
        )


def _rebuild(storage, offset, shape, strides, *_rest) -> Tensor:
    whole = (offset, *shape, *strides)
    if not isinstance(storage, Storage) or len(shape) != len(strides) or len(shape) > 8:
        raise NotIUV("a tensor that is none; write the dump again")
    if not all(type(number) is int and 0 <= number < 1 << 48 for number in whole):
        raise NotIUV("a tensor with an impossible shape; write the dump again")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


KNOWN: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor"): Function(lambda *given: _rebuild(*given[:4])),
    ("torch._utils", "_rebuild_tensor_v2"): Function(_rebuild),
    ("collections", "OrderedDict"): Function(lambda: {}),
}


def load(
    source: Source, known: Mapping[tuple[str, str], Any], foreign: Callable[[str, str], str], arrays: bool = False
) -> tuple[Any, str]:
    """What `torch.save` or `pickle.dump` wrote, with `Tensor` for each tensor: `-> (object, form)`.

    Args:
      source: the file.
      known: the classes that the object may have besides tensors.
      foreign: what to say of any other class.
      arrays: whether a plain pickle may hold numbers otherwise than in tensors, see `unpickle.load`.

    Raises:
      NotIUV: damaged, or more than it may be.
    """
    head = source.read(0, min(source.size, len(LEGACY)))
    whole = Cursor(source, 0, source.size, unpickle.budget(source.size))
    if head.startswith(b"PK"):
        return _load_zip(source, {**KNOWN, **STORAGES, **known}, foreign), "torch.save"
    if head == LEGACY:
        return _load_legacy(whole, {**KNOWN, **STORAGES, **known}, foreign), "torch.save, old"

    def nested(span) -> Storage:
        if not isinstance(span, Span):
            raise NotIUV("a damaged pickle; write it again")
        return _load_legacy(Cursor(source, span.start, span.start + span.size, whole.left), STORAGES, foreign)

    function = {("torch.storage", "_load_from_bytes"): Function(nested)}
    return unpickle.load(whole, {**KNOWN, **function, **known}, None, foreign, arrays), "pickle"


def _load_zip(source: Source, known, foreign) -> Any:
    members = _members(source)
    described = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(described) != 1:
        raise NotIUV(f"a zip archive, but none that torch.save writes (save an array by numpy.save); {REMEDY}")
    folder = described[0].removesuffix("data.pkl")
    if any(member.compress_type or member.flag_bits & 1 for member in members.values()):
        raise NotIUV("a zip archive with compressed members, which torch.save never writes; give the dump as it was")
    order = _content(source, members[folder + "byteorder"], 16) if folder + "byteorder" in members else b"little"
    if order not in (b"little", b"big"):
        raise NotIUV(f"numbers in the byte order {order!r}; write the dump again")

    def persistent(given) -> Storage:
        kind, dtype, key, _location, count = given
        member = members.get(f"{folder}data/{key}") if isinstance(key, str) else None
        if kind != "storage" or not isinstance(dtype, np.dtype) or type(count) is not int or member is None:
            raise NotIUV("a tensor without its numbers; write the dump again")
        if count * dtype.itemsize != member.file_size:
            raise NotIUV("a tensor's numbers are cut short; write the dump again")
        return Storage(dtype.newbyteorder("<" if order == b"little" else ">"), count, member.header_offset, member.CRC)

    data = _content(source, members[described[0]], _MOST_PICKLE)
    inner = Source(io.BytesIO(data), len(data))
    return unpickle.load(Cursor(inner, 0, len(data), unpickle.budget(source.size)), known, persistent, foreign)


class _Bounded:
    """The file for `zipfile`, which would read a directory of any size at once."""

    def __init__(self, source: Source):
        self._file = source.file
        self.seek, self.tell, self.seekable = source.file.seek, source.file.tell, source.file.seekable

    def read(self, count: int = -1) -> bytes:
        data = self._file.read(min(count, _MOST_DIRECTORY + 1) if count >= 0 else _MOST_DIRECTORY + 1)
        if len(data) > _MOST_DIRECTORY:
            raise NotIUV("a zip archive with too many members; dump fewer photos into one file")
        return data


def _members(source: Source) -> dict[str, zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(_Bounded(source)) as archive:  # type: ignore[arg-type]
            return {member.filename: member for member in archive.infolist()}
    except NotIUV:
        raise
    except Exception as error:  # a broken directory can raise nearly anything
        raise NotIUV(f"a zip archive that cannot be read ({error}); it may be cut short: write it again") from None


def _member_start(source: Source, header: int) -> int:
    fields = source.read(header, _LOCAL_HEADER)
    if not fields.startswith(b"PK\x03\x04"):
        raise NotIUV("a damaged zip archive; write it again")
    return header + _LOCAL_HEADER + int.from_bytes(fields[26:28], "little") + int.from_bytes(fields[28:30], "little")


def _content(source: Source, member: zipfile.ZipInfo, most: int) -> bytes:
    if member.file_size > most:
        raise NotIUV(f"its {member.filename} is too large; dump fewer photos into one file")
    data = source.read(_member_start(source, member.header_offset), member.file_size)
    if zlib.crc32(data) != member.CRC:
        raise NotIUV("its description does not match its checksum: the file is damaged; copy it again")
    return data


def _load_legacy(cursor: Cursor, known, foreign) -> Any:
    """Magic number, version, machine, object, keys of its storages; then each storage: its length, its numbers."""
    if cursor.take(len(LEGACY)) != LEGACY or unpickle.load(cursor, {}, foreign=foreign) != _LEGACY_VERSION:
        raise NotIUV("a damaged tensor; write the dump again")
    machine = unpickle.load(cursor, {}, foreign=foreign)
    if not isinstance(machine, dict):
        raise NotIUV("a damaged tensor; write the dump again")
    order: Literal["<", ">"] = ">" if machine.get("little_endian") is False else "<"
    found: dict[str, Storage] = {}

    def persistent(given) -> Storage:
        kind, dtype, key, _location, count, *view = given
        if kind != "storage" or not isinstance(dtype, np.dtype) or type(count) is not int or not isinstance(key, str):
            raise NotIUV("a tensor without its numbers; write the dump again")
        if view not in ([], [None]):
            raise NotIUV("a tensor in a form that torch gave up long ago; write the dump again")
        return found.setdefault(key, Storage(dtype.newbyteorder(order), count, -1))

    loaded = unpickle.load(cursor, known, persistent, foreign)
    keys = unpickle.load(cursor, {}, foreign=foreign)
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in found for key in keys):
        raise NotIUV("a damaged tensor; write the dump again")
    for key in keys:
        storage = found[key]
        if cursor.number(order + "q") != storage.count or storage.count < 0:
            raise NotIUV("a tensor's numbers are cut short; write the dump again")
        storage.start = cursor.skip(storage.count * storage.dtype.itemsize).start
    if any(storage.start < 0 for storage in found.values()):
        raise NotIUV("a tensor without its numbers; write the dump again")
    return loaded
