"""Small SavedModels whose answers are known by hand, and pictures for them."""

import io

import numpy as np
import pytest
import tensorflow as tf

from dpt_tf.system.errors import UserError

TO_LOGITS = np.array([[2, 0, -1, 1], [0, 3, 1, 0], [1, 1, 0, 4]], np.float32)
TO_FEATURES = np.array([[1, 0, 2, 0, 1], [0, 1, 0, 3, 0], [1, 1, 0, 0, 2]], np.float32)
PUBLISHED = "https://tfhub.dev/tensorflow/tfgan/eval/inception/1"


def small_inception(x, to_logits=TO_LOGITS, to_features=TO_FEATURES):
    """Logits from the mean colour, features (with the axes of a pool) from the colour of the centre."""
    centre = tf.tensordot(x[:, 149:150, 149:150], to_features, 1)
    return {"logits": tf.reduce_mean(x, axis=(1, 2)) @ to_logits, "pool_3": centre}


class Called(tf.Module):
    """What can be called once its `__call__` is set."""

    def __call__(self, *x):
        raise NotImplementedError


def save_function(folder, function, *shapes, dtype=tf.float32, signature="serving_default"):
    """A TF2 SavedModel of a function; `signature=None` leaves only the object to call."""
    specs = [tf.TensorSpec(shape, dtype, name=f"x{i}") for i, shape in enumerate(shapes)]
    module = tf.Module()
    traced = tf.function(lambda *x: function(*x), input_signature=specs)
    if signature is None:
        module = Called()
        module.__call__ = traced
    tf.saved_model.save(
        module, str(folder), signatures={signature: traced.get_concrete_function()} if signature else {}
    )
    return str(folder)


def save_tf1(folder, signature, tags):
    """The small Inception with its weights in variables, as TensorFlow 1 saved it."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 299, 299, 3), "images")
        weights = [v1.get_variable(n, initializer=w) for n, w in (("logits", TO_LOGITS), ("features", TO_FEATURES))]
        session.run(v1.global_variables_initializer())
        outputs = small_inception(x, *weights)
        definition = v1.saved_model.signature_def_utils.predict_signature_def({"images": x}, outputs)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, tags, signature_def_map={signature: definition})
        builder.save()
    return str(folder)


def save_with_variables(folder, called=False):
    """The small Inception of TF2 with its weights in variables; `called`: without signatures."""
    module = Called() if called else tf.Module()
    module.weights = [tf.Variable(TO_LOGITS), tf.Variable(TO_FEATURES)]
    module.run = tf.function(
        lambda x: small_inception(x, *module.weights), input_signature=[tf.TensorSpec((None, 299, 299, 3))]
    )
    if called:
        module.__call__ = module.run
    tf.saved_model.save(module, str(folder), signatures={} if called else module.run)
    return str(folder)


SHAPE = (None, 299, 299, 3)
MAKERS = {
    "TF2, variables": save_with_variables,
    "TF2, default": lambda folder: save_function(folder, small_inception, SHAPE, signature="default"),
    "TF2, called, variables": lambda folder: save_with_variables(folder, called=True),
    "TF2, called": lambda folder: save_function(folder, small_inception, SHAPE, signature=None),
    "TF2, one by one": lambda folder: save_function(folder, small_inception, (1, 299, 299, 3)),
    "TF1, serving_default": lambda folder: save_tf1(folder, "serving_default", ["serve"]),
    "TF1, default without tags": lambda folder: save_tf1(folder, "default", []),
}


def plain(colours, size=(12, 9)):
    """One picture of each colour: `[B, 3] -> uint8 [B, H, W, 3]`."""
    return np.broadcast_to(np.uint8(colours)[:, None, None], (len(colours), *size, 3)).copy()


def colours(seed, count):
    return np.random.default_rng(seed).integers(0, 256, (count, 3))


def restored(empty, metric):
    """`empty` after the way over a file."""
    file = io.BytesIO()
    np.savez(file, **metric.state())
    file.seek(0)
    empty.restore(dict(np.load(file, allow_pickle=False)))
    return empty


def refused(load, *parts):
    with pytest.raises(UserError) as caught:
        load()
    line = str(caught.value)
    assert "\n" not in line
    for part in parts:
        assert part in line


def find(x):
    """The first pixel's colours / 255 as confidences, the second pixel's as classes."""
    return {
        "detection_scores": tf.cast(x[:, 0, 0], tf.float32) / 255,
        "detection_classes": tf.cast(x[:, 0, 1], tf.float32),
        "num_detections": tf.fill([tf.shape(x)[0]], 3.0),
    }


def far(x, y):
    return {"distance": tf.reduce_mean(tf.abs(x - y), axis=(1, 2, 3), keepdims=True)}
