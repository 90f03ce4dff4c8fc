"""Maps of photos as files that say how they were made, so that work goes on where it stopped.

A map of `x.jpg` is `x_IUV.png`, R = I, G = U, B = V; where everybody is wanted, `x_person1_IUV.png` and so on. Texts
inside of the PNG (`iuv.notes`) name the estimator, who was asked for, the photo, score and box. What bears no such
texts was made elsewhere, and nobody's file is written over.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping

import numpy as np

from dpt_tf import iuv
from dpt_tf.densepose import asking
from dpt_tf.densepose.estimator import Box, Estimator, Person
from dpt_tf.images import photos
from dpt_tf.iuv import notes
from dpt_tf.system import atomic, files
from dpt_tf.system.errors import UserError

_MAKER = "dpt_tf, pose from a photo"


class MadeElsewhere(UserError):
    """A file stands where a map is to go, and it was not made here."""


class MadeOtherwise(UserError):
    """A map is there that another estimator made, or of somebody else."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """Who is to be mapped: the surest person, or one of these.

    Attributes:
      box: whoever stands in it, in pixels.
      whole: whoever the photo shows, no detector asked.
      person: the n-th surest, from 1.
      everybody: all of them.
    """

    box: Box | None = None
    whole: bool = False
    person: int | None = None
    everybody: bool = False

    def __str__(self) -> str:
        """As it is written into a map."""
        if self.everybody:
            return "everybody"
        if self.whole:
            return "the whole photo"
        if self.box is not None:
            return f"box {asking.said(self.box)}"
        return f"person {self.person or 1}"

    def fixed(self, photo: np.ndarray) -> Box | None:
        """The box that needs no detector, where one was given."""
        return asking.whole(photo) if self.whole else self.box

    def of(self, estimator: Estimator, photo: np.ndarray) -> list[Person]:
        """The people meant, one or more.

        Raises:
          Nobody: there is none.
        """
        if not self.everybody:
            return [asking.person(estimator, photo, self.fixed(photo), self.person)]
        if not (found := asking.people(estimator, photo)):
            raise asking.Nobody(f"nobody found in it by {estimator.name}; give the box of the person")
        return found


@dataclasses.dataclass(frozen=True)
class Made:
    """A map's file; `fresh` where it was not there before."""

    path: pathlib.Path
    score: str
    box: str
    fresh: bool


def name(photo: pathlib.Path, person: int | None = None) -> str:
    """What the map of a photo is called."""
    return f"{photo.stem}{f'_person{person}' if person else ''}_IUV.png"


def is_map_name(path: pathlib.Path) -> bool:
    """Whether a file is called like a map, or like Detectron's picture of indices, and hence is no photo."""
    return path.stem.lower().endswith(("_iuv", "_inds"))


def refuse_map(photo: pathlib.Path, pixels: np.ndarray) -> None:
    """Nobody is looked for in a map: it would be found, in the wrong colours.

    Raises:
      UserError: what was given as a photo, and read, is a DensePose map.
    """
    if min(pixels[..., 0].max(), pixels[..., 2].max()) > iuv.NUM_PARTS:
        return
    with contextlib.suppress(iuv.NotIUV):
        iuv.examine(photo)
        raise UserError(f"{photo}: a DensePose map and no photo; give the photo that it was made of")


def beside(photo: pathlib.Path) -> pathlib.Path | None:
    """The map that lies beside a photo, None where there is none."""
    for ending in ("_IUV.png", "_iuv.png", "_IUV.npy", "_iuv.npy"):
        path = photo.parent / (photo.stem + ending)  # "." has no name to change
        if path.is_file():
            return path
    return None


def make(
    photo: pathlib.Path,
    folder: pathlib.Path,
    estimator: Estimator,
    asked: Asked,
    file: str = "",
    mattes: bool = False,
) -> list[Made]:
    """The maps of a photo in `folder`, made unless they are there.

    Args:
      photo: a picture's file.
      folder: where to write; made where it is missing.
      estimator: asked where a map is missing.
      asked: for whom.
      file: the map's name, if another one than `name` gives; for one person.
      mattes: whether the photo's matte is written, too (`photos.matte_of`), where the estimator knows it.

    Raises:
      Nobody: nobody is found.
      MadeElsewhere, MadeOtherwise: a file is there that is not to be written over.
      UserError: the photo cannot be read, or the box lies outside of it.
    """
    try:
        facts = {"Made by": _MAKER, "Estimator": estimator.name, "Asked": str(asked), "Photo": _digest(photo)}
        if there := _there(photo, folder, facts, asked, file):
            return there
        try:
            pixels = asking.read(photo)
            refuse_map(photo, pixels)
            people = asked.of(estimator, pixels)
        except asking.Nobody as error:
            raise asking.Nobody(f"{photo}: {error}") from None
    except FileNotFoundError:
        raise UserError(f"{photo}: no such file; give the path of a photo") from None
    made = []
    for number in range(len(people), 0, -1):  # the first one last: where it is, they all are
        person = people[number - 1]
        path = folder / (file or name(photo, number if asked.everybody else None))
        _own(path, facts)
        said = {"Person": f"{number} of {len(people)}", "Score": f"{person.score:.3f}", "Box": asking.said(person.box)}
        if mattes and person.coverage is not None:
            write_matte(photos.matte_of(path), person.coverage)
        write(path, person.map, facts | said)
        made.append(Made(path, said["Score"], said["Box"], True))
    return made[::-1]


def write(path: pathlib.Path, made: np.ndarray, said: Mapping[str, str]) -> None:
    """A map with its texts, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.written(path) as aside:
        aside.write_bytes(iuv.encode(made, said))


def write_matte(path: pathlib.Path, coverage: np.ndarray) -> None:
    """A matte, uint8 `[H, W, 1]`, whole or not at all."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.written(path) as aside:
        Image.fromarray(coverage[..., 0]).save(aside, "PNG")


def read(path: pathlib.Path) -> np.ndarray:
    """A map that `write` wrote, uint8 `[H, W, 3]`, as it is: nothing mended, nobody left out."""
    from PIL import Image

    with files.opened(path) as file, Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def outputs(photo: pathlib.Path, folder: pathlib.Path, asked: Asked) -> list[pathlib.Path]:
    """The maps of a photo that lie in a folder, with those that were made for everybody."""
    if not asked.everybody:
        return [folder / name(photo)]
    numbered: list[pathlib.Path] = []
    while (path := folder / name(photo, len(numbered) + 1)).is_file():
        numbered.append(path)
    return numbered


def _there(photo: pathlib.Path, folder: pathlib.Path, facts: dict[str, str], asked: Asked, file: str) -> list[Made]:
    """The maps that are there already, if all of them are."""
    first = folder / (file or name(photo, 1 if asked.everybody else None))
    said = _own(first, facts)
    if not said:
        return []
    paths = [first]
    if asked.everybody:
        count = int(said["Person"].rpartition(" ")[2])
        paths = [folder / name(photo, number) for number in range(1, count + 1)]
    found = [_own(path, facts) for path in paths]
    if not all(found):
        return []
    return [Made(path, one["Score"], one["Box"], False) for path, one in zip(paths, found, strict=True)]


def _own(path: pathlib.Path, facts: dict[str, str]) -> dict[str, str]:
    """What the map at `path` says of itself, if it was made in this very way; `{}` where nothing is there.

    Raises:
      MadeElsewhere, MadeOtherwise: as `make` does.
    """
    if not path.exists():
        return {}
    said = notes.read(path) or {}
    if said.get("Made by") != _MAKER or not {"Person", "Score", "Box"} <= said.keys():
        raise MadeElsewhere(f"{path} is there and was not made by this command; give another --output, or move it away")
    for what in ("Estimator", "Asked"):
        if said.get(what) != facts[what]:
            raise MadeOtherwise(
                f"{path} was made by {said.get('Estimator')} of {said.get('Asked')}, which would now be "
                f"{facts['Estimator']} of {facts['Asked']}; give another --output, or remove what is there"
            )
    if said.get("Photo") != facts["Photo"]:
        raise MadeElsewhere(f"{path} was made of another photo of this name; give another --output, or remove it")
    return said


def _digest(photo: pathlib.Path) -> str:
    return "sha256 " + hashlib.sha256(photos.read_bytes(photo)).hexdigest()[:32]
