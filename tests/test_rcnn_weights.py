"""Laws of the R-CNN's weights: every file form gives the same network, and every other file is refused in one line."""

import ast
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
import small_rcnn
from small_rcnn import TINY, TINY_DL

from dpt_tf.densepose import rcnn
from dpt_tf.densepose.rcnn import architecture, converted, folding, stored
from dpt_tf.densepose.rcnn.architecture import Architecture
from dpt_tf.system.errors import UserError

FORMS = {
    "pickle, protocol 2": lambda model: small_rcnn.pickled(model, 2),
    "pickle, protocol 3": lambda model: small_rcnn.pickled(model, 3),
    "pickle, protocol 4": lambda model: small_rcnn.pickled(model, 4),
    "pickle, protocol 5": lambda model: small_rcnn.pickled(model, 5),
    "pickle of Python 2": small_rcnn.by_python_2,
    "torch zip": small_rcnn.torch_zip,
    "module.": lambda model: small_rcnn.pickled({f"module.{name}": array for name, array in model.items()}),
    "float64": lambda model: small_rcnn.pickled({name: array.astype(np.float64) for name, array in model.items()}),
    "big-endian": lambda model: small_rcnn.pickled({name: array.astype(">f4") for name, array in model.items()}),
    "Fortran order": lambda model: small_rcnn.pickled(
        {name: np.asfortranarray(array) for name, array in model.items()}
    ),
}


def refused(path, *told):
    with pytest.raises(UserError) as error:
        rcnn.load(path)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith(str(path))
    for part in told:
        assert part in line, line


def file(tmp_path, data: bytes, name="weights.pkl"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_the_same_numbers(form, tmp_path):
    model = small_rcnn.weights()
    with stored.opened(file(tmp_path, FORMS[form](model))) as found:
        assert found.architecture == TINY
        for name, array in model.items():
            read = found.read(name)
            assert read.dtype == np.float32
            np.testing.assert_array_equal(read, array, name)


def test_half_precision_is_read_as_what_it_is(tmp_path):
    with stored.opened(file(tmp_path, small_rcnn.torch_zip(small_rcnn.weights(), half=True))) as found:
        name = "backbone.fpn_lateral2.weight"
        np.testing.assert_array_equal(found.read(name), small_rcnn.weights()[name].astype(np.float16))


def test_large_arrays_of_protocol_2_are_texts_and_take_little_more_memory_than_themselves(tmp_path):
    model = small_rcnn.weights()
    wide = Architecture(TINY.blocks, stem=4, pyramid=8, hidden=3000, head=8)
    model = small_rcnn.weights(wide)
    path = file(tmp_path, small_rcnn.pickled(model, 2))
    name = "roi_heads.box_head.fc2.weight"  # 36 MB, 54 as text
    size = model[name].nbytes
    tracemalloc.start()
    with stored.opened(path) as found:
        described = tracemalloc.get_traced_memory()[1]
        np.testing.assert_array_equal(found.read(name), model[name])
        read = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert described < 0.1 * size
    assert read < 5 * size


def test_an_array_that_claims_too_much_costs_nothing(tmp_path):
    data = small_rcnn.by_python_2({"backbone.x": np.zeros((7, 9), np.float32)})
    shape = (7).to_bytes(4, "little") + b"J" + (9).to_bytes(4, "little")
    assert shape in data
    large = data.replace(shape, (1 << 30).to_bytes(4, "little") + b"J" + (1 << 30).to_bytes(4, "little"))
    refused(file(tmp_path, large), "too large")


@pytest.mark.parametrize("name", ["r50", "r50_dl", "r101_dl"])
def test_names_and_shapes_are_those_of_the_original(name, kept_answers):
    lines = (kept_answers / f"names_{name}.txt").read_text().splitlines()
    shapes = {line.partition(" ")[0]: ast.literal_eval(line.partition(" ")[2]) for line in lines}
    found = architecture.of(shapes)
    assert found.tensors() == shapes
    assert found == Architecture((3, 4, 23 if "101" in name else 6, 3), deeplab=name.endswith("dl"))


@pytest.mark.parametrize("depth", [6, 23])
@pytest.mark.parametrize("deeplab", [False, True])
def test_an_architecture_is_told_by_its_tensors(depth, deeplab):
    for made in (Architecture((3, 4, depth, 3), deeplab), Architecture((1, 2, 1, 1), deeplab, 4, 32, 16, 64)):
        assert architecture.of(made.tensors()) == made
    assert Architecture((3, 4, depth, 3), deeplab).name == {6: "R_50_FPN", 23: "R_101_FPN"}[depth] + "_DL" * deeplab


def test_one_misshapen_tensor_does_not_make_the_others_so():
    shapes = Architecture().tensors() | {"backbone.bottom_up.stem.conv1.weight": (32, 3, 7, 7)}
    assert architecture.of(shapes) == Architecture()


def test_what_is_no_weight_is_ignored(tmp_path):
    model = small_rcnn.weights()
    more = {
        "proposal_generator.anchor_generator.cell_anchors.0": np.zeros((3, 4), np.float32),
        "pixel_mean": np.zeros((3, 1, 1), np.float32),
        "pixel_std": np.ones((3, 1, 1), np.float32),
        "backbone.bottom_up.stem.conv1.norm.num_batches_tracked": np.array(7),
        "roi_heads.densepose_predictor.sigma_2_lowres.weight": np.zeros((8, 25, 4, 4), np.float32),
        "roi_heads.densepose_predictor.kappa_u_lowres.bias": np.zeros(25, np.float32),
        "roi_heads.densepose_predictor.fine_segm_confidence_lowres.weight": np.zeros((8, 1, 4, 4), np.float32),
        "roi_heads.densepose_predictor.coarse_segm_confidence_lowres.bias": np.zeros(1, np.float32),
    }
    with stored.opened(file(tmp_path, small_rcnn.pickled(model | more))) as found:
        assert found.tensors.keys() == model.keys()


def without(part: str) -> dict[str, np.ndarray]:
    return {name: array for name, array in small_rcnn.weights().items() if part not in name}


WRONG = {
    "Detectron 1": (lambda: pickle.dumps({"blobs": {"conv1_w": np.zeros(3)}}, 2), "Detectron 1"),
    "legacy": (lambda: small_rcnn.pickled(without("decoder")), "_legacy"),
    "no DensePose": (lambda: small_rcnn.pickled(without("densepose")), "without a DensePose head"),
    "CSE": (lambda: small_rcnn.pickled({"roi_heads.embedder.embedder_cat.features": np.zeros(3)}), "CSE"),
    "another backbone": (lambda: small_rcnn.pickled(without("bottom_up")), "not a ResNet"),
    "one missing": (lambda: small_rcnn.pickled(without("fc1.bias")), "1 missing: roi_heads.box_head.fc1.bias"),
    "one more": (lambda: small_rcnn.pickled(small_rcnn.weights() | {"a.b": np.zeros(2)}), "1 unknown: a.b"),
    "one misshapen": (
        lambda: small_rcnn.pickled(small_rcnn.weights() | {"roi_heads.box_head.fc1.bias": np.zeros(3, "f4")}),
        "roi_heads.box_head.fc1.bias is (3,) instead of (16,)",
    ),
    "NaN": (
        lambda: small_rcnn.pickled(small_rcnn.weights() | {"roi_heads.box_head.fc1.bias": np.full(16, np.nan, "f4")}),
        "roi_heads.box_head.fc1.bias has values that are NaN",
    ),
    "beyond float32": (
        lambda: small_rcnn.pickled(small_rcnn.weights() | {"roi_heads.box_head.fc1.bias": np.full(16, 1e300)}),
        "infinite",
    ),
    "integers": (
        lambda: small_rcnn.pickled(small_rcnn.weights() | {"roi_heads.box_head.fc1.bias": np.zeros(16, int)}),
        "int64",
    ),
    "empty": (lambda: b"", "neither a pickle nor a zip"),
    "text": (lambda: b"<html>404</html>", "neither a pickle nor a zip"),
    "a list": (lambda: pickle.dumps([1], 2), "not a dict"),
    "no arrays": (lambda: pickle.dumps({"model": {"a": 1}}, 2), "without weights"),
    "old torch": (lambda: b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(99), "before 1.6"),
    "hostile": (lambda: b"\x80\x02cos\nsystem\nU\x02ls\x85R.", "os.system"),
    "hostile array": (lambda: pickle.dumps({"model": {"a": np.array([print], object)}}, 2), "array of 'O8'"),
    "deep": (lambda: b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "not a dict"),
    "deep key": (
        lambda: b"\x80\x02ccollections\nOrderedDict\n]](" + b")" + b"\x85" * 99_999 + b"K\1ea\x85R.",
        "damaged",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_of_another_kind_is_refused_with_the_reason(kind, tmp_path):
    data, told = WRONG[kind]
    refused(file(tmp_path, data()), told)


@pytest.mark.parametrize("form", ["pickle, protocol 2", "pickle, protocol 4", "pickle of Python 2", "torch zip"])
def test_a_file_cut_short_anywhere_is_refused(form, tmp_path):
    data = FORMS[form](small_rcnn.weights())
    for part in range(0, 12):
        refused(file(tmp_path, data[: len(data) * part // 12]))
    refused(file(tmp_path, data[:-1]))


def test_a_turned_bit_in_a_zip_is_noticed(tmp_path):
    model = small_rcnn.weights()
    data = bytearray(small_rcnn.torch_zip(model))
    place = bytes(data).index(model["roi_heads.box_head.fc2.weight"].tobytes())
    data[place + 5] ^= 1
    refused(file(tmp_path, bytes(data)), "roi_heads.box_head.fc2.weight", "checksum")


def test_neither_a_file_nor_a_name_is_one_line_with_the_names(tmp_path):
    refused(tmp_path / "absent.pkl", "no such file", "densepose_rcnn_R_50_FPN_s1x")
    refused(tmp_path, "a folder")


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted")
    original = file(folder, small_rcnn.pickled(small_rcnn.weights(TINY_DL)))
    rcnn.convert(original, folder / "deeper" / "weights.npz")
    return original, folder / "deeper" / "weights.npz"


def test_a_converted_file_is_the_same_network(ours):
    one, other = rcnn.load(ours[0]).network, rcnn.load(ours[1]).network
    assert one.architecture == other.architecture == TINY_DL
    for name, variable in one.variables().items():
        np.testing.assert_array_equal(variable, other.variables()[name], name)


def test_every_variable_is_given_a_value(ours):
    with stored.opened(ours[0]) as found:
        folded = dict(folding.fold(TINY_DL, found.read))
    variables = rcnn.load(ours[0]).network.variables()
    assert folded.keys() == variables.keys()
    assert {name: array.shape for name, array in folded.items()} == {
        name: tuple(v.shape) for name, v in variables.items()
    }


def test_a_converted_file_that_was_changed_or_cut_is_refused(ours, tmp_path):
    data = ours[1].read_bytes()
    for part in range(1, 8):
        refused(file(tmp_path, data[: len(data) * part // 8], "cut.npz"))
    with np.load(ours[1]) as stored_arrays:
        arrays = {name: stored_arrays[name] for name in stored_arrays.files}
    changed = arrays | {"roi_heads.box_head.fc2/bias": arrays["roi_heads.box_head.fc2/bias"] + 1}
    np.savez(tmp_path / "changed.npz", **changed)
    refused(tmp_path / "changed.npz", "digest")
    del changed["roi_heads.box_head.fc2/bias"]
    np.savez(tmp_path / "missing.npz", **changed)
    refused(tmp_path / "missing.npz", "roi_heads.box_head.fc2/bias")
    np.savez(tmp_path / "objects.npz", **(arrays | {"about": np.array([{}], object)}))
    refused(tmp_path / "objects.npz", "cannot be read")


def test_a_converted_file_holds_no_pickle_and_leaves_nothing_beside_it(ours):
    with zipfile.ZipFile(ours[1]) as archive:
        assert all(name.endswith(".npy") for name in archive.namelist())
    assert [path.name for path in ours[1].parent.iterdir()] == ["weights.npz"]
    with pytest.raises(UserError, match="converted already"):
        rcnn.convert(ours[1], ours[1].with_name("again.npz"))


def test_a_conversion_that_fails_leaves_what_was_there(ours, tmp_path):
    target = file(tmp_path, b"before", "weights.npz")
    broken = small_rcnn.weights() | {"roi_heads.densepose_predictor.v_lowres.bias": np.full(25, np.inf, "f4")}
    with pytest.raises(UserError, match="infinite"):
        rcnn.convert(file(tmp_path, small_rcnn.pickled(broken)), target)
    assert target.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["weights.npz", "weights.pkl"]


def test_a_frozen_norm_folds_into_its_convolution_by_hand():
    name = "backbone.bottom_up.stem.conv1"
    one = Architecture((1, 1, 1, 1), stem=1, pyramid=8, hidden=16, head=8)
    numbers = {"weight": 3.0, "bias": 5.0, "running_mean": 2.0, "running_var": 4.0 - 1e-5}

    def read(tensor: str) -> np.ndarray:
        shape = one.tensors()[tensor]
        part = tensor.removeprefix(f"{name}.norm.")
        return np.full(shape, numbers.get(part, 1.0) if tensor.startswith(f"{name}.norm") else 1.0, np.float32)

    folded = dict(folding.fold(one, read))
    np.testing.assert_allclose(folded[f"{name}/kernel"], 1.5)
    np.testing.assert_allclose(folded[f"{name}/bias"], 5 - 2 * 1.5)


def test_the_digest_is_of_names_too():
    a, b = np.zeros(2, np.float32), np.ones(2, np.float32)
    digests = []
    for arrays in ((("a", a), ("b", b)), (("b", b), ("a", a)), (("a", b), ("b", a))):
        digest = converted.Digest(TINY)
        for name, array in arrays:
            digest.add(name, array)
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1] != digests[2]
