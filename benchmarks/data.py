"""Training pairs per second out of a prepared data set: `python benchmarks/data.py [--size 256] [--seconds 10]`.

Makes noise-like photos (the costliest to decode) or takes `--data_dir`, and prints a table and one line of JSON.
Also: how long until the first batch of a run that resumes in the middle of an epoch.
"""

import argparse
import io
import itertools
import json
import os
import resource
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image, ImageFilter

from dpt_tf import config, iuv
from dpt_tf.data import read, records


def made(items: int, views: int, size: int, form: str):
    """Items with as much detail as photos have, and maps of 24 patches."""
    random = np.random.default_rng(0)
    place = np.linspace(0, 255, size).astype(np.uint8)
    part = 1 + (np.arange(size)[:, None] * 6 // size) * 4 + np.arange(size) * 4 // size
    patches = np.stack([part, *np.meshgrid(place, place)], -1).astype(np.uint8)
    patches[: size // 8] = patches[:, : size // 4] = patches[:, -size // 4 :] = 0
    for number in range(items):
        item: records.Item = {"id": f"item{number}", "views": []}
        for view in range(views):
            noise = Image.fromarray(random.integers(0, 256, (size, size, 3), np.uint8))
            buffer = io.BytesIO()
            noise.filter(ImageFilter.GaussianBlur(3)).save(buffer, form)
            item["views"].append(
                {
                    "name": f"{view}",
                    "image": buffer.getvalue(),
                    "iuv": iuv.encode(np.roll(patches, view, 0)),
                    "keypoints": records.no_keypoints(),
                    "held_out": False,
                }
            )
        yield item


def rates(data_dir: str, hparams: config.HParams, stage: str, seconds: float) -> tuple[float, float]:
    """Examples a second, and examples a second and core whatever else the machine does, after a few batches."""
    batches = iter(read.train_batches(data_dir, hparams, stage))
    for _ in itertools.islice(batches, 10):
        pass
    count, start, work = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        next(batches)
        count += hparams.batch_size
    return count / (time.perf_counter() - start), count / (time.process_time() - work)


def memory_over_an_epoch(data_dir: str, hparams: config.HParams) -> list[float]:
    """Resident MiB after each tenth of an epoch of the joint stage, the first tenth left out."""
    steps = read.steps_per_epoch(data_dir, hparams, "joint")
    sizes, page = [], os.sysconf("SC_PAGE_SIZE")
    for step, _ in zip(range(1, steps + 1), read.train_batches(data_dir, hparams, "joint"), strict=False):
        if step % max(1, steps // 10) == 0:
            with open("/proc/self/statm") as file:
                sizes.append(int(file.read().split()[1]) * page / (1 << 20))
    return sizes[1:]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--augment", type=int, default=0, choices=(0, 1), help="1: vary the examples, and give mattes")
    parser.add_argument("--epoch", action="store_true", help="with --data_dir: also read all of it and tell the memory")
    args = parser.parse_args()
    hparams = config.preset("paper").replace(image_size=args.size, augment=args.augment, matte_weight=args.augment)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        sets = {"given": args.data_dir} if args.data_dir else {}
        for form in () if args.data_dir else ("JPEG", "PNG"):
            sets[form] = os.path.join(folder, form)
            records.write(sets[form], "bench", {"train": made(args.items, 5, args.size, form)}, args.size, "benchmark")
        for name, data_dir in sets.items():
            for stage in ("joint", "inpainting"):
                wall, core = rates(data_dir, hparams, stage, args.seconds)
                results |= {f"{name}, {stage}, examples/s": wall, f"{name}, {stage}, examples/s and core": core}
            middle = read.steps_per_epoch(data_dir, hparams, "joint") // 2
            for label, step in (("first batch", 0), ("first batch from mid-epoch", middle)):
                start = time.perf_counter()
                next(iter(read.train_batches(data_dir, hparams, "joint", step)))
                results[f"{name}, {label}, s"] = time.perf_counter() - start
        if args.data_dir and args.epoch:
            sizes = memory_over_an_epoch(args.data_dir, hparams)
            results |= {"memory after a fifth of an epoch, MiB": sizes[0], "after all of it, MiB": sizes[-1]}
            results["most, MiB"] = max(sizes)
    results["peak memory, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, value in results.items():
        print(f"{name:44} {value:10.2f}")
    print(json.dumps({"size": args.size, "cores": os.cpu_count(), **results}))


if __name__ == "__main__":
    main()
