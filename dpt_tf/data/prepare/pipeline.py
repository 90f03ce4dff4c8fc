"""A catalogue -> shards of records, by Beam.

The unit of work is a shard: whoever gets one opens its pictures, one item after the other, writes the records straight
to the shard's file and says beside it, in JSON, what came of it. So no picture ever travels through Beam's shuffles,
and memory does not grow with the collection on any runner. Which item is in which shard, and at which place, follows
from the items' ids alone, not from runners or workers.

A worker that dies is started anew by the runner: a shard is written aside and renamed.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import struct
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from etils import epath

from dpt_tf import iuv
from dpt_tf.data import records
from dpt_tf.data.pairing import SplitCounts
from dpt_tf.data.prepare import folders
from dpt_tf.data.prepare.catalogue import KEYPOINT_FRAME, Catalogue, Fault, Outfit
from dpt_tf.iuv.sources import NOBODY
from dpt_tf.system.errors import UserError

_BYTES_PER_PIXEL = 0.5  # of a stored view, picture and map; only the number of shards depends on it
_POLL_SECONDS = 0.5


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
    import apache_beam as beam

    options = options or beam.options.pipeline_options.PipelineOptions([])
    # The type check would unpickle every shard's items once more for nothing.
    options.view_as(beam.options.pipeline_options.TypeOptions).pipeline_type_check = False
    with _progress(shards), beam.Pipeline(runner=runner, options=options) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(shards, reshuffle=False)
            | "Spread" >> beam.Reshuffle()
            | "Write" >> beam.Map(write_shard)
        )


def write_shard(shard: Shard) -> None:
    """Writes one shard and its outcome, aside first."""
    import tensorflow_datasets as tfds

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
                _tell(shard, done)
    outcome.tally = {**tally.orders, **{f"mended: {note}": count for note, count in tally.mended.items()}}
    aside.replace(shard.path)
    epath.Path(shard.path + ".json").write_text(outcome.to_json(), encoding="utf-8")
    _tell(shard, len(shard.outfits))


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


def collect(shards: Iterable[Shard]) -> Iterator[tuple[Shard, Outcome]]:
    """What came of each shard, after `run`; the files that said so are removed."""
    for shard in shards:
        path = epath.Path(shard.path + ".json")
        yield shard, Outcome.from_json(path.read_text(encoding="utf-8"))
        path.unlink()
        epath.Path(shard.path + ".done").unlink(missing_ok=True)


def _tell(shard: Shard, done: int) -> None:
    if "://" not in shard.path:
        pathlib.Path(shard.path + ".done").write_text(str(done), encoding="utf-8")


@contextlib.contextmanager
def _progress(shards: Sequence[Shard]) -> Iterator[None]:
    """A bar that reads how far the workers say they are, wherever they run on this file system."""
    from tqdm import tqdm

    over = threading.Event()
    files = [pathlib.Path(shard.path + ".done") for shard in shards]
    with tqdm(total=sum(len(shard.outfits) for shard in shards), unit="item", desc="preparing", leave=False) as bar:

        def watch() -> None:
            while not over.wait(_POLL_SECONDS):
                bar.update(sum(map(_done, files)) - bar.n)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def _done(file: pathlib.Path) -> int:
    try:
        return int(file.read_text(encoding="utf-8") or 0)
    except OSError:
        return 0
