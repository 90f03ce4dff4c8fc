"""People of plain colours in photos, walking people in sequences, and an estimator that knows a body by its colour."""

import numpy as np
from people import ramps
from scipy import ndimage

from dpt_tf.densepose.estimator import Person

RED = (200, 30, 30)


def photo(*people, height=96, width=80, backdrop=(90, 120, 90)):
    """A photo with a red rectangle for each of `people`, (x0, y0, x1, y1)."""
    made = np.full((height, width, 3), backdrop, np.uint8)
    for x0, y0, x1, y1 in people:
        made[y0:y1, x0:x1] = RED
    return made


class ByColour:
    """Whoever is red is a person: trunk above, thighs below. The larger the surer.

    With `margin` it says who is the person beside the body: so many pixels round it.
    """

    def __init__(self, name="by colour", margin=None):
        self.name, self.margin, self.asked = name, margin, []

    def people(self, photo, boxes=None):
        self.asked.append(boxes)
        red = (photo[..., 0] > 140) & (photo[..., 1] < 90) & (photo[..., 2] < 90)
        if boxes is not None:
            return [self._in(red, box, 1.0) for box in boxes]
        labels, _ = ndimage.label(red)
        found = []
        for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
            size = int((labels == number).sum())
            if size >= 40:
                box = (columns.start, rows.start, columns.stop, rows.stop)
                found.append(self._in(labels == number, box, round(min(1.0, size / red.size * 2), 4)))
        return sorted(found, key=lambda person: -person.score)

    def _in(self, red, box, score):
        x0, y0, x1, y1 = (round(side) for side in box)
        x0, y0 = max(x0, 0), max(y0, 0)
        iuv = np.zeros((*red.shape, 3), np.uint8)
        middle = (y0 + y1) // 2
        ramps(iuv, slice(y0, middle), slice(x0, x1), 2)
        ramps(iuv, slice(middle, y1), slice(x0, x1), 9)
        iuv = np.where(red[..., None], iuv, 0).astype(np.uint8)
        coverage = None
        if self.margin is not None:
            body = ndimage.binary_dilation(iuv[..., 0] > 0, np.ones((3, 3)), self.margin)
            coverage = (255 * body[..., None]).astype(np.uint8)
        return Person(tuple(map(float, box)), score, iuv, coverage)


def walking(frames=16, height=120, width=110, speed=4.0, seed=0):
    """Somebody who sways a little and swings an arm fast: `-> (photos, true maps, where the arm is)`."""
    random = np.random.default_rng(seed)
    cloth = ndimage.gaussian_filter(random.uniform(60, 200, (40, 40, 3)), (1, 1, 0)).astype(np.uint8)
    wall = ndimage.gaussian_filter(random.uniform(0, 255, (height, width, 3)), (2, 2, 0)).astype(np.uint8)
    photos, maps, arms = [], [], []
    for frame in range(frames):
        iuv = np.zeros((height, width, 3), np.uint8)
        sway = round(2 * np.sin(frame / 3))
        ramps(iuv, slice(30, 75), slice(40 + sway, 70 + sway), 2)
        ramps(iuv, slice(75, 110), slice(40 + sway, 55 + sway), 9)
        ramps(iuv, slice(75, 110), slice(55 + sway, 70 + sway), 10)
        ramps(iuv, slice(10, 30), slice(47 + sway, 62 + sway), 23)
        top = int(10 + speed * frame) % (height - 60)
        ramps(iuv, slice(top, top + 40), slice(72 + sway, 82 + sway), 17)
        look = cloth[iuv[..., 2].astype(int) * 39 // 255, iuv[..., 1].astype(int) * 39 // 255] + iuv[..., :1] * 2
        photos.append(np.where(iuv[..., :1] > 0, look, wall).astype(np.uint8))
        maps.append(iuv)
        arms.append(iuv[..., 0] == 17)
    return photos, maps, arms


def noisy(maps, seed=1, patches=8):
    """What a network makes of them: wrong parts and holes, other ones in each frame, and U, V that tremble."""
    random = np.random.default_rng(seed)
    made = []
    for iuv in maps:
        body = iuv[..., 0] > 0
        trembling = iuv[..., 1:] + random.normal(0, 6, iuv[..., 1:].shape)
        one = np.concatenate([iuv[..., :1], trembling.clip(0, 255).round().astype(np.uint8)], -1)
        rows, columns = np.nonzero(body)
        for pick in random.integers(len(rows), size=patches):
            y, x, side = rows[pick], columns[pick], random.integers(4, 10)
            one[y : y + side, x : x + side] = (random.choice([0, 1, 7, 15, 20]), *random.integers(0, 256, 2))
        one[one[..., 0] == 0] = 0
        one[~ndimage.binary_dilation(body, iterations=2)] = 0
        made.append(one)
    return made
