"""`dpt ship`: a run -> a small folder with weights, hyper-parameters and a card, which is a model wherever it lies.

For a model that comes with dpt_tf: `--name=people` alone writes into the package itself.
"""

import argparse
import pathlib
import re
import tempfile

from dpt_tf import shipped
from dpt_tf.commands import training_data
from dpt_tf.system import atomic, quiet
from dpt_tf.system.errors import UserError

MOST_BYTES = 16 << 20  # of the weights, which a wheel has to carry


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--workdir", type=pathlib.Path, required=True, help="the run's folder")
    parser.add_argument("--name", default=shipped.DEFAULT, help="of the model (default %(default)s)")
    parser.add_argument("--output", type=pathlib.Path, help="default: dpt_tf/shipped/NAME, to come with the package")
    parser.add_argument("--data_dir", type=pathlib.Path, help="what it was trained on; default: where it lay then")
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
    quiet.start_tensorflow()
    from dpt_tf.evaluation import card, digests
    from dpt_tf.shipped import weights
    from dpt_tf.training import stages
    from dpt_tf.transfer import painter

    if args.output and args.output.exists() and not shipped.is_model(args.output):
        raise UserError(f"--output={args.output} is there and holds no model; give a folder of its own")
    if shipped.is_model(args.workdir):
        raise UserError(f"{args.workdir} has been shipped already; give the run's folder")
    network, hparams, facts = stages.load_generator(args.workdir)
    noted = stages.provenance(args.workdir, "joint")
    if not noted:
        raise UserError(f"{args.workdir} wrote no provenance of its joint stage; train it with this version of dpt_tf")
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
    )
    folder, arrays = args.output or shipped.folder(args.name), weights.of(network)
    with tempfile.TemporaryDirectory(dir=_made(folder.parent), prefix=".ship-") as temporary:
        aside = pathlib.Path(temporary, args.name)
        made = weights.write(aside, hparams, arrays, made)
        size = (aside / shipped.WEIGHTS).stat().st_size
        if size > MOST_BYTES:
            raise UserError(f"the weights have {size / 2**20:.1f} MiB as float16; a wheel takes {MOST_BYTES >> 20}")
        made["check"] = card.check(painter.load(aside), hparams.image_size)
        atomic.write_json(aside / shipped.CARD, made)
        text = card.markdown(made, hparams, sum(array.size for array in arrays.values()), size)
        atomic.write_text(aside / shipped.CARD_TEXT, text)
        atomic.replace(aside, folder)
    print(text)
    print(folder)
    return 0


def _made(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _labelled(text: str) -> tuple[str, pathlib.Path]:
    label, equals, path = text.rpartition("=")
    if not (label and equals and path):
        raise argparse.ArgumentTypeError(f"wants LABEL=FILE, got {text!r}")
    return label, pathlib.Path(path)
