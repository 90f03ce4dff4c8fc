"""A DensePose map in a PNG -> uint8 `[H, W, 3]` (I, U, V), as `dpt_tf.iuv.read` gives it, without its networks.

Which channel is I is decided by content; damage is refused, and wrap-around of U and V undone. This is done here, not
left to the server, because only files are mended there, and because one bad map fails whatever was merged with it into
a batch. One thing is stricter than `dpt_tf`: of several people it keeps one, and here a map of several is refused.
"""

import io
import os
import warnings

import numpy as np
from PIL import Image

from serving.client import files, framing
from serving.client.errors import BadInput

_PARTS = 24
_TRUNK = (1, 2, 23, 24)  # a piece without torso and head is somebody's hand or foot
_SMALLEST = 0.02  # of the largest person
_MOST_LONELY, _MOST_STAINED = 0.05, 0.05  # of the body's pixels
_MOST_LONELY_SMALL = 2.0  # over the square root of the body's pixels: small bodies have more edge
_HIGH, _LOW, _MOSTLY = 224, 64, 0.9


def read(path: str | os.PathLike) -> np.ndarray:
    """The map in a file. Raises BadInput."""
    data = files.read(path, "a DensePose map")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as opened:
            if opened.format != "PNG" or opened.mode not in ("RGB", "RGBA", "P"):
                raise BadInput(
                    f"a {opened.format} of mode {opened.mode}; a map is a PNG of three channels, 8 bits each"
                )
            framing.check_size(opened)
            pixels = np.asarray(opened.convert("RGBA"))
        if pixels[..., 3].min() < 255:
            raise BadInput("a picture with transparent pixels; a map has three channels: I, U and V")
        iuv = _ordered(pixels[..., :3])
        _check_damage(iuv)
        _check_one_person(iuv)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error... on broken files
        reason = " ".join(str(error).split())
        raise BadInput(f"{path}: no PNG that can be decoded ({reason}); write it again") from None
    return np.stack([iuv[..., 0], *(_undo_wrap_around(iuv[..., 0], iuv[..., channel]) for channel in (1, 2))], -1)


def _ordered(pixels: np.ndarray) -> np.ndarray:
    """I is the first channel or the last: the one that stays at 24 or below.

    Where both do, the one that is 0 on the background only, and where that does not tell either, the one that changes
    less often from pixel to pixel.
    """
    first, last = pixels[..., 0], pixels[..., 2]
    small = first.max() <= _PARTS, last.max() <= _PARTS
    if not pixels.any():
        raise BadInput("it shows no person: it is 0 everywhere")
    if not any(small):
        raise BadInput(
            f"no DensePose map: red goes up to {first.max()} and blue up to {last.max()}; one should be the part "
            f"number, 0..{_PARTS}"
        )
    if small[0] != small[1]:
        return pixels[..., ::-1] if small[1] else pixels
    if np.array_equal(first, last):
        raise BadInput("a grey picture, in which I, U and V cannot be told apart")
    background = ~pixels.any(axis=-1)
    exact = [np.array_equal(channel == 0, background) for channel in (first, last)]
    reverse = exact[1] if exact[0] != exact[1] else _changes(last) < _changes(first)
    return pixels[..., ::-1] if reverse else pixels


def _changes(channel: np.ndarray) -> int:
    return int((channel[1:] != channel[:-1]).sum() + (channel[:, 1:] != channel[:, :-1]).sum())


def _check_damage(iuv: np.ndarray) -> None:
    """Raises BadInput where part numbers are no patches, or colour lies where no body is."""
    part = np.pad(iuv[..., 0].astype(np.int16), 1, constant_values=-1)
    body = iuv[..., 0] > 0
    if not body.any():
        raise BadInput("it shows no person: I is 0 everywhere")
    centre = part[1:-1, 1:-1]
    neighbours = (part[:-2, 1:-1], part[2:, 1:-1], part[1:-1, :-2], part[1:-1, 2:])
    lonely = np.logical_and.reduce([body, *(centre != other for other in neighbours)]).sum() / body.sum()
    stained = (iuv[..., 1:].any(axis=-1) & ~body).sum() / body.sum()
    if lonely > max(_MOST_LONELY, _MOST_LONELY_SMALL / body.sum() ** 0.5) or stained > _MOST_STAINED:
        raise BadInput(
            f"a colour picture, or a map damaged by JPEG compression or smooth resizing: {lonely:.0%} of the part "
            f"numbers differ from all their neighbours, colour lies on {stained:.0%} as much background"
        )


def _pairs(shape: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """All neighbours, eight to a pixel, each pair once, as places in the flattened map."""
    place = np.arange(shape[0] * shape[1]).reshape(shape)
    straight = [(place[1:], place[:-1]), (place[:, 1:], place[:, :-1])]
    pairs = [*straight, (place[1:, 1:], place[:-1, :-1]), (place[1:, :-1], place[:-1, 1:])]
    return [(a.ravel(), b.ravel()) for a, b in pairs]


def _pieces(kind: np.ndarray) -> np.ndarray:
    """Neighbours of one kind share a name, the least of their places: `[H, W] -> [H * W]`. Kind 0 joins nothing."""
    start = kind == 0
    start[:, 0] = True
    start[:, 1:] |= kind[:, 1:] != kind[:, :-1]
    place = np.arange(kind.size).reshape(kind.shape)
    # Runs along rows first: what is left to join is a few thousand runs rather than a million pixels.
    name, flat = np.maximum.accumulate(np.where(start, place, 0), axis=1).ravel(), kind.ravel()
    joined = [(a[same], b[same]) for a, b in _pairs(kind.shape) for same in [(flat[a] == flat[b]) & (flat[a] > 0)]]
    edges = np.unique(np.concatenate([name[a] * kind.size + name[b] for a, b in joined]))
    a, b = np.divmod(edges, kind.size)
    while len(a):
        low, high = np.minimum(name[a], name[b]), np.maximum(name[a], name[b])
        np.minimum.at(name, high, low)
        while not np.array_equal(name, shorter := name[name]):
            name = shorter
        apart = name[a] != name[b]
        a, b = a[apart], b[apart]
    return name


def _check_one_person(iuv: np.ndarray) -> None:
    """People are pieces with torso or head that the largest has too, and not tiny."""
    part = iuv[..., 0].ravel()
    name, body = _pieces((iuv[..., 0] > 0).astype(np.uint8)), part > 0
    size = np.bincount(name[body], minlength=part.size)
    largest = size.argmax()
    trunk = [number for number in _TRUNK if (part[body & (name == largest)] == number).any()]
    has_trunk = np.bincount(name[np.isin(part, trunk)], minlength=part.size) > 0
    people = int((has_trunk & (size >= _SMALLEST * size[largest]) & (np.arange(part.size) != largest)).sum()) + 1
    if people > 1:
        raise BadInput(f"it shows {people} people; choose one with dpt inspect --person=N --write")


def _undo_wrap_around(part: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Puts back to 0 what wrapped: pieces of high values in a part, nearly all of whose ring in the part is low."""
    high = (part > 0) & (values >= _HIGH)
    if not high.any():
        return values
    name = _pieces(np.where(high, part, 0))
    flat_part, flat_high, rings = part.ravel(), high.ravel(), []
    for a, b in _pairs(part.shape):
        here = (flat_part[a] == flat_part[b]) & (flat_high[a] != flat_high[b]) & (flat_part[a] > 0)
        inside, beside = np.where(flat_high[a[here]], (a[here], b[here]), (b[here], a[here]))
        rings.append(np.stack([name[inside], beside], -1))
    # A pixel beside a piece counts once, however many of the piece's pixels it touches.
    ring = np.unique(np.concatenate(rings), axis=0)
    low = values.ravel()[ring[:, 1]] <= _LOW
    around = np.bincount(ring[:, 0], minlength=part.size)
    mostly = np.bincount(ring[:, 0], low, part.size) / np.maximum(around, 1) >= _MOSTLY
    return np.where(high & mostly[name].reshape(part.shape), np.uint8(0), values)
