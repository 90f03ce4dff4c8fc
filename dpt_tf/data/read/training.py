"""Training batches: which pairs, in which order.

The k-th batch is a pure function of the data set, the hyper-parameters and k: shuffling is stateless, so a run resumes
by `start_step` alone. An epoch goes through the files in an order of its own, takes items in windows of at most
`_WINDOW_BYTES`, and through the pairs of a window in a random order that needs no memory; what a resumed run leaves out
is never decoded. People with single points (`densepose`) go the same way, each an item of one view.
"""

import dataclasses
import functools
import os
from collections.abc import Callable

import tensorflow as tf

from dpt_tf.config import EVERY_STAGE, MAP_STAGE, MATTE_STAGE, HParams
from dpt_tf.data import pairing, sparse_records
from dpt_tf.data.read import augment, densepose, stored
from dpt_tf.data.read.augment.draws import Draws

_WINDOW_BYTES = 96 << 20
_MOST_ITEMS = 1024
_COVERED = 0.5  # share of the examples whose source somebody else has seen, too
_SOFT = 64  # sides of an edge's half width
_EACH_VIEW = ("inpainting", MAP_STAGE)  # stages whose views need not make pairs


@dataclasses.dataclass(frozen=True)
class _Stored:
    """The split `train` on disk, and how an item of it is parsed."""

    files: list[str]
    items: int
    num_bytes: int
    parse: Callable
    """An item -> the views of it that may be in an example, undecoded, each field `[n, ...]`."""


@dataclasses.dataclass(frozen=True)
class _Examples:
    """What a stage trains on: how many examples an item of n views gives, and which views each of them takes."""

    stored: _Stored
    in_epoch: int
    of_item: Callable
    """n, a number or a tensor of numbers -> how many examples."""
    views_of: Callable
    """(k, n, seed) -> the views of the k-th example of an item of n views, int64 `[m]`."""
    decode: Callable
    """Those views, with a `seed` -> (inputs, target), varied where hyper-parameters say so."""
    scale: Callable
    """A batch of these -> what the stage takes."""


def _examples(data_dir: str | os.PathLike, hparams: HParams, stage: str) -> _Examples:
    """Pairs of views; in the inpainting stage each view with neighbours, in that of maps each by itself."""
    if stage not in EVERY_STAGE:
        raise ValueError(f"no such stage: {stage}; have {', '.join(EVERY_STAGE)}")
    if stage == MAP_STAGE and sparse_records.holds(data_dir):
        return _people_with_points(data_dir, hparams)
    prepared = stored.open_for(data_dir, hparams, "train")
    parse = functools.partial(_parse_training, rule="all" if stage in _EACH_VIEW else prepared.rule)
    held = _Stored(prepared.files["train"], prepared.items["train"], prepared.num_bytes["train"], parse)
    decode = functools.partial(_decode, hparams=hparams, image_size=prepared.image_size, stage=stage)
    if stage == MAP_STAGE:
        return _Examples(
            stored=held,
            in_epoch=prepared.views["train"],
            of_item=lambda views: views,
            views_of=lambda view, _views, _seed: view[None],
            decode=functools.partial(decode, count=1, arrange=stored.as_view),
            scale=stored.scale_view,
        )
    if stage == "inpainting":
        return _Examples(
            stored=held,
            in_epoch=prepared.views["train"],
            of_item=lambda views: views,
            views_of=functools.partial(_with_neighbours, count=hparams.neighbours),
            decode=functools.partial(decode, count=1 + hparams.neighbours, arrange=stored.as_neighbours),
            scale=stored.scale_neighbours,
        )
    return _Examples(
        stored=held,
        in_epoch=prepared.pairs["train"],
        of_item=pairing.train_pairs,
        views_of=lambda pair, views, _seed: tf.stack([pair // views, pair % views]),
        decode=functools.partial(decode, count=2, arrange=stored.as_pair),
        scale=stored.scale_pair,
    )


def _people_with_points(data_dir: str | os.PathLike, hparams: HParams) -> _Examples:
    """Each of them by itself."""
    sparse = densepose.open_for(data_dir, "train", hparams.image_size)
    people = sparse.people["train"]
    return _Examples(
        stored=_Stored(sparse.files["train"], people, sparse.num_bytes["train"], densepose.as_views),
        in_epoch=people,
        of_item=lambda views: views,
        views_of=lambda view, _views, _seed: view[None],
        decode=functools.partial(densepose.decode_person, hparams=hparams, stored=sparse.image_size),
        scale=lambda inputs, target: (inputs, target),
    )


def train_batches(data_dir: str | os.PathLike, hparams: HParams, stage: str, start_step: int = 0) -> tf.data.Dataset:
    """Endless batches from the `start_step`-th on. Epochs follow one another without a gap or a smaller batch.

    Raises:
      UserError: no such data set, other picture size than `hparams.image_size`, no keypoints though a conditioning
      needs them, single points for another stage than that of maps.
    """
    examples = _examples(data_dir, hparams, stage)
    held = examples.stored
    first_epoch, skip = divmod(start_step * hparams.batch_size, examples.in_epoch)
    window = max(1, min(_MOST_ITEMS, _WINDOW_BYTES * held.items // max(1, held.num_bytes)))

    def epoch(number):
        seed = tf.random.experimental.stateless_fold_in([hparams.seed, 1], number)
        to_skip = tf.where(number == first_epoch, tf.constant(skip, tf.int64), tf.constant(0, tf.int64))
        return _epoch(window, seed, to_skip, examples)

    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return (
        tf.data.Dataset.range(first_epoch, tf.int64.max)
        .flat_map(epoch)
        .map(examples.decode, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(hparams.batch_size, drop_remainder=True)
        .map(examples.scale, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(2)
        .with_options(options)
    )


def steps_per_epoch(data_dir: str | os.PathLike, hparams: HParams, stage: str) -> int:
    """How many batches an epoch is: of all training pairs, or where a stage takes each view once, of all those."""
    return max(1, _examples(data_dir, hparams, stage).in_epoch // hparams.batch_size)


def _epoch(window: int, seed, skip, examples: _Examples) -> tf.data.Dataset:
    """Undecoded examples of one epoch but for the first `skip`."""
    files = examples.stored.files
    order = tf.argsort(tf.random.stateless_uniform([len(files)], seed))
    windows = (
        tf.data.Dataset.from_tensor_slices(tf.gather(tf.constant(files), order))
        .interleave(lambda file: stored.raw_items(file), cycle_length=4)
        .map(examples.stored.parse)
        .ragged_batch(window)
        .map(_ragged)
        .enumerate()
    )

    def leave_out(left, numbered):
        number, views = numbered
        count = tf.reduce_sum(examples.of_item(_any(views).row_lengths()))
        return tf.nn.relu(left - count), (number, views, count, tf.minimum(left, count))

    def from_window(number, views, count, start):
        flat = {name: field.flat_values for name, field in views.items()}
        lengths, firsts = _any(views).row_lengths(), _any(views).row_starts()
        in_item = examples.of_item(lengths)
        ends = tf.cumsum(in_item)
        window_seed = tf.random.experimental.stateless_fold_in(seed, number)

        def take(index):
            place = tf.random.experimental.index_shuffle(index, window_seed, count - 1)
            item = tf.searchsorted(ends, [place], side="right")[0]
            within = place - (ends[item] - in_item[item])
            one_seed = tf.random.experimental.stateless_fold_in(window_seed, index)
            views = stored.take(flat, firsts[item] + examples.views_of(within, lengths[item], one_seed))
            return {**views, "seed": tf.random.experimental.stateless_fold_in(one_seed, 1)}

        return tf.data.Dataset.range(start, count).map(take)

    return windows.scan(skip, leave_out).flat_map(from_window)


def _ragged(views):
    """A window of items, `[items, (views), ...]`, also where each has as many views."""
    return {
        name: field if isinstance(field, tf.RaggedTensor) else tf.RaggedTensor.from_tensor(field)
        for name, field in views.items()
    }


def _any(views):
    """One of the fields, which are all of as many views."""
    return next(iter(views.values()))


def _decode(views, hparams: HParams, image_size: int, stage: str, count: int, arrange: Callable):
    """Stored views -> (inputs, target) in uint8: varied where `hparams` say so, and with mattes where wanted."""
    alone = stage == MAP_STAGE
    mattes = stage == MATTE_STAGE or (stage in ("predictive", "joint") and hparams.matte_weight > 0)
    seen = stored.decode(views, count, hparams, image_size, bool(hparams.augment) or mattes or alone)
    has_matte = [tf.reduce_any(photo[..., 3:] < 255) for photo in seen.photos]
    if hparams.augment:
        seen = (augment.vary_alone if alone else augment.vary)(seen, views["seed"])
    inputs, target = arrange(seen, hparams)
    if alone:
        target["has_person"] = tf.cast(has_matte[0], tf.float32)
    if mattes:
        for side, photo, has in zip(("source", "target"), seen.photos, has_matte, strict=True):
            inputs[f"{side}_matte"] = photo[..., 3:] * tf.cast(has, tf.uint8)
            inputs[f"{side}_has_matte"] = tf.cast(has, tf.float32)
    if stage == "joint" and hparams.learns_coverage():
        inputs["source_coverage"] = _coverage(inputs["source_matte"], views["seed"])
    return inputs, target


def _coverage(matte, seed):
    """Of every other example what a network of maps would say of the person: a matte of soft edges; else nothing."""
    told = Draws(tf.random.experimental.stateless_fold_in(seed, 2)).chance(_COVERED)
    size = matte.shape[0]
    window = 2 * max(1, size // _SOFT) + 1
    soft = tf.nn.avg_pool2d(tf.cast(matte, tf.float32)[None], window, 1, "SAME")[0]
    return tf.where(told, tf.cast(tf.round(soft), tf.uint8), tf.zeros_like(matte))


def _parse_training(serialized, rule: str) -> dict[str, tf.Tensor]:
    views = stored.parse(serialized)
    may = views["held_out"] == 0
    if rule == "joints":
        may &= tf.reduce_all(tf.gather(views["keypoints"], pairing.NEEDED, axis=1) >= 0, [1, 2])
    kept = tf.where(may)[:, 0]
    return {name: tf.gather(field, kept) for name, field in views.items()}


def _with_neighbours(view, views, seed, count: int):
    """`view` and then `count` others of an item of `views`, each once before any comes twice.

    A lonely view is its own neighbour.
    """
    order = tf.cast(tf.argsort(tf.random.stateless_uniform([tf.maximum(views - 1, 1)], seed)), tf.int64)
    drawn = tf.gather(order, tf.range(count, dtype=tf.int64) % tf.maximum(views - 1, 1))
    others = tf.where(views > 1, drawn + tf.cast(drawn >= view, tf.int64), tf.zeros_like(drawn))
    return tf.concat([[view], others], 0)
