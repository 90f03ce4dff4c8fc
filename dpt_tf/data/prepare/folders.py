"""A folder of photos with their IUV files -> items.

A person is a sub-folder, or the folder itself where photos lie in it directly. A photo `x.jpg` belongs with
`x_IUV.png`, `x_iuv.png`, `x_IUV.npy` or `x.npy`, beside it or in a parallel folder: `images`, `photos`, `frames` and
`iuv` as names of folders separate kinds of files, not people, so `anna/images/x.jpg` + `anna/iuv/x_IUV.png` and
`images/anna/x.jpg` + `iuv/anna/x.png` are both a view of anna. `x_matte.png` beside a map says who is the person, hair
and cloth too: it becomes the photo's alpha, with which training puts people before other backdrops.

A dump of Detectron2's (`.pkl`) has maps of all photos that it names, whatever the folders in its names; it is asked for
photos without a map of their own. Where people use the same file names, the dump nearest above a photo counts, and then
the folders in the names tell.

Photos that are not square are padded, so that nothing is lost: the photo with its border colours, the map with
background.
"""

import collections
import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from dpt_tf import iuv
from dpt_tf.data import matching, records
from dpt_tf.data.keypoints import Joints, on_person
from dpt_tf.data.matching import KINDS
from dpt_tf.data.prepare.held_out import by_numbers
from dpt_tf.images import framing
from dpt_tf.images import photos as photo_files
from dpt_tf.system.errors import UserError, one_line

PHOTOS = photo_files.SUFFIXES
MAPS = (".png", ".npy")
DUMPS = ".pkl"
_SAME_ASPECT = 0.01
_OUTSIDE = 0.05
_ALONE = re.compile("person 1 of 1 ")


@dataclasses.dataclass
class Found:
    """What lies in a folder: per person the (photo, map) pairs, and what has no counterpart.

    People and photos are in the order of `held_out.by_numbers`.
    """

    people: dict[str, list[tuple[pathlib.Path, pathlib.Path]]]
    photos_alone: list[pathlib.Path]
    maps_alone: list[pathlib.Path]
    entries: dict[pathlib.Path, str]
    """What a dump calls those photos whose map lies in one."""
    no_dumps: list[str]
    """Why a `.pkl` that could have held maps holds none, a line each."""


@dataclasses.dataclass
class Tally:
    """What was met while reading views, for the report."""

    orders: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    mended: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    left_out: list[str] = dataclasses.field(default_factory=list)
    with_mattes: int = 0
    with_keypoints: int = 0
    without_keypoints: list[str] = dataclasses.field(default_factory=list)
    off_person: list[str] = dataclasses.field(default_factory=list)


Make = Callable[[list[pathlib.Path]], Mapping[pathlib.Path, pathlib.Path | None]]
"""Makes maps of photos: the map's file for each, None for a photo that is of no use and was told; others have none."""


def find(folder: str | os.PathLike, make: Make | None = None) -> Found:
    """Pairs up photos and maps in `folder` and below; `make` is given all photos without a map.

    Raises:
      UserError: no such folder, no photo in it, or no photo with a map.
    """
    root = pathlib.Path(folder)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give the folder of photos and IUV files")
    photos: dict[tuple[str, str], list[pathlib.Path]] = collections.defaultdict(list)
    maps: dict[tuple[str, str], list[pathlib.Path]] = collections.defaultdict(list)
    dumps: list[pathlib.Path] = []
    for path in _files(root):
        folders = path.relative_to(root).parts[:-1]
        kinds = {KINDS[part.lower()] for part in folders if part.lower() in KINDS}
        person = "/".join(part for part in folders if part.lower() not in KINDS)
        stem, suffix = path.stem, path.suffix.lower()
        marked = stem.lower().endswith("_iuv")
        if photo_files.is_matte_name(path):
            continue
        if (marked and suffix in (*PHOTOS, *MAPS)) or (suffix in MAPS and (kinds == {"map"} or suffix == ".npy")):
            maps[person, stem[:-4] if marked else stem].append(path)
        elif suffix in PHOTOS and "map" not in kinds and not stem.lower().endswith("_inds"):
            photos[person, stem].append(path)
        elif suffix == DUMPS:
            dumps.append(path)
    if not photos:
        raise UserError(f"{root}: no photo in it ({', '.join(PHOTOS)}); give the folder of photos and IUV files")
    lonely = [path for key, paths in _by_name(photos) if key not in maps for path in paths]
    dumped, no_dumps = matching.in_dumps(root, lonely, dumps)
    made = make([path for path in lonely if path not in dumped]) if make else {}
    people: dict[str, list[tuple[pathlib.Path, pathlib.Path]]] = collections.defaultdict(list)
    for (person, stem), paths in _by_name(photos):
        for path in paths:
            if (person, stem) in maps:
                people[person or root.resolve().name].append((path, maps[person, stem][0]))
            elif path in dumped:
                people[person or root.resolve().name].append((path, dumped[path][0]))
            elif (of_it := made.get(path)) is not None:
                people[person or root.resolve().name].append((path, of_it))
    photos_alone = [path for path in lonely if path not in dumped and path not in made]
    maps_alone = [path for key, paths in _by_name(maps) if key not in photos for path in paths]
    if not people and make:
        raise UserError(
            f"{root}: no photo in it has a map, and of none could one be made; give the maps, or other photos"
        )
    if not people:
        name = photos_alone[0]
        raise UserError(
            f"{root}: none of its {len(photos_alone)} photos has an IUV file; "
            f"put one beside each, {name.name} with {name.stem}_IUV.png, or into a folder iuv, or one dump of them all"
            + (f" (not {no_dumps[0]})" if no_dumps else "")
            + "; or --pose=small has maps made"
        )
    entries = {path: entry for path, (_, entry) in dumped.items()}
    people = dict(sorted(people.items(), key=lambda entry: by_numbers(entry[0])))
    return Found(people, photos_alone, maps_alone, entries, no_dumps)


def _by_name(files: dict[tuple[str, str], list[pathlib.Path]]) -> list[tuple[tuple[str, str], list[pathlib.Path]]]:
    return sorted(files.items(), key=lambda entry: tuple(map(by_numbers, entry[0])))


def _files(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """All files below `root` by name, PNG before `.npy`, hidden ones left out."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names, key=lambda name: (name.lower().endswith(".npy"), name)):
            if not name.startswith("."):
                yield pathlib.Path(folder, name)


def read_view(
    photo: pathlib.Path,
    mapped: pathlib.Path,
    size: int,
    person: int | None,
    tally: Tally,
    keypoints: Joints | None = None,
    entry: str | None = None,
    padded: bool = False,
) -> records.View:
    """One view as it is stored, `size` pixels square; the bytes of a photo that has this size already are kept.

    `keypoints` gives the joints for the view's map, as `keypoints.of_photos` finds it. `entry` is what a dump of
    several photos calls this one, if not by its path. `padded` says that a square photo was padded after DensePose saw
    it, as DeepFashion's of 256 pixels were, whose ready maps have the 750 x 1101 pixels of the large ones.

    Raises:
      UserError: the photo cannot be read, its map is of another aspect, or its joints lie outside of it.
      NotIUV: the map is none.
    """
    image, height, width = photo_files.square(photo, size)
    examined = iuv.examine(mapped, person, photo=entry or str(photo), size=(height, width))
    coordinates = examined.iuv
    if padded and height == width and coordinates.shape[0] != coordinates.shape[1]:
        coordinates = framing.square_map(coordinates, max(coordinates.shape[:2]))
    if abs(coordinates.shape[0] * width - coordinates.shape[1] * height) > _SAME_ASPECT * width * height:
        raise UserError(
            f"{mapped}: {coordinates.shape[1]} x {coordinates.shape[0]} pixels, but its photo {photo.name} has "
            f"{width} x {height}: another aspect; run DensePose on this very photo"
        )
    tally.orders[f"{examined.form}: {examined.order}"] += 1
    tally.mended.update(_kind_of_note(note) for note in examined.mended if not _ALONE.match(note))
    if coordinates.shape[:2] != (height, width):
        coordinates = iuv.resize(coordinates, height, width)
        tally.mended["map resized to its photo"] += 1
    if mapped.suffix.lower() in MAPS and (matte := photo_files.matte_of(mapped)).exists():
        image = photo_files.with_matte(image, _matte(matte, photo, height, width))
        tally.with_mattes += 1
    joints = _joints(photo, coordinates, size, keypoints, tally) if keypoints else records.no_keypoints()
    return {
        "name": one_line(photo.name),
        "image": image,
        "iuv": iuv.encode(framing.square_map(coordinates, size)),
        "keypoints": joints,
        "held_out": False,
    }


def _matte(path: pathlib.Path, photo: pathlib.Path, height: int, width: int) -> np.ndarray:
    pixels = photo_files.read(path)[..., 0]
    if pixels.shape != (height, width):
        raise UserError(
            f"{path}: {pixels.shape[1]} x {pixels.shape[0]} pixels, but its photo {photo.name} has {width} x {height}; "
            "give the matte of this very photo, or remove it"
        )
    return pixels


def _kind_of_note(note: str) -> str:
    """The note without what differs from view to view: numbers, and the score and box after a colon."""
    return " ".join(word for word in note.partition(":")[0].split() if not word.isdigit())


def _joints(photo: pathlib.Path, coordinates: np.ndarray, size: int, keypoints: Joints, tally: Tally) -> np.ndarray:
    """The joints in the stored square, `[18, 2]`; those that a network can use are counted."""
    points = keypoints(coordinates)
    height, width = coordinates.shape[:2]
    if points is not None and (points > (np.array([height, width]) * (1 + _OUTSIDE))).any():
        raise UserError(
            f"{photo}: its joints reach to x = {points[:, 1].max():.0f}, y = {points[:, 0].max():.0f}, outside of its "
            f"{width} x {height} pixels; give the keypoints of this very photo"
        )
    squared = records.no_keypoints() if points is None else framing.square_points(points, height, width, size)
    if points is None or not (squared >= 0).any():
        tally.without_keypoints.append(str(photo))
        return squared
    tally.with_keypoints += 1
    if 2 * on_person(points, coordinates) < (squared[:, 0] >= 0).sum():
        tally.off_person.append(str(photo))
    return squared
