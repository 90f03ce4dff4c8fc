"""People with single known points -> batches in the form of dense maps: what is not known is marked so.

  photo `[B, S, S, 3]` float32 in [-1, 1]
  part  `[B, S, S]` int32: 0 off the person, 1..24 where a point is, -1 on the person where none is
  uv    `[B, S, S, 2]` float32 in [0, 1] where a point is, 0 elsewhere

A loss over the pixels with part > 0 (and one over those with part >= 0, for the background) takes a dense map and these
alike: dense truth has no -1.
"""

import os

import tensorflow as tf

from dpt_tf.data import sparse_records
from dpt_tf.ops import picture_files
from dpt_tf.system.errors import UserError

_SPEC = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "mask": tf.io.FixedLenFeature([], tf.string),
    "points": tf.io.FixedLenSequenceFeature([5], tf.float32, allow_missing=True),
}


def batches(
    data_dir: str | os.PathLike,
    split: str,
    size: int,
    batch_size: int,
    seed: int | None = None,
) -> tf.data.Dataset:
    """Batches of `photo`, `part` and `uv` of this module's header.

    Args:
      data_dir: what `dpt prepare --dataset=densepose_coco` wrote.
      split: `train`, or another that it has.
      size: S, a whole part of the stored size.
      batch_size: B, but for the last where `seed` is None.
      seed: shuffles, anew for each round, without end and in full batches; None: one round, in the stored order.

    Raises:
      UserError: no such data set or split, or S is no whole part of the stored size.
    """
    sparse = sparse_records.open_sparse(data_dir)
    if split not in sparse.files:
        raise UserError(f"{sparse.directory} has no split {split}, only {', '.join(sorted(sparse.files))}")
    if size < 1 or sparse.image_size % size:
        raise UserError(
            f"{sparse.directory} holds pictures of {sparse.image_size} pixels, {size} is no whole part of it: prepare "
            f"them with --size={size}"
        )
    found = tf.data.TFRecordDataset(sparse.files[split], buffer_size=4 << 20)
    if seed is not None:
        found = found.shuffle(min(sparse.people[split], 2048), seed=seed).repeat()
    return (
        found.map(lambda record: _decode(record, sparse.image_size, size), num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size, drop_remainder=seed is not None)
        .prefetch(2)
    )


def _decode(record, stored: int, size: int) -> dict[str, tf.Tensor]:
    """One person, `[S, S, ...]`."""
    held, factor = tf.io.parse_single_example(record, _SPEC), stored // size
    photo = tf.cast(tf.ensure_shape(picture_files.decode(held["image"]), [stored, stored, 3]), tf.float32)
    photo = tf.reduce_mean(tf.reshape(photo, [size, factor, size, factor, 3]), [1, 3])
    mask = tf.ensure_shape(tf.io.decode_png(held["mask"], channels=1), [stored, stored, 1])[..., 0]
    part, uv = paint(held["points"], mask[factor // 2 :: factor, factor // 2 :: factor] > 0, 1 / factor)
    return {"photo": photo / 127.5 - 1.0, "part": part, "uv": uv}


def paint(points: tf.Tensor, person: tf.Tensor, scale: float = 1.0) -> tuple[tf.Tensor, tf.Tensor]:
    """Points on a grid of pixels: `-> part int32 [S, S], uv float32 [S, S, 2]`, as this module's header has them.

    Args:
      points: float32 `[N, 5]`: x, y, I, U, V; the last of those in one pixel counts, also off the person's mask.
      person: bool `[S, S]`.
      scale: pixels of the grid for each unit of x and y.
    """
    size = tf.shape(person)[0]
    places = tf.cast(tf.floor(points[:, :2] * scale), tf.int32)
    points = tf.boolean_mask(points, tf.reduce_all((places >= 0) & (places < size), axis=-1))
    places = tf.cast(tf.floor(points[:, :2] * scale), tf.int32)
    number = tf.range(tf.shape(points)[0])
    last = tf.math.unsorted_segment_max(number, places[:, 1] * size + places[:, 0], size * size)
    known = tf.reshape(last >= 0, [size, size])
    # A row of nothing behind the points is what pixels without one take.
    rows = tf.gather(tf.pad(points, [[0, 1], [0, 0]]), tf.where(last >= 0, last, tf.shape(points)[0]))
    rows = tf.reshape(rows, [size, size, 5])
    part = tf.where(known, tf.cast(rows[..., 2], tf.int32), tf.where(person, -1, 0))
    return tf.ensure_shape(part, person.shape), tf.ensure_shape(rows[..., 3:], [*person.shape, 2])
