"""Where the time of a step goes on a CPU, and how far its convolutions are from what the CPU can do.

  python benchmarks/where.py                    a joint step at the paper's sizes, batch 1, float32
  python benchmarks/where.py inpaint_step       of `speed.py`'s things

For each kind of operation: seconds of all cores together in a step, their share, how much it multiplies and adds, and
how near to the ceiling, which is a product of two matrices of 3072 x 3072 on all cores. Convolutions by Winograd's
algorithm are among the matrix products, with the quarter of the work that it leaves. The last line is JSON.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import re
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import speed

# An operation's kind is the first whose pattern its type contains.
KINDS = {
    "convolutions": r"^Conv2D$|FusedConv2D|DepthwiseConv2dNative$",
    "gradients of convolutions": r"Conv2DBackprop|DepthwiseConv2dNativeBackprop",
    "matrix products": r"MatMul",
    "norms": r"BatchNorm",
    "Adam": r"Apply",
    "atlas and other gathering": r"Gather|Segment|Scatter",
    "layout: pads, slices, stacks, transposes": r"Pad|Slice|Pack|Unpack|Transpose|Concat|Split|Tile",
    "the rest": r"",
}
SIDE = 3072


def kind_of(operation: str) -> str:
    """The kind of an operation by its type, whichever kernel does it."""
    plain = re.sub("^_Mkl(Native)?", "", operation)
    return next(kind for kind, pattern in KINDS.items() if re.search(pattern, plain))


def work(graph) -> dict[str, float]:
    """Multiplications and additions of one call, by kind; of a graph whose shapes are all known."""
    done: dict[str, float] = collections.Counter()
    for op in graph.get_operations():
        shapes = [tuple(t.shape) if t.shape.rank is not None else () for t in (*op.inputs, *op.outputs)]
        if op.type == "Conv2D":
            _, kernel, result = shapes
            positions = math.prod(result[:3])
        elif op.type == "Conv2DBackpropInput":
            _, kernel, result, _ = shapes
            positions = math.prod(result[:3])
        elif op.type == "Conv2DBackpropFilter":
            _, _, result, kernel = shapes
            positions = math.prod(result[:3])
        elif op.type in ("MatMul", "BatchMatMulV2"):
            transposed = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
            kernel, positions = (shapes[0][-2 if transposed else -1],), math.prod(shapes[-1])
        else:
            continue
        done[kind_of(op.type)] += 2.0 * positions * math.prod(kernel)
    return done


def spent(run, calls: int) -> dict[str, float]:
    """Seconds of all cores in one call, by kind."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(calls):
                run()
        (found,) = pathlib.Path(folder).rglob("*.xplane.pb")
        profile = xplane_pb2.XSpace.FromString(found.read_bytes())
    seconds: dict[str, float] = collections.Counter()
    for plane in profile.planes:
        for line in plane.lines:
            for event in line.events:
                # An operation is called `name:type`; what holds others, the executor's own, `Class::Function`.
                if typed := re.fullmatch(r"[^:]+:(\w+)", plane.event_metadata[event.metadata_id].name):
                    seconds[kind_of(typed[1])] += event.duration_ps / 1e12 / calls
    return seconds


def ceiling() -> float:
    """Multiplications and additions a second of a large product, the best of five."""
    import tensorflow as tf

    x = tf.random.normal([SIDE, SIDE])
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(x, x)))
    product().numpy()
    best = math.inf
    for _ in range(5):
        begun = time.perf_counter()
        product().numpy()
        best = min(best, time.perf_counter() - begun)
    return 2 * SIDE**3 / best


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="joint_step", choices=(*speed.WHAT, "predictive_step"))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--width", type=int, help="of the networks, for a try; the paper's by default")
    args = parser.parse_args()
    best = ceiling()
    run = speed.prepared(args.what, args.batch, args.size, args.precision, args.width)
    run()
    begun = time.perf_counter()
    seconds = spent(run, args.calls)
    wall = (time.perf_counter() - begun) / args.calls
    done = work(run.get_concrete_function().graph)
    total, cores = sum(seconds.values()), os.cpu_count() or 1
    print(f"{args.what}, batch {args.batch}, {args.size} x {args.size}, {args.precision}: {wall:.2f} s, {cores} cores")
    print(f"{'':42} {'core s':>7} {'share':>6} {'GFLOP':>7} {'of the ceiling':>15}")
    rows = {}
    for kind in KINDS:
        reached = done.get(kind, 0) / seconds[kind] / (best / cores) if seconds[kind] else 0.0
        rows[kind] = {"seconds": seconds[kind], "gflop": done.get(kind, 0) / 1e9, "reached": reached}
        told = f"{done[kind] / 1e9:7.1f} {reached:15.0%}" if kind in done else ""
        print(f"{kind:42} {seconds[kind]:7.2f} {seconds[kind] / total:6.1%} {told}".rstrip())
    print(f"ceiling: {best / 1e9:.0f} GFLOP a second; all of the above at it: {sum(done.values()) / best:.2f} s")
    print(json.dumps({"wall": wall, "ceiling_gflops": best / 1e9, "kinds": rows}))


if __name__ == "__main__":
    main()
