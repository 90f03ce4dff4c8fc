"""A machine with a GPU in one call: images a second and memory of every stage, beside a peer, and losses.

  python benchmarks/gpu.py                                          the paper's sizes, float32 and bfloat16
  python benchmarks/gpu.py --peer=peer.py --peer_python=PYTHON      and beside it a peer, as speed.py takes one
  python benchmarks/gpu.py --size=32 --batch=1 --width=4 --steps=2  tiny: whether it runs at all

First each measurement of `speed.py` and the predictive stage's step, a process each, ours and the peer's in turn:
images a second are the batch over the median of the seconds, GiB is the peak on the GPU, of the process where there is
none.
Then a smoke: all stages are trained on synthetic people in either precision, one after the other in one process, and
the first and the last loss of each term are told. The last line is JSON.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

import speed

WHAT = ("transfer", "predictive_step", "inpaint_step", "joint_step")
PRECISIONS = ("float32", "bfloat16")


def main() -> None:
    """Measures, trains, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=pathlib.Path, help="a script to compare with")
    parser.add_argument("--peer_python", default=sys.executable, help="the Python that runs the peer")
    parser.add_argument("--batch", type=int, default=8, help="the paper's is 8")
    parser.add_argument("--size", type=int, default=256, help="pixels and texels; the paper's are 256")
    parser.add_argument("--width", type=int, help="of the networks, for a try; the paper's by default")
    parser.add_argument("--runs", type=int, default=20, help="timed calls of each")
    parser.add_argument("--steps", type=int, default=200, help="of each stage of the smoke; 0 for none")
    parser.add_argument("--smoke", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.smoke:
        print(json.dumps(smoke(args, args.smoke)))
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    found = {"speed": list(measured(args)), "losses": {}}
    for precision in PRECISIONS if args.steps else ():
        flags = [f"--smoke={precision}", *(f"--{name}={getattr(args, name)}" for name in ("batch", "size", "steps"))]
        found["losses"][precision] = speed.last_json([sys.executable, __file__, *flags, *_width(args)])
        for name, (first, last) in found["losses"][precision].items():
            print(f"{precision:9} {name:36} {first:10.4f} -> {last:10.4f}", flush=True)
    print(json.dumps(found))


def _width(args: argparse.Namespace) -> list[str]:
    return [f"--width={args.width}"] if args.width else []


def measured(args: argparse.Namespace):
    """A row for each precision and each of `WHAT`, printed as it comes."""
    print(f"batch {args.batch}, {args.size} x {args.size}; images a second, GiB")
    print(f"{'':9} {'':16} {'ours':>9} {'GiB':>6} {'peer':>9} {'GiB':>6} {'ratio':>6}")
    sizes = ["--batch", str(args.batch), "--size", str(args.size), "--runs", str(args.runs)]
    for precision in PRECISIONS:
        for what in WHAT:
            command = [
                sys.executable,
                speed.__file__,
                what,
                "--worker",
                "--precision",
                precision,
                *sizes,
                *_width(args),
            ]
            row = {"precision": precision, "what": what} | _rates(speed.last_json(command), args.batch)
            peer = f"{'-':>9} {'-':>6} {'-':>6}"
            if args.peer and what in speed.WHAT:  # what peers are asked for
                bf16 = ["--bf16"] if precision == "bfloat16" else []
                theirs = _rates(speed.last_json([args.peer_python, str(args.peer), what, *sizes, *bf16]), args.batch)
                row |= {"peer": theirs, "ratio": row["images"] / theirs["images"]}
                peer = f"{theirs['images']:9.2f} {theirs['gib'] or 0:6.2f} {row['ratio']:6.2f}"
            print(f"{precision:9} {what:16} {row['images']:9.2f} {row['gib']:6.2f} {peer}", flush=True)
            yield row


def _rates(found: dict, batch: int) -> dict:
    return {"images": batch / found["seconds"], "gib": found.get("gpu_gib") or found.get("gib")}


def smoke(args: argparse.Namespace, precision: str) -> dict[str, tuple[float, float]]:
    """Every loss of every stage: the mean over the first point of its curve, and over the last."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from dpt_tf import config, synthetic
    from dpt_tf.training import loop, run

    run.start()
    import tensorflow as tf

    hparams = speed.narrowed(config.preset("paper"), args.width).replace(
        image_size=args.size, atlas_size=args.size, batch_size=args.batch, mixed_precision=precision, neighbours=1
    )
    hparams = hparams.replace(**{f"{stage}_steps": args.steps for stage in config.STAGES})
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        synthetic.generate(folder / "data", people=4, test_people=1, views=3, image_size=args.size, workers=1)
        schedule = loop.Schedule(pictures_every=0, scalars_every=max(1, args.steps // 10))
        say = lambda line: print(line, file=sys.stderr)  # noqa: E731
        run.train(folder / "run", folder / "data", hparams, config.STAGES, "synthetic", "random", schedule, say)
        found = {}
        for stage in config.STAGES:
            events = EventAccumulator(str(folder / "run" / stage / "tensorboard"), {"tensors": 0})
            events.Reload()
            for tag in events.Tags()["tensors"]:
                if tag.startswith("loss/"):
                    points = [float(tf.make_ndarray(point.tensor_proto)) for point in events.Tensors(tag)]
                    found[f"{stage}/{tag[5:]}"] = (points[0], points[-1])
    return found


if __name__ == "__main__":
    main()
