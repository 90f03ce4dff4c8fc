"""Trains dense pose transfer: `dpt train` by another name, for a checkout. `python train.py --help` lists the flags."""

import sys
from collections.abc import Sequence

from dpt_tf.commands.main import dispatch, guarded


def main(argv: Sequence[str]) -> int:
    """Runs the command, whose name is `argv[0]`; the exit code."""
    return guarded(lambda: dispatch(["train", *argv[1:]]))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
