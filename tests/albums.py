"""Small folders of photos and maps, and what `dpt prepare` makes of them."""

import pathlib

import numpy as np
from PIL import Image

from dpt_tf.commands import main
from dpt_tf.data import records


def save_photo(path: pathlib.Path, height=32, width=32, colour=(200, 100, 50)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), colour, np.uint8)).save(path)


def save_map(path: pathlib.Path, height=32, width=32, first=True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = np.zeros((height, width, 3), np.uint8)
    made[height // 4 : height // 2, width // 4 : width // 2] = (2, 80, 90)
    if path.suffix == ".npy":
        np.save(path, made)
    else:
        Image.fromarray(made if first else made[..., ::-1]).save(path)


def person(folder: pathlib.Path, views: int = 2, **kwargs) -> pathlib.Path:
    for view in range(views):
        save_photo(folder / f"{view}.png", **kwargs)
        save_map(folder / f"{view}_IUV.png", **kwargs)
    return folder


def prepare(folder, output, *flags) -> int:
    return main.guarded(lambda: main.dispatch(["prepare", str(folder), f"--output={output}", "--size=32", *flags]))


def stored(output, split="train", encoded=False) -> dict:
    """The views of each person; with `encoded` pictures are files, which may have an alpha."""
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(records.open_prepared(output).directory)
    decoders = {"views": {"image": tfds.decode.SkipDecoding()}} if encoded else None
    items = builder.as_dataset(split, decoders=decoders).as_numpy_iterator()
    return {item["id"].decode(): item["views"] for item in items}
