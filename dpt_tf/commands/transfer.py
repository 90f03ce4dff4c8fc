"""`dpt transfer`: one or more photos of a person and one or more poses -> pictures, from a trained run.

Poses are maps (`--target_iuv`), or photos of somebody in them (`--target`). A photo's map is the one given, else the
one beside it (`NAME_IUV.png`), else an estimator makes it (`--pose`). Of several photos each shows what others hide.
With `--keep_proportions` the person keeps its own build.
"""

import argparse
import pathlib
import sys
from typing import Any

import numpy as np

from dpt_tf.commands import folders, people_flags
from dpt_tf.densepose import map_files
from dpt_tf.images import naming
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError, say


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    people_flags.add_model(parser)
    people_flags.add(parser, "--source")
    parser.add_argument(
        "--target_iuv", type=folders.named, default=[], nargs="+", action="extend", help="the poses to paint, as maps"
    )
    parser.add_argument(
        "--target", type=folders.named, default=[], nargs="+", action="extend", help="likewise, as photos (or maps)"
    )
    parser.add_argument(
        "--pose",
        metavar="NAME|FILE|RUN",
        help="who makes the maps of photos without one: small (default), a published network, weights or a run",
    )
    parser.add_argument(
        "--output",
        type=folders.named,
        required=True,
        help="a picture; or a folder, one picture a pose",
    )
    parser.add_argument(
        "--keep_proportions",
        action="store_true",
        help="paint the person as it is built, not as whoever strikes the pose is",
    )
    parser.add_argument("--sheet", type=folders.named, help="also write a contact sheet here")


def run(args: argparse.Namespace) -> int:
    """Paints; prints the path of each picture."""
    given = [*args.target_iuv, *args.target]
    if not given:
        raise UserError("dpt transfer: give the poses, as photos (--target) or as maps (--target_iuv)")
    people = people_flags.refuse("transfer", args.source, args.source_iuv)
    outputs = _outputs(args.output, given)
    _keep_inputs(args, outputs)
    quiet.start_tensorflow()
    from dpt_tf import iuv
    from dpt_tf.images import display
    from dpt_tf.transfer import person_file
    from dpt_tf.transfer.poses import Poses

    made = Poses(args.pose, lambda line: say(line, sys.stderr))
    given_maps = args.source_iuv or [None] * len(args.source)
    person = person_file.read(people[0]) if people else None
    known: list[Any] = [] if person else [made.known(*one) for one in zip(args.source, given_maps, strict=True)]
    several: Any = known[0] if len(known) == 1 else tuple([each[k] for each in known] for k in range(3))
    photo, source_iuv, coverage = several
    poses = [*map(iuv.read, args.target_iuv), *map(made.of, args.target)]
    paint = people_flags.painter_of(args)
    keep: dict[str, Any] = {"keep_proportions": True} if args.keep_proportions else {}
    rows: list[dict[str, np.ndarray]] = []
    for pose, output in zip(poses, outputs, strict=True):
        result = (
            paint(person, target_iuv=pose, **keep)
            if person
            else paint(photo, source_iuv, pose, coverage=coverage, **keep)
        )
        for line in paint.doubts() if (person or len(known) > 1) and not rows else []:
            say(f"note: {line}", sys.stderr)
        display.save(output, result["image"])
        say(str(output))
        first = np.asarray(person.sources.each[0]["person"])[0, ..., :3] if person else known[0][0]
        rows.append(_row(first, display.colour_map(result.get("target_iuv", pose)), result))
    if args.sheet:
        display.save(args.sheet, display.grid([list(row.values()) for row in rows], tuple(rows[0])))
        say(str(args.sheet))
    return 0


def _row(photo: np.ndarray, pose: np.ndarray, result: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Pictures of the sheet under their captions."""
    seen = np.repeat(result["provenance"], 3, axis=-1)
    between = {"layers": result["layers"]} if "layers" in result else {"predicted": result["predicted"]}
    row = {"source": photo, "pose": pose, "warped": result["warped"], "seen": seen}
    return row | between | {"result": result["image"]}


def _outputs(output: pathlib.Path, poses: list[pathlib.Path]) -> list[pathlib.Path]:
    """A file for each pose.

    Raises:
      UserError: several poses for one file, or two poses of one name.
    """
    if naming.is_file_name(output):
        if len(poses) > 1:
            raise UserError(f"--output={output} is one picture but there are {len(poses)} poses; give a folder")
        return [output]
    files = [output / naming.of_pose(pose) for pose in poses]
    if name := naming.twice(files):
        raise UserError(
            f"two of the poses have one file name, {name}; their pictures would overwrite each other: rename one"
        )
    return files


def _keep_inputs(args: argparse.Namespace, outputs: list[pathlib.Path]) -> None:
    """Nothing that was given is written over, nor the photo beside a pose, which a picture would be called like.

    Raises:
      UserError: an output, or the sheet, is such a file or cannot be one, or the sheet is one of the outputs.
    """
    poses = [*args.target_iuv, *args.target]
    given = [*args.source, *args.source_iuv, *([args.model] if args.model else []), *poses]
    given += [pathlib.Path(args.pose)] if args.pose else []
    given += [found for photo in (*args.source, *args.target) if (found := map_files.beside(photo))]
    photos_beside = [naming.beside(pose) for pose in poses] if outputs != [args.output] else []
    sheets = [args.sheet] if args.sheet else []
    if line := (
        naming.refused(outputs, given + photos_beside) or naming.refused(sheets, given, "--sheet", "the sheet")
    ):
        raise UserError(line)
    if sheets and args.sheet.resolve() in {output.resolve() for output in outputs}:
        raise UserError(f"--sheet={args.sheet} is the name of a picture, too; give another --sheet")
