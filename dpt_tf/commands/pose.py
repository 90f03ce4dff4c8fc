"""`dpt pose`: photos, folders of photos or videos -> DensePose maps, R = I, G = U, B = V.

A map is `NAME_IUV.png`; folders below a folder are kept; a video becomes a folder `NAME_iuv`. What is there and was
made alike is passed over, so that the same command goes on where it stopped; a map that was made otherwise ends it
with a line, and a file that was made elsewhere is never written over. Exit code 1: somewhere nobody was found, or
something of a folder could not be used.
"""

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Iterator

import numpy as np
from PIL import Image, PngImagePlugin

from dpt_tf.commands import folders, pose_video
from dpt_tf.densepose import asking, choosing, map_files
from dpt_tf.densepose.estimator import Box, Estimator
from dpt_tf.images import display, naming, photos, video
from dpt_tf.iuv import notes
from dpt_tf.system import atomic, quiet
from dpt_tf.system.errors import UserError, one_line, say

_SHOWN = 300  # bad files that are listed by name


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("inputs", nargs="*", type=folders.named, metavar="PHOTO|FOLDER|VIDEO")
    parser.add_argument("--output", type=folders.named, required=True, help="a folder; or a PNG, for one photo's map")
    parser.add_argument(
        "--show", type=folders.named, help="pictures with the map over the photo, for looking at: likewise"
    )
    parser.add_argument(
        "--weights",
        metavar="NAME|FILE|RUN",
        help="a published network, a file of weights or a run (default: the small network that comes with dpt_tf)",
    )
    whom = parser.add_mutually_exclusive_group()
    whom.add_argument("--person", type=int, metavar="N", help="the N-th surest person (1, the surest)")
    whom.add_argument("--all", action="store_true", help="everybody, a map each: NAME_person1_IUV.png, ...")
    whom.add_argument("--box", type=_box, metavar="X0,Y0,X1,Y1", help="whoever stands in this box, in pixels")
    whom.add_argument("--whole", action="store_true", help="whoever the photo shows: nobody is looked for")
    parser.add_argument(
        "--convert",
        type=folders.named,
        metavar="FILE",
        help="only write these weights (.pkl, .pth) as --output=FILE.npz",
    )
    pose_video.add_flags(parser.add_argument_group("videos (pip install 'dpt_tf[video]')"))


@dataclasses.dataclass(frozen=True)
class _Job:
    """A photo and the folder for its map; where it lay below a folder that was given; the map's name, if given."""

    photo: pathlib.Path
    folder: pathlib.Path
    below: pathlib.Path = pathlib.Path()
    file: str = ""


def run(args: argparse.Namespace) -> int:
    """Makes the maps; prints the path of each, with score and box."""
    if args.convert:
        return _convert(args)
    asked = map_files.Asked(args.box, args.whole, args.person, args.all)
    if args.person is not None and args.person < 1:
        raise UserError(f"--person={args.person}: people are counted from 1, the surest")
    cut = pose_video.cut(args)
    if not args.inputs:
        raise UserError("dpt pose: give a photo, a folder of photos or a video; dpt pose --help lists the flags")
    for path in args.inputs:
        if not path.exists():
            raise UserError(f"{path}: no such file; give a photo, a folder of photos or a video")
    videos = [path for path in args.inputs if path.is_file() and video.is_video(path)]
    if not videos:
        pose_video.refuse_flags(args)
    jobs = _jobs([path for path in args.inputs if path not in videos], args)
    _check_output(args, jobs, videos)
    if videos:
        video.library()
    quiet.start_tensorflow()
    estimator = choosing.open_estimator(args.weights)
    code = 0
    if jobs:
        code = _photos(jobs, estimator, asked, args)
    for path in videos:
        try:
            code = max(code, pose_video.run(path, estimator, asked, cut, args))
        except UserError as error:
            if len(args.inputs) == 1:
                raise
            say(str(error), sys.stderr)
            code = 1
    return code


def _box(text: str) -> Box:
    try:
        x0, y0, x1, y1 = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: give x0,y0,x1,y1 in pixels") from None
    return x0, y0, x1, y1


def _convert(args: argparse.Namespace) -> int:
    if args.inputs:
        raise UserError("--convert writes weights and makes no maps; give it without photos")
    if args.output.suffix.lower() != ".npz":
        raise UserError(f"--output={args.output}: the weights go into a file .npz; name one")
    if args.output.exists():
        raise UserError(f"{args.output} is there already and stays as it is; give another --output, or remove it")
    if not args.convert.is_file() and not args.convert.name.startswith(choosing.PUBLISHED):
        raise UserError(f"{args.convert}: no such file; give published weights, .pkl or .pth, or their name")
    quiet.start_tensorflow()
    choosing.convert(args.convert, args.output)
    say(str(args.output))
    return 0


def _jobs(inputs: list[pathlib.Path], args: argparse.Namespace) -> list[_Job]:
    if len(inputs) == len(args.inputs) == 1 and not inputs[0].is_dir() and naming.is_file_name(args.output):
        return [_Job(inputs[0], args.output.parent, file=args.output.name)]
    jobs = []
    for path in inputs:
        if not path.is_dir():
            jobs.append(_Job(path, args.output))
            continue
        found = list(_photos_below(path, args.output))
        if not found:
            raise UserError(f"{path}: no photo in it ({', '.join(photos.SUFFIXES)}); give a folder of photos")
        places = [photo.parent.relative_to(path) for photo in found]
        jobs += [_Job(photo, args.output / below, below) for photo, below in zip(found, places, strict=True)]
    return jobs


def _photos_below(folder: pathlib.Path, output: pathlib.Path) -> Iterator[pathlib.Path]:
    """By name; maps, hidden files and, where it lies in the folder, what is being written left out."""
    inside = output.resolve() if output.resolve() != folder.resolve() else None
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if path.suffix.lower() not in photos.SUFFIXES or any(part.startswith(".") for part in below.parts):
            continue
        other = map_files.is_map_name(path) or photos.is_matte_name(path)
        if not other and path.is_file() and not (inside and inside in path.resolve().parents):
            yield path


def _check_output(args: argparse.Namespace, jobs: list[_Job], videos: list[pathlib.Path]) -> None:
    one = bool(jobs) and bool(jobs[0].file)
    if one and args.output.suffix.lower() != ".png":
        raise UserError(f"--output={args.output}: a map is a PNG, whose numbers nothing changes; name one, or a folder")
    if one and args.all:
        raise UserError(f"--output={args.output} is one map and --all are several; give a folder")
    if not one and args.output.exists() and not args.output.is_dir():
        raise UserError(f"--output={args.output} is a file; give a folder for the maps of several photos or of a video")
    named: dict[str, pathlib.Path] = {}
    for job in jobs:
        key = str(job.folder / (job.file or map_files.name(job.photo)))
        if (other := named.setdefault(key, job.photo)) != job.photo:
            raise UserError(f"{other} and {job.photo} would have one map, {key}; rename one of them")
    for path in videos:
        key = str(pose_video.folder(path, args.output))
        if (other := named.setdefault(key, path)) != path:
            raise UserError(f"{other} and {path} would have one folder of maps, {key}; rename one of them")
    given = [*args.inputs, *([pathlib.Path(args.weights)] if args.weights else [])]
    if line := naming.refused([args.output] if one else [], given, what="a map", forms=(".png",)):
        raise UserError(line)
    if args.show is None:
        return
    one, wanted = naming.is_file_name(args.show), ".mp4" if videos else ".png"
    if one and args.show.suffix.lower() != wanted:
        raise UserError(f"--show={args.show}: it is a {wanted} or a folder; name one")
    shown = [args.show] if one else [_shown_at(job, args.show) for job in jobs]
    given += [job.photo for job in jobs]
    if line := naming.refused(shown, given, "--show", "the picture", (".png", ".mp4")):
        raise UserError(line)
    if not one:
        return
    if not videos:
        _keep_show(args.show)
    if len(jobs) + len(videos) > 1:
        raise UserError(f"--show={args.show} is one picture; give a folder for those of several")
    if args.show.resolve() == args.output.resolve():
        raise UserError(f"--show={args.show} is the map's own name; give another one")


def _photos(jobs: list[_Job], estimator: Estimator, asked: map_files.Asked, args: argparse.Namespace) -> int:
    from tqdm import tqdm

    alone = len(jobs) == 1 and len(args.inputs) == 1 and not args.inputs[0].is_dir()
    bad: list[str] = []
    there = elsewhere = 0
    with tqdm(jobs, unit="photo", desc=f"maps by {estimator.name}", leave=False, disable=alone or None) as bar:
        for job in bar:
            try:
                made = map_files.make(job.photo, job.folder, estimator, asked, job.file)
                if args.show:
                    _show(job, [one.path for one in made], args.show)
            except map_files.MadeElsewhere:
                if alone:
                    raise
                elsewhere += 1
                continue
            except map_files.MadeOtherwise:
                raise
            except asking.Nobody as error:
                bad.append(str(error))
                continue
            except (UserError, OSError) as error:
                if alone or (isinstance(error, OSError) and error.filename is None):
                    raise
                bad.append(str(error) if isinstance(error, UserError) else f"{error.filename}: {error.strerror}")
                continue
            there += not made[0].fresh
            for one in made:
                if one.fresh or alone:
                    was_there = "" if one.fresh else "  (was there)"
                    tqdm.write(one_line(f"{one.path}  score {one.score}  box {one.box}{was_there}"))
    return _report(len(jobs), there, elsewhere, bad, estimator, alone)


def _report(jobs: int, there: int, elsewhere: int, bad: list[str], estimator: Estimator, alone: bool) -> int:
    if not alone:
        fresh = jobs - there - elsewhere - len(bad)
        parts = [f"maps of {fresh} photos made by {estimator.name}"]
        parts += [f"{there} were there"] if there else []
        parts += [f"{elsewhere} had one that was made elsewhere"] if elsewhere else []
        parts += [f"{len(bad)} have none:"] if bad else []
        print(", ".join(parts))
    for line in bad[:_SHOWN]:
        print(one_line(line if alone else f"  {line}"), file=sys.stderr if alone else sys.stdout)
    if len(bad) > _SHOWN:
        print(f"  and {len(bad) - _SHOWN} more")
    return 1 if bad else 0


def _shown_at(job: _Job, show: pathlib.Path) -> pathlib.Path:
    return show if naming.is_file_name(show) else show / job.below / naming.of_pose(job.photo)


def _keep_show(path: pathlib.Path) -> None:
    """Raises UserError where there is something that `dpt pose` did not make."""
    if path.exists() and "Shows" not in (notes.read(path) or {}):
        raise UserError(f"{path} is there and was not made by this command; give another --show")


def _show(job: _Job, maps: list[pathlib.Path], show: pathlib.Path) -> None:
    """The picture for looking at; one that `dpt pose` did not make is not written over."""
    path = _shown_at(job, show)
    _keep_show(path)
    picture: np.ndarray = asking.read(job.photo)
    for one in maps:
        picture = display.over_photo(picture, map_files.read(one))
    # A picture is a PNG of three channels, as a map is; what it says of itself is another thing.
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.written(path) as aside:
        text = PngImagePlugin.PngInfo()
        text.add_itxt("Shows", "a photo with its map")
        Image.fromarray(picture).save(aside, format="PNG", pnginfo=text)
