"""Small networks of every kind, and batches for them."""

import keras
import numpy as np
import tensorflow as tf

from dpt_tf.models import (
    blending,
    completion,
    discriminator,
    generator,
    inpainting,
    layered,
    matting,
    predictive,
    warping,
)
from dpt_tf.models.composition import Composition
from dpt_tf.transfer import painter

S, R = 32, 32

PAPERS = {
    "predictive": lambda: predictive.build(S, width=4, residuals=1),
    "predictive_keypoints": lambda: predictive.build(S, 4, 1, "keypoints", "segmentation"),
    "inpainting": lambda: inpainting.build(R, width=2, context_size=8),
    "warping": lambda: warping.build(inpainting.build(R, 2, 8), S, R),
    "blending": lambda: blending.build(S, width=4, residuals=1),
    "generator": lambda: small_generator("full"),
    "generator_predictive": lambda: small_generator("predictive"),
    "generator_refinement": lambda: small_generator("refinement"),
    "generator_warping": lambda: small_generator("warping"),
    "discriminator": lambda: discriminator.build(S, width=4),
}
BEYOND = {
    "predictive_palette": lambda: predictive.build(S, 4, 1, palette=True),
    "completion": lambda: completion.build(R, width=4, context_size=8),
    "matting": lambda: matting.build(S, width=4),
    "layered": lambda: layered.build(S, width=4),
    "generator_layers": lambda: layers_generator(),
}
BUILDERS = PAPERS | BEYOND


def small_generator(blocks):
    return generator.build(S, R, 4, 1, 2, 8, 4, 1, blocks=blocks)


def layers_generator():
    return generator.build(S, R, 4, 1, 4, 8, 4, 1, palette=True, surface_prior=True, blending="layers")


def layers_painter(**provenance):
    """What `dpt_tf.load` gives of a run of such networks."""
    network = layers_generator()
    composition = Composition(network)
    halves = *painter.composing(*composition.halves()), tf.function(composition.surface, autograph=False)
    atlas_size = network.get_layer("warping").output["texture"].shape[2]
    return painter.Transfer(None, S, provenance, None, halves, atlas_size=atlas_size)


def example(shape, dtype, rng):
    """A batch for one input: pictures in [-1, 1], maps with every part in blocks, keypoints here and there."""
    if dtype == "uint8":
        part = rng.integers(0, 25, (shape[0], shape[1] // 4, shape[2] // 4)).repeat(4, 1).repeat(4, 2)
        return np.concatenate([part[..., None], rng.integers(0, 256, (*shape[:3], 2))], -1).astype(np.uint8)
    if dtype == "int32":
        return rng.integers(-1, S, shape).astype(np.int32)
    return rng.uniform(-1, 1, shape).astype(np.float32)


def batch(model, size=2, seed=0):
    rng = np.random.default_rng(seed)
    return keras.tree.map_structure(lambda i: tf.constant(example((size, *i.shape[1:]), i.dtype, rng)), model.input)


def close(a, b, tolerance=1e-3):
    # An instance norm of few positions of an unseen part, all alike, makes rounding 300 times larger, layer by layer.
    keras.tree.map_structure(lambda x, y: np.testing.assert_allclose(x, y, atol=tolerance, rtol=tolerance), a, b)


def in_bfloat16(build):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return build()
    finally:
        keras.config.set_dtype_policy("float32")


def spread(model):
    """Gives every weight a value of its own, so that zeros and ones hide nothing."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(weight + rng.normal(0, 0.05, weight.shape))
    return model
