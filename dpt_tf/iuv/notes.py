"""What a map's PNG says of itself: the order of its channels and how it was made, as texts inside of the file.

The texts are chunks `iTXt` (PNG, 2nd ed., 11.3.4.5), which every program keeps or passes over.
"""

import pathlib
import struct
import zlib
from collections.abc import Mapping

from dpt_tf.system import files

ORDER = {"Channels": "R = I, G = U, B = V"}
"""What `iuv.encode` writes down with the first note."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LONGEST = 1 << 16


def chunk(kind: bytes, data: bytes) -> bytes:
    """A piece of a PNG: length, kind, data, checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def chunks(notes: Mapping[str, str]) -> bytes:
    """The notes as pieces of a PNG; names are of 1 to 79 letters of ASCII."""
    return b"".join(
        chunk(b"iTXt", name.encode("ascii") + b"\0\0\0\0\0" + text.encode("utf-8", "backslashreplace"))
        for name, text in notes.items()
    )


def read(path: pathlib.Path) -> dict[str, str] | None:
    """The notes in the file at `path`, `{}` in a PNG without any; None where it is no PNG, or none to its end.

    Note: the picture itself is passed over, so that thousands of files are asked in a second.
    """
    found: dict[str, str] = {}
    try:
        with files.opened(path) as file:
            if file.read(8) != _SIGNATURE:
                return None
            while True:
                head = file.read(8)
                if len(head) < 8:
                    return None
                size, kind = struct.unpack(">I4s", head)
                if kind == b"IEND":
                    return found if len(file.read(4)) == 4 else None
                if kind != b"iTXt" or size > _LONGEST:
                    file.seek(size + 4, 1)
                    continue
                data = file.read(size)
                name, _, rest = data.partition(b"\0")
                if len(file.read(4)) == 4 and rest.startswith(b"\0\0\0\0"):
                    found[name.decode("ascii", "replace")] = rest[4:].decode("utf-8", "replace")
    except (FileNotFoundError, files.NotAFile):
        return None
