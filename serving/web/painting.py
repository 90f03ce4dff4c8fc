"""Uploads in, pictures out: what the page shows of a person in a pose. It knows nothing of the web.

Pictures are uint8 `[H, W, 3]`, maps uint8 `[H, W, 3]` (I, U, V). What a user can repair is a UserError: one line, with
the name that the file had on the user's machine.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from dpt_tf import iuv
from dpt_tf.images import display, photos
from dpt_tf.iuv.sources import MOST_PIXELS
from dpt_tf.system.errors import UserError

TINT = (236, 0, 140)  # of what was imagined
_STRENGTH = 0.5
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

    With `own_build` it is painted as it is built, else as whoever strikes the pose is.
    """

    photo: np.ndarray
    iuv: np.ndarray
    coverage: np.ndarray | None = None
    own_build: bool = False

    def painted(self, transfer: Paint, pose: np.ndarray) -> Mapping[str, np.ndarray]:
        """In the pose of a map."""
        known: dict[str, Any] = {} if self.coverage is None else {"coverage": self.coverage}
        if self.own_build:
            known["keep_proportions"] = True
        return transfer(self.photo, self.iuv, pose, **known)


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
    with _called(upload):
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
    with _called(upload):
        # From memory: a dump on disk would have its photos looked for where it says.
        return iuv.decode(upload.path.read_bytes(), upload.name, photo=photo, size=size).iuv


def read_person(photo: Upload | None, source_iuv: Upload | None) -> Person:
    """A photo and its map, of one size.

    Raises:
      UserError: one is missing or unusable, or they do not belong together.
    """
    if photo is None:
        raise UserError("there is no photo yet: upload one in step 1, or take one of the people there")
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


def no_map(name: str) -> str:
    """What is said of a photo where nothing makes maps."""
    return f"{name} has no map yet: upload its IUV map beside it"


def read_poses(uploads: Sequence[Upload], most: int) -> list[Pose]:
    """The maps in the order of their names, numbers in names by value; a dump is a pose for each of its photos.

    Raises:
      UserError: one holds no usable map, or there are more than `most`.
    """
    named: list[tuple[Upload, str | None]] = []
    for upload in sorted(uploads, key=lambda upload: photos.natural(upload.name)):
        with _called(upload):
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
def _called(upload: Upload) -> Iterator[None]:
    """What is said of the file, said with its owner's name for it."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{upload.name}: no longer here, for uploads are kept for an hour; upload it again") from None
    except (UserError, iuv.NotIUV) as error:
        raise UserError(str(error).replace(str(upload.path), upload.name)) from None
