"""What is stored -> tensors: parsing, decoding, reducing and scaling, all in the graph."""

import os

import tensorflow as tf

from dpt_tf.config import HParams
from dpt_tf.data import records
from dpt_tf.data.keypoints import JOINTS
from dpt_tf.ops import picture_files
from dpt_tf.system.errors import UserError

_FIELDS = {"name": tf.string, "image": tf.string, "iuv": tf.string, "keypoints": tf.int64, "held_out": tf.int64}


def open_split(data_dir: str | os.PathLike, split: str) -> records.Prepared:
    """Opens a prepared data set that has this split; UserError where it has not."""
    prepared = records.open_prepared(data_dir)
    if split not in prepared.files:
        have = ", ".join(sorted(prepared.files))
        hint = (
            "; hold views out with `dpt prepare --hold_out 5`, of a video with `--hold_out_block 0.2`"
            if split == "test"
            else ""
        )
        raise UserError(f"{prepared.directory} has no split {split}, only {have}{hint}")
    return prepared


def open_for(data_dir: str | os.PathLike, hparams: HParams, split: str) -> records.Prepared:
    """Opens a prepared data set that has what a run wants; UserError where it has not."""
    prepared = open_split(data_dir, split)
    if prepared.image_size % hparams.image_size:
        raise UserError(
            f"{prepared.directory} holds pictures of {prepared.image_size} pixels, the run wants {hparams.image_size}, "
            f"which is no whole part of it: prepare them with --size {hparams.image_size} or run with "
            f"--hparams=image_size={prepared.image_size}"
        )
    if hparams.keypoints_needed() and not prepared.keypoints:
        raise UserError(
            f"{prepared.directory} has views without keypoints, which source_pose or target_pose = keypoints needs; "
            "choose another conditioning, for example --hparams=source_pose=densepose,target_pose=densepose"
        )
    return prepared


def raw_items(files: list[str]) -> tf.data.Dataset:
    """Serialized items, in the order of the files."""
    return tf.data.TFRecordDataset(files, buffer_size=4 << 20)


def parse(serialized) -> dict[str, tf.Tensor]:
    """A stored item: `id` and the fields of its views, first dimension the view."""
    spec: dict[str, object] = {"id": tf.io.FixedLenFeature([], tf.string)}
    for name, dtype in _FIELDS.items():
        shape = [len(JOINTS), 2] if name == "keypoints" else []
        spec[f"views/{name}"] = tf.io.FixedLenSequenceFeature(shape, dtype, allow_missing=True)
    parsed = tf.io.parse_single_example(serialized, spec)
    views = {name: parsed[f"views/{name}"] for name in _FIELDS}
    return {**views, "id": tf.repeat(parsed["id"], tf.size(views["name"]))}


def parse_names(serialized) -> dict[str, tf.Tensor]:
    """Of a stored item what decides on pairs, without its pictures."""
    views = parse(serialized)
    return {name: views[name] for name in ("id", "name", "keypoints", "held_out")}


def take(views, numbers) -> dict[str, tf.Tensor]:
    """The views of these numbers, `[m]`, undecoded: each field gets a first dimension of m."""
    return {name: tf.gather(field, numbers) for name, field in views.items()}


def _picture(data, size: int, stored: int):
    picture = tf.ensure_shape(picture_files.decode(data), [stored, stored, 3])
    if stored == size:
        return picture
    blocks = tf.reshape(tf.cast(picture, tf.float32), [size, stored // size, size, stored // size, 3])
    return tf.cast(tf.round(tf.reduce_mean(blocks, [1, 3])), tf.uint8)


def _iuv(data, size: int, stored: int):
    factor = stored // size
    iuv = tf.ensure_shape(tf.io.decode_png(data, channels=3), [stored, stored, 3])
    return iuv[factor // 2 :: factor, factor // 2 :: factor]


def decode_pair(views, hparams: HParams, stored: int):
    """Two views of `stored` pixels -> (inputs, target) in uint8, of the run's size."""
    size = hparams.image_size
    decoded = {
        "source": _picture(views["image"][0], size, stored),
        "source_iuv": _iuv(views["iuv"][0], size, stored),
        "target_iuv": _iuv(views["iuv"][1], size, stored),
    }
    for row, side in enumerate(("source", "target")):
        if getattr(hparams, f"{side}_pose") == "keypoints":
            # Floor division keeps -1, which means missing.
            decoded[f"{side}_keypoints"] = tf.cast(views["keypoints"][row], tf.int32) // (stored // size)
    return decoded, _picture(views["image"][1], size, stored)


def decode_neighbours(views, hparams: HParams, stored: int):
    """A view and its neighbours -> (inputs, target) in uint8, of the run's size."""
    size, count = hparams.image_size, 1 + hparams.neighbours
    pictures = tf.stack([_picture(views["image"][i], size, stored) for i in range(count)])
    iuvs = tf.stack([_iuv(views["iuv"][i], size, stored) for i in range(count)])
    return {"source": pictures[0], "source_iuv": iuvs[0]}, {"image": pictures[1:], "iuv": iuvs[1:]}


def names_of(views):
    """What the evaluation calls a pair."""
    return {"item": views["id"][0], "source": views["name"][0], "target": views["name"][1]}


def _to_float(image):
    """uint8 0..255 -> float32 in [-1, 1]."""
    return tf.cast(image, tf.float32) / 127.5 - 1.0


def scale_pair(inputs, target):
    """Photos of a batch to float32 in [-1, 1]."""
    return {**inputs, "source": _to_float(inputs["source"])}, _to_float(target)


def scale_neighbours(inputs, target):
    """Photos of a batch to float32 in [-1, 1]."""
    return {**inputs, "source": _to_float(inputs["source"])}, {**target, "image": _to_float(target["image"])}
