"""Laws that every network obeys, in one table."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import BUILDERS, PAPERS, S, batch, close, in_bfloat16, spread

# The last layer of each, and what it does to its logits.
LAST = {
    "predictive": ("decode_3", np.tanh),
    "inpainting": ("decode_4", np.tanh),
    "blending": ("decode", np.positive),
    "discriminator": ("score", np.positive),
}
models = pytest.mark.parametrize("name", BUILDERS)


@pytest.fixture(autouse=True)
def the_same_first_weights_every_time():
    keras.utils.set_random_seed(0)


@functools.cache
def made(name):
    """A model with weights spread, for laws that look at it and change nothing."""
    keras.utils.set_random_seed(0)
    return spread(BUILDERS[name]())


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
