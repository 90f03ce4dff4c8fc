"""Versions of a model as TensorFlow Serving finds them: `<folder>/<whole number>/`, there whole or not at all.

A version is written under a hidden name in the same folder, flushed to the disk and renamed; a server that polls sees
nothing of it before. One that is there is never overwritten.
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Callable

from dpt_tf.system import atomic, locks
from dpt_tf.system.errors import UserError

_ASIDE = "export"
_MOST = 2**63 - 1  # a server counts versions in 64 bits


def all_of(folder: pathlib.Path) -> list[int]:
    """The versions of a folder, the oldest first; none where there is no such folder."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(int(path.name) for path in folder.iterdir() if path.name.isascii() and path.name.isdigit())
    return []


def refuse(folder: pathlib.Path, version: int | None) -> None:
    """Says at once what would come to light after minutes.

    Raises:
      UserError: `folder` cannot hold versions, or has this one.
      UnicodeEncodeError: TensorFlow cannot write to a folder of this name.
    """
    os.fspath(folder).encode()
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a folder for the versions of the model")
    locks.refuse(folder)
    if (folder / "saved_model.pb").exists():
        raise UserError(f"{folder} is a SavedModel itself; give the folder above it, which holds its versions")
    if version is not None and not 1 <= version <= _MOST:
        raise UserError(f"--version={version}: versions count from 1 to {_MOST}")
    if version is None and max(all_of(folder), default=0) >= _MOST:
        raise UserError(f"{folder} holds version {max(all_of(folder))}, after which there is none; give --version")
    if version in all_of(folder):
        raise _taken(folder, version)


def write(folder: pathlib.Path, version: int | None, fill: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """Makes a version: `fill` writes it into the empty folder that it is given.

    Args:
      folder: made where it is missing.
      version: its number; None: one more than the highest.
      fill: what it raises leaves nothing behind.

    Returns:
      The version's folder.

    Raises:
      UserError: as `refuse`, or somebody else wrote this version meanwhile.
    """
    refuse(folder, version)
    folder.mkdir(parents=True, exist_ok=True)
    atomic.clear(folder, _ASIDE)
    aside = atomic.named(folder, _ASIDE)
    aside.mkdir()
    try:
        fill(aside)
        atomic.flush(aside)
        final = _place(aside, folder, version)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return final


def _place(aside: pathlib.Path, folder: pathlib.Path, version: int | None) -> pathlib.Path:
    """Renames it; a version that has come meanwhile is not empty, and no rename replaces it."""
    while True:
        number = max(all_of(folder), default=0) + 1 if version is None else version
        final = folder / str(number)
        try:
            aside.rename(final)
        except OSError:
            if number not in all_of(folder):
                raise
            if version is not None:
                raise _taken(folder, version) from None
        else:
            return final


def _taken(folder: pathlib.Path, version: int) -> UserError:
    return UserError(f"{folder / str(version)} exists; leave --version out for the next free one, or give another")
