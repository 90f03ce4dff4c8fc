"""Digests of what a scoring reads, so that one that was stopped goes on with nothing else.

A digest is a short text that is equal where the bytes are; names of folders have no part in it. That of a data set is
in `data.fingerprint`.
"""

import hashlib
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from dpt_tf.metrics import frozen
from dpt_tf.system import files
from dpt_tf.system.errors import UserError

_LENGTH = 16  # hexadecimal digits


def of_checkpoint(path: pathlib.Path) -> str:
    """A whole checkpoint's weights, which its manifest has digests of; or a file of shipped ones."""
    return of_files([path / "manifest.json" if path.is_dir() else path])


def of_network(handle: str | None) -> str | None:
    """The SavedModel or frozen graph on disk; None where the network comes from elsewhere, under a name that stays."""
    file = frozen.path_of(handle) if handle else None
    if file is not None and file.is_file():
        return of_files([file])
    folder = pathlib.Path(handle).expanduser() if handle else None
    if folder is None or not folder.is_dir():
        return None
    return of_files(sorted(path for path in folder.rglob("*") if path.is_file()))


def of_files(paths: Iterable[pathlib.Path]) -> str:
    """The contents of files, in this order."""
    digest = hashlib.sha256()
    for path in paths:
        with files.opened(path) as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:_LENGTH]


def of_pictures(files: Mapping[Any, pathlib.Path]) -> str:
    """Ready pictures, by their pairs.

    Raises:
      UserError: one of them is no file that can be read.
    """
    try:
        return of_files(files.values())
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}; a picture must be a file that can be read") from None
