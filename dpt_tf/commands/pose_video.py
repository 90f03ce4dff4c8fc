"""The part of `dpt pose` that is about videos: a folder of maps for each.

NAME_iuv/made.json             which video, estimator and flags; at the end frames a second, and each frame's people
000000_IUV.png        a map for each frame that was taken, R = I, G = U, B = V; none where nobody is seen
person1/000000_IUV.png ...   with --all, a folder for each person
frames/000000.jpg     the frames themselves, with --frames
.answers/             what the estimator said, until all is done: a second start goes on with that
"""

import argparse
import contextlib
import hashlib
import pathlib
import shutil
import sys
from typing import Any

from PIL import Image

from dpt_tf.densepose import asking, following, map_files
from dpt_tf.densepose.estimator import Estimator
from dpt_tf.images import display, naming, video
from dpt_tf.system import atomic, files, locks
from dpt_tf.system.errors import UserError, say

_FACTS, _FRAMES, _ANSWERS = "made.json", "frames", ".answers"
_BEGINNING = 1 << 20  # bytes by which a video is known again, with its size


def add_flags(group) -> None:
    """The flags that only a video has."""
    group.add_argument("--every", type=int, metavar="N", help="each N-th frame (1, all)")
    group.add_argument("--from", type=float, dest="start", metavar="SECONDS", help="where to begin")
    group.add_argument("--to", type=float, dest="end", metavar="SECONDS", help="where to end")
    group.add_argument("--frames", action="store_true", help="keep the frames, too: with the maps a set to prepare")
    group.add_argument("--steady", action="store_true", default=True, help="steady boxes and maps over time (default)")
    group.add_argument(
        "--nosteady", action="store_false", dest="steady", help="each frame for itself, in half the time"
    )


def cut(args: argparse.Namespace) -> video.Cut:
    """Which frames the flags ask for."""
    return video.Cut(1 if args.every is None else args.every, args.start, args.end)


def refuse_flags(args: argparse.Namespace) -> None:
    """Refuses what only a video has where none is given.

    Raises:
      UserError: it names the flag.
    """
    given = {"--every": args.every, "--from": args.start, "--to": args.end, "--frames": args.frames or None}
    for flag, value in given.items():
        if value is not None:
            raise UserError(f"{flag} is for videos, and none is given; leave it out")


def folder(path: pathlib.Path, output: pathlib.Path) -> pathlib.Path:
    """Where the maps of a video go."""
    return output / f"{path.stem}_iuv"


def run(
    path: pathlib.Path,
    estimator: Estimator,
    asked: map_files.Asked,
    wanted: video.Cut,
    args: argparse.Namespace,
) -> int:
    """Maps of one video; 1 where it shows nobody."""
    place = folder(path, args.output)
    facts = {
        "video": path.name,
        "known_by": _known_by(path),
        "estimator": estimator.name,
        "asked": str(asked),
        "every": wanted.every,
        "from": wanted.start,
        "to": wanted.end,
        "steady": args.steady,
        "frames": args.frames,
    }
    if place.exists() and not (place / _FACTS).exists() and any(one.name != ".lock" for one in place.iterdir()):
        raise UserError(f"{place} is there and was not made by this command; give another --output, or move it away")
    rate = video.facts(path)
    next(video.frames(path, wanted))  # a video that shows nothing makes no folder
    with locks.claimed(place):
        done = _done(place, facts)
        if done is None:
            atomic.write_json(place / _FACTS, facts | {"complete": False})
            done = _make(path, place, estimator, asked, wanted, rate, facts)
            atomic.write_json(place / _FACTS, done)
            shutil.rmtree(place / _ANSWERS, ignore_errors=True)
            said = ""
        else:
            said = "  (was there)"
    with contextlib.suppress(OSError):
        (place / ".lock").unlink()
    seen = sum(bool(one["people"]) for one in done["of_frames"])
    say(f"{place}  {seen} of {len(done['of_frames'])} frames have maps, {done['fps']:g} a second{said}")
    if not seen:
        say(f"{path}: nobody found in any of its frames by {estimator.name}; give --box or --whole", sys.stderr)
        return 1
    if args.show:
        _show(path, place, wanted, done, args.show)
    return 0


def _done(place: pathlib.Path, facts: dict[str, Any]) -> dict[str, Any] | None:
    """What is written of a video whose maps are all there."""
    try:
        there = files.read_facts(place / _FACTS)
        complete = bool(there["complete"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{place / _FACTS}: damaged; remove the folder, or give another --output") from None
    for key, value in facts.items():
        if there.get(key) != value:
            raise UserError(
                f"{place} was made with {key} = {there.get(key)}, which would now be {value}; give another --output, "
                "or remove it"
            )
    return there if complete else None


def _make(path, place, estimator, asked, wanted, rate, facts) -> dict[str, Any]:
    """All maps, and what to write down of them."""
    from tqdm import tqdm

    asking_again = following.Remembering(estimator, place / _ANSWERS)
    told: list[str] = []
    of_frames: list[dict[str, Any]] = []
    kept: list[video.Frame] = []  # the one that is being worked on

    def frames():
        for frame in video.frames(path, wanted, told.append):
            kept[:] = [frame]
            yield frame

    people_of = following.follow(frames(), asking_again, asked, facts["steady"])
    bar = tqdm(
        people_of, total=wanted.expected(rate), unit="frame", desc=f"{path.name} by {estimator.name}", leave=False
    )
    for number, people in enumerate(bar):
        (frame,) = kept
        if facts["frames"]:
            _keep(place / _FRAMES / f"{number:06d}.jpg", frame)
        for person, one in people.items():
            texts = {"Made by": "dpt_tf, pose from a video", "Estimator": estimator.name, "Asked": str(asked)}
            texts |= {"Seconds": f"{frame.seconds:.3f}", "Score": f"{one.score:.3f}", "Box": asking.said(one.box)}
            map_files.write(_map(place, number, person, asked.everybody), one.map, texts)
        boxes = {
            str(person): {"score": round(one.score, 3), "box": [round(side, 1) for side in one.box]}
            for person, one in people.items()
        }
        of_frames.append({"seconds": round(frame.seconds, 4), "people": boxes})
    for line in told:
        say(line, sys.stderr)
    fps = float(rate.fps) / wanted.every
    return facts | {"complete": True, "fps": fps, "everybody": asked.everybody, "of_frames": of_frames, "notes": told}


def _map(place: pathlib.Path, number: int, person: int | str, everybody: bool) -> pathlib.Path:
    return place / (f"person{person}" if everybody else "") / f"{number:06d}_IUV.png"


def _keep(path: pathlib.Path, frame: video.Frame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.written(path) as aside:
        Image.fromarray(frame.pixels).save(aside, "JPEG", quality=95, subsampling=0)


def _show(path: pathlib.Path, place: pathlib.Path, wanted: video.Cut, done: dict[str, Any], show: pathlib.Path) -> None:
    """The video with the maps over it; one that is there stays."""
    target = show if naming.is_file_name(show) else show / f"{path.stem}.mp4"
    if target.exists():
        say(f"{target} is there already and stays as it is")
        return
    frames = video.frames(path, wanted, lambda line: None)
    with video.writer(target, done["fps"]) as out:
        for number, (frame, facts) in enumerate(zip(frames, done["of_frames"], strict=False)):
            picture = frame.pixels
            for person in facts["people"]:
                made = map_files.read(_map(place, number, person, done["everybody"]))
                picture = display.over_photo(picture, made)
            out.add(picture)
    say(str(target))


def _known_by(path: pathlib.Path) -> str:
    with files.opened(path) as file:
        return f"{path.stat().st_size} bytes, sha256 {hashlib.sha256(file.read(_BEGINNING)).hexdigest()[:32]}"
