"""Files that a user names and that may be anything: a pipe nobody writes to, a device without an end, half a disk."""

import errno
import os
import stat

MOST_BYTES = 1 << 29
"""The largest file that is read whole."""


class NotAFile(Exception):
    """What stands there instead of a file; `str()` of it says it in a few words."""


def open_regular(path: str | os.PathLike) -> tuple[int, os.stat_result]:
    """A descriptor to read from, and what the system says of the file.

    Raises:
      NotAFile: a folder, a pipe, a device or a socket.
      OSError: as `os.open` does.
    """
    # A pipe that nobody writes to would block the call that opens it; regular files do not mind the flag.
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, a terminal that is not there
            raise NotAFile("a pipe or a device") from None
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotAFile("a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device")
    return descriptor, status


def read(path: str | os.PathLike) -> bytes:
    """All of a file.

    Raises:
      NotAFile: as `open_regular` does, and for more than `MOST_BYTES`.
      OSError: it cannot be read; `filename` is the path, also where the disk failed halfway.
    """
    descriptor, status = open_regular(path)
    with open(descriptor, "rb") as file:
        if status.st_size > MOST_BYTES:
            raise NotAFile(f"a file of {status.st_size >> 20} MiB")
        try:
            return file.read(MOST_BYTES)
        except OSError as error:
            error.filename = os.fspath(path)
            raise
