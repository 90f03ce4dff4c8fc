"""Flags that say which pairs of a data set: `--split`, `--limit`, `--seed`."""

import argparse
import re

from dpt_tf import config
from dpt_tf.system.errors import UserError


def refuse(args: argparse.Namespace) -> None:
    """Checks them without the data set.

    Raises:
      UserError: it names the flag.
    """
    if args.limit is not None and args.limit < 1:
        raise UserError(f"--limit={args.limit}: give 1 or more")
    if not 0 <= args.seed <= config.LARGEST_SEED:
        raise UserError(f"--seed={args.seed}: give 0 or more, {config.LARGEST_SEED} at most")
    if not re.fullmatch(r"\w[\w-]*", args.split):
        raise UserError(f"--split={args.split}: give the name of a split, such as test or train")
