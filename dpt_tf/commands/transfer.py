"""`dpt transfer`: a photo and one or more poses -> pictures, from a trained run.

Poses are maps (`--target_iuv`), or photos of somebody in them (`--target`). A photo's map is the one given, else the
one beside it (`NAME_IUV.png`), else an estimator makes it (`--pose`).
"""

import argparse
import pathlib
import sys

import numpy as np

from dpt_tf import shipped
from dpt_tf.densepose import asking, map_files
from dpt_tf.images import naming
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError, say


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument(
        "--model", type=pathlib.Path, help="a run's folder, a SavedModel or a shipped model (default: people)"
    )
    parser.add_argument("--source", type=pathlib.Path, required=True, help="the photo")
    parser.add_argument(
        "--source_iuv", type=pathlib.Path, help="the photo's DensePose map, or a dump that holds it (default: made)"
    )
    parser.add_argument(
        "--target_iuv", type=pathlib.Path, default=[], nargs="+", action="extend", help="the poses to paint, as maps"
    )
    parser.add_argument(
        "--target", type=pathlib.Path, default=[], nargs="+", action="extend", help="likewise, as photos (or maps)"
    )
    parser.add_argument(
        "--pose",
        metavar="NAME|FILE|RUN",
        help="who makes the maps of photos without one: small (default), a published network, weights or a run",
    )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        required=True,
        help="a picture; or a folder, one picture a pose",
    )
    parser.add_argument("--sheet", type=pathlib.Path, help="also write a contact sheet here")


def run(args: argparse.Namespace) -> int:
    """Paints; prints the path of each picture."""
    given = [*args.target_iuv, *args.target]
    if not given:
        raise UserError("dpt transfer: give the poses, as photos (--target) or as maps (--target_iuv)")
    outputs = _outputs(args.output, given)
    _keep_inputs(args, outputs)
    quiet.start_tensorflow()
    from dpt_tf import iuv
    from dpt_tf.images import display
    from dpt_tf.transfer import painter
    from dpt_tf.transfer.poses import Poses

    photo = asking.read(args.source)
    map_files.refuse_map(args.source, photo)
    made = Poses(args.pose, lambda line: say(line, sys.stderr))
    coverage = None
    if args.source_iuv is None:
        source_iuv, coverage = made.of_source(photo, args.source)
    else:
        source_iuv = iuv.read(args.source_iuv, photo=str(args.source), size=photo.shape[:2])
    poses = [*map(iuv.read, args.target_iuv), *map(made.of, args.target)]
    if photo.shape != source_iuv.shape:
        raise UserError(
            f"{args.source} is {photo.shape[1]} x {photo.shape[0]} but {args.source_iuv or 'the map beside it'} is "
            f"{source_iuv.shape[1]} x {source_iuv.shape[0]}: give the map that was made from this very photo"
        )
    if args.model is None:
        print(f"with the shipped model {shipped.DEFAULT}; --model=RUN takes another", file=sys.stderr)
    paint = painter.load(args.model or shipped.folder())
    rows = []
    for pose, output in zip(poses, outputs, strict=True):
        result = paint(photo, source_iuv, pose, coverage=coverage)
        display.save(output, result["image"])
        say(str(output))
        rows.append(_row(photo, display.colour_map(pose), result))
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
    given = [path for path in (args.source, args.source_iuv, args.model, *poses) if path is not None]
    given += [pathlib.Path(args.pose)] if args.pose else []
    given += [found for photo in (args.source, *args.target) if (found := map_files.beside(photo))]
    photos_beside = [naming.beside(pose) for pose in poses] if outputs != [args.output] else []
    sheets = [args.sheet] if args.sheet else []
    if line := (
        naming.refused(outputs, given + photos_beside) or naming.refused(sheets, given, "--sheet", "the sheet")
    ):
        raise UserError(line)
    if sheets and args.sheet.resolve() in {output.resolve() for output in outputs}:
        raise UserError(f"--sheet={args.sheet} is the name of a picture, too; give another --sheet")
