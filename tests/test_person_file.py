"""A person as a file: painted from without the photos, checked as it is read."""

import io
import json
import zipfile

import numpy as np
import pytest
from people import upright
from PIL import Image
from small_models import layers_painter

from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.images import display
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import painter, person_file

NOISE = np.random.default_rng(0).integers(0, 256, [64, 48, 3], np.uint8)


@pytest.fixture(scope="module")
def paint():
    return layers_painter(digest="d", run="/home/me")


def photo(seed, height=64, width=48):
    """Somebody in smooth colours, which a file loses nothing of to speak of."""
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / (5 + k) + seed) + np.cos(columns / (6 + k)) for k in range(3)]
    return (127 + 60 * np.stack(waves, -1)).astype(np.uint8), upright(height, width)


@pytest.fixture(scope="module", params=[1, 2])
def made(paint, tmp_path_factory, request):
    photos, maps = zip(*(photo(k) for k in range(request.param)), strict=True)
    path = tmp_path_factory.mktemp("people") / "ada.person"
    return path, paint.person(list(photos), list(maps), save=path), (list(photos), list(maps))


def test_what_is_painted_from_the_file_is_what_is_painted_from_the_photos(made, paint):
    path, _, (photos, maps) = made
    pose = upright(64, 64)
    from_photos, from_file = paint(photos, maps, pose), paint(path, target_iuv=pose)
    assert set(from_photos) == set(from_file)
    assert ("photo" in from_file) == (len(photos) > 1)
    for name in ("image", "texture", "backdrop"):  # WebP keeps less of colour's edges than of colours
        difference = np.abs(from_photos[name].astype(int) - from_file[name])
        assert difference.mean() < 3 and np.quantile(difference, 0.99) <= 20, name
    for name in ("observed", "provenance"):
        np.testing.assert_array_equal(from_photos[name], from_file[name])
    for given, kept in zip(maps, person_file.read(path).sources.maps, strict=True):
        np.testing.assert_array_equal(given, kept)


def test_the_file_says_how_it_was_made_and_nothing_of_where(made):
    path, person, (photos, _) = made
    with zipfile.ZipFile(path) as file:
        facts = json.loads(file.read("facts.json"))
    assert facts == person.facts
    assert facts["model"] == {"digest": "d"} and len(facts["photos"]) == len(photos) and facts["format"] == 1
    assert "/home" not in json.dumps(facts) and str(path.parent) not in json.dumps(facts)


def replaced(path, new, **members):
    """The file with other members: bytes, or None for none."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w") as file:
        for name in old.namelist():
            data = members.get(name, old.read(name))
            if data is not None:
                file.writestr(name, data)
    return new


def png(*shape, value=0):
    buffer = io.BytesIO()
    Image.fromarray(np.full(shape, value, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"facts.json": b"{"}, "Expecting"),
        ({"facts.json": b"[]"}, "format None"),
        ({"facts.json": b'{"format": 2}'}, "format 2"),
        ({"facts.json": b"[" * 100_000}, "nested"),
        ({"observed.png": None}, "observed.png is missing"),
        ({"observed.png": b"no picture"}, "observed.png is no picture"),
        ({"1/iuv.png": png(32, 33, 3)}, "1/iuv.png is 33 x 32"),
        ({"1/map.png": png(64, 64, 3)}, "1/map.png is 64 x 64"),
        ({"1/map.png": png(64, 48, 3, value=25)}, "1/map.png has part 25"),
        ({"1/share.png": png(64, 48)}, "1/share.png is 48 x 64, L"),
        ({"backdrop.webp": png(9000, 8, 3)}, "backdrop.webp is 8 x 9000"),
        ({"small_texture.png": png(8, 12, 3)}, "small_texture.png is 12 x 8"),
        ({"1/iuv.png": png(32, 32, 3)[:60]}, "1/iuv.png"),
    ],
)
def test_a_damaged_file_is_one_line(made, tmp_path, members, why):
    path = replaced(made[0], tmp_path / "b.person", **members)
    with pytest.raises(UserError, match="make it anew") as error:
        person_file.read(path)
    assert why in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


def test_what_is_cut_off_or_something_else_is_one_line(made, tmp_path):
    whole = made[0].read_bytes()
    for name, data in {"cut": whole[:-100], "flipped": whole[:3000] + b"???" + whole[3003:], "none": b"hello"}.items():
        path = tmp_path / f"{name}.person"
        path.write_bytes(data)
        with pytest.raises(UserError, match="make it anew"):
            person_file.read(path)


def test_a_bomb_is_not_unpacked(made, tmp_path):
    path = tmp_path / "bomb.person"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("facts.json", b" " * (100 << 20))
    with pytest.raises(UserError, match="104857600 bytes"):
        person_file.read(path)


def test_another_models_networks_are_told(made, paint):
    other = painter.Transfer(None, 64, {}, None, paint._halves, atlas_size=paint._sizes[1])
    with pytest.raises(UserError, match="networks of 32 pixels"):
        other(made[0], target_iuv=upright(64, 64))
    with pytest.raises(ValueError, match="needs no map"):
        paint(made[0], upright(64, 48), upright(64, 64))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["a.png", "-o", "a.zip"], "ends in .person"),
        (["a.png", "a.png", "--source_iuv", "a_IUV.png", "-o", "b.person"], "2 photos but 1 maps"),
        (["absent.png", "-o", "b.person"], "absent.png"),
        (["a.png", "-o", "there/b.person"], "a.png"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(flags, says, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no photo")
    display.save(tmp_path / "a_IUV.png", upright(64, 48)[..., ::-1])
    assert guarded(lambda: dispatch(["person", *flags])) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert says in lines[-1] and "Traceback" not in "".join(lines)
    assert not list(tmp_path.rglob("*.person"))
