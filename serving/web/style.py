"""How the page looks, on top of gradio's theme: three steps, tabs, tiles to choose from, figures with captions."""

from collections.abc import Mapping

import numpy as np

from serving.web.markup import png
from serving.web.painting import enlarged

_BASE = """
.gradio-container { --soft: color-mix(in srgb, var(--body-text-color) 72%, transparent); }
.gradio-container { max-width: 1180px !important; margin: 0 auto !important; }
#head h1 { font-size: 1.9rem; margin: 0.4rem 0 0.2rem; }
#head p { margin: 0; max-width: 62rem; color: var(--soft); }
.step { padding: 1.1rem 1.2rem 1.2rem !important; border: 1px solid var(--border-color-primary) !important;
  border-radius: 14px !important; background: var(--background-fill-primary) !important; }
.step h2 { display: flex; align-items: center; gap: 0.6rem; font-size: 1.25rem; margin: 0; }
.step h2 span { display: inline-grid; place-items: center; width: 1.9rem; height: 1.9rem; border-radius: 50%;
  background: var(--color-accent); color: white; font-size: 1rem; }
.step h3 { font-size: 1.05rem; margin: 1.2rem 0 0.2rem; }
.step .html-container, #head .html-container { padding: 0 !important; }
.step .block:has(> .html-container > .prose:empty) { display: none; }
.hint p { color: var(--soft); margin: 0; font-size: 0.92rem; }
figure { margin: 0; min-width: 0; }
figure :is(img, video) { display: block; width: 100%; border-radius: 10px;
  border: 1px solid var(--border-color-primary); }
figcaption { font-size: 0.88rem; line-height: 1.35; margin-top: 0.35rem; color: var(--soft);
  overflow-wrap: anywhere; }
figcaption b { color: var(--body-text-color); display: block; font-size: 0.95rem; }
figcaption .size, figcaption .keep { white-space: nowrap; color: inherit !important; }
figcaption .keep { margin: 0 !important; padding: 0 !important; text-decoration: underline; }
figure.empty { display: grid; place-items: center; min-height: 10rem; border: 1px dashed var(--border-color-primary);
  border-radius: 10px; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 0.9rem; }
.three { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.9rem; margin-top: 0.6rem; }
.one { max-width: 22rem; }
.boxes { position: relative; cursor: crosshair; }
.boxes svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.boxes rect { fill: none; stroke: white; stroke-width: 2; vector-effect: non-scaling-stroke; stroke-dasharray: 6 4; }
.boxes rect.meant { stroke: var(--color-accent); stroke-width: 3; stroke-dasharray: none; }
.boxes text { fill: white; stroke: black; stroke-width: 3; vector-effect: non-scaling-stroke; paint-order: stroke;
  font-weight: 700; }
.boxes i { position: absolute; width: 14px; height: 14px; margin: -7px; border: 2px solid white; border-radius: 50%;
  box-shadow: 0 0 0 2px var(--color-accent); pointer-events: none; }
.wishes { margin: 0.6rem 0 0; font-size: 0.9rem; color: var(--soft); }
button.wish { padding: 0.15rem 0.7rem !important; margin: 0 0.35rem 0.3rem 0; border-radius: 999px;
  font-size: 0.88rem !important; font-weight: 500 !important; line-height: 1.5 !important;
  border: 1px solid var(--border-color-primary); color: var(--body-text-color); }
button.wish[aria-pressed="true"] { border-color: var(--color-accent); background: var(--color-accent); color: white; }
.photos { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 0.9rem; }
.album { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 0.9rem 1.8rem; }
.kept { margin: 0 0 0.6rem; }
.views { display: grid; grid-template-columns: repeat(4, 1fr); gap: 0.9rem; padding: 0.9rem 0;
  border-top: 1px solid var(--border-color-primary); }
.views:has(.layers) { grid-template-columns: repeat(3, 1fr); }
@media (max-width: 760px) { .views, .views:has(.layers) { grid-template-columns: 1fr 1fr; } }
@media (max-width: 480px) { .two { grid-template-columns: 1fr; } }
.said, .noted { margin: 0; padding: 0.7rem 0.9rem; border-radius: 10px; overflow-wrap: anywhere; }
.said { background: #fdecea; color: #8c1d18; border: 1px solid #f3b5b0; font-weight: 600; }
.noted { background: var(--background-fill-secondary); color: var(--body-text-color); }
.doubted { border: 1px solid #d9a400; background: color-mix(in srgb, #ffc107 14%, transparent); }
.noted progress { width: 12rem; margin-right: 0.6rem; vertical-align: middle; accent-color: var(--color-accent); }
.legend { margin: 0.4rem 0 0.7rem; font-size: 0.95rem; }
.swatch { display: inline-block; width: 1rem; height: 1rem; border-radius: 4px; vertical-align: -0.15rem;
  margin: 0 0.25rem 0 0.9rem; border: 1px solid var(--border-color-primary); opacity: 0.75; }
.swatch.plain { margin-left: 0; background: linear-gradient(135deg, #e8c9a8 50%, #3b5f8a 50%); opacity: 1; }
a.save { display: inline-block; padding: 0.45rem 0.9rem; margin: 0.3rem 0.5rem 0.3rem 0; border-radius: 8px;
  background: var(--color-accent); color: white !important; text-decoration: none; font-weight: 600; }
.tiles .wrap { display: grid !important; gap: 0.6rem; }
.people .wrap { grid-template-columns: repeat(4, 1fr); }
.poses .wrap { grid-template-columns: repeat(8, 1fr); }
.kinds .wrap, .builds .wrap { grid-template-columns: repeat(4, 8.5rem); }
.narrow { max-width: 16rem; }
#of { display: none; }
@media (max-width: 760px) { .poses .wrap, .kinds .wrap, .builds .wrap { grid-template-columns: repeat(4, 1fr); } }
.tiles label { position: relative; min-width: 0; padding: 103% 2px 6px !important; justify-content: center;
  border: 2px solid var(--border-color-primary) !important; border-radius: 10px !important; overflow: hidden;
  background: var(--background-fill-secondary) top / 100% auto no-repeat !important; }
.tiles label span { margin: 0 !important; font-size: 0.88rem; line-height: 1.2; text-align: center;
  color: var(--body-text-color) !important; }
.tiles label input { position: absolute; top: 7px; left: 7px; }
.tiles label.selected { border-color: var(--color-accent) !important;
  box-shadow: 0 0 0 1px var(--color-accent) !important; }
.tiles label:focus-within { outline: 2px solid var(--color-accent); outline-offset: 2px; }
footer { display: none !important; }
"""


def css(**tiles: Mapping[str, np.ndarray]) -> str:
    """The style sheet. Each keyword is the class of rows of tiles, with the picture of each tile in their order."""
    drawn = [
        f'.{name} label:nth-of-type({k}) {{ background-image: url("{png(enlarged(picture, 236))}") !important; }}'
        for name, pictures in tiles.items()
        for k, picture in enumerate(pictures.values(), 1)
    ]
    return _BASE + "\n".join(drawn)
