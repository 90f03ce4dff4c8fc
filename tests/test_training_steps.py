"""A step is the formula of its section, whatever it saves itself; on networks of a few weights."""

import os
import pathlib
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import small_models
import tensorflow as tf

from dpt_tf import losses
from dpt_tf.config import HParams
from dpt_tf.ops import atlas
from dpt_tf.training import stages, steps

RATE = 0.1
SIZE = 8
HPARAMS = HParams(batch_size=2, atlas_size=32, neighbours=2, style_weight=5.0)


def make_batch(size=SIZE):
    rng = np.random.default_rng(0)

    def photo(*shape):
        return tf.constant(rng.uniform(-1, 1, [2, *shape, size, size, 3]), tf.float32)

    def pose(*shape):
        return tf.constant(rng.integers(0, 25, [2, *shape, size, size, 3]), tf.uint8)

    x = {"source": photo(), "source_iuv": pose(), "target_iuv": pose()}
    return x, photo(), {"image": photo(2), "iuv": pose(2)}


def make_conv(channels, filters, seed):
    x = keras.Input([None, None, channels])
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.Model(x, keras.layers.Conv2D(filters, 3, kernel_initializer=initializer, activation="elu")(x))


class Opponents:
    """A generator, a discriminator and features, the same ones every time."""

    def __init__(self):
        source, image = (keras.Input([SIZE, SIZE, 3], name=name) for name in ("source", "image"))
        pose = keras.Input([SIZE, SIZE, 3], dtype="uint8", name="target_iuv")
        kernel = keras.initializers.GlorotUniform(seed=1)
        painted = keras.layers.Conv2D(3, 3, padding="same", kernel_initializer=kernel)(source)
        self.generator = keras.Model({"source": source, "target_iuv": pose}, {"image": painted})
        z = {"source": source, "target_iuv": pose, "image": image}
        scores = make_conv(6, 1, 2)(keras.layers.Concatenate()([source, image]))
        self.discriminator = keras.Model(z, scores)
        x = keras.Input([SIZE, SIZE, 3])
        first = make_conv(3, 4, 3)(x)
        self.features = keras.Model(x, [first, make_conv(4, 4, 4)(first)], trainable=False)

    def sgd(self, network):
        optimizer = keras.optimizers.SGD(RATE)
        optimizer.build(network.trainable_variables)
        return optimizer

    def step(self, hparams=HPARAMS):
        return self.stage(hparams).step

    def stage(self, hparams=HPARAMS):
        g, d = self.sgd(self.generator), self.sgd(self.discriminator)
        step = steps.joint(self.generator, g, hparams, self.features, self.discriminator, d)
        variables = {"generator": self.generator.variables, "discriminator": self.discriminator.variables}
        return stages.Stage("opponents", step, variables, self.generator, g, lambda x, y: {})

    def x(self):
        x, y, _ = make_batch()
        return {k: x[k] for k in ("source", "target_iuv")}, y

    def weights(self):
        return [np.array(v) for network in (self.generator, self.discriminator) for v in network.variables]


def descend(tape, loss, network):
    return [v - RATE * g for v, g in zip(network.variables, tape.gradient(loss, network.variables), strict=True)]


def test_a_joint_step_is_the_plain_formula_although_both_halves_share_a_forward_pass():
    plain, ours = Opponents(), Opponents()
    (x, y), g, d, phi = plain.x(), plain.generator, plain.discriminator, plain.features

    with tf.GradientTape() as tape:
        y_hat = g(x)["image"]
        expected = {
            "l1": tf.reduce_mean(losses.l1(y, y_hat)),
            "perceptual": tf.reduce_mean(losses.perceptual(phi(y), phi(y_hat))),
            "style": tf.reduce_mean(losses.style(phi(y), phi(y_hat))),
            "generator": tf.reduce_mean(losses.generator(d({**x, "image": y_hat}))),
        }
        weights = dict(l1=1.0, perceptual=0.5, style=5.0, generator=0.1)
        loss = tf.add_n([weights[name] * term for name, term in expected.items()])
    moved = descend(tape, loss, g)
    with tf.GradientTape() as tape:
        real, fake = d({**x, "image": y}), d({**x, "image": y_hat})
        expected["discriminator"] = tf.reduce_mean(losses.discriminator(real, fake))
    moved += descend(tape, expected["discriminator"], d)

    terms = tf.function(ours.step())(x, y)
    assert {k: float(v) for k, v in terms.items()} == pytest.approx({k: float(v) for k, v in expected.items()}, 1e-5)
    for a, b in zip(ours.weights(), moved, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(
    ("weight", "terms"),
    [("gan_weight", ["discriminator", "generator"]), ("style_weight", ["style"]), ("l1_weight", ["l1"])],
)
def test_a_term_of_weight_zero_is_not_computed(weight, terms):
    opponents = Opponents()
    everything = set(opponents.step()(*opponents.x()))
    assert set(opponents.step(HPARAMS.replace(**{weight: 0.0}))(*opponents.x())) == everything - {*terms}


def test_networks_whose_terms_have_weight_zero_are_not_needed():
    opponents = Opponents()
    hparams = HPARAMS.replace(gan_weight=0.0, perceptual_weight=0.0, style_weight=0.0)
    step = steps.joint(opponents.generator, opponents.sgd(opponents.generator), hparams)
    assert set(step(*opponents.x())) == {"l1"}


class Recolour(keras.layers.Layer):
    """One colour matrix for all texels."""

    def build(self, shape):
        self.matrix = self.add_weight(shape=(3, 3), initializer=keras.initializers.Constant(0.25))

    def call(self, texture):
        return tf.linalg.matvec(tf.transpose(self.matrix), texture)


def test_the_inpainting_step_is_equation_6_over_the_neighbours():
    texture = keras.Input([24, 32, 32, 3])
    network = keras.Model(texture, Recolour()(texture))
    optimizer = keras.optimizers.SGD(RATE)
    optimizer.build(network.trainable_variables)
    x, _, neighbours = make_batch(32)
    source, _ = atlas.unwrap(x["source"], x["source_iuv"], 32)
    per_view = []
    with tf.GradientTape() as tape:
        for b in range(2):
            for j in range(2):
                t, seen = atlas.unwrap(neighbours["image"][b : b + 1, j], neighbours["iuv"][b : b + 1, j], 32)
                error = tf.abs(network(source[b : b + 1]) - t) * seen
                per_view.append(tf.reduce_sum(error) / (3 * tf.reduce_sum(seen)))
        expected = tf.add_n(per_view) / 4
    moved = descend(tape, expected, network)
    terms = tf.function(steps.inpainting(network, optimizer, HPARAMS))(x, neighbours)
    assert float(terms["masked_l1"]) == pytest.approx(float(expected), rel=1e-5)
    np.testing.assert_allclose(np.array(network.variables[0]), moved[0], atol=1e-6)


def test_two_replicas_train_like_one(tmp_path):
    script = textwrap.dedent(
        """
        import pathlib, sys
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        import numpy as np
        import test_training_steps as tests
        from dpt_tf.training import checkpoints, loop

        def fit(distribution, folder, resume=None):
            with distribution.scope():
                stage = tests.Opponents().stage()
                if resume:
                    checkpoints.restore(checkpoints.latest(resume / "checkpoints"), stage.variables)
            data = tf.data.Dataset.from_tensors(tests.Opponents().x()).repeat(9)
            start = 2 if resume else 0
            loop.fit(stage, data.skip, start + 2, folder, start, loop.Schedule(pictures_every=0), distribution)
            return [np.array(v) for group in stage.variables.values() for v in group]

        folder = pathlib.Path(sys.argv[1])
        two, one = loop.strategy(), tf.distribute.get_strategy()
        assert (two.num_replicas_in_sync, one.num_replicas_in_sync) == (2, 1)
        fit(one, folder / "one"), fit(two, folder / "two")
        # What two replicas saved, one can go on with, and the other way round.
        ends = fit(two, folder / "one_two", folder / "one"), fit(one, folder / "two_one", folder / "two")
        for a, b in zip(*ends, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        """
    )
    here = pathlib.Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    command = [sys.executable, "-c", script, str(tmp_path)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_weights_that_no_term_reaches_stay_as_they_are(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        source = keras.Input([SIZE, SIZE, 3], name="source")
        image = keras.layers.Conv2D(3, 3, padding="same", name="reached")(source)
        logit = keras.layers.Conv2D(1, 3, padding="same", name="unreached")(source)
        generator = keras.Model({"source": source}, {"image": image, "matte_logit": logit})
    finally:
        keras.config.set_dtype_policy(before)
    hparams = HPARAMS.replace(perceptual_weight=0.0, style_weight=0.0, gan_weight=0.0, matte_weight=0.5)
    optimizer = keras.optimizers.Adam(RATE)
    optimizer.build(generator.trainable_variables)
    x, y, _ = make_batch()
    was = {layer: [np.array(w) for w in generator.get_layer(layer).weights] for layer in ("reached", "unreached")}
    tf.function(steps.joint(generator, optimizer, hparams))({"source": x["source"]}, y)
    moved = {
        layer: any(
            (np.array(w) != a).any() for w, a in zip(generator.get_layer(layer).weights, was[layer], strict=True)
        )
        for layer in was
    }
    assert moved == {"reached": True, "unreached": False}


def test_where_the_person_is_teaches_the_network_of_layers_and_of_the_source_alone():
    generator = small_models.layers_generator()
    x, y, _ = make_batch(small_models.S)
    matte = tf.cast(x["target_iuv"][..., :1] > 0, tf.uint8) * 255
    x |= {"source_matte": matte, "target_matte": matte, "source_has_matte": tf.ones(2), "target_has_matte": tf.ones(2)}
    nothing = {name: 0.0 for name in ("l1_weight", "perceptual_weight", "style_weight", "gan_weight")}
    optimizer = keras.optimizers.Adam(RATE)
    optimizer.build(generator.trainable_variables)
    names = ("predictive", "warping", "blending", "matting")
    was = {name: [np.array(w) for w in generator.get_layer(name).weights] for name in names}
    terms = tf.function(steps.joint(generator, optimizer, HPARAMS.replace(**nothing, matte_weight=1.0)))(x, y)
    assert terms["silhouette"] > 0
    moved = {
        name: any((np.array(w) != a).any() for w, a in zip(generator.get_layer(name).weights, was[name], strict=True))
        for name in names
    }
    assert moved == {"predictive": False, "warping": False, "blending": True, "matting": True}
