"""A folder that one program at a time works in."""

import contextlib
import pathlib
from collections.abc import Iterator

import filelock

from dpt_tf.system.errors import UserError


def refuse(*folders: pathlib.Path | None) -> None:
    """Says before any work that a file stands where a folder, or one above it, is to be made.

    Raises:
      UserError: it does.
    """
    for folder in folders:
        for path in (folder, *folder.parents) if folder else ():
            if (path.is_symlink() or path.exists()) and not path.is_dir():
                raise UserError(f"{path}: a file stands in its place; name a folder to write to")


@contextlib.contextmanager
def claimed(folder: pathlib.Path, wait: float = 0) -> Iterator[None]:
    """Makes `folder`, and keeps other programs out of it. The system lets go of the lock however the program ends.

    Another program that is at work there has `wait` seconds to finish.

    Raises:
      UserError: another program is at work there, or a file stands in its place.
    """
    refuse(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock", timeout=wait)
    try:
        held = lock.acquire()
    except filelock.Timeout:
        raise UserError(f"another program is at work in {folder}; wait for it, or use another folder") from None
    with held:
        yield
