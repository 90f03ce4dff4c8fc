"""Painting at the picture's own size: seconds for a photo and for a pose, and the memory that it takes.

  python benchmarks/transfer.py [--workdir=RUN | --preset=small] [--sizes=256,512,1024,2048] [--rounds=5]

A figure of rectangles in stripes, a quarter of the picture, as photo and, turned about, as pose; photo and pose are of
the same size. Weights are a run's or random, which takes as long. Each size is measured in a process of its own:

  first    unwrapping the photo and painting its first pose, on a warm process
  pose     each further pose of that photo, the median
  memory   the most that the process has held, and what of that TensorFlow and the networks took before

Prints a table and one line of JSON.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import resource
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np


def mib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def figure(size: int) -> np.ndarray:
    """A map: head, trunk, arms and legs as rectangles, U and V over each."""
    iuv = np.zeros((size, size, 3), np.uint8)
    boxes = {23: (2, 5, 14, 18), 2: (6, 16, 12, 20), 15: (6, 15, 9, 12), 16: (6, 15, 20, 23)}
    boxes |= {9: (16, 23, 12, 16), 10: (16, 23, 16, 20), 13: (23, 30, 12, 16), 14: (23, 30, 16, 20)}
    for part, box in boxes.items():
        top, bottom, left, right = (edge * size // 32 for edge in box)
        v, u = np.meshgrid(np.linspace(0, 255, bottom - top), np.linspace(0, 255, right - left), indexing="ij")
        iuv[top:bottom, left:right] = np.stack([np.full(u.shape, part), u, v], -1).round()
    return iuv


def measure(options: tuple[pathlib.Path | None, str, int, int]) -> dict[str, float]:
    """One size."""
    from dpt_tf import config
    from dpt_tf.models.composition import Composition
    from dpt_tf.training import networks
    from dpt_tf.transfer import painter

    run, preset, size, rounds = options
    if run:
        paint = painter.load(run)
    else:
        model = networks.generator_of(config.preset(preset))
        paint = painter.Transfer(
            model, model.input["source"].shape[1], {}, model, painter.composing(*Composition(model).halves())
        )
    iuv, stripes = figure(size), np.indices((size, size)).sum(0)[..., None] // 4 % 2
    photo = np.where(iuv[..., :1] > 0, stripes * 200 + 30, np.uint8([40, 60, 200])).astype(np.uint8)
    pose = iuv[:, ::-1].copy()
    paint(photo[:32, :32], figure(32), figure(32))
    by_itself = mib()
    begun = time.perf_counter()
    paint(photo, iuv, pose)
    first, times = time.perf_counter() - begun, []
    for _ in range(rounds):
        begun = time.perf_counter()
        paint(photo, iuv, pose)
        times.append(time.perf_counter() - begun)
    return {
        "size": size,
        "first, s": first,
        "pose, s": statistics.median(times),
        "memory, MiB": mib(),
        "of that before": by_itself,
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=pathlib.Path, help="a run with layers")
    parser.add_argument("--preset", default="small", help="of random weights")
    parser.add_argument("--sizes", default="256,512,1024,2048")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    results = []
    for size in map(int, args.sizes.split(",")):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            results.append(pool.apply(measure, ((args.workdir, args.preset, size, args.rounds),)))
    print("".join(f"{name:>16}" for name in results[0]))
    for result in results:
        print("".join(f"{value:16.2f}" for value in result.values()))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
