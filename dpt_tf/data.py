"""Prepared items -> batches of (inputs, target), decoded and scaled in the graph.

The k-th training batch is a pure function of the data set, the hyper-parameters and k: shuffling is stateless, so a
run resumes by `start_step` alone. An epoch goes through the files in an order of its own, takes items in windows of
at most `_WINDOW_BYTES`, and through the pairs of a window in a random order that needs no memory; what a resumed run
leaves out is never decoded.

Predictive and joint stage: `(inputs, target)`, inputs `source` float32 `[B, S, S, 3]`, `source_iuv` and `target_iuv`
uint8 `[B, S, S, 3]` and, where a conditioning needs them, `source_keypoints` and `target_keypoints` int32 `[B, 18, 2]`.
Inpainting stage: inputs `source` and `source_iuv`, target a dict `image` `[B, K, S, S, 3]` and `iuv`: K other views
of the item.
"""

import os

import numpy as np
import tensorflow as tf

from dpt_tf import records
from dpt_tf.config import STAGES, HParams
from dpt_tf.errors import UserError

_WINDOW_BYTES = 96 << 20
_MOST_ITEMS = 1024
_FIELDS = {"name": tf.string, "image": tf.string, "iuv": tf.string, "keypoints": tf.int64, "held_out": tf.int64}


def train_batches(data_dir: str | os.PathLike, hparams: HParams, stage: str, start_step: int = 0) -> tf.data.Dataset:
    """Endless batches from the `start_step`-th on. Epochs follow one another without a gap or a smaller batch.

    Raises:
      UserError: no such data set, other picture size than `hparams.image_size`, no keypoints though a conditioning
      needs them.
    """
    if stage not in STAGES:
        raise ValueError(f"no such stage: {stage}; have {', '.join(STAGES)}")
    prepared = _open(data_dir, hparams, "train")
    inpainting = stage == "inpainting"
    examples = prepared.views["train"] if inpainting else prepared.pairs["train"]
    first_epoch, skip = divmod(start_step * hparams.batch_size, examples)
    window = max(1, min(_MOST_ITEMS, _WINDOW_BYTES * prepared.items["train"] // max(1, prepared.num_bytes["train"])))

    def epoch(number):
        seed = tf.random.experimental.stateless_fold_in([hparams.seed, 1], number)
        to_skip = tf.where(number == first_epoch, tf.constant(skip, tf.int64), tf.constant(0, tf.int64))
        return _epoch(prepared.files["train"], window, seed, to_skip, inpainting, hparams.neighbours)

    decode = _decode_neighbours if inpainting else _decode_pair
    scale = _scale_neighbours if inpainting else _scale_pair
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
    prepared = _open(data_dir, hparams, "train")
    examples = prepared.views["train"] if stage == "inpainting" else prepared.pairs["train"]
    return max(1, examples // hparams.batch_size)


def eval_pairs(
    data_dir: str | os.PathLike, hparams: HParams, split: str = "test", limit: int | None = None, seed: int = 0
) -> tf.data.Dataset:
    """The pairs of `split` by the rule for testing, in a fixed order: batches `(inputs, target, names)`.

    The last batch may be smaller. `names` is a dict of texts `item`, `source`, `target`.

    Args:
      data_dir: a prepared data set.
      hparams: batch and picture size, conditionings.
      split: `test`, or `train` to see what was learnt by heart.
      limit: take only so many pairs, spread evenly over all items.
      seed: draws the sources of held-out targets.

    Raises:
      UserError: as `train_batches`; also where the split has no pair.
    """
    prepared = _open(data_dir, hparams, split)
    files = prepared.files[split]
    table = _pair_table(prepared, split, limit, seed)
    starts = np.searchsorted(table[:, 0], np.arange(prepared.items[split] + 1))

    def item_pairs(number, serialized):
        views, of_item = (
            _parse(serialized),
            tf.constant(table)[tf.gather(starts, number) : tf.gather(starts, number + 1)],
        )
        return tf.data.Dataset.from_tensor_slices(of_item).map(lambda row: _take_pair(views, row[1], row[2]))

    return (
        _records(files)
        .enumerate()
        .flat_map(item_pairs)
        .map(lambda views: (_decode_pair(views, hparams), _names(views)), num_parallel_calls=tf.data.AUTOTUNE)
        .batch(hparams.batch_size)
        .map(lambda decoded, names: (*_scale_pair(*decoded), names), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(2)
    )


def count_eval_pairs(data_dir: str | os.PathLike, split: str = "test", limit: int | None = None, seed: int = 0) -> int:
    """How many pairs `eval_pairs` gives."""
    return len(_pair_table(_open_split(data_dir, split), split, limit, seed))


def _pair_table(prepared: records.Prepared, split: str, limit: int | None, seed: int) -> np.ndarray:
    """int64 `[pairs, 3]`: item, source view, target view, by item."""
    pairs: list[tuple[int, int, int]] = []
    for number, held_out in enumerate(_records(prepared.files[split]).map(_held_out)):
        item_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        pairs.extend((number, *pair) for pair in records.test_pairs(held_out.numpy(), item_seed))
    if not pairs:
        raise UserError(
            f"split {split} of {prepared.directory} has no pair of views; prepare items with two views or more"
        )
    table = np.array(pairs, np.int64)
    if limit is not None and limit < len(table):
        table = table[np.arange(limit) * len(table) // limit]
    return table


def _open_split(data_dir: str | os.PathLike, split: str) -> records.Prepared:
    prepared = records.open(data_dir)
    if split not in prepared.files:
        have = ", ".join(sorted(prepared.files))
        hint = "; hold views out with `dpt prepare --hold_out 5`" if split == "test" else ""
        raise UserError(f"{prepared.directory} has no split {split}, only {have}{hint}")
    return prepared


def _open(data_dir: str | os.PathLike, hparams: HParams, split: str) -> records.Prepared:
    prepared = _open_split(data_dir, split)
    if prepared.image_size != hparams.image_size:
        raise UserError(
            f"{prepared.directory} holds pictures of {prepared.image_size} pixels, the run wants {hparams.image_size}: "
            f"prepare them with --size {hparams.image_size} or run with --hparams=image_size={prepared.image_size}"
        )
    if hparams.keypoints_needed() and not prepared.keypoints:
        raise UserError(
            f"{prepared.directory} has views without keypoints, which source_pose or target_pose = keypoints needs; "
            "choose another conditioning, for example --hparams=source_pose=densepose,target_pose=densepose"
        )
    return prepared


def _records(files: list[str]) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(files, buffer_size=4 << 20)


def _held_out(serialized):
    spec = {"views/held_out": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True)}
    return tf.io.parse_single_example(serialized, spec)["views/held_out"] > 0


def _parse(serialized) -> dict[str, tf.Tensor]:
    """A stored item: `id` and the fields of its views, first dimension the view."""
    spec: dict[str, object] = {"id": tf.io.FixedLenFeature([], tf.string)}
    for name, dtype in _FIELDS.items():
        shape = [len(records.JOINTS), 2] if name == "keypoints" else []
        spec[f"views/{name}"] = tf.io.FixedLenSequenceFeature(shape, dtype, allow_missing=True)
    parsed = tf.io.parse_single_example(serialized, spec)
    views = {name: parsed[f"views/{name}"] for name in _FIELDS}
    return {**views, "id": tf.repeat(parsed["id"], tf.size(views["name"]))}


def _epoch(files, window, seed, skip, inpainting, neighbours) -> tf.data.Dataset:
    """Undecoded examples of one epoch but for the first `skip`."""
    order = tf.argsort(tf.random.stateless_uniform([len(files)], seed))
    windows = (
        tf.data.Dataset.from_tensor_slices(tf.gather(tf.constant(files), order))
        .interleave(lambda file: _records(file), cycle_length=4)
        .map(_parse_training)
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
                return _take_pair(flat, first + within // length, first + within % length)
            one_seed = tf.random.experimental.stateless_fold_in(window_seed, index)
            others = _others(within, length, neighbours, one_seed)
            return {name: tf.gather(field, first + tf.concat([[within], others], 0)) for name, field in flat.items()}

        return tf.data.Dataset.range(start, examples).map(take)

    return windows.scan(skip, leave_out).flat_map(examples_of)


def _parse_training(serialized) -> dict[str, tf.Tensor]:
    views = _parse(serialized)
    kept = tf.where(views["held_out"] == 0)[:, 0]
    return {name: tf.gather(field, kept) for name, field in views.items()}


def _others(view, length, count, seed):
    """`count` views of an item of `length` other than `view`, each once before any comes twice.

    A lonely view is its own neighbour.
    """
    order = tf.cast(tf.argsort(tf.random.stateless_uniform([tf.maximum(length - 1, 1)], seed)), tf.int64)
    drawn = tf.gather(order, tf.range(count, dtype=tf.int64) % tf.maximum(length - 1, 1))
    return tf.where(length > 1, drawn + tf.cast(drawn >= view, tf.int64), tf.zeros_like(drawn))


def _take_pair(views, source, target) -> dict[str, tf.Tensor]:
    """Source and target view, undecoded: each field gets a first dimension of 2."""
    return {name: tf.gather(field, [source, target]) for name, field in views.items()}


def _picture(data, size: int):
    picture = tf.io.decode_image(data, channels=3, expand_animations=False)
    return tf.ensure_shape(picture, [size, size, 3])


def _iuv(data, size: int):
    return tf.ensure_shape(tf.io.decode_png(data, channels=3), [size, size, 3])


def _decode_pair(views, hparams: HParams):
    size = hparams.image_size
    decoded = {
        "source": _picture(views["image"][0], size),
        "source_iuv": _iuv(views["iuv"][0], size),
        "target_iuv": _iuv(views["iuv"][1], size),
    }
    for row, side in enumerate(("source", "target")):
        if getattr(hparams, f"{side}_pose") == "keypoints":
            decoded[f"{side}_keypoints"] = tf.cast(views["keypoints"][row], tf.int32)
    return decoded, _picture(views["image"][1], size)


def _decode_neighbours(views, hparams: HParams):
    size, count = hparams.image_size, 1 + hparams.neighbours
    pictures = tf.stack([_picture(views["image"][i], size) for i in range(count)])
    iuvs = tf.stack([_iuv(views["iuv"][i], size) for i in range(count)])
    return {"source": pictures[0], "source_iuv": iuvs[0]}, {"image": pictures[1:], "iuv": iuvs[1:]}


def _names(views):
    return {"item": views["id"][0], "source": views["name"][0], "target": views["name"][1]}


def _to_float(image):
    """uint8 0..255 -> float32 in [-1, 1]."""
    return tf.cast(image, tf.float32) / 127.5 - 1.0


def _scale_pair(inputs, target):
    return {**inputs, "source": _to_float(inputs["source"])}, _to_float(target)


def _scale_neighbours(inputs, target):
    return {**inputs, "source": _to_float(inputs["source"])}, {**target, "image": _to_float(target["image"])}
