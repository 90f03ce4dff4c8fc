"""A folder that one program at a time works in."""

import contextlib
import errno
import os
import pathlib
import tempfile
from collections.abc import Iterator

import filelock

from dpt_tf.system.errors import UserError


def refuse(*written: pathlib.Path | None, read: pathlib.Path | None = None) -> None:
    """Says before any work that a folder cannot be made, or that nothing can be written to it.

    `read` is one to read from, or to write to later.

    Raises:
      UserError: a file stands in the place of one, or above it, or the system will not have anything written there.
    """
    for folder in filter(None, (*written, read)):
        for path in (folder, *folder.parents):
            if (path.is_symlink() or path.exists()) and not path.is_dir():
                raise UserError(f"{path}: a file stands in its place; name a folder to write to")
    for folder in filter(None, written):
        above = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
        # Whoever may write by the rights that a folder shows may not by the disk's.
        try:
            os.rmdir(tempfile.mkdtemp(dir=above))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise UserError(f"{folder}: nothing can be written there ({error.strerror}); name another folder") from None


@contextlib.contextmanager
def claimed(folder: pathlib.Path, wait: float = 0) -> Iterator[None]:
    """Makes `folder`, and keeps other programs out of it. The system lets go of the lock however the program ends.

    Another program that is at work there has `wait` seconds to finish.

    A folder that was made here and has nothing in it when the block fails is gone again.

    Raises:
      UserError: another program is at work there, or a file stands in its place.
    """
    refuse(folder)
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock", timeout=wait)
    try:
        held = lock.acquire()
    except filelock.Timeout:
        raise UserError(f"another program is at work in {folder}; wait for it, or use another folder") from None
    with held:
        try:
            yield
        except Exception:
            with contextlib.suppress(OSError):  # the block has removed it; Windows removes nothing that is open
                if made and os.listdir(folder) == [".lock"]:
                    os.remove(folder / ".lock")
                    folder.rmdir()
            raise
