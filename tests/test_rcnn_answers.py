"""The R-CNN against what the original answered for the same weights; `shared/densepose` has the answers."""

import numpy as np
import pytest
import small_rcnn
from PIL import Image

from dpt_tf.densepose.rcnn import RCNN, charts, folding, heads
from dpt_tf.densepose.rcnn.architecture import Architecture
from dpt_tf.densepose.rcnn.network import Network

SIZE = [800, 800]


class Case:
    """A network of the formula's weights, its answers, and the original's."""

    def __init__(self, name: str, answers, photos):
        self.network = Network(Architecture(deeplab=name.endswith("dl")))
        shapes, variables = self.network.architecture.tensors(), self.network.variables()
        for variable, array in folding.fold(
            self.network.architecture, lambda tensor: small_rcnn.formula(tensor, shapes[tensor])
        ):
            variables[variable].assign(array)
        with np.load(answers / f"{name}.npz") as kept:
            self.kept = dict(kept)
        self.photo = np.asarray(Image.open(photos / "photos" / "hunter_256.jpeg").convert("RGB"))
        self.picture = np.asarray(Image.fromarray(self.photo).resize((800, 800), Image.Resampling.BILINEAR))
        self.pyramid = self.network.pyramid(self.picture)
        self.decoded = self.network.decode(self.pyramid)


@pytest.fixture(scope="module", params=["r50", pytest.param("r50_dl", marks=pytest.mark.slow)])
def case(request, kept_answers, realdata) -> Case:
    return Case(request.param, kept_answers, realdata)


def test_the_resized_photo_is_the_original_s(case):
    assert case.picture.sum() == case.kept["resized_sum"]


def test_features_are_within_a_thousandth_of_their_spread(case):
    for name, level in case.pyramid.items():
        level = level.numpy()[0]
        spread = case.kept[f"{name}_std"]
        assert level.transpose(2, 0, 1).shape == tuple(case.kept[f"{name}_shape"])
        assert (abs(level.mean((0, 1)) - case.kept[f"{name}_mean"]) < 1e-3 * spread).all()
        assert (abs(level.std((0, 1)) - spread) < 1e-3 * spread).all()
        corner = level[:6, :6, :4].transpose(2, 0, 1)
        assert (abs(corner - case.kept[f"{name}_corner"]) < 1e-3 * spread[:4, None, None]).all()


def alike(one: np.ndarray, other: np.ndarray, within: float) -> float:
    """The share of boxes that have a like one at most two places away: near-equal scores may change places."""
    near = [abs(one - np.roll(other, step, 0)).max(1) < within for step in range(-2, 3)]
    return np.any(near, 0).mean()


def test_proposals_and_detections_are_the_original_s(case):
    proposals, logits = (value.numpy() for value in case.network.propose(case.pyramid, SIZE))
    assert alike(proposals[:200], case.kept["proposals"], 0.1) == 1
    np.testing.assert_allclose(logits[:200], case.kept["objectness"], atol=1e-3)
    boxes, scores = (value.numpy() for value in case.network.detect(case.pyramid, SIZE))
    assert alike(boxes, case.kept["boxes"], 0.1) >= 0.99
    np.testing.assert_allclose(scores, case.kept["scores"], atol=1e-3)


def test_outputs_of_given_boxes_are_within_a_thousandth_of_their_spread(case):
    outputs = case.network.map(case.decoded, case.kept["given_boxes"])
    for name, output in zip(("coarse_segm", "fine_segm", "u", "v"), heads.split(outputs), strict=True):
        kept = case.kept[f"given_{name}"].transpose(0, 2, 3, 1)
        assert abs(output.numpy()[:, ::8, ::8] - kept).max() < 1e-3 * kept.std()
    for person, box in enumerate(case.kept["given_boxes"].tolist()):
        made = charts.paste(outputs[person], tuple(box), *SIZE)
        made = made[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])].astype(int)
        assert (made[..., 0] == case.kept[f"given_{person}_labels"]).mean() >= 0.998
        off = abs(made[..., 1:] - case.kept[f"given_{person}_uv"].transpose(1, 2, 0))
        assert (off <= 2).mean() >= 0.998


def test_people_of_a_photo_are_the_original_s(case):
    people = RCNN(case.network, "original").people(case.photo)
    kept, scores = case.kept["final_boxes"], case.kept["final_scores"]
    assert len(people) == (scores >= 0.8).sum()
    found = np.array([person.box for person in people])
    assert alike(found, kept[: len(people)], 0.1) >= 0.99
    np.testing.assert_allclose([person.score for person in people], scores[: len(people)], atol=1e-3)
    labels, uv = case.kept["final_labels"], np.clip(case.kept["final_uv"] * np.float32(255), 0, 255).astype(int)
    x, y = (int(side) for side in people[0].box[:2])
    made = people[0].map.astype(int)
    box = made[y : y + labels.shape[0], x : x + labels.shape[1]]
    assert (box[..., 0] == labels).mean() >= 0.998
    assert (abs(box[..., 1:] - uv.transpose(1, 2, 0)) <= 2).mean() >= 0.998
    box[:] = 0
    assert not made.any()


@pytest.mark.slow
def test_the_deeper_network_makes_maps_too(realdata):
    network = Network(Architecture((3, 4, 23, 3), deeplab=True))
    photo = np.asarray(Image.open(realdata / "photos" / "hunter_256.jpeg").convert("RGB"))
    people = RCNN(network, "without weights", size=128).people(photo, [(10, 10, 200, 250)])
    assert people[0].map.shape == photo.shape
