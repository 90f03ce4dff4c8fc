"""VGG19's features: fixed, float32, of the weights that one names."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import close, in_bfloat16

from dpt_tf.models import vgg
from dpt_tf.system.errors import UserError


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
