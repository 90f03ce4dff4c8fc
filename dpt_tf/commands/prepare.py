"""`dpt prepare`: photos with their IUV files -> a prepared data set.

With `--dataset=densepose_coco` it is the annotated points of DensePose-COCO instead, see `sparse_points`.

The splits: `--hold_out N` keeps every n-th view of a person (the n-th, the 2n-th, ...) for testing, as suits photos;
`--hold_out_block SHARE` a stretch of each person's views in one piece, as suits the frames of a video, the last or one
from `--hold_out_from` on; `--test_people K` the last K people whole. Views and people are in the order of their names,
numbers in them by value, so that the same folder is always split alike. What is read is checked before anything is
written.
"""

import argparse
import contextlib
import pathlib
import pickle
import shutil
from collections.abc import Callable, Iterator

import numpy as np

from dpt_tf.commands import prepare_maps, sparse_points
from dpt_tf.commands.folders import named
from dpt_tf.data import keypoints, records
from dpt_tf.data.prepare import folders, held_out
from dpt_tf.iuv import NotIUV
from dpt_tf.system import atomic, quiet
from dpt_tf.system.errors import UserError, one_line, say

_SHOWN = 10
_FEW = 10  # test pairs


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument(
        "folder", type=named, nargs="?", help="photos + IUV files or dumps (.pkl), one sub-folder a person"
    )
    parser.add_argument("--output", type=named, help="where to write; later the --data_dir")
    parser.add_argument("--size", type=int, default=256, help="pixels of the stored pictures (256)")
    parser.add_argument("--hold_out", type=int, default=0, metavar="N", help="keep every N-th view for testing")
    parser.add_argument(
        "--hold_out_block",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="keep a part of each person's views in one piece, 0.2 for a fifth: for the frames of a video",
    )
    parser.add_argument(
        "--hold_out_from",
        type=float,
        metavar="SHARE",
        help="where that part begins, 0.4 for two fifths of the way (the last part)",
    )
    parser.add_argument("--test_people", type=int, default=0, metavar="K", help="keep the last K people for testing")
    parser.add_argument("--person", type=int, help="whom to keep where a map shows several; 1 = the largest (default)")
    parser.add_argument(
        "--keypoints",
        type=named,
        help="joints in the photos' pixels: a keypoint csv, or a folder of OpenPose JSON (beside the photos, or apart)",
    )
    parser.add_argument(
        "--pose",
        metavar="NAME|FILE|RUN",
        help="make the maps that are missing: small, a published network, weights or a run",
    )
    parser.add_argument("--skip_bad", action="store_true", help="leave out and list what cannot be used; else stop")
    sparse_points.add(parser)


def run(args: argparse.Namespace) -> int:
    """Reads, checks, writes, reports."""
    if sparse_points.wanted(args):
        return sparse_points.run(args)
    _check(args)
    atomic.keep(args.output / "folder" / records.VERSION, [args.folder, args.keypoints, args.pose])
    tally = folders.Tally()
    maker = (
        prepare_maps.Maker(args.pose, args.folder, args.output, args.skip_bad, tally.left_out) if args.pose else None
    )
    found = folders.find(args.folder, maker)
    joints = _keypoints(args.keypoints, found) if args.keypoints else {}

    def read(photo: pathlib.Path, mapped: pathlib.Path) -> records.View:
        joint, entry = joints.get(photo), found.entries.get(photo)
        return folders.read_view(photo, mapped, args.size, args.person, tally, joint, entry)

    with _spool(args.output) as spool:
        items = _read(found, read, args, tally, spool)
        train, test = _split(items, args)
        quiet.start_tensorflow()
        prepared = records.write(
            args.output,
            "folder",
            {"train": map(_load, train), "test": map(_load, test)},
            args.size,
            one_line(f"Photos of {args.folder.resolve().name} with their DensePose maps."),
        )
    _report(prepared, len(items), found, tally, maker)
    _report_test(prepared, found, args)
    if args.keypoints:
        _report_keypoints(prepared, tally)
    return 0


def _keypoints(source: pathlib.Path, found: folders.Found) -> dict[pathlib.Path, keypoints.Joints]:
    """For every photo with a map; where there is nothing for it, what gives none."""
    photos = [photo for files in found.people.values() for photo, _ in files]
    return dict.fromkeys(photos, _no_joints) | keypoints.of_photos(source, photos)


def _no_joints(_iuv) -> None:
    return None


def _check(args: argparse.Namespace) -> None:
    missing = [flag for flag, given in (("FOLDER", args.folder), ("--output=DIR", args.output)) if given is None]
    if missing:
        raise UserError(f"dpt prepare: {' and '.join(missing)} missing; give `dpt prepare FOLDER --output=DIR`")
    if args.size < 16 or args.size > 4096:
        raise UserError(f"--size={args.size}: give 16 to 4096 pixels")
    if args.hold_out < 0 or args.hold_out == 1:
        raise UserError(f"--hold_out={args.hold_out} would leave nothing to train on; give 2 or more, or 0 for none")
    if args.test_people < 0:
        raise UserError(f"--test_people={args.test_people}: give 0 or more")
    if not 0 <= args.hold_out_block < 1:
        raise UserError(
            f"--hold_out_block={args.hold_out_block:g}: give the share to hold out, between 0 and 1 (0.2 for a fifth), "
            "or 0 for none"
        )
    if args.hold_out_from is not None and not args.hold_out_block:
        raise UserError("--hold_out_from says where --hold_out_block begins; give both, or neither")
    if args.hold_out_from is not None and not 0 <= args.hold_out_from < 1:
        raise UserError(f"--hold_out_from={args.hold_out_from:g}: give a share between 0 and 1 (0.4 for two fifths)")
    ways = [f"--{flag}" for flag in ("hold_out", "hold_out_block", "test_people") if getattr(args, flag)]
    if len(ways) > 1:
        raise UserError(f"{' and '.join(ways)} are {len(ways)} ways to make the test split; give one of them")
    str(args.output.absolute()).encode()  # UnicodeEncodeError, which TFDS would raise after all has been read
    if args.output.exists() and not args.output.is_dir():
        raise UserError(f"{args.output}: is a file; give --output a folder")


@contextlib.contextmanager
def _spool(output: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder on the disk of `output` for what has been read, gone afterwards; so is `output` if it is empty."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        atomic.clear(output, "reading")
        spool = atomic.named(output, "reading")
        spool.mkdir()
        try:
            yield spool
        finally:
            shutil.rmtree(spool, ignore_errors=True)
    except OSError as error:
        if error.filename is None:
            raise OSError(error.errno, error.strerror, str(output)) from None
        raise
    finally:
        with contextlib.suppress(OSError):
            output.rmdir()


def _read(
    found: folders.Found,
    read: Callable[[pathlib.Path, pathlib.Path], records.View],
    args: argparse.Namespace,
    tally: folders.Tally,
    spool: pathlib.Path,
) -> list[tuple[pathlib.Path, int]]:
    """Reads every person into a file of its own: `-> [(file, number of held-out views), ...]`."""
    from tqdm import tqdm

    items: list[tuple[pathlib.Path, int]] = []
    with tqdm(total=sum(map(len, found.people.values())), unit="view", desc="reading", leave=False) as bar:
        for name, files in found.people.items():
            views = list(_views(files, read, args, tally, bar))
            if len(views) < 2:
                message = (
                    f"{args.folder}: {name} has {len(views)} usable view, needs two or more; add views or remove it"
                )
                if not args.skip_bad:
                    raise UserError(message)
                tally.left_out.append(message)
                continue
            for view, held in zip(views, _held_out(len(views), args), strict=True):
                view["held_out"] = bool(held)
            items.append((spool / f"{len(items)}.pickle", sum(view["held_out"] for view in views)))
            items[-1][0].write_bytes(pickle.dumps({"id": one_line(name), "views": views}))
    if not items:
        raise UserError(f"{args.folder}: nobody with two usable views; the first fault: {tally.left_out[0]}")
    return items


def _held_out(views: int, args: argparse.Namespace) -> np.ndarray:
    """Which of a person's views are kept for testing, bool `[views]`."""
    if args.hold_out:
        return held_out.every_nth(views, args.hold_out)
    if args.hold_out_block:
        return held_out.stretch(views, args.hold_out_block, args.hold_out_from)
    return np.zeros(views, bool)


def _views(files, read, args: argparse.Namespace, tally: folders.Tally, bar) -> Iterator[records.View]:
    for photo, mapped in files:
        try:
            yield read(photo, mapped)
        except (UserError, NotIUV) as error:
            if not args.skip_bad:
                raise
            tally.left_out.append(str(error))
        bar.update()


def _split(items: list[tuple[pathlib.Path, int]], args: argparse.Namespace) -> tuple[list, list]:
    files = [file for file, _ in items]
    if args.test_people:
        if args.test_people >= len(files):
            raise UserError(
                f"--test_people={args.test_people} of {len(files)} people leaves nobody to train on; give fewer"
            )
        return files[: -args.test_people], files[-args.test_people :]
    test = [file for file, held in items if held]
    if args.hold_out and not test:
        raise UserError(f"--hold_out={args.hold_out}: nobody has so many views; give a smaller number")
    return files, test


def _load(file: pathlib.Path) -> records.Item:
    return pickle.loads(file.read_bytes())


def _report(prepared: records.Prepared, people: int, found: folders.Found, tally: folders.Tally, maker) -> None:
    say(f"{prepared.directory}: {people} {'person' if people == 1 else 'people'}, {prepared.image_size} pixels")
    for split in sorted(prepared.files, reverse=True):
        print(f"  {split:5}  {prepared.views[split]} views, {prepared.pairs[split]} pairs")
    for order, count in tally.orders.most_common():
        print(f"  maps   {count} x {order}")
    if maker and maker.made:
        say(f"  maps   {maker.made} made by {maker.estimator}, kept in {maker.folder}")
    if tally.with_mattes:
        print(f"  mattes {tally.with_mattes} photos know who is the person and can stand before other backdrops")
    for note, count in tally.mended.most_common():
        print(f"  mended {note}: {count} views")
    _list("photos without an IUV file, left out", list(map(str, found.photos_alone)))
    if found.photos_alone and not maker:
        print("    --pose=small has maps made of them")
    _list("IUV files without a photo, left out", list(map(str, found.maps_alone)))
    _list("files .pkl that are no dumps of maps, left out", found.no_dumps)
    _list("left out", tally.left_out)


def _report_test(prepared: records.Prepared, found: folders.Found, args: argparse.Namespace) -> None:
    """What scores on the test split are worth, where that is little."""
    pairs = prepared.pairs.get("test", _FEW)
    if pairs < _FEW:
        counted = f"{pairs} test {'pair' if pairs == 1 else 'pairs'}"
        print(f"  note   {counted}: scores of fewer than {_FEW} mean little; hold out more, or add photos")
    if not args.hold_out:
        return
    for person, files in found.people.items():
        if held_out.look_like_frames(photo.stem for photo, _ in files):
            say(
                f"  note   the photos of {person} are numbered in a row; if they are frames of a video, use "
                "--hold_out_block=0.2: a held-out frame between two training frames is interpolated, which flatters"
            )
            return


def _report_keypoints(prepared: records.Prepared, tally: folders.Tally) -> None:
    print(f"  joints {tally.with_keypoints} photos")
    _list("photos without keypoints", tally.without_keypoints)
    if not prepared.keypoints:
        print("    the conditioning `keypoints` needs them for all; remove these photos to train with it")
    _list("photos with most joints off the person; are they of this photo, in its pixels?", tally.off_person)


def _list(title: str, lines: list[str]) -> None:
    if lines:
        print(f"  {title}: {len(lines)}")
        for line in lines[:_SHOWN]:
            say(f"    {line}")
        if len(lines) > _SHOWN:
            print(f"    and {len(lines) - _SHOWN} more")
