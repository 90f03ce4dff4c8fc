"""The whole R-CNN as four functions of tensors, each a graph that takes pictures of any size.

picture `[H, W, 3]` uint8 RGB, resized   pyramid {"p2": ..., "p6": ...}   decoded `[1, H/4, W/4, P]`
boxes `[N, 4]` (x0, y0, x1, y1) float32 in the picture's pixels   outputs `[N, 112, 112, 77]`, see `heads`
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dpt_tf.densepose.rcnn import backbone, boxes, heads, roi
from dpt_tf.densepose.rcnn.architecture import POOLED, Architecture

_MEAN = np.array([103.530, 116.280, 123.675], np.float32)  # of blue, green, red
_DIVISIBLE = 32
_PEOPLE_SIZE = 28


class Network:
    """The models of one architecture, without weights at first: `variables` names what is to be assigned."""

    def __init__(self, architecture: Architecture):
        """Builds all of it."""
        self.architecture = architecture
        self.backbone = backbone.create(architecture)
        self.proposals = heads.proposals(architecture)
        self.boxes = heads.boxes(architecture)
        self.decoder = heads.decoder(architecture)
        self.people = heads.people(architecture)
        level = [1, None, None, architecture.pyramid]
        pyramid = {f"p{number}": tf.TensorSpec(level) for number in range(2, 7)}
        some_boxes = tf.TensorSpec([None, 4])
        self.pyramid = tf.function(self._pyramid, [tf.TensorSpec([None, None, 3], tf.uint8)])
        self.detect = tf.function(self._detect, [pyramid, tf.TensorSpec([2], tf.int32)])
        self.propose = tf.function(self._propose, [pyramid, tf.TensorSpec([2], tf.int32)])
        self.decode = tf.function(self._decode, [pyramid])
        self.map = tf.function(self._map, [tf.TensorSpec(level), some_boxes])

    def variables(self) -> dict[str, Any]:
        """Every variable, as `LAYER/VARIABLE`."""
        models: tuple[keras.Model, ...] = self.backbone, self.proposals, self.boxes, self.decoder, self.people
        return {name: variable for model in models for name, variable in _named(model)}

    def _pyramid(self, picture):
        """Picture -> pyramid."""
        size = tf.shape(picture)[:2]
        x = tf.cast(picture[..., ::-1], tf.float32) - _MEAN
        below, right = tf.unstack(-size % _DIVISIBLE)
        return self.backbone(tf.pad(x, [[0, below], [0, right], [0, 0]])[None])

    def _propose(self, pyramid, size):
        """pyramid, (H, W) -> boxes where somebody may be, and their logits, the likeliest first."""
        return boxes.proposed({level: self.proposals(pyramid[f"p{level}"]) for level in range(2, 7)}, size)

    def _detect(self, pyramid, size):
        """pyramid, (H, W) -> boxes of people, and their scores, the surest first."""
        proposals, _ = self._propose(pyramid, size)
        logits, deltas = self.boxes(roi.align_levels(pyramid, proposals, POOLED))
        return boxes.detected(proposals, logits, deltas, size)

    def _decode(self, pyramid):
        """Pyramid -> decoded."""
        return self.decoder({name: pyramid[name] for name in ("p2", "p3", "p4", "p5")})

    def _map(self, decoded, people):
        """decoded, boxes -> outputs."""
        return self.people(roi.align(decoded, people, 4, _PEOPLE_SIZE))


def _named(model: keras.Model) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        yield from ((f"{layer.name}/{variable.name}", variable) for variable in layer.variables)
