"""The export of a generator with layers takes and gives pictures of any size: the run's pictures, in any runtime."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from exporting import encoded, strings
from people import striped, upright
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from test_export import run_in_c
from toy import TINY

from dpt_tf.export import signatures
from dpt_tf.models.composition import LARGEST, Composition
from dpt_tf.training import trained
from dpt_tf.transfer import painter

# Its functions are tested by test_composition in every run; here they are exported, which takes half a minute.
pytestmark = pytest.mark.slow

SIZE = TINY.image_size
RENDERED = ("image", "warped", "predicted", "provenance", "backdrop", "layers")
IUV = np.stack([upright(61, 40), upright(61, 40)[:, ::-1]])
PHOTOS = np.stack([striped(IUV[0]), 255 - striped(IUV[1])])
POSES = np.stack([upright(48, 70), upright(48, 70)[::-1]])
SQUARE = upright(SIZE, SIZE)
WIDE = upright(8, LARGEST + 2)


@pytest.fixture(scope="module")
def truth(toy_layers):
    """What the run's own graphs say: of the photos, and of the poses."""
    source, render = Composition(trained.load_generator(toy_layers / "run")[0]).halves()
    unwrapped = dict(source(*map(tf.constant, (PHOTOS, IUV, np.zeros_like(PHOTOS[..., :1])))))
    outputs = render(unwrapped, tf.constant(POSES))
    return [{name: value.numpy() for name, value in found.items()} for found in (unwrapped, outputs)]


def files(photos, iuv, poses):
    return {
        "source_bytes": strings(*map(encoded, photos)),
        "source_iuv_bytes": strings(*map(encoded, iuv)),
        "target_iuv_bytes": strings(*map(encoded, poses)),
    }


@pytest.fixture(scope="module")
def requests(truth):
    """Signature and inputs of each request, and what is said of those that are refused."""
    photo, kept = {"source": PHOTOS, "source_iuv": IUV}, truth[0] | {"target_iuv": POSES}
    square = {
        "source": np.zeros((1, SIZE, SIZE, 3), np.float32),
        "source_iuv": SQUARE[None],
        "target_iuv": SQUARE[None],
    }
    good = files(PHOTOS, IUV, POSES)
    refused = {
        "other map": (
            "texture",
            photo | {"source_iuv": POSES},
            "source_iuv is 70 x 48 pixels and source 40 x 61; give",
        ),
        "large": ("texture", {"source": WIDE[None], "source_iuv": WIDE[None]}, "source is 2050 x 8 pixels; the longer"),
        "nobody": ("texture", photo | {"source_iuv": 0 * IUV}, "source_iuv[0] shows no person"),
        "floats": ("render", kept | {"small_source": kept["small_source"] * np.nan}, "small_source[0] holds values as"),
        "pose": ("render", kept | {"target_iuv": np.stack([WIDE, WIDE])}, "target_iuv is 2050 x 8 pixels; the longer"),
        "atlas": ("render", kept | {"texture": kept["texture"][:, :, :8]}, "give two that belong together"),
        "square": ("tensors", square | {"source": square["source"][:, :16]}, "source is [1, 16, 32, 3]; it should be"),
        "two sizes": (
            "serving_default",
            good | {"target_iuv_bytes": strings(encoded(POSES[0]), encoded(IUV[0]))},
            "target_iuv_bytes[1] is 40 x 61 pixels and target_iuv_bytes[0] 70 x 48; within one request",
        ),
        "file's map": (
            "serving_default",
            files(PHOTOS, POSES, POSES),
            "source_iuv_bytes is 70 x 48 pixels and source_b",
        ),
        "large file": (
            "serving_default",
            files([WIDE], [WIDE], [WIDE]),
            "source_bytes[0] is 2050 x 8 pixels; the longer",
        ),
        "no file": (
            "serving_default",
            good | {"source_bytes": strings(b"?", b"!")},
            "source_bytes[0] is neither a PNG",
        ),
    }
    asked = {"texture": ("texture", photo), "render": ("render", kept), "files": ("serving_default", good)}
    return asked | {"tensors": ("tensors", square)}, refused


@pytest.fixture(scope="module")
def answers(toy_layers, requests, tmp_path_factory):
    """Of the C++ runtime, without our code."""
    asked, refused = requests
    every = asked | {name: (signature, inputs) for name, (signature, inputs, _) in refused.items()}
    return run_in_c(toy_layers / "dpt" / "1", every, tmp_path_factory.mktemp("requests"))


def test_the_c_runtime_composes_what_the_run_composes(answers, truth):
    for signature, expected in zip(("texture", "render"), truth, strict=True):
        assert "message" not in answers[signature], answers[signature]
        assert set(answers[signature]) == set(expected)
        for name, value in answers[signature].items():
            assert value.dtype == expected[name].dtype and value.shape == expected[name].shape, name
            level = 1 if value.dtype == np.uint8 else 1e-3
            assert np.abs(value.astype(float) - expected[name]).max() <= level, name
            assert np.ptp(value) > 0, f"{name} is flat: it would equal anything"
    assert set(truth[1]) == set(RENDERED)


def test_files_of_any_size_give_pictures_of_the_poses_size(answers, truth):
    pictures = [np.asarray(Image.open(io.BytesIO(file))) for file in answers["files"]["image_bytes"]]
    assert np.abs(np.stack(pictures).astype(int) - truth[1]["image"]).max() <= 1


def test_the_square_of_old_clients_is_what_it_was(answers):
    assert {name: value.shape for name, value in answers["tensors"].items()} == {
        "image": (1, SIZE, SIZE, 3),
        "warped": (1, SIZE, SIZE, 3),
        "provenance": (1, SIZE, SIZE, 1),
    }
    assert answers["tensors"]["image"].dtype == np.float32


def test_what_is_wrong_is_an_invalid_argument_and_a_sentence(answers, requests):
    for name, (_, _, said) in requests[1].items():
        assert set(answers[name]) == {"code", "message"}, f"{name} answered: {set(answers[name])}"
        assert answers[name]["code"] == 3 and said in str(answers[name]["message"]), (
            name,
            str(answers[name]["message"]),
        )


def test_load_composes_with_it_as_with_the_run(toy_layers):
    run, loaded = (painter.load(toy_layers / name) for name in ("run", "dpt"))
    ours, theirs = (paint(PHOTOS[0], IUV[0], POSES[0]) for paint in (run, loaded))
    assert set(ours) == set(theirs) == {*RENDERED, "texture", "observed"}
    for name in ours:
        assert np.abs(ours[name].astype(int) - theirs[name]).max() <= 1, name
    assert loaded.image_size == SIZE


def test_its_signatures_say_which_sizes_are_free(toy_layers):
    version = toy_layers / "dpt" / "1"
    (meta,) = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes()).meta_graphs
    shapes = {
        name: {
            key: [length.size for length in info.tensor_shape.dim]
            for key, info in meta.signature_def[name].inputs.items()
        }
        for name in signatures.NAMES
    }
    free, square = [-1, -1, -1, 3], [-1, SIZE, SIZE, 3]
    assert shapes["texture"] == {"source": free, "source_iuv": free}
    assert shapes["tensors"] == dict.fromkeys(("source", "source_iuv", "target_iuv"), square)
    assert shapes["render"]["target_iuv"] == free and shapes["render"]["person"] == [-1, -1, -1, 5]
    gives = meta.signature_def["render"].outputs
    assert {key: [length.size for length in info.tensor_shape.dim][1:] for key, info in gives.items()} == {
        name: [-1, -1, 1 if name == "provenance" else 3] for name in RENDERED
    }
    lines = json.loads((version / "assets.extra" / "hparams.json").read_text())
    assert (
        lines["blending"] == "layers" and (version / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0
    )
