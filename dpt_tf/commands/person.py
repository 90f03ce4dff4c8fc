"""`dpt person`: one or more photos of a person -> a file to paint from without them, `ada.person`."""

import argparse
import pathlib
import sys

from dpt_tf.commands import folders, people_flags
from dpt_tf.densepose import map_files
from dpt_tf.images import naming, photos
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError, say


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("photos", type=folders.named, nargs="+", help="the photo, or several of the person, best first")
    parser.add_argument(
        "--source_iuv", type=folders.named, default=[], nargs="+", help="their maps, in the same order (default: made)"
    )
    parser.add_argument("--pose", metavar="NAME|FILE|RUN", help="who makes the maps of photos without one")
    people_flags.add_model(parser)
    parser.add_argument("-o", "--output", type=folders.named, required=True, help="the file, NAME.person")
    parser.add_argument("--show", type=folders.named, help="also write a picture of the surface and the backdrop here")


def run(args: argparse.Namespace) -> int:
    """Makes the file; prints its path, how large it is and how much of the surface the photos show."""
    if not photos.is_person(args.output):
        raise UserError(f"--output={args.output}: a person's file ends in {photos.PERSON}")
    if args.source_iuv and len(args.source_iuv) != len(args.photos):
        raise UserError(
            f"dpt person: {len(args.photos)} photos but {len(args.source_iuv)} maps; give --source_iuv one for each, "
            "in the same order, or leave it out"
        )
    _keep_inputs(args)
    quiet.start_tensorflow()
    from dpt_tf.images import display
    from dpt_tf.transfer.poses import Poses

    made = Poses(args.pose, lambda line: say(line, sys.stderr))
    given_maps = args.source_iuv or [None] * len(args.photos)
    known, facts = [], []
    for path, given in zip(args.photos, given_maps, strict=True):
        known.append(made.known(path, given))
        facts.append({"name": path.name, "map": made.maker(known[-1][0]) or "given"})
    pictures, maps, coverages = (list(each) for each in zip(*known, strict=True))
    paint = people_flags.painter_of(args)
    person = paint.person(pictures, maps, coverage=coverages, save=args.output, facts={"photos": facts})
    for line in person.sources.doubts:
        say(f"note: {line}", sys.stderr)
    shown = (person.sources.observed > 0).mean()
    say(f"{args.output}: {args.output.stat().st_size / 1e6:.1f} MB, {shown:.0%} of the surface seen")
    if args.show:
        surface = display.texture_sheet(person.sources.texture)
        display.save(args.show, surface)
        say(str(args.show))
    return 0


def _keep_inputs(args: argparse.Namespace) -> None:
    """Nothing that was given is written over.

    Raises:
      UserError: an output is such a file or cannot be one, or both are one.
    """
    given = [*args.photos, *args.source_iuv, *([args.model] if args.model else [])]
    given += [pathlib.Path(args.pose)] if args.pose else []
    given += [found for photo in args.photos if (found := map_files.beside(photo))]
    shows = [args.show] if args.show else []
    if line := (
        naming.refused([args.output], given, what="a person", forms=[photos.PERSON])
        or naming.refused(shows, given, "--show", "the picture")
    ):
        raise UserError(line)
