"""Files and folders that are there whole or not at all, and what a process that died on the way left behind.

A file is written under another name beside its own and renamed. Of a folder that takes another's place there are two
renames; between them the old one bears another name, which ends in the process's number and machine. Whoever finds it
and no such process puts it back, or clears it away where the new folder has come.
"""

import contextlib
import itertools
import json
import os
import pathlib
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any

from dpt_tf.system.errors import UserError

_WINDOWS = os.name == "nt"
_LONG = 60.0  # seconds; the two renames take microseconds
_COUNT = itertools.count()


@contextlib.contextmanager
def written(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A name beside `path` to write to, which is nobody else's; at the end of the block that file becomes `path`.

    Where the block fails, what stood at `path` is untouched and nothing is left of the new one.

    Raises:
      UserError: a folder, a device, a link or the like stands there.
      OSError: as the block does; where the system named no file, or the one beside, it is `path`.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UserError(f"{path} is there and no file that could be replaced; give another name")
    aside = named(path.parent, f"partial{next(_COUNT)}")
    try:
        yield aside
        aside.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, str(aside)):
            error.filename = str(path)
        raise


@contextlib.contextmanager
def errors_at(path: pathlib.Path) -> Iterator[None]:
    """What the system says of a file that is open already, a full disk, names it: `filename` is `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text in UTF-8; what of a file's name is none is spelt out."""
    with written(path) as aside:
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: pathlib.Path, facts: Any) -> None:
    """Writes what JSON can say."""
    write_text(path, json.dumps(facts, indent=2) + "\n")


def flush(path: pathlib.Path) -> None:
    """Waits until a file, or a folder with all that is in it, is on the disk.

    Note: Windows opens no folders; there the disk keeps names in its own order.
    """
    for one in (*path.rglob("*"), path) if path.is_dir() else (path,):
        if _WINDOWS and one.is_dir():
            continue
        descriptor = os.open(one, os.O_RDWR if _WINDOWS else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def keep(final: pathlib.Path, given: Iterable[str | os.PathLike | None]) -> None:
    """Nothing that was given is lost where a folder takes the place of `final`.

    Raises:
      UserError: a file or a folder that was given lies there, also by way of links.
    """
    for path in given:
        if (
            path is not None
            and final.exists()
            and pathlib.Path(os.path.realpath(path)).is_relative_to(os.path.realpath(final))
        ):
            raise UserError(f"{path} was given and lies in {final}, which is to be replaced; write elsewhere")


def replace(new: pathlib.Path, final: pathlib.Path) -> None:
    """Moves the folder `new` to `final`; one that stood there is gone afterwards.

    Raises:
      OSError: it cannot be moved; what stood there is there again.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    recover(final)
    old = named(final.parent, _kind(final.name))
    with contextlib.suppress(FileNotFoundError):
        final.rename(old)
    try:
        new.rename(final)
    except OSError:
        if old.exists():
            old.rename(final)
        raise
    shutil.rmtree(old, ignore_errors=True)


def recover(final: pathlib.Path) -> None:
    """Puts `final` back where a dead process left it under another name, and clears what else such processes left.

    Where nothing may be written all stays as it is.
    """
    with contextlib.suppress(OSError):
        left = [
            path
            for path, dead in _left(final.parent, _kind(final.name))
            if dead or (dead is None and _age(path) > _LONG)
        ]
        left.sort(key=_age, reverse=True)
        if left and not final.exists():
            left.pop().rename(final)
        for path in left:
            shutil.rmtree(path, ignore_errors=True)


def recover_below(folder: pathlib.Path, name: str) -> None:
    """Recovers all folders called `name` in `folder` and down to two levels below, or `folder` if that is its name."""
    if folder.name == name:
        recover(folder)
    for above in ("", "*/", "*/*/"):
        for path in sorted({path.with_name(name) for path in folder.glob(f"{above}.{_kind(name)}-*")}):
            recover(path)


def named(folder: pathlib.Path, kind: str) -> pathlib.Path:
    """A hidden name in `folder` for what this process alone works on."""
    return folder / f".{kind}-{os.getpid()}@{socket.gethostname()}"


def clear(folder: pathlib.Path, kind: str) -> None:
    """Removes what dead processes of this machine had `named` so."""
    for path, dead in _left(folder, kind):
        if dead:
            shutil.rmtree(path, ignore_errors=True)


def _kind(name: str) -> str:
    return f"{name}.old"


def _left(folder: pathlib.Path, kind: str) -> list[tuple[pathlib.Path, bool | None]]:
    """What was `named` so, and whether its process is dead; None where that cannot be known."""
    return [(path, _dead(path.name[len(kind) + 2 :])) for path in folder.glob(f".{kind}-*")]


def _dead(owner: str) -> bool | None:
    """Whether no other process has this number; what bears our own was left by a namesake.

    Note: on Windows nobody can ask without harm.
    """
    number, _, machine = owner.partition("@")
    if machine != socket.gethostname() or not number.isdecimal() or _WINDOWS:
        return None
    try:
        if int(number) != os.getpid():
            os.kill(int(number), 0)
            return False
    except PermissionError:
        return False
    except (ProcessLookupError, OverflowError):
        pass
    return True


def _age(path: pathlib.Path) -> float:
    """Seconds since it was renamed."""
    return time.time() - path.stat().st_ctime
