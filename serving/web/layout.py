"""The page: 1 a person, in a tab for each way to give one; 2 poses; 3 what to make, a tab each.

What a click does is `Clicks`; gradio only passes it on. Whom a click is about is the person of the tab that is open.
"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from dpt_tf.images import display
from dpt_tf.iuv.parts import KINDS
from serving.web import animation, clothes, markup, painting, scripts, style, whom
from serving.web.clicks import FILM, OWN, SYNTHETIC, Clicks, Given
from serving.web.painting import Upload

_WAITING = 16  # clicks that may wait for the model
MOST_BYTES = 64_000_000  # of an upload
_KEPT = 3600  # seconds that an upload lives at least
_CHOSEN = ["Half turned", "Back", "Walking"]
_PHOTOS = "or photos in the pose, one or many"
_BUILD = "Keep the person's own build"
_BUILT = (
    "As long in the legs and arms and as thick as the photo shows the person. Otherwise the person gets the build of "
    "whoever strikes the pose."
)
_MANY: dict[str, Any] = {"file_count": "multiple", "height": 160}
_PERSONS = ONE, SEVERAL, FILE = "One photo", "Several photos", "A person's file"
KEEP = "Make a person's file"
_KEEP = (
    "What is known of the person as a file of half a megabyte to three, to paint from later without the photos, here "
    "or with <code>dpt transfer</code>, <code>dpt dress</code> and <code>dpt animate</code>."
)
_SEVERAL = (
    f"Up to {painting.MOST_PHOTOS} photos of one person in one outfit: what one hides another shows. They go by their "
    "names; backdrop and light are the first one's. The map of <code>me.jpg</code> is called <code>me_IUV.png</code>."
)
_FILE = (
    "A file that this page made (“Make a person's file”), or <code>dpt person</code>: NAME.person. It is painted from "
    "without the photos, by the networks that it was made for."
)
_POSES = "For pictures; photos and maps of your own serve for own build and moving pictures, too."
_PICTURES = "The person of step 1 in each pose of step 2, with what was seen in the photo and what was imagined."
_BUILDS = (
    "Whoever strikes a pose may be taller, broader or younger than the person of the photo. Here each pose is painted "
    "with the build of whoever strikes it and, redrawn, with the person's own: the poses chosen below, and the photos "
    "and maps of your own in step 2."
)
_TURN = "The person of step 1 in pose after pose, as a moving picture to keep."
_SECONDS = (
    f"as in 2-8; nothing: all of it. {animation.MOST_SECONDS} seconds at most are painted, 15 frames a second or less, "
    "of the person who is found the surest in the first"
)
_WORN = (
    "Choose who wears the clothes, and below what to take. The person of step 1 gets them on in its own pose; the "
    "file that comes with the result, given in step 1, is painted in any other."
)
_WAIT = "waiting for the model: it paints one picture at a time"
_TITLE = "Dense pose transfer"
_LEAD = (
    "A person of one photo or several, painted in other poses, in motion, in other clothes. What a photo shows is "
    "carried over along the surface of the body, and what none shows is imagined: the pictures tell which is which."
)


def upload(sent: dict[str, Any] | None) -> Upload | None:
    """A file as gradio passes it on, where it has checked that it lies among the uploads and not elsewhere."""
    if sent is None:
        return None
    path = pathlib.Path(sent["path"])
    return Upload(path, sent.get("orig_name") or path.name)


def uploads(sent: Sequence[dict[str, Any]] | None) -> list[Upload]:
    """Those of a field for many."""
    return [made for made in map(upload, sent or ()) if made is not None]


class _Handlers:
    """`Clicks` for gradio's values, and what else changes on the page."""

    def __init__(self, clicks: Clicks, field: str = whom.FIELD):
        """`field` takes the wish who is meant in the photo."""
        self._clicks, self._field = clicks, field
        self._examples = {one.name for example in clicks.examples.values() for one in example}

    def example(self, name: str) -> tuple:
        """Photo, map, wish, person, message."""
        one = self._clicks.examples[name]
        return str(one.photo.path), str(one.iuv.path), _field(False), *self._clicks.look(*one, field=self._field)

    def photo(self, photo: dict | None, source_iuv: dict | None) -> tuple:
        """Example, map, wish, person, message."""
        mine, other = upload(photo), upload(source_iuv)
        left = self._unless_examples(mine, other)
        shown = self._look(mine, left, wait=False)
        return None, gr.skip() if left is other else None, _field(self._clicks.is_made(mine, left)), *shown

    def map(self, photo: dict | None, source_iuv: dict | None) -> tuple:
        """Example, photo, wish, person, message."""
        other, mine = upload(photo), upload(source_iuv)
        left = self._unless_examples(mine, other)
        shown = self._look(left, mine, wait=False)
        return None, gr.skip() if left is other else None, _field(self._clicks.is_made(left, mine)), *shown

    def _look(self, photo: Upload | None, source_iuv: Upload | None, wish: str = "", wait: bool = True) -> tuple:
        return self._clicks.look(photo, source_iuv, wish, wait, self._field)

    def _unless_examples(self, mine: Upload | None, other: Upload | None) -> Upload | None:
        """The other file, unless it is an example's: that one does not belong to what somebody uploads."""
        return None if mine is not None and other is not None and other.name in self._examples else other

    def wish(self, photo: dict | None, source_iuv: dict | None, wish: str | None) -> tuple:
        """Person, message, before anybody is looked for."""
        return self._look(upload(photo), upload(source_iuv), wish or "", wait=False)

    def made(self, photo: dict | None, source_iuv: dict | None, wish: str | None) -> tuple:
        """Person, message, once the map is made.

        Where none is to be made they are shown anew: a map that was waited for may have come in between.
        """
        return self._look(upload(photo), upload(source_iuv), wish or "")

    def photos(self, photos: list[dict] | None) -> tuple:
        """Wishes, photos of poses, message, before anybody is looked for."""
        *_, shown = self._clicks.see(uploads(photos), wait=False)
        return _field(bool(photos)), *shown

    def photos_made(self, photos: list[dict] | None, wishes: str | None):
        """Photos of poses, message, while maps are made and when they are."""
        for shown, message in self._clicks.see(uploads(photos), wishes or ""):
            yield gr.skip() if shown is None else shown, message

    def album(self, name: str) -> tuple:
        """Files, wishes, photos, message, of an example."""
        files = self._clicks.albums[name]
        *_, shown = self._clicks.album(files)
        return [str(one.path) for one in files], _field(False), *shown

    def several(self, files: list[dict] | None) -> tuple:
        """Example, wishes, photos, message, before anybody is looked for."""
        *_, shown = self._clicks.album(uploads(files), wait=False)
        return None, _field(bool(files) and bool(self._clicks.maps.name)), *shown

    def several_made(self, files: list[dict] | None, wishes: str | None):
        """Photos of one person, message, while maps are made and when they are."""
        for shown, message in self._clicks.album(uploads(files), wishes or ""):
            yield gr.skip() if shown is None else shown, message

    def file(self, file: dict | None) -> tuple:
        """Person, message."""
        return self._clicks.file(upload(file))

    def paint(self, *values):
        """As `Clicks.paint`."""
        (who, iuv, wish), (chosen, own, photos, wishes, own_build) = _given(values)
        yield from self._clicks.paint(who, iuv, chosen, uploads(own), wish, uploads(photos), wishes or "", own_build)

    def build(self, *values):
        """As `Clicks.build`."""
        (who, iuv, wish), (chosen, own, photos, wishes) = _given(values)
        yield from self._clicks.build(who, iuv, chosen, uploads(own), wish, uploads(photos), wishes or "")

    def turn(self, *values):
        """As `Clicks.turn`."""
        (who, iuv, wish), (over, own, photos, wishes, own_build, film, seconds, form) = _given(values)
        sequence = over, uploads(own), wish, uploads(photos), wishes or "", own_build
        yield from self._clicks.turn(who, iuv, *sequence, upload(film), seconds or "", form)

    def dress(self, *values):
        """As `Clicks.dress`."""
        person, (clothes, clothes_iuv, clothes_wish, kinds) = _given(values)
        yield from self._clicks.dress(person, (upload(clothes), upload(clothes_iuv), clothes_wish or ""), kinds)

    def keep(self, *values):
        """As `Clicks.keep`."""
        person, _ = _given(values)
        yield from self._clicks.keep(*person)


def _given(values: Sequence[Any]) -> tuple[Given, Sequence[Any]]:
    """Who is meant by the tab that is open, and the values beyond."""
    of, photo, source_iuv, wish, several, wishes, file, *others = values
    if of == SEVERAL:
        return (uploads(several), None, wishes or ""), others
    if of == FILE:
        return (upload(file), None, ""), others
    return (upload(photo), upload(source_iuv), wish or ""), others


class _Somebody(NamedTuple):
    """What the page has for a person: the tiles, photo and map and wish, what is shown."""

    who: gr.Radio
    given: list[Any]
    looked: list[Any]

    @property
    def changes(self) -> list[Any]:
        """What makes it another person."""
        photo, source_iuv, wish = self.given
        return [self.who.input, photo.upload, photo.clear, source_iuv.upload, source_iuv.clear, wish.submit]

    def watch(self, do: _Handlers, quick: dict[str, Any], raw: dict[str, Any], maps: dict[str, Any]) -> None:
        """Shows who is chosen or uploaded, at once, and again when the map is made."""
        photo, source_iuv, wish = self.given
        self.who.input(do.example, self.who, [*self.given, *self.looked], **quick).then(
            do.made, self.given, self.looked, **maps
        )
        files = [photo, source_iuv]
        steps: list[tuple[Any, Any, list, list]] = [
            (photo.upload, do.photo, files, [self.who, source_iuv, wish, *self.looked]),
            (photo.clear, do.photo, files, [self.who, source_iuv, wish, *self.looked]),
            (source_iuv.upload, do.map, files, [self.who, photo, wish, *self.looked]),
            (source_iuv.clear, do.map, files, [self.who, photo, wish, *self.looked]),
            (wish.submit, do.wish, self.given, self.looked),
        ]
        for event, shows, inputs, outputs in steps:
            event(shows, inputs, outputs, **raw).then(do.made, self.given, self.looked, **maps)


class _Several(NamedTuple):
    """What the page has for several photos of a person: the tiles, files and wishes, what is shown."""

    who: gr.Radio
    files: gr.File
    wishes: gr.Textbox
    looked: list[Any]

    @property
    def changes(self) -> list[Any]:
        """What makes it another person."""
        return [self.who.input, self.files.upload, self.files.clear, self.files.delete, self.wishes.submit]

    def watch(self, do: _Handlers, quick: dict[str, Any], raw: dict[str, Any], maps: dict[str, Any]) -> None:
        """Shows the photos that are chosen or uploaded, at once, and again when their maps are made."""
        given = [self.files, self.wishes]
        self.who.input(do.album, self.who, [*given, *self.looked], **quick)
        for event in (self.files.upload, self.files.clear, self.files.delete):
            shown = event(do.several, self.files, [self.who, self.wishes, *self.looked], **raw)
            shown.then(do.several_made, given, self.looked, **maps)
        self.wishes.submit(do.several_made, given, self.looked, **maps)


def _somebody(clicks: Clicks, name: str, ids: Sequence[str], hint: str = "") -> _Somebody:
    """Tiles, fields for photo and map, and what is shown, with the example called `name` filled in.

    `ids` are those of tiles, photo, map, wish, and of what is shown, to which 0 and 1 are added.
    """
    tiles, of_photo, of_map, field, shown = ids
    one = clicks.examples[name]
    with gr.Row():
        with gr.Column(scale=5):
            who = gr.Radio(list(clicks.examples), value=name, label="People", elem_id=tiles, **_tiles("people"))
            with gr.Row():
                photo = gr.File(str(one.photo.path), label="or your photo", elem_id=of_photo, height=160)
                label = "and its IUV map, if any" if clicks.maps.name else "and its IUV map"
                source_iuv = gr.File(str(one.iuv.path), label=label, elem_id=of_map, height=160)
            if hint:
                gr.HTML(f"<p>{hint}</p>", elem_classes="hint")
        with gr.Column(scale=4):
            values = clicks.look(*one, field=field)
            looked = [gr.HTML(value, elem_id=f"{shown}{k}") for k, value in enumerate(values)]
            wish = gr.Textbox(label=whom.ASK, info=whom.HOW, elem_id=field, visible=False)
    return _Somebody(who, [photo, source_iuv, wish], looked)


def _tiles(kind: str) -> dict[str, Any]:
    return {"elem_classes": ["tiles", kind], "container": False, "show_label": False}


def _field(visible: bool) -> dict[str, Any]:
    """A wish's field, empty, for a wish is of the photo before; to be seen where there is somebody to choose."""
    return gr.update(value="", visible=visible)


def _several(clicks: Clicks, name: str) -> _Several:
    """Tiles, a field for photos and maps, and what is shown, with the example called `name` filled in."""
    with gr.Row():
        with gr.Column(scale=5):
            who = gr.Radio(list(clicks.albums), value=name, label="People", elem_id="albums", **_tiles("people"))
        with gr.Column(scale=4):
            files = gr.File(
                [str(one.path) for one in clicks.albums[name]],
                label="or your photos, and maps",
                elem_id="several",
                **_MANY | {"height": 210},
            )
            gr.HTML(f"<p>{_SEVERAL}</p>", elem_classes="hint")
    *_, values = clicks.album(clicks.albums[name])
    looked = [gr.HTML(value or "", elem_id=f"several{k}") for k, value in enumerate(values)]
    wishes = gr.Textbox(label=whom.ASK, info=whom.HOW_IN_MANY, elem_id=whom.EACH, visible=False)
    return _Several(who, files, wishes, looked)


def _file(clicks: Clicks) -> tuple[gr.File, list[gr.HTML]]:
    """A field for a person's file, and what is shown, with the example filled in, if there is one."""
    there = clicks.file_there
    with gr.Row():
        with gr.Column(scale=4):
            file = gr.File(str(there.path) if there else None, label="A person's file", elem_id="file", height=160)
            gr.HTML(f"<p>{_FILE}</p>", elem_classes="hint")
        with gr.Column(scale=5):
            return file, [gr.HTML(value, elem_id=f"file{k}") for k, value in enumerate(clicks.file(there))]


def _keeping(name: str) -> tuple[gr.Button, list[gr.HTML]]:
    """A button that makes a person's file, and what comes of it."""
    gr.HTML(f"<p>{_KEEP}</p>", elem_classes="hint")
    button = gr.Button(KEEP, elem_id=name, elem_classes="narrow")
    return button, [gr.HTML(elem_id=f"{name}{k}") for k in range(2)]


def build(clicks: Clicks) -> gr.Blocks:
    """The page, with the first example filled in."""
    names, do = list(clicks.examples), _Handlers(clicks)
    made_here = bool(clicks.maps.name)
    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(_KEPT // 6, _KEPT)) as page:
        gr.HTML(f"<h1>{_TITLE}</h1><p>{_LEAD}</p>", elem_id="head")
        with gr.Column(elem_classes="step"):
            gr.HTML("<h2><span>1</span>A person</h2>")
            of = gr.Radio(_PERSONS, value=ONE, label="Of", elem_id="of", visible=False)
            with gr.Tabs(elem_id="persons"):
                with _tab(ONE) as of_one:
                    ids = "people", "photo", "map", whom.FIELD, "person"
                    person = _somebody(clicks, names[0], ids, whom.hint(clicks.maps.name))
                    keep, kept = _keeping("keep")
                with _tab(SEVERAL) as of_several:
                    several = _several(clicks, names[0])
                    keep_several, kept_several = _keeping("keep_several")
                with _tab(FILE) as of_file:
                    file, in_file = _file(clicks)
        with gr.Column(elem_classes="step"):
            gr.HTML("<h2><span>2</span>Poses</h2>")
            gr.HTML(f"<p>{_POSES}</p>", elem_classes="hint")
            chosen = gr.CheckboxGroup(
                list(clicks.ready), value=_CHOSEN, label="Poses", elem_id="poses", **_tiles("poses")
            )
            with gr.Row():
                photos = gr.File(label=_PHOTOS, elem_id="photos", visible=made_here, **_MANY)
                own = gr.File(label="or your own: IUV maps, one or many", elem_id="own", **_MANY)
            seen = [gr.HTML(elem_id=f"photos{k}") for k in range(2)]
            wishes = gr.Textbox(label=whom.ASK, info=whom.HOW_IN_MANY, elem_id=whom.POSES, visible=False)
        with gr.Column(elem_classes="step"):
            gr.HTML("<h2><span>3</span>What to make</h2>")
            with gr.Tabs(elem_id="made"):
                with _tab("Pictures"):
                    gr.HTML(f"<p>{_PICTURES}</p>", elem_classes="hint")
                    own_build = gr.Checkbox(label=_BUILD, info=_BUILT, elem_id="own_build", container=False)
                    paint = gr.Button("Paint the poses", variant="primary", elem_id="paint")
                    painted = [gr.HTML(elem_id=name) for name in ("message", "rows", "textures")]
                with _tab("Own build"):
                    gr.HTML(f"<p>{_BUILDS}</p>", elem_classes="hint")
                    builds = gr.CheckboxGroup(
                        list(clicks.builds),
                        value=list(clicks.builds)[1:],
                        label="Builds",
                        elem_id="builds",
                        **_tiles("builds"),
                    )
                    compare = gr.Button("Paint in both builds", variant="primary", elem_id="compare")
                    compared = [gr.HTML(elem_id=name) for name in ("build_message", "built")]
                with _tab("Moving pictures"):
                    gr.HTML(f"<p>{_TURN}</p>", elem_classes="hint")
                    with gr.Row():
                        with gr.Column(scale=3):
                            over = gr.Radio(
                                [SYNTHETIC, FILM, OWN], value=SYNTHETIC, label="Over the poses of", elem_id="over"
                            )
                            film = gr.File(label="A video", elem_id="film", height=120, visible=False)
                            seconds = gr.Textbox(
                                label="Which seconds of it", info=_SECONDS, elem_id="seconds", visible=False
                            )
                            turn_build = gr.Checkbox(label=_BUILD, elem_id="turn_build", container=False)
                            form = gr.Radio(list(animation.FORMS), value="MP4", label="As", elem_id="form")
                            turn = gr.Button("Make the moving picture", variant="primary", elem_id="turn")
                            turn_message = gr.HTML(elem_id="turn_message")
                        with gr.Column(scale=4):
                            animated = gr.HTML(elem_id="animation")
                with _tab("Clothes"):
                    ids = "wearers", "clothes", "clothes_map", "whose", "clothes"
                    gr.HTML(f"<p>{_WORN}</p>", elem_classes="hint")
                    wearer = _somebody(clicks, names[-1], ids)
                    kinds = gr.CheckboxGroup(
                        list(KINDS), value=["top"], label="Clothes", elem_id="kinds", **_tiles("kinds")
                    )
                    dress = gr.Button("Put them on", variant="primary", elem_id="dress")
                    dressed = [gr.HTML(elem_id=name) for name in ("dress_message", "dressed")]

        quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        raw: dict[str, Any] = quick | {"preprocess": False}  # gradio's own would lose the names of files
        slow: dict[str, Any] = raw | {"queue": True, "concurrency_limit": 1, "concurrency_id": "model"}
        # Maps are made one after the other, beside the painting; whoever asks meanwhile is not turned away.
        maps: dict[str, Any] = slow | {"concurrency_id": "maps", "trigger_mode": "multiple"}
        for tab, name in ((of_one, ONE), (of_several, SEVERAL), (of_file, FILE)):
            tab.select(None, None, of, js=f"() => {json.dumps(name)}", **quick)
        person.watch(do, quick, raw, maps)
        several.watch(do, quick, raw, maps)
        wearer.watch(_Handlers(clicks, "whose"), quick, raw, maps)
        for somebody, made in ((person, kept), (several, kept_several)):  # the file was the one before's
            gr.on(somebody.changes, None, None, made, js="() => ['', '']", **quick)
        for event in (file.upload, file.clear):
            event(do.file, file, in_file, **maps)
        over.input(lambda over: [gr.update(visible=over == FILM)] * 2, over, [film, seconds], **quick)
        for event in (photos.upload, photos.clear, photos.delete):
            shown = event(do.photos, photos, [wishes, *seen], **raw)
            shown.then(do.photos_made, [photos, wishes], seen, **maps)
        wishes.submit(do.photos_made, [photos, wishes], seen, **maps)
        who = [of, *person.given, several.files, several.wishes, file]
        poses = [own, photos, wishes]
        for button, told, click, inputs, outputs in (
            (paint, painted[0], do.paint, [*who, chosen, *poses, own_build], painted),
            (compare, compared[0], do.build, [*who, builds, *poses], compared),
            (
                turn,
                turn_message,
                do.turn,
                [*who, over, *poses, turn_build, film, seconds, form],
                [turn_message, animated],
            ),
            (dress, dressed[0], do.dress, [*who, *wearer.given, kinds], dressed),
            (keep, kept[0], do.keep, who, kept),
            (keep_several, kept_several[0], do.keep, who, kept_several),
        ):
            button.click(lambda: markup.noted(_WAIT), None, told, **quick).then(click, inputs, outputs, **slow)
    page.queue(max_size=_WAITING)
    return page


def _tab(label: str) -> gr.Tab:
    return gr.Tab(label, id=label, render_children=True)


def appearance(clicks: Clicks) -> dict[str, Any]:
    """Theme, style sheet and script; fonts are the system's, for nothing comes from elsewhere."""
    photos = {name: np.asarray(Image.open(one.photo.path)) for name, one in clicks.examples.items()}
    kinds = clothes.tiles(clicks.ready["Front"])
    maps = {name: display.colour_map(made) for name, made in clicks.ready.items()}
    theme = gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    builds = {name: display.colour_map(made) for name, made in clicks.builds.items()}
    css = style.css(people=photos, poses=maps, builds=builds, kinds=kinds)
    return {"theme": theme, "css": css, "head": scripts.head(MOST_BYTES)}
