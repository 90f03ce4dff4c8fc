"""What a user may name that is no ordinary file, name or picture: made once for all tests, on systems with pipes."""

import contextlib
import io
import os
import pathlib
import socket
from collections.abc import Callable, Iterator

import damaged
import numpy as np
from PIL import Image

NAMES = {
    "Latin-1": b"\xe9",
    "two lines": b"two\nlines",
    "colours a terminal": b"\x1b[31mred",
    "letters": "ö衣".encode(),
}
"""Stems of file names that not every program can print, as the system has them."""


def no_files(folder: pathlib.Path, suffix: str = ".jpg") -> dict[pathlib.Path, str]:
    """What bears a file's name and is none that ends soon, and what is to be said of it."""
    folder.mkdir(exist_ok=True)
    said = {folder / f"{name}{suffix}": "a pipe or a device" for name in ("pipe", "zeros", "socket")}
    pipe, zeros, place = said
    os.mkfifo(pipe)
    zeros.symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(folder):  # whose path may have 100 letters
        made.bind(place.name)
    below, large = folder / f"below{suffix}", folder / f"large{suffix}"
    below.mkdir()
    with large.open("wb") as file:
        file.truncate(40 << 30)  # of which nothing is on the disk
    return said | {below: "a folder", large: "a file of 40960 MiB"}


def named(folder: pathlib.Path, data: bytes, suffix: str = ".png") -> list[pathlib.Path]:
    """The file under each of `NAMES`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{os.fsdecode(name)}{suffix}" for name in NAMES.values()]
    for path in paths:
        path.write_bytes(data)
    return paths


def photos() -> dict[str, tuple[str, bytes]]:
    """Photos of kinds that cameras and programs write, all of the same 40 x 30 pixels: `-> {kind: (suffix, file)}`."""
    colours = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    picture, grey = Image.fromarray(colours), Image.fromarray(colours[..., 0].astype(np.uint16) * 257)
    kinds = {
        "16 bits": (grey, "PNG"),
        "CMYK": (picture.convert("CMYK"), "JPEG"),
        "palette": (picture.quantize(9), "GIF"),
    }
    kinds |= {"transparent": (picture.convert("RGBA"), "WEBP"), "black and white": (picture.convert("1"), "BMP")}
    return {kind: (f".{form.lower()}", _file(made, form)) for kind, (made, form) in kinds.items()}


def bombs() -> dict[str, bytes]:
    """Pictures of few bytes and many pixels: one that Pillow warns of, one that it refuses, one of 2^62."""
    sides = {"a hundred megapixels": 10_000, "four gigapixels": 60_000, "2^62 pixels": (1 << 31) - 1}
    return {name: damaged.png(side, side, b"") for name, side in sides.items()}


def _file(made: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    made.save(buffer, form)
    return buffer.getvalue()


def seen(folder: pathlib.Path) -> dict[str, object]:
    """All that is below a folder: bytes of small files, targets of links, kinds of what is none."""
    found: dict[str, object] = {}
    for above, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = pathlib.Path(above, name)
            status = path.lstat()
            content = os.readlink(path) if path.is_symlink() else status.st_mode
            if path.is_file() and not path.is_symlink() and status.st_size < 1 << 20:
                content = path.read_bytes()
            found[str(path.relative_to(folder))] = content
    return found


@contextlib.contextmanager
def untouched(folder: pathlib.Path) -> Iterator[None]:
    """Nothing below the folder changes, comes or goes within the block."""
    before = seen(folder)
    yield
    after = seen(folder)
    assert after.keys() == before.keys() and after == before


def refused(ask: Callable[[], int], capsys, said: str = "", code: int = 2) -> str:
    """The one line, to standard error, with which a command ends; `said` is in it."""
    got = ask()
    error = capsys.readouterr().err
    assert (got, error.count("\n")) == (code, 1) and said in error, (got, said, error)
    return error
