"""Seconds and memory of DensePose maps of one photo with one person, by the R-CNN.

  python benchmarks/densepose.py                                                ours, R_50 at 800 x 800
  python benchmarks/densepose.py --peer_python=PYTHON                           and PyTorch, where that Python has torch
  python benchmarks/densepose.py --peer_python=PYTHON --depth=101 --deeplab

Ours is the whole: proposals, boxes, pooling, head, and the map at the photo's size. The peer, `densepose_torch.py`,
does the layers alone. Each measurement is a process of its own, ours and the peer's in turn; the ratio is the median of
the ratios round by round. `boxed` is a photo with one given box. Weights are random: speed depends on them only by the
number of people, and one is made.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import sys
import time

from speed import last_json

PEER = pathlib.Path(__file__).with_name("densepose_torch.py")


def measure(size: int, runs: int, depth: int, deeplab: bool) -> dict:
    """Seconds of the parts, medians, and `gib`, the peak of the process."""
    import numpy as np

    from dpt_tf.densepose.rcnn import RCNN, charts
    from dpt_tf.densepose.rcnn.architecture import Architecture
    from dpt_tf.densepose.rcnn.network import Network

    rng = np.random.default_rng(0)
    network = Network(Architecture((3, 4, 6 if depth == 50 else 23, 3), deeplab))
    for name, variable in network.variables().items():
        if name.endswith("kernel"):
            inputs = np.prod(variable.shape[:-1])
            gain = 0.02 if "stem" in name else 0.3 if "conv3" in name else 1.4
            variable.assign(rng.standard_normal(variable.shape, np.float32) * np.float32(gain / inputs**0.5))
    photo = rng.integers(0, 256, (size, size, 3), np.uint8)
    estimator = RCNN(network, "random", size=size)
    given = [(0.1 * size, 0.05 * size, 0.9 * size, 0.95 * size)]

    def whole() -> dict[str, float]:
        begun = [time.perf_counter()]

        def lap() -> float:
            begun.append(time.perf_counter())
            return begun[-1] - begun[-2]

        parts = {}
        pyramid = network.pyramid(photo)
        parts["pyramid"] = lap()
        network.detect(pyramid, [size, size])
        parts["detect"] = lap()
        decoded = network.decode(pyramid)
        parts["decode"] = lap()
        outputs = network.map(decoded, np.array(given, np.float32))
        parts["map"] = lap()
        charts.paste(outputs[0], given[0], size, size)
        parts["paste"] = lap()
        parts["seconds"] = begun[-1] - begun[0]
        return parts

    whole()
    laps = [whole() for _ in range(runs)]
    begun = time.perf_counter()
    estimator.people(photo, given)
    boxed = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {name: statistics.median(lap[name] for lap in laps) for name in laps[0]} | {"boxed": boxed, "gib": peak}


def main() -> None:
    """Measures in rounds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer_python", help="a Python that has torch")
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--depth", type=int, choices=(50, 101), default=50)
    parser.add_argument("--deeplab", action="store_true", help="the head with DeepLab's branches")
    parser.add_argument("--runs", type=int, default=3, help="timed photos in each process")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each side, in turn")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(measure(args.size, args.runs, args.depth, args.deeplab)))
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    flags = ["--size", str(args.size), "--runs", str(args.runs), "--depth", str(args.depth)]
    flags += ["--deeplab"] * args.deeplab
    print(f"R_{args.depth}{'_DL' * args.deeplab}, {args.size} x {args.size}, {os.cpu_count()} cores, seconds (median)")
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours.append(last_json([sys.executable, __file__, "--worker", *flags]))
        if args.peer_python:
            theirs.append(last_json([args.peer_python, str(PEER), *flags]))
    row = {name: statistics.median(o[name] for o in ours) for name in ours[0]}
    if theirs:
        row["peer"] = statistics.median(t["seconds"] for t in theirs)
        row["ratio"] = statistics.median(o["seconds"] / t["seconds"] for o, t in zip(ours, theirs, strict=True))
    print("  ".join(f"{name} {value:.2f}" for name, value in row.items()))
    print(json.dumps(row))


if __name__ == "__main__":
    main()
