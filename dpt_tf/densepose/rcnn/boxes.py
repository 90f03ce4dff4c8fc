"""Anchors, deltas, and which boxes are left: from the pyramid's numbers to where people are.

  boxes `[N, 4]` (x0, y0, x1, y1) in the resized picture's pixels, corners of pixels
  deltas `[N, 4]` (dx, dy, dw, dh): the centre moves by dx widths and dy heights, the sides grow by exp(dw), exp(dh)

Ren et al. 2015. A side grows 1000 / 16 times at most.
"""

import math

import numpy as np
import tensorflow as tf

_RATIOS = (0.5, 1.0, 2.0)  # height / width
_SIDES = {2: 32, 3: 64, 4: 128, 5: 256, 6: 512}
_MOST_GROWTH = math.log(1000 / 16)
_PROPOSALS_A_LEVEL, _PROPOSALS, _PROPOSAL_OVERLAP = 1000, 1000, 0.7
_DETECTIONS, _DETECTION_OVERLAP, _LEAST_SCORE = 100, 0.5, 0.05
_BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)


def anchors(level: int, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Of every cell of a level, one for each ratio, centred at its corner: `[height * width * 3, 4]`."""
    side = _SIDES[level]
    sizes = [(side / math.sqrt(ratio), side * math.sqrt(ratio)) for ratio in _RATIOS]
    around = np.array([(-w / 2, -h / 2, w / 2, h / 2) for w, h in sizes], np.float32)
    x, y = (tf.cast(tf.range(count), tf.float32) * 2**level for count in (width, height))
    x, y = tf.meshgrid(x, y)
    return tf.reshape(tf.stack([x, y, x, y], -1)[:, :, None] + around, [-1, 4])


def moved(boxes: tf.Tensor, deltas: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The boxes with their deltas applied, cut to a picture of `size` (height, width): `[N, 4]`."""
    sides = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + 0.5 * sides + deltas[:, :2] * sides
    half = 0.5 * tf.exp(tf.minimum(deltas[:, 2:], _MOST_GROWTH)) * sides
    limit = tf.cast(tf.tile(size[::-1], [2]), tf.float32)
    return tf.clip_by_value(tf.concat([centre - half, centre + half], -1), 0.0, limit)


def suppressed(boxes: tf.Tensor, scores: tf.Tensor, overlap: float, most: int) -> tf.Tensor:
    """Places of the boxes that are left, the surest first: each drops those that overlap it by more than `overlap`.

    The overlap is intersection over union; boxes without area are dropped by nobody, and left out before.
    """
    return tf.image.non_max_suppression(boxes, scores, most, overlap)


def _with_area(boxes: tf.Tensor) -> tf.Tensor:
    return tf.reduce_all(boxes[:, 2:] > boxes[:, :2], -1)


def proposed(levels: dict[int, tuple[tf.Tensor, tf.Tensor]], size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where somebody might be: `-> (boxes [N, 4], logits [N])`, N at most 1000, the likeliest first.

    Args:
      levels: of each level its logits `[1, h, w, 3]` and deltas `[1, h, w, 12]`.
      size: int32 (height, width) of the picture.
    """
    boxes, scores = [], []
    for level, (logits, deltas) in levels.items():
        shape = tf.shape(logits)
        flat = tf.reshape(logits, [-1])
        best, place = tf.math.top_k(flat, tf.minimum(_PROPOSALS_A_LEVEL, tf.size(flat)))
        start = tf.gather(anchors(level, shape[1], shape[2]), place)
        box = moved(start, tf.gather(tf.reshape(deltas, [-1, 4]), place), size)
        usable = _with_area(box)
        box, best = box[usable], best[usable]
        left = suppressed(box, best, _PROPOSAL_OVERLAP, _PROPOSALS_A_LEVEL)
        boxes.append(tf.gather(box, left))
        scores.append(tf.gather(best, left))
    every, score = tf.concat(boxes, 0), tf.concat(scores, 0)
    score, place = tf.math.top_k(score, tf.minimum(_PROPOSALS, tf.size(score)))
    return tf.gather(every, place), score


def detected(proposals: tf.Tensor, logits: tf.Tensor, deltas: tf.Tensor, size: tf.Tensor):
    """Where people are: `-> (boxes [N, 4], scores [N])`, N at most 100, scores in (0.05, 1], the surest first."""
    scores = tf.nn.softmax(logits)[:, 0]
    boxes = moved(proposals, deltas / _BOX_WEIGHTS, size)
    sure = scores > _LEAST_SCORE
    boxes, scores = boxes[sure], scores[sure]
    left = suppressed(boxes, scores, _DETECTION_OVERLAP, _DETECTIONS)
    return tf.gather(boxes, left), tf.gather(scores, left)
