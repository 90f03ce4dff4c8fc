"""Geodesic point similarity and its average precision, as DensePose-COCO scores detections of people.

  GPS  = mean over the points of a person of exp(-d^2 / (2 kappa^2)), d along the surface between where a point is and
         where it was put; 0 for a point that was put nowhere
  GPSm = sqrt(GPS * IoU), of the masks, so that calling everything person does not pay

AP is COCO's with GPS (or GPSm) in the place of the boxes' IoU: detections take people greedily, the surest first, at
each of ten thresholds 0.5, 0.55, ..., 0.95; precision is read off at 101 recalls, and all are averaged. People without
points are ignored, crowds among them: what covers their box neither counts nor costs. At most 20 detections a photo.

Two kappas are in use, and a number without its kappa says nothing:

  2018   0.255 everywhere, of the paper and the first challenge
  2019   the mean distance on the point's own part, which Detectron2's tables (GPS AP 65.6, GPSm AP 66.7 for R50-DL) use

Sources: Guler, Neverova, Kokkinos, DensePose, CVPR 2018, Sec. 2.3; the evaluation in Detectron2's projects/DensePose,
of which one habit is kept: whether a detection that takes nobody lies on an ignored person is asked at the last
threshold, and the answer is for all of them.
"""

import dataclasses

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST_DETECTIONS = 20
_ON_IGNORED = 0.8  # IoU of boxes

# Torso, hands, feet, upper legs, lower legs, upper arms, lower arms, head; and how many parts each has, in their order.
_MEAN_DISTANCES = ((0.351, 2), (0.107, 2), (0.126, 2), (0.237, 4), (0.173, 4), (0.142, 4), (0.128, 4), (0.150, 2))
KAPPAS = {
    "2018": np.array([np.nan, *24 * [0.255]]),
    "2019": np.array([np.nan, *(mean for mean, parts in _MEAN_DISTANCES for _ in range(parts))]),
}
"""kappa by the part that a point is on, `[25]`."""

AREAS = {"all": (0.0, 1e10), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Pixels of people, by COCO's words; who is smaller or larger is ignored."""


def gps(distances: np.ndarray, part: np.ndarray, kappa: str) -> float:
    """Mean exp(-d^2 / (2 kappa^2)) over the points of a person; 0 where there is none.

    Args:
      distances: `[n]`, infinite for a point that was put off the body.
      part: int `[n]`, 1..24, on which the points truly are.
      kappa: one of `KAPPAS`.
    """
    if not len(distances):
        return 0.0
    return float(np.exp(-(distances**2) / (2 * KAPPAS[kappa][part] ** 2)).mean())


def box_ious(found: np.ndarray, true: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """IoU of boxes (x, y, width, height), `[D, 4]` and `[G, 4]` -> `[D, G]`; of a crowd, the share of D in it."""
    ends = np.minimum((found[:, :2] + found[:, 2:])[:, None], true[:, :2] + true[:, 2:])
    sides = np.maximum(0, ends - np.maximum(found[:, None, :2], true[:, :2]))
    shared, own = sides.prod(-1), found[:, 2:].prod(-1)[:, None]
    whole = np.where(crowd, own, own + true[:, 2:].prod(-1) - shared)
    return shared / np.maximum(whole, 1e-12)


@dataclasses.dataclass(frozen=True)
class Photo:
    """What the D detections and G people of one photo come down to."""

    similarity: np.ndarray
    """`[D, G]`: GPS or GPSm; 0 for people without points."""
    overlap: np.ndarray
    """`[D, G]`: IoU of boxes."""
    scores: np.ndarray
    """`[D]`."""
    found_area: np.ndarray
    """`[D]`, of boxes."""
    area: np.ndarray
    """`[G]`, of people."""
    ignored: np.ndarray
    """bool `[G]`: without points."""
    crowd: np.ndarray
    """bool `[G]`."""


@dataclasses.dataclass(frozen=True)
class _Matched:
    scores: np.ndarray  # [D]
    taken: np.ndarray  # bool [T, D]
    ignored: np.ndarray  # bool [T, D]
    people: int


class AveragePrecision:
    """Streams photos; a few numbers a detection are kept."""

    def __init__(self) -> None:
        self._photos: dict[str, list[_Matched]] = {name: [] for name in AREAS}

    def update(self, photo: Photo) -> None:
        """Adds a photo; the order of photos decides between detections of equal scores."""
        for name, area in AREAS.items():
            self._photos[name].append(_match(photo, *area))

    def result(self) -> dict[str, float]:
        """AP, AP50, AP75, APm and APl (medium and large people), AR, all in 0..1; NaN where there is nobody to find."""
        precisions, recalls = {}, {}
        for name, photos in self._photos.items():
            precisions[name], recalls[name] = _curves(photos)
        every = precisions["all"]
        return {
            "AP": float(every.mean()),
            "AP50": float(every[0].mean()),
            "AP75": float(every[5].mean()),
            "APm": float(precisions["medium"].mean()),
            "APl": float(precisions["large"].mean()),
            "AR": float(recalls["all"].mean()),
        }


def _match(photo: Photo, least: float, most: float) -> _Matched:
    """Who takes whom, at every threshold."""
    order = np.argsort(-photo.scores, kind="stable")[:MOST_DETECTIONS]
    ignored = photo.ignored | (photo.area < least) | (photo.area > most)
    people = np.argsort(ignored, kind="stable")
    similarity, overlap = photo.similarity[np.ix_(order, people)], photo.overlap[np.ix_(order, people)]
    ignored, crowd = ignored[people], photo.crowd[people]
    shape = len(THRESHOLDS), len(order)
    taken, off = np.zeros(shape, bool), np.full(shape, bool(ignored.all()))
    gone = np.zeros((len(THRESHOLDS), len(people)), bool)
    for t, threshold in enumerate(THRESHOLDS):
        for d in range(len(order)):
            one = _best(similarity[d], min(threshold, 1 - 1e-10), gone[t] & ~crowd, ignored)
            if one >= 0:
                taken[t, d], gone[t, one], off[t, d] = True, True, ignored[one]
    for idle in np.flatnonzero(~taken[-1]):
        free = np.flatnonzero((~gone[-1] | crowd) & (overlap[idle] >= _ON_IGNORED))[::-1]
        if len(free):
            one = int(free[np.argmax(overlap[idle][free])])
            off[:, idle] = ignored[one]
            if ignored[one]:
                taken[-1, idle] = gone[-1, one] = True
    outside = (photo.found_area[order] < least) | (photo.found_area[order] > most)
    return _Matched(photo.scores[order], taken, off | (~taken & outside), int((~ignored).sum()))


def _best(similarity: np.ndarray, threshold: float, gone: np.ndarray, ignored: np.ndarray) -> int:
    """The person most like a detection, the last of equals, those that are not ignored first; -1 for nobody."""
    for group in (~ignored, ignored):
        able = np.flatnonzero(group & ~gone & (similarity >= threshold) & (similarity > 0))
        if len(able):
            return int(able[::-1][np.argmax(similarity[able[::-1]])])
    return -1


def _curves(photos: list[_Matched]) -> tuple[np.ndarray, np.ndarray]:
    """Precision `[T, 101]` and the recall reached `[T]`; NaN where there is nobody to find."""
    people = sum(photo.people for photo in photos)
    precision, recall = np.zeros((len(THRESHOLDS), len(RECALLS))), np.zeros(len(THRESHOLDS))
    if not people:
        return precision * np.nan, recall * np.nan
    order = np.argsort(-np.concatenate([photo.scores for photo in photos]), kind="stable")
    taken = np.concatenate([photo.taken for photo in photos], axis=1)[:, order]
    counted = ~np.concatenate([photo.ignored for photo in photos], axis=1)[:, order]
    for t in range(len(THRESHOLDS)):
        hits, misses = np.cumsum(taken[t] & counted[t]), np.cumsum(~taken[t] & counted[t])
        if not len(hits):
            continue
        reached, exact = hits / people, hits / np.maximum(hits + misses, 1)
        recall[t] = reached[-1]
        falling = np.maximum.accumulate(exact[::-1])[::-1]
        at = np.searchsorted(reached, RECALLS, side="left")
        precision[t] = np.where(at < len(falling), falling[np.minimum(at, len(falling) - 1)], 0)
    return precision, recall
