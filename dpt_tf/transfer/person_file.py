"""A person as a file, `ada.person`: what poses are painted from (`sources.Sources`), without the photos.

A zip of pictures, which any program shows, and `facts.json`, which says how they were made:

  texture.webp   backdrop.webp             the surface, 4 x 6 sheets, and what stands behind
  observed.png   small_*.png               where the surface was seen; what the networks see of both
  whose.png                                of several photos, which one a texel is of
  1/person.webp  1/share.png  1/shown.png  the first photo, cut out; how much of a pixel is the person's, and whether
                                           it is the body; the texels that it shows
  1/map.png                                its map
  1/source.png   1/iuv.png    1/matte.png  what the networks see of it

Colours at the photo's size lose what WebP takes at quality 92; all else is as it was. Members are bounded before they
are decoded, and a damaged one is found by its checksum.
"""

import dataclasses
import io
import json
import os
import pathlib
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from dpt_tf.iuv import NUM_PARTS
from dpt_tf.models import composition
from dpt_tf.ops import surroundings
from dpt_tf.system import atomic, files
from dpt_tf.system.errors import UserError, one_line
from dpt_tf.transfer.sources import Sources

FORMAT = 1

_FACTS = "facts.json"
_ACROSS = 6  # sheets of the surface in a row
_QUALITY = 92
_MOST_BYTES = 1 << 26  # of a file, and of a member
_MOST_MEMBERS = 1000
_MOST_PHOTOS = 64
_LARGEST_SIZE = 1024  # of the networks' square and of the surface's sheets
_MARGIN = 2  # pixels of a photo around the person that are kept, so that nothing bleeds into what is looked up


@dataclasses.dataclass(frozen=True)
class Person:
    """What a file holds.

    Attributes:
      sources: what poses are painted from.
      facts: how it was made: `format`, `image_size` and `atlas_size` of the networks, `model`, `photos` (a dict with
        the name of each), `doubts`, the version of `dpt_tf`.
    """

    sources: Sources
    facts: dict[str, Any]

    def photo(self) -> np.ndarray:
        """The first photo, uint8 `[H, W, 3]`; of a file its backdrop is filled where the person hid it, and nearby."""
        return np.asarray(self.sources.each[0]["person"])[0, ..., :3]


def write(path: pathlib.Path, sources: Sources, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Writes a person, whole or not at all.

    Args:
      path: where to.
      sources: the person.
      facts: how it was made, as `Person.facts` but for the format.

    Returns:
      The facts as written.
    """
    first, whole = sources.each[0], {"format": FORMAT, **facts}
    with atomic.written(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as file:

        def put(name: str, picture: np.ndarray) -> None:
            file.writestr(name, _encoded(picture, lossless=name.endswith(".png")))

        file.writestr(_FACTS, json.dumps(whole, indent=2) + "\n")
        put("texture.webp", _laid_out(sources.texture))
        put("observed.png", _laid_out(sources.observed))
        put("backdrop.webp", _pixels(first["backdrop"]))
        put("small_texture.png", _laid_out(_levels(first["small_texture"])))
        put("small_observed.png", _laid_out(_shares(first["small_observed"])))
        put("small_backdrop.png", _levels(first["small_backdrop"]))
        if sources.whose is not None:
            put("whose.png", _laid_out(sources.whose))
        by_photo = zip(sources.each, sources.maps, sources.shown, strict=True)
        for number, (each, iuv, shown) in enumerate(by_photo, 1):
            photo = _pixels(each["person"])
            put(f"{number}/map.png", iuv)
            put(f"{number}/person.webp", _cut_out(photo[..., :3], photo[..., 3:]))
            put(f"{number}/share.png", photo[..., 3:])
            put(f"{number}/shown.png", _laid_out(shown))
            put(f"{number}/source.png", _levels(each["small_source"]))
            put(f"{number}/iuv.png", _pixels(each["small_iuv"]))
            put(f"{number}/matte.png", _shares(each["small_matte"]))
    return whole


def read(path: str | os.PathLike, most_photos: int = _MOST_PHOTOS) -> Person:
    """What `write` wrote.

    Raises:
      UserError: it is no such file, damaged, of another format, or of more than `most_photos`.
    """
    try:
        with files.opened(path) as opened, zipfile.ZipFile(opened) as file:
            return _read(_Members(file, most_photos))
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RecursionError, NotImplementedError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else one_line(str(error))
        raise UserError(f"{os.fspath(path)}: no person can be read ({said}); make it anew, `dpt person`") from None


def _read(members: "_Members") -> Person:
    facts = members.facts()
    size, resolution, photos = facts["image_size"], facts["atlas_size"], len(facts["photos"])
    texture = members.sheets("texture.webp", 3)
    whole = len(texture[0])
    surface = {
        "texture": texture,
        "observed": members.sheets("observed.png", 1, whole),
        "backdrop": members.picture("backdrop.webp", 3),
        "small_texture": _signed(members.sheets("small_texture.png", 3, resolution)),
        "small_observed": members.sheets("small_observed.png", 1, resolution) / np.float32(255),
        "small_backdrop": _signed(members.picture("small_backdrop.png", 3, (size, size))),
    }
    if surface["backdrop"].shape[0] != surface["backdrop"].shape[1]:
        raise ValueError("backdrop.webp is no square")
    each, maps, shown = [], [], []
    for number in range(1, photos + 1):
        photo = members.picture(f"{number}/person.webp", 3, most=composition.LARGEST)
        share = members.picture(f"{number}/share.png", 2, photo.shape[:2])
        if number == 1:
            photo = _before(surface["backdrop"], photo, share)
        own = {
            "person": np.concatenate([photo, share], -1),
            "small_source": _signed(members.picture(f"{number}/source.png", 3, (size, size))),
            "small_iuv": members.picture(f"{number}/iuv.png", 3, (size, size)),
            "small_matte": members.picture(f"{number}/matte.png", 1, (size, size)) / np.float32(255),
        }
        maps.append(members.picture(f"{number}/map.png", 3, photo.shape[:2]))
        for name, iuv in (("iuv", own["small_iuv"]), ("map", maps[-1])):
            if iuv[..., 0].max() > NUM_PARTS:
                raise ValueError(f"{number}/{name}.png has part {iuv[..., 0].max()}")
        tensors = {name: tf.constant(x[None]) for name, x in (surface | own).items()}
        each.append(tensors | {"places": surroundings.places(tensors["small_iuv"], tensors["small_matte"], resolution)})
        shown.append(members.sheets(f"{number}/shown.png", 1, whole))
    whose = members.sheets("whose.png", 1, whole) if photos > 1 else None
    if whose is not None and whose.max() > photos:
        raise ValueError(f"whose.png names photo {whose.max()} of {photos}")
    return Person(Sources(each, maps, shown, whose, facts["doubts"]), facts)


class _Members:
    """The members of a zip, each bounded before it is unpacked."""

    def __init__(self, file: zipfile.ZipFile, most_photos: int):
        if len(file.infolist()) > _MOST_MEMBERS:
            raise ValueError(f"{len(file.infolist())} members")
        self._file, self._most_photos = file, most_photos

    def facts(self) -> dict[str, Any]:
        """The facts, each that is used of the right kind."""
        found = json.loads(self._bytes(_FACTS))
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            version = found.get("format") if isinstance(found, dict) else None
            raise ValueError(f"it is of format {version!r}, this version reads {FORMAT}")
        for name in ("image_size", "atlas_size"):
            if type(found.get(name)) is not int or not 8 <= found[name] <= _LARGEST_SIZE:
                raise ValueError(f"{name} is {found.get(name)!r}")
        photos, doubts = found.get("photos"), found.get("doubts")
        if not isinstance(photos, list) or not 1 <= len(photos) <= self._most_photos:
            raise ValueError(f"photos are a list of 1 to {self._most_photos}")
        if not isinstance(doubts, list) or not all(isinstance(line, str) for line in doubts):
            raise ValueError("doubts are no lines")
        return found

    def picture(
        self, name: str, channels: int, shape: tuple[int, ...] | None = None, most: int = _ACROSS * _LARGEST_SIZE
    ) -> np.ndarray:
        """Uint8 `[H, W, channels]`, of that height and width if any is wanted, no side longer than `most`."""
        modes = {1: ("L",), 2: ("LA",), 3: ("RGB",)}[channels]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # sizes are looked at here
            try:
                opened = Image.open(io.BytesIO(self._bytes(name)), formats=("PNG", "WEBP"))
            except OSError:
                raise ValueError(f"{name} is no picture") from None
        if max(opened.size) > most or opened.mode not in modes or shape not in (None, opened.size[::-1]):
            raise ValueError(f"{name} is {opened.size[0]} x {opened.size[1]}, {opened.mode}")
        try:
            pixels = np.asarray(opened)
        except (OSError, SyntaxError) as error:
            raise ValueError(f"{name}: {error}") from None
        return pixels.reshape(*pixels.shape[:2], channels)

    def sheets(self, name: str, channels: int, resolution: int | None = None) -> np.ndarray:
        """A surface, uint8 `[24, R, R, channels]`."""
        laid = self.picture(name, channels)
        side = laid.shape[1] // _ACROSS
        rows = NUM_PARTS // _ACROSS
        if laid.shape[:2] != (rows * side, _ACROSS * side) or resolution not in (None, side):
            raise ValueError(f"{name} is {laid.shape[1]} x {laid.shape[0]}")
        parts = laid.reshape(rows, side, _ACROSS, side, channels).swapaxes(1, 2)
        return parts.reshape(NUM_PARTS, side, side, channels)

    def _bytes(self, name: str) -> bytes:
        try:
            about = self._file.getinfo(name)
        except KeyError:
            raise ValueError(f"{name} is missing") from None
        if max(about.file_size, about.compress_size) > _MOST_BYTES or about.flag_bits & 1:
            raise ValueError(f"{name} has {about.file_size} bytes")
        return self._file.read(about)


def _pixels(x: Any) -> np.ndarray:
    """The one picture of a batch."""
    return np.asarray(x)[0]


def _levels(x: Any) -> np.ndarray:
    """Of colours in [-1, 1] the 256 levels."""
    return np.rint((np.clip(_pixels(x), -1, 1) + 1) * 127.5).astype(np.uint8)


def _shares(x: Any) -> np.ndarray:
    """Of shares in 0..1 the 256 levels."""
    return np.rint(np.clip(_pixels(x), 0, 1) * 255).astype(np.uint8)


def _signed(levels: np.ndarray) -> np.ndarray:
    return (levels / 127.5 - 1).astype(np.float32)


def _laid_out(sheets: np.ndarray) -> np.ndarray:
    """`[24, R, R, C] -> [4 R, 6 R, C]`."""
    _, side, _, channels = sheets.shape
    rows = sheets.reshape(-1, _ACROSS, side, side, channels).swapaxes(1, 2)
    return rows.reshape(-1, _ACROSS * side, channels)


def _cut_out(photo: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The photo where the person is; elsewhere the mean of it, which takes no room."""
    from scipy import ndimage

    person = ndimage.binary_dilation(share.max(-1) > 0, iterations=_MARGIN)
    mean = photo[person].mean(0) if person.any() else np.zeros(3)
    return np.where(person[..., None], photo, np.rint(mean).astype(np.uint8))


def _before(backdrop: np.ndarray, photo: np.ndarray, share: np.ndarray) -> np.ndarray:
    """What `_cut_out` left of the first photo, before its backdrop, a square."""
    from scipy import ndimage

    top, left = ((len(backdrop) - length) // 2 for length in photo.shape[:2])
    if min(top, left) < 0:
        raise ValueError("backdrop.webp is smaller than the photo")
    person = ndimage.binary_dilation(share.max(-1) > 0, iterations=_MARGIN)
    behind = backdrop[top : top + photo.shape[0], left : left + photo.shape[1]]
    return np.where(person[..., None], photo, behind)


def _encoded(picture: np.ndarray, lossless: bool) -> bytes:
    buffer = io.BytesIO()
    made = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    if lossless:
        made.save(buffer, "png", optimize=True)
    else:
        made.save(buffer, "webp", quality=_QUALITY, method=4)
    return buffer.getvalue()
