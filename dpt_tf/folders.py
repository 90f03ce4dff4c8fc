"""A folder of photos with their IUV files -> items.

A person is a sub-folder, or the folder itself where photos lie in it directly. A photo `x.jpg` belongs with
`x_IUV.png`, `x_iuv.png`, `x_IUV.npy` or `x.npy`, beside it or in a parallel folder: `images`, `photos` and `iuv` as
names of folders separate kinds of files, not people, so `anna/images/x.jpg` + `anna/iuv/x_IUV.png` and
`images/anna/x.jpg` + `iuv/anna/x.png` are both a view of anna.

Photos that are not square are padded, so that nothing is lost: the photo with its border colours, the map with
background.
"""

import collections
import dataclasses
import io
import os
import pathlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps

from dpt_tf import framing, iuv, records
from dpt_tf.errors import UserError

PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
MAPS = (".png", ".npy")
_KINDS = {"images": "photo", "photos": "photo", "iuv": "map"}
_SAME_ASPECT = 0.01


@dataclasses.dataclass
class Found:
    """What lies in a folder: per person the (photo, map) pairs by name, and what has no counterpart."""

    people: dict[str, list[tuple[pathlib.Path, pathlib.Path]]]
    photos_alone: list[pathlib.Path]
    maps_alone: list[pathlib.Path]


@dataclasses.dataclass
class Tally:
    """What was met while reading views, for the report."""

    orders: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    mended: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    left_out: list[str] = dataclasses.field(default_factory=list)


def find(folder: str | os.PathLike) -> Found:
    """Pairs up photos and maps in `folder` and below.

    Raises:
      UserError: no such folder, no photo in it, or no photo with a map.
    """
    root = pathlib.Path(folder)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give the folder of photos and IUV files")
    photos: dict[tuple[str, str], list[pathlib.Path]] = collections.defaultdict(list)
    maps: dict[tuple[str, str], list[pathlib.Path]] = collections.defaultdict(list)
    for path in _files(root):
        folders = path.relative_to(root).parts[:-1]
        kinds = {_KINDS[part.lower()] for part in folders if part.lower() in _KINDS}
        person = "/".join(part for part in folders if part.lower() not in _KINDS)
        stem, suffix = path.stem, path.suffix.lower()
        marked = stem.lower().endswith("_iuv")
        if suffix in MAPS and (marked or kinds == {"map"} or suffix == ".npy"):
            maps[person, stem[:-4] if marked else stem].append(path)
        elif suffix in PHOTOS and "map" not in kinds and not stem.lower().endswith("_inds"):
            photos[person, stem].append(path)
    if not photos:
        raise UserError(f"{root}: no photo in it ({', '.join(PHOTOS)}); give the folder of photos and IUV files")
    people: dict[str, list[tuple[pathlib.Path, pathlib.Path]]] = collections.defaultdict(list)
    for (person, stem), paths in sorted(photos.items()):
        if (person, stem) in maps:
            people[person or root.resolve().name].extend((path, maps[person, stem][0]) for path in paths)
    photos_alone = [path for key, paths in sorted(photos.items()) if key not in maps for path in paths]
    maps_alone = [path for key, paths in sorted(maps.items()) if key not in photos for path in paths]
    if not people:
        name = photos_alone[0]
        raise UserError(
            f"{root}: none of its {len(photos_alone)} photos has an IUV file; "
            f"put one beside each, {name.name} with {name.stem}_IUV.png, or into a folder iuv"
        )
    return Found(dict(people), photos_alone, maps_alone)


def _files(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """All files below `root` by name, PNG before `.npy`, hidden ones left out."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names, key=lambda name: (name.lower().endswith(".npy"), name)):
            if not name.startswith("."):
                yield pathlib.Path(folder, name)


def read_view(photo: pathlib.Path, mapped: pathlib.Path, size: int, person: int | None, tally: Tally) -> records.View:
    """One view as it is stored, `size` pixels square; the bytes of a photo that has this size already are kept.

    Raises:
      UserError: the photo cannot be read, or its map is of another aspect.
      NotIUV: the map is none.
    """
    data, picture = _read_photo(photo)
    examined = iuv.examine(mapped, person)
    height, width = examined.iuv.shape[:2]
    if abs(height * picture.width - width * picture.height) > _SAME_ASPECT * width * picture.height:
        raise UserError(
            f"{mapped}: {width} x {height} pixels, but its photo {photo.name} has {picture.width} x {picture.height}: "
            "another aspect; run DensePose on this very photo"
        )
    tally.orders[f"{examined.form}: {examined.order}"] += 1
    tally.mended.update(_kind_of_note(note) for note in examined.mended)
    coordinates = examined.iuv
    if (height, width) != (picture.height, picture.width):
        coordinates = iuv.resize(coordinates, picture.height, picture.width)
        tally.mended["map resized to its photo"] += 1
    return {
        "name": photo.name,
        "image": data
        if data and picture.size == (size, size)
        else _encode(framing.square_photo(np.asarray(picture), size)),
        "iuv": iuv.encode(framing.square_map(coordinates, size)),
        "keypoints": records.no_keypoints(),
        "held_out": False,
    }


def _kind_of_note(note: str) -> str:
    return " ".join(word for word in note.split() if not word.isdigit())


def _read_photo(path: pathlib.Path) -> tuple[bytes | None, Image.Image]:
    """The upright RGB picture, and its bytes where a decoder gets the same picture out of them."""
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as opened:
            plain = opened.mode == "RGB" and opened.format in ("JPEG", "PNG") and opened.getexif().get(0x0112, 1) == 1
            upright = ImageOps.exif_transpose(opened)
            if "A" in upright.mode or "transparency" in upright.info:
                upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
            picture = upright.convert("RGB")
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error... on broken files
        raise UserError(f"{path}: a picture that cannot be read ({error}); save it again or remove it") from None
    return (data if plain else None), picture


def _encode(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
