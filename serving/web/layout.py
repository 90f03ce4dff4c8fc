"""The page: 1 a person, 2 poses, 3 pictures. What a click does is `Clicks`; gradio only passes it on."""

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from dpt_tf.images import display
from dpt_tf.synthetic import examples
from dpt_tf.system.errors import UserError
from serving.web import animation, markup, painting, style
from serving.web.painting import Pose, Upload

MOST_POSES = 24
MOST_FRAMES = 240
_WAITING = 16  # clicks that may wait for the model
MOST_BYTES = 64_000_000  # of an upload
_KEPT = 3600  # seconds that an upload lives at least
_SYNTHETIC, _OWN = "a body that turns round once", "my own poses, in the order of their names"
_CHOSEN = ["Half turned", "Back", "Walking"]
_TURN = "The person in every pose of a sequence, as an animation to keep."
_WAIT = "waiting for the model: it paints one picture at a time"
_TITLE = "Dense pose transfer"
_LEAD = (
    "One photo of a person, painted in other poses. What the photo shows is carried over along the surface of the "
    "body, and what it does not show is imagined: the pictures tell which is which."
)


class Example(NamedTuple):
    """A photo and its map."""

    photo: Upload
    iuv: Upload


class Clicks:
    """What happens on each click, as HTML; what a user can repair becomes a sentence on the page."""

    def __init__(self, transfer: painting.Paint, size: int, folder: pathlib.Path):
        """`transfer` as `dpt_tf.load` gives it, the side of examples, and where they may be written."""
        self._transfer, self.size = transfer, size
        written = examples.write_people(folder, size)
        self.examples = {name: Example(*(Upload(path, path.name) for path in paths)) for name, paths in written.items()}
        self.first = next(iter(self.examples.values()))
        self.ready = examples.poses(size)

    def warm_up(self) -> None:
        """Paints once for nobody: the first call traces the networks, which takes seconds."""
        person = painting.read_person(*self.first)
        painting.paint(self._transfer, *person, Pose("", next(iter(self.ready.values()))))

    def look(self, photo: Upload | None, source_iuv: Upload | None) -> tuple[str, str]:
        """Person and message, as soon as a file is there."""
        shown, colours, sentence = None, None, ""
        try:
            if photo is not None:
                shown = painting.read_photo(photo)
            if source_iuv is not None and (shown is not None or photo is None):
                size = None if shown is None else shown.shape[:2]
                made = painting.read_map(source_iuv, photo.name if photo else None, size)
                colours = display.colour_map(made)
            if shown is not None and colours is not None and photo is not None:
                painting.read_person(photo, source_iuv)
        except UserError as error:
            sentence = str(error)
        names = photo.name if photo else "", source_iuv.name if source_iuv else ""
        return markup.person(shown, colours, names), markup.said(sentence)

    def paint(
        self, photo: Upload | None, source_iuv: Upload | None, chosen: Sequence[str], uploaded: Sequence[Upload]
    ) -> Iterator[tuple[str, str, str]]:
        """Message, rows and textures, anew with each pose."""
        try:
            person = painting.read_person(photo, source_iuv)
            wanted = [Pose(name, made) for name, made in self.ready.items() if name in chosen]
            wanted += painting.read_poses(uploaded, MOST_POSES - len(wanted))
            if not wanted:
                raise UserError("there is no pose to paint: choose one in step 2, or upload a map there")
            rows: list[str] = []
            textures = ""
            for done, pose in enumerate(wanted):
                yield markup.going_on(done, len(wanted), f"painting {pose.name}"), markup.rows(rows), textures
                painted = painting.paint(self._transfer, *person, pose)
                rows.append(markup.row(painted))
                textures = textures or markup.textures(painted)
            yield "", markup.rows(rows), textures
        except UserError as error:
            yield markup.said(str(error)), "", ""

    def turn(
        self, photo: Upload | None, source_iuv: Upload | None, over: str, uploaded: Sequence[Upload]
    ) -> Iterator[tuple[str, str]]:
        """Message and animation, anew with each frame."""
        try:
            person = painting.read_person(photo, source_iuv)
            if over == _OWN:
                wanted = animation.in_one_frame(painting.read_poses(uploaded, MOST_FRAMES))
                if len(wanted) < 2:
                    raise UserError("an animation needs two poses at least: upload their maps in step 2")
            else:
                wanted = [Pose(f"frame {k}", made) for k, made in enumerate(examples.turn(self.size), 1)]
            frames: list[np.ndarray] = []
            for done, pose in enumerate(wanted, 1):
                image = self._transfer(*person, pose.iuv)["image"]
                frames.append(painting.enlarged(image))
                yield (
                    markup.going_on(done, len(wanted), f"frame {done} of {len(wanted)}"),
                    markup.frame(painting.enlarged(image, least=1), done, len(wanted)),
                )
            yield "", markup.animation(animation.gif(frames), len(frames))
        except UserError as error:
            yield markup.said(str(error)), ""


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

    def __init__(self, clicks: Clicks):
        self._clicks = clicks
        self._examples = {one.name for example in clicks.examples.values() for one in example}

    def example(self, name: str) -> tuple:
        """Photo, map, person, message."""
        one = self._clicks.examples[name]
        return str(one.photo.path), str(one.iuv.path), *self._clicks.look(*one)

    def photo(self, photo: dict | None, source_iuv: dict | None) -> tuple:
        """Example, map, person, message."""
        mine, other = upload(photo), upload(source_iuv)
        left = self._unless_examples(mine, other)
        return None, gr.skip() if left is other else None, *self._clicks.look(mine, left)

    def map(self, photo: dict | None, source_iuv: dict | None) -> tuple:
        """Example, photo, person, message."""
        other, mine = upload(photo), upload(source_iuv)
        left = self._unless_examples(mine, other)
        return None, gr.skip() if left is other else None, *self._clicks.look(left, mine)

    def _unless_examples(self, mine: Upload | None, other: Upload | None) -> Upload | None:
        """The other file, unless it is an example's: that one does not belong to what somebody uploads."""
        return None if mine is not None and other is not None and other.name in self._examples else other

    def paint(self, photo: dict | None, source_iuv: dict | None, chosen: list[str], own: list[dict] | None):
        """As `Clicks.paint`."""
        yield from self._clicks.paint(upload(photo), upload(source_iuv), chosen, uploads(own))

    def turn(self, photo: dict | None, source_iuv: dict | None, over: str, own: list[dict] | None):
        """As `Clicks.turn`."""
        yield from self._clicks.turn(upload(photo), upload(source_iuv), over, uploads(own))


def build(clicks: Clicks) -> gr.Blocks:
    """The page, with the first example filled in."""
    names, first, do = list(clicks.examples), clicks.first, _Handlers(clicks)
    tiles: dict[str, Any] = {"elem_classes": "tiles", "container": False, "show_label": False}
    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(_KEPT // 6, _KEPT)) as page:
        gr.HTML(f"<h1>{_TITLE}</h1><p>{_LEAD}</p>", elem_id="head")
        with gr.Column(elem_classes="step"):
            gr.HTML("<h2><span>1</span>A person</h2>")
            with gr.Row():
                with gr.Column(scale=5):
                    who = gr.Radio(names, value=names[0], label="People", elem_id="people", **tiles)
                    with gr.Row():
                        photo = gr.File(str(first.photo.path), label="or your photo", elem_id="photo", height=160)
                        source_iuv = gr.File(str(first.iuv.path), label="and its IUV map", elem_id="map", height=160)
                    gr.HTML(f"<p>{markup.MAP_HINT}</p>", elem_classes="hint")
                with gr.Column(scale=4):
                    looked = [gr.HTML(value, elem_id=f"person{k}") for k, value in enumerate(clicks.look(*first))]
        with gr.Column(elem_classes="step"):
            gr.HTML("<h2><span>2</span>Poses</h2>")
            chosen = gr.CheckboxGroup(list(clicks.ready), value=_CHOSEN, label="Poses", elem_id="poses", **tiles)
            own = gr.File(label="or your own: IUV maps, one or many", file_count="multiple", elem_id="own", height=160)
        with gr.Column(elem_classes="step"):
            gr.HTML("<h2><span>3</span>Pictures</h2>")
            paint = gr.Button("Paint the poses", variant="primary", elem_id="paint")
            painted = [gr.HTML(elem_id=name) for name in ("message", "rows", "textures")]
            gr.HTML(f"<h3>Turn-around</h3><p>{_TURN}</p>", elem_classes="hint")
            with gr.Row():
                with gr.Column(scale=3):
                    over = gr.Radio([_SYNTHETIC, _OWN], value=_SYNTHETIC, label="Over the poses of", elem_id="over")
                    turn = gr.Button("Turn the person round", variant="primary", elem_id="turn")
                    turn_message = gr.HTML(elem_id="turn_message")
                with gr.Column(scale=4):
                    animated = gr.HTML(elem_id="animation")

        quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        raw: dict[str, Any] = quick | {"preprocess": False}  # gradio's own would lose the names of files
        slow: dict[str, Any] = raw | {"queue": True, "concurrency_limit": 1, "concurrency_id": "model"}
        who.input(do.example, who, [photo, source_iuv, *looked], **quick)
        for event in (photo.upload, photo.clear):
            event(do.photo, [photo, source_iuv], [who, source_iuv, *looked], **raw)
        for event in (source_iuv.upload, source_iuv.clear):
            event(do.map, [photo, source_iuv], [who, photo, *looked], **raw)
        for button, told, click, inputs, outputs in (
            (paint, painted[0], do.paint, [photo, source_iuv, chosen, own], painted),
            (turn, turn_message, do.turn, [photo, source_iuv, over, own], [turn_message, animated]),
        ):
            button.click(lambda: markup.noted(_WAIT), None, told, **quick).then(click, inputs, outputs, **slow)
    page.queue(max_size=_WAITING)
    return page


def appearance(clicks: Clicks) -> dict[str, Any]:
    """Theme, style sheet and script; fonts are the system's, for nothing comes from elsewhere."""
    photos = {name: np.asarray(Image.open(one.photo.path)) for name, one in clicks.examples.items()}
    maps = {name: display.colour_map(made) for name, made in clicks.ready.items()}
    theme = gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return {"theme": theme, "css": style.css(people=photos, poses=maps), "head": style.head(MOST_BYTES)}
