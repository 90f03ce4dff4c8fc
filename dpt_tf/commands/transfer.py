"""`dpt transfer`: a photo, its map and one or more poses -> pictures, from a trained run."""

import argparse
import pathlib

import numpy as np

from dpt_tf.images import photos
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("--model", type=pathlib.Path, required=True, help="a run's folder, or a SavedModel")
    parser.add_argument("--source", type=pathlib.Path, required=True, help="the photo")
    parser.add_argument(
        "--source_iuv", type=pathlib.Path, required=True, help="the photo's DensePose map, or a dump that holds it"
    )
    parser.add_argument(
        "--target_iuv", type=pathlib.Path, required=True, nargs="+", action="extend", help="the poses to paint"
    )
    parser.add_argument(
        "--output", type=pathlib.Path, required=True, help="a picture; with several poses a folder, one picture each"
    )
    parser.add_argument("--sheet", type=pathlib.Path, help="also write a contact sheet here")


def run(args: argparse.Namespace) -> int:
    """Paints; prints the path of each picture."""
    quiet.start_tensorflow()
    from dpt_tf import iuv
    from dpt_tf.images import display
    from dpt_tf.transfer import painter

    photo = read_photo(args.source)
    source_iuv = iuv.read(args.source_iuv, photo=str(args.source), size=photo.shape[:2])
    poses = [iuv.read(path) for path in args.target_iuv]
    if photo.shape != source_iuv.shape:
        raise UserError(
            f"{args.source} is {photo.shape[1]} x {photo.shape[0]} but {args.source_iuv} is {source_iuv.shape[1]} x "
            f"{source_iuv.shape[0]}: give the map that was made from this very photo"
        )
    outputs = _outputs(args.output, args.target_iuv)
    paint = painter.load(args.model)
    rows = []
    for pose, output in zip(poses, outputs, strict=True):
        result = paint(photo, source_iuv, pose)
        display.save(output, result["image"])
        print(output)
        seen = np.repeat(result["provenance"], 3, axis=-1)
        rows.append([photo, display.colour_map(pose), result["warped"], seen, result["predicted"], result["image"]])
    if args.sheet:
        display.save(args.sheet, display.grid(rows, ("source", "pose", "warped", "seen", "predicted", "result")))
        print(args.sheet)
    return 0


def read_photo(path: pathlib.Path) -> np.ndarray:
    """A picture file as uint8 `[H, W, 3]`, upright.

    Raises:
      UserError: it is missing or not a picture.
    """
    try:
        return photos.read(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; give the path of a photo") from None


def _outputs(output: pathlib.Path, poses: list[pathlib.Path]) -> list[pathlib.Path]:
    """A file for each pose.

    Raises:
      UserError: several poses for one file, or two poses of one name.
    """
    if len(poses) == 1:
        return [output / f"{poses[0].stem}.png" if output.is_dir() else output]
    if output.suffix:
        raise UserError(f"--output={output} is one picture but there are {len(poses)} poses; give a folder")
    files = [output / f"{pose.stem}.png" for pose in poses]
    if len(set(files)) < len(files):
        raise UserError("two of the poses have one file name; their pictures would overwrite each other: rename one")
    return files
