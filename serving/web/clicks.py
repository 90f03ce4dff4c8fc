"""What happens on each click, as HTML; what a user can repair becomes a sentence on the page."""

import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dpt_tf.images import display
from dpt_tf.images.photos import natural
from dpt_tf.synthetic import examples
from dpt_tf.system.errors import UserError
from serving.web import animation, clothes, estimating, markup, painting, whom
from serving.web.painting import Pose, Upload

MOST_POSES = 24
MOST_FRAMES = 240
SYNTHETIC, OWN = "a body that turns round once", "my own poses, in the order of their names"


Given = tuple[Upload | None, Upload | None, str]  # photo, map, who is meant


class Example(NamedTuple):
    """A photo and its map."""

    photo: Upload
    iuv: Upload


class Clicks:
    """Everything that the page does, whoever asks; between two clicks nothing is kept but what `Maps` remembers."""

    def __init__(self, transfer: painting.Paint, size: int, folder: pathlib.Path, maps: estimating.Maps | None = None):
        """`transfer` as `dpt_tf.load` gives it, the side of examples, where they may be written, who makes maps."""
        self._transfer, self.size, self.maps = transfer, size, maps or estimating.Maps()
        written = examples.write_people(folder, size)
        self.examples = {name: Example(*(Upload(path, path.name) for path in paths)) for name, paths in written.items()}
        self.first = next(iter(self.examples.values()))
        self.ready = examples.poses(size)

    def warm_up(self) -> None:
        """Works once for nobody: the first call traces the networks, which takes seconds."""
        person = painting.read_person(*self.first)
        painting.paint(self._transfer, person, Pose("", next(iter(self.ready.values()))))
        self.maps.look(self.first.photo)

    def is_made(self, photo: Upload | None, source_iuv: Upload | None) -> bool:
        """Whether the map of a person is one that is made here."""
        return photo is not None and source_iuv is None and bool(self.maps.name)

    def look(
        self,
        photo: Upload | None,
        source_iuv: Upload | None,
        wish: str = "",
        wait: bool = True,
        field: str = whom.FIELD,
    ) -> tuple[str, str]:
        """Person and message, as soon as a file is there; without `wait` no map is made for it.

        `field` is what takes the wish who is meant.
        """
        shown, colours, sentence = None, None, ""
        try:
            if photo is not None and self.is_made(photo, source_iuv):
                looked = self.maps.look(photo, wish, wait)
                return whom.person(looked, field), _message(looked)
            if photo is not None:
                shown = painting.read_photo(photo)
            if source_iuv is not None and (shown is not None or photo is None):
                size = None if shown is None else shown.shape[:2]
                made = painting.read_map(source_iuv, photo.name if photo else None, size)
                fits = shown is not None and shown.shape == made.shape
                colours = display.over_photo(shown, made) if shown is not None and fits else display.colour_map(made)
            if shown is not None and colours is not None and photo is not None:
                painting.read_person(photo, source_iuv)
        except UserError as error:
            sentence = str(error)
        names = photo.name if photo else "", source_iuv.name if source_iuv else ""
        return markup.person(shown, colours, names), markup.said(sentence)

    def see(self, photos: Sequence[Upload], wishes: str = "", wait: bool = True) -> Iterator[tuple[str | None, str]]:
        """Photos of poses and message; None for the photos while maps are made of them, which `wait` has done."""
        wanted, panels, waiting = estimating.wishes(wishes), [], False
        try:
            painting.refuse_many(len(photos), MOST_POSES)
        except UserError as error:
            yield "", markup.said(str(error))
            return
        for k, photo in enumerate(_ordered(photos), 1):
            if wait:
                yield None, markup.going_on(k - 1, len(photos), f"making the map of {photo.name}")
            try:
                looked = self.maps.look(photo, wanted.get(k, ""), wait)
                waiting |= looked.iuv is None and not looked.sentence
                panels.append(whom.pose(looked, k))
            except UserError as error:
                panels.append(markup.said(str(error)))
        yield whom.poses(panels), markup.noted(whom.LOOKING) if waiting else ""

    def paint(
        self,
        photo: Upload | None,
        source_iuv: Upload | None,
        chosen: Sequence[str],
        uploaded: Sequence[Upload],
        wish: str = "",
        photos: Sequence[Upload] = (),
        wishes: str = "",
        own_build: bool = False,
    ) -> Iterator[tuple[str, str, str]]:
        """Message, rows and textures, anew with each pose."""
        try:
            if self.is_made(photo, source_iuv):
                yield markup.noted(whom.LOOKING), "", ""
            person = self._person(photo, source_iuv, wish)._replace(own_build=own_build)
            wanted = [Pose(name, made) for name, made in self.ready.items() if name in chosen]
            painting.refuse_many(len(wanted) + len(photos), MOST_POSES)
            own = painting.read_poses(uploaded, MOST_POSES - len(wanted) - len(photos))
            for k, one in enumerate(_ordered(photos), 1):
                yield markup.going_on(k - 1, len(photos), f"making the map of {one.name}"), "", ""
                wanted.append(self._pose(one, k, wishes))
            wanted += own
            if not wanted:
                raise UserError("there is no pose to paint: choose one in step 2, or upload a photo or a map there")
            rows: list[str] = []
            textures = ""
            for done, pose in enumerate(wanted):
                yield markup.going_on(done, len(wanted), f"painting {pose.name}"), markup.rows(rows), textures
                painted = painting.paint(self._transfer, person, pose)
                rows.append(markup.row(painted))
                textures = textures or markup.textures(painted)
            yield "", markup.rows(rows), textures
        except UserError as error:
            yield markup.said(str(error)), "", ""

    def turn(
        self,
        photo: Upload | None,
        source_iuv: Upload | None,
        over: str,
        uploaded: Sequence[Upload],
        wish: str = "",
        photos: Sequence[Upload] = (),
        wishes: str = "",
        own_build: bool = False,
    ) -> Iterator[tuple[str, str]]:
        """Message and animation, anew with each frame."""
        try:
            if self.is_made(photo, source_iuv):
                yield markup.noted(whom.LOOKING), ""
            person = self._person(photo, source_iuv, wish)._replace(own_build=own_build)
            if over == OWN:
                painting.refuse_many(len(photos), MOST_POSES)
                wanted = painting.read_poses(uploaded, MOST_FRAMES - len(photos))
                for k, one in enumerate(_ordered(photos), 1):
                    yield markup.going_on(k - 1, len(photos), f"making the map of {one.name}"), ""
                    wanted.append(self._pose(one, k, wishes))
                wanted = animation.in_one_frame(sorted(wanted, key=lambda pose: natural(pose.name)))
                if len(wanted) < 2:
                    raise UserError("an animation needs two poses at least: upload their photos or maps in step 2")
            else:
                wanted = [Pose(f"frame {k}", made) for k, made in enumerate(examples.turn(self.size), 1)]
            frames: list[np.ndarray] = []
            for done, pose in enumerate(wanted, 1):
                image = person.painted(self._transfer, pose.iuv)["image"]
                frames.append(painting.enlarged(image))
                yield (
                    markup.going_on(done, len(wanted), f"frame {done} of {len(wanted)}"),
                    markup.frame(painting.enlarged(image, least=1), done, len(wanted)),
                )
            yield "", markup.animation(animation.gif(frames), len(frames))
        except UserError as error:
            yield markup.said(str(error)), ""

    def dress(self, person: Given, wearer: Given, kinds: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Message, and the person in clothes of the wearer; of each of the two photo, map and wish."""
        try:
            if wearer[0] is None:
                raise UserError("there is no photo of the clothes yet: upload one, or take one of the people there")
            yield markup.noted(whom.LOOKING), ""
            who, whose = self._person(*person), self._person(*wearer)
            yield markup.noted("putting the clothes on"), ""
            picture, doubts = clothes.put_on(self._transfer, who, whose, kinds)
            yield "", markup.dressed(who.photo, whose.photo, picture, doubts)
        except UserError as error:
            yield markup.said(str(error)), ""

    def _person(self, photo: Upload | None, source_iuv: Upload | None, wish: str) -> painting.Person:
        if photo is None or not self.is_made(photo, source_iuv):
            return painting.read_person(photo, source_iuv)
        looked = self.maps.look(photo, wish)
        return painting.Person(looked.photo, looked.map(), looked.coverage)

    def _pose(self, photo: Upload, number: int, wishes: str) -> Pose:
        return Pose(photo.name, self.maps.look(photo, estimating.wishes(wishes).get(number, "")).map())


def _message(looked: estimating.Looked) -> str:
    if looked.iuv is None and not looked.sentence:
        return markup.noted(whom.LOOKING)
    return markup.said(looked.sentence)


def _ordered(photos: Sequence[Upload]) -> list[Upload]:
    return sorted(photos, key=lambda photo: natural(photo.name))
