"""People with single known points -> batches in the form of dense maps: what is not known is marked so.

  photo `[B, S, S, 3]` float32 in [-1, 1]
  part  `[B, S, S]` int32: 0 off the body, 1..24 where a point is, -1 on the body where none is
  uv    `[B, S, S, 2]` float32 in [0, 1] where a point is, 0 elsewhere

A loss over the pixels with part > 0 (and one over those with part >= 0, for the background) takes a dense map and these
alike: dense truth has no -1. Training has two more, which the coarse masks and the box tell:

  person `[B, S, S]` float32: 1 on the body, 0 outside of the person's box, -1 between, where hair and cloth may be
  head   `[B, S, S]` float32: 1 on the head, 0 elsewhere

The masks are of the body under its clothes, the box is round all of the person. Other people in a crop are background.
"""

import os

import tensorflow as tf

from dpt_tf.config import HParams
from dpt_tf.data import sparse_records
from dpt_tf.data.prepare.densepose_coco import COARSE_PARTS
from dpt_tf.data.read import augment
from dpt_tf.ops import picture_files
from dpt_tf.system.errors import UserError

_SPEC = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "mask": tf.io.FixedLenFeature([], tf.string),
    "points": tf.io.FixedLenSequenceFeature([5], tf.float32, allow_missing=True),
    "box": tf.io.FixedLenFeature([4], tf.float32),
}
_OUTSIDE, _BESIDE, _BODY, _HEAD = range(4)  # regions: outside of the box, in it beside the body, on it, on its head


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
    sparse = open_for(data_dir, split, size)
    found = tf.data.TFRecordDataset(sparse.files[split], buffer_size=4 << 20)
    if seed is not None:
        found = found.shuffle(min(sparse.people[split], 2048), seed=seed).repeat()
    return (
        found.map(lambda record: _as_map(*_decode(record, sparse.image_size, size)), tf.data.AUTOTUNE)
        .batch(batch_size, drop_remainder=seed is not None)
        .prefetch(2)
    )


def open_for(data_dir: str | os.PathLike, split: str, size: int) -> sparse_records.Sparse:
    """Opens a data set that has this split and can be read at this size; UserError where it has not, or cannot."""
    sparse = sparse_records.open_sparse(data_dir)
    if split not in sparse.files:
        raise UserError(f"{sparse.directory} has no split {split}, only {', '.join(sorted(sparse.files))}")
    if size < 1 or sparse.image_size % size:
        raise UserError(
            f"{sparse.directory} holds pictures of {sparse.image_size} pixels, {size} is no whole part of it: prepare "
            f"them with --size={size}, or train with --hparams=image_size={sparse.image_size}"
        )
    return sparse


def as_views(record: tf.Tensor) -> dict[str, tf.Tensor]:
    """A stored person as an item of one view, undecoded."""
    return {"record": record[None]}


def decode_person(views, hparams: HParams, stored: int):
    """A person of `as_views`, `[S, S, ...]`, with a `seed` -> (inputs, target), varied where `hparams` say so."""
    photo, regions, points = _decode(views["record"][0], stored, hparams.image_size)
    if hparams.augment:
        photo, regions, points = augment.vary_points(photo, regions, points, views["seed"])
    truth = _as_map(photo, regions, points)
    person = tf.where(regions >= _BODY, 1.0, tf.where(regions == _BESIDE, -1.0, 0.0))
    return {"photo": truth.pop("photo")}, truth | {"person": person, "head": tf.cast(regions == _HEAD, tf.float32)}


def _decode(record, stored: int, size: int):
    """One person: photo uint8 `[S, S, 3]`, regions uint8 `[S, S]`, points float32 `[N, 5]` in pixels of this size."""
    held, factor = tf.io.parse_single_example(record, _SPEC), stored // size
    photo = tf.cast(tf.ensure_shape(picture_files.decode(held["image"]), [stored, stored, 3]), tf.float32)
    photo = tf.reduce_mean(tf.reshape(photo, [size, factor, size, factor, 3]), [1, 3])
    mask = tf.ensure_shape(tf.io.decode_png(held["mask"], channels=1), [stored, stored, 1])[..., 0]
    mask, box = mask[factor // 2 :: factor, factor // 2 :: factor], held["box"] / factor
    centres = tf.range(size, dtype=tf.float32) + 0.5
    by_x, by_y = ((centres >= box[k]) & (centres < box[k + 2]) for k in range(2))
    regions = tf.where(by_y[:, None] & by_x, _BESIDE, _OUTSIDE)
    regions = tf.where(mask == COARSE_PARTS, _HEAD, tf.where(mask > 0, _BODY, regions))
    points = held["points"] / [factor, factor, 1, 1, 1]
    return tf.cast(tf.round(photo), tf.uint8), tf.cast(regions, tf.uint8), points


def _as_map(photo, regions, points) -> dict[str, tf.Tensor]:
    part, uv = paint(points, regions >= _BODY)
    return {"photo": tf.cast(photo, tf.float32) / 127.5 - 1.0, "part": part, "uv": uv}


def paint(points: tf.Tensor, person: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Points on a grid of pixels: `-> part int32 [S, S], uv float32 [S, S, 2]`, as this module's header has them.

    Args:
      points: float32 `[N, 5]`: x, y, I, U, V; the last of those in one pixel counts, also off the person's mask.
      person: bool `[S, S]`.
    """
    size = tf.shape(person)[0]
    places = tf.cast(tf.floor(points[:, :2]), tf.int32)
    inside = tf.reduce_all((places >= 0) & (places < size), axis=-1)
    points, places = tf.boolean_mask(points, inside), tf.boolean_mask(places, inside)
    number = tf.range(tf.shape(points)[0])
    last = tf.math.unsorted_segment_max(number, places[:, 1] * size + places[:, 0], size * size)
    known = tf.reshape(last >= 0, [size, size])
    # A row of nothing behind the points is what pixels without one take.
    rows = tf.gather(tf.pad(points, [[0, 1], [0, 0]]), tf.where(last >= 0, last, tf.shape(points)[0]))
    rows = tf.reshape(rows, [size, size, 5])
    part = tf.where(known, tf.cast(rows[..., 2], tf.int32), tf.where(person, -1, 0))
    return tf.ensure_shape(part, person.shape), tf.ensure_shape(rows[..., 3:], [*person.shape, 2])
