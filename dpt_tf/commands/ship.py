"""`dpt ship`: a run -> a small folder with weights, hyper-parameters and a card, which is a model wherever it lies.

A run with a joint stage gives a model that paints, one with a pose stage alone a model that finds maps.

For a model that comes with dpt_tf: `--name=people` alone writes into the package itself.
"""

import argparse
import pathlib
import re
import tempfile
from typing import Any

import numpy as np

from dpt_tf import shipped
from dpt_tf.commands import folders, training_data
from dpt_tf.system import atomic, locks, quiet
from dpt_tf.system.errors import UserError, say

MOST_BYTES = {"joint": 16 << 20, "pose": 8 << 20}  # of the weights, which a wheel has to carry


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--workdir", type=folders.named, required=True, help="the run's folder")
    parser.add_argument("--name", default=shipped.DEFAULT, help="of the model (default %(default)s)")
    parser.add_argument("--output", type=folders.named, help="default: dpt_tf/shipped/NAME, to come with the package")
    parser.add_argument("--data_dir", type=folders.named, help="what it was trained on; default: where it lay then")
    parser.add_argument(
        "--report",
        type=_labelled,
        action="append",
        default=[],
        metavar="LABEL=FILE",
        help="scores for the card: what to call the pairs, and the report.json of an evaluation of the run; repeatable",
    )
    parser.add_argument("--cannot", action="append", default=[], help="a sentence on what it cannot do; repeatable")
    parser.add_argument("--licence", help="of the weights; needed unless all of the training was synthetic")


def run(args: argparse.Namespace) -> int:
    """Writes the folder, paints the fixed strangers with what it wrote; prints the card."""
    if not re.fullmatch("[a-z][a-z0-9_]*", args.name):
        raise UserError(f"--name={args.name}: give small letters, digits and _, beginning with a letter")
    training_data.check_synthetic()
    locks.refuse(args.output)
    quiet.start_tensorflow()
    from dpt_tf.evaluation import card, digests
    from dpt_tf.shipped import weights
    from dpt_tf.training import checkpoints, trained

    if args.output and args.output.exists() and not shipped.is_model(args.output):
        raise UserError(f"--output={args.output} is there and holds no model; give a folder of its own")
    atomic.keep(args.output or shipped.folder(args.name), [args.workdir, args.data_dir, *dict(args.report).values()])
    if shipped.is_model(args.workdir):
        raise UserError(f"{args.workdir} has been shipped already; give the run's folder")
    paints = bool(checkpoints.all_of(trained.folder(args.workdir, "joint")))
    maps = not paints and bool(checkpoints.all_of(trained.folder(args.workdir, "pose")))
    stage = "pose" if maps else "joint"
    network, hparams, facts = (trained.load_fcn if maps else trained.load_generator)(args.workdir)
    noted = trained.provenance(args.workdir, stage)
    if lacking := {"dataset", "data_dir", "data", "vgg"} - noted.keys():
        raise UserError(
            f"{args.workdir} wrote no provenance of its {stage} stage ({', '.join(sorted(lacking))} is missing); train "
            "it with this version of dpt_tf"
        )
    made = card.facts(
        args.name,
        args.workdir,
        hparams,
        noted,
        args.data_dir or pathlib.Path(noted["data_dir"]),
        dict(args.report),
        digests.of_checkpoint(pathlib.Path(facts["checkpoint"])),
        args.licence,
        args.cannot,
        stage,
    )
    folder, arrays = args.output or shipped.folder(args.name), weights.of(network)
    with tempfile.TemporaryDirectory(dir=_made(folder.parent), prefix=".ship-") as temporary:
        aside = pathlib.Path(temporary, args.name)
        made = weights.write(aside, hparams, arrays, made)
        size = (aside / shipped.WEIGHTS).stat().st_size
        if size > MOST_BYTES[stage]:
            most = MOST_BYTES[stage] >> 20
            raise UserError(f"the weights have {size / 2**20:.1f} MiB as float16; a wheel takes {most}")
        made["check"] = _checked(aside, stage, hparams.image_size)
        atomic.write_json(aside / shipped.CARD, made)
        text = card.markdown(made, hparams, sum(array.size for array in arrays.values()), size)
        atomic.write_text(aside / shipped.CARD_TEXT, text)
        atomic.replace(aside, folder)
    print(text)
    say(str(folder))
    return 0


def _checked(folder: pathlib.Path, stage: str, size: int) -> dict[str, Any]:
    """What the weights, as they were written, make of the fixed strangers."""
    from dpt_tf import densepose
    from dpt_tf.densepose import asking, small
    from dpt_tf.evaluation import card
    from dpt_tf.transfer import painter

    if stage == "joint":
        return card.check(painter.load(folder), size)
    estimator = small.load(folder)

    def pose(photo: np.ndarray) -> np.ndarray:
        try:
            return densepose.pose(photo, estimator=estimator)
        except asking.Nobody:
            return np.zeros_like(photo)

    return card.check_maps(pose)


def _made(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _labelled(text: str) -> tuple[str, pathlib.Path]:
    label, equals, path = text.rpartition("=")
    if not (label and equals and path):
        raise argparse.ArgumentTypeError(f"wants LABEL=FILE, got {text!r}")
    return label, pathlib.Path(path)
