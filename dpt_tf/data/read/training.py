"""Training batches: which pairs, in which order.

The k-th batch is a pure function of the data set, the hyper-parameters and k: shuffling is stateless, so a run resumes
by `start_step` alone. An epoch goes through the files in an order of its own, takes items in windows of at most
`_WINDOW_BYTES`, and through the pairs of a window in a random order that needs no memory; what a resumed run leaves out
is never decoded.
"""

import functools
import os

import tensorflow as tf

from dpt_tf.config import STAGES, HParams
from dpt_tf.data import pairing
from dpt_tf.data.read import stored

_WINDOW_BYTES = 96 << 20
_MOST_ITEMS = 1024


def train_batches(data_dir: str | os.PathLike, hparams: HParams, stage: str, start_step: int = 0) -> tf.data.Dataset:
    """Endless batches from the `start_step`-th on. Epochs follow one another without a gap or a smaller batch.

    Raises:
      UserError: no such data set, other picture size than `hparams.image_size`, no keypoints though a conditioning
      needs them.
    """
    if stage not in STAGES:
        raise ValueError(f"no such stage: {stage}; have {', '.join(STAGES)}")
    prepared = stored.open_for(data_dir, hparams, "train")
    inpainting = stage == "inpainting"
    examples = prepared.views["train"] if inpainting else prepared.pairs["train"]
    first_epoch, skip = divmod(start_step * hparams.batch_size, examples)
    window = max(1, min(_MOST_ITEMS, _WINDOW_BYTES * prepared.items["train"] // max(1, prepared.num_bytes["train"])))

    def epoch(number):
        seed = tf.random.experimental.stateless_fold_in([hparams.seed, 1], number)
        to_skip = tf.where(number == first_epoch, tf.constant(skip, tf.int64), tf.constant(0, tf.int64))
        parse = functools.partial(_parse_training, rule="all" if inpainting else prepared.rule)
        return _epoch(prepared.files["train"], window, seed, to_skip, inpainting, hparams.neighbours, parse)

    decode = functools.partial(
        stored.decode_neighbours if inpainting else stored.decode_pair, stored=prepared.image_size
    )
    scale = stored.scale_neighbours if inpainting else stored.scale_pair
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return (
        tf.data.Dataset.range(first_epoch, tf.int64.max)
        .flat_map(epoch)
        .map(lambda views: decode(views, hparams), num_parallel_calls=tf.data.AUTOTUNE)
        .batch(hparams.batch_size, drop_remainder=True)
        .map(scale, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(2)
        .with_options(options)
    )


def steps_per_epoch(data_dir: str | os.PathLike, hparams: HParams, stage: str) -> int:
    """How many batches an epoch is: of all training pairs, or in the inpainting stage of all training views."""
    prepared = stored.open_for(data_dir, hparams, "train")
    examples = prepared.views["train"] if stage == "inpainting" else prepared.pairs["train"]
    return max(1, examples // hparams.batch_size)


def _epoch(files, window, seed, skip, inpainting, neighbours, parse) -> tf.data.Dataset:
    """Undecoded examples of one epoch but for the first `skip`."""
    order = tf.argsort(tf.random.stateless_uniform([len(files)], seed))
    windows = (
        tf.data.Dataset.from_tensor_slices(tf.gather(tf.constant(files), order))
        .interleave(lambda file: stored.raw_items(file), cycle_length=4)
        .map(parse)
        .ragged_batch(window)
        .enumerate()
    )

    def leave_out(left, numbered):
        number, views = numbered
        lengths = views["name"].row_lengths()
        examples = tf.reduce_sum(lengths if inpainting else lengths**2)
        return tf.nn.relu(left - examples), (number, views, examples, tf.minimum(left, examples))

    def examples_of(number, views, examples, start):
        flat = {name: field.flat_values for name, field in views.items()}
        lengths, firsts = views["name"].row_lengths(), views["name"].row_starts()
        ends = tf.cumsum(lengths if inpainting else lengths**2)
        window_seed = tf.random.experimental.stateless_fold_in(seed, number)

        def take(index):
            place = tf.random.experimental.index_shuffle(index, window_seed, examples - 1)
            item = tf.searchsorted(ends, [place], side="right")[0]
            length, first = lengths[item], firsts[item]
            within = place - (ends[item] - (length if inpainting else length**2))
            if not inpainting:
                return stored.take_pair(flat, first + within // length, first + within % length)
            one_seed = tf.random.experimental.stateless_fold_in(window_seed, index)
            others = _others(within, length, neighbours, one_seed)
            return {name: tf.gather(field, first + tf.concat([[within], others], 0)) for name, field in flat.items()}

        return tf.data.Dataset.range(start, examples).map(take)

    return windows.scan(skip, leave_out).flat_map(examples_of)


def _parse_training(serialized, rule: str) -> dict[str, tf.Tensor]:
    views = stored.parse(serialized)
    may = views["held_out"] == 0
    if rule == "joints":
        may &= tf.reduce_all(tf.gather(views["keypoints"], pairing.NEEDED, axis=1) >= 0, [1, 2])
    kept = tf.where(may)[:, 0]
    return {name: tf.gather(field, kept) for name, field in views.items()}


def _others(view, length, count, seed):
    """`count` views of an item of `length` other than `view`, each once before any comes twice.

    A lonely view is its own neighbour.
    """
    order = tf.cast(tf.argsort(tf.random.stateless_uniform([tf.maximum(length - 1, 1)], seed)), tf.int64)
    drawn = tf.gather(order, tf.range(count, dtype=tf.int64) % tf.maximum(length - 1, 1))
    return tf.where(length > 1, drawn + tf.cast(drawn >= view, tf.int64), tf.zeros_like(drawn))
