"""`dpt dress`: a person in clothes of another, in the photo's own pose or in others, or as a file to paint from.

What skirts, coats and hair hang beside the body is not the surface's and is beyond it: it goes where its garment is
replaced, and does not come with the other's.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from dpt_tf.commands import folders, people_flags
from dpt_tf.densepose import map_files
from dpt_tf.images import naming, photos
from dpt_tf.iuv.parts import parsed
from dpt_tf.system import quiet
from dpt_tf.system.errors import UserError, say


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    several: dict[str, Any] = {"type": folders.named, "nargs": "+"}
    for who, about in (("person", "who is dressed"), ("clothes", "who wears the clothes")):
        parser.add_argument(f"--{who}", **several, required=True, help=f"{about}: photos, or a .person file")
        parser.add_argument(f"--{who}_iuv", **several, default=[], help="their maps, in the same order (default: made)")
    parser.add_argument("--parts", help="top, bottom, shoes, hair, numbers or names of parts, by commas (default: top)")
    parser.add_argument("--mask", type=folders.named, help="instead: a picture, white on what to take of the clothes")
    parser.add_argument(
        "--target", **several, default=[], help="poses to paint, as photos or maps (default: the photo's own)"
    )
    parser.add_argument("--pose", metavar="NAME|FILE|RUN", help="who makes the maps of photos without one")
    parser.add_argument("--model", type=folders.named, help="a run's folder or a shipped model (default: people)")
    parser.add_argument(
        "-o",
        "--output",
        type=folders.named,
        required=True,
        help="a picture; of several poses a folder; or NAME.person, a file to paint from",
    )


def run(args: argparse.Namespace) -> int:
    """Dresses and paints; prints the path of each file."""
    if args.parts is not None and args.mask is not None:
        raise UserError("dpt dress: --parts and --mask are two ways to say what to take; give one of them")
    try:
        parts = parsed(args.parts or "top")
    except ValueError as error:
        raise UserError(f"dpt dress: --parts: {error}") from None
    _check_people(args)
    outputs = _outputs(args)
    quiet.start_tensorflow()
    from dpt_tf.images import display
    from dpt_tf.transfer import dressed_photos, person_file
    from dpt_tf.transfer.poses import Poses

    pairs = (args.person, args.person_iuv), (args.clothes, args.clothes_iuv)
    kept = [person_file.read(paths[0]) if photos.is_person(paths[0]) else None for paths, _ in pairs]
    made = Poses(args.pose, lambda line: say(line, sys.stderr))
    known = [_known(made, *given) for given in pairs]
    mask = _mask(args.mask, args.clothes[0], known[1]) if args.mask else None
    poses = [made.of(path) for path in args.target]
    paint = people_flags.painter_of(args)
    people: list[Any] = []
    for (paths, _), of_file, of_photos in zip(pairs, kept, known, strict=True):
        if of_file:
            people.append(of_file)
            continue
        pictures, maps, coverages = (list(each) for each in zip(*of_photos, strict=True))
        named = {"photos": [{"name": path.name} for path in paths]}
        people.append(paint.person(pictures, maps, coverage=coverages, facts=named))
    person = paint.dress(people[0], people[1], parts, mask=mask)
    for line in person.sources.doubts:
        say(f"note: {line}", sys.stderr)
    if photos.is_person(args.output):
        person_file.write(args.output, person.sources, person.facts)
        pictures = []
    elif poses:
        pictures = [paint(person, target_iuv=pose)["image"] for pose in poses]
    else:
        whole = known[0][0][0] if known[0] else people[0].photo()
        pictures = [dressed_photos.photo_of(person.sources, people[0].sources, whole)]
    for output, picture in zip(outputs, pictures, strict=False):
        display.save(output, picture)
    for output in outputs:
        say(str(output))
    return 0


def _known(made: Any, paths: list[pathlib.Path], maps: list[Any]) -> list[tuple]:
    """Photos, their maps and coverages; none where it is a person's file."""
    if photos.is_person(paths[0]):
        return []
    given: list[pathlib.Path | None] = [*maps] or [None] * len(paths)
    return [made.known(*one) for one in zip(paths, given, strict=True)]


def _mask(path: pathlib.Path, of: pathlib.Path, known: list[tuple]) -> np.ndarray:
    """Uint8 `[H, W]`.

    Raises:
      UserError: it is empty, or of another size than the clothes' photo.
    """
    mask = photos.read(path).max(-1)
    if mask.max() < 128:
        raise UserError(f"--mask={path} is empty; paint white what is to be taken of {of}")
    if known and mask.shape != known[0][0].shape[:2]:
        height, width = known[0][0].shape[:2]
        raise UserError(
            f"--mask={path} is {mask.shape[1]} x {mask.shape[0]} but {of} is {width} x {height}; paint it on that photo"
        )
    return mask


def _check_people(args: argparse.Namespace) -> None:
    """Each of the two is photos, with or without maps, or one file of a person.

    Raises:
      UserError: it is not.
    """
    for who in ("person", "clothes"):
        paths, maps = getattr(args, who), getattr(args, f"{who}_iuv")
        people_flags.refuse("dress", paths, maps, f"--{who}_iuv", f"as --{who}")
    if args.mask is not None and (len(args.clothes) > 1 or photos.is_person(args.clothes[0])):
        raise UserError("dpt dress: a mask is painted on a photo of the clothes; give that photo alone as --clothes")


def _outputs(args: argparse.Namespace) -> Sequence[pathlib.Path]:
    """The files to write; nothing that was given is written over.

    Raises:
      UserError: an output is such a file or cannot be one; several poses for one file, or poses for a person's.
    """
    output, poses = args.output, args.target
    if photos.is_person(output) and poses:
        raise UserError(f"--output={output} is a person, which is painted in no pose; leave --target out")
    outputs = [output]
    if poses and not naming.is_file_name(output):
        outputs = [output / naming.of_pose(pose) for pose in poses]
    elif len(poses) > 1:
        raise UserError(f"--output={output} is one picture but there are {len(poses)} poses; give a folder")
    if name := naming.twice(outputs):
        raise UserError(f"two of the poses have one file name, {name}; their pictures would overwrite each other")
    given: list[pathlib.Path] = [*args.person, *args.clothes, *args.person_iuv, *args.clothes_iuv, *poses]
    given += [path for path in (args.mask, args.model) if path] + ([pathlib.Path(args.pose)] if args.pose else [])
    given += [found for photo in (*args.person, *args.clothes, *poses) if (found := map_files.beside(photo))]
    forms = [*naming.FORMS, photos.PERSON] if not poses else naming.FORMS
    beside = [naming.beside(pose) for pose in poses] if outputs != [output] else []
    if line := naming.refused(outputs, given + beside, forms=forms):
        raise UserError(line)
    return outputs
