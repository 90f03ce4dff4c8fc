"""The paper's sizes as plain facts, and what a generator is made of."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import BUILDERS, R, S, batch, close, layers_generator, small_generator, spread

from dpt_tf.config import BLOCKS
from dpt_tf.models import blending, discriminator, generator, inpainting, layered, predictive, warping
from dpt_tf.ops import atlas, backdrop, surface

choices = pytest.mark.parametrize("blocks", BLOCKS)


@pytest.fixture(autouse=True)
def the_same_first_weights_every_time():
    keras.utils.set_random_seed(0)


def test_the_predictive_network_has_the_sizes_of_section_3_1():
    model = predictive.build()
    kernels = [tuple(w.shape) for w in model.weights if w.name == "kernel"]
    trunk = [(3, 3, 256, 256)] * 12
    decoder = [(3, 3, 128, 256), (3, 3, 64, 128), (3, 3, 64, 3)]
    assert kernels == [(3, 3, 9, 64), (3, 3, 64, 128), (3, 3, 128, 256), *trunk, *decoder]
    assert model.get_layer("residual_6").output.shape == (None, 64, 64, 256)


def test_the_inpainting_network_has_the_sizes_of_table_6():
    model = inpainting.build(context_size=1)  # the context of 256 numbers alone takes 800 MB
    kernels = {w.path: tuple(w.shape) for w in model.weights if w.name == "kernel"}
    assert list(kernels.values()) == [
        (24, 3, 3, 3, 32),
        (24, 3, 3, 32, 32),
        (24, 3, 3, 32, 64),
        (24, 3, 3, 64, 128),
        (24 * 128 * 16 * 16, 1),
        (1, 1),
        (24, 3, 3, 128 + 1, 64),
        (24, 3, 3, 64, 32),
        (24, 3, 3, 32, 32),
        (24, 3, 3, 32, 3),
    ]


@pytest.mark.slow
def test_the_context_layer_has_the_201_million_weights_of_the_paper():
    model = inpainting.build()
    assert tuple(model.get_layer("context_1").kernel.shape) == (786432, 256)
    assert tuple(model.get_layer("decode_1").kernel.shape) == (24, 3, 3, 384, 64)


def test_a_patch_of_the_discriminator_is_70_pixels_wide():
    model = spread(discriminator.build(256, width=2))
    assert model.output.shape == (None, 30, 30, 1)
    convolutions = keras.Sequential([layer for layer in model.layers if "norm" not in layer.name][5:])
    planes = tf.zeros([1, 256, 256, 9])
    with tf.GradientTape() as tape:
        tape.watch(planes)
        score = convolutions(planes)[0, 15, 14, 0]
    rows, columns = np.nonzero(np.any(tape.gradient(score, planes)[0], -1))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (70, 70)


def test_warping_keeps_what_was_seen_and_imagines_the_rest():
    inpaint = BUILDERS["inpainting"]()
    model = warping.build(inpaint, S, R)
    inputs = batch(model)
    outputs = model(inputs)
    seen, observed = model.get_layer("unwrap")(inputs["source"], inputs["source_iuv"])
    assert 0 < observed.numpy().mean() < 1
    np.testing.assert_allclose(outputs["texture"], np.where(observed == 1, seen, inpaint(seen)), atol=1e-6)
    np.testing.assert_array_equal(outputs["observed"], observed)


def test_without_an_inpainting_network_what_was_not_seen_stays_0():
    model = warping.build(image_size=S, atlas_size=R)
    assert model.weights == []
    inputs = batch(model)
    outputs = model(inputs)
    seen, observed = model.get_layer("unwrap")(inputs["source"], inputs["source_iuv"])
    assert 0 < observed.numpy().mean() < 1
    np.testing.assert_array_equal(outputs["texture"], seen)
    np.testing.assert_array_equal(outputs["texture"].numpy()[observed[..., 0] == 0], 0)
    np.testing.assert_array_equal(outputs["warped"], atlas.sample(seen, inputs["target_iuv"]))
    assert np.any(outputs["warped"].numpy()[outputs["provenance"][..., 0] == 1])
    np.testing.assert_array_equal(outputs["warped"].numpy()[outputs["provenance"][..., 0] == 0], 0)


@choices
def test_a_generator_has_the_weights_of_its_blocks_and_no_others(blocks):
    model = small_generator(blocks)
    parts = {
        "predictive": predictive.build(S, 4, 1),
        "inpainting": inpainting.build(R, 2, 8),
        "blending": blending.build(S, 4, 1, sees_warped=blocks != "refinement"),
    }
    has = {"predictive": ["predictive"], "full": list(parts)}.get(blocks, ["predictive", "blending"])
    shapes = [tuple(w.shape) for name in has for w in parts[name].weights]
    assert [tuple(w.shape) for w in model.weights] == shapes


@choices
def test_every_generator_tells_the_same_things(blocks):
    outputs, full = small_generator(blocks).output, small_generator("full").output
    assert {name: y.shape for name, y in outputs.items()} == {name: y.shape for name, y in full.items()}


@choices
def test_every_weight_of_a_generator_bears_on_its_picture(blocks):
    model = spread(small_generator(blocks))
    inputs = batch(model)
    with tf.GradientTape() as tape:
        image = model(inputs)["image"]
        loss = tf.reduce_sum(image * np.random.default_rng(2).normal(size=image.shape))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert model.trainable_variables
    assert not [v.path for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None or not np.any(g)]


@choices
def test_blending_is_shown_what_its_blocks_say(blocks):
    """By hand: blending's own answer to what the generator says it was given."""
    model = spread(small_generator(blocks))
    inputs = batch(model)
    outputs = model(inputs)
    if blocks == "predictive":
        np.testing.assert_array_equal(outputs["image"], outputs["predicted"])
        return
    blend = model.get_layer("blending")
    shown = {"predicted": outputs["predicted"], "target_iuv": inputs["target_iuv"]}
    planes = 3 + 3
    if blocks != "refinement":
        shown["warped"] = outputs["warped"]
        planes += 3
    assert blend.get_layer("encode").kernel.shape[2] == planes
    close(outputs["image"], blend(shown))
    assert np.abs(outputs["image"] - outputs["predicted"]).mean() > 0.01


def test_the_full_generator_draws_its_first_weights_in_the_order_of_the_figure():
    keras.utils.set_random_seed(5)
    drawn = small_generator("full").get_weights()
    keras.utils.set_random_seed(5)
    parts = [predictive.build(S, 4, 1), inpainting.build(R, 2, 8), blending.build(S, 4, 1)]
    for a, b in zip(drawn, [w for part in parts for w in part.get_weights()], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_generator_of_unknown_blocks_is_refused_and_the_known_are_listed():
    with pytest.raises(ValueError, match="no such blocks: blending; have predictive, refinement, warping, full"):
        small_generator("blending")


@pytest.mark.parametrize("blocks", ["predictive", "refinement"])
def test_layers_of_a_generator_that_has_none_to_blend_are_refused(blocks):
    with pytest.raises(ValueError, match=f"blending=layers blends what blocks={blocks} has not"):
        generator.build(S, R, 4, 1, 4, 8, 4, 1, blocks=blocks, blending="layers")


def test_before_any_training_a_surface_is_completed_by_its_prior_alone():
    model = BUILDERS["completion"]()
    inputs = batch(BUILDERS["warping"]())
    texture, observed = atlas.unwrap(inputs["source"], inputs["source_iuv"], R)
    outputs = model({"texture": texture, "observed": observed})
    np.testing.assert_allclose(outputs["texture"], surface.complete(texture, observed), atol=0.05)
    seen = observed.numpy()
    np.testing.assert_array_equal(outputs["texture"] * seen, texture * seen)


def test_before_any_training_layers_show_the_person_before_the_backdrop():
    model = layers_generator()
    inputs = batch(model)
    outputs = {name: y.numpy() for name, y in model(inputs).items()}
    body = backdrop.body_of(inputs["target_iuv"]).numpy()[..., 0] > 0
    np.testing.assert_allclose(outputs["layers"].sum(-1), 1, atol=1e-5)
    assert outputs["layers"][body][:, 1].min() > 0.9
    bare = ~body & (outputs["overhang"][..., 0] < 0.02)
    assert outputs["layers"][bare][:, 2].min() > 0.9
    outputs["warped"] = np.where(body[..., None], outputs["warped"], outputs["carried"])
    whole = layered.composite(
        *(outputs[name] for name in ("predicted", "warped", "carried", "backdrop", "layers", "drape", "residual"))
    )
    np.testing.assert_allclose(outputs["image"], whole, atol=1e-5)


def test_a_generator_that_is_told_who_the_person_is_has_the_weights_of_one_that_is_not():
    plain = layers_generator()
    told = generator.build(S, R, 4, 1, 4, 8, 4, 1, palette=True, surface_prior=True, blending="layers", covered=True)
    assert [v.path for v in told.variables] == [v.path for v in plain.variables]
    for v, w in zip(told.variables, plain.variables, strict=True):
        v.assign(w)
    inputs = batch(plain)
    coverage = np.zeros([len(inputs["source"]), S, S, 1], np.uint8)
    without, nobody = plain(inputs), told(inputs | {"source_coverage": tf.constant(coverage)})
    for name in without:
        np.testing.assert_array_equal(without[name], nobody[name])
    coverage[:, :, : S // 2] = 255
    outputs = told(inputs | {"source_coverage": tf.constant(coverage)})
    assert (outputs["matte"].numpy()[:, :, : S // 2] == 1).all()
    np.testing.assert_array_equal(outputs["matte"][:, :, S // 2 :], without["matte"][:, :, S // 2 :])
    np.testing.assert_allclose(outputs["backdrop"], backdrop.without(inputs["source"], outputs["matte"], 12), atol=1e-5)


def test_with_a_palette_the_first_picture_is_a_doll_in_the_colours_of_the_source():
    model = BUILDERS["predictive_palette"]()
    source_iuv, target_iuv = np.zeros([1, S, S, 3], np.uint8), np.zeros([1, S, S, 3], np.uint8)
    source_iuv[:, 8:16, 8:16], target_iuv[:, 16:24, 16:24] = (2, 100, 100), (2, 100, 100)
    source = np.ones([1, S, S, 3], np.float32)
    source[:, 8:16, 8:16] = (0.5, -0.5, 0.0)
    painted = model({"source": source, "source_iuv": source_iuv, "target_iuv": target_iuv}).numpy()[0]
    np.testing.assert_allclose(painted[18:22, 18:22], np.broadcast_to((0.49, -0.49, 0.0), (4, 4, 3)), atol=0.02)
    assert painted[:4].min() > 0.9


def test_without_weights_of_its_own_blending_returns_the_prediction():
    model = BUILDERS["blending"]()
    for weight in model.get_layer("decode").weights:
        weight.assign(tf.zeros_like(weight))
    inputs = batch(model)
    np.testing.assert_array_equal(model(inputs), inputs["predicted"])
