"""The stored form of people of whom single points are known, as DensePose-COCO has them.

A record is one person in a square crop, and TFDS's own on tfrecord as in `records`:

  id       text
  name     text, the photo's
  image    JPEG, `[S, S, 3]`
  mask     PNG, `[S, S, 1]`: the coarse parts 1..14, 0 off the person
  points   float32 `[N, 5]`: x, y in the crop's pixels (pixel k covers [k, k + 1)), I in 1..24, U and V in [0, 1]
  box      float32 `[4]`: x0, y0, x1, y1 in the crop's pixels
"""

import dataclasses
import io
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from dpt_tf.data import records
from dpt_tf.data.prepare.densepose_coco import Example
from dpt_tf.system import atomic, files
from dpt_tf.system.errors import UserError

NAME = "densepose_coco"
_HOW = "`dpt prepare --dataset=densepose_coco` writes them"


@dataclasses.dataclass(frozen=True)
class Sparse:
    """A data set of this form on disk; the dicts go by split."""

    directory: pathlib.Path
    description: str
    image_size: int
    files: dict[str, list[str]]
    people: dict[str, int]
    points: dict[str, int]
    num_bytes: dict[str, int]


def write(
    data_dir: str | os.PathLike, splits: Mapping[str, Iterable[Example]], image_size: int, description: str
) -> Sparse:
    """Writes `data_dir/densepose_coco/1.0.0`, whole or not at all; people stream through.

    Raises:
      OSError: as `records.write_whole`.
      UserError: nobody is in any split, or whatever reading the people raises.
    """
    import tensorflow_datasets as tfds

    facts: Any = tfds.core.MetadataDict(image_size=image_size, points={})

    def encoded(split: str, people: Iterable[Example]) -> Iterator[tuple[str, Any]]:
        for person in people:
            facts["points"][split] = facts["points"].get(split, 0) + len(person.points)
            yield (
                person.id,
                {
                    "id": person.id,
                    "name": person.name,
                    "image": _jpeg(person.photo),
                    "mask": person.mask[..., None],
                    "points": person.points,
                    "box": person.box,
                },
            )

    folder = records.write_whole(data_dir, NAME, splits, encoded, features(image_size), facts, description)
    return open_sparse(folder)


def features(image_size: int):
    """The TFDS features of a person in a crop of `image_size`."""
    import tensorflow_datasets as tfds

    return tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "name": tfds.features.Text(),
            "image": tfds.features.Image(shape=(image_size, image_size, 3), encoding_format="jpeg"),
            "mask": tfds.features.Image(shape=(image_size, image_size, 1), encoding_format="png"),
            "points": tfds.features.Tensor(shape=(None, 5), dtype=np.float32),
            "box": tfds.features.Tensor(shape=(4,), dtype=np.float32),
        }
    )


def _jpeg(photo: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def holds(data_dir: str | os.PathLike) -> bool:
    """Whether what lies in `data_dir` or below is of this form, and nothing of another."""
    found = directories(data_dir)
    return bool(found) and found == records.directories(pathlib.Path(data_dir))


def directories(data_dir: str | os.PathLike) -> list[pathlib.Path]:
    """The data sets of this form in `data_dir` and below."""
    root = pathlib.Path(data_dir)
    atomic.recover_below(root, records.VERSION)
    return [folder for folder in records.directories(root) if _is_sparse(folder)]


def _is_sparse(folder: pathlib.Path) -> bool:
    try:
        return files.read_facts(folder / "dataset_info.json")["name"] == NAME
    except (OSError, ValueError, KeyError, TypeError):
        return False


def open_sparse(data_dir: str | os.PathLike) -> Sparse:
    """Opens the data set of this form in `data_dir`, or the only one below it.

    Raises:
      UserError: there is none, or it was not written by this program.
    """
    import tensorflow_datasets as tfds

    root = pathlib.Path(data_dir)
    found = directories(root)
    if not found:
        raise UserError(f"{root} holds no people with points of DensePose-COCO; {_HOW}")
    if len(found) > 1:
        raise UserError(f"{root} holds several data sets; name one: {', '.join(map(str, found))}")
    try:
        builder = tfds.builder_from_directory(found[0])
        records.refuse_cut(found[0], builder.info)
        facts: Any = builder.info.metadata
        return Sparse(
            directory=found[0],
            description=builder.info.description,
            image_size=int(facts["image_size"]),
            files={name: [str(path) for path in split.filepaths] for name, split in builder.info.splits.items()},
            people={name: split.num_examples for name, split in builder.info.splits.items()},
            points=dict(facts["points"]),
            num_bytes={name: int(split.num_bytes) for name, split in builder.info.splits.items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{found[0]} holds no people with points of DensePose-COCO; {_HOW}") from None
