"""How many pixels the pictures of a request have, before anything is paid for them.

A call of the networks takes some 700 bytes for each pixel of each picture, so a batch of pictures is bounded by its
pixels: one picture, or as many as have `MOST_OF_MANY` together. A few kilobytes of PNG can decode to gigabytes, and the
decoder allocates them before the graph can look at the size; so what the headers of files promise is added up likewise.
TF Serving has no such limits. Files that are none of these forms are left to the graph, which cannot decode them.
"""

import math
import struct
from collections.abc import Iterable, Sequence

from serving.local_server.failures import invalid

# Of a picture: 2,048 x 2,048, beyond which an export takes none.
MOST_OF_ONE = 2**22
# Of the pictures of one input together, where they are several: sixteen of 256 x 256.
MOST_OF_MANY = 2**20
# Files of one input: beyond the pixels that they have together, for what is no picture at all promises none.
MOST_FILES = 2**10
# From here on a call is large, and waits for another one to end: one picture of 724 x 724, eight of 256 x 256.
LARGE = 2**19


def refuse_large_batch(name: str, shape: Sequence[int]) -> None:
    """Raises INVALID_ARGUMENT where arrays `[B, H, W, C]` have too many pixels, or files `[B]` are too many.

    Other shapes are no pictures.
    """
    if name.endswith("_bytes") and math.prod(shape) > MOST_FILES:
        raise invalid(f"{name} holds {math.prod(shape)} files; this server takes {MOST_FILES} in a request")
    if len(shape) == 4:
        batch, height, width, _ = shape
        _refuse(name, batch, height * width, batch * height * width)


def pixels(files: Iterable[bytes]) -> int:
    """How many the headers of files promise together."""
    return sum(math.prod(promised_size(file)) for file in files)


def refuse_bombs(name: str, files: Iterable[bytes]) -> None:
    """Raises INVALID_ARGUMENT where the headers of files promise too many pixels."""
    total = 0
    for count, file in enumerate(files, 1):
        width, height = promised_size(file)
        total += width * height
        _refuse(name, count, width * height, total)


def _refuse(name: str, count: int, one: int, total: int) -> None:
    if one > MOST_OF_ONE:
        raise invalid(f"{name} holds a picture of {one} pixels; this server takes {MOST_OF_ONE} at most")
    if count > 1 and total > MOST_OF_MANY:
        raise invalid(
            f"{name} holds {count} pictures or more, of {total} pixels together; this server takes {MOST_OF_MANY}"
            " of them in a request: send fewer at a time"
        )


def promised_size(file: bytes) -> tuple[int, int]:
    """(width, height) by the header of a PNG, JPEG, GIF or BMP; (0, 0) where there is none."""
    if file.startswith(b"\x89PNG\r\n\x1a\n") and len(file) >= 24:
        return struct.unpack(">II", file[16:24])
    if file.startswith(b"\xff\xd8"):
        return _jpeg(file)
    if file.startswith(b"GIF8") and len(file) >= 10:
        return struct.unpack("<HH", file[6:10])
    if file.startswith(b"BM") and len(file) >= 26:
        width, height = struct.unpack("<ii", file[18:26])
        return abs(width), abs(height)
    return 0, 0


def _jpeg(file: bytes) -> tuple[int, int]:
    """The largest frame: segments are FF, a marker and a length, until the scan begins."""
    at, largest = 2, (0, 0)
    while at + 9 <= len(file) and file[at] == 0xFF:
        marker = file[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xDA:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", file[at + 5 : at + 9])
            largest = max(largest, (width, height), key=lambda size: size[0] * size[1])
        at += 2 if 0xD0 <= marker <= 0xD9 or marker == 0x01 else 2 + int.from_bytes(file[at + 2 : at + 4], "big")
    return largest
