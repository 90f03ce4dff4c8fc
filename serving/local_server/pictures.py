"""How many pixels a picture file says it has, from its header alone.

A few kilobytes of PNG can decode to gigabytes, and the decoder allocates them before the graph can look at the size. So
the server adds up what the headers of a request promise, and refuses the request before anything is decoded.
TF Serving has no such limit. Files that are none of these forms are left to the graph, which cannot decode them.
"""

import struct
from collections.abc import Iterable

from serving.local_server.failures import invalid

# Per request: 1,024 pictures of 256 x 256, or 200 MB of colours.
MAX_PIXELS = 2**26


def refuse_bombs(name: str, files: Iterable[bytes], already: int = 0) -> int:
    """The pixels of `files` added to `already`; raises INVALID_ARGUMENT where they pass the limit."""
    total = already
    for file in files:
        width, height = promised_size(file)
        total += width * height
        if total > MAX_PIXELS:
            raise invalid(
                f"{name} holds a picture of {width} x {height}, which brings the request to {total} pixels;"
                f" this server decodes at most {MAX_PIXELS} a request"
            )
    return total


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
