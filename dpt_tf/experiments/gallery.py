"""The same few pairs as every row of an experiment paints them (Figs. 3 to 7).

RUN/shown/N.png                           the result on pair N of a fixed spread over all pairs
RUN/shown/N-before.png, N-after.png       its texture before and after inpainting
"""

import pathlib
from collections.abc import Mapping

import numpy as np

from dpt_tf.evaluation import scoring
from dpt_tf.images import display, photos
from dpt_tf.ops import atlas

_SHOWN = 6
_TEXELS = 64  # a part of more would fill the sheet
_TEXTURES = ("before", "after")


def paint(painter: scoring.Painter, split: scoring.Split, pairs: int, folder: pathlib.Path) -> None:
    """Writes a run's results, the last of the painter's rows."""
    numbers = iter(range(_SHOWN))
    for inputs, _, _ in split.batches(only=_spread(pairs)):
        for picture, number in zip(painter(inputs, ())[painter.rows[-1]], numbers, strict=False):
            display.save(_path(folder, number), picture)


def paint_textures(model, split: scoring.Split, pairs: int, folder: pathlib.Path) -> None:
    """Writes a run's textures before and after inpainting, each as a sheet of its 24 parts."""
    numbers = iter(range(_SHOWN))
    for inputs, _, _ in split.batches(only=_spread(pairs)):
        after = model(inputs)["texture"]
        size = after.shape[2]
        before, _ = atlas.unwrap(inputs["source"], inputs["source_iuv"], size)
        every = max(1, size // _TEXELS)
        for i, number in zip(range(len(after)), numbers, strict=False):
            for which, texture in zip(_TEXTURES, (before, after), strict=True):
                texels = display.to_uint8(texture[i, :, ::every, ::every].numpy())
                display.save(_path(folder, number, which), display.texture_sheet(texels))


def is_there(folder: pathlib.Path, pairs: int, textures: bool) -> bool:
    """Whether all of a run is there to be shown."""
    kinds = ("", *_TEXTURES) if textures else ("",)
    return all(_path(folder, number, kind).is_file() for number in range(len(_spread(pairs))) for kind in kinds)


def draw(
    output: pathlib.Path, folders: Mapping[str, pathlib.Path], split: scoring.Split, pairs: int, textured: str = ""
) -> None:
    """`grid.png`: source, pose, each row's result, truth; `textures.png`, if the row `textured` is there.

    Args:
      output: the folder of both.
      folders: of the runs, by row.
      split: the pairs.
      pairs: how many there are.
      textured: the row whose textures are shown.
    """
    grid, textures = sheets(folders, split, pairs, textured)
    display.save(output / "grid.png", grid)
    if textures is not None:
        display.save(output / "textures.png", textures)


def sheets(
    folders: Mapping[str, pathlib.Path], split: scoring.Split, pairs: int, textured: str = ""
) -> tuple[np.ndarray, np.ndarray | None]:
    """What `draw` writes, uint8 `[H, W, 3]`; None where there are no textures to show."""
    cases, textures = [], []
    numbers = iter(range(_SHOWN))
    for inputs, target, _ in split.batches(only=_spread(pairs)):
        truths, sources = (display.to_uint8(tensor.numpy()) for tensor in (target, inputs["source"]))
        for i, number in zip(range(len(truths)), numbers, strict=False):
            columns = {"source": sources[i], "pose": display.colour_map(inputs["target_iuv"][i].numpy())}
            columns |= {name: photos.read(_path(folder, number)) for name, folder in folders.items()}
            cases.append(scoring.Case(str(number), 0.0, columns | {"truth": truths[i]}))
            if textured in folders:
                both = [photos.read(_path(folders[textured], number, which)) for which in _TEXTURES]
                times = max(1, len(both[0]) // len(sources[i]))
                textures.append([sources[i].repeat(times, 0).repeat(times, 1), *both])
    captions = ("source", "before inpainting", "after inpainting")
    return scoring.sheet(cases), display.grid(textures, captions) if textures else None


def _spread(pairs: int) -> list[int]:
    count = min(_SHOWN, pairs)
    return [number * pairs // count for number in range(count)]


def _path(folder: pathlib.Path, number: int, kind: str = "") -> pathlib.Path:
    return folder / "shown" / (f"{number}-{kind}.png" if kind else f"{number}.png")
