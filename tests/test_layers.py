"""The layers are faster ways to what Keras and TensorFlow say: the same values, the same gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dpt_tf import config, layers
from dpt_tf.layers import norm, winograd
from dpt_tf.training import stages


def normal(seed, *shape):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def with_gradients(function, *arguments):
    """The value, and the gradients of a lopsided sum of it."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        y = function(*arguments)
        loss = tf.reduce_sum(y * normal(9, *y.shape))
    return [y, *tape.gradient(loss, arguments)]


def check(ours, theirs, tolerance=2e-4):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * float(tf.reduce_max(tf.abs(b))))


@pytest.mark.parametrize("batch", [1, 3])
def test_instance_norm_is_group_norm_of_keras_with_one_channel_a_group(batch):
    x = 3 + 2 * normal(0, batch, 6, 5, 4)
    ours, theirs = layers.InstanceNorm(), keras.layers.GroupNormalization(groups=-1, epsilon=1e-5)
    for layer in (ours, theirs):
        layer.build(x.shape)
        layer.set_weights([normal(1, 4), normal(2, 4)])
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    check(with_gradients(ours, x), with_gradients(theirs, x))

    def gradients(layer):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x) * normal(3, *x.shape))
        return tape.gradient(loss, layer.trainable_variables)

    check(gradients(ours), gradients(theirs))


def test_instance_norm_of_an_unknown_batch_is_that_of_a_known_one():
    x, gamma, beta = normal(0, 1, 6, 5, 4), normal(1, 4), normal(2, 4)
    unknown = tf.function(
        norm.instance_norm, input_signature=[tf.TensorSpec([None, 6, 5, 4]), *[tf.TensorSpec([4])] * 2]
    )
    check([unknown(x, gamma, beta)], [norm.instance_norm(x, gamma, beta)])


def test_instance_norm_by_hand():
    x = tf.constant([[1.0, 10.0], [3.0, 10.0]], shape=[1, 2, 1, 2])
    y = layers.InstanceNorm()(x)
    np.testing.assert_allclose(y[0, :, 0], [[-1, 0], [1, 0]], atol=1e-4)


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 8, 12), (2, 4, 16)])
def test_winograd_is_a_convolution(batch, height, width):
    x, kernel = normal(0, batch, height, width, 5), normal(1, 3, 3, 5, 7)

    def direct(x, kernel):
        return tf.nn.conv2d(x, kernel, 1, "SAME")

    check(with_gradients(winograd.convolve, x, kernel), with_gradients(direct, x, kernel))
    signature = [tf.TensorSpec([None, height, width, 5]), tf.TensorSpec(kernel.shape)]
    unknown_batch = tf.function(winograd.convolve, input_signature=signature)
    check([unknown_batch(x, kernel)], [direct(x, kernel)])


def test_conv2d_is_that_of_keras_where_winograd_pays():
    x = normal(0, 1, 32, 32, 128)
    ours, theirs = layers.Conv2D(128, 3, padding="same"), keras.layers.Conv2D(128, 3, padding="same")
    for layer in (ours, theirs):
        layer.build(x.shape)
    theirs.set_weights(ours.get_weights())
    assert winograd.pays(x, ours.kernel) or tf.config.list_logical_devices("GPU")
    check(with_gradients(ours, x), with_gradients(theirs, x))


@pytest.mark.parametrize(
    ("shape", "filters"),
    [((1, 32, 32, 64), 128), ((1, 30, 32, 128), 128), ((1, 16, 16, 128), 128), ((1, 32, 32, 128), 3)],
)
def test_winograd_does_not_pay_for_few_channels_few_tiles_or_odd_sizes(shape, filters):
    assert not winograd.pays(tf.zeros(shape), tf.zeros([3, 3, shape[-1], filters]))


def parts(seed, *shape):
    return [normal(100 * seed + p, *shape) for p in range(3)]


def test_each_part_is_convolved_with_its_own_kernel():
    layer, x = layers.PartConv(5, activation=None), parts(0, 2, 8, 6, 4)
    layer.build([t.shape for t in x])
    layer.set_weights([normal(1, 3, 3, 3, 4, 5), normal(2, 3, 5)])
    for p, y in enumerate(layer(x)):
        expected = tf.nn.conv2d(x[p], layer.kernel[p], 2, "SAME") + layer.bias[p]
        np.testing.assert_allclose(y, expected, atol=1e-4)


def test_the_transposed_convolution_is_the_transpose_of_the_convolution():
    x, y = parts(0, 2, 4, 3, 5), parts(1, 2, 8, 6, 4)
    transposed, conv = layers.PartConvTranspose(4, activation=None), layers.PartConv(5, activation=None)
    transposed.build([t.shape for t in x])
    conv.build([t.shape for t in y])
    kernel = normal(2, 3, 3, 3, 5, 4)
    transposed.set_weights([kernel, np.zeros([3, 4])])
    conv.set_weights([tf.transpose(kernel, [0, 1, 2, 4, 3]), np.zeros([3, 5])])
    for p in range(3):
        one = tf.reduce_sum(transposed(x)[p] * y[p])
        other = tf.reduce_sum(x[p] * conv(y)[p])
        np.testing.assert_allclose(one, other, rtol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(2, 3), (4, 4), (1, 2)])
def test_a_context_is_as_good_as_channels_that_are_everywhere_the_same(height, width):
    x, context = parts(0, 2, height, width, 4), normal(7, 2, 3)
    layer = layers.PartConvTranspose(5)
    layer.build([t.shape for t in x], context.shape)
    layer.set_weights([normal(1, 3, 3, 3, 4 + 3, 5), normal(2, 3, 5)])
    everywhere = tf.broadcast_to(context[:, None, None, :], [2, height, width, 3])
    expected = layer([tf.concat([t, everywhere], -1) for t in x])
    for ours, theirs in zip(layer(x, context), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_part_kernel_starts_as_wide_as_that_of_one_convolution():
    layer = layers.PartConv(32)
    layer.build([(None, 8, 8, 32)] * 24)
    single = keras.layers.Conv2D(32, 3)
    single.build((None, 8, 8, 32))
    np.testing.assert_allclose(np.std(layer.kernel), np.std(single.kernel), rtol=0.05)


def test_part_norm_is_an_instance_norm_for_each_part():
    layer, x = layers.PartNorm(), parts(0, 2, 4, 3, 5)
    layer.build([t.shape for t in x])
    layer.set_weights([normal(1, 3, 5), normal(2, 3, 5)])
    for p, y in enumerate(layer(x)):
        np.testing.assert_allclose(y, norm.instance_norm(x[p], layer.gamma[p], layer.beta[p]), atol=1e-6)


@pytest.mark.parametrize("kind", ["down", "up", "up with context", "norm"])
def test_all_parts_at_once_are_the_same_as_one_by_one(kind, monkeypatch):
    x, context = parts(0, 2, 4, 6, 4), [normal(7, 2, 3)] if "context" in kind else []
    layer = layers.PartNorm() if kind == "norm" else (layers.PartConvTranspose if "up" in kind else layers.PartConv)(5)
    layer.build([t.shape for t in x], *(c.shape for c in context))
    layer.set_weights([normal(k, *v.shape) for k, v in enumerate(layer.weights, 1)])

    def all_of_it(*given):
        values = [v.value for v in layer.weights]
        with tf.GradientTape() as tape:
            tape.watch([given, values])
            y = tf.stack(layer(list(given[:3]), *given[3:]))
            loss = tf.reduce_sum(y * normal(9, *y.shape))
        return [y, *tape.gradient(loss, [*given, *values])]

    at_once = all_of_it(*x, *context)
    monkeypatch.setattr(layers.parts, "_SMALL", 0)
    check(at_once, all_of_it(*x, *context))


@pytest.mark.parametrize(("where", "size", "convolutions"), [("cpu", 8, 0), ("cpu", 64, 24), ("gpu", 64, 0)])
def test_parts_go_one_by_one_where_that_pays(where, size, convolutions, monkeypatch):
    monkeypatch.setattr(layers.parts, "device", lambda: where)
    layer, x = layers.PartConv(32), [tf.TensorSpec([None, size, size, 3])] * 24
    layer.build([t.shape for t in x])
    graph = tf.function(layer).get_concrete_function(x).graph
    assert [op.type for op in graph.get_operations()].count("Conv2D") == convolutions


def test_the_inpainting_step_is_a_small_graph_on_a_gpu(monkeypatch):
    for module in (layers.parts, norm, winograd):
        monkeypatch.setattr(module, "device", lambda: "gpu")
    hparams = config.preset("paper").replace(image_size=32, atlas_size=32, width=4, context_size=8)
    step, several = stages.build("inpainting", hparams).step, [8, hparams.neighbours]
    seen = [
        {"image": tf.TensorSpec([*n, 32, 32, 3]), "iuv": tf.TensorSpec([*n, 32, 32, 3], tf.uint8)}
        for n in ([8], several)
    ]
    x = {"source": seen[0]["image"], "source_iuv": seen[0]["iuv"]}
    graph = tf.function(step).get_concrete_function(x, seen[1]).graph.as_graph_def()
    assert len(graph.node) + sum(len(function.node_def) for function in graph.library.function) < 4000


def test_parts_are_split_and_joined_in_order():
    atlas = normal(0, 2, 24, 4, 4, 3)
    split = layers.SplitParts()(atlas)
    np.testing.assert_array_equal(split[7], atlas[:, 7])
    np.testing.assert_array_equal(layers.JoinParts()(split), atlas)


def test_a_colour_goes_to_the_atlas_and_back():
    iuv = np.zeros([1, 8, 8, 3], np.uint8)
    iuv[0, 2:6, 2:6] = [5, 100, 200]
    image = tf.fill([1, 8, 8, 3], 0.25)
    texture, observed = layers.Unwrap(32)(image, iuv)
    assert texture.shape == (1, 24, 32, 32, 3) and observed.shape == (1, 24, 32, 32, 1)
    back = layers.Sample()(texture, iuv)
    np.testing.assert_allclose(back, 0.25 * (iuv[..., :1] > 0) * np.ones(3), atol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_batch_norm_normalises_and_its_statistics_become_those_of_the_data(policy):
    layer = layers.BatchNorm(dtype=policy)
    rng = np.random.default_rng(0)
    layer.build([None, 4, 5, 3])
    layer.gamma.assign([1.0, 2.0, 0.5])
    for _ in range(400):
        x = rng.normal([10.0, -3.0, 0.1], [2.0, 0.5, 1.0], [8, 4, 5, 3]).astype(np.float32)
        y = layer(x, training=True)
    assert y.dtype == layer.compute_dtype
    y = tf.cast(y, tf.float32)
    np.testing.assert_allclose(tf.math.reduce_std(y, [0, 1, 2]), [1.0, 2.0, 0.5], rtol=0.02)
    np.testing.assert_allclose(layer.moving_mean, [10.0, -3.0, 0.1], atol=0.06)
    np.testing.assert_allclose(layer.moving_variance, [4.0, 0.25, 1.0], rtol=0.06)
    expected = (x - np.array(layer.moving_mean)) / np.sqrt(np.array(layer.moving_variance) + 1e-3) * [1.0, 2.0, 0.5]
    np.testing.assert_allclose(tf.cast(layer(x), tf.float32), expected, atol=1e-4 if policy == "float32" else 0.06)


def test_batch_norm_trains_as_keras_has_it():
    x = tf.constant(np.random.default_rng(1).normal(size=[3, 4, 4, 2]), tf.float32)
    gradients = []
    for kind in (layers.BatchNorm, lambda: keras.layers.BatchNormalization(momentum=0.98)):
        layer = kind()
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.sin(3 * layer(x, training=True)))
        gradients.append(tape.gradient(loss, [x, layer.gamma.value, layer.beta.value]))
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
