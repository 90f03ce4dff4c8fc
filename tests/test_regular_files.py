"""Only regular files are opened, of bounded size: one function reads them for the library, one for the client."""

import ast
import os
import pathlib
import time

import odd_files
import pytest

from dpt_tf import config, iuv
from dpt_tf.data import keypoints
from dpt_tf.data.prepare import deepfashion, densepose_coco, mvc_lists
from dpt_tf.densepose import map_files
from dpt_tf.densepose.rcnn import converted
from dpt_tf.evaluation import card, digests, progress
from dpt_tf.experiments import tabulate
from dpt_tf.images import photos
from dpt_tf.iuv import notes
from dpt_tf.shipped import weights
from dpt_tf.system import files
from dpt_tf.system.errors import UserError
from dpt_tf.training import checkpoints, trained
from serving.client import BadInput, framing, maps
from serving.client.transport import Tls

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among files here")

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "dpt_tf").rglob("*.py"), *(ROOT / "serving" / "client").rglob("*.py")])

# Where a file is opened by other means, and why that is right.
MAY = {
    ("dpt_tf/system/files.py", "os.open"): "the function itself",
    ("dpt_tf/system/files.py", "open"): "by its descriptor",
    ("dpt_tf/iuv/sources.py", "open"): "by its descriptor",
    ("dpt_tf/system/atomic.py", "os.open"): "to flush what was just written",
    ("dpt_tf/system/processor.py", "read_text"): "/proc/cpuinfo, which no user names",
    ("dpt_tf/commands/main.py", "os.open"): "/dev/null, to write to",
    ("dpt_tf/commands/prepare.py", "read_bytes"): "in a folder that this process has made for itself",
    ("dpt_tf/data/pairing.py", "open"): "a list in a prepared data set, which may lie in a bucket",
    ("dpt_tf/data/prepare/pipeline.py", "read_text"): "what a worker said, in a data set that is being built",
    ("dpt_tf/densepose/zoo.py", "open"): "an address, to download from",
    ("dpt_tf/evaluation/progress.py", "open"): "a table, to go on writing",
    ("dpt_tf/iuv/tensors.py", "zipfile.ZipFile"): "a part of an opened file",
    ("dpt_tf/transfer/person_file.py", "zipfile.ZipFile"): "an opened file, or a new one",
    ("serving/client/files.py", "open"): "the client's own function",
}
_WRITING = {"w", "wb", "x", "xb", "a", "ab", "w+b", "r+b"}
_READERS = {"np.load", "np.memmap", "np.fromfile", "np.loadtxt", "Image.open", "zipfile.ZipFile", "os.open"}
_METHODS = {"open", "read_bytes", "read_text"}
_OTHERS = ("files.", "photos.", "archive.", "av.", "self._opener.", "urllib.")


def test_every_file_that_a_user_may_name_is_opened_by_one_function():
    found = {}
    for path in SOURCES:
        for call in (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if type(node) is ast.Call):
            if name := _reads(call):
                found[path.relative_to(ROOT).as_posix(), name] = call.lineno
    assert found.keys() == MAY.keys()


def _reads(call: ast.Call) -> str:
    """What reads a file by its name, empty for what does not; `file` is the name of one that our function opened."""
    called = ast.unparse(call.func)
    first = ast.unparse(call.args[0]) if call.args else ""
    if called.startswith(_OTHERS) or any(isinstance(one, ast.Constant) and one.value in _WRITING for one in call.args):
        return ""
    if called in _READERS:
        return "" if first.startswith(("io.BytesIO(", "file", "source.file")) else called
    short = called.rpartition(".")[2]
    return short if called == "open" or (short in _METHODS and "." in called) else ""


@pytest.mark.parametrize(
    "line, name",
    [
        ("open(path)", "open"),
        ("path.open()", "open"),
        ("pathlib.Path(path).read_bytes()", "read_bytes"),
        ("Image.open(path)", "Image.open"),
        ("np.load(folder / 'a')", "np.load"),
        ("Image.open(io.BytesIO(data))", ""),
        ("np.load(file)", ""),
        ("aside.open('wb')", ""),
        ("files.read_text(path)", ""),
    ],
)
def test_what_opens_a_file_is_recognised(line, name):
    assert _reads(ast.parse(line, mode="eval").body) == name


def _in_place(name, ask):
    """Asks for a file that has a name of its own in a folder."""

    def moved(path):
        folder = path.with_name(f"{path.name}-folder")
        (folder / name).parent.mkdir(parents=True)
        path.rename(folder / name)
        return ask(folder)

    return moved


WHOLE = {
    "photo": photos.read,
    "keypoints": keypoints.read_keypoints,
    "OpenPose": keypoints.read_openpose,
    "DensePose-COCO": densepose_coco.read,
    "pairs": deepfashion._read_pairs,
    "hyper-parameters": config.load,
    "report": lambda path: card._scores(path, ""),
    "table": tabulate.read,
    "provenance": _in_place("joint/provenance.json", lambda folder: trained.provenance(folder, "joint")),
    "manifest": _in_place("manifest.json", checkpoints.damage),
    "card": _in_place("card.json", weights.read_card),
    "scores": _in_place("pairs.csv", lambda folder: progress.column(folder, "a", "b")),
    "client's photo": framing.read_photo,
    "client's map": maps.read,
    "client's TLS": lambda path: Tls(authority=path).read("authority"),
}
BY_PIECES = {
    "map": iuv.read,
    "photos of a dump": iuv.photos,
    "map of ours": map_files.read,
    "MVC's list": lambda path: next(mvc_lists._entries(str(path))),
    "weights": converted.architecture,
    "pictures": lambda path: digests.of_files([path]),
}


@pytest.mark.parametrize("reader", WHOLE | BY_PIECES)
def test_what_is_no_file_is_one_line_at_once(tmp_path, reader):
    begun = time.monotonic()
    for path, what in odd_files.no_files(tmp_path / "odd", ".pkl").items():
        if reader in BY_PIECES and "MiB" in what:
            continue
        with pytest.raises((UserError, iuv.NotIUV, BadInput)) as caught:
            (WHOLE | BY_PIECES)[reader](path)
        assert path.stem in str(caught.value) and "\n" not in str(caught.value)
        assert what in str(caught.value) or "too many" in str(caught.value)
    assert time.monotonic() - begun < 5


def test_what_is_no_file_says_nothing_of_itself(tmp_path):
    for path in odd_files.no_files(tmp_path / "odd"):
        assert notes.read(path) is None


def test_photos_of_every_kind_are_read_by_library_and_client_alike(tmp_path):
    for kind, (suffix, data) in odd_files.photos().items():
        path = tmp_path / f"{kind}{suffix}"
        path.write_bytes(data)
        assert photos.read(path).shape == (30, 40, 3), kind
        assert (framing.read_photo(path) == photos.read(path)).all(), kind


def test_bombs_are_refused_without_a_warning_and_before_they_are_decoded(tmp_path, recwarn):
    for name, data in odd_files.bombs().items():
        path = tmp_path / f"{name}.png"
        path.write_bytes(data)
        for ask in (lambda path: photos.read(path, 1 << 25), iuv.read, framing.read_photo, maps.read):
            with pytest.raises((UserError, iuv.NotIUV, BadInput), match=r"pixels"):
                ask(path)
    assert not list(recwarn)


def test_json_that_is_nested_without_end_is_a_value_that_is_wrong(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="nested too deeply"):
        files.read_json(path)
    with pytest.raises(UserError, match=r"deep\.json: not JSON"):
        keypoints.read_openpose(path)
