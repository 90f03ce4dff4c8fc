"""A photo and two poses in, a picture out: a trained run, or its export, as one Python function.

transfer = dpt_tf.load("people")
result = transfer(photo, dpt_tf.iuv.read("photo_IUV.png"), dpt_tf.iuv.read("pose_IUV.png"))
result["image"]
result = transfer("photo.jpg", target="pose.jpg")  # maps are made where none lies beside
result = transfer(["front.jpg", "back.jpg"], target="pose.jpg")  # what one photo hides another shows
transfer.person(["front.jpg", "back.jpg"], save="ada.person")
result = transfer("ada.person", target="pose.jpg")  # without the photos
transfer.dress("ada.person", "ben.jpg", "top").photo()  # in another's clothes
"""

import importlib.metadata
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dpt_tf.densepose import asking
from dpt_tf.densepose.estimator import Estimator
from dpt_tf.images import display, framing, photos
from dpt_tf.iuv.parts import parsed
from dpt_tf.models import composition
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import builds, given, loading, person_file, proportions, sources
from dpt_tf.transfer.builds import Build
from dpt_tf.transfer.given import Photo, Several
from dpt_tf.transfer.loading import Halves, composing
from dpt_tf.transfer.person_file import Person
from dpt_tf.transfer.poses import Poses
from dpt_tf.transfer.sources import Known, Sources

__all__ = ["COMPOSED", "Halves", "Photo", "Several", "Transfer", "composing", "load"]

_NAMED = ("digest", "step")  # of a model, in a person's file: nothing of where it lies
COMPOSED = ("image", "warped", "predicted", "provenance", "backdrop", "layers")


class Transfer:
    """Paints the person of a photo in the pose of a map.

    With layers the picture is composed at its own size (`models.composition`), and what depends on the photo alone is
    kept until another photo comes: the second pose of a person takes less time than the first. Without layers it is
    the networks' square, enlarged.

    Attributes:
      image_size: side of the square that the networks work on; pictures of other sizes are padded and resized.
      provenance: where the weights come from, as the run recorded it.
    """

    def __init__(
        self,
        function: Callable[[dict], Mapping],
        image_size: int,
        provenance: dict[str, Any],
        owner: Any,
        halves: Halves | None = None,
        pose: str | os.PathLike | Estimator | None = None,
        atlas_size: int | None = None,
    ):
        """`halves` compose at any size, or `function` paints squares; `owner` keeps a SavedModel's variables alive.

        `atlas_size` is that of the networks, where `halves` are given. `pose` makes the maps that are not given, as
        `densepose.choosing.open_estimator` takes it.
        """
        self.image_size, self.provenance = image_size, provenance
        self._function, self._owner, self._halves = function, owner, halves
        self._sizes = image_size, atlas_size
        self._last: tuple[list[Known] | Sources, Sources] | None = None
        self._built: tuple[list[np.ndarray], Build] | None = None
        self._poses = Poses(pose)

    def __call__(
        self,
        source: Several | Person,
        source_iuv: np.ndarray | Sequence[np.ndarray] | None = None,
        target_iuv: np.ndarray | None = None,
        *,
        target: Photo | None = None,
        coverage: np.ndarray | Sequence[np.ndarray | None] | None = None,
        keep_proportions: bool = False,
    ) -> dict[str, np.ndarray]:
        """The person of `source` in the pose of `target_iuv`, or of whoever `target` shows.

        Args:
          source: uint8 `[H, W, 3]`, a photo; or its path. Or a list of such, photos of one person in one outfit, of
            any sizes (`sources.Sources` says what is taken of which); maps and coverages, where given, are lists, too.
            Several photos need networks with layers, and no export. Or a person, or the path of one's file
            (`person`); then there are neither maps nor coverages to give.
          source_iuv: uint8 `[H, W, 3]` (I, U, V), its DensePose map. Without it the map beside the photo's file is
            taken (`x_IUV.png`), and failing that one is made.
          target_iuv: uint8 `[H', W', 3]`, the pose to paint; its frame is the frame of the result.
          target: instead of `target_iuv`, a photo of the pose: uint8 `[H', W', 3]`, or a path, also a map's. An array
            given here is a photo and never a map: the two cannot be told apart, so the keyword does it.
          coverage: uint8 `[H, W, 1]`, how much of each pixel of `source` is the person, hair and cloth beside the body
            too, as far as somebody knows (`Person.coverage`), 0 where nobody does. Where it is not given the small
            network that ships looks who stands where the map's body is: a map alone does not tell a skirt from the
            wall between two legs. Without layers, and of an export, it is not used.
          keep_proportions: paint the person as it is built, not as whoever strikes the pose is: the pose's map is
            redrawn first (`proportions`), as tall as it is, where it stands.

        Returns:
          uint8: `image`, `warped` and `predicted` `[H', W', 3]`; `provenance` `[H', W', 1]`, 255 where the pixel's
          surface was seen in the source and 0 where it was imagined; `texture` `[24, R, R, 3]`, the inpainted atlas;
          `observed` `[24, R, R, 1]`, 1 where the source shows the texel, whose colour inpainting has left as it was,
          and 0 elsewhere. With layers R fits the photo, and there are two more, `[H', W', 3]`: `backdrop`, the photo
          without the person, and `layers`, how much of each pixel is predicted, warped and backdrop, 255 for all of
          it. Of several photos also `photo` `[H', W', 1]`, the number, from 1, of the one that shows a pixel's surface,
          0 where none does. With `keep_proportions` also `target_iuv` `[H', W', 3]`, the map that was painted. What is
          larger than `composition.LARGEST` is composed at that size, and enlarged.

        Raises:
          ValueError: an array of another shape or type, a map with parts above 24 or without a person, a photo and
            a map of different sizes, neither or both of `target` and `target_iuv`, a map beside a person.
          UserError: a photo that cannot be read, or in which nobody is found; a person of another model's networks;
            builds are to be compared of which nothing in common is seen.
        """
        if (target is None) == (target_iuv is None):
            raise ValueError("give target_iuv, a map, or target, a photo of the pose: one of them")
        person = self._person_of(source, source_iuv, coverage)
        known = [] if person is not None else [self._known(*one) for one in given.each(source, source_iuv, coverage)]
        if target_iuv is None:
            assert target is not None
            target_iuv = self._poses.of(target)
        given.check_map("target_iuv", target_iuv)
        if keep_proportions:
            maps = [one for _, one, _ in known] if person is None else person.sources.maps
            target_iuv = proportions.fitted(target_iuv, self._build(maps))
        result = self._paint(known, person, target_iuv)
        return result | {"target_iuv": target_iuv} if keep_proportions else result

    def _build(self, maps: Sequence[np.ndarray]) -> Build:
        """How the person is built, kept until others come."""
        if self._built is None or not given.same(self._built[0], maps):
            self._built = [one.copy() for one in maps], builds.build(maps)
        return self._built[1]

    def _paint(self, known: list[Known], person: Person | None, target_iuv: np.ndarray) -> dict[str, np.ndarray]:
        if self._halves is not None:
            return self._compose(self._halves, self._sources(known) if person is None else person.sources, target_iuv)
        if len(known) > 1:
            raise UserError("this model paints from one photo; several need one trained with blending=layers")
        photo, source_iuv, _ = known[0]
        size = self.image_size
        square = framing.square_photo(photo, size).astype(np.float32) / 127.5 - 1
        outputs = self._function(
            {
                "source": square[None],
                "source_iuv": framing.square_map(source_iuv, size)[None],
                "target_iuv": framing.square_map(target_iuv, size)[None],
            }
        )
        height, width = target_iuv.shape[:2]
        result = {
            name: framing.unsquare(display.to_uint8(outputs[name][0].numpy()), height, width)
            for name in ("image", "warped", "predicted")
        }
        seen = (np.clip(outputs["provenance"][0].numpy(), 0, 1) * 255).round().astype(np.uint8)
        result["provenance"] = framing.unsquare(seen, height, width)
        result["texture"] = display.to_uint8(outputs["texture"][0].numpy())
        result["observed"] = outputs["observed"][0].numpy().astype(np.uint8)
        return result

    def _sees_coverage(self) -> bool:
        """Whether it makes a difference: an export's graph has its own matte alone."""
        return self._halves is not None and len(self._halves) > 2

    def _known(self, source: Photo, source_iuv: np.ndarray | None, coverage: np.ndarray | None) -> Known:
        """A photo with its map and who is the person, read or made where they are not given."""
        path = None if isinstance(source, np.ndarray) else pathlib.Path(source)
        photo = asking.read(source) if not isinstance(source, np.ndarray) else source
        given.check_picture("source", photo)
        if source_iuv is None:
            source_iuv, coverage = self._poses.of_source(photo, path)
        given.check_map("source_iuv", source_iuv)
        if photo.shape != source_iuv.shape:
            raise ValueError(
                f"source is {photo.shape[1]} x {photo.shape[0]} and source_iuv {source_iuv.shape[1]} x "
                f"{source_iuv.shape[0]}: a photo and its map must be of one size"
            )
        if coverage is None and self._sees_coverage():
            coverage = self._poses.coverage_of(photo, source_iuv)
        coverage = np.zeros([*photo.shape[:2], 1], np.uint8) if coverage is None else coverage
        if self._halves is not None:
            given.check_coverage(coverage, photo)
        return photo, source_iuv, coverage

    def person(
        self,
        source: Several | Person,
        source_iuv: np.ndarray | Sequence[np.ndarray] | None = None,
        *,
        coverage: np.ndarray | Sequence[np.ndarray | None] | None = None,
        save: str | os.PathLike | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Person:
        """A person, to paint from without the photos: `transfer(person, target=...)`.

        Args:
          source: a photo, or several of the person, as for painting; also a person, or the path of one's file.
          source_iuv: likewise.
          coverage: likewise.
          save: a file to write it to, `.person`; who reads it may be another process, or another machine.
          facts: what else is to be noted of how it was made, beside the model and the photos' names.

        Raises:
          ValueError, UserError: as for painting; a model without layers, which keeps nothing of a person.
        """
        if self._halves is None:
            raise UserError(
                "this model keeps nothing of a person; a file of one, and other clothes, need blending=layers"
            )
        if save is not None and not photos.is_person(save):
            raise UserError(f"{os.fspath(save)}: a person's file ends in {photos.PERSON}")
        if (person := self._person_of(source, source_iuv, coverage)) is not None:
            if save is not None:
                raise ValueError("a person that is there already is not saved anew; copy its file")
            return person
        of_photos = given.each(source, source_iuv, coverage)
        found = self._sources([self._known(*one) for one in of_photos])
        names = ["" if isinstance(one, np.ndarray) else pathlib.Path(one).name for one, _, _ in of_photos]
        size, resolution = self._sizes
        noted: dict[str, Any] = {
            "image_size": size,
            "atlas_size": resolution,
            "photos": [{"name": name} for name in names],
        }
        model = {name: self.provenance[name] for name in _NAMED if name in self.provenance}
        noted |= {"model": model, "dpt_tf": importlib.metadata.version("dpt_tf"), "doubts": found.doubts}
        noted |= dict(facts or {})
        if save is not None:
            noted = person_file.write(pathlib.Path(save), found, noted)
        return Person(found, noted)

    def dress(
        self,
        person: Several | Person,
        clothes: Several | Person,
        parts: str | Sequence[str | int] = "top",
        *,
        mask: np.ndarray | None = None,
    ) -> Person:
        """The person in clothes of another: `transfer(transfer.dress("ada.jpg", "ben.jpg"), target=...)`.

        Args:
          person: as for painting; a photo whose map is known becomes one by `transfer.person(photo, map)`.
          clothes: likewise, who wears the clothes.
          parts: `top`, `bottom`, `shoes`, `hair`, numbers of parts or their names (`iuv.PART_NAMES`), one or several,
            also as `"top,shoes"`.
          mask: instead, uint8 `[H, W]`, what is to be taken of the clothes' photo, one photo: 128 and up.

        Returns:
          A person, whose `photo()` is the first photo with other clothes in it.

        Raises:
          ValueError: no such parts, a mask of another size or an empty one.
          UserError: what is asked for is not seen in the clothes' photos; a model without layers, or an export.
        """
        from dpt_tf.transfer import dressing

        wanted = parsed(parts)
        if self._halves is None or len(self._halves) < 3:
            raise UserError("this model dresses nobody; that needs a run with blending=layers, not its export")
        own, others = (self.person(one) for one in (person, clothes))
        found = dressing.dressed(self._halves, own.sources, others.sources, wanted, mask)
        worn = {"parts": "mask" if mask is not None else list(wanted), "photos": others.facts["photos"]}
        return Person(found, {**own.facts, "clothes": [*own.facts.get("clothes", []), worn], "doubts": found.doubts})

    def _person_of(self, source: Any, source_iuv: Any, coverage: Any) -> Person | None:
        """The person, where `source` is one or the path of one."""
        if isinstance(source, str | os.PathLike) and photos.is_person(source):
            source = person_file.read(source)
        if not isinstance(source, Person):
            return None
        if source_iuv is not None or coverage is not None:
            raise ValueError("a person needs no map and no coverage; leave source_iuv and coverage out")
        if self._halves is None:
            raise UserError("this model paints from photos alone; a person needs a model with blending=layers")
        sizes = source.facts["image_size"], source.facts["atlas_size"]
        if sizes != self._sizes:
            raise UserError(
                f"the person was made for networks of {sizes[0]} pixels and {sizes[1]} texels, this model's have "
                f"{self._sizes[0]} and {self._sizes[1]}; make it anew with this model, `dpt person --model`"
            )
        self._last = source.sources, source.sources
        return source

    def _sources(self, known: list[Known]) -> Sources:
        """What the photos show, which is kept until others come."""
        assert self._halves is not None
        if self._last is None or isinstance(self._last[0], Sources) or not given.equal(self._last[0], known):
            kept = [(photo.copy(), iuv.copy(), coverage.copy()) for photo, iuv, coverage in known]
            self._last = kept, sources.of_photos(self._halves, known)
        return self._last[1]

    def _compose(self, halves: Halves, of: Sources, target_iuv: np.ndarray) -> dict[str, np.ndarray]:
        small = framing.within(target_iuv, composition.LARGEST, is_map=True)
        outputs = {name: x[0].numpy() for name, x in halves[1](of.of_pose(small), small[None]).items()}
        height, width = target_iuv.shape[:2]
        result = {name: framing.enlarged(outputs[name], height, width) for name in COMPOSED}
        if of.whose is not None:
            result["photo"] = of.photos_of(target_iuv, result["provenance"])
        result["texture"], result["observed"] = of.texture, of.observed // 255
        return result

    @property
    def keeps(self) -> bool:
        """Whether what depends on photos alone can be kept: whether there are layers, and `person`."""
        return self._halves is not None

    def doubts(self) -> list[str]:
        """What speaks against it that the photos given last are of one person, a line each."""
        return self._last[1].doubts if self._last else []


def load(run_or_saved_model: str | pathlib.Path, pose: str | os.PathLike | Estimator | None = None) -> Transfer:
    """A run's folder, what `dpt export` or `dpt ship` wrote, or a shipped model by its name, as a function.

    What exists wins over a name: `load("people")` is the shipped model unless a file or folder `people` is there.
    Of an export's folder the newest version is taken; one version is named by its own folder (`models/dpt/3`). `pose`
    is who makes the maps of photos without one: as `densepose.choosing.open_estimator` takes it, by default the small
    network that ships. It is opened when the first such photo comes.

    Raises:
      UserError: the folder is neither, or holds no usable weights; the message says what to do.
    """
    return Transfer(**loading.read(pathlib.Path(run_or_saved_model)), pose=pose)
