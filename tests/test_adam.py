"""The fused Adam is Adam."""

import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from dpt_tf.training import adam
from dpt_tf.training.adam import Adam, Cooldown

SHAPES = ((3, 4), (5,))


def train(optimizer, strategy=None, steps=6):
    """Values of two variables and of the optimizer after some steps on gradients of very different sizes."""
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        rng = np.random.default_rng(0)
        variables = [keras.Variable(rng.normal(size=shape).astype(np.float32)) for shape in SHAPES]
        optimizer = optimizer(2e-4, beta_1=0.5, beta_2=0.999)
        optimizer.build(variables)

    @tf.function
    def step(scale):
        def replica():
            gradients = [tf.sin(7 * v.value + i) * scale for i, v in enumerate(variables)]
            optimizer.apply([g / strategy.num_replicas_in_sync for g in gradients], variables)

        strategy.run(replica)

    for k in range(steps):
        step(tf.constant(10.0 ** (k - 3)))
    return [v.numpy() for v in (*variables, *optimizer.variables)]


def check(values, expected):
    # The kernel takes 1 - beta_2 in float32, which is 1.3e-5 off.
    for a, b in zip(values, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=3e-5, atol=1e-7)


def test_it_equals_the_adam_of_keras():
    check(train(adam.Adam), train(keras.optimizers.Adam))


def test_it_moves_at_all():
    values = train(adam.Adam, steps=1)
    start = np.random.default_rng(0).normal(size=SHAPES[0])
    np.testing.assert_allclose(np.abs(values[0] - start), 2e-4, rtol=3e-2)


def test_amsgrad_goes_the_way_of_keras():
    def with_amsgrad(kind):
        return lambda *args, **kwargs: kind(*args, amsgrad=True, **kwargs)

    check(train(with_amsgrad(adam.Adam)), train(with_amsgrad(keras.optimizers.Adam)))


@pytest.mark.slow
def test_two_replicas_step_like_one():
    code = (
        "import tensorflow as tf\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        "tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)\n"
        "import keras, test_adam\n"
        "strategy = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])\n"
        "mirrored = test_adam.train(test_adam.adam.Adam, strategy)\n"
        "test_adam.check(mirrored, test_adam.train(keras.optimizers.Adam))\n"
    )
    # Logical devices have to be set before TensorFlow starts, so a process of their own has them.
    here = pathlib.Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_rate_stays_then_falls_linearly_to_nothing():
    rate = Cooldown(2.0, share=0.5, steps=8)
    rates = [float(rate(tf.constant(step, tf.int64))) for step in (0, 3, 4, 6, 7, 8, 9)]
    np.testing.assert_allclose(rates, [2, 2, 2, 1, 0.5, 0, 0])


def test_the_rate_in_force_is_the_schedules():
    variable = keras.Variable([0.0])
    optimizer = Adam(Cooldown(1.0, share=1.0, steps=2))
    optimizer.build([variable])
    steps = []
    for _ in range(3):
        before = float(variable[0])
        optimizer.apply([tf.constant([1.0])], [variable])
        steps.append(before - float(variable[0]))
    np.testing.assert_allclose(steps, [1.0, 0.5, 0.0], atol=1e-5)
