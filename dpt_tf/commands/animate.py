"""`dpt animate`: a person and poses one after another -> a moving picture, MP4, GIF or WebP.

Poses come from a video, a folder of photos, or a folder of maps. Where nobody is found the pose before is held, and it
is said in which frames. Frames that are painted stay in a hidden folder beside the output until all are there,
`.NAME.frames`, and the same command goes on with them; it is gone afterwards.
"""

import argparse
import fractions
import itertools
import json
import pathlib
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from dpt_tf.commands import folders, people_flags, pose_video
from dpt_tf.densepose import map_files
from dpt_tf.images import moving, naming, photos, video
from dpt_tf.system import locks, quiet
from dpt_tf.system.errors import UserError, one_line, say


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    people_flags.add(parser, "--person")
    parser.add_argument("--poses", type=folders.named, required=True, help="a video, or a folder of photos or of maps")
    parser.add_argument("-o", "--output", type=folders.named, required=True, help=", ".join(moving.FORMS))
    people_flags.add_model(parser)
    parser.add_argument("--pose", metavar="NAME|FILE|RUN", help="who makes the maps of photos and videos")
    parser.add_argument("--keep_audio", action="store_true", help="the video's sound, too")
    parser.add_argument("--fps", type=float, help="frames a second (default: the video's; of a folder 25)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each N-th frame (1, all)")
    parser.add_argument("--from", type=float, dest="start", metavar="SECONDS", help="where to begin")
    parser.add_argument("--to", type=float, dest="end", metavar="SECONDS", help="where to end")
    parser.add_argument(
        "--nosteady", action="store_false", dest="steady", help="each frame for itself, with all its flicker"
    )


def run(args: argparse.Namespace) -> int:
    """Makes the moving picture; prints its path and what it is."""
    cut = pose_video.cut(args)
    _check(args)
    video.library()
    _keep_inputs(args, [args.poses])
    quiet.start_tensorflow()
    from dpt_tf.transfer import motions

    notes: list[str] = []
    motion = motions.open_motion(args.poses, cut, args.steady, notes.append)
    _keep_inputs(args, motion.files)
    fps = fractions.Fraction(args.fps).limit_denominator(1001) if args.fps else motion.fps
    if args.keep_audio and not moving.has_sound(args.poses):
        say(f"{args.poses}: no sound in it, so the moving picture has none", sys.stderr)
        args.keep_audio = False
    work = args.output.parent / f".{args.output.name}.frames"
    with locks.claimed(work):
        try:
            held = _Painting(args, motion, work, fps).run()
        except UserError:
            if not any(work.glob("*.mp4")):  # nothing to go on with
                shutil.rmtree(work, ignore_errors=True)
            raise
        shutil.rmtree(work, ignore_errors=True)
    for line in notes:
        say(line, sys.stderr)
    if held:
        say(f"{args.poses}: nobody found in frames {motions.said(held)}; there a pose is held", sys.stderr)
    return 0


class _Painting:
    """All frames of one moving picture, and the file."""

    def __init__(self, args: argparse.Namespace, motion: Any, work: pathlib.Path, fps: fractions.Fraction):
        self._args, self._motion, self._work, self._fps = args, motion, work, fps
        self._held: list[int] = []
        self._size = (0, 0)

    def run(self) -> list[int]:
        """Paints what is not there, and writes the file; which frames show nobody."""
        from dpt_tf.densepose import choosing, following
        from dpt_tf.transfer.kept_frames import KeptFrames

        args = self._args
        paint = people_flags.painter_of(args)
        estimator = choosing.open_estimator(args.pose) if self._motion.photos else None
        kept = KeptFrames(self._work, self._made_of(paint, estimator), self._fps)
        if estimator is not None:
            estimator = following.Remembering(estimator, self._work / "answers")
        if kept.count:
            say(f"{kept.count} frames are there already", sys.stderr)
        self._paint(paint, kept, self._motion.maps(estimator))
        frames = kept.count
        height, width = self._size
        with _bar(None, frames * (2 if args.output.suffix.lower() == ".gif" else 1), "writing", args.output) as bar:

            def painted() -> Iterator[np.ndarray]:
                for frame in kept.frames(height, width):
                    yield frame
                    bar.update()

            moving.write(args.output, painted, self._fps, args.poses if args.keep_audio else None, pose_video.cut(args))
        say(f"{args.output}  {frames} frames, {float(self._fps):g} a second, {width} x {height}")
        return self._held

    def _paint(self, paint: Any, kept: Any, maps: Iterator[np.ndarray | None]) -> None:
        from dpt_tf.transfer import animation

        animator = animation.Animator(paint, *self._person(), steady=self._args.steady)
        for line in paint.doubts():
            say(f"note: {line}", sys.stderr)
        animator.restore(kept.state())
        poses = animation.held(self._noting(maps))
        with _bar(poses, self._motion.expected, "painting", self._args.output) as bar:
            shown = iter(bar)
            for pose in itertools.islice(shown, kept.count):
                animator.passed(pose)
                self._size = pose.shape[:2]

            def painted() -> Iterator[np.ndarray]:
                for pose in shown:
                    self._size = pose.shape[:2]
                    yield animator(pose)

            kept.add(painted(), animator.state)
        if not kept.count:
            who = "that is a person" if not self._motion.photos else "of anybody"
            raise UserError(f"{self._args.poses}: no frame in it {who}; give other poses, or their maps (`dpt pose`)")

    def _noting(self, maps: Iterator[np.ndarray | None]) -> Iterator[np.ndarray | None]:
        for number, one in enumerate(maps, 1):
            if one is None:
                self._held.append(number)
            yield one

    def _person(self) -> tuple[Any, Any, Any]:
        """The source, its map and who is the person beside it, as a painter takes them."""
        from dpt_tf.transfer import person_file
        from dpt_tf.transfer.poses import Poses

        args = self._args
        if photos.is_person(args.person[0]):
            return person_file.read(args.person[0]), None, None
        made = Poses(args.pose, lambda line: say(line, sys.stderr))
        given = args.source_iuv or [None] * len(args.person)
        known = [made.known(*one) for one in zip(args.person, given, strict=True)]
        return known[0] if len(known) == 1 else tuple([each[k] for each in known] for k in range(3))  # type: ignore

    def _made_of(self, paint: Any, estimator: Any) -> dict[str, Any]:
        from dpt_tf.transfer import motions

        args = self._args
        maps = args.source_iuv or [found for one in args.person if (found := map_files.beside(one))]
        return {
            "person": motions.known_by([*args.person, *maps]),
            "poses": self._motion.known_by,
            "model": json.loads(json.dumps(paint.provenance, default=str)),
            "maps by": estimator.name if estimator else str(args.pose),
            "frames": f"every {args.every} from {args.start} to {args.end}",
            "steady": args.steady,
        }


def _bar(frames: Iterable | None, total: int | None, text: str, path: pathlib.Path) -> Any:
    """Progress and time left. It is closed before a line is said, which it would wipe out."""
    from tqdm import tqdm

    return tqdm(frames, total=total, unit="frame", desc=one_line(f"{text} {path.name}"), leave=False)


def _check(args: argparse.Namespace) -> None:
    """Raises UserError for flags that do not go together."""
    people_flags.refuse("animate", args.person, args.source_iuv)
    if args.fps is not None and not 0.1 <= args.fps <= 240:
        raise UserError(f"--fps={args.fps:g}: give frames a second, 0.1 to 240")
    if not args.poses.exists():
        raise UserError(f"{args.poses}: no such file; give a video, or a folder of photos or maps")
    if not args.poses.is_dir() and not video.is_video(args.poses):
        raise UserError(f"{args.poses}: neither a video ({', '.join(video.SUFFIXES)}) nor a folder; give one of them")
    if not args.poses.is_dir():
        video.facts(args.poses)
    if args.keep_audio and args.poses.is_dir():
        raise UserError(f"--keep_audio: {args.poses} is a folder and has no sound; leave it out, or give the video")
    if args.keep_audio and args.output.suffix.lower() != ".mp4":
        raise UserError(f"--keep_audio: {args.output} cannot hold sound; give --output x.mp4, or leave it out")
    if args.keep_audio and args.fps:
        raise UserError("--keep_audio and --fps: the sound would run beside the pictures; give one of them")


def _keep_inputs(args: argparse.Namespace, poses: list[pathlib.Path]) -> None:
    """Nothing that was given is written over.

    Raises:
      UserError: the output is such a file, cannot be one, or would be one of the poses next time.
    """
    given = [*args.person, *args.source_iuv, *poses, *([args.model] if args.model else [])]
    given += [pathlib.Path(args.pose)] if args.pose else []
    given += [found for photo in args.person if (found := map_files.beside(photo))]
    if line := naming.refused([args.output], given, what="a moving picture", forms=moving.FORMS):
        raise UserError(line.removesuffix(", or a folder"))
    among = args.poses.is_dir() and args.output.absolute().parent.resolve() == args.poses.resolve()
    if among and args.output.suffix.lower() in photos.SUFFIXES:
        raise UserError(f"{args.output} would be one of the poses; give an --output in another folder")
