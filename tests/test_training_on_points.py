"""The stage of maps on people with single points: what a batch says and what it leaves open, learning, resuming."""

import numpy as np
import pytest
import tensorflow as tf
from coco_toys import person, runs_of, write

from dpt_tf import config
from dpt_tf.data import fingerprint, read, sparse_records
from dpt_tf.data.prepare import densepose_coco
from dpt_tf.evaluation import card
from dpt_tf.system.errors import UserError
from dpt_tf.training import loop, run, stages, trained

pytest.importorskip("pycocotools.mask", reason="masks are decoded by pycocotools: pip install 'dpt_tf[data]'")

SIZE = 48
MAPS = config.preset("pose").replace(image_size=SIZE, fcn_width=32, batch_size=2, cooldown=0.0)
PLAIN = MAPS.replace(augment=0)


def with_head(number):
    """Somebody whose torso is the second quarter of the box and whose head is above it, with a point in each."""
    masks: list = [[] for _ in range(14)]
    masks[0], masks[13] = runs_of(slice(64, 128), slice(None)), runs_of(slice(0, 64), slice(None))
    points = {"dp_x": [127.5, 51.0], "dp_y": [31.875, 95.625], "dp_I": [24, 2], "dp_U": [0.2, 0.4], "dp_V": [0.6, 0.8]}
    return person(number, dp_masks=masks, **points)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Five people, all alike, in crops of 48 pixels: the box from (14, 4) to (34, 44), the head down to row 14."""
    folder = tmp_path_factory.mktemp("points")
    annotations, pictures = write(folder, [with_head(number) for number in range(5)])
    people = densepose_coco.examples(densepose_coco.read(annotations), pictures, SIZE)
    return sparse_records.write(folder / "data", {"train": people}, SIZE, "toy").directory


def batches(prepared, hparams, start=0, count=7):
    return list(read.train_batches(prepared, hparams, "pose", start).take(count).as_numpy_iterator())


def test_a_batch_says_what_is_known_and_no_more(prepared):
    ((x, truth),) = batches(prepared, PLAIN, count=1)
    assert {name: (value.dtype, value.shape) for name, value in (x | truth).items()} == {
        "photo": (np.float32, (2, SIZE, SIZE, 3)),
        "part": (np.int32, (2, SIZE, SIZE)),
        "uv": (np.float32, (2, SIZE, SIZE, 2)),
        "person": (np.float32, (2, SIZE, SIZE)),
        "head": (np.float32, (2, SIZE, SIZE)),
    }
    part, head, whole = np.zeros((3, SIZE, SIZE))
    part[4:24, 14:34], head[4:14, 14:34] = -1, 1
    whole[4:44, 14:34], whole[4:24, 14:34] = -1, 1
    part[9, 24], part[19, 18] = 24, 2
    for name, truly in (("part", part), ("head", head), ("person", whole)):
        np.testing.assert_array_equal(truth[name][0], truly, name)
    np.testing.assert_allclose(truth["uv"][0][[9, 19, 0], [24, 18, 0]], [[0.2, 0.6], [0.4, 0.8], [0, 0]])


@pytest.mark.parametrize("hparams", [PLAIN, MAPS], ids=["plain", "varied"])
def test_a_batch_follows_from_seed_and_step_alone(prepared, hparams):
    tf.random.set_seed(1)
    whole = batches(prepared, hparams)
    tf.random.set_seed(2)
    tf.nest.map_structure(np.testing.assert_array_equal, batches(prepared, hparams, 4, 3), whole[4:])


def test_varied_points_stay_on_the_body_and_on_their_part(prepared):
    seen = [
        (part, head, whole)
        for _, truth in batches(prepared, MAPS, count=20)
        for part, head, whole in zip(truth["part"], truth["head"], truth["person"], strict=True)
    ]
    heads, others = set(), 0
    for part, head, whole in seen:
        assert (whole[part != 0] == 1).all() and (whole[part == 0] < 1).all()
        assert (head[part >= 23] == 1).all() and (head[(part > 0) & (part < 23)] == 0).all()
        heads |= set(part[part >= 23])
        others += (part == 2).sum()
    assert heads == {23, 24} and others > 20


def test_an_epoch_shows_everybody_once(tmp_path):
    annotations, pictures = write(tmp_path, [person(n, dp_U=[n / 10, 0.5, 0.5]) for n in range(1, 7)])
    people = densepose_coco.examples(densepose_coco.read(annotations), pictures, SIZE)
    data = sparse_records.write(tmp_path / "data", {"train": people}, SIZE, "toy").directory
    assert read.steps_per_epoch(data, PLAIN, "pose") == 3
    shown = [truth["uv"][:, 14, 24, 0] for _, truth in batches(data, PLAIN, count=6)]
    first, second = np.round(10 * np.ravel(shown)).reshape(2, 6)
    assert sorted(first) == sorted(second) == [1, 2, 3, 4, 5, 6]
    assert list(first) != list(second)


def test_other_stages_and_sizes_are_refused(prepared):
    with pytest.raises(UserError, match="single points, no pairs"):
        read.train_batches(prepared, PLAIN, "joint")
    with pytest.raises(UserError, match="single points, no pairs"):
        run.train(prepared.parent / "run", prepared, PLAIN, ["predictive"])
    assert not (prepared.parent / "run" / "hparams.json").exists()
    with pytest.raises(UserError, match=r"48 pixels, 160 is no whole part of it: prepare them with --size=160"):
        read.steps_per_epoch(prepared, config.preset("pose"), "pose")


def test_steps_on_one_picture_teach_its_points(prepared):
    stage = stages.build("pose", PLAIN.replace(learning_rate=3e-3))
    x, truth = next(iter(read.train_batches(prepared, PLAIN, "pose")))
    step = tf.function(stage.step)
    costs = [{name: float(term) for name, term in step(x, truth).items()} for _ in range(60)]
    for name in ("part", "coordinates", "person", "head", "facing"):
        assert costs[-1][name] < 0.5 * costs[0][name], name
    shown = stage.pictures(x, truth)
    assert set(shown) == {"photo", "truth", "found", "person"}
    dots = (shown["truth"][0] > 0).any(-1)
    assert dots[7:12, 22:27].all() and dots[17:22, 16:21].all() and dots.sum() == 50


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_like_one_that_was_not(prepared, tmp_path):
    tf.config.experimental.enable_op_determinism()
    quiet = loop.Schedule(pictures_every=0)
    for folder, lengths in ((tmp_path / "whole", (4,)), (tmp_path / "stopped", (1, 4))):
        for length in lengths:
            hparams = MAPS.replace(pose_steps=length)
            run.train(folder, prepared, hparams, ["pose"], "densepose_coco", schedule=quiet, say=str)
    whole, stopped = (trained.load_fcn(tmp_path / name) for name in ("whole", "stopped"))
    for one, other in zip(whole[0].variables, stopped[0].variables, strict=True):
        np.testing.assert_array_equal(np.array(one), np.array(other))
    assert whole[2]["dataset"] == "densepose_coco" and whole[2]["data"] == fingerprint.of(prepared)
    assert (whole[2]["data"]["views"], whole[2]["data"]["points"]) == ({"train": 5}, {"train": 10})
    noted = trained.provenance(tmp_path / "whole", "pose")
    made = card.facts("toy", tmp_path / "whole", hparams, noted, prepared, {}, "", "none", stage="pose")
    assert made["description"] == "toy" and made["steps"] == {"pose": 4}
    assert "--dataset=densepose_coco" in made["command"] and "--stage=pose" in made["command"]
