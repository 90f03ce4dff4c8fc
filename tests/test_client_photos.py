"""The client of a server that finds maps itself: photos where maps were, over both APIs; and of one that does not."""

import shutil

import numpy as np
import photo_toys as toys
import pytest
import server_toy as toy
from client_toys import address, connect, person

from dpt_tf.densepose import small
from dpt_tf.transfer import painter
from serving.client import BadInput, ServerError, framing
from serving.client import __main__ as command


@pytest.fixture(scope="module")
def server(toy_photos, tmp_path_factory):
    """Of the export, cold: to warm up what these tests never ask takes longer than they do."""
    base = tmp_path_factory.mktemp("models") / "dpt"
    shutil.copytree(toy_photos / "dpt", base, ignore=shutil.ignore_patterns("assets.extra"))
    with toy.running(base) as running:
        yield running


@pytest.fixture(scope="module")
def estimator(toy_photos):
    return small.load(toy_photos / "maps")


@pytest.fixture(scope="module")
def transfer(toy_photos, estimator):
    return painter.load(toy_photos / "run", pose=estimator)


def assert_alike(got, truth):
    assert got.shape == truth.shape and np.ptp(truth.astype(int)) > 20
    difference = np.abs(got.astype(int) - truth)
    # Sums over threads round differently: a pixel of the square may be 1 off, of its enlargement 2.
    assert difference.max() <= 2 and difference.mean() < 0.02


@pytest.mark.parametrize("rest", [False, True])
def test_a_map_is_had_of_a_photo_and_of_a_box_in_it(server, estimator, rest):
    box = (4.0, 10.0, 30.5, 52.0)
    with connect(server, rest) as asked:
        found = asked.pose(toys.TARGET), asked.pose(toys.SOURCE, box)
    truth = estimator.people(toys.TARGET)[0], estimator.people(toys.SOURCE, [box])[0]
    for one, expected in zip(found, truth, strict=True):
        assert one.map.dtype == np.uint8 and expected.map.any()
        assert (one.map[..., 0] == expected.map[..., 0]).mean() >= 0.99
        np.testing.assert_allclose(one.box, expected.box, atol=1e-3)
        assert one.score == pytest.approx(expected.score, abs=1e-3)


@pytest.mark.parametrize("rest", [False, True])
def test_photos_alone_give_the_pictures_that_the_library_paints(server, transfer, rest):
    with connect(server, rest) as asked:
        got = list(asked.transfer(toys.SOURCE, target_photos=[toys.TARGET, toys.SOURCE]))
    for picture, target in zip(got, (toys.TARGET, toys.SOURCE), strict=True):
        assert_alike(picture, transfer(toys.SOURCE, target=target)["image"])


def test_a_map_that_is_given_is_taken_and_only_the_other_one_is_found(server, transfer):
    with connect(server) as asked:
        (to_photo,) = asked.transfer(toys.SOURCE, toys.TALL, target_photos=[toys.TARGET])
        (to_map,) = asked.transfer(toys.SOURCE, None, [toys.WIDE])
    assert_alike(to_photo, transfer(toys.SOURCE, toys.TALL, target=toys.TARGET)["image"])
    assert_alike(to_map, transfer(toys.SOURCE, target_iuv=toys.WIDE)["image"])


def test_of_a_large_photo_a_smaller_one_is_sent_and_the_map_is_of_its_size(server, estimator, monkeypatch):
    monkeypatch.setattr(framing.within, "__defaults__", (False, 61))
    large = toys.SOURCE.repeat(2, 0).repeat(2, 1)
    with connect(server) as asked:
        found = asked.pose(large)
        (picture,) = asked.transfer(large, target_photos=[large[:, :70]])
    assert found.map.shape == large.shape and picture.shape == (122, 70, 3)
    small_truth = estimator.people(framing.within(large))[0]
    np.testing.assert_allclose(found.box, 2 * np.array(small_truth.box), atol=0.01)
    assert (found.map[::2, ::2, 0] == small_truth.map[..., 0]).mean() >= 0.99


@pytest.mark.parametrize("rest", [False, True])
def test_a_photo_of_nobody_is_refused_in_a_sentence(server, rest):
    with connect(server, rest) as asked:
        with pytest.raises(ServerError, match=r"target_bytes\[0\] shows nobody") as error:
            list(asked.transfer(toys.SOURCE, target_photos=[toys.NOBODY]))
        assert error.value.code == "INVALID_ARGUMENT"
        with pytest.raises(ServerError, match=r"box\[0\] is 0, 0, 500, 20; it should be x0, y0, x1, y1 inside of the"):
            asked.pose(toys.SOURCE, (0, 0, 500, 20))


@pytest.mark.parametrize("rest", [False, True])
def test_a_server_without_a_network_of_maps_is_told_from_one_with(toy_server, rest):
    with connect(toy_server, rest) as asked:
        for given in ({"target_photos": [toys.TARGET]}, {"targets": [person(32, 32)]}):
            with pytest.raises(BadInput, match=r"finds no maps of photos .*--source_iuv and --target_iuv.*--pose"):
                list(asked.transfer(toys.SOURCE, **given))
        with pytest.raises(BadInput, match="no signature `pose`"):
            asked.pose(toys.SOURCE)
        with pytest.raises(BadInput, match="give targets, maps, or target_photos"):
            asked.transfer(toys.SOURCE, person(61, 40))


@pytest.fixture
def files(tmp_path):
    """A photo, and a folder of photos with a map between them and somebody missing in one."""
    (tmp_path / "poses").mkdir()
    pictures = {"a.png": toys.SOURCE, "poses/1.png": toys.TARGET, "poses/1_IUV.png": toys.WIDE}
    pictures |= {"poses/2.png": toys.NOBODY, "poses/3.png": toys.SOURCE}
    for name, picture in pictures.items():
        (tmp_path / name).write_bytes(toy.png(picture))
    (tmp_path / "poses" / "4.jpg").write_bytes(b"no photo")
    return tmp_path


def flags(files, server, rest=False):
    which = [f"--server={address(server, rest)}", *(["--rest"] if rest else [])]
    return [*which, f"--source={files / 'a.png'}", f"--output={files / 'out'}"]


@pytest.mark.parametrize("rest", [False, True])
def test_the_command_paints_photos_and_names_those_that_show_nobody(server, files, transfer, capsys, rest):
    assert command.main([*flags(files, server, rest), f"--target={files / 'poses'}"]) == 2
    said = capsys.readouterr()
    assert said.out.split() == [str(files / "out" / name) for name in ("1.png", "3.png")]
    nobody, broken = said.err.splitlines()
    assert nobody.startswith(f"client: {files / 'poses' / '2.png'}: ") and "shows nobody" in nobody
    assert broken.startswith(f"client: {files / 'poses' / '4.jpg'}: ")
    with toy.PIL.Image.open(files / "out" / "1.png") as painted:
        assert_alike(np.asarray(painted), transfer(toys.SOURCE, target=toys.TARGET)["image"])


def test_a_source_that_shows_nobody_ends_it(server, files, capsys):
    (files / "a.png").write_bytes(toy.png(toys.NOBODY))
    assert command.main([*flags(files, server), f"--target={files / 'poses'}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "source_bytes[0] shows nobody" in line


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--target={files}/poses/1.png"], "finds no maps of photos (it has no signature `photos`): give maps"),
        (["--target_iuv={files}/poses/1_IUV.png"], "finds no maps of photos (it has no signature `pose`): give maps"),
        (["--target={files}/poses", "--target_iuv={files}/poses"], "not allowed with"),
        ([], "one of the arguments --target_iuv --target is required"),
        (["--target={files}/empty"], "empty: no photo in this folder; give a folder of photos"),
        (["--target={files}/poses", "--output={files}/poses"], "would be overwritten by a picture"),
    ],
)
def test_what_goes_wrong_is_one_line(toy_server, files, capsys, more, words):
    (files / "empty").mkdir()
    try:
        got = command.main([*flags(files, toy_server), *(one.format(files=files) for one in more)])
    except SystemExit as left:
        got = left.code
    (line,) = capsys.readouterr().err.splitlines()
    assert (got, line[:8]) == (2, "client: ") and words in line
