"""`dpt inspect`: what is this file? Prints what `iuv.examine` finds; exit code 0 where every file is usable, else 1."""

import argparse
import pathlib

import numpy as np
from PIL import Image

from dpt_tf import iuv, quiet

_TILE = 64
_GOLDEN = 0.618034


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the verb."""
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--person", type=int, help="whom to keep where a map shows several; 1 = the largest (default)")
    parser.add_argument("--show", type=pathlib.Path, metavar="OUT.png", help="draw each map and its unwrapped texture")
    parser.add_argument(
        "--photo", type=pathlib.Path, help="with --show: the photo to unwrap, else the part colours are"
    )


def run(args: argparse.Namespace) -> int:
    """Examines every file, whatever the others are."""
    usable = []
    for path in args.files:
        try:
            examined = iuv.examine(path, args.person)
        except iuv.NotIUV as error:
            print(f"{error}\n  not usable")
        except OSError as error:
            print(f"{path}: {error.strerror or error}\n  not usable")
        else:
            usable.append(examined)
            _print(path, examined)
    if args.show and usable:
        rows = [_draw(examined, args.photo) for examined in usable]
        width = max(row.shape[1] for row in rows)
        rows = [np.pad(row, ((0, 8), (0, width - row.shape[1]), (0, 0))) for row in rows]
        args.show.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.concatenate(rows)).save(args.show)
        print(f"drawn: {args.show}")
    return 0 if len(usable) == len(args.files) else 1


def _print(path: pathlib.Path, examined: iuv.Examined) -> None:
    height, width = examined.iuv.shape[:2]
    print(f"{path}: {examined.form}, {examined.order}, {width} x {height}")
    print(f"  people   {len(examined.people)} ({', '.join(map(str, examined.people))} pixels)")
    parts = (f"{part} {iuv.PARTS[part]} {count}" for part, count in examined.parts().items())
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
        with Image.open(photo) as opened:
            image = np.asarray(opened.convert("RGB").resize((width, height)))
        panels.append(image)
    pixels = tf.constant(image[None], tf.float32) / 127.5 - 1
    texture, observed = atlas.unwrap(pixels, tf.constant(coordinates[None]), resolution=_TILE)
    tiles = np.rint(np.where(observed[0] > 0, (texture[0] + 1) * 127.5, 0)).clip(0, 255).astype(np.uint8)
    grid = tiles.reshape(4, 6, _TILE, _TILE, 3).transpose(1, 2, 0, 3, 4).reshape(6 * _TILE, 4 * _TILE, 3)
    tall = 6 * _TILE
    return np.concatenate([*(iuv.resize(panel, tall, round(width * tall / height)) for panel in panels), grid], axis=1)
