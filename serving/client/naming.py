"""What a picture is called and which files it must not take the place of: as `dpt_tf.images.naming` has it."""

import collections
import os
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

FORMS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".webp": {"format": "WEBP", "lossless": True},
    ".bmp": {"format": "BMP"},
}
"""How a picture is saved, by how its file's name ends, in lower case."""


def of_pose(pose: str | os.PathLike) -> str:
    """The picture's file name: the pose's without the mark of a map, `front_IUV.png` -> `front.png`."""
    stem = pathlib.PurePath(pose).stem
    return re.sub(r"(?<=.)[_-]iuv\Z", "", stem, flags=re.IGNORECASE) + ".png"


def beside(pose: pathlib.Path) -> pathlib.Path:
    """Where the photo of a map commonly lies: `poses/front_IUV.png` -> `poses/front.png`."""
    return pose.with_name(of_pose(pose))


def is_file_name(path: pathlib.Path) -> bool:
    """Whether a file is meant: no folder is there, and the name ends as files' do: `a.png`, not `v1.0`."""
    return not path.is_dir() and bool(re.fullmatch(r"\.[a-z][a-z0-9]{1,4}", path.suffix.lower()))


def twice(outputs: Sequence[pathlib.Path]) -> str:
    """The name that two of the outputs have, empty where there is none; on Windows `A.png` is `a.png`."""
    counts = collections.Counter(map(os.path.normcase, outputs))
    return next((path.name for path in outputs if counts[os.path.normcase(path)] > 1), "")


def refused(
    outputs: Iterable[pathlib.Path],
    given: Iterable[pathlib.Path],
    flag: str = "--output",
    what: str = "a picture",
    forms: Iterable[str] = FORMS,
) -> str:
    """Why `outputs` are not to be written, in a line with the remedy; empty where they are.

    Nothing that was `given` is written over, under whatever name or link. Nor is what is no file: a link, a folder, a
    pipe, a device. And a name that ends in none of `forms` promises something else than it would hold.
    """
    known = {identity for path in given if (identity := _identity(path)) is not None}
    for path in outputs:
        if _identity(path) in known:
            return f"{path} would be overwritten by {what}; give another {flag}"
        if path.is_symlink() or (path.exists() and not path.is_file()):
            return f"{path} is no file that {what} could replace; give another {flag}"
        above = next(folder for folder in path.absolute().parents if folder.exists() or folder.is_symlink())
        if not above.is_dir():
            return f"{above} is no folder, so nothing can be written to {path}; give another {flag}"
        if path.suffix.lower() not in forms:
            return f"{path}: {what} is written as {', '.join(forms)}; give {flag} one of these endings, or a folder"
    return ""


def _identity(path: pathlib.Path) -> tuple[int, int] | None:
    """Equal for two paths where `os.path.samefile` is true of them; None where there is no such file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
