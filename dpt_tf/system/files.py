"""Files that a user names and that may be anything: a pipe nobody writes to, a device without an end, half a disk.

Whatever the library reads by a name that comes from outside it reads by one of these functions: of regular files alone,
and of no more bytes than such a file has. What else stands there is a line, at once.
"""

import contextlib
import errno
import io
import json
import os
import stat
from collections.abc import Iterator
from typing import Any

from dpt_tf.system.errors import UserError

MOST_BYTES = 1 << 29
"""The largest file that is read whole."""

MOST_FACTS = 1 << 26
"""The largest JSON: its objects take twenty times as much."""

DEEPEST = 16
"""How deep what a program of ours wrote down may be nested: a report's tables are five deep."""


class NotAFile(UserError):
    """Something else stands where a file should: `what`, in a few words. `str()` of it is the whole line."""

    def __init__(self, path: str | os.PathLike, what: str):
        """At `path`."""
        super().__init__(f"{os.fspath(path)}: {what}, where a file is wanted; give another path")
        self.what = what


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
            raise NotAFile(path, "a pipe or a device") from None
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotAFile(path, "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device")
    return descriptor, status


def refuse_odd(folder: str | os.PathLike) -> None:
    """Looks at all below a folder that a library of others reads by name: a pipe would hold it for ever.

    Raises:
      NotAFile: a pipe, a device or a socket is among it.
    """
    for above, _, names in os.walk(os.fspath(folder)):
        for name in names:
            path = os.path.join(above, name)
            if os.path.exists(path) and not os.path.isfile(path):
                raise NotAFile(path, "a pipe or a device")


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[io.BufferedReader]:
    """A file to read piece by piece.

    Raises:
      NotAFile: as `open_regular` does.
      OSError: it cannot be opened.
    """
    descriptor, _ = open_regular(path)
    with open(descriptor, "rb") as file:
        yield file


def read(path: str | os.PathLike, most: int = MOST_BYTES) -> bytes:
    """All of a file.

    Raises:
      NotAFile: as `open_regular` does, and for more than `most` bytes.
      OSError: it cannot be read; `filename` is the path, also where the disk failed halfway.
    """
    descriptor, status = open_regular(path)
    with open(descriptor, "rb") as file:
        if status.st_size > most:
            raise NotAFile(path, f"a file of {status.st_size >> 20} MiB")
        try:
            data = file.read(most)
        except OSError as error:
            error.filename = os.fspath(path)
            raise
        if data is None:  # the system's own files call themselves regular and may have nothing to say yet
            raise NotAFile(path, "a pipe or a device")
        return data


def read_text(path: str | os.PathLike, encoding: str = "utf-8") -> str:
    """A text, its line ends as they are.

    Raises:
      NotAFile, OSError: as `read` does.
      ValueError: it is in no such encoding.
    """
    return read(path).decode(encoding)


def read_json(path: str | os.PathLike) -> Any:
    """What a JSON says.

    Raises:
      NotAFile, OSError: as `read` does, for more than `MOST_FACTS` bytes.
      ValueError: it is none, or one that is nested without end.
    """
    try:
        return json.loads(read(path, MOST_FACTS))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_facts(path: str | os.PathLike) -> dict[str, Any]:
    """What a program of ours wrote down about something, as a JSON object.

    Its texts can be written again, and its depth is `DEEPEST` at most, so whoever walks through it comes back. Which
    names it has, and what they stand for, is for the reader to check.

    Raises:
      NotAFile, OSError: as `read` does, for more than `MOST_FACTS` bytes.
      ValueError: it is none of this; the reason in a few words.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise ValueError(f"it holds {type(found).__name__}, not names and values")
    level: list[Any] = [found]
    for _ in range(DEEPEST):
        names = [key for one in level if isinstance(one, dict) for key in one]
        if any("\0" in text or not _is_text(text) for text in (*names, *(x for x in level if isinstance(x, str)))):
            raise ValueError("a text in it is none")
        level = [below for one in level for below in _below(one)]
        if not level:
            return found
    raise ValueError("nested too deeply")


def _below(one: Any) -> list[Any]:
    return list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else []


def _is_text(text: str) -> bool:
    """Whether UTF-8 has it: JSON can name half a letter."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
