"""The client: what it sends and reads, against both APIs of the local server; its errors."""

import shutil
import socket
import time

import numpy as np
import pytest
import server_toy as toy
from client_toys import connect, person, photo, toy_painted
from people import striped, upright

import dpt_tf
from serving.client import BadInput, Client, ServerError, framing, retrying, tensors


@pytest.fixture(scope="module")
def real(toy_export):
    """A server of the export."""
    with toy.running(toy_export / "dpt") as server:
        yield server


@pytest.mark.parametrize("rest", [False, True])
def test_pictures_of_any_size_are_framed_as_by_the_library(toy_server, rest):
    source, iuv, target = photo(50, 31), person(50, 31), person(33, 64, 5)
    with connect(toy_server, rest) as asked:
        (got,) = asked.transfer(source, iuv, [target])
    np.testing.assert_array_equal(got, toy_painted(source, iuv, target, version=2))


@pytest.mark.parametrize("rest", [False, True])
@pytest.mark.parametrize("which", [{"version": 1}, {"label": "stable"}])
def test_a_version_or_a_label_chooses_who_paints(toy_server, rest, which):
    x = photo(32, 32), person(32, 32), person(32, 32, 3)
    with connect(toy_server, rest, **which) as asked:
        (got,) = asked.transfer(x[0], x[1], [x[2]])
    np.testing.assert_array_equal(got, toy_painted(*x, version=1))


def test_many_poses_one_pose_both_apis_and_the_library_paint_the_same(real, toy_export):
    source, iuv, poses = photo(40, 28), person(40, 28), [person(32, 32, 2), person(36, 20, 9), person(64, 64, 4)]
    transfer = dpt_tf.load(toy_export / "dpt")
    expected = [transfer(source, iuv, pose)["image"] for pose in poses]
    assert np.ptp(expected[0].astype(int)) > 20
    with connect(real) as asked, connect(real, rest=True) as over_rest:
        many = list(asked.transfer(source, iuv, poses))
        rest = list(over_rest.transfer(source, iuv, poses))
        single = [next(asked.transfer(source, iuv, [pose])) for pose in poses]
    for got in (many, rest, single):
        for picture, truth in zip(got, expected, strict=True):
            assert picture.shape == truth.shape
            difference = np.abs(picture.astype(int) - truth.astype(int))
            # Sums over threads round differently: a pixel of the square may be 1 off, of its enlargement 2.
            assert difference.max() <= 2 and difference.mean() < 0.01


@pytest.fixture(scope="module")
def layered(toy_layers):
    """A server of an export that takes pictures of any size."""
    with toy.running(toy_layers / "dpt") as server:
        yield server


@pytest.mark.slow
def test_where_a_model_takes_any_size_pictures_travel_at_their_own(layered, toy_layers):
    iuv, poses = upright(61, 40), [upright(90, 70), upright(20, 64)]
    source = striped(iuv)
    transfer = dpt_tf.load(toy_layers / "dpt")
    expected = [transfer(source, iuv, pose)["image"] for pose in poses]
    with connect(layered) as asked, connect(layered, rest=True) as over_rest:
        many, rest = (list(client.transfer(source, iuv, poses)) for client in (asked, over_rest))
        single = [next(asked.transfer(source, iuv, [pose])) for pose in poses]
    for got in (many, rest, single):
        for picture, truth in zip(got, expected, strict=True):
            assert picture.shape == truth.shape
            assert np.abs(picture.astype(int) - truth).max() <= 1


@pytest.mark.slow
def test_what_is_larger_than_such_a_model_takes_is_sent_smaller(layered, monkeypatch):
    monkeypatch.setattr(framing.within, "__defaults__", (False, 48))
    iuv = upright(96, 60)
    with connect(layered) as asked:
        sent, ask = [], asked._transport.ask
        monkeypatch.setattr(asked._transport, "ask", lambda *given: sent.append(given[2]) or ask(*given))
        (got, _) = asked.transfer(striped(iuv, 12), iuv, [upright(70, 100)] * 2)
    assert got.shape == (70, 100, 3) and np.ptp(got) > 100
    shape = [[dim.size for dim in proto.tensor_shape.dim] for proto in (sent[0]["source"], sent[1]["target_iuv"])]
    assert shape == [[1, 48, 30, 3], [1, 34, 48, 3]]


def test_many_poses_cost_one_texture_and_a_render_each(real, monkeypatch):
    with connect(real) as asked:
        calls, ask = [], asked._transport.ask
        monkeypatch.setattr(
            asked._transport, "ask", lambda spec, name, *rest: calls.append(name) or ask(spec, name, *rest)
        )
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


def test_without_the_two_halves_many_poses_are_refused_by_name(toy_server):
    with connect(toy_server) as asked, pytest.raises(ServerError, match="no signature `texture`, only serving_default"):
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


@pytest.mark.parametrize("as_content", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_answers_are_read_from_either_field(as_content, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    proto = toy.encode(array, as_content)
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
