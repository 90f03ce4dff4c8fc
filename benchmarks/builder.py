"""Pictures per second and core of the builders: `taskset -c 0 python benchmarks/builder.py deepfashion FOLDER`.

FOLDER is a collection as `dpt build` takes it; `python tests/trees.py deepfashion FOLDER --items 400` makes one. One
process does what a worker of the pipeline does: opens photos and maps, checks, mends and encodes them, writes records.
Prints a table and one line of JSON.
"""

import argparse
import dataclasses
import json
import os
import resource
import sys
import tempfile
import time

import tensorflow_datasets as tfds

from dpt_tf.data.prepare import deepfashion, mvc, pipeline


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", choices=("deepfashion", "mvc"))
    parser.add_argument("folder")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--items", type=int, default=400)
    args = parser.parse_args()
    start = time.perf_counter()
    catalogue = {"deepfashion": deepfashion, "mvc": mvc}[args.collection].catalogue(args.folder, "all")
    listed = time.perf_counter() - start
    catalogue.splits = {"train": catalogue.splits["train"][: args.items]}
    with tempfile.TemporaryDirectory() as folder:
        shards = pipeline.plan(catalogue, folder, args.size, "all", tfds.download.DownloadConfig().get_shard_config())
        warm = dataclasses.replace(shards[0], path=os.path.join(folder, "warm"), outfits=shards[0].outfits[:5])
        pipeline.write_shard(warm)
        wall, cpu = time.perf_counter(), time.process_time()
        for shard in shards:
            pipeline.write_shard(shard)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        outcomes = [outcome for _, outcome in pipeline.collect(shards)]
    pictures = sum(len(outfit.shots) for shard in shards for outfit in shard.outfits)
    results = {
        "pictures": pictures,
        "stored": sum(outcome.counts.views for outcome in outcomes),
        "listing the folder, s": listed,
        "pictures/s": pictures / wall,
        "pictures/s of CPU time": pictures / cpu,
        "bytes a stored view": sum(outcome.num_bytes for outcome in outcomes) / max(1, pictures),
        "peak memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (1 << 20 if sys.platform == "darwin" else 1024),
    }
    for name, value in results.items():
        print(f"{name:26} {value:10.1f}")
    print(json.dumps({"collection": args.collection, "size": args.size, **results}))


if __name__ == "__main__":
    main()
