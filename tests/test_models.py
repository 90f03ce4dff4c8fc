"""Laws that every network obeys, in one table, and the paper's sizes as plain facts."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from dpt_tf.config import BLOCKS
from dpt_tf.models import (
    blending,
    completion,
    conditioning,
    discriminator,
    generator,
    inpainting,
    layered,
    matting,
    predictive,
    vgg,
    warping,
)
from dpt_tf.ops import atlas, backdrop, surface
from dpt_tf.system.errors import UserError

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
# The last layer of each, and what it does to its logits.
LAST = {
    "predictive": ("decode_3", np.tanh),
    "inpainting": ("decode_4", np.tanh),
    "blending": ("decode", np.positive),
    "discriminator": ("score", np.positive),
}
choices = pytest.mark.parametrize("blocks", BLOCKS)
models = pytest.mark.parametrize("name", BUILDERS)


@pytest.fixture(autouse=True)
def the_same_first_weights_every_time():
    keras.utils.set_random_seed(0)


def small_generator(blocks):
    return generator.build(S, R, 4, 1, 2, 8, 4, 1, blocks=blocks)


def layers_generator():
    return generator.build(S, R, 4, 1, 4, 8, 4, 1, palette=True, surface_prior=True, blending="layers")


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


def spread(model):
    """Gives every weight a value of its own, so that zeros and ones hide nothing."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(weight + rng.normal(0, 0.05, weight.shape))
    return model


@functools.cache
def made(name):
    """A model with weights spread, for laws that look at it and change nothing."""
    keras.utils.set_random_seed(0)
    return spread(BUILDERS[name]())


def in_bfloat16(build):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return build()
    finally:
        keras.config.set_dtype_policy("float32")


def networks(model):
    """Those with weights that `model` is made of, itself among them."""
    inner = [network for layer in model.layers if isinstance(layer, keras.Model) for network in networks(layer)]
    return [model] * (model.name in LAST) + inner


@models
def test_graph_equals_eager(name):
    model = made(name)
    inputs = batch(model)
    close(model(inputs), tf.function(model, autograph=False)(inputs))


@models
def test_batches_do_not_mix(name):
    model = made(name)
    inputs = batch(model, 3)
    alone = keras.tree.map_structure(lambda x: x[1:2], inputs)
    close(keras.tree.map_structure(lambda x: x[1:2], model(inputs)), model(alone))


@models
def test_it_survives_saving(name, tmp_path):
    model = made(name)
    model.save(tmp_path / "model.keras")
    inputs = batch(model)
    close(model(inputs), keras.saving.load_model(tmp_path / "model.keras")(inputs), 1e-6)


@models
def test_its_weights_move_to_another_of_its_kind(name, tmp_path):
    model, other = made(name), BUILDERS[name]()
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    inputs = batch(model)
    close(model(inputs), other(inputs), 1e-6)


@models
def test_every_weight_gets_gradient(name):
    model = made(name)
    outputs_seed = np.random.default_rng(2)
    with tf.GradientTape() as tape:
        outputs = [y for y in keras.tree.flatten(model(batch(model))) if y.shape[-1] in (1, 3)]
        loss = tf.add_n([tf.reduce_sum(y * outputs_seed.normal(size=y.shape)) for y in outputs])
    gradients = tape.gradient(loss, model.trainable_variables)
    dead = [v.path for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None or not np.any(g)]
    assert not dead


@models
def test_the_symbolic_shape_is_the_real_one(name):
    model = made(name)

    def check(symbolic, real):
        assert symbolic.shape[0] is None and tuple(symbolic.shape[1:]) == tuple(real.shape[1:])
        assert symbolic.dtype == "float32" and real.dtype == tf.float32

    keras.tree.map_structure(check, model.output, model(batch(model)))


@models
def test_in_bfloat16_it_computes_nearly_the_same_and_answers_in_float32(name):
    exact, mixed = made(name), in_bfloat16(BUILDERS[name])
    mixed.set_weights(exact.get_weights())
    inputs = batch(exact)

    def check(a, b):
        assert b.dtype == tf.float32
        assert np.abs(a - b).mean() <= 0.2 * np.abs(a).mean()

    keras.tree.map_structure(check, exact(inputs), mixed(inputs))


def test_in_bfloat16_the_geometry_stays_exact():
    exact, mixed = BUILDERS["warping"](), in_bfloat16(BUILDERS["warping"])
    inputs = batch(exact)
    a, b = exact(inputs), mixed(inputs)
    close({k: a[k] for k in ("observed", "provenance")}, {k: b[k] for k in ("observed", "provenance")}, 0)
    seen = a["observed"].numpy()
    np.testing.assert_array_equal(a["texture"] * seen, b["texture"] * seen)


@pytest.mark.parametrize("name", PAPERS)
def test_in_bfloat16_the_last_layer_is_float32_so_large_logits_still_learn(name):
    logit = np.float32(3.51)  # no bfloat16 number; tanh of the nearest is 1 in bfloat16, with a gradient of 0
    model = in_bfloat16(BUILDERS[name])
    assert networks(model)
    for network in networks(model):
        layer, activation = LAST[network.name]
        kernel, bias = network.get_layer(layer).weights
        kernel.assign(tf.zeros_like(kernel))
        bias.assign(tf.fill(bias.shape, logit))
        inputs = batch(network)
        with tf.GradientTape() as tape:
            answer = network(inputs)
            gradients = tape.gradient(tf.reduce_sum(answer), [kernel.value, bias.value])
        change = answer - inputs["predicted"] if network.name == "blending" else answer
        np.testing.assert_allclose(change, np.full(change.shape, activation(logit)), rtol=1e-6)
        for gradient in gradients:
            assert np.any(gradient)
    if "generator" in name:
        np.testing.assert_allclose(model(batch(model))["predicted"], np.full([2, S, S, 3], np.tanh(logit)), rtol=1e-6)


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
    whole = layered.composite(
        *(outputs[name] for name in ("predicted", "warped", "carried", "backdrop", "layers", "drape", "residual"))
    )
    np.testing.assert_allclose(outputs["image"], whole, atol=1e-5)


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


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        ("densepose", [3 / 24, 51 / 255, 1.0]),
        ("mask", [1.0]),
        ("segmentation", [0.0] * 2 + [1.0] + [0.0] * 21),
        ("densepose_onehot", [0.0] * 2 + [1.0] + [0.0] * 21 + [51 / 255, 1.0]),
    ],
)
def test_planes_of_a_pixel_of_part_3(pose, expected):
    iuv = np.zeros([1, 2, 2, 3], np.uint8)
    iuv[0, 0, 1] = [3, 51, 255]
    planes = conditioning.Planes(pose)(iuv)
    np.testing.assert_allclose(planes[0, 0, 1], expected, rtol=1e-6)
    np.testing.assert_array_equal(planes[0, 1, 0], np.zeros(len(expected)))


def test_a_joint_at_row_1_column_3_is_a_blob_on_its_own_plane_and_a_missing_one_nothing():
    keypoints = np.full([1, 18, 2], -1, np.int32)
    keypoints[0, 7] = [1, 3]
    keypoints[0, 8] = [2, 64]  # outside
    keypoints[0, 9] = [-1, 3]
    planes = conditioning.KeypointPlanes(64)(keypoints).numpy()
    assert planes.shape == (1, 64, 64, 18)
    assert planes[0, 1, 3, 7] == 1
    assert np.flatnonzero(planes.any((0, 1, 2))).tolist() == [7]
    # sigma is 6 / 4: by hand exp(-1 / 4.5) one row above, exp(-(4 + 1) / 4.5) two rows below and one to the right.
    np.testing.assert_allclose(planes[0, [0, 3], [3, 4], 7], [0.800737, 0.329193], rtol=1e-5)


@pytest.mark.parametrize("size", [64, 256])
def test_a_blob_is_round_and_falls_to_half_at_the_same_share_of_every_picture(size):
    """exp(-d^2 / (2 sigma^2)) is 1/2 at d = sigma sqrt(2 ln 2), 7.06 pixels of 256."""
    y, x = size // 2, size // 4
    blob = conditioning.KeypointPlanes(size)(np.full([1, 18, 2], [y, x], np.int32))[0, :, :, 0].numpy()
    assert np.unravel_index(blob.argmax(), blob.shape) == (y, x)
    assert blob[y, x] == 1
    reach = size // 4 - 1
    around = blob[y - reach : y + reach + 1, x - reach : x + reach + 1]
    for turned in (around.T, around[::-1], around[:, ::-1]):
        np.testing.assert_array_equal(around, turned)
    half = 7.06 * size / 256
    ahead = blob[y, x:]
    assert ahead[int(half)] > 0.5 > ahead[int(half) + 1]
    np.testing.assert_allclose(ahead[size // 32], np.exp(-((256 / 32) ** 2) / 72), rtol=1e-5)


def test_in_bfloat16_a_blob_has_the_exact_values_rounded_once():
    keypoints = np.full([1, 18, 2], [9, 4], np.int32)
    exact = conditioning.KeypointPlanes(S)(keypoints)
    mixed = in_bfloat16(lambda: conditioning.KeypointPlanes(S))(keypoints)
    np.testing.assert_array_equal(tf.cast(exact, tf.bfloat16), mixed)


def test_source_and_target_have_conditionings_of_their_own():
    model = predictive.build(S, 4, 1, source_pose="densepose", target_pose="keypoints")
    assert set(model.input) == {"source", "source_iuv", "target_iuv", "target_keypoints"}
    assert model.get_layer("encode_1").kernel.shape[2] == 3 + 3 + 18


def test_vgg_gives_five_features_and_learns_nothing():
    model = vgg.build("random")
    shapes = [tuple(f.shape) for f in model(tf.zeros([1, 64, 64, 3]))]
    assert shapes == [(1, 64, 64, 64), (1, 32, 32, 128), (1, 16, 16, 256), (1, 8, 8, 512), (1, 4, 4, 512)]
    assert model.trainable_variables == []
    again = vgg.build("random")
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_vgg_is_float32_in_bfloat16_too():
    exact, mixed = vgg.build("random"), in_bfloat16(lambda: vgg.build("random"))
    assert {layer.compute_dtype for layer in mixed.layers[1:]} == {"float32"}  # the first is the input
    image = np.random.default_rng(0).uniform(-1, 1, [1, 32, 32, 3]).astype(np.float32)
    for a, b in zip(exact(image), mixed(image), strict=True):
        np.testing.assert_array_equal(a, b)


def test_vgg_sees_blue_first_and_less_the_mean_of_imagenet():
    white_red = tf.constant([1.0, -1.0, -1.0], shape=[1, 1, 1, 3])
    np.testing.assert_allclose(vgg.CaffeInput()(white_red)[0, 0, 0], [-103.939, -116.779, 255 - 123.68], rtol=1e-5)


def test_vgg_reads_a_file_of_keras_applications(tmp_path):
    reference = keras.applications.VGG19(include_top=False, weights=None)
    reference.save_weights(tmp_path / "vgg19.weights.h5")
    model = vgg.build(str(tmp_path / "vgg19.weights.h5"))
    image = np.random.default_rng(0).uniform(-1, 1, [1, 32, 32, 3]).astype(np.float32)
    layers = [reference.get_layer(f"block{b}_conv2").output for b in range(1, 6)]
    caffe = keras.applications.vgg19.preprocess_input((image + 1) * 127.5)
    close(model(image), keras.Model(reference.input, layers)(caffe), 1e-3)


def test_vgg_without_its_file_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"nowhere.h5.*--vgg=random"):
        vgg.build(str(tmp_path / "nowhere.h5"))
    (tmp_path / "wrong.h5").write_bytes(b"not weights")
    with pytest.raises(UserError, match=r"wrong.h5 does not hold"):
        vgg.build(str(tmp_path / "wrong.h5"))

    def unreachable(**_):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "VGG19", unreachable)
    with pytest.raises(UserError, match=r"could not be downloaded.*notop.h5.*--vgg=random"):
        vgg.build("imagenet")
