"""Pictures and sentences as HTML that stands alone.

Pictures are inside of it, so there is nothing that others could ask the server for; what users named is escaped.
"""

import base64
import html
import io
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from dpt_tf.images import naming, photos
from serving.web.painting import TINT, Painted, enlarged

MAP_HINT = (
    "An IUV map says for each pixel of a photo which of 24 parts of the body it shows, and where on that part: "
    "DensePose makes it from the photo. <code>dpt inspect FILE</code> tells whether a file is one."
)
_LAYERS = "green is carried over from the photo, red painted by the network, blue the backdrop"
_BACKDROP = "the photo without the person"
_WARPED = "the photo's colours, carried along the body's surface into the pose"


def data_uri(data: bytes, kind: str) -> str:
    """The bytes of a file as an address."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def png(picture: np.ndarray) -> str:
    """A picture as an address."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return data_uri(buffer.getvalue(), "image/png")


def figure(picture: np.ndarray, caption: str, kind: str = "", alt: str = "") -> str:
    """A picture, readable however small, over its caption (HTML)."""
    return _figure(png(enlarged(picture)), caption, kind, alt)


def _figure(address: str, caption: str, kind: str, alt: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<figure{name}><img src="{address}" alt="{html.escape(alt)}"><figcaption>{caption}</figcaption></figure>'


def said(sentence: str) -> str:
    """Why something does not work; it stays until the next attempt."""
    return f'<p class="said" role="alert">{html.escape(sentence)}</p>' if sentence else ""


def noted(sentence: str) -> str:
    """What is going on."""
    return f'<p class="noted" role="status">{html.escape(sentence)}</p>'


def doubted(sentence: str) -> str:
    """What a result suffers from, which stays beside it."""
    return f'<p class="noted doubted" role="status">{html.escape(sentence)}</p>'


def going_on(done: int, of: int, sentence: str) -> str:
    """A bar that has come to `done`."""
    return f'<p class="noted" role="status"><progress max="{of}" value="{done}"></progress> {html.escape(sentence)}</p>'


def person(photo: np.ndarray | None, colours: np.ndarray | None, names: tuple[str, str]) -> str:
    """The photo beside its map in colours; what is missing is asked for."""
    shown = [
        figure(picture, f"<b>{what}</b> {html.escape(name)}, {_size(picture)}", alt=what)
        if picture is not None
        else f'<figure class="empty"><figcaption>{wanted}</figcaption></figure>'
        for picture, what, name, wanted in (
            (photo, "Photo", names[0], "no photo yet"),
            (colours, "Map", names[1], "no map yet"),
        )
    ]
    return f'<div class="two">{"".join(shown)}</div>'


def legend() -> str:
    """What the colours of the overlay mean."""
    return (
        '<p class="legend"><span class="swatch plain"></span> left as it is: seen in the photo'
        f'<span class="swatch" style="background: rgb{TINT}"></span> tinted: imagined, for the photo does not show it. '
        "The backdrop is painted anew and never tinted.</p>"
    )


def row(painted: Painted) -> str:
    """The pictures of one pose."""
    name, whole, keep = html.escape(painted.name), png(painted.image), _keep(painted)
    # What is too small to be seen is enlarged, but what is large is shown with all of its pixels.
    shown = whole if enlarged(painted.image).size <= painted.image.size else png(enlarged(painted.image))
    figures = [
        figure(painted.pose, f"<b>Pose</b> {name}", "pose", f"map of {painted.name}"),
        _figure(shown, f"<b>Result</b> the person in this pose: {keep}", "result", f"the person, {painted.name}"),
        figure(painted.warped, f"<b>Warped view</b> {_WARPED}", "warped", "warped view"),
        figure(
            painted.overlay,
            f"<b>Seen or imagined</b> {painted.seen:.0%} of the body is seen in the photo",
            "overlay",
            "the result, tinted where it was imagined",
        ),
    ]
    if painted.layers is not None:
        figures.append(figure(painted.layers, f"<b>Layers</b> {_LAYERS}", "layers", "what the result is made of"))
    if painted.backdrop is not None:
        figures.append(figure(painted.backdrop, f"<b>Backdrop</b> {_BACKDROP}", "backdrop", "the photo's backdrop"))
    return f'<section class="views" aria-label="{name}">{"".join(figures)}</section>'


def dressed(person: np.ndarray, wearer: np.ndarray, picture: np.ndarray, doubts: Sequence[str]) -> str:
    """The person, who wears the clothes, and the person in them; what could not be told, a line each."""
    whole = png(picture)
    keep = f'<a class="keep" href="{whole}" download="dressed.png">save it</a>, {_size(picture)}'
    figures = [
        figure(person, "<b>Person</b> as the photo shows it", "before", "the person"),
        figure(wearer, "<b>Clothes</b> the photo that they are taken from", "clothes", "who wears the clothes"),
        figure(picture, f"<b>Result</b> the person in these clothes: {keep}", "dressed", "the person in these clothes"),
    ]
    return f'<div class="three">{"".join(figures)}</div>{"".join(map(doubted, doubts))}'


def _size(picture: np.ndarray) -> str:
    return f'<span class="size">{picture.shape[1]} × {picture.shape[0]}</span>'


def rows(painted: list[str]) -> str:
    """All poses, under the legend."""
    return f'{legend()}<div class="rows">{"".join(painted)}</div>' if painted else ""


def textures(painted: Painted) -> str:
    """The unwrapped surface, before and after the rest is imagined."""
    before = "<b>Before</b> what the photo shows of the body's surface; grey is what it does not show"
    after = "<b>After</b> the whole surface, with the rest imagined"
    return (
        "<h3>The body, unwrapped</h3><p>The 24 parts of the body's surface, laid flat side by side.</p>"
        f'<div class="two">{figure(painted.texture_before, before, "before", "the surface as seen")}'
        f"{figure(painted.texture_after, after, 'after', 'the whole surface')}</div>"
    )


def frame(picture: np.ndarray, done: int, of: int) -> str:
    """The newest frame of a moving picture in the making, small, for the next one comes soon."""
    return _turn(_figure(png(enlarged(picture, least=1, most=256)), f"frame {done} of {of}", "frame", f"frame {done}"))


def animation(data: bytes, name: str, frames: int, fps: float) -> str:
    """A finished one, with a link to keep it."""
    kind = {".mp4": "video/mp4", ".webp": "image/webp", ".gif": "image/gif"}[pathlib.PurePath(name).suffix]
    address = data_uri(data, kind)
    link = f"{_save(address, name, data)}{frames} frames, {frames / fps:.1f} s"
    if kind != "video/mp4":
        return _turn(_figure(address, link, "animation", "the person, moving"))
    shown = f'<video src="{address}" controls loop autoplay muted playsinline></video>'
    return _turn(f'<figure class="animation">{shown}<figcaption>{link}</figcaption></figure>')


def file_link(data: bytes, stem: str) -> str:
    """A person's file, to keep it."""
    name = f"{stem}{photos.PERSON}"
    told = "to be painted from in step 1, and by every verb of <code>dpt</code>"
    return f'<p class="kept">{_save(data_uri(data, "application/octet-stream"), name, data)}{told}</p>'


def _save(address: str, name: str, data: bytes) -> str:
    named = html.escape(name)
    return f'<a class="save" href="{address}" download="{named}">Save {named}</a> {len(data) / 1e6:.1f} MB, '


def surface(picture: np.ndarray, seen: float) -> str:
    """What a person's file knows of the surface."""
    caption = f"<b>Surface</b> {seen:.0%} of the body's surface is seen; grey is what no photo shows"
    return f'<div class="one">{figure(picture, caption, "surface", "the surface")}</div>'


def person_file(name: str, photo: np.ndarray, picture: np.ndarray, seen: float) -> str:
    """Who is in a person's file."""
    first = figure(photo, f"<b>Person</b> {html.escape(name)}, {_size(photo)}", "person", "the person")
    return f'<div class="two">{first}{surface(picture, seen)}</div>'


def builds(plain: Painted, own: Painted) -> str:
    """A pose as it is struck and as the person would, with the person painted in either."""
    name = html.escape(plain.name)
    figures = [
        figure(plain.pose, f"<b>Pose</b> {name}", "pose", f"map of {plain.name}"),
        figure(plain.image, "<b>In that build</b> of whoever strikes the pose", "plain", f"the person, {plain.name}"),
        figure(own.pose, "<b>Redrawn</b> as the person would strike it", "redrawn", "the map, redrawn"),
        figure(own.image, f"<b>In the own build</b> {_keep(own)}", "built", "the person as it is built"),
    ]
    return f'<section class="views" aria-label="{name}">{"".join(figures)}</section>'


def _keep(painted: Painted) -> str:
    """A link to the result with all of its pixels."""
    file = html.escape(naming.of_pose(painted.name))
    return f'<a class="keep" href="{png(painted.image)}" download="{file}">save it</a>, {_size(painted.image)}'


def _turn(inner: str) -> str:
    return f'<div class="one">{inner}</div>'
