"""Photos with who was found in them, as HTML: boxes to see, buttons and corners to say who is meant (`scripts`).

A panel says in `data-field` which field of the page takes the wish, and of several photos in `data-photo` which it is.
"""

import html

import numpy as np

from dpt_tf.densepose import asking
from dpt_tf.images import display
from serving.web import markup
from serving.web.estimating import WHOLE, Looked
from serving.web.painting import enlarged

LOOKING = "looking for people: the network that makes maps takes one photo at a time"
FIELD, POSES, EACH = "whom", "whoms", "whom_each"  # of one photo, of photos of poses, of photos of one person
ASK = "Who is meant"
HOW = "the number of a person, or whole for the whole photo, or a box x0,y0,x1,y1 in pixels; then Enter"
HOW_IN_MANY = f"by the number of the photo, as in 1: 2; 3: whole; each is {HOW}"


def hint(estimator: str) -> str:
    """Whether a map is needed, above what a map is."""
    if not estimator:
        return f"No network that makes maps is here, so that a photo needs its map. {markup.MAP_HINT}"
    return (
        f"A photo is enough: its map is made by {html.escape(estimator)}. Where that is wrong, choose another person "
        f"found, take the whole photo, click two opposite corners round the person, or give a map. {markup.MAP_HINT}"
    )


def person(looked: Looked, field: str = FIELD, number: int | None = None) -> str:
    """The photo, beside it with its map over it; `field` takes the wish, of one of several photos with its number."""
    which = "Photo" if number is None else f"Photo {number}"
    photo = _figure(looked, looked.photo, f"<b>{which}</b> {html.escape(looked.name)}, {_size(looked)}", "Photo")
    if looked.iuv is None:
        other = '<figure class="empty"><figcaption>no map yet</figcaption></figure>'
    else:
        caption = f"<b>Map over the photo</b> {_made(looked)}"
        other = markup.figure(display.over_photo(looked.photo, looked.iuv), caption, alt="Map over the photo")
    panel = f'<div class="two">{photo}{other}</div>{_buttons(looked)}'
    if number is None:
        return f'<div class="asked" data-field="{field}">{panel}</div>'
    return f'<div class="asked" data-field="{field}" data-photo="{number}">{panel}{markup.said(looked.sentence)}</div>'


def pose(looked: Looked, number: int) -> str:
    """A photo of a pose, with its map over it."""
    picture = looked.photo if looked.iuv is None else display.over_photo(looked.photo, looked.iuv)
    caption = f"<b>{number}. {html.escape(looked.name)}</b> {_made(looked)}"
    shown = _figure(looked, picture, caption, f"photo {number} with its map")
    return (
        f'<div class="asked" data-field="{POSES}" data-photo="{number}">{shown}{_buttons(looked)}'
        f"{markup.said(looked.sentence)}</div>"
    )


def _made(looked: Looked) -> str:
    if looked.iuv is None:
        return "no map yet"
    return f"made by {html.escape(looked.told)}" if looked.told else "as it was given"


def poses(panels: list[str]) -> str:
    """All photos of poses."""
    return f'<div class="photos">{"".join(panels)}</div>' if panels else ""


def album(panels: list[str]) -> str:
    """All photos of one person."""
    return f'<div class="album">{"".join(panels)}</div>' if panels else ""


def _figure(looked: Looked, picture: np.ndarray, caption: str, alt: str) -> str:
    """A picture with the boxes over it; its pixels are the file's."""
    height, width = looked.size
    letters = max(looked.size) / 16
    drawn = [
        f"{_box(box, looked.meant == box)}"
        f'<text x="{box[0] + letters / 4:.1f}" y="{box[1] + letters:.1f}" font-size="{letters:.1f}">{k}</text>'
        for k, box in enumerate(looked.boxes, 1)
    ]
    if looked.meant is not None and looked.meant not in looked.boxes:
        drawn.append(_box(looked.meant, True))
    over = f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">{"".join(drawn)}</svg>'
    address = markup.png(enlarged(picture))
    return (
        f'<figure><div class="boxes" data-width="{width}" data-height="{height}"><img src="{address}" '
        f'alt="{html.escape(alt)}">{over}</div><figcaption>{caption}</figcaption></figure>'
    )


def _box(box: tuple[float, float, float, float], meant: bool) -> str:
    x0, y0, x1, y1 = box
    kind = ' class="meant"' if meant else ""
    return f'<rect x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"{kind}></rect>'


def _buttons(looked: Looked) -> str:
    """A button for each person found, and one for the whole photo; none while nobody has been looked for."""
    if not looked.told and not looked.sentence:
        return ""
    height, width = looked.size
    whole = (0.0, 0.0, float(width), float(height))
    offered = [(f"person {k}", str(k), box) for k, box in enumerate(looked.boxes, 1)] + [("whole photo", WHOLE, whole)]
    made = [
        f'<button type="button" class="wish" data-wish="{wish}" aria-pressed="{str(box == looked.meant).lower()}" '
        f'title="{asking.said(box)}">{text}</button>'
        for text, wish, box in offered
    ]
    return f'<p class="wishes">{ASK}: {"".join(made)} or two opposite corners, clicked in the photo</p>'


def _size(looked: Looked) -> str:
    return f'<span class="size">{looked.size[1]} × {looked.size[0]}</span>'
