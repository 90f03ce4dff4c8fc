"""Maps of a video that do not flicker: each pixel's part is voted on by the last frames, U and V are their mean.

Frames come one by one and none is waited for. What the last frames said is first carried along with the motion: for
each neighbourhood that one of a few small shifts is taken which makes photo and map of the last frame look most like
those of this one. Where none does (fast motion, what was hidden comes to light), the past is forgotten there, and the
map stays as it is.

  photo uint8 `[H, W, 3]`   map uint8 `[H, W, 3]` (I, U, V)
"""

from collections.abc import Iterable

import numpy as np
import scipy

from dpt_tf.iuv import NUM_PARTS

WINDOW = 5  # frames that vote
_SIDE = 128  # motion is looked for on the body reduced to about so many pixels
_REACH = 3  # of them, from frame to frame
_NEAR = 7  # pixels of a neighbourhood, likewise
_REST = 0.004  # what each pixel of a shift costs, so that what does not move stays
_MOST_CHANGE = 0.06  # of the photo, in 0..1
_MOST_DRIFT = 0.35  # of U and V where the parts are the same, as `_compared` measures it
_SHIFTS = [(down, right) for down in range(-_REACH, _REACH + 1) for right in range(-_REACH, _REACH + 1)]
_UNKNOWN = 255  # as part: the past says nothing here


class SteadyMaps:
    """The maps of one person, frame by frame."""

    def __init__(self, window: int = WINDOW):
        """`window` frames vote, the present one among them; with 1 maps stay as they are."""
        self._window = window
        self._past: list[np.ndarray] = []  # as they lie over the last frame, the newest last
        self._last: tuple[np.ndarray, np.ndarray] | None = None  # photo, reduced, and map of the last frame
        self._factor = 0

    def __call__(self, photo: np.ndarray, iuv: np.ndarray) -> np.ndarray:
        """The steadied map of the next frame, uint8 `[H, W, 3]`.

        Raises:
          ValueError: photo and map, or this frame and the last, differ in size.
        """
        if photo.shape != iuv.shape or (self._last is not None and self._last[1].shape != iuv.shape):
            raise ValueError(f"a photo of {photo.shape} and a map of {iuv.shape}: frames and maps have one size")
        bodies = [iuv] if self._last is None else [iuv, self._last[1]]
        box = _box_of(bodies)
        if box is None:
            self.forget()
            return iuv
        self._factor = self._factor or max(1, round(max(side.stop - side.start for side in box) / _SIDE))
        small = _reduced(photo, self._factor)
        answer = iuv
        if self._last is not None and self._window > 1:
            box = _aligned(box, self._factor, _REACH + _NEAR, iuv.shape[:2])
            rows, columns, known = self._motion(small, iuv, box)
            self._past = [_carried(past, rows, columns, known, box) for past in self._past[-(self._window - 1) :]]
            answer = iuv.copy()
            answer[box] = _vote([past[box] for past in self._past], iuv[box])
        self._past.append(iuv)
        self._last = small, iuv
        return answer

    def forget(self) -> None:
        """The person is out of sight: what comes next begins anew."""
        self._past, self._last = [], None

    def _motion(self, small: np.ndarray, iuv: np.ndarray, box) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each pixel of the box was in the last frame: `-> (row, column, whether that is known)`, `[h, w]`."""
        assert self._last is not None
        last_photo, last_map = self._last
        factor = self._factor
        inner = tuple(slice(side.start // factor, -(-side.stop // factor)) for side in box)
        middle = factor // 2
        here = small[inner], _thinned(iuv, factor, middle)[inner]
        pad = ((_REACH, _REACH), (_REACH, _REACH))
        photo = np.pad(last_photo, pad, mode="edge")
        maps = np.pad(_thinned(last_map, factor, middle), (*pad, (0, 0)))
        best = np.full(here[0].shape, np.inf, np.float32)
        chosen = np.zeros(best.shape, np.int32)

        def compared(down: int, right: int) -> tuple[np.ndarray, ...]:
            there = tuple(
                slice(side.start + _REACH - shift, side.stop + _REACH - shift)
                for side, shift in zip(inner, (down, right), strict=True)
            )
            return np.abs(here[0] - photo[there]), *_compared(here[1], maps[there])

        for number, shift in enumerate(_SHIFTS):
            change, alike, _, drift = compared(*shift)
            cost = _near(change + 0.3 * (1 - alike + drift)) + _REST * np.hypot(*shift)
            better = cost < best
            best[better] = cost[better]
            chosen[better] = number
        known = np.zeros(best.shape, bool)
        for number in np.unique(chosen):
            # The best shift of all that were tried is none where a farther one may be better.
            if np.abs(_SHIFTS[number]).max() < _REACH:
                change, _, shared, drift = map(_near, compared(*_SHIFTS[number]))
                here_too = (change <= _MOST_CHANGE) & (drift <= _MOST_DRIFT * shared + 1e-6)
                known |= (chosen == number) & here_too
        moved = np.moveaxis(np.array(_SHIFTS)[chosen], -1, 0)
        height, width = (side.stop - side.start for side in box)
        moved, known = (_enlarged(field, factor, height, width) for field in (moved * factor, known))
        rows = np.arange(box[0].start, box[0].stop)[:, None] - moved[0]
        columns = np.arange(box[1].start, box[1].stop)[None] - moved[1]
        known &= (rows >= 0) & (rows < iuv.shape[0]) & (columns >= 0) & (columns < iuv.shape[1])
        return np.where(known, rows, 0), np.where(known, columns, 0), known


def _near(field: np.ndarray) -> np.ndarray:
    """The mean over each pixel's neighbourhood."""
    return scipy.ndimage.uniform_filter(field, _NEAR)


def _box_of(maps: Iterable[np.ndarray]) -> tuple[slice, slice] | None:
    body = np.logical_or.reduce([iuv[..., 0] > 0 for iuv in maps])
    if not body.any():
        return None
    rows, columns = (np.flatnonzero(body.any(axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _aligned(box, factor: int, margin: int, size) -> tuple[slice, slice]:
    """The box with a margin, beginning at whole reduced pixels."""
    first, second = (
        slice(max(0, side.start // factor - margin) * factor, min(length, side.stop + margin * factor))
        for side, length in zip(box, size, strict=True)
    )
    return first, second


def _reduced(photo: np.ndarray, factor: int) -> np.ndarray:
    """The photo's grey, each of `factor` x `factor` pixels their mean, in 0..1: float32 `[ceil(H/f), ceil(W/f)]`."""
    grey = photo.astype(np.float32).mean(-1) / 255
    spare = [(0, -length % factor) for length in grey.shape]
    grey = np.pad(grey, spare, mode="edge")
    return grey.reshape(grey.shape[0] // factor, factor, -1, factor).mean((1, 3))


def _thinned(iuv: np.ndarray, factor: int, middle: int) -> np.ndarray:
    """One pixel of each `factor` x `factor`, int16; the last ones may be narrower."""
    spare = [(0, -length % factor) for length in iuv.shape[:2]]
    return np.pad(iuv, (*spare, (0, 0)), mode="edge")[middle::factor, middle::factor].astype(np.int16)


def _compared(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each pixel, as float32: are the parts the same, are they and the body's, and how far U and V lie apart then.

    The last is four times the difference, 1 at most.
    """
    alike = (one[..., 0] == other[..., 0]).astype(np.float32)
    body = alike * (one[..., 0] > 0)
    apart = np.abs(one[..., 1] - other[..., 1]) + np.abs(one[..., 2] - other[..., 2])  # three times as quick as a sum
    apart = apart * np.float32(4 / 255)
    return alike, body, np.minimum(apart, 1) * body


def _enlarged(field: np.ndarray, factor: int, height: int, width: int) -> np.ndarray:
    return field.repeat(factor, -2).repeat(factor, -1)[..., :height, :width]


def _carried(past: np.ndarray, rows: np.ndarray, columns: np.ndarray, known: np.ndarray, box) -> np.ndarray:
    """What was said about the last frame, over this one."""
    moved = np.zeros_like(past)
    moved[..., 0] = _UNKNOWN
    moved[box] = np.where(known[..., None], past[rows, columns], moved[box])
    return moved


def _vote(past: list[np.ndarray], present: np.ndarray) -> np.ndarray:
    """The part that most frames say, the present one's where none has more; U and V are the mean over those frames."""
    ballots = np.stack([present, *past[::-1]])
    parts = ballots[..., 0]
    count = (parts == parts[0]).sum(0)
    chosen = parts[0].copy()
    for part in parts[1:]:
        votes = np.where(part == _UNKNOWN, 0, (parts == part).sum(0))
        chosen = np.where(votes > count, part, chosen)
        count = np.maximum(votes, count)
    agree = (parts == chosen)[..., None]
    mean = (ballots[..., 1:] * agree).sum(0, dtype=np.uint16) / np.maximum(agree.sum(0), 1)
    return np.concatenate([chosen[..., None], mean.round().astype(np.uint8)], axis=-1)


def flicker(maps: Iterable[np.ndarray], motion: int = 2) -> float:
    """How much of the body changes its part from frame to frame more than motion explains: 0..1, lower is better.

    Of two frames that follow each other those pixels count which have a part (or background) that the other frame has
    nowhere within `motion` pixels; over the pixels on which either shows the body, the mean over all frames.

    Args:
      maps: uint8 `[H, W, 3]`, in the order of time.
      motion: the largest motion from frame to frame, in pixels; what moves farther counts as flicker.
    """
    shares, last = [], None
    for iuv in maps:
        part = iuv[..., 0]
        if last is not None:
            body = (part > 0) | (last > 0)
            odd = _without_like(part, last, motion) | _without_like(last, part, motion)
            shares.append(float((odd & body).sum() / max(body.sum(), 1)))
        last = part
    return float(np.mean(shares)) if shares else 0.0


def _without_like(part: np.ndarray, other: np.ndarray, motion: int) -> np.ndarray:
    """Where a part lies that the other frame has nowhere near: bool `[H, W]`."""
    odd = np.zeros(part.shape, bool)
    for number in range(NUM_PARTS + 1):
        here = part == number
        if here.any():
            odd |= here & (scipy.ndimage.maximum_filter((other == number).astype(np.uint8), 2 * motion + 1) == 0)
    return odd
