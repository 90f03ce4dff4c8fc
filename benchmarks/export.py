"""What splitting a transfer saves: `render` on a cached `texture` against a whole transfer, through an export.

  python benchmarks/export.py [--preset paper] [--rounds 7] [--keep FOLDER]

Exports a generator with random weights, loads it, and asks `tensors` and `render` in turn, batch 1, the same inputs.
The ratio is the median of the ratios round by round. Prints a table and one line of JSON.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from dpt_tf import config, export
from dpt_tf.ops import device
from dpt_tf.training import networks


def gib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def make_inputs(size: int) -> dict[str, tf.Tensor]:
    """A photo of noise and two maps of random parts, batch 1."""
    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(0, 220, size), (2, 1, size, size))
    part = rng.integers(1, 25, (2, 1, size // 16, size // 16)).repeat(16, 2).repeat(16, 3)
    maps = np.stack([part, ramp, ramp.swapaxes(2, 3)], -1).astype(np.uint8)
    source = rng.uniform(-1, 1, (1, size, size, 3)).astype(np.float32)
    return {"source": tf.constant(source), "source_iuv": tf.constant(maps[0]), "target_iuv": tf.constant(maps[1])}


def seconds(function) -> tuple[float, dict]:
    """How long a call takes, and what it gives."""
    begun = time.perf_counter()
    outputs = {name: value.numpy() for name, value in function().items()}
    return time.perf_counter() - begun, outputs


def measure(folder: pathlib.Path, hparams: config.HParams, rounds: int) -> dict[str, float]:
    """Exports to `folder`, loads and times."""
    begun = time.perf_counter()
    export.save(networks.generator_of(hparams), hparams, folder, device.device())
    results = {"export, s": time.perf_counter() - begun, "export, GiB of memory": gib()}
    results["export, MiB on disk"] = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20
    loaded = tf.saved_model.load(str(folder))
    x = make_inputs(hparams.image_size)
    any_size = hparams.blending == "layers"
    source = tf.cast(tf.round((x["source"] + 1) * 127.5), tf.uint8) if any_size else x["source"]
    cached = loaded.signatures["texture"](source=source, source_iuv=x["source_iuv"])
    ways = {
        "tensors": lambda: loaded.signatures["tensors"](**x),
        "render": lambda: loaded.signatures["render"](**cached, target_iuv=x["target_iuv"]),
    }
    images = {name: seconds(way)[1]["image"] for name, way in ways.items()}  # the first call optimises the graph
    times = [{name: seconds(way)[0] for name, way in ways.items()} for _ in range(rounds)]
    results |= {f"{name}, s": statistics.median(each[name] for each in times) for name in ways}
    results["times faster"] = statistics.median(each["tensors"] / each["render"] for each in times)
    if not any_size:  # which composes another picture than that of the networks
        results["grey levels apart"] = float(np.abs(images["tensors"] - images["render"]).max() * 127.5)
    return results


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--keep", type=pathlib.Path, help="leave the SavedModel in this folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(args.keep or pathlib.Path(folder) / "1", config.preset(args.preset), args.rounds)
    for name, value in results.items():
        print(f"{name:24} {value:9.3f}")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
