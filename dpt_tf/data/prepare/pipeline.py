"""A catalogue -> shards of records, by Beam.

The unit of work is a shard: whoever gets one opens its pictures, one item after the other, writes the records straight
to the shard's file and says beside it, in JSON, what came of it. So no picture ever travels through Beam's shuffles,
and memory does not grow with the collection on any runner (`system.spread`). Which item is in which shard, and at which
place, follows from the items' ids alone, not from runners or workers.

A worker that dies is started anew by the runner: a shard is written aside and renamed.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import struct
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath

from dpt_tf import iuv
from dpt_tf.data import records
from dpt_tf.data.pairing import SplitCounts
from dpt_tf.data.prepare import folders
from dpt_tf.data.prepare.catalogue import KEYPOINT_FRAME, Catalogue, Fault, Outfit
from dpt_tf.iuv.sources import NOBODY
from dpt_tf.system import spread
from dpt_tf.system.errors import UserError

_BYTES_PER_PIXEL = 0.5  # of a stored view, picture and map; only the number of shards depends on it


@dataclasses.dataclass(frozen=True)
class Shard:
    """A unit of work."""

    split: str
    index: int
    path: str
    """Where its records go."""
    image_size: int
    rule: str
    padded: bool
    outfits: tuple[Outfit, ...]


@dataclasses.dataclass
class Outcome:
    """What came of one shard, or of several."""

    counts: SplitCounts = dataclasses.field(default_factory=SplitCounts)
    num_bytes: int = 0
    tally: dict[str, int] = dataclasses.field(default_factory=dict)
    """Maps by form and order, and what was mended in them."""
    faults: list[Fault] = dataclasses.field(default_factory=list)
    lost: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """Item and name of the views that were left out."""

    def to_json(self) -> str:
        """For the file beside a shard."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Outcome":
        """Reads what `to_json` wrote."""
        fields = json.loads(text)
        faults = [Fault(**fault) for fault in fields.pop("faults")]
        return cls(counts=SplitCounts(**fields.pop("counts")), faults=faults, **fields)

    def merge(self, other: "Outcome") -> None:
        """Adds another's to it."""
        self.counts.merge(other.counts)
        self.num_bytes += other.num_bytes
        for name, count in other.tally.items():
            self.tally[name] = self.tally.get(name, 0) + count
        self.faults += other.faults
        self.lost += other.lost


def plan(catalogue: Catalogue, directory: str, image_size: int, rule: str, shard_config: Any) -> list[Shard]:
    """Deals the items of each split out to shards, in the order of a hash of their ids.

    Args:
      catalogue: what there is.
      directory: where the shards go.
      image_size: pixels of a stored picture.
      rule: which views may be in a pair, one of `pairing.RULES`.
      shard_config: TFDS's, which says how many shards so many bytes make.
    """
    shards = []
    for split, outfits in catalogue.splits.items():
        if not outfits:
            continue
        ordered = sorted(outfits, key=lambda outfit: hashlib.md5(outfit.id.encode()).digest())
        num_bytes = sum(len(outfit.shots) for outfit in outfits) * int(image_size**2 * _BYTES_PER_PIXEL)
        count = min(len(outfits), shard_config.get_number_shards(num_bytes, len(outfits)))
        ends = [round(len(ordered) * (index + 1) / count) for index in range(count)]
        for index, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            path = os.path.join(directory, f".{split}-{index:05d}")
            shards.append(Shard(split, index, path, image_size, rule, catalogue.padded, tuple(ordered[start:end])))
    return shards


def run(shards: Sequence[Shard], runner: Any = None, options: Any = None) -> None:
    """Writes the shards, with a bar of items; on one core unless `options` or `runner` say otherwise."""
    paths, items = [shard.path for shard in shards], sum(len(shard.outfits) for shard in shards)
    with spread.progress(paths, items, "item", "preparing"):
        spread.over_workers(shards, write_shard, runner, options)


def write_shard(shard: Shard) -> None:
    """Writes one shard and its outcome, aside first; a shard whose outcome is there stays as it is.

    Raises:
      UserError: this machine does not see the folder of the pictures.
    """
    import tensorflow_datasets as tfds

    told = epath.Path(shard.path + ".json")
    if told.exists():  # a worker wrote it and died before it could say so
        return
    # Pictures that are not there would only be counted as left out.
    spread.refuse_elsewhere(pathlib.Path(shard.outfits[0].shots[0].photo).parent)
    features = records.features(shard.image_size)
    serializer = tfds.core.ExampleSerializer(features.get_serialized_info())
    outcome = Outcome()
    tally = folders.Tally()
    aside = epath.Path(f"{shard.path}.{uuid.uuid4().hex}.partial")
    with aside.open("wb") as file:
        for done, outfit in enumerate(shard.outfits):
            item = read_outfit(outfit, shard, tally, outcome)
            if item is not None:
                views = item["views"]
                keypoints, held_out = (np.array([view[field] for view in views]) for field in ("keypoints", "held_out"))
                outcome.counts.add(shard.split, keypoints, held_out, shard.rule)
                record = serializer.get_tf_example(features.encode_example(item)).SerializeToString(deterministic=True)
                outcome.num_bytes += len(record)
                file.write(_framed(record))
            if done % 16 == 0:
                spread.tell(shard.path, done)
    outcome.tally = {**tally.orders, **{f"mended: {note}": count for note, count in tally.mended.items()}}
    aside.replace(shard.path)
    aside.write_text(outcome.to_json(), encoding="utf-8")
    aside.replace(told)
    spread.tell(shard.path, len(shard.outfits))


def _framed(record: bytes) -> bytes:
    """A record as a TFRecord file holds it: its length and its bytes, each followed by a masked CRC-32C.

    Without TensorFlow: a worker needs 200 MiB, with it 600.
    """
    length = struct.pack("<Q", len(record))
    return b"".join((length, _masked_crc(length), record, _masked_crc(record)))


def _masked_crc(data: bytes) -> bytes:
    import google_crc32c

    crc = google_crc32c.value(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def read_outfit(outfit: Outfit, shard: Shard, tally: folders.Tally, outcome: Outcome) -> records.Item | None:
    """Opens an item's pictures; `outcome` hears of what cannot be used. None where nothing is left."""
    views = []
    for shot in outfit.shots:
        try:
            photo, mapped = pathlib.Path(shot.photo), pathlib.Path(shot.map)
            view = folders.read_view(
                photo, mapped, shard.image_size, None, tally, entry=shot.entry, padded=shard.padded
            )
        except (UserError, iuv.NotIUV, OSError) as error:
            outcome.faults.append(Fault(_kind(error), shot.photo, str(error)))
            outcome.lost.append((outfit.id, shot.name))
            continue
        view["name"] = shot.name
        if shot.keypoints is not None:
            scaled = shot.keypoints * shard.image_size // KEYPOINT_FRAME
            view["keypoints"] = np.where(shot.keypoints >= 0, scaled, -1).astype(np.int32)
        views.append(view)
    return {"id": outfit.id, "views": views} if views else None


def _kind(error: Exception) -> str:
    if isinstance(error, iuv.NotIUV):
        return "no person in its map" if NOBODY in str(error) else "map that cannot be used"
    return "picture that cannot be used"


def collect(shards: Sequence[Shard]) -> list[tuple[Shard, Outcome]]:
    """What came of each shard, after `run`; the files that said so are removed, and what dead workers left.

    Raises:
      UserError: the runner has left out shards, without a word.
    """
    silent = [shard for shard in shards if not epath.Path(shard.path + ".json").exists()]
    if silent:
        raise UserError(
            f"{len(silent)} of {len(shards)} shards were not written, {os.path.basename(silent[0].path)} the first, "
            "though the runner says it is done; build again with another --runner"
        )
    return [(shard, _collected(shard)) for shard in shards]


def _collected(shard: Shard) -> Outcome:
    path = epath.Path(shard.path + ".json")
    outcome = Outcome.from_json(path.read_text(encoding="utf-8"))
    for left in (
        path,
        epath.Path(shard.path + ".done"),
        *path.parent.glob(f"{os.path.basename(shard.path)}.*.partial"),
    ):
        left.unlink(missing_ok=True)
    return outcome
