"""What a picture is called, and which files it must not take the place of: as `dpt_tf.images.naming` has it."""

import collections
import os
import pathlib
import re
from collections.abc import Iterable, Sequence


def of_pose(pose: str | os.PathLike) -> str:
    """The picture's file name: the pose's without the mark of a map, `front_IUV.png` -> `front.png`."""
    stem = pathlib.PurePath(pose).stem
    return re.sub(r"(?<=.)[_-]iuv\Z", "", stem, flags=re.IGNORECASE) + ".png"


def beside(pose: pathlib.Path) -> pathlib.Path:
    """Where the photo of a map commonly lies: `poses/front_IUV.png` -> `poses/front.png`."""
    return pose.with_name(of_pose(pose))


def twice(outputs: Sequence[pathlib.Path]) -> str:
    """The name that two of the outputs have, empty where there is none; on Windows `A.png` is `a.png`."""
    counts = collections.Counter(map(os.path.normcase, outputs))
    return next((path.name for path in outputs if counts[os.path.normcase(path)] > 1), "")


def overwritten(outputs: Iterable[pathlib.Path], inputs: Iterable[pathlib.Path]) -> pathlib.Path | None:
    """The first output that is a file of the inputs, under whatever name or link; None where there is none."""
    given = {identity for path in inputs if (identity := _identity(path)) is not None}
    return next((path for path in outputs if _identity(path) in given), None)


def no_file(outputs: Iterable[pathlib.Path]) -> pathlib.Path | None:
    """The first output whose place a folder, a device or a pipe takes, which no picture replaces; None if none."""
    return next((path for path in outputs if path.exists() and not path.is_file()), None)


def _identity(path: pathlib.Path) -> tuple[int, int] | None:
    """Equal for two paths where `os.path.samefile` is true of them; None where there is no such file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
