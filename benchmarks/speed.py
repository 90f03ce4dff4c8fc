"""Seconds and memory of the whole system: transfer, inpainting step, joint step.

  python benchmarks/speed.py                                      ours, the paper's sizes, batch 1, float32
  python benchmarks/speed.py --peer=peer.py --peer_python=PYTHON  and beside it another implementation

A peer is a script that takes `WHAT --batch N --size S --runs R` (WHAT: transfer, inpaint_step, joint_step) and prints
one JSON line with `seconds`, the median. Each measurement is a process of its own, ours and the peer's in turn, so that
both see the same machine; the ratio is the median of the ratios round by round. The tables' last line is JSON.
Weights are random: speed does not depend on them. VGG19 is `random` too.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

WHAT = ("transfer", "inpaint_step", "joint_step")


def narrowed(hparams, width: int | None):
    """The paper's numbers with networks as narrow and short as they come, where a `width` is given: for a try."""
    if width is None:
        return hparams
    narrow = dict.fromkeys(("width", "coder_width", "blending_width", "discriminator_width"), width)
    return hparams.replace(residuals=1, blending_residuals=1, context_size=8, **narrow)


def prepared(what: str, batch: int, size: int, precision: str, width: int | None = None):
    """A graph that does `what` once each time it is called, on what is the most work for its size."""
    import numpy as np
    import tensorflow as tf

    from dpt_tf import config
    from dpt_tf.training import networks, stages

    hparams = narrowed(config.preset("paper"), width).replace(
        image_size=size, atlas_size=size, batch_size=batch, neighbours=1, mixed_precision=precision
    )
    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(0, 255, size, dtype=np.uint8), (batch, size, size))
    # Blocks of random parts and smooth charts: every texel may be hit, which is the worst case for splat and sample.
    part = rng.integers(0, 25, (batch, size // 16, size // 16), np.uint8).repeat(16, 1).repeat(16, 2)
    iuv = tf.constant(np.stack([part, ramp, ramp.swapaxes(1, 2)], axis=-1))
    source, y = (tf.constant(rng.uniform(-1, 1, (batch, size, size, 3)), tf.float32) for _ in range(2))
    x = {"source": source, "source_iuv": iuv, "target_iuv": iuv[:, ::-1]}
    if what == "inpaint_step":
        step = stages.build("inpainting", hparams).step
        views = {"image": y[:, None], "iuv": iuv[:, None, ::-1]}
        return tf.function(lambda: step({"source": source, "source_iuv": iuv}, views))
    if what in ("joint_step", "predictive_step"):
        step = stages.build(what.removesuffix("_step"), hparams, "random").step
        return tf.function(lambda: step(x, y))
    with networks.precision(precision):
        model = networks.generator_of(hparams)
    return tf.function(lambda: model(x)["image"])


def measure(what: str, batch: int, size: int, runs: int, precision: str, width: int | None = None) -> dict:
    """Runs `what` once to warm up and `runs` times.

    `seconds` is the median, `gib` the peak of the process, `gpu_gib` that of the GPU's memory, None without one.
    """
    import tensorflow as tf

    run = prepared(what, batch, size, precision, width)
    tf.nest.map_structure(lambda t: t.numpy(), run())
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        tf.nest.map_structure(lambda t: t.numpy(), run())
        seconds.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    found = {"what": what, "seconds": statistics.median(seconds), "min": min(seconds), "gib": round(peak, 2)}
    on_gpu = tf.config.list_physical_devices("GPU")
    gpu = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**30 if on_gpu else None
    return found | {"gpu_gib": gpu}


def last_json(command: list[str]) -> dict:
    """Runs a command and reads the JSON of its last line.

    Raises:
      SystemExit: it failed; its own words are shown.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Measures in rounds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=WHAT, help=f"of {', '.join(WHAT)}; all by default")
    parser.add_argument("--peer", type=pathlib.Path, help="a script to compare with")
    parser.add_argument("--peer_python", default=sys.executable, help="the Python that runs the peer")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--runs", type=int, default=5, help="timed calls in each process")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each side, in turn")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--width", type=int, help="of the networks, for a try; the paper's by default")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(measure(args.what[0], args.batch, args.size, args.runs, args.precision, args.width)))
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sizes = ["--batch", str(args.batch), "--size", str(args.size), "--runs", str(args.runs)]
    print(f"batch {args.batch}, {args.size} x {args.size}, {args.precision}, {os.cpu_count()} cores, seconds (median)")
    print(f"{'':14} {'ours':>8} {'GiB':>6} {'peer':>8} {'ratio':>6}")
    rows = []
    for what in args.what:
        ours, theirs = [], []
        for _ in range(args.rounds):
            ours.append(last_json([sys.executable, __file__, what, "--worker", "--precision", args.precision, *sizes]))
            if args.peer:
                bf16 = ["--bf16"] if args.precision == "bfloat16" else []
                theirs.append(last_json([args.peer_python, str(args.peer), what, *sizes, *bf16]))
        row = {"what": what, "seconds": statistics.median(o["seconds"] for o in ours)}
        row["gib"] = max(o["gib"] for o in ours)
        if theirs:
            row["peer"] = statistics.median(t["seconds"] for t in theirs)
            row["ratio"] = statistics.median(o["seconds"] / t["seconds"] for o, t in zip(ours, theirs, strict=True))
        rows.append(row)
        peer = f"{row['peer']:8.3f} {row['ratio']:6.2f}" if theirs else f"{'-':>8} {'-':>6}"
        print(f"{what:14} {row['seconds']:8.3f} {row['gib']:6.2f} {peer}", flush=True)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
