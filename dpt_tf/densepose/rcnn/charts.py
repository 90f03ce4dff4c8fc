"""A person's outputs -> a map: logits are resized first, parts chosen after (Alp Guler et al. 2018).

  outputs `[112, 112, 77]`, see `heads`   labels `[h, w]` uint8 in 0..24   uv `[h, w, 2]` float32, about 0..1

The part of a pixel is the likeliest of 24 and background, where body is likelier than none; U and V are those of its
part. Resizing is bilinear with half-pixel centres and without smoothing.
"""

import numpy as np
import tensorflow as tf

from dpt_tf.densepose.estimator import Box
from dpt_tf.densepose.rcnn import heads

_STRIPE = 1 << 18  # pixels at once, which take some 100 bytes for each of 27 channels


def labelled(outputs: tf.Tensor, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The parts and U, V of a box of `height` x `width` pixels: `-> labels, uv`; uv is 0 off the body."""
    labels, uv = np.zeros((height, width), np.uint8), np.zeros((height, width, 2), np.float32)
    for rows, label, values in _stripes(outputs, height, width, 0, height, 0, width):
        labels[rows], uv[rows] = label, values
    return labels, uv


def paste(outputs: tf.Tensor, box: Box, height: int, width: int) -> np.ndarray:
    """The map of a photo of `height` x `width` pixels, with a person in `box`: uint8 `[H, W, 3]`.

    The person's pixels begin at the whole part of x0 and y0 and are as many as the whole part of the box's width and
    height says, 1 at least. U and V are cut to 0..1 and stored as the whole part of 255 times them.
    """
    made = np.zeros((height, width, 3), np.uint8)
    x, y, w, h = int(box[0]), int(box[1]), max(int(box[2] - box[0]), 1), max(int(box[3] - box[1]), 1)
    first, last, left, right = max(-y, 0), min(h, height - y), max(-x, 0), min(w, width - x)
    for rows, label, uv in _stripes(outputs, h, w, first, last, left, right):
        here = made[y + rows.start : y + rows.stop, x + left : x + right]
        here[..., 0] = label
        here[..., 1:] = np.clip(uv * np.float32(255), 0, 255)
    return made


def _stripes(outputs, height: int, width: int, first: int, last: int, left: int, right: int):
    """Some rows and columns of a box of `height` x `width`, a few rows at a time: (rows, labels, uv)."""
    if left >= right:
        return
    step = max(_STRIPE // (right - left), 1)
    columns = _neighbours(width, outputs.shape[1], left, right)
    for row in range(first, last, step):
        rows = slice(row, min(row + step, last))
        label, uv = _resized(outputs, *_neighbours(height, outputs.shape[0], rows.start, rows.stop), *columns)
        yield rows, label.numpy(), uv.numpy()


def _neighbours(size: int, of: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Of pixels `first` to `last` of `size`, where they lie among `of`: the pixel before, and how far behind it."""
    place = np.maximum((np.arange(first, last, dtype=np.float64) + 0.5) * (of / size) - 0.5, 0)
    before = np.minimum(place.astype(np.int32), of - 1)
    return before, (place - before).astype(np.float32)


_INDEX, _SHARE = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)


@tf.function(input_signature=[tf.TensorSpec([None, None, 77]), _INDEX, _SHARE, _INDEX, _SHARE])
def _resized(outputs, top, down, left, aside):
    coarse, fine, u, v = heads.split(outputs)
    below, right = tf.minimum(top + 1, tf.shape(outputs)[0] - 1), tf.minimum(left + 1, tf.shape(outputs)[1] - 1)
    down, aside = down[:, None, None], aside[:, None]

    def mixed(one, other, share):
        return one + (other - one) * share

    logits = tf.concat([coarse, fine], -1)
    rows = mixed(tf.gather(logits, top), tf.gather(logits, below), down)
    logits = mixed(tf.gather(rows, left, axis=1), tf.gather(rows, right, axis=1), aside)
    label = tf.argmax(logits[..., 2:], -1, tf.int32) * tf.cast(logits[..., 1] > logits[..., 0], tf.int32)
    charts = tf.stack([u, v], -1)  # [112, 112, 25, 2]

    def own(row, column):
        row, column = tf.broadcast_to(row[:, None], tf.shape(label)), tf.broadcast_to(column, tf.shape(label))
        return tf.gather_nd(charts, tf.stack([row, column, label], -1))

    aside = aside[:, 0, None]
    uv = mixed(
        mixed(own(top, left), own(top, right), aside),
        mixed(own(below, left), own(below, right), aside),
        down,
    )
    return tf.cast(label, tf.uint8), tf.where(label[..., None] > 0, uv, 0)
