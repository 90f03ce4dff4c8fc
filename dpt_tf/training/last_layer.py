"""The last layer of U and V of a network of maps (`models.fcn`, Sec. 4.1), fitted anew by least squares.

The people it is fitted to have whole maps. A note on the shipped network is in docs/data.md.

It is linear in what the layers before it see, so where the layout of the charts changes, or a network is to follow
other people's, it is found in one pass over some batches; parts, person and facing stay what they were.
"""

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from dpt_tf.iuv import NUM_PARTS

LAYER = "uv"


def refit(network: keras.Model, batches: Iterable, pull: float = 0.03) -> int:
    """Sets kernel and bias of the layer `uv` in place.

    For each part the squares of what is off at its own pixels are least, with those of the weights' own change, which
    count `pull` times the mean square of a feature: what was seen seldom keeps its weights.

    Args:
      network: `models.fcn`'s.
      batches: dicts of `photo` `[B, S, S, 3]`, `part` int32 `[B, S, S]` and `uv` `[B, S, S, 2]` in 0..1, or tuples
        that hold them.
      pull: as above.

    Returns:
      How many places of the network's output it was fitted to: those whose pixels are all of one part.
    """
    layer = network.get_layer(LAYER)
    kernel, bias = (weight.numpy() for weight in layer.weights)
    side, features = kernel.shape[0], keras.Model(network.input, layer.input)
    was = np.concatenate([kernel.reshape(-1, 2 * NUM_PARTS), bias[None]]).astype(float)
    squares = np.zeros([NUM_PARTS, len(was), len(was)])
    products, count = np.zeros([NUM_PARTS, len(was), 2]), 0
    for batch in batches:
        given = _given(batch)
        seen = tf.cast(features(given["photo"], training=False), tf.float32)
        around = tf.image.extract_patches(seen, [1, side, side, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME").numpy()
        parts = _places(np.asarray(given["part"]), seen.shape[1])  # [B, S/s, S/s, s * s]
        uv = np.stack([_places(np.asarray(given["uv"])[..., k], seen.shape[1]).mean(-1) for k in range(2)], -1)
        whole = (parts == parts[..., :1]).all(-1)
        for part in range(1, NUM_PARTS + 1):
            here = whole & (parts[..., 0] == part)
            x = np.concatenate([around[here], np.ones([here.sum(), 1])], 1).astype(float)
            squares[part - 1] += x.T @ x
            products[part - 1] += x.T @ uv[here]
            count += len(x)
    new = was.copy()
    for part in range(NUM_PARTS):
        columns = [part, NUM_PARTS + part]
        held = squares[part] + (pull * np.trace(squares[part]) / len(was) + 1e-6) * np.eye(len(was))
        new[:, columns] += np.linalg.solve(held, products[part] - squares[part] @ was[:, columns])
    layer.set_weights([new[:-1].reshape(kernel.shape), new[-1]])
    return count


def _given(batch):
    parts = batch if isinstance(batch, tuple) else (batch,)
    return {name: value for one in parts if isinstance(one, dict) for name, value in one.items()}


def _places(plane, side):
    """`[B, S, S]` -> `[B, side, side, s * s]`: the pixels that each place of an output stands for."""
    s = plane.shape[1] // side
    return plane.reshape(len(plane), side, s, side, s).transpose(0, 1, 3, 2, 4).reshape(len(plane), side, side, s * s)
