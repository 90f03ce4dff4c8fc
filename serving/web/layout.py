"""The page: 1 a person, 2 poses, 3 pictures, 4 clothes. What a click does is `Clicks`; gradio only passes it on."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from dpt_tf.images import display
from dpt_tf.iuv.parts import KINDS
from serving.web import clothes, markup, scripts, style, whom
from serving.web.clicks import OWN, SYNTHETIC, Clicks
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
_TURN = "The person in every pose of a sequence, as an animation to keep."
_WORN = (
    "Who wears the clothes, and below what to take of them. The person of step 1 gets them on in its own pose; saved "
    "and uploaded in step 1, the result is painted in any other."
)
_WAIT = "waiting for the model: it paints one picture at a time"
_TITLE = "Dense pose transfer"
_LEAD = (
    "One photo of a person, painted in other poses. What the photo shows is carried over along the surface of the "
    "body, and what it does not show is imagined: the pictures tell which is which."
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

    def paint(self, photo, source_iuv, wish, chosen, own, photos, wishes, own_build):
        """As `Clicks.paint`."""
        person = upload(photo), upload(source_iuv)
        maps, others = uploads(own), uploads(photos)
        yield from self._clicks.paint(*person, chosen, maps, wish or "", others, wishes or "", own_build)

    def turn(self, photo, source_iuv, wish, over, own, photos, wishes, own_build):
        """As `Clicks.turn`."""
        person = upload(photo), upload(source_iuv)
        maps, others = uploads(own), uploads(photos)
        yield from self._clicks.turn(*person, over, maps, wish or "", others, wishes or "", own_build)

    def dress(self, photo, source_iuv, wish, clothes, clothes_iuv, clothes_wish, kinds):
        """As `Clicks.dress`."""
        person = upload(photo), upload(source_iuv), wish or ""
        yield from self._clicks.dress(person, (upload(clothes), upload(clothes_iuv), clothes_wish or ""), kinds)


class _Somebody(NamedTuple):
    """What the page has for a person: the tiles, photo and map and wish, what is shown."""

    who: gr.Radio
    given: list[Any]
    looked: list[Any]

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


def _somebody(clicks: Clicks, name: str, ids: Sequence[str], hint: str) -> _Somebody:
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


def build(clicks: Clicks) -> gr.Blocks:
    """The page, with the first example filled in."""
    names, do = list(clicks.examples), _Handlers(clicks)
    made_here = bool(clicks.maps.name)
    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(_KEPT // 6, _KEPT)) as page:
        gr.HTML(f"<h1>{_TITLE}</h1><p>{_LEAD}</p>", elem_id="head")
        with gr.Column(elem_classes="step"):
            gr.HTML("<h2><span>1</span>A person</h2>")
            ids = "people", "photo", "map", whom.FIELD, "person"
            person = _somebody(clicks, names[0], ids, whom.hint(clicks.maps.name))
        with gr.Column(elem_classes="step"):
            gr.HTML("<h2><span>2</span>Poses</h2>")
            chosen = gr.CheckboxGroup(
                list(clicks.ready), value=_CHOSEN, label="Poses", elem_id="poses", **_tiles("poses")
            )
            many: dict[str, Any] = {"file_count": "multiple", "height": 160}
            with gr.Row():
                photos = gr.File(label=_PHOTOS, elem_id="photos", visible=made_here, **many)
                own = gr.File(label="or your own: IUV maps, one or many", elem_id="own", **many)
            seen = [gr.HTML(elem_id=f"photos{k}") for k in range(2)]
            wishes = gr.Textbox(label=whom.ASK, info=whom.HOW_IN_MANY, elem_id="whoms", visible=False)
            own_build = gr.Checkbox(label=_BUILD, info=_BUILT, elem_id="own_build", container=False)
        with gr.Column(elem_classes="step"):
            gr.HTML("<h2><span>3</span>Pictures</h2>")
            paint = gr.Button("Paint the poses", variant="primary", elem_id="paint")
            painted = [gr.HTML(elem_id=name) for name in ("message", "rows", "textures")]
            gr.HTML(f"<h3>Turn-around</h3><p>{_TURN}</p>", elem_classes="hint")
            with gr.Row():
                with gr.Column(scale=3):
                    over = gr.Radio([SYNTHETIC, OWN], value=SYNTHETIC, label="Over the poses of", elem_id="over")
                    turn = gr.Button("Turn the person round", variant="primary", elem_id="turn")
                    turn_message = gr.HTML(elem_id="turn_message")
                with gr.Column(scale=4):
                    animated = gr.HTML(elem_id="animation")
        with gr.Column(elem_classes="step"):
            gr.HTML("<h2><span>4</span>Clothes of another person</h2>")
            wearer = _somebody(clicks, names[-1], ("wearers", "clothes", "clothes_map", "whose", "clothes"), _WORN)
            kinds = gr.CheckboxGroup(list(KINDS), value=["top"], label="Clothes", elem_id="kinds", **_tiles("kinds"))
            dress = gr.Button("Put them on", variant="primary", elem_id="dress")
            dressed = [gr.HTML(elem_id=name) for name in ("dress_message", "dressed")]

        quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        raw: dict[str, Any] = quick | {"preprocess": False}  # gradio's own would lose the names of files
        slow: dict[str, Any] = raw | {"queue": True, "concurrency_limit": 1, "concurrency_id": "model"}
        # Maps are made one after the other, beside the painting; whoever asks meanwhile is not turned away.
        maps: dict[str, Any] = slow | {"concurrency_id": "maps", "trigger_mode": "multiple"}
        person.watch(do, quick, raw, maps)
        wearer.watch(_Handlers(clicks, "whose"), quick, raw, maps)
        for event in (photos.upload, photos.clear, photos.delete):
            shown = event(do.photos, photos, [wishes, *seen], **raw)
            shown.then(do.photos_made, [photos, wishes], seen, **maps)
        wishes.submit(do.photos_made, [photos, wishes], seen, **maps)
        poses = [own, photos, wishes, own_build]
        for button, told, click, inputs, outputs in (
            (paint, painted[0], do.paint, [*person.given, chosen, *poses], painted),
            (turn, turn_message, do.turn, [*person.given, over, *poses], [turn_message, animated]),
            (dress, dressed[0], do.dress, [*person.given, *wearer.given, kinds], dressed),
        ):
            button.click(lambda: markup.noted(_WAIT), None, told, **quick).then(click, inputs, outputs, **slow)
    page.queue(max_size=_WAITING)
    return page


def appearance(clicks: Clicks) -> dict[str, Any]:
    """Theme, style sheet and script; fonts are the system's, for nothing comes from elsewhere."""
    photos = {name: np.asarray(Image.open(one.photo.path)) for name, one in clicks.examples.items()}
    kinds = clothes.tiles(clicks.ready["Front"])
    maps = {name: display.colour_map(made) for name, made in clicks.ready.items()}
    theme = gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return {"theme": theme, "css": style.css(people=photos, poses=maps, kinds=kinds), "head": scripts.head(MOST_BYTES)}
