"""An export is the run: the same pictures, in any process, for any batch; what it cannot use it refuses."""

import ast
import io
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from exporting import GOOD, REFUSED, SIZE, X, make_run
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2
from toy import TINY

from dpt_tf.commands import main
from dpt_tf.export import checks, signatures, warmup
from dpt_tf.system.errors import UserError
from dpt_tf.training import networks, trained
from dpt_tf.transfer import loading, painter

HALF_A_GREY = 0.5 / 127.5


@pytest.fixture(scope="module")
def run(toy_export):
    return toy_export / "run"


@pytest.fixture(scope="module")
def exported(toy_export):
    return toy_export / "dpt" / "1"


@pytest.fixture(scope="module")
def model(run):
    return trained.load_generator(run)[0]


@pytest.fixture(scope="module")
def truth(model):
    """The generator's own outputs."""
    return {name: value.numpy() for name, value in model({k: tf.constant(v) for k, v in X.items()}).items()}


@pytest.fixture(scope="module")
def saved(exported):
    """What `saved_model.pb` holds."""
    model = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    (meta,) = model.meta_graphs
    return meta


@pytest.fixture(scope="module")
def warmups(exported):
    return warm_ups_of(exported)


def warm_ups_of(version):
    """The requests for warming up, by their signatures."""
    requests = {}
    for record in tf.data.TFRecordDataset(str(version / "assets.extra" / warmup.FILE)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "dpt"
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        requests[request.model_spec.signature_name] = inputs
    return requests


@pytest.fixture(scope="module")
def answers(exported, truth, warmups, tmp_path_factory):
    """What the C++ runtime answers to every request of these tests, from one process without our code."""
    requests = {name: (name, inputs) for name, inputs in GOOD.items() if name != "render"}
    seen = {"texture": truth["texture"], "observed": truth["observed"].astype(np.uint8)}
    requests["render"] = ("render", X | seen)
    requests["alone"] = ("tensors", {name: value[1:] for name, value in X.items()})
    requests |= {f"warm-up {name}": (name, inputs) for name, inputs in warmups.items()}
    requests |= {f"refused {name}": (one, GOOD[one] | changes) for name, (one, changes, _) in REFUSED.items()}
    return run_in_c(exported, requests, tmp_path_factory.mktemp("requests"))


def run_in_c(model, requests, folder):
    """`{request: answer}`."""
    for name, (signature, inputs) in requests.items():
        np.savez(folder / f"{name}.npz", signature=signature, **inputs)
    helper = pathlib.Path(__file__).with_name("c_runtime.py")
    libraries = pathlib.Path(tf.__file__).parent
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(helper), str(libraries), str(model), str(folder)]
    done = subprocess.run(command, env=alone, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: dict(np.load(folder / f"{name}.answer.npz", allow_pickle=True)) for name in requests}


def assert_close(value, expected, name):
    """In a few texels that hardly any pixel reached another order of adding shows: they are quotients of small sums."""
    off = np.abs(value.astype(float) - expected)
    assert (off > HALF_A_GREY).mean() < 1e-4, (name, off.max())
    assert off.max() < 8 * HALF_A_GREY, (name, off.max())


def grey_levels(image):
    return (np.clip(image, -1, 1) + 1) * 127.5


@pytest.mark.parametrize("signature", ["tensors", "texture", "render"])
def test_the_c_runtime_paints_what_python_paints(answers, truth, signature):
    expected = X | truth
    answer = answers[signature]
    assert "message" not in answer, answer
    gives = {"tensors": "image warped provenance", "texture": "source source_iuv texture observed"}
    assert set(answer) == set(gives.get(signature, "image warped predicted provenance").split())
    for name, value in answer.items():
        assert value.shape == expected[name].shape
        assert_close(value, expected[name], name)
        assert np.ptp(value) > 0, f"{name} is flat: it would equal anything"


def test_files_in_files_out_is_the_same_picture(answers, truth):
    for file, image in zip(answers["serving_default"]["image_bytes"], truth["image"], strict=True):
        picture = np.asarray(Image.open(io.BytesIO(file)))
        assert picture.shape == (SIZE, SIZE, 3)
        assert np.abs(picture - grey_levels(image)).max() <= 1


def test_examples_of_a_batch_do_not_know_of_each_other(answers):
    for name, value in answers["alone"].items():
        assert_close(value[0], answers["tensors"][name][1], name)
    assert np.abs(np.diff(answers["tensors"]["image"], axis=0)).mean() > 10 * HALF_A_GREY


def test_observed_is_nothing_but_0_and_1(truth):
    assert set(np.unique(truth["observed"])) == {0.0, 1.0}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_an_invalid_argument_and_a_sentence(answers, case):
    answer = answers[f"refused {case}"]
    assert set(answer) == {"code", "message"}, f"answered: {set(answer)}"
    assert answer["code"] == 3  # INVALID_ARGUMENT
    assert REFUSED[case][2] in str(answer["message"])


def test_without_tensorflow_servings_messages_an_export_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setattr(trained, "load_generator", lambda *_: pytest.fail("it went to work"))
    code = main.guarded(lambda: main.dispatch(["export", "--workdir=run", f"--export_dir={tmp_path / 'models'}"]))
    line = "tensorflow-serving-api is not installed; an export needs it: pip install 'dpt_tf[export]'\n"
    assert (code, capsys.readouterr().err) == (2, line)
    assert not (tmp_path / "models").exists()


def test_no_module_of_the_library_imports_tensorflow_servings_messages_when_it_is_imported():
    for file in pathlib.Path(signatures.__file__).parents[1].rglob("*.py"):
        for node in ast.parse(file.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.startswith("tensorflow_serving") for name in names), file


def test_load_gives_the_pictures_of_the_run(model, exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)  # only to export, it is needed
    photo = ((X["source"][0] + 1) * 127.5).round().astype(np.uint8)[:, :24]
    maps = X["source_iuv"][0][:, :24], X["target_iuv"][0]
    ours = painter.Transfer(lambda x: model({k: tf.constant(v) for k, v in x.items()}), SIZE, {}, None)(photo, *maps)
    loaded = painter.load(exported.parent)
    theirs = loaded(photo, *maps)
    assert set(theirs) == set(ours) == {"image", "warped", "predicted", "provenance", "texture", "observed"}
    for name in ours:
        assert np.abs(theirs[name].astype(int) - ours[name]).max() <= 1, name
    assert loaded.image_size == SIZE
    assert (loaded.provenance["saved_model"], loaded.provenance["step"]) == (str(exported), 7)


def test_the_newest_version_is_the_one_of_the_highest_number(tmp_path):
    for name in ("2", "10", "notes", ".export-1@here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    assert loading.newest(tmp_path).name == "10"
    assert loading.newest(tmp_path / "2").name == "2"


def test_a_damaged_export_is_refused(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(UserError, match=r"1 cannot be loaded .*dpt export"):
        painter.load(tmp_path)


def ops_that_are_newer(saved):
    """Whatever TensorFlow 2.20 has not, functions that need Python among it."""
    functions = saved.graph_def.library.function
    nodes = [*saved.graph_def.node, *(node for function in functions for node in function.node_def)]
    ours = {function.signature.name for function in functions}
    lines = pathlib.Path(__file__).with_name("data").joinpath("ops_2_20.txt").read_text().splitlines()
    return {node.op for node in nodes} - ours - set(" ".join(lines[1:]).split())


def test_nothing_in_it_needs_python_a_compiler_or_a_newer_tensorflow(saved):
    functions = saved.graph_def.library.function
    assert not ops_that_are_newer(saved)
    assert not any(function.attr["_XlaMustCompile"].b for function in functions)
    for function in functions:
        if not re.search("traced_(save|restore)", function.signature.name):  # files are the CPU's
            assert not [node.name for node in function.node_def if node.device], function.signature.name


def test_the_batch_is_free_and_only_the_batch(saved):
    assert set(signatures.NAMES) <= set(saved.signature_def)
    for name in signatures.NAMES:
        shapes = {
            key: [length.size for length in info.tensor_shape.dim]
            for key, info in saved.signature_def[name].inputs.items()
        }
        assert shapes == {key: [-1, *value.shape[1:]] for key, value in GOOD[name].items()}
        for key, info in saved.signature_def[name].outputs.items():
            assert [length.size for length in info.tensor_shape.dim].count(-1) == 1, key


def test_what_it_is_lies_inside(run, exported):
    extra = exported / "assets.extra"
    assert json.loads((extra / "hparams.json").read_text()) == json.loads((run / "hparams.json").read_text())
    facts = json.loads((extra / "provenance.json").read_text())
    assert (facts["device"], facts["mixed_precision"], facts["step"]) == ("cpu", "float32", 7)


def test_every_signature_is_warmed_up_with_what_it_accepts(warmups, answers):
    assert set(warmups) == set(signatures.NAMES)
    for name in warmups:
        assert "message" not in answers[f"warm-up {name}"], answers[f"warm-up {name}"]


@pytest.mark.parametrize(
    "changes",
    [
        {"blocks": "predictive"},
        {"blocks": "refinement"},
        {"blocks": "warping", "source_pose": "mask"},
        pytest.param({"mixed_precision": "bfloat16"}, marks=pytest.mark.slow),
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_every_kind_of_generator_is_split_into_halves_that_make_the_whole(changes):
    hparams = TINY.replace(**changes)
    with networks.precision(hparams.mixed_precision):
        model = networks.generator_of(hparams)
    inputs = {name: tf.constant(value) for name, value in X.items()}
    # A graph, as the halves are: it rounds to bfloat16 elsewhere than single operations do.
    whole, halves = tf.function(model)(inputs), signatures.Signatures(model, hparams)
    unwrapped = halves.texture(inputs["source"], inputs["source_iuv"])
    rendered = halves.render(**unwrapped, target_iuv=inputs["target_iuv"])
    for name, value in rendered.items():
        assert value.dtype == tf.float32
        assert_close(value.numpy(), whole[name].numpy(), name)


def test_numbers_in_sentences_read_as_people_write_them():
    assert checks.sentence("x ", tf.constant(3), " ", tf.constant(127.5)).numpy() == b"x 3 127.5"


def test_a_run_on_keypoints_is_refused(tmp_path):
    run = make_run(tmp_path / "run", TINY.replace(target_pose="keypoints"))
    with pytest.raises(UserError, match=r"run was trained on keypoints; an export answers to photos and maps"):
        main.dispatch(["export", f"--workdir={run}", f"--export_dir={tmp_path / 'models'}"])
    assert not (tmp_path / "models").exists()


def test_a_generator_with_layers_paints_the_same_once_exported(toy_layers):
    loaded = tf.saved_model.load(str(toy_layers / "dpt" / "1"))
    answer = loaded.signatures["tensors"](**{name: tf.constant(value) for name, value in X.items()})
    truth = trained.load_generator(toy_layers / "run")[0]({name: tf.constant(value) for name, value in X.items()})
    for name in ("image", "warped", "provenance"):
        np.testing.assert_allclose(answer[name], truth[name], atol=1e-5, err_msg=name)
