"""The loop, on a stand-in of one weight matrix: it ends well however it ends."""

import os
import resource
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from dpt_tf.training import checkpoints, loop, stages

STEPS = 7


def make_stage(spoil_term_at: int = -1, spoil_gradient_at: int = -1, size: int = 3) -> stages.Stage:
    """Learns y = 2 x by Adam; at the given steps a term, or only a gradient, is no number."""
    weight = keras.Variable(np.linspace(-1, 1, size).astype(np.float32), name="weight")
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build([weight])

    def step(x, y):
        with tf.GradientTape() as tape:
            error = tf.reduce_mean((x * weight.value - y) ** 2)
        number = tf.cast(optimizer.iterations.value, tf.int32) + 1
        (gradient,) = tape.gradient(error, [weight.value])
        gradient = tf.where(number == spoil_gradient_at, np.inf, 1.0) * gradient
        optimizer.apply([gradient], [weight])
        return {"error": error, "strange": tf.where(number == spoil_term_at, np.nan, 1.0)}

    def pictures(x, y):
        return {"picture": np.zeros([1, 2, 2, 3], np.uint8)}

    variables = {"network": [weight], "optimizer": optimizer.variables}
    return stages.Stage("toy", step, variables, None, optimizer, pictures)


def batches(start: int) -> tf.data.Dataset:
    def batch(k):
        x = tf.random.stateless_uniform([4, 1], [1, k])
        return x, 2 * x

    return tf.data.Dataset.range(start, 1000).map(batch)


def weights(stage):
    return [np.array(v) for group in stage.variables.values() for v in group]


def fit(stage, folder, steps=STEPS, start=0, **schedule):
    said = []
    loop.fit(stage, batches, steps, folder, start, loop.Schedule(**schedule), say=said.append)
    return said


def curves(folder):
    """(step, value) of every point, by its name; of a picture there is no value."""
    seen = {}
    for path in (folder / "tensorboard").glob("events*"):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                number = float(tf.make_ndarray(value.tensor)) if value.tensor.dtype == 1 else 0.0
                seen.setdefault(value.tag, []).append((event.step, number))
    return seen


def test_stopping_and_resuming_changes_nothing(tmp_path):
    whole = make_stage()
    fit(whole, tmp_path / "whole")
    fit(make_stage(), tmp_path / "halved", steps=3)
    resumed = make_stage()
    checkpoints.restore(checkpoints.latest(tmp_path / "halved" / "checkpoints"), resumed.variables)
    fit(resumed, tmp_path / "halved", start=3)
    for a, b in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_last_n_checkpoints_stay(tmp_path):
    fit(make_stage(), tmp_path, save_every=2, keep=2)
    assert [checkpoints.step_of(path) for path in checkpoints.all_of(tmp_path / "checkpoints")] == [6, 7]


def test_a_checkpoint_is_written_when_its_minutes_are_over(tmp_path):
    fit(make_stage(), tmp_path, save_minutes=0.0, keep=10)
    assert len(checkpoints.all_of(tmp_path / "checkpoints")) == STEPS


def test_a_term_that_is_no_number_stops_the_run_and_is_named(tmp_path):
    with pytest.raises(loop.TrainingError, match=r"loss term strange is nan at step 5; .*step_00000004"):
        fit(make_stage(spoil_term_at=5), tmp_path, save_every=2)
    assert checkpoints.step_of(checkpoints.latest(tmp_path / "checkpoints")) == 4


def test_a_spoilt_weight_never_reaches_a_checkpoint(tmp_path):
    with pytest.raises(loop.TrainingError, match=r"not finite after step 4.*step_00000002"):
        fit(make_stage(spoil_gradient_at=4), tmp_path, save_every=2)
    assert checkpoints.step_of(checkpoints.latest(tmp_path / "checkpoints")) == 2


def test_terms_are_read_some_steps_at_once_and_before_anything_is_saved(tmp_path, monkeypatch):
    """As on a GPU: the step is named all the same, points are as they were, and no spoilt step is saved."""
    asked, read = [], loop._read
    monkeypatch.setattr(loop, "_read", lambda unread, step: asked.append((step, len(unread))) or read(unread, step))
    fit(make_stage(), tmp_path / "a", steps=8, read_every=3, scalars_every=100, pictures_every=0, save_every=5)
    assert asked == [(3, 3), (5, 2), (6, 1), (8, 2)]
    fit(make_stage(), tmp_path / "b", steps=8, scalars_every=100, pictures_every=0)
    one, other = (dict(curves(tmp_path / name)) for name in "ab")
    assert one.keys() == other.keys()
    for name, points in one.items():
        np.testing.assert_allclose(points, other[name], rtol=1e-6)
    with pytest.raises(loop.TrainingError, match=r"loss term strange is nan at step 6; .*step_00000005"):
        fit(make_stage(spoil_term_at=6), tmp_path / "c", read_every=100, scalars_every=100, save_every=5, steps=9)


def test_a_profile_of_some_steps_is_for_tensorboard(tmp_path):
    fit(make_stage(), tmp_path, profile=2, pictures_every=0)
    (found,) = (tmp_path / "tensorboard" / "plugins" / "profile").rglob("*.xplane.pb")
    profile = xplane_pb2.XSpace.FromString(found.read_bytes())
    steps = set()
    for plane in profile.planes:
        trained = [i for i, of in plane.event_metadata.items() if of.name == "train"]
        numbers = [i for i, of in plane.stat_metadata.items() if of.name == "step_num"]
        events = [event for line in plane.lines for event in line.events if event.metadata_id in trained]
        steps |= {x.int64_value or x.uint64_value for e in events for x in e.stats if x.metadata_id in numbers}
    assert steps == {3, 4}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves(tmp_path, signum):
    stage = make_stage()
    step = stage.step

    def send(taken):
        if taken == 2:
            os.kill(os.getpid(), signum)

    def disturbed(x, y):
        tf.py_function(send, [stage.optimizer.iterations.value], [])
        return step(x, y)

    stage.step = disturbed
    before = signal.getsignal(signum)
    with pytest.raises(loop.Interrupted) as stopped:
        fit(stage, tmp_path)
    assert stopped.value.signum == signum
    assert checkpoints.step_of(checkpoints.latest(tmp_path / "checkpoints")) == 3
    assert signal.getsignal(signum) is before


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path):
    stage = make_stage(size=100_000)
    fit(stage, tmp_path, steps=2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))  # a checkpoint is 1.2 MB
    try:
        with pytest.raises(loop.TrainingError, match=r"no space left.*of step 2.*run the same command again") as full:
            fit(stage, tmp_path, start=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(full.value)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000002"]
    assert checkpoints.damage(tmp_path / "checkpoints" / "step_00000002") is None


def test_every_term_the_rate_and_the_pictures_are_in_tensorboard(tmp_path):
    fit(make_stage(), tmp_path, scalars_every=2, pictures_every=3)
    seen = {tag: [step for step, _ in points] for tag, points in curves(tmp_path).items()}
    assert seen == {
        "loss/error": [2, 4, 6, 7],
        "loss/strange": [2, 4, 6, 7],
        "learning_rate": [2, 4, 6, 7],
        "picture": [1, 3, 6, 7],
    }
