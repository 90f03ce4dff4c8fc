"""What the C library does with memory that is no longer used, where it is glibc; elsewhere nothing is done.

Of its own accord glibc returns a large block to the system at once, and the next one is made of new pages, which on a
virtual machine takes several times as long as to fill them: 10 ms rather than 2 for the 20 MB of a texture. Blocks up
to 32 MiB are kept, in two arenas rather than in one or two for every thread. So that one large request does not leave
the process large, what is free is given back as soon as there is much of it.
"""

import ctypes
import os
import pathlib
from collections.abc import Callable
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
# Bytes by which the process may have grown before it is trimmed: a texture in all its copies.
_KEPT = 2**27
_STATUS = pathlib.Path("/proc/self/statm")
_LIBRARY: Any = ctypes.CDLL(None) if os.name == "posix" else None


def keep_freed_blocks() -> bool:
    """Large blocks are kept for the next request from now on; False where that cannot be had."""
    if not hasattr(_LIBRARY, "mallopt"):
        return False
    wanted = {_MMAP_THRESHOLD: 2**25, _TRIM_THRESHOLD: 2**31 - 1, _ARENA_MAX: 2}
    return all(_LIBRARY.mallopt(*each) for each in wanted.items())


def trim() -> None:
    """What is free goes to the system."""
    if hasattr(_LIBRARY, "malloc_trim"):
        _LIBRARY.malloc_trim(0)


def giving_back(busy: Callable[[], object] = lambda: False) -> Callable[[], None]:
    """What trims when the process has grown by more than it may keep, as often as it is called; where Linux tells.

    Memory that a request uses while it is `busy` does not count as kept: it is looked at again when it is free.
    """
    left = resident()

    def look() -> None:
        nonlocal left
        if resident() > left + _KEPT:
            using = busy()
            trim()
            left = left if using else resident()
        left = min(left, resident())

    return look


def resident() -> int:
    """Bytes of this process in memory; 0 where that is not told."""
    if not _STATUS.exists():
        return 0
    return int(_STATUS.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
