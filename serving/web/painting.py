"""Uploads in, pictures out: what the page shows of a person in a pose. It knows nothing of the web.

Pictures are uint8 `[H, W, 3]`, maps uint8 `[H, W, 3]` (I, U, V). What a user can repair is a UserError: one line, with
the name that the file had on the user's machine.
"""

import contextlib
import dataclasses
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from dpt_tf import iuv
from dpt_tf.densepose import map_files
from dpt_tf.images import display, framing, photos
from dpt_tf.iuv.sources import MOST_PIXELS
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import person_file

TINT = (236, 0, 140)  # of what was imagined
_STRENGTH = 0.5
MOST_PHOTOS, MOST_SIDE = 8, 1024  # of one person, and pixels of each: joining them cannot be stopped on the way
UNSEEN = 200  # the grey of texels that the photo does not show

Paint = Callable[..., Mapping[str, np.ndarray]]
"""What `dpt_tf.load` gives."""


@dataclasses.dataclass(frozen=True)
class Upload:
    """A file as it lies here and the name that its owner knows it by."""

    path: pathlib.Path
    name: str


@dataclasses.dataclass(frozen=True)
class Pose:
    """A map to paint somebody in."""

    name: str
    iuv: np.ndarray


class Person(NamedTuple):
    """Somebody to paint: a photo, its map, and who is the person beside the body, where that is known.

    With `own_build` it is painted as it is built, else as whoever strikes the pose is. Of several photos, or of a
    person's file, `made` is what is painted from; photo and map are then the first ones.
    """

    photo: np.ndarray
    iuv: np.ndarray
    coverage: np.ndarray | None = None
    own_build: bool = False
    made: person_file.Person | None = None

    def painted(self, transfer: Paint, pose: np.ndarray) -> Mapping[str, np.ndarray]:
        """In the pose of a map."""
        known: dict[str, Any] = {"keep_proportions": True} if self.own_build else {}
        if self.made is not None:
            return transfer(self.made, target_iuv=pose, **known)
        if self.coverage is not None:
            known["coverage"] = self.coverage
        return transfer(self.photo, self.iuv, pose, **known)

    def within(self, side: int) -> "Person":
        """The same, its photo no larger."""
        coverage = None if self.coverage is None else framing.within(self.coverage, side)
        photo, iuv = framing.within(self.photo, side), framing.within(self.iuv, side, is_map=True)
        return self._replace(photo=photo, iuv=iuv, coverage=coverage)

    def moving(self) -> "Person":
        """The same for poses that move (`Sources.staying`)."""
        if self.made is None:
            return self
        return self._replace(made=dataclasses.replace(self.made, sources=self.made.sources.staying()))

    def kept(self, transfer: Any, name: str = "") -> person_file.Person:
        """What a file of the person holds, where one photo is called `name`.

        Raises:
          UserError: a model without layers.
        """
        if self.made is not None:
            return self.made
        facts = {"photos": [{"name": name}]}
        return transfer.person(self.photo, self.iuv, coverage=self.coverage, facts=facts)

    @property
    def doubts(self) -> list[str]:
        """What speaks against it that photos are of one person, with the names of their files."""
        if self.made is None:
            return []
        names = [str(one.get("name", "")) for one in self.made.facts["photos"] if isinstance(one, dict)]

        def named(found: re.Match) -> str:
            number = int(found[1])
            return f"photo {number}, {names[number - 1]}," if 0 < number <= len(names) else found[0]

        return [re.sub(r"^photo (\d{1,3})\b", named, line) for line in self.made.sources.doubts]


@dataclasses.dataclass(frozen=True)
class Painted:
    """A person in one pose. Pictures have the frame of the pose's map."""

    name: str
    pose: np.ndarray
    """The map that was painted, in colours."""
    image: np.ndarray
    """The result."""
    warped: np.ndarray
    """The texture in the pose, black where there is no body."""
    overlay: np.ndarray
    """The result, tinted where it was imagined."""
    seen: float
    """How much of the body the photo shows, 0..1."""
    texture_before: np.ndarray
    """The unwrapped surface as the photo shows it, 24 parts on a sheet, grey where it does not."""
    texture_after: np.ndarray
    """The same with the rest imagined."""
    layers: np.ndarray | None = None
    """How much of each pixel is predicted, warped and backdrop, as red, green and blue; of a model that has layers."""
    backdrop: np.ndarray | None = None
    """The photo without the person, of such a model."""


def read_photo(upload: Upload) -> np.ndarray:
    """The photo, upright.

    Raises:
      UserError: no picture, or one with more pixels than any map.
    """
    with called(upload):
        try:
            with Image.open(upload.path) as opened:
                pixels = opened.width * opened.height
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            pixels = MOST_PIXELS + 1
        except Exception:  # what is wrong with it, `photos` says
            pixels = 0
        if pixels > MOST_PIXELS:
            raise UserError(f"{upload.path}: too many pixels; make it smaller, {MOST_PIXELS >> 20} million at most")
        return photos.read(upload.path)


def read_map(upload: Upload, photo: str | None = None, size: tuple[int, int] | None = None) -> np.ndarray:
    """The map, mended, of one person; `photo` and `size` as in `iuv.read`.

    Raises:
      UserError: it holds no usable map; the line is the one that `dpt inspect` prints.
    """
    with called(upload):
        # From memory: a dump on disk would have its photos looked for where it says.
        return iuv.decode(upload.path.read_bytes(), upload.name, photo=photo, size=size).iuv


def read_person(photo: Upload | None, source_iuv: Upload | None) -> Person:
    """A photo and its map, of one size.

    Raises:
      UserError: one is missing or unusable, or they do not belong together.
    """
    if photo is None:
        raise UserError(
            "there is no photo yet, nor a person's file: upload one in step 1, or take one of the people there"
        )
    if source_iuv is None:
        raise UserError(no_map(photo.name))
    picture = read_photo(photo)
    made = read_map(source_iuv, photo.name, picture.shape[:2])
    if picture.shape != made.shape:
        raise UserError(
            f"{photo.name} is {picture.shape[1]} x {picture.shape[0]} but {source_iuv.name} is {made.shape[1]} x "
            f"{made.shape[0]}: give the map that was made from this very photo"
        )
    return Person(picture, made)


def several(shown: Sequence[tuple[Upload, Person]], transfer: Any) -> Person:
    """One person of several photos, each with its map: the first one's backdrop and light, `MOST_SIDE` pixels at most.

    Raises:
      UserError: there are none; a model that paints from one photo.
    """
    if not shown:
        raise UserError("there are no photos yet: upload some in step 1, or take one of the people there")
    if not getattr(transfer, "keeps", False):
        raise UserError("this model paints from one photo; several need one trained with blending=layers")
    people = [one.within(MOST_SIDE) for _, one in shown]
    pictures, maps, coverages = zip(*((one.photo, one.iuv, one.coverage) for one in people), strict=True)
    facts = {"photos": [{"name": upload.name} for upload, _ in shown]}
    made = transfer.person(list(pictures), list(maps), coverage=list(coverages), facts=facts)
    return people[0]._replace(made=made)


def paired(uploads: Sequence[Upload], most: int) -> list[tuple[Upload, Upload | None]]:
    """Photos of one person in the order of their names, each with the map that is called after it, if any.

    Raises:
      UserError: a map without its photo; more than `most` photos.
    """
    maps = {
        pathlib.Path(one.name).stem.lower(): one for one in uploads if map_files.is_map_name(pathlib.Path(one.name))
    }
    given = [one for one in uploads if one not in maps.values()]
    if len(given) > most:
        raise UserError(f"{len(given)} photos of one person are too many at once: give {most} at most")
    found = [(one, maps.pop(f"{pathlib.Path(one.name).stem.lower()}_iuv", None)) for one in ordered(given)]
    if maps:
        raise UserError(f"{next(iter(maps.values())).name}: a map, and no photo of that name is among the others")
    return found


def ordered(uploads: Sequence[Upload]) -> list[Upload]:
    """By their names, numbers in them by value."""
    return sorted(uploads, key=lambda upload: photos.natural(upload.name))


def read_file(upload: Upload) -> Person:
    """The person that a file holds.

    Raises:
      UserError: it holds none, or one of more photos than the page takes.
    """
    with called(upload):
        made = person_file.read(upload.path, MOST_PHOTOS)
    return Person(made.photo(), made.sources.maps[0], made=made)


def as_file(made: person_file.Person) -> bytes:
    """The file of a person."""
    return written(photos.PERSON, lambda path: person_file.write(path, made.sources, made.facts))


def written(ending: str, write: Callable[[pathlib.Path], Any]) -> bytes:
    """What `write` writes to a file of such a name, which is gone afterwards.

    Raises:
      UserError: it cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / f"made{ending}"
        try:
            write(path)
            return path.read_bytes()
        except (UserError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error).replace(str(path), f"a file {ending}")
            raise UserError(f"it cannot be written ({why}); tell whoever runs this page") from None


def surface(made: person_file.Person) -> tuple[np.ndarray, float]:
    """The unwrapped surface as it was seen, grey where it was not, and how much of it was."""
    seen = made.sources.observed > 0
    return display.texture_sheet(np.where(seen, made.sources.texture, np.uint8(UNSEEN))), float(seen.mean())


def no_map(name: str) -> str:
    """What is said of a photo where nothing makes maps."""
    return f"{name} has no map yet: upload its IUV map beside it"


def read_poses(uploads: Sequence[Upload], most: int) -> list[Pose]:
    """The maps in the order of their names, numbers in names by value; a dump is a pose for each of its photos.

    Raises:
      UserError: one holds no usable map, or there are more than `most`.
    """
    named: list[tuple[Upload, str | None]] = []
    for upload in ordered(uploads):
        with called(upload):
            named += [(upload, photo) for photo in sorted(iuv.photos(upload.path), key=photos.natural) or (None,)]
    refuse_many(len(named), most)
    return [Pose(photo or upload.name, read_map(upload, photo)) for upload, photo in named]


def refuse_many(count: int, most: int) -> None:
    """Refuses more poses than `most`.

    Raises:
      UserError: there are more.
    """
    if count > most:
        raise UserError(f"{count} poses are too many at once: give {max(0, most)} at most")


def paint(transfer: Paint, person: Person, pose: Pose) -> Painted:
    """One picture and all that explains it."""
    result = person.painted(transfer, pose.iuv)
    drawn = result.get("target_iuv", pose.iuv)  # redrawn where the person keeps its own build
    body = drawn[..., 0] > 0
    seen = result["provenance"][..., 0] / 255.0
    return Painted(
        name=pose.name,
        pose=display.colour_map(drawn),
        image=result["image"],
        warped=np.where(body[..., None], result["warped"], 0),
        overlay=tinted(result["image"], (1 - seen) * body),
        seen=float(seen[body].mean()),
        texture_before=display.texture_sheet(np.where(result["observed"] > 0, result["texture"], np.uint8(UNSEEN))),
        texture_after=display.texture_sheet(result["texture"]),
        layers=result.get("layers"),
        backdrop=result.get("backdrop"),
    )


def tinted(picture: np.ndarray, imagined: np.ndarray) -> np.ndarray:
    """`picture` with the tint over it, as far as `imagined` `[H, W]` in 0..1 says; at 0 it is left as it is."""
    weight = _STRENGTH * imagined[..., None]
    return (picture * (1 - weight) + np.array(TINT) * weight).round().astype(np.uint8)


def enlarged(picture: np.ndarray, least: int = 256, most: int = 512) -> np.ndarray:
    """A small picture enlarged by a whole number until a side has `least` pixels, a large one reduced to `most`."""
    longest = max(picture.shape[:2])
    factor = max(1, -(-least // longest)) if longest <= most else most / longest
    if factor == 1:
        return picture
    height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


@contextlib.contextmanager
def called(upload: Upload) -> Iterator[None]:
    """What is said of the file, said with its owner's name for it."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{upload.name}: no longer here, for uploads are kept for an hour; upload it again") from None
    except (UserError, iuv.NotIUV) as error:
        raise UserError(str(error).replace(str(upload.path), upload.name)) from None
