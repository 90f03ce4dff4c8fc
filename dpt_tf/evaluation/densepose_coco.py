"""A folder of predicted maps against the points of DensePose-COCO: AP of GPS and GPSm, under both kappas.

A dump of Detectron2's has everybody it found in a photo and how sure it was; in a picture people are what is
connected, and all equally sure, which costs precision. A photo without a map is one in which nobody was found.

What differs from Detectron2's own evaluation, by a pixel at most: a map is read in the photo's pixels, not in the
box's, the box of a detection is that of its pixels, and masks are enlarged by the nearest pixel.
"""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dpt_tf.data.prepare import densepose_coco
from dpt_tf.data.prepare.densepose_coco import Annotated, Annotations
from dpt_tf.evaluation import map_files, maps
from dpt_tf.metrics import gps
from dpt_tf.metrics.geodesics import Surface
from dpt_tf.system import atomic
from dpt_tf.system.errors import UserError

MEASURES = tuple((measure, kappa) for kappa in ("2019", "2018") for measure in ("GPS", "GPSm"))
KAPPAS = {"2019": "kappa by part, 2019", "2018": "kappa 0.255, 2018"}


@dataclasses.dataclass(frozen=True)
class Found:
    """Somebody found in a photo."""

    map: np.ndarray
    """uint8 `[H, W, 3]` (I, U, V) of the photo's size."""
    score: float

    def box(self) -> tuple[float, float, float, float]:
        """x, y, width, height of its pixels."""
        rows, columns = np.flatnonzero(self.map[..., 0].any(axis=1)), np.flatnonzero(self.map[..., 0].any(axis=0))
        if not len(rows):
            return 0.0, 0.0, 0.0, 0.0
        return float(columns[0]), float(rows[0]), float(np.ptp(columns) + 1), float(np.ptp(rows) + 1)


@dataclasses.dataclass(frozen=True)
class Report:
    """What a scoring found."""

    scores: dict[str, dict[str, float]]
    """AP and its kin by measure, `GPS AP (kappa by part, 2019)` and others."""
    people: dict[str, dict[str, float]]
    """By photo and annotation: the best GPS that a detection has of each person, under each kappa."""
    photos: int
    empty: int
    """Photos without a map, or with nobody in it."""
    found: int
    equal_scores: bool
    """Whether all detections were equally sure."""

    def markdown(self) -> str:
        """A line a measure, a column AP and each of its kin, in percent as usual."""
        columns = list(next(iter(self.scores.values())))
        first = max(map(len, self.scores))
        lines = [f"| {'':{first}} | " + " | ".join(f"{name:>5}" for name in columns) + " |"]
        lines.append(f"|{'-' * (first + 2)}|" + "|".join("-" * 6 + ":" for _ in columns) + "|")
        for name, values in self.scores.items():
            cells = ("-" if math.isnan(values[column]) else f"{100 * values[column]:.1f}" for column in columns)
            lines.append(f"| {name:{first}} | " + " | ".join(f"{cell:>5}" for cell in cells) + " |")
        told = [f"{self.found} people found in {self.photos} photos, nobody in {self.empty}"]
        told += ["all detections are equally sure, so their order says nothing"] if self.equal_scores else []
        return "\n".join([*lines, "", *told])


def compare(people: Sequence[Annotated], found: Sequence[Found], surface: Surface, size: tuple[int, int]):
    """One photo: `-> {(measure, kappa): gps.Photo}`, as `gps.AveragePrecision` takes them.

    Args:
      people: everybody annotated in it, with and without points.
      found: everybody found; maps of `size`.
      surface: of the body.
      size: (height, width).

    Raises:
      UserError: as `Annotated.mask`.
    """
    found = sorted(found, key=lambda one: -one.score)[: gps.MOST_DETECTIONS]
    true = np.array([person.box for person in people], float).reshape(-1, 4)
    boxes = np.array([one.box() for one in found], float).reshape(-1, 4)
    ignored = np.array([not len(person.points) for person in people], bool)
    crowd = np.array([person.crowd for person in people], bool)
    points = {kappa: np.zeros((len(found), len(people))) for kappa in gps.KAPPAS}
    for g, person in enumerate(people):
        if ignored[g]:
            continue
        part = person.points[:, 2].astype(int)
        meant = surface.nearest(part, person.points[:, 3:])
        for d, one in enumerate(found):
            apart = surface.apart(meant, surface.nearest(*_at(one.map, person.points[:, :2])))
            for kappa in gps.KAPPAS:
                points[kappa][d, g] = gps.gps(apart, part, kappa)
    masks = _mask_ious(people, ignored, found, size)
    facts = dict(
        overlap=gps.box_ious(boxes, true, crowd),
        scores=np.array([one.score for one in found], float),
        found_area=boxes[:, 2] * boxes[:, 3],
        area=np.array([person.area for person in people], float),
        ignored=ignored,
        crowd=crowd,
    )
    similar = {"GPS": lambda of: of, "GPSm": lambda of: np.sqrt(of * masks)}
    return {(measure, kappa): gps.Photo(similar[measure](points[kappa]), **facts) for measure, kappa in MEASURES}


def _at(iuv: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Part `[n]` and U, V in [0, 1] `[n, 2]` of a map at points (x, y); 0 where one is off the picture."""
    columns, rows = np.floor(places).astype(int).T
    inside = (rows >= 0) & (rows < iuv.shape[0]) & (columns >= 0) & (columns < iuv.shape[1])
    values = iuv[np.where(inside, rows, 0), np.where(inside, columns, 0)]
    return np.where(inside, values[:, 0], 0).astype(int), values[:, 1:] / 255


def _mask_ious(people, ignored, found, size) -> np.ndarray:
    """`[D, G]`; 0 for who is ignored."""
    true = np.zeros((len(people), size[0] * size[1]), np.float32)
    for g, person in enumerate(people):
        if not ignored[g]:
            true[g] = person.foreground(*size).ravel()
    guess = np.array([one.map[..., 0].ravel() > 0 for one in found], np.float32).reshape(len(found), size[0] * size[1])
    shared = guess @ true.T
    return shared / np.maximum(guess.sum(1)[:, None] + true.sum(1) - shared, 1)


def detections(file: map_files.MapFile, size: tuple[int, int]) -> Iterator[Found]:
    """Everybody in a map, the largest first.

    Raises:
      UserError: it has another size than the photo.
      NotIUV: it is none.
    """
    one = file.examine(size)
    for person in range(1, 1 + len(one.people)) if one else ():
        seen = one if person == 1 else file.examine(size, person)
        if seen is None:
            return
        if seen.iuv.shape[:2] != size:
            height, width = seen.iuv.shape[:2]
            raise UserError(
                f"{file.path}: {width} x {height} pixels, its photo has {size[1]} x {size[0]}; make "
                "the map of COCO's own photo"
            )
        yield Found(seen.iuv, seen.score)


def score(
    folder: pathlib.Path,
    annotations: Annotations,
    surface: Surface,
    progress: Callable[[Any], Any] = lambda names: names,
) -> Report:
    """Scores a folder of maps, called after the photos, over every photo of the annotations.

    Raises:
      UserError: no map is of any of these photos, or names or sizes do not fit.
      NotIUV: a file is no map.
    """
    files = map_files.find(folder, "maps")
    stems = {pathlib.PurePosixPath(name).stem: name for name in annotations.sizes}
    matched = map_files.match(stems, pathlib.Path("annotations"), files, folder)
    if not matched:
        name = next(iter(stems), "x")
        raise UserError(f"{folder}: no map of any annotated photo; name them like {name}_IUV.png")
    precisions = {key: gps.AveragePrecision() for key in MEASURES}
    rows: dict[str, dict[str, float]] = {}
    sure: set[float] = set()
    empty = count = 0
    everybody: dict[str, list[Annotated]] = {}
    for person in annotations.people:
        everybody.setdefault(person.photo, []).append(person)
    for stem in progress(list(stems)):
        photo, people = stems[stem], everybody.get(stems[stem], [])
        size = annotations.sizes[photo]
        found = list(detections(files[matched[stem]], size)) if stem in matched else []
        empty, count = empty + (not found), count + len(found)
        sure |= {one.score for one in found}
        compared = compare(people, found, surface, size)
        for key, one in compared.items():
            precisions[key].update(one)
        for g, person in enumerate(people):
            if len(person.points):
                best = {key: compared[key].similarity[:, g].max(initial=0.0) for key in MEASURES}
                rows[f"{photo} {person.id}"] = {f"{m} ({KAPPAS[k]})": float(v) for (m, k), v in best.items()}
    scores = {f"{m} AP ({KAPPAS[k]})": precisions[m, k].result() for m, k in MEASURES}
    return Report(scores, rows, len(stems), empty, count, count > 1 and len(sure) == 1)


def write(report: Report, output: pathlib.Path, facts: dict[str, Any]) -> str:
    """Writes `report.json`, `report.md` and `people.csv`; gives the text that a user reads."""
    title = f"{len(report.people)} people of {facts['densepose_coco']}, maps of {facts['maps']}"
    note = "thresholds 0.50 to 0.95; AP, AP50, AP75, APm, APl (medium and large people) and AR in percent"
    text = f"{title}\n({note})\n\n{report.markdown()}\n"
    atomic.write_text(output / "report.md", text)
    found = {
        "people": len(report.people),
        "photos": report.photos,
        "photos where nobody was found": report.empty,
        "people found": report.found,
        "kappas": {name: [None, *of.tolist()[1:]] for name, of in gps.KAPPAS.items()},
        "scores": {name: maps.for_json(values) for name, values in report.scores.items()},
    }
    atomic.write_json(output / "report.json", facts | found)
    maps.write_csv(output / "people.csv", "person", report.people)
    return text


def read(annotations: pathlib.Path) -> Annotations:
    """The annotations; UserError where nobody in them has points."""
    held = densepose_coco.read(annotations)
    if not any(len(person.points) for person in held.people):
        raise UserError(f"{annotations}: nobody in it has points (dp_x, dp_y, ...); give DensePose-COCO's annotations")
    densepose_coco.need_runs()
    return held
