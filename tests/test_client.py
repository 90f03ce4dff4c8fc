"""The client: what it sends and reads, against both APIs of the stand-in; its errors; what it needs installed."""

import os
import shutil
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import standin_toy as toy
import trustme
from exporting import make_run

import client as command
import dpt_tf
from client import BadInput, Client, ServerError, Tls
from dpt_tf import framing
from dpt_tf.commands import main
from dptclient import retrying, tensors


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """A toy run's export, as version 1."""
    folder = tmp_path_factory.mktemp("client")
    run = make_run(folder / "run")
    assert main.dispatch(["export", f"--workdir={run}", f"--export_dir={folder / 'dpt'}", "--device=cpu"]) == 0
    return folder / "dpt"


@pytest.fixture(scope="module")
def real(export):
    """A server of the export."""
    with toy.running(export) as server:
        yield server


@pytest.fixture(scope="module")
def painter(tmp_path_factory):
    """A server of the toy, versions 1 and 2, of which 1 is `stable`."""
    base = toy.put(tmp_path_factory.mktemp("toys") / "dpt", 1, 2)
    model = toy.configs.ModelConfig(name="dpt", base_path=str(base))
    model.model_version_policy.all.SetInParent()
    model.version_labels["stable"] = 1
    with toy.running(base, models=[model]) as server:
        yield server


def address(server, rest: bool) -> str:
    return f"127.0.0.1:{server.options.rest_port if rest else server.options.port}"


def connect(server, rest=False, **options) -> Client:
    return Client(address(server, rest), rest=rest, **options)


def person(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A map of one person of patches, U and V smooth and low."""
    iuv = np.zeros((height, width, 3), np.uint8)
    rows, columns = np.mgrid[: height - 8, : width - 8]
    inside = iuv[4:-4, 4:-4]
    inside[..., 0] = 1 + (rows // 6 + columns // 6 + seed) % 24
    inside[..., 1], inside[..., 2] = 40 + rows, 30 + columns
    return iuv


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def toy_painted(source, iuv, target, version):
    """What a client of the toy should get, by the frames of `dpt_tf`."""
    planes = {"source": framing.square_photo(source, toy.S), "source_iuv": framing.square_map(iuv, toy.S)}
    planes["target_iuv"] = framing.square_map(target, toy.S)
    square = toy.expected({name: plane[None] for name, plane in planes.items()}, version)[0]
    return framing.unsquare(square, *target.shape[:2])


@pytest.mark.parametrize("rest", [False, True])
def test_pictures_of_any_size_are_framed_as_by_the_library(painter, rest):
    source, iuv, target = photo(50, 31), person(50, 31), person(33, 64, 5)
    with connect(painter, rest) as asked:
        (got,) = asked.transfer(source, iuv, [target])
    np.testing.assert_array_equal(got, toy_painted(source, iuv, target, version=2))


@pytest.mark.parametrize("rest", [False, True])
@pytest.mark.parametrize("which", [{"version": 1}, {"label": "stable"}])
def test_a_version_or_a_label_chooses_who_paints(painter, rest, which):
    x = photo(32, 32), person(32, 32), person(32, 32, 3)
    with connect(painter, rest, **which) as asked:
        (got,) = asked.transfer(x[0], x[1], [x[2]])
    np.testing.assert_array_equal(got, toy_painted(*x, version=1))


def test_many_poses_one_pose_both_apis_and_the_library_paint_the_same(real, export):
    source, iuv, poses = photo(40, 28), person(40, 28), [person(32, 32, 2), person(36, 20, 9), person(64, 64, 4)]
    transfer = dpt_tf.load(export)
    expected = [transfer(source, iuv, pose)["image"] for pose in poses]
    assert np.ptp(expected[0].astype(int)) > 20
    with connect(real) as asked, connect(real, rest=True) as over_rest:
        many = list(asked.transfer(source, iuv, poses))
        rest = list(over_rest.transfer(source, iuv, poses))
        single = [next(asked.transfer(source, iuv, [pose])) for pose in poses]
    for got in (many, rest, single):
        for picture, truth in zip(got, expected, strict=True):
            assert picture.shape == truth.shape
            np.testing.assert_allclose(picture.astype(int), truth.astype(int), atol=1)


def test_many_poses_cost_one_texture_and_a_render_each(real, monkeypatch):
    with connect(real) as asked:
        calls, ask = [], asked._door.ask
        monkeypatch.setattr(asked._door, "ask", lambda spec, name, *rest: calls.append(name) or ask(spec, name, *rest))
        assert len(list(asked.transfer(photo(32, 32), person(32, 32), [person(32, 32, n) for n in range(3)]))) == 3
    assert calls == ["texture", "render", "render", "render"]


def test_when_its_version_is_taken_away_the_next_one_paints_the_rest(tmp_path):
    base = toy.put(tmp_path / "dpt", 1)
    x = photo(32, 32), person(32, 32), person(32, 32, 3)
    with toy.running(base) as server, connect(server, rest=True) as asked:
        pictures = asked.transfer(x[0], x[1], [x[2]] * 3)
        np.testing.assert_array_equal(next(pictures), toy_painted(*x, version=1))
        toy.put(base, 2)
        shutil.rmtree(base / "1")
        until = time.monotonic() + 30
        while '"1"' in toy.get(f"{server.rest}/v1/models/dpt/metadata").partition("metadata")[0]:
            assert time.monotonic() < until
            time.sleep(0.1)
        for got in pictures:
            np.testing.assert_array_equal(got, toy_painted(*x, version=2))


def test_without_the_two_halves_many_poses_are_refused_by_name(painter):
    with connect(painter) as asked, pytest.raises(ServerError, match="no signature `texture`, only serving_default"):
        list(asked.transfer(photo(32, 32), person(32, 32), [person(32, 32)] * 2))


@pytest.mark.parametrize("rest", [False, True])
def test_a_silent_server_is_left_when_the_time_is_up(rest):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        asked = Client(f"127.0.0.1:{silent.getsockname()[1]}", rest=rest, timeout=1)
        with asked, pytest.raises(ServerError) as error:
            list(asked.transfer(photo(32, 32), person(32, 32), [person(32, 32)]))
        assert error.value.code == "DEADLINE_EXCEEDED" and "\n" not in str(error.value)
        assert 0.9 < time.monotonic() - began < 10


@pytest.mark.parametrize("rest", [False, True])
def test_a_server_that_comes_late_is_found(tmp_path, rest):
    base, x = toy.put(tmp_path / "dpt", 1), (photo(32, 32), person(32, 32), person(32, 32, 1))
    ports = {"port": toy.free_port(), "rest_port": toy.free_port()}
    waits = []

    def come(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            server.append(running.__enter__())

    server, running = [], toy.running(base, **ports)
    with (
        pytest.MonkeyPatch.context() as patch,
        Client(f"127.0.0.1:{ports['rest_port' if rest else 'port']}", rest=rest) as c,
    ):
        sleep = time.sleep
        patch.setattr(retrying.time, "sleep", lambda seconds: come(seconds) or sleep(seconds))
        (got,) = c.transfer(x[0], x[1], [x[2]])
    running.__exit__(None, None, None)
    np.testing.assert_array_equal(got, toy_painted(*x, version=1))
    assert len(waits) >= 2 and waits[0] <= 0.2 and waits[1] <= 0.4


class Refusing:
    """A call that is refused with `code` some times, under a clock that only waiting moves."""

    def __init__(self, monkeypatch, code: str, times: int):
        self.now, self.left, self.waits, self.given, self.code = 0.0, times, [], [], code
        monkeypatch.setattr(retrying, "time", self)

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    def __call__(self, seconds):
        self.given.append(seconds)
        if self.left:
            self.left -= 1
            raise ServerError(self.code, "no")
        return "answer"


def test_waits_double_and_each_attempt_has_the_time_that_is_left(monkeypatch):
    call = Refusing(monkeypatch, "UNAVAILABLE", 6)
    assert retrying.ask(call, 60, 6) == "answer"
    for attempt, wait in enumerate(call.waits):
        assert 0.5 * min(0.2 * 2**attempt, 5) <= wait <= min(0.2 * 2**attempt, 5)
    np.testing.assert_allclose(call.given, 60 - np.cumsum([0, *call.waits]))


@pytest.mark.parametrize(
    ("code", "seconds", "retries", "attempts"),
    [
        ("UNAVAILABLE", 60, 2, 3),
        ("UNAVAILABLE", 60, 0, 1),
        ("RESOURCE_EXHAUSTED", 60, 5, 1),
        ("UNAVAILABLE", 0.05, 5, 1),
    ],
)
def test_it_ends_when_attempts_or_time_run_out_or_the_refusal_is_of_another_kind(
    monkeypatch, code, seconds, retries, attempts
):
    call = Refusing(monkeypatch, code, 100)
    with pytest.raises(ServerError, match=code):
        retrying.ask(call, seconds, retries)
    assert len(call.given) == attempts


@pytest.mark.parametrize("as_content", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_answers_are_read_from_either_field(as_content, dtype):
    from tensorflow.core.framework import tensor_pb2

    from standin.tensors import encode

    array, proto = np.arange(24).reshape(2, 3, 4).astype(dtype), tensor_pb2.TensorProto()
    encode(array, proto, as_content)
    np.testing.assert_array_equal(tensors.decode("x", tensors.TensorProto.FromString(proto.SerializeToString())), array)
    assert bool(proto.tensor_content) == as_content


def test_equal_values_at_the_end_may_come_once_and_no_values_are_refused():
    proto = tensors.TensorProto(dtype=1, float_val=[1, 2])
    proto.tensor_shape.dim.add(size=4)
    np.testing.assert_array_equal(tensors.decode("x", proto), [1, 2, 2, 2])
    del proto.float_val[:]
    with pytest.raises(ServerError, match="holds 0 values"):
        tensors.decode("x", proto)


@pytest.mark.parametrize(
    ("photo_", "iuv", "target", "words"),
    [
        (photo(32, 32)[..., 0], person(32, 32), person(32, 32), r"photo must be a uint8 array \[H, W, 3\]"),
        (photo(32, 30), person(32, 32), person(32, 32), "the photo is 30 x 32 and its map 32 x 32"),
        (photo(32, 32), 0 * person(32, 32), person(32, 32), "source_iuv has no person"),
        (photo(32, 32), person(32, 32), person(32, 32) + 25, "target_iuv has part"),
    ],
)
def test_bad_arrays_are_refused_before_they_are_sent(photo_, iuv, target, words):
    with Client("127.0.0.1:1", retries=0) as asked, pytest.raises(BadInput, match=words):
        list(asked.transfer(photo_, iuv, [target]))


@pytest.mark.parametrize("mutual", [False, True])
def test_tls_by_the_configuration_that_the_script_writes(tmp_path, mutual):
    base, authority = toy.put(tmp_path / "dpt", 1), trustme.CA()
    pair = authority.issue_cert("localhost")
    for name, blobs in (("ca", [authority.cert_pem]), ("key", [pair.private_key_pem]), ("cert", pair.cert_chain_pems)):
        (tmp_path / name).write_bytes(b"".join(blob.bytes() for blob in blobs))
    flags = [f"--key={tmp_path / 'key'}", f"--cert={tmp_path / 'cert'}"]
    flags += [f"--client_ca={tmp_path / 'ca'}"] * mutual
    script = [sys.executable, str(toy.SERVING / "configs" / "ssl_config.py"), *flags]
    (tmp_path / "ssl.config").write_text(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
    x = photo(32, 32), person(32, 32), person(32, 32, 1)
    known = Tls(tmp_path / "ca", tmp_path / "cert", tmp_path / "key")
    with toy.running(base, credentials=toy.configs.credentials(str(tmp_path / "ssl.config"))) as server:
        where = f"localhost:{server.options.port}"
        for tls, welcome in ((known, True), (Tls(tmp_path / "ca"), not mutual), (Tls(), False), (None, False)):
            with Client(where, tls=tls, retries=0) as asked:
                if welcome:
                    np.testing.assert_array_equal(next(asked.transfer(*x[:2], [x[2]])), toy_painted(*x, version=1))
                else:
                    with pytest.raises(ServerError, match="UNAVAILABLE"):
                        next(asked.transfer(*x[:2], [x[2]]))


@pytest.fixture
def files(tmp_path):
    """A photo, its map, two poses in a folder with a ruined one between, and a third pose."""
    (tmp_path / "poses").mkdir()
    pictures = {"a.png": photo(32, 32), "a_IUV.png": person(32, 32), "c_IUV.png": person(32, 32, 7)}
    pictures |= {"poses/1.png": person(32, 32, 1), "poses/2.png": photo(32, 32), "poses/3.png": person(40, 32, 3)}
    for name, picture in pictures.items():
        (tmp_path / name).write_bytes(toy.png(picture))
    (tmp_path / "poses" / "notes.txt").write_text("not a pose")
    return tmp_path


def flags(files, server, *targets, rest=False, output="out"):
    targets = [str(files / target) for target in targets]
    which = [f"--server={server if isinstance(server, str) else address(server, rest)}", *(["--rest"] if rest else [])]
    which += [f"--source={files / 'a.png'}", f"--source_iuv={files / 'a_IUV.png'}", f"--output={files / output}"]
    return [*which, "--target_iuv", *targets]


def test_the_command_paints_files_and_folders_and_names_what_it_leaves_out(painter, files, capsys):
    assert command.main(flags(files, painter, "c_IUV.png", "poses", rest=True)) == 2
    said = capsys.readouterr()
    assert said.out.split() == [str(files / "out" / name) for name in ("c_IUV.png", "1.png", "3.png")]
    (line,) = said.err.splitlines()
    assert line.startswith(f"client.py: {files / 'poses' / '2.png'}: no DensePose map")
    assert not list(files.glob("out/*.partial"))
    for name, target in (("c_IUV.png", person(32, 32, 7)), ("3.png", person(40, 32, 3))):
        with toy.PIL.Image.open(files / "out" / name) as painted:
            got = np.asarray(painted)
        np.testing.assert_array_equal(got, toy_painted(photo(32, 32), person(32, 32), target, version=2))


def test_one_pose_may_be_one_file(painter, files, capsys):
    assert command.main(flags(files, painter, "c_IUV.png", output="new/picture.png")) == 0
    assert capsys.readouterr().out.split() == [str(files / "new" / "picture.png")]
    with toy.PIL.Image.open(files / "new" / "picture.png") as painted:
        assert painted.size == (32, 32)


@pytest.mark.parametrize(
    ("targets", "more", "code", "words"),
    [
        (["c_IUV.png"], ["--model=other"], 1, "NOT_FOUND"),
        (["c_IUV.png"], ["--version=9"], 1, "NOT_FOUND"),
        (["c_IUV.png"], ["--server=127.0.0.1:1", "--retries=0"], 1, "127.0.0.1:1: UNAVAILABLE"),
        (["nowhere.png"], [], 2, "nowhere.png: no such file; give the path of a DensePose map"),
        (["c_IUV.png"], ["--source={files}/nowhere.jpg"], 2, "nowhere.jpg: no such file; give the path of a photo"),
        (["c_IUV.png"], ["--source_iuv={files}/poses/3.png"], 2, "the photo is 32 x 32 and its map 32 x 40"),
        (["poses", "poses"], [], 2, "have one file name"),
        (["poses"], ["--output={files}/out.png"], 2, "give a folder"),
        (["poses"], ["--output={files}/poses"], 2, "would be overwritten by its picture"),
        (["c_IUV.png"], ["--output={files}/a.png/x/y.png"], 2, "cannot be written"),
        (["c_IUV.png"], ["--timeout=0"], 2, "above 0"),
        (["c_IUV.png"], ["--version=1", "--label=stable"], 2, "not allowed with"),
        (["c_IUV.png"], ["--tls_cert={files}/a.png"], 2, "belong together"),
        (["c_IUV.png"], ["--tls_ca={files}/nowhere"], 2, "nowhere: cannot be read"),
    ],
)
@pytest.mark.parametrize("rest", [False, True])
def test_what_goes_wrong_is_one_line_and_a_code(painter, files, capsys, targets, more, code, words, rest):
    try:
        got = command.main([*flags(files, painter, *targets, rest=rest), *(one.format(files=files) for one in more)])
    except SystemExit as left:
        got = left.code
    (line,) = capsys.readouterr().err.splitlines()
    assert (got, line[:11]) == (code, "client.py: ") and words in line


@pytest.mark.parametrize("rest", [False, True])
def test_it_runs_where_neither_tensorflow_nor_the_library_is(painter, files, rest):
    absent = ["tensorflow", "tensorflow_serving", "keras", "scipy", "dpt_tf"] + ["grpc", "google"] * rest
    code = f"import sys; sys.modules |= dict.fromkeys({absent}); import client; sys.exit(client.main())"
    ran = subprocess.run(
        [sys.executable, "-c", code, *flags(files, painter, "c_IUV.png", rest=rest)],
        env={**os.environ, "PYTHONPATH": str(toy.SERVING)},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    assert (files / "out" / "c_IUV.png").is_file()
