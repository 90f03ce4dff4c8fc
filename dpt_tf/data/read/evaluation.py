"""The pairs of a split in a fixed order, for scoring.

By the rule for testing pairs come item by item, and items stream through. A published list of pairs goes before the
rule, in its own order, which jumps between items: then a pair's item is read where it lies in its file. Nothing is held
in memory but the numbers of the pairs.
"""

import os
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from dpt_tf.config import HParams
from dpt_tf.data import pairing, records
from dpt_tf.data.read import stored
from dpt_tf.system.errors import UserError


def eval_pairs(
    data_dir: str | os.PathLike,
    hparams: HParams,
    split: str = "test",
    limit: int | None = None,
    seed: int = 0,
    start: int = 0,
    only: Sequence[int] | None = None,
    scaled: bool = True,
) -> tf.data.Dataset:
    """The pairs of `split` by the rule for testing, in a fixed order: batches `(inputs, target, names)`.

    The last batch may be smaller. `names` is a dict of texts `item`, `source`, `target`.

    Args:
      data_dir: a prepared data set.
      hparams: batch and picture size, conditionings.
      split: `test`, or `train` to see what was learnt by heart.
      limit: take only so many pairs, spread evenly over all items.
      seed: draws the sources of held-out targets.
      start: leave out so many pairs at the beginning, to go on where a run stopped.
      only: the numbers of the pairs to give, ascending, instead of all from `start` on.
      scaled: photos as float32 in [-1, 1]; else as they were decoded, uint8.

    Raises:
      UserError: as `train_batches`; also where the split has no pair.
    """
    prepared = stored.open_for(data_dir, hparams, split)
    table = _pair_table(prepared, split, limit, seed)
    table = table[start:] if only is None else table[list(only)]
    chosen = _jumping(prepared, split, table) if _listed(prepared, split) else _streaming(prepared, split, table)
    decoded = chosen.map(
        lambda views: (*stored.decode_pair(views, hparams, prepared.image_size), stored.names_of(views)),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).batch(hparams.batch_size)
    if scaled:
        decoded = decoded.map(
            lambda inputs, target, names: (*stored.scale_pair(inputs, target), names),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return decoded.prefetch(2)


def count_eval_pairs(data_dir: str | os.PathLike, split: str = "test", limit: int | None = None, seed: int = 0) -> int:
    """How many pairs `eval_pairs` gives."""
    return len(_pair_table(stored.open_split(data_dir, split), split, limit, seed))


def list_eval_pairs(
    data_dir: str | os.PathLike, split: str = "test", limit: int | None = None, seed: int = 0
) -> list[tuple[str, str, str]]:
    """(item, source view, target view) of the pairs that `eval_pairs` gives, in their order."""
    prepared = stored.open_split(data_dir, split)
    table = _pair_table(prepared, split, limit, seed)
    items = list(stored.raw_items(prepared.files[split]).map(stored.parse_names).as_numpy_iterator())
    return [
        (items[item]["id"][0].decode(), items[item]["name"][source].decode(), items[item]["name"][target].decode())
        for item, source, target in table.tolist()
    ]


def _listed(prepared: records.Prepared, split: str) -> bool:
    return prepared.pair_list is not None and split == "test"


def _streaming(prepared: records.Prepared, split: str, table: np.ndarray) -> tf.data.Dataset:
    """The two views of each pair of `table`, which goes item by item."""
    starts = np.searchsorted(table[:, 0], np.arange(prepared.items[split] + 1))

    def item_pairs(number, serialized):
        views = stored.parse(serialized)
        of_item = tf.constant(table)[tf.gather(starts, number) : tf.gather(starts, number + 1)]
        return tf.data.Dataset.from_tensor_slices(of_item).map(lambda row: stored.take(views, row[1:]))

    return stored.raw_items(prepared.files[split]).enumerate().flat_map(item_pairs)


def _jumping(prepared: records.Prepared, split: str, table: np.ndarray) -> tf.data.Dataset:
    """The two views of each pair of `table`, in any order."""
    places = list(_places(prepared.files[split]))

    def read():
        for item, source, target in table.tolist():
            path, start, size = places[item]
            with tf.io.gfile.GFile(path, "rb") as file:
                file.seek(start)
                yield file.read(size), source, target

    number = tf.TensorSpec([], tf.int64)
    items = tf.data.Dataset.from_generator(read, output_signature=(tf.TensorSpec([], tf.string), number, number))
    return items.map(lambda serialized, source, target: stored.take(stored.parse(serialized), [source, target]))


def _places(files: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Where each serialized item lies: its file, first byte and size.

    A TFRecord is a size of 8 bytes, its checksum of 4, what was written, and a checksum of 4.
    """
    for path in files:
        with tf.io.gfile.GFile(path, "rb") as file:
            start, end = 12, file.size()
            while start < end:
                file.seek(start - 12)
                size = int.from_bytes(file.read(8), "little")
                yield path, start, size
                start += size + 16


def _pair_table(prepared: records.Prepared, split: str, limit: int | None, seed: int) -> np.ndarray:
    """int64 `[pairs, 3]`: item, source view, target view, by the list or by item."""
    pairs: list[tuple[int, int, int]] = []
    items = stored.raw_items(prepared.files[split]).map(stored.parse_names)
    if _listed(prepared, split):
        places = {
            (item["id"][view].decode(), name.decode()): (number, view)
            for number, item in enumerate(items.as_numpy_iterator())
            for view, name in enumerate(item["name"])
        }
        try:
            for name, source, target in pairing.read_list(prepared.pair_list):
                pairs.append((*places[name, source], places[name, target][1]))
        except KeyError as error:
            raise UserError(
                f"{prepared.pair_list}: {' / '.join(error.args[0])} is not in {split}; build it again"
            ) from None
    else:
        for number, item in enumerate(items.as_numpy_iterator()):
            item_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            may = pairing.usable(item["keypoints"], prepared.rule)
            pairs.extend((number, *pair) for pair in pairing.test_pairs(item["held_out"] > 0, item_seed, may))
    if not pairs:
        raise UserError(
            f"split {split} of {prepared.directory} has no pair of views; prepare items with two views or more"
        )
    table = np.array(pairs, np.int64)
    if limit is not None and limit < len(table):
        table = table[np.arange(limit) * len(table) // limit]
    return table
