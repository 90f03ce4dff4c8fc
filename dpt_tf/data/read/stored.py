"""What is stored -> tensors: parsing, decoding, reducing and scaling, all in the graph."""

import os
from typing import NamedTuple

import tensorflow as tf

from dpt_tf.config import HParams
from dpt_tf.data import records
from dpt_tf.data.keypoints import JOINTS
from dpt_tf.data.read import opacity
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


class Seen(NamedTuple):
    """Decoded views of an item, of the run's size, the source first."""

    photos: list[tf.Tensor]
    """uint8 `[S, S, 3]`, or with opacity `[S, S, 4]`."""
    maps: list[tf.Tensor]
    """uint8 `[S, S, 3]`, or likewise `[S, S, 4]`; the fourth channel says nothing."""
    joints: tf.Tensor
    """int32 `[n, 18, 2]`, -1 where missing."""


def decode(views, count: int, hparams: HParams, stored: int, with_opacity: bool = False) -> Seen:
    """The first `count` views, of `stored` pixels, reduced to the run's size."""
    size = hparams.image_size
    decode_photo, channels = (opacity.decode, 4) if with_opacity else (picture_files.decode, 3)

    def photo(data):
        picture = tf.ensure_shape(decode_photo(data), [stored, stored, channels])
        if stored == size:
            return picture
        blocks = tf.reshape(tf.cast(picture, tf.float32), [size, stored // size, size, stored // size, channels])
        return tf.cast(tf.round(tf.reduce_mean(blocks, [1, 3])), tf.uint8)

    def iuv(data):
        factor = stored // size
        whole = tf.ensure_shape(tf.io.decode_png(data, channels=channels), [stored, stored, channels])
        return whole[factor // 2 :: factor, factor // 2 :: factor]

    return Seen(
        photos=[photo(views["image"][row]) for row in range(count)],
        maps=[iuv(views["iuv"][row]) for row in range(count)],
        # Floor division keeps -1, which means missing.
        joints=tf.cast(views["keypoints"][:count], tf.int32) // (stored // size),
    )


def as_pair(seen: Seen, hparams: HParams):
    """Source and target -> (inputs, target) in uint8."""
    (source, target), (source_iuv, target_iuv) = ([one[..., :3] for one in each] for each in (seen.photos, seen.maps))
    inputs = {"source": source, "source_iuv": source_iuv, "target_iuv": target_iuv}
    for row, side in enumerate(("source", "target")):
        if getattr(hparams, f"{side}_pose") == "keypoints":
            inputs[f"{side}_keypoints"] = seen.joints[row]
    return inputs, target


def as_neighbours(seen: Seen, _hparams: HParams):
    """A view and its neighbours -> (inputs, target) in uint8."""
    source, *others = (photo[..., :3] for photo in seen.photos)
    source_iuv, *iuvs = (iuv[..., :3] for iuv in seen.maps)
    return {"source": source, "source_iuv": source_iuv}, {"image": tf.stack(others), "iuv": tf.stack(iuvs)}


def as_view(seen: Seen, _hparams: HParams):
    """A view with opacity -> (inputs, target) in uint8: the photo; its map, and the person's share of each pixel."""
    photo, iuv = seen.photos[0], seen.maps[0]
    return {"photo": photo[..., :3]}, {"iuv": iuv[..., :3], "person": photo[..., 3]}


def decode_pair(views, hparams: HParams, stored: int):
    """Two views of `stored` pixels -> (inputs, target) in uint8, of the run's size."""
    return as_pair(decode(views, 2, hparams, stored), hparams)


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


def scale_view(inputs, target):
    """A batch's photos to float32 in [-1, 1]; maps to `part` int32 and `uv` float32 in 0..1; `person` to 0..1."""
    iuv = target["iuv"]
    return {"photo": _to_float(inputs["photo"])}, {
        "part": tf.cast(iuv[..., 0], tf.int32),
        "uv": tf.cast(iuv[..., 1:], tf.float32) / 255,
        "person": tf.cast(target["person"], tf.float32) / 255,
        "has_person": target["has_person"],
    }
