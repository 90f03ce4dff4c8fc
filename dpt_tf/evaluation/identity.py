"""What makes a scoring the same: digests of all that it reads, so that one that was stopped goes on with nothing else.

A digest is a short text that is equal where the bytes are; names of folders have no part in it. Of a data set it is of
the sizes and of how the files begin, since nobody wants to read all of it at every start.
"""

import contextlib
import fcntl
import hashlib
import itertools
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dpt_tf.data import records
from dpt_tf.system.errors import UserError

_BEGINNING = 1 << 16  # bytes of a file of records that tell it from another
_LENGTH = 16  # hexadecimal digits


def of_data(data_dir: pathlib.Path) -> dict[str, Any]:
    """A data set as it can be told from another, wherever it lies: its sizes, and how its files begin."""
    prepared = records.open_prepared(data_dir)
    digest = hashlib.sha256()
    for path in itertools.chain(*prepared.files.values()):
        with open(path, "rb") as file:
            digest.update(file.read(_BEGINNING))
    sizes = {"items": prepared.items, "views": prepared.views, "pairs": prepared.pairs, "bytes": prepared.num_bytes}
    return {"image_size": prepared.image_size, **sizes, "digest": digest.hexdigest()[:_LENGTH]}


def of_checkpoint(path: pathlib.Path) -> str:
    """A whole checkpoint's weights, which its manifest has digests of."""
    return of_files([path / "manifest.json"])


def of_network(handle: str | None) -> str | None:
    """The SavedModel in the folder `handle`; None where the network comes from elsewhere, under a name that stays."""
    folder = pathlib.Path(handle).expanduser() if handle else None
    if folder is None or not folder.is_dir():
        return None
    return of_files(sorted(path for path in folder.rglob("*") if path.is_file()))


def of_files(paths: Iterable[pathlib.Path]) -> str:
    """The contents of files, in this order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
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


@contextlib.contextmanager
def claimed(folder: pathlib.Path) -> Iterator[None]:
    """Makes `folder`, and keeps other programs out of it. The system lets go of the lock however the program ends.

    Raises:
      UserError: another program is at work there, or a file stands in its place.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{folder}: a file stands in its place; name a folder to write to") from None
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"another program is at work in {folder}; wait for it, or use another folder") from None
        yield
