"""One person in another's clothes: what is taken, what stays, what is bare, and what is refused."""

import numpy as np
import pytest
from dressed import WALL, R, front, halves, sources, surface

from dpt_tf import iuv
from dpt_tf.commands.main import dispatch, guarded
from dpt_tf.images import display, photos
from dpt_tf.iuv import parts as words
from dpt_tf.iuv import tubes
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import dressed_photos, dressing, garments, person_file

ADA = {"skin": (215, 160, 130), "top": (200, 30, 40), "bottom": (30, 40, 150), "sleeve": 0.9}
BEN = {"skin": (120, 80, 60), "top": (40, 150, 160), "bottom": (90, 90, 90), "sleeve": 0.25, "waist": 0.85}
TRUNK, BACK, THIGH, FOREARM, UPPER_ARM = 1, 0, 8, 20, 16  # sheets


@pytest.fixture(scope="module")
def ada():
    return sources(surface(**ADA))


@pytest.fixture(scope="module")
def ben():
    return sources(surface(**BEN))


def dress(person, clothes, parts, mask=None):
    return dressing.dressed(halves(clothes, person), person, clothes, words.parsed(parts), mask)


def photo(person):
    return np.asarray(person.each[0]["person"])[0, ..., :3]


@pytest.fixture(scope="module")
def in_top(ada, ben):
    return dress(ada, ben, "top")


def near(colours, colour, within=12.0):
    """The share of colours that are this one."""
    return (np.abs(colours.reshape(-1, 3).astype(float) - colour).max(-1) <= within).mean()


# Tubes


def test_a_station_is_the_same_on_the_way_to_cells_and_back():
    along = tubes.places(R)[1][..., None]
    back = tubes.to_atlas(tubes.of_atlas(along, np.ones_like(along))[0][..., 0], R)
    inner = (along[..., 0] > 0.05) & (along[..., 0] < 0.95)
    inner[4:6] = False  # the two halves of a foot overlap
    assert np.quantile(np.abs(back - along[..., 0])[inner], 0.95) < 0.02


def test_what_is_smooth_in_cells_has_no_seam_between_front_and_back():
    angle = np.cos(np.radians((np.arange(tubes.ANGLES) + 0.5) * 360 / tubes.ANGLES))
    grid = np.broadcast_to(angle, [len(tubes.PIECES), tubes.STATIONS, tubes.ANGLES])
    sheets, round_ = tubes.to_atlas(grid, R), tubes.places(R)[2]
    np.testing.assert_allclose(sheets, np.cos(np.radians(round_)), atol=0.05)


# What is worn


@pytest.mark.parametrize(("sleeve", "waist", "leg"), [(0.25, 0.75, 0.5), (1.0, 0.9, 1.0), (0.0, 0.6, 0.3)])
def test_garments_end_where_their_colours_do(sleeve, waist, leg):
    texture = surface(sleeve=sleeve, waist=waist, leg=leg)
    worn = garments.worn(texture, np.full_like(texture[..., :1], 255))
    np.testing.assert_allclose(worn.sleeve, sleeve, atol=0.03)
    np.testing.assert_allclose(worn.leg, leg, atol=0.03)
    assert worn.waist == pytest.approx(waist, abs=0.03)


def test_of_a_dress_no_waist_is_told():
    texture = surface(top=(90, 20, 120), bottom=(90, 20, 120))
    assert garments.worn(texture, np.full_like(texture[..., :1], 255)).waist is None


# What becomes of the surface


def test_the_top_is_the_others_and_all_below_it_stays(in_top, ada):
    assert near(in_top.texture[TRUNK, :, : R // 2], in_top.texture[TRUNK, R // 2, R // 3]) > 0.95
    assert near(in_top.texture[TRUNK, :, : R // 2], ADA["top"], 60) == 0
    np.testing.assert_array_equal(in_top.texture[THIGH], ada.texture[THIGH])
    for sheet in (2, 3, 4, 5, 22, 23):
        np.testing.assert_array_equal(in_top.texture[sheet], ada.texture[sheet])


def test_what_no_photo_shows_of_the_clothes_is_never_of_the_old_ones(in_top):
    assert not in_top.observed[BACK].any()
    assert near(in_top.texture[BACK, :, : R // 2], in_top.texture[TRUNK, R // 2, R // 3]) > 0.95


def test_an_arm_that_the_new_sleeve_leaves_bare_has_the_persons_own_skin(in_top):
    along = tubes.places(R)[1]
    bare = in_top.texture[FOREARM][(along[FOREARM] > 0.55) & (along[FOREARM] < 0.85)]
    assert near(bare, ADA["skin"]) > 0.95
    assert near(in_top.texture[UPPER_ARM][along[UPPER_ARM] < 0.2], in_top.texture[TRUNK, R // 2, R // 3]) > 0.95


def test_below_a_shorter_top_the_persons_own_bottom_goes_on(ben, ada):
    short = dress(ben, ada, "top")  # whose own top ends lower
    along = tubes.places(R)[1][TRUNK]
    between = short.texture[TRUNK][(along > 0.78) & (along < 0.82)]
    assert near(between, BEN["bottom"]) > 0.95


def test_a_person_in_their_own_clothes_looks_as_before(ada):
    same = dress(ada, ada, "top,bottom,shoes,hair")
    assert np.abs(photo(same).astype(int) - photo(ada)).mean() < 2
    assert np.abs(same.texture.astype(int) - ada.texture).mean() < 6


def test_clothes_come_brighter_into_a_brighter_light_and_by_no_more_than_a_bound(ben):
    bright, dark = (
        dress(sources(surface(**ADA | {"skin": tone})), ben, "top") for tone in ((250, 190, 150), (60, 45, 36))
    )
    chest = [one.texture[TRUNK, R // 2, R // 3].astype(float) for one in (bright, dark)]
    assert (chest[0] > 1.1 * chest[1]).all()
    assert (chest[0] < np.multiply(BEN["top"], 1.4)).all() and (chest[1] > np.divide(BEN["top"], 1.4)).all()


def test_numbers_of_parts_take_them_whole_and_no_others(ada, ben):
    trunk = dress(ada, ben, "2")
    assert near(trunk.texture[TRUNK, 8:-8, :40], trunk.texture[TRUNK, R // 2, R // 3]) > 0.9
    for sheet in (THIGH, FOREARM, 22):
        np.testing.assert_array_equal(trunk.texture[sheet], ada.texture[sheet])


def test_a_mask_takes_what_it_covers(ada, ben):
    mask = np.zeros([96, 96], np.uint8)
    mask[66:84, 36:47] = 255  # one shank
    taken = dress(ada, ben, "top", mask)
    changed = (photo(taken) != photo(ada)).any(-1)
    assert changed.any()


# The photo


def test_what_is_not_replaced_stays_to_the_pixel(in_top, ada):
    part = front()[..., 0]
    kept = np.isin(part, (3, 4, 5, 6, 9, 10, 13, 14, 23, 24))
    np.testing.assert_array_equal(photo(in_top)[kept], photo(ada)[kept])
    assert (photo(in_top)[part == 0] == WALL).all()
    assert (photo(in_top)[part == 2] != photo(ada)[part == 2]).any(-1).mean() > 0.7


def test_what_hung_beside_a_replaced_garment_goes_and_beside_another_stays(ben):
    skirt, cape = np.s_[50:60, 30:66], np.s_[24:34, 33:36]
    person = sources(surface(**ADA), [(*skirt, (30, 40, 150)), (*cape, (200, 30, 40))])
    beside = front()[..., 0] == 0
    hung = [np.zeros_like(beside) for _ in range(2)]
    for mask, place in zip(hung, (skirt, cape), strict=True):
        mask[place] = True
    of_bottom = photo(dress(person, ben, "bottom"))
    far = hung[0] & beside & (np.abs(np.arange(96) - 47.5) > 15)[None]
    assert near(of_bottom[far], WALL, 3) > 0.9
    np.testing.assert_array_equal(of_bottom[hung[1] & beside], photo(person)[hung[1] & beside])


# What is refused


def test_parts_that_the_clothes_photo_does_not_show_are_refused(ada, ben):
    hidden = ben.observed.copy()
    hidden[[4, 5]] = 0
    feetless = sources(surface(**BEN))
    feetless.each[0]["observed"] = hidden[None]
    with pytest.raises(UserError, match="show nothing of shoes"):
        dress(ada, feetless, "top,shoes")
    with pytest.raises(UserError, match="part 5, left foot"):
        dress(ada, feetless, "5")


def test_a_photo_that_shows_none_of_the_parts_is_refused(ada):
    with pytest.raises(UserError, match="shows nothing of these parts"):
        dressed_photos.photo_of(ada, ada, photo(ada))


def test_a_mask_of_another_size_or_beside_the_person_is_refused(ada, ben):
    with pytest.raises(ValueError, match="one size"):
        dress(ada, ben, "top", np.full([8, 8], 255, np.uint8))
    corner = np.zeros([96, 96], np.uint8)
    corner[:4, :4] = 255
    with pytest.raises(UserError, match="covers nothing of the person"):
        dress(ada, ben, "top", corner)


@pytest.mark.parametrize("said", ["", "scarf", "0", "25", "top,,shoes"])
def test_a_part_that_there_is_not_is_refused_with_those_there_are(said):
    with pytest.raises(ValueError, match="top, bottom, shoes, hair"):
        words.parsed(said)


def test_parts_are_named_by_kind_number_or_name():
    assert words.parsed("top, 3,left_hand,Torso Front,top") == ("top", 3, 4, 2)
    assert words.parsed(5) == (5,) and words.parsed(["shoes", 24]) == ("shoes", 24)


# The command and networks


@pytest.fixture
def paint(ada, ben):
    from dpt_tf.transfer import painter

    return painter.Transfer(None, 32, {}, None, halves(ada, ben), atlas_size=32)


@pytest.fixture
def folder(tmp_path, monkeypatch, paint, ada, ben):
    """Photos and maps of both, and the command's networks are small ones."""
    from dpt_tf import shipped
    from dpt_tf.transfer import painter

    for name, person in (("ada", ada), ("ben", ben)):
        display.save(tmp_path / f"{name}.png", photo(person))
        (tmp_path / f"{name}_IUV.png").write_bytes(iuv.encode(front()))
    monkeypatch.chdir(tmp_path)
    shipped_folder = shipped.folder
    monkeypatch.setattr(shipped, "folder", lambda name=None: shipped_folder(name) if name else tmp_path)
    monkeypatch.setattr(painter, "load", lambda model: paint)
    return tmp_path


def run(*flags):
    return guarded(lambda: dispatch(["dress", *flags]))


BOTH = ("--person", "ada.png", "--clothes", "ben.png")


def test_the_command_leaves_the_rest_of_the_photo_as_it_was(folder, ada):
    assert run(*BOTH, "--parts=top", "-o", "out.png") == 0
    made, part = photos.read(folder / "out.png"), front()[..., 0]
    kept = np.isin(part, (0, 3, 4, 5, 6, 9, 10, 23, 24))
    np.testing.assert_array_equal(made[kept], photo(ada)[kept])
    assert (made[part == 2] != photo(ada)[part == 2]).any(-1).mean() > 0.7


@pytest.mark.slow  # networks are built
def test_a_dressed_person_is_kept_and_painted_in_another_pose(folder, monkeypatch):
    import tensorflow as tf
    from small_models import layers_generator

    from dpt_tf.models.composition import Composition
    from dpt_tf.transfer import painter

    made = Composition(layers_generator())
    networks = *painter.composing(*made.halves()), tf.function(made.surface, autograph=False)
    paint = painter.Transfer(None, 32, {}, None, networks, atlas_size=32)
    monkeypatch.setattr(painter, "load", lambda model: paint)
    assert run(*BOTH, "--parts=top,shoes", "-o", "new.person") == 0
    person = person_file.read(folder / "new.person")
    assert person.facts["clothes"] == [{"parts": ["top", "shoes"], "photos": [{"name": "ben.png"}]}]
    assert paint(folder / "new.person", target_iuv=front())["image"].shape == (96, 96, 3)
    assert (
        run("--person", "new.person", "--clothes", "ben.png", "--parts=bottom", "--target", "ada.png", "-o", "p") == 0
    )
    assert (folder / "p" / "ada.png").is_file()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ((*BOTH, "--parts=scarf", "-o", "o.png"), "no such part: 'scarf'"),
        ((*BOTH, "--parts=top", "--mask=ben.png", "-o", "o.png"), "give one of them"),
        ((*BOTH, "--mask=black.png", "-o", "o.png"), "black.png is empty"),
        ((*BOTH, "--mask=small.png", "-o", "o.png"), "small.png is 8 x 8 but ben.png is 96 x 96"),
        ((*BOTH, "--mask=absent.png", "-o", "o.png"), "absent.png"),
        ((*BOTH, "-o", "ada.png"), "ada.png would be overwritten"),
        ((*BOTH, "-o", "ben_IUV.png"), "ben_IUV.png would be overwritten"),
        ((*BOTH, "-o", "o.txt"), "give --output one of these endings"),
        ((*BOTH, "--target", "ada.png", "-o", "o.person"), "leave --target out"),
        ((*BOTH, "--target", "ada.png", "ben.png", "-o", "o.png"), "2 poses; give a folder"),
        ((*BOTH, "--person_iuv", "a", "b", "-o", "o.png"), "1 photos but 2 maps"),
        (("--person", "a.person", "b.png", "--clothes", "ben.png", "-o", "o.png"), "a.person is a person"),
        (("--person", "ada.png", "--clothes", "absent.png", "-o", "o.png"), "absent.png"),
        (("--person", "empty.person", "--clothes", "ben.png", "-o", "o.png"), "empty.person"),
    ],
)
def test_a_mistake_is_one_line_before_networks_are_loaded_and_nothing_is_lost(flags, says, folder, capfd, monkeypatch):
    monkeypatch.setattr("dpt_tf.transfer.painter.load", None)
    (folder / "empty.person").touch()
    display.save(folder / "black.png", np.zeros([96, 96, 3], np.uint8))
    display.save(folder / "small.png", np.full([8, 8, 3], 255, np.uint8))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert run(*flags) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert says in lines[-1] and "Traceback" not in "".join(lines)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
