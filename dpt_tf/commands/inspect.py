"""`dpt inspect`: what is this file? Prints what `iuv.examine` finds; exit code 0 where every map is usable, else 1."""

import argparse
import dataclasses
import pathlib

import numpy as np
from PIL import Image

from dpt_tf import iuv
from dpt_tf.commands import folders
from dpt_tf.images import display, naming, photos
from dpt_tf.system import atomic, quiet
from dpt_tf.system.errors import UserError, one_line, say

_TILE = 64
_GOLDEN = 0.618034


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("files", nargs="+", type=folders.named, metavar="FILE")
    parser.add_argument("--person", type=int, help="whom to keep where a map shows several; 1 = the largest (default)")
    parser.add_argument("--show", type=folders.named, metavar="OUT.png", help="draw each map and its unwrapped texture")
    parser.add_argument(
        "--photo", type=folders.named, help="with --show: the photo to unwrap, else the part colours are"
    )
    parser.add_argument(
        "--write",
        type=folders.named,
        metavar="DIR",
        help="write each usable map as DIR/NAME_IUV.png, R = I, G = U, B = V; a dump becomes a map for each photo",
    )


@dataclasses.dataclass
class _Seen:
    """What the files gave so far."""

    drawn: list[np.ndarray] = dataclasses.field(default_factory=list)
    written: list[pathlib.Path] = dataclasses.field(default_factory=list)
    failed: bool = False


def run(args: argparse.Namespace) -> int:
    """Examines every file, and each photo of a dump, whatever the others are."""
    _keep(args, args.files)
    seen = _Seen()
    for path in args.files:
        try:
            named = iuv.photos(path)
        except (iuv.NotIUV, OSError) as error:
            _refuse(path, error, seen)
            continue
        if len(named) > 1:
            say(f"{path}: a dump of {len(named)} photos")
        for photo in named or (None,):
            _inspect(path, photo, args, seen)
    if args.show and seen.drawn:
        _keep(args, [*args.files, *seen.written])
        _save(seen.drawn, args.show)
    return 1 if seen.failed else 0


def _keep(args: argparse.Namespace, files: list[pathlib.Path]) -> None:
    """Raises UserError where the drawing would take the place of one of `files`, or of the photo, or is no picture."""
    given = [*files, *([args.photo] if args.photo else [])]
    if args.show and (line := naming.refused([args.show], given, "--show", "the drawing")):
        raise UserError(line)


def _inspect(path: pathlib.Path, photo: str | None, args: argparse.Namespace, seen: _Seen) -> None:
    try:
        examined = iuv.examine(path, args.person, photo=photo)
    except (iuv.NotIUV, OSError) as error:
        _refuse(path, error, seen)
        return
    _print(f"{path}: {photo}" if photo else str(path), examined)
    if args.write:
        _write(args.write, path if photo is None else pathlib.PurePosixPath(photo.replace("\\", "/")), examined, seen)
    if args.show:
        seen.drawn.append(_draw(examined, args.photo))


def _refuse(path: pathlib.Path, error: Exception, seen: _Seen) -> None:
    said = f"{path}: {error.strerror or error}" if isinstance(error, OSError) else str(error)
    say(said)
    print("  not usable")
    seen.failed = True


def _write(folder: pathlib.Path, named: pathlib.PurePath, examined: iuv.Examined, seen: _Seen) -> None:
    path = folder / f"{one_line(named.stem).removesuffix('_IUV').removesuffix('_iuv')}_IUV.png"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        file = open(path, "xb")  # noqa: SIM115 (a file that cannot be written to the end is removed)
    except FileExistsError:
        say(f"  {path} exists and is left as it is; give another folder or move it away")
        seen.failed = True
        return
    try:
        with atomic.errors_at(path), file:
            file.write(iuv.encode(examined.iuv))
    except BaseException:
        path.unlink()
        raise
    seen.written.append(path)
    say(f"  written  {path}")


def _save(rows: list[np.ndarray], path: pathlib.Path) -> None:
    width = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 8), (0, width - row.shape[1]), (0, 0))) for row in rows]
    display.save(path, np.concatenate(rows))
    say(f"drawn: {path}")


def _print(name: str, examined: iuv.Examined) -> None:
    height, width = examined.iuv.shape[:2]
    say(f"{name}: {examined.form}, {examined.order}, {width} x {height}")
    sizes = ", ".join(map(str, examined.people[:8])) + (", ..." if len(examined.people) > 8 else "")
    print(f"  people   {len(examined.people)} ({sizes} pixels)")
    parts = (f"{part} {iuv.PART_NAMES[part]} {count}" for part, count in examined.parts().items())
    print(f"  parts    {', '.join(parts)}")
    print(f"  mended   {'; '.join(examined.mended) or 'nothing'}")


def part_colours() -> np.ndarray:
    """A colour a part, far apart for neighbours: uint8 `[25, 3]`, background black."""
    hues = (np.arange(25) * _GOLDEN) % 1
    wheel = np.clip(np.abs((hues[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    colours = (55 + 200 * wheel).astype(np.uint8)
    colours[0] = 0
    return colours


def _draw(examined: iuv.Examined, photo: pathlib.Path | None) -> np.ndarray:
    """Map in part colours shaded by U and V | photo | texture, parts down the columns: uint8 `[6 * 64, width, 3]`."""
    quiet.start_tensorflow()
    import tensorflow as tf

    from dpt_tf.ops import atlas

    coordinates = examined.iuv
    height, width = coordinates.shape[:2]
    colours = part_colours()[coordinates[..., 0]]
    shade = 0.5 + coordinates[..., 1:].mean(-1, keepdims=True) / 510
    panels = [(colours * shade).astype(np.uint8)]
    image = colours
    if photo is not None:
        image = np.asarray(Image.fromarray(photos.read(photo)).resize((width, height)))
        panels.append(image)
    pixels = tf.constant(image[None], tf.float32) / 127.5 - 1
    texture, observed = atlas.unwrap(pixels, tf.constant(coordinates[None]), resolution=_TILE)
    tiles = np.rint(np.where(observed[0] > 0, (texture[0] + 1) * 127.5, 0)).clip(0, 255).astype(np.uint8)
    grid = tiles.reshape(4, 6, _TILE, _TILE, 3).transpose(1, 2, 0, 3, 4).reshape(6 * _TILE, 4 * _TILE, 3)
    tall = 6 * _TILE
    return np.concatenate([*(iuv.resize(panel, tall, round(width * tall / height)) for panel in panels), grid], axis=1)
