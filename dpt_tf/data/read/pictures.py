"""The pictures of a split, each once, for what is measured over a set and not over pairs."""

import os

import numpy as np
import tensorflow as tf

from dpt_tf.data.read import stored
from dpt_tf.ops import picture_files


def pictures(data_dir: str | os.PathLike, split: str, start: int = 0, batch_size: int = 8) -> tf.data.Dataset:
    """Every photo of `split` that is not held out, in a fixed order: batches uint8 `[B, S, S, 3]`, S as stored.

    Args:
      data_dir: a prepared data set.
      split: its name.
      start: leave out so many at the beginning, to go on where one was stopped.
      batch_size: B, but for the last.

    Raises:
      UserError: no such data set, or split.
    """
    prepared = stored.open_split(data_dir, split)
    shape = [prepared.image_size, prepared.image_size, 3]

    def of_item(serialized):
        views = stored.parse(serialized)
        return tf.data.Dataset.from_tensor_slices(tf.boolean_mask(views["image"], views["held_out"] == 0))

    return (
        stored.raw_items(prepared.files[split])
        .flat_map(of_item)
        .skip(start)
        .map(lambda data: tf.ensure_shape(picture_files.decode(data), shape), num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .prefetch(2)
    )


def count_pictures(data_dir: str | os.PathLike, split: str) -> int:
    """How many `pictures` gives."""
    items = stored.raw_items(stored.open_split(data_dir, split).files[split]).map(stored.parse_names)
    return sum(int(np.sum(item["held_out"] == 0)) for item in items.as_numpy_iterator())
