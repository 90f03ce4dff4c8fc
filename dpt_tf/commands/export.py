"""`dpt export`: a trained run -> the next version of a model that TensorFlow Serving, or any TensorFlow, loads."""

import argparse

from dpt_tf.commands import folders
from dpt_tf.system import quiet
from dpt_tf.system.errors import say


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--workdir", type=folders.named, required=True, help="the run's folder, or a shipped model")
    parser.add_argument(
        "--export_dir", type=folders.named, required=True, help="holds the model's versions, for example models/dpt"
    )
    parser.add_argument("--version", type=int, help="a whole number from 1; default: one more than the highest there")
    parser.add_argument(
        "--device",
        choices=("cpu", "gpu"),
        help="what the graph is made for, default: what is here. It runs on both and paints the same, but some "
        "convolutions are quickest in one way on a CPU and in another on a GPU",
    )
    parser.add_argument(
        "--mixed_precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="what the networks compute in; inputs, outputs and weights are float32 (default: float32)",
    )

    parser.add_argument(
        "--pose",
        nargs="?",
        const="pose",
        metavar="MODEL",
        help="a network that finds maps goes with it, so that it takes photos alone: a run with a pose stage, or a "
        "shipped model (without a value: `pose`, which comes with dpt_tf)",
    )


def run(args: argparse.Namespace) -> int:
    """Exports; prints the version's folder."""
    quiet.start_tensorflow()
    from dpt_tf import export

    made = export.export(args.workdir, args.export_dir, args.version, args.device, args.mixed_precision, args.pose)
    say(str(made))
    return 0
