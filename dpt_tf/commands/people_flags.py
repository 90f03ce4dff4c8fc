"""Flags that say who is painted, photos of one person or a person's file, and by which model."""

import argparse
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from dpt_tf import shipped
from dpt_tf.commands import folders
from dpt_tf.images import photos
from dpt_tf.system.errors import UserError


def add(parser: argparse.ArgumentParser, flag: str) -> None:
    """The person of `flag`, and the maps of its photos."""
    parser.add_argument(
        flag,
        type=folders.named,
        required=True,
        nargs="+",
        help="the photo, or several of the person, best first; or a person's file, `dpt person`",
    )
    parser.add_argument(
        "--source_iuv",
        type=folders.named,
        default=[],
        nargs="+",
        help="the photos' DensePose maps, or dumps that hold them, in the same order (default: made)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model that paints."""
    parser.add_argument(
        "--model", type=folders.named, help="a run's folder, a SavedModel or a shipped model (default: people)"
    )


def refuse(
    verb: str, paths: Sequence[pathlib.Path], maps: Sequence[pathlib.Path], flag: str = "--source_iuv", alone: str = ""
) -> list[pathlib.Path]:
    """Checks that each of the photos has a map or none has, and that a person's file stands alone.

    Args:
      verb: of the command.
      paths: photos, or one person's file.
      maps: given by `flag`.
      flag: see `maps`.
      alone: how a person's file is given, where that is to be said: "as --person".

    Returns:
      The person's file, if that is what was given.

    Raises:
      UserError: it is neither.
    """
    people = [path for path in paths if photos.is_person(path)]
    if people and (len(paths) > 1 or maps):
        where = f"alone {alone}" if alone else "alone"
        raise UserError(f"dpt {verb}: {people[0]} is a person; give it {where}, without photos and maps")
    if maps and len(maps) != len(paths):
        raise UserError(
            f"dpt {verb}: {len(paths)} photos but {len(maps)} maps; give {flag} one for each, in the same order, or "
            "leave it out"
        )
    return people


def painter_of(args: argparse.Namespace) -> Any:
    """The painter of `--model`; says which it is where none was named."""
    from dpt_tf.transfer import painter

    if args.model is None:
        print(f"with the shipped model {shipped.DEFAULT}; --model=RUN takes another", file=sys.stderr)
    return painter.load(args.model or shipped.folder())
