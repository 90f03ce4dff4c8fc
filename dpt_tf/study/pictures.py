"""The pictures of a study: which there are, which are drawn, and which real one a generated one should look like.

A generated picture's target is the real picture of its name, `front.png` for `front.jpg`, or the one that its name says
after `___`, `_to_` or `_2_`, as names of ready pictures do (`evaluation.ready_pictures`).
"""

import pathlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from dpt_tf.data.prepare import listing
from dpt_tf.evaluation import ready_pictures
from dpt_tf.images import framing, photos
from dpt_tf.system.errors import UserError

_SHOWN = 3
_Names = dict[str, set[pathlib.Path]]


def found(folder: pathlib.Path, flag: str) -> list[pathlib.Path]:
    """All photos below a folder in order of their names; neither maps nor mattes.

    Raises:
      UserError: no such folder, or none in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give {flag} the folder of these pictures")
    named = listing.arrange(folder, str).photos.values()
    paths = sorted(path for paths in named for path in map(pathlib.Path, paths) if not photos.is_matte_name(path))
    if not paths:
        raise UserError(f"{folder}: no picture in it ({', '.join(photos.SUFFIXES)}); give {flag} a folder of pictures")
    return paths


def drawn(paths: Sequence[pathlib.Path], count: int, flag: str, seed: np.random.Generator) -> list[pathlib.Path]:
    """`count` of `paths`, in random order.

    Raises:
      UserError: there are fewer.
    """
    if len(paths) < count:
        raise UserError(
            f"{flag}: {len(paths)} pictures, {count} are wanted; add {count - len(paths)} or give --count={len(paths)}"
        )
    return [paths[k] for k in seed.permutation(len(paths))[:count]]


def targets(
    generated: Sequence[pathlib.Path], folder: pathlib.Path, real: Sequence[pathlib.Path], real_folder: pathlib.Path
) -> dict[pathlib.Path, pathlib.Path]:
    """The real picture that each generated one should be in the pose of. Paths below a folder count before names.

    Raises:
      UserError: a generated picture without one, or with two.
    """
    by_path: _Names = defaultdict(set)
    by_name: _Names = defaultdict(set)
    for path in real:
        by_path[ready_pictures.known(path.relative_to(real_folder).as_posix())].add(path)
        by_name[ready_pictures.known(path.name)].add(path)
    pairs, missing = {}, []
    for path in generated:
        fitting = next(filter(None, _fitting(path.relative_to(folder), by_path, by_name)), set())
        if len(fitting) > 1:
            both = " and ".join(map(str, sorted(fitting)[:2]))
            raise UserError(f"{path}: {both} both fit its name; name it SOURCE___TARGET.png, folders with - between")
        if fitting:
            pairs[path] = fitting.pop()
        else:
            missing.append(path)
    if missing:
        few = ", ".join(path.name for path in missing[:_SHOWN])
        raise UserError(
            f"{real_folder}: no target of {len(missing)} of {len(generated)} generated pictures ({few}); add them, "
            "named like the generated ones or as TARGET in SOURCE___TARGET.png, or leave out --pairs"
        )
    return pairs


def _fitting(path: pathlib.Path, by_path: _Names, by_name: _Names) -> Iterator[set[pathlib.Path]]:
    """The real pictures of a generated one's whole name, of its targets' names, of its whole name however spelt."""
    whole = {path.with_suffix("").as_posix().replace("/", "-"), path.stem}
    parted = {target for name in whole for _, target in ready_pictures.readings(name)}
    for names in (whole, parted, set(map(ready_pictures.known, whole))):
        for real in (by_path, by_name):
            yield set().union(*(real[name] for name in names if name in real))


def read(paths: Sequence[pathlib.Path], size: int | None) -> Iterator[np.ndarray]:
    """Their pixels, uint8 `[H, W, 3]`, all of one size: `size` pixels square, or the one that they have.

    Raises:
      UserError: one cannot be decoded; or sizes differ, which would tell real from generated.
    """
    first = None
    for path in paths:
        picture = photos.read(path)
        height, width = picture.shape[:2]
        first = first or (height, width)
        if size is None and (height, width) != first:
            raise UserError(
                f"{path} has {width} x {height} pixels, {paths[0]} {first[1]} x {first[0]}: sizes would tell real from "
                f"generated; give --size={min(max(height, width), max(first))}, which frames all of them alike"
            )
        yield picture if size is None else framing.square_photo(picture, size)
