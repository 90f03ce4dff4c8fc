"""Weights as files of our own, which load in seconds: a zip of arrays, as `numpy.savez` writes, without pickles.

An array has the name `LAYER/VARIABLE` of `network`, float32, its norm folded in. `about` is JSON: the format, the
architecture, and a SHA-256 over both and all arrays.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dpt_tf.densepose.rcnn.architecture import Architecture
from dpt_tf.system import atomic, files
from dpt_tf.system.errors import UserError

FORMAT = 1
_ABOUT = "about"
_MOST_ABOUT = 1 << 16
_AGAIN = "convert the original's weights again"


class Digest:
    """SHA-256 over the architecture and arrays, whatever their order."""

    def __init__(self, architecture: Architecture):
        self._facts = [FORMAT, dataclasses.asdict(architecture)]
        self._arrays: list[tuple[str, str]] = []

    def add(self, name: str, array: np.ndarray) -> None:
        """Takes one more array."""
        made = hashlib.sha256(json.dumps([array.dtype.str, array.shape]).encode())
        made.update(np.ascontiguousarray(array).data)
        self._arrays.append((name, made.hexdigest()))

    def hexdigest(self) -> str:
        """Of all so far."""
        return hashlib.sha256(json.dumps([self._facts, sorted(self._arrays)], sort_keys=True).encode()).hexdigest()


def write(path: pathlib.Path, architecture: Architecture, arrays: Iterable[tuple[str, np.ndarray]]) -> None:
    """Writes what `read` reads, one array at a time; what stood at `path` is replaced when all of it is there.

    Raises:
      UserError: it cannot be written there.
    """
    digest = Digest(architecture)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.written(path) as aside, zipfile.ZipFile(aside, "w") as archive:
            for name, array in arrays:
                array = np.ascontiguousarray(array, np.float32)
                digest.add(name, array)
                _put(archive, name, array)
            about = {"format": FORMAT, "architecture": dataclasses.asdict(architecture), "digest": digest.hexdigest()}
            _put(archive, _ABOUT, np.frombuffer(json.dumps(about).encode(), np.uint8))
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); give another place") from None


def _put(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def is_one(path: str | os.PathLike) -> bool:
    """Whether a file is of this form, damaged or not."""
    try:
        with files.opened(path) as file, zipfile.ZipFile(file) as archive:
            return f"{_ABOUT}.npy" in archive.NameToInfo
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def architecture(path: str | os.PathLike) -> Architecture:
    """Which network it holds.

    Raises:
      UserError: it is damaged, or of another version.
    """
    return _architecture(path, _about(path))


def assign(path: str | os.PathLike, variables: Mapping[str, Any]) -> None:
    """Gives the variables of `Network.variables` their values.

    Raises:
      UserError: it is damaged or was changed.
    """
    about = _about(path)
    digest = Digest(_architecture(path, about))
    try:
        with files.opened(path) as file, np.load(file, allow_pickle=False) as stored:
            names = set(stored.files) - {_ABOUT}
            if names != variables.keys():
                odd = sorted(names ^ variables.keys())[0]
                raise UserError(f"{path}: does not fit its architecture ({odd[:160]}); {_AGAIN}")
            for name in stored.files:
                if name == _ABOUT:
                    continue
                array = stored[name]
                if array.shape != tuple(variables[name].shape) or array.dtype != np.float32:
                    raise UserError(f"{path}: {name} is {array.dtype} {array.shape}; {_AGAIN}")
                digest.add(name, array)
                variables[name].assign(array)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise UserError(f"{path}: cannot be read ({_line(error)}); {_AGAIN}") from None
    if digest.hexdigest() != about["digest"]:
        raise UserError(f"{path}: does not match the digest in it: it was changed; {_AGAIN}")


def _about(path: str | os.PathLike) -> dict[str, Any]:
    try:
        with files.opened(path) as file, zipfile.ZipFile(file) as archive:
            if archive.getinfo(f"{_ABOUT}.npy").file_size > _MOST_ABOUT:
                raise ValueError("a description that is too long")
        with files.opened(path) as file, np.load(file, allow_pickle=False) as stored:
            about = json.loads(stored[_ABOUT].tobytes())
        version, _ = about["format"], about["digest"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({_line(error)}); {_AGAIN}") from None
    if version != FORMAT:
        raise UserError(f"{path}: of format {version}, and this version of dpt_tf reads {FORMAT}; {_AGAIN}")
    return about


def _architecture(path, about: dict[str, Any]) -> Architecture:
    try:
        found = Architecture(**about["architecture"])
        blocks = tuple(found.blocks)
        numbers = (*blocks, found.stem, found.pyramid, found.hidden, found.head)
        if len(blocks) != 4 or not all(type(number) is int and 0 < number <= 1 << 12 for number in numbers):
            raise ValueError(numbers)
    except (TypeError, ValueError, KeyError):
        raise UserError(f"{path}: names no architecture; {_AGAIN}") from None
    return dataclasses.replace(found, blocks=blocks)


def _line(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).partition("\n")[0]
