"""The last layer of U and V, fitted anew: what is linear in the features is found, and what was not seen stays."""

import numpy as np
import tensorflow as tf

from dpt_tf.models import fcn
from dpt_tf.training import last_layer

S = 32


def test_a_linear_truth_is_found_and_a_part_that_nobody_showed_stays():
    tf.keras.utils.set_random_seed(0)
    network, truth = (fcn.build(S, "small", 32) for _ in range(2))
    for mine, theirs in zip(network.layers, truth.layers, strict=True):
        theirs.set_weights(mine.get_weights())
    layer, other = (of.get_layer("uv") for of in (network, truth))
    random = np.random.default_rng(0)
    other.set_weights([weight + 0.1 * random.normal(size=weight.shape) for weight in other.get_weights()])
    batches = []
    for _ in range(12):
        photo = tf.constant(random.uniform(-1, 1, [4, S, S, 3]), tf.float32)
        said = truth(photo, training=False)["uv"].numpy()
        part = np.repeat(np.repeat(random.integers(0, 24, said.shape[:3]), 2, 1), 2, 2)  # 24 is never shown
        large = np.repeat(np.repeat(said.reshape(*said.shape[:3], 2, 24), 2, 1), 2, 2)
        uv = np.take_along_axis(large, np.maximum(part - 1, 0)[..., None, None].repeat(2, -2), -1)[..., 0]
        batches.append(({"photo": photo}, {"part": part.astype(np.int32), "uv": uv.astype(np.float32)}))
    before = [weight.copy() for weight in layer.get_weights()]
    shown = sum(int((batch[1]["part"][:, ::2, ::2] > 0).sum()) for batch in batches)
    assert last_layer.refit(network, batches, pull=1e-9) == shown
    photo = batches[0][0]["photo"]
    ours, theirs = (of(photo, training=False)["uv"].numpy().reshape(-1, 2, 24) for of in (network, truth))
    off = np.abs(ours - theirs)
    assert np.quantile(off[..., :23], 0.99) < 0.01 and np.median(off[..., 23]) > 0.05
    for was, now in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_allclose(now.reshape(-1, 2, 24)[..., 23], was.reshape(-1, 2, 24)[..., 23], atol=1e-6)
