"""The one stored form of every data set: what an item holds, how views pair up, and writing and opening it.

An item is one person in one outfit, seen in n views, each picture stored once; pairs are formed by rule on reading.
The form is TFDS's own on tfrecord, so `tfds.builder_from_directory(directory)` reads it without any code of ours:

  id                text
  views             sequence of
    name            text
    image           encoded picture (JPEG or PNG), `[S, S, 3]`; alpha, if any, covers the person and blends nothing
    iuv             PNG, `[S, S, 3]`, R = I, G = U, B = V
    keypoints       int32 `[18, 2]`, (y, x) in pixels, -1 where missing
    held_out        bool: never seen in training

Pairs of views are formed on reading, by the rules of `pairing`, or from the list of test pairs that a data set built by
a published protocol holds beside its records, `pairs_test.csv`.
"""

import contextlib
import dataclasses
import errno
import io
import itertools
import os
import pathlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypedDict

import numpy as np

from dpt_tf.data.keypoints import JOINTS
from dpt_tf.data.pairing import SplitCounts
from dpt_tf.system import atomic, locks, quiet
from dpt_tf.system.errors import UserError

VERSION = "1.0.0"
_FRAME = 16  # bytes round each example: its length, and two checksums
PAIR_LIST = "pairs_test.csv"
SINGLE_POINTS = "holds people with single points, no pairs; `train.py --dataset=densepose_coco --stage=pose` takes it"


class View(TypedDict):
    """One photo of an item."""

    name: str
    image: bytes
    iuv: bytes
    keypoints: np.ndarray
    held_out: bool


class Item(TypedDict):
    """One person in one outfit."""

    id: str
    views: list[View]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A prepared data set on disk; the dicts go by split, `train` and perhaps `test`."""

    directory: pathlib.Path
    description: str
    image_size: int
    keypoints: bool
    """Whether every usable view has keypoints."""
    rule: str
    """Which views may be in a pair, one of `pairing.RULES`."""
    pair_list: pathlib.Path | None
    """The published test pairs, where the data set has them."""
    files: dict[str, list[str]]
    items: dict[str, int]
    views: dict[str, int]
    pairs: dict[str, int]
    num_bytes: dict[str, int]


def no_keypoints() -> np.ndarray:
    """The keypoints of a view that has none: -1, `[18, 2]`."""
    return np.full((len(JOINTS), 2), -1, np.int32)


def write(
    data_dir: str | os.PathLike,
    name: str,
    splits: Mapping[str, Iterable[Item]],
    image_size: int,
    description: str,
) -> Prepared:
    """Writes a prepared data set to `data_dir/name/1.0.0`, whole or not at all; one that stood there is replaced.

    Items stream through, so memory does not grow with their number. Views that are held out are left out of the split
    `train`. A split without an item is not written.

    Raises:
      OSError: the disk is full; what was there before is untouched.
      UserError: no split has an item, or nothing can be written to `data_dir`.
    """
    facts = metadata(image_size, "all")

    def examples(split: str, items: Iterable[Item]) -> Iterator[tuple[str, Item]]:
        return _examples(split, items, facts)

    return open_prepared(write_whole(data_dir, name, splits, examples, features(image_size), facts, description))


def write_whole(
    data_dir: str | os.PathLike,
    name: str,
    splits: Mapping[str, Iterable[Any]],
    examples: Callable[[str, Iterable[Any]], Iterator[tuple[str, Any]]],
    features: Any,
    facts: Any,
    description: str,
) -> pathlib.Path:
    """Writes a data set of any form to `data_dir/name/1.0.0`, whole or not at all; gives that folder.

    Args:
      data_dir: the folder of data sets.
      name: of this one.
      splits: what is to be written; it streams through, and a split without anything is not written.
      examples: a split and what is in it -> keys and what `features` can encode.
      features: TFDS's.
      facts: TFDS's metadata, which `examples` may still change.
      description: for people.

    Raises:
      OSError: the disk is full; what was there before is untouched.
      UserError: there is nothing in any split, or nothing can be written to `data_dir`, or it holds something else.
    """
    root = pathlib.Path(data_dir)
    locks.refuse(root)
    final = root / name / VERSION
    partial = f"{name}.partial"
    aside = atomic.named(root, partial)
    filled = {split: items for split, items in ((s, _none_if_empty(i)) for s, i in splits.items()) if items is not None}
    if final.exists() and any(final.iterdir()) and not (final / "dataset_info.json").is_file():
        raise UserError(f"{final} holds something else than a data set, which would be lost; write elsewhere")
    if not filled:
        raise UserError(f"nothing to write to {final}: no item in any split")
    try:
        root.mkdir(parents=True, exist_ok=True)
        atomic.clear(root, partial)
        _prepare(aside, name, {s: examples(s, i) for s, i in filled.items()}, features, facts, description)
        atomic.replace(aside / name / VERSION, final)
    except Exception as error:
        if _disk_full(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(final)) from None
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return final


def refuse_cut(folder: pathlib.Path, info: Any) -> None:
    """Whether what lies on this machine is as long as it was written; TFDS's info counts examples without their frames.

    Raises:
      UserError: it is shorter or longer: a copy that stopped, a disk that was full.
    """
    for name, split in info.splits.items():
        paths = [str(path) for path in split.filepaths]
        if any("://" in path or ".tfrecord" not in path for path in paths):
            continue
        there, whole = sum(map(os.path.getsize, paths)), int(split.num_bytes) + _FRAME * split.num_examples
        if there != whole:
            raise UserError(
                f"{folder}: the files of {name} have {there} bytes together, and {whole} were written; copy the data "
                "set anew, or write it again"
            )


def open_prepared(data_dir: str | os.PathLike) -> Prepared:
    """Opens the prepared data set in `data_dir`, or the only one below it.

    Raises:
      UserError: there is none, or more than one, or one that was not prepared for this program.
    """
    import tensorflow_datasets as tfds
    from google.protobuf import json_format

    root = pathlib.Path(data_dir)
    atomic.recover_below(root, VERSION)
    if not root.is_dir():
        raise UserError(
            f"no such folder: {root}; `dpt prepare PHOTOS --output {root}` or `dpt build` writes a data set there"
        )
    found = directories(root)
    if not found:
        raise UserError(
            f"{root} holds no prepared data set; `dpt prepare PHOTOS --output {root}` or `dpt build` writes one"
        )
    if len(found) > 1:
        raise UserError(f"{root} holds several data sets; name one: {', '.join(map(str, found))}")
    try:
        builder = tfds.builder_from_directory(found[0])
        refuse_cut(found[0], builder.info)
        facts: Any = builder.info.metadata
        if "points" in facts:
            raise UserError(f"{found[0]} {SINGLE_POINTS}")
        return Prepared(
            directory=found[0],
            description=builder.info.description,
            image_size=int(facts["image_size"]),
            keypoints=bool(facts["keypoints"]),
            rule=facts.get("rule", "all"),
            pair_list=found[0] / PAIR_LIST if (found[0] / PAIR_LIST).is_file() else None,
            files={name: [str(path) for path in split.filepaths] for name, split in builder.info.splits.items()},
            items={name: split.num_examples for name, split in builder.info.splits.items()},
            views=dict(facts["views"]),
            pairs=dict(facts["pairs"]),
            num_bytes={name: int(split.num_bytes) for name, split in builder.info.splits.items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, json_format.Error):
        raise UserError(
            f"{found[0]} was not written by `dpt prepare` or `dpt build` of this version; write it again with it"
        ) from None


def _disk_full(error: BaseException | None) -> bool:
    """Whether a full disk is at the bottom of it: TFDS wraps errors in its own, and TensorFlow has no errno."""
    while error is not None:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def directories(root: pathlib.Path) -> list[pathlib.Path]:
    """The prepared data sets in `root` and down to three levels below."""
    patterns = ["/".join(["*"] * depth + ["dataset_info.json"]) for depth in range(4)]
    paths = sorted(path.parent for pattern in patterns for path in root.glob(pattern))
    return [path for path in paths if not any(part.startswith(".") for part in path.relative_to(root).parts)]


def _none_if_empty(items: Iterable[Any]) -> Iterator[Any] | None:
    iterator = iter(items)
    first = next(iterator, None)
    return None if first is None else itertools.chain([first], iterator)


def _prepare(
    directory: pathlib.Path, name: str, splits: Mapping[str, Iterable[Any]], features: Any, facts: Any, description: str
) -> None:
    import tensorflow_datasets as tfds

    class Builder(tfds.dataset_builders.AdhocBuilder, skip_registration=True):  # type: ignore[call-arg]
        def _info(self):
            return tfds.core.DatasetInfo(builder=self, description=description, features=features, metadata=facts)

    builder = Builder(
        name=name,
        version=VERSION,
        features=features,
        split_datasets=dict(splits),
        data_dir=directory,
        file_format="tfrecord",
    )
    with _quiet():
        builder.download_and_prepare()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without TFDS's bars and notes: whoever writes a data set shows its own progress, on stderr."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    try:
        with quiet.errors_only(), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()


def features(image_size: int):
    """The TFDS features of an item with pictures of `image_size`."""
    import tensorflow_datasets as tfds

    shape = (image_size, image_size, 3)
    return tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "views": tfds.features.Sequence(
                {
                    "name": tfds.features.Text(),
                    "image": tfds.features.Image(shape=shape),
                    "iuv": tfds.features.Image(shape=shape, encoding_format="png"),
                    "keypoints": tfds.features.Tensor(shape=(len(JOINTS), 2), dtype=np.int32),
                    "held_out": tfds.features.Scalar(dtype=np.bool_),
                }
            ),
        }
    )


def metadata(image_size: int, rule: str):
    """What `open_prepared` wants to know beside TFDS's own: TFDS's metadata, of which the counts are still to come."""
    import tensorflow_datasets as tfds

    return tfds.core.MetadataDict(image_size=image_size, keypoints=True, rule=rule, views={}, pairs={})


def _examples(split: str, items: Iterable[Item], facts: Any) -> Iterator[tuple[str, Item]]:
    counts = SplitCounts()
    for item in items:
        kept = [view for view in item["views"] if split != "train" or not view["held_out"]]
        if not kept:
            continue
        keypoints, held_out = (np.array([view[field] for view in kept]) for field in ("keypoints", "held_out"))
        counts.add(split, keypoints, held_out, "all")
        facts["keypoints"] &= counts.keypoints
        facts["views"][split], facts["pairs"][split] = counts.views, counts.pairs
        yield item["id"], {"id": item["id"], "views": kept}
