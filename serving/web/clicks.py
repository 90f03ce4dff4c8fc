"""What happens on each click, as HTML; what a user can repair becomes a sentence on the page."""

import contextlib
import pathlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from dpt_tf.images import display
from dpt_tf.images.photos import PERSON, is_person, natural
from dpt_tf.synthetic import examples
from dpt_tf.system.errors import UserError
from serving.web import animation, clothes, estimating, markup, painting, whom
from serving.web.painting import Pose, Upload

MOST_POSES = 24
SYNTHETIC, OWN = "a body that turns round once", "my own poses of step 2, in the order of their names"
FILM = "a video"

Source = Upload | Sequence[Upload] | None
"""A photo, or a person's file; several photos, with maps that are called after them; or nothing."""

Given = tuple[Source, Upload | None, str]
"""Whom to paint, the map of a photo, who is meant; of several photos the wishes (`estimating.wishes`)."""

_T = TypeVar("_T")
_Going = Generator[tuple, None, _T]
"""Something that takes a while, and what is going on meanwhile, as HTML."""


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
        views = examples.write_views(folder / "views", size)
        self.albums = {
            name: [Upload(path, path.name) for pair in pairs for path in pair] for name, pairs in views.items()
        }
        self.ready, self.builds = examples.poses(size), examples.builds(size)
        self.file_there: Upload | None = None
        self._folder = folder

    def warm_up(self) -> None:
        """Works once for nobody: the first call traces the networks, which takes seconds.

        With a model that can it leaves an example of a person's file.
        """
        person = painting.read_person(*self.first)
        painting.paint(self._transfer, person, Pose("", next(iter(self.ready.values()))))
        self.maps.look(self.first.photo)
        name, album = next(iter(self.albums.items()))
        shown = [(one, painting.read_person(one, made)) for one, made in painting.paired(album, painting.MOST_PHOTOS)]
        with contextlib.suppress(UserError):  # a model without layers, or an export, joins no photos
            made = painting.several(shown, self._transfer).kept(self._transfer)
            path = self._folder / f"{examples.plain(name)}{PERSON}"
            path.write_bytes(painting.as_file(made))
            self.file_there = Upload(path, path.name)

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
        for k, photo in enumerate(painting.ordered(photos), 1):
            if wait:
                yield None, markup.going_on(k - 1, len(photos), f"making the map of {photo.name}")
            try:
                looked = self.maps.look(photo, wanted.get(k, ""), wait)
                waiting |= looked.iuv is None and not looked.sentence
                panels.append(whom.pose(looked, k))
            except UserError as error:
                panels.append(markup.said(str(error)))
        yield whom.poses(panels), markup.noted(whom.LOOKING) if waiting else ""

    def album(self, files: Sequence[Upload], wishes: str = "", wait: bool = True) -> Iterator[tuple[str | None, str]]:
        """Photos of one person, some with maps, and message, as `see` has them."""
        wanted, panels, waiting = estimating.wishes(wishes), [], False
        try:
            pairs = painting.paired(files, painting.MOST_PHOTOS)
        except UserError as error:
            yield "", markup.said(str(error))
            return
        for k, (photo, made) in enumerate(pairs, 1):
            if wait and made is None:
                yield None, markup.going_on(k - 1, len(pairs), f"making the map of {photo.name}")
            try:
                looked = self._looked(photo, made, wanted.get(k, ""), wait)
                waiting |= looked.iuv is None and not looked.sentence
                panels.append(whom.person(looked, whom.EACH, k))
            except UserError as error:
                panels.append(markup.said(str(error)))
        yield whom.album(panels), markup.noted(whom.LOOKING) if waiting else ""

    def file(self, upload: Upload | None) -> tuple[str, str]:
        """What a person's file holds, and message."""
        if upload is None:
            return "", ""
        try:
            person = painting.read_file(upload)
        except UserError as error:
            return "", markup.said(str(error))
        assert person.made is not None
        shown = markup.person_file(upload.name, person.photo, *painting.surface(person.made))
        return shown, "".join(map(markup.doubted, person.doubts))

    def paint(
        self,
        photo: Source,
        source_iuv: Upload | None,
        chosen: Sequence[str],
        uploaded: Sequence[Upload],
        wish: str = "",
        photos: Sequence[Upload] = (),
        wishes: str = "",
        own_build: bool = False,
    ) -> Iterator[tuple[str, str, str]]:
        """Message, rows and textures, anew with each pose."""
        blank = "", ""
        try:
            person = yield from self._person(photo, source_iuv, wish, blank)
            person = person._replace(own_build=own_build)
            wanted = yield from self._poses(self.ready, chosen, uploaded, photos, wishes, blank)
            rows: list[str] = []
            textures = ""
            for done, pose in enumerate(wanted):
                yield markup.going_on(done, len(wanted), f"painting {pose.name}"), markup.rows(rows), textures
                painted = painting.paint(self._transfer, person, pose)
                rows.append(markup.row(painted))
                textures = textures or markup.textures(painted)
            yield _doubts(person), markup.rows(rows), textures
        except UserError as error:
            yield markup.said(str(error)), "", ""

    def build(
        self,
        photo: Source,
        source_iuv: Upload | None,
        chosen: Sequence[str],
        uploaded: Sequence[Upload],
        wish: str = "",
        photos: Sequence[Upload] = (),
        wishes: str = "",
    ) -> Iterator[tuple[str, str]]:
        """Message and rows, in each a pose as it is struck and as the person would, and both painted."""
        blank = ("",)
        try:
            person = yield from self._person(photo, source_iuv, wish, blank)
            wanted = yield from self._poses(self.builds, chosen, uploaded, photos, wishes, blank)
            rows: list[str] = []
            for done, pose in enumerate(wanted):
                yield markup.going_on(done, len(wanted), f"painting {pose.name}"), "".join(rows)
                plain, own = (
                    painting.paint(self._transfer, person._replace(own_build=one), pose) for one in (False, True)
                )
                rows.append(markup.builds(plain, own))
            yield _doubts(person), "".join(rows)
        except UserError as error:
            yield markup.said(str(error)), ""

    def turn(
        self,
        photo: Source,
        source_iuv: Upload | None,
        over: str,
        uploaded: Sequence[Upload],
        wish: str = "",
        photos: Sequence[Upload] = (),
        wishes: str = "",
        own_build: bool = False,
        film: Upload | None = None,
        seconds: str = "",
        form: str = "GIF",
    ) -> Iterator[tuple[str, str]]:
        """Message and moving picture, anew with each frame; `seconds` are those of the video that `film` is."""
        try:
            opened = self._film(film, seconds) if over == FILM else None
            person = yield from self._person(photo, source_iuv, wish, ("",))
            paint = animation.Painting(self._transfer, person._replace(own_build=own_build))
            if opened is not None:
                fps, expected, maps = opened.fps, opened.expected, opened.maps(self.maps)
            else:
                wanted = yield from self._sequence(over, uploaded, photos, wishes)
                fps, expected, maps = animation.FPS, len(wanted), iter([one.iuv for one in wanted])
            frames: list[np.ndarray] = []
            missing: list[int] = []
            for done, pose in enumerate(maps, 1):
                if pose is None:
                    missing.append(done)
                if pose is not None:
                    image = painting.enlarged(paint(pose))
                    frames += [image] * (done - len(frames))  # at the beginning as at the first who is found
                elif frames:
                    frames.append(frames[-1])
                expected = max(expected, done)
                told = f"frame {done} of {expected}"
                shown = markup.frame(frames[-1], done, expected) if frames else ""
                yield markup.going_on(done, expected, told if frames else f"{told}: nobody found in it yet"), shown
            if opened is not None and not frames:
                raise UserError(
                    f"{opened.name}: no frame in it shows anybody; give another video, or the part with the person"
                )
            yield markup.noted(f"writing {len(frames)} frames"), markup.frame(frames[-1], len(frames), len(frames))
            ending = animation.FORMS[form]
            data = animation.file(frames, fps, ending)
            lines = [*(opened.held(missing) if opened else []), *person.doubts]
            name = "turn" if opened is None else pathlib.PurePath(opened.name).stem
            shown = markup.animation(data, f"{name}{ending}", len(frames), float(fps))
            yield "".join(map(markup.doubted, lines)), shown
        except UserError as error:
            yield markup.said(str(error)), ""

    def dress(self, person: Given, wearer: Given, kinds: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Message, and the person in clothes of the wearer; of each of the two photo, map and wish."""
        try:
            if wearer[0] is None:
                raise UserError("there is no photo of the clothes yet: upload one, or take one of the people there")
            yield markup.noted(whom.LOOKING), ""
            who = yield from self._person(*person, ("",))
            whose = yield from self._person(*wearer, ("",))
            yield markup.noted("putting the clothes on"), ""
            picture, dressed = clothes.put_on(self._transfer, who, whose, kinds)
            shown = markup.dressed(who.photo, whose.photo, picture, dressed.sources.doubts)
            yield "", shown + markup.file_link(painting.as_file(dressed), "dressed")
        except UserError as error:
            yield markup.said(str(error)), ""

    def keep(self, photo: Source, source_iuv: Upload | None, wish: str = "") -> Iterator[tuple[str, str]]:
        """Message, and the person as a file to download."""
        try:
            person = yield from self._person(photo, source_iuv, wish, ("",))
            yield markup.noted("writing the file"), ""
            first = photo if isinstance(photo, Upload) else painting.ordered(photo or ())[0]
            made = person.kept(self._transfer, first.name)
            link = markup.file_link(painting.as_file(made), pathlib.PurePath(first.name).stem)
            yield _doubts(person), link + markup.surface(*painting.surface(made))
        except UserError as error:
            yield markup.said(str(error)), ""

    def _looked(self, photo: Upload, made: Upload | None, wish: str, wait: bool = True) -> estimating.Looked:
        """A photo with the map that is given or made."""
        if made is None and self.maps.name:
            return self.maps.look(photo, wish, wait)
        person = painting.read_person(photo, made)
        return estimating.Looked(photo.name, person.photo, person.photo.shape[:2], iuv=person.iuv)

    def _person(self, photo: Source, source_iuv: Upload | None, wish: str, blank: tuple) -> _Going[painting.Person]:
        """The person; what is going on meanwhile is the first of a tuple, before `blank`."""
        if isinstance(photo, Upload) and is_person(photo.name):
            yield markup.noted(f"reading {photo.name}"), *blank
            return painting.read_file(photo)
        if photo is None or isinstance(photo, Upload):
            if not self.is_made(photo, source_iuv):
                return painting.read_person(photo, source_iuv)
            yield markup.noted(whom.LOOKING), *blank
            assert photo is not None
            return self._mapped(self.maps.look(photo, wish))
        wanted, pairs, shown = estimating.wishes(wish), painting.paired(photo, painting.MOST_PHOTOS), []
        for k, (one, made) in enumerate(pairs, 1):
            yield markup.going_on(k - 1, len(pairs), f"looking at {one.name}"), *blank
            shown.append((one, self._mapped(self._looked(one, made, wanted.get(k, "")))))
        yield markup.noted(f"bringing {len(pairs)} photos together"), *blank
        return painting.several(shown, self._transfer)

    @staticmethod
    def _mapped(looked: estimating.Looked) -> painting.Person:
        return painting.Person(looked.photo, looked.map(), looked.coverage)

    def _poses(
        self,
        ready: Mapping[str, np.ndarray],
        chosen: Sequence[str],
        uploaded: Sequence[Upload],
        photos: Sequence[Upload],
        wishes: str,
        blank: tuple,
    ) -> _Going[list[Pose]]:
        """Those chosen, photos, maps; 24 at most."""
        wanted = [Pose(name, made) for name, made in ready.items() if name in chosen]
        painting.refuse_many(len(wanted) + len(photos), MOST_POSES)
        own = painting.read_poses(uploaded, MOST_POSES - len(wanted) - len(photos))
        wanted += yield from self._of_photos(photos, wishes, blank)
        wanted += own
        if not wanted:
            raise UserError("there is no pose to paint: choose one, or upload a photo or a map in step 2")
        return wanted

    def _of_photos(self, photos: Sequence[Upload], wishes: str, blank: tuple) -> _Going[list[Pose]]:
        found = []
        for k, one in enumerate(painting.ordered(photos), 1):
            yield markup.going_on(k - 1, len(photos), f"making the map of {one.name}"), *blank
            found.append(Pose(one.name, self.maps.look(one, estimating.wishes(wishes).get(k, "")).map()))
        return found

    def _sequence(
        self, over: str, uploaded: Sequence[Upload], photos: Sequence[Upload], wishes: str
    ) -> _Going[list[Pose]]:
        """The poses that a moving picture goes over, but for a video's."""
        if over != OWN:
            return [Pose(f"frame {k}", made) for k, made in enumerate(examples.turn(self.size), 1)]
        painting.refuse_many(len(photos), MOST_POSES)
        wanted = painting.read_poses(uploaded, animation.MOST_FRAMES - len(photos))
        wanted += yield from self._of_photos(photos, wishes, ("",))
        if len(wanted) < 2:
            raise UserError("a moving picture needs two poses at least: upload their photos or maps in step 2")
        return animation.in_one_frame(sorted(wanted, key=lambda pose: natural(pose.name)))

    def _film(self, film: Upload | None, seconds: str) -> animation.Film:
        if film is None:
            raise UserError("there is no video yet: upload one, or choose other poses")
        if not self.maps.name:
            raise UserError(f"{film.name}: no network that makes maps is here; give maps in step 2 instead of a video")
        return animation.film(film, seconds)


def _doubts(person: painting.Person) -> str:
    return "".join(map(markup.doubted, person.doubts))


def _message(looked: estimating.Looked) -> str:
    if looked.iuv is None and not looked.sentence:
        return markup.noted(whom.LOOKING)
    return markup.said(looked.sentence)
