"""Photos without maps, without a browser: who makes the map, of whom, how often, and what is said where nobody is."""

import re
import threading
import time

import numpy as np
import posing
import pytest
import web_toys as toys

from dpt_tf.densepose import choosing
from dpt_tf.densepose.estimator import Person
from dpt_tf.system.errors import UserError
from serving.web import __main__ as command
from serving.web import estimating, whom
from serving.web.clicks import OWN, Clicks
from serving.web.estimating import Maps

ONE = (20, 10, 60, 80)
TWO = ((4, 10, 40, 90), (50, 20, 70, 60))


@pytest.fixture
def maps():
    return Maps(posing.ByColour())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("people")


@pytest.fixture
def clicks(maps, folder):
    return Clicks(toys.Model(), 32, folder, maps)


@pytest.fixture
def two(tmp_path):
    return toys.save(tmp_path / "two.png", posing.photo(*TWO))


@pytest.fixture
def nobody(tmp_path):
    return toys.save(tmp_path / "empty & bare.png", posing.photo())


def text(shown):
    return re.sub("<[^>]*>", " ", shown)


def columns(iuv):
    return tuple(np.nonzero(iuv[..., 0].any(0))[0][[0, -1]] + (0, 1))


def test_a_photo_is_enough_and_its_map_is_of_the_surest_person(maps, two):
    looked = maps.look(two)
    assert looked.map().shape == looked.photo.shape and columns(looked.map()) == (4, 40)
    assert looked.boxes == TWO and looked.meant == TWO[0] and looked.sentence == ""
    assert looked.told == "by colour: person 1 of 2, score 0.75"


@pytest.mark.parametrize(
    ("wish", "wanted", "told"),
    [
        ("2", (50, 70), "person 2 of 2, score 0.21"),
        (" Whole ", (4, 70), "whoever the whole photo shows"),
        ("45,5,79,95", (50, 70), "whoever is in box 45,5,79,95"),
        ("79,95,45,5", (50, 70), "whoever is in box 45,5,79,95"),
        ("45.5, -9, 1e9, 95", (50, 70), "whoever is in box 45.5,0,80,95"),
    ],
)
def test_another_person_a_box_or_the_whole_photo_may_be_meant(maps, two, wish, wanted, told):
    maps.look(two)
    looked = maps.look(two, wish)
    assert columns(looked.map()) == wanted and looked.told == f"by colour: {told}"
    assert looked.boxes == TWO  # one can still choose from all


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("3", "there is no person 3, for 2 found; choose 1 to 2"),
        ("0", "`0` means nobody; give the number of a person, or whole, or a box x0,y0,x1,y1 in pixels"),
        ("the left one", "`the left one` means nobody"),
        ("9" * 5000, "there is no person 9"),
        ("1,2,3", "`1,2,3` means nobody"),
        ("nan,0,9,9", "box nan,0,9,9 has no pixels; give two opposite corners"),
        ("0,0,inf,9", "has no pixels"),
        ("5,5,5,9", "box 5,5,5,9 has no pixels"),
        ("80,0,99,9", "box 80,0,99,9 lies outside of the photo of 80 x 96 pixels"),
        ("41,70,48,95", "nobody found in box 41,70,48,95 by by colour; click two opposite corners"),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_sentence_and_the_choice_stays(maps, two, wish, said):
    maps.look(two)
    looked = maps.look(two, wish)
    assert looked.sentence.startswith("two.png: ") and said in looked.sentence and "\n" not in looked.sentence
    assert looked.iuv is None and looked.boxes == TWO
    with pytest.raises(UserError, match=r"^two\.png: "):
        looked.map()


def test_where_nobody_is_found_the_remedy_is_said_and_the_whole_photo_can_be_taken(clicks, nobody):
    shown, message = clicks.look(nobody, None)
    assert shown.count("<img") == 1 and 'data-wish="whole"' in shown
    assert text(message).strip() == (
        "empty &amp; bare.png: nobody found in it by by colour; click two opposite corners round the person in the "
        "photo, or take the whole photo, or upload the map in its field"
    )
    *_, (message, rows, _) = clicks.paint(nobody, None, ["Front"], [])
    assert "nobody found in it" in message and not rows
    assert "nobody found in the whole photo by" in clicks.look(nobody, None, "whole")[1]


def test_a_map_among_the_photos_is_told_apart(maps, tmp_path):
    looked = maps.look(toys.save(tmp_path / "a_IUV.png", toys.body()))
    assert looked.sentence.endswith("a map goes into the field for maps")


def test_a_photo_is_looked_at_once_whoever_asks_and_as_often_as_they_do(maps, two, tmp_path):
    asked = maps._estimator.asked
    again = toys.save(tmp_path / "the same.png", posing.photo(*TWO))
    for wish in ("", "2", "1", "whole", "whole", "4,4,9,9", "4,4,9,9"):
        assert maps.look(two, wish).boxes == maps.look(again, wish).boxes
    assert asked == [None, [(0, 0, 80, 96)], [(4, 4, 9, 9)]]
    maps.look(toys.save(tmp_path / "other.png", posing.photo(ONE)))
    assert len(asked) == 4


def test_several_users_at_once_wait_for_one_answer(two):
    class Slow(posing.ByColour):
        def people(self, photo, boxes=None):
            time.sleep(0.2)
            return super().people(photo, boxes)

    maps, seen = Maps(Slow()), []
    users = [threading.Thread(target=lambda: seen.append(maps.look(two))) for _ in range(4)]
    for user in users:
        user.start()
    assert maps.look(two, wait=False).iuv is None  # nor is anybody held up who does not wait
    for user in users:
        user.join()
    assert len(seen) == 4 and {one.told for one in seen} == {"by colour: person 1 of 2, score 0.75"}
    assert maps._estimator.asked == [None] and maps.look(two, wait=False).iuv is not None


def test_what_is_kept_has_an_end(maps, tmp_path, monkeypatch):
    monkeypatch.setattr(estimating, "_MOST_BYTES", 10_000)
    people = [toys.save(tmp_path / f"{k}.png", posing.photo((20, 10, 60, 80 + k))) for k in range(3)]
    for photo in (*people, people[0]):
        maps.look(photo)
    assert len(maps._estimator.asked) == 4 and len(maps._kept) == 1


@pytest.mark.parametrize("size", [(9000, 300), (1, 1), (1, 3000), (5000, 2)])
def test_a_photo_of_any_shape_is_no_larger_to_the_estimator_than_pictures_are_composed(maps, tmp_path, size):
    class Whole(posing.ByColour):
        def people(self, photo, boxes=None):
            assert max(photo.shape) <= 2048
            return super().people(photo, boxes)

    photo = toys.save(tmp_path / "p.png", np.full((*size, 3), posing.RED, np.uint8))
    looked = Maps(Whole()).look(photo, "whole")
    assert looked.size == size and (looked.iuv is None or looked.iuv.shape == looked.photo.shape)
    assert Maps(Whole()).look(photo, f"{size[1] - 1},{size[0] - 1},{size[1]},{size[0]}").size == size


def test_boxes_are_in_the_pixels_of_the_file_however_large_it_is(tmp_path):
    photo = posing.photo((400, 100, 800, 3900), height=4096, width=1600)
    seen = []

    class Halved(posing.ByColour):
        def people(self, photo, boxes=None):
            seen.append((photo.shape, boxes))
            return super().people(photo, boxes)

    looked = Maps(Halved()).look(toys.save(tmp_path / "p.png", photo))
    np.testing.assert_allclose(looked.meant, (400, 100, 800, 3900), atol=4)
    looked = Maps(Halved()).look(toys.save(tmp_path / "p.png", photo), "300,0,900,4096")
    assert seen[1] == ((2048, 800, 3), [(150, 0, 450, 2048)]) and looked.meant == (300, 0, 900, 4096)


@pytest.mark.parametrize("data", [b"hello", b"", b"\xff\xd8\xff\xe0 no more"])
def test_a_damaged_photo_is_one_sentence_for_the_person_and_for_the_pose(clicks, two, tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    damaged, said = toys.Upload(tmp_path / "a.png", "a.png"), "a.png: a picture that cannot be read"
    assert said in clicks.look(damaged, None)[1]
    *_, (shown, message) = clicks.see([damaged, two])
    assert said in shown and shown.count("<img") == 1 and message == ""
    *_, (message, rows, _) = clicks.paint(two, None, [], [], photos=[damaged])
    assert said in message and not rows


def test_the_page_shows_who_made_the_map_over_the_photo_and_everybody_to_choose_from(clicks, two):
    first, message = clicks.look(two, None, wait=False)
    assert first.count("<img") == 1 and whom.LOOKING in message and "wish" not in first
    shown, message = clicks.look(two, None, "2")
    assert shown.count("<img") == 2 and message == ""
    assert "made by by colour: person 2 of 2, score 0.21" in text(shown)
    assert shown.count("<rect") == 2 and shown.count('class="meant"') == 1
    pressed = re.findall(r'data-wish="(\w+)" aria-pressed="(\w+)"', shown)
    assert pressed == [("1", "false"), ("2", "true"), ("whole", "false")]
    boxed, _ = clicks.look(two, None, "41,10,75,70")
    assert boxed.count("<rect") == 3 and boxed.count('class="meant"') == 1


def test_a_map_that_is_given_is_taken_and_nobody_is_asked(clicks, tmp_path):
    photo = toys.save(tmp_path / "a.png", np.full((48, 40, 3), 60, np.uint8))
    given = toys.save(tmp_path / "a_IUV.png", toys.body())
    shown, message = clicks.look(photo, given, "2")
    assert shown.count("<img") == 2 and message == "" and "made by" not in shown
    assert list(clicks.paint(photo, given, ["Front"], []))[-1][0] == ""
    assert clicks.maps._estimator.asked == []


def test_the_person_meant_is_the_one_who_is_painted(clicks, two):
    for wish, wanted in (("", (4, 40)), ("2", (50, 70))):
        assert list(clicks.paint(two, None, ["Front"], [], wish))[-1][0] == ""
        photo, source_iuv, _ = clicks._transfer.asked[-1]
        np.testing.assert_array_equal(photo, posing.photo(*TWO))
        assert columns(source_iuv) == wanted


def test_photos_of_poses_become_rows_between_the_ready_ones_and_the_maps(clicks, two, tmp_path):
    one, ten = (toys.save(tmp_path / f"{k}.png", posing.photo(ONE, width=60 + k)) for k in (1, 10))
    own = toys.save(tmp_path / "a_IUV.png", toys.body())
    *_, (message, rows, _) = clicks.paint(two, None, ["Back"], [own], photos=[ten, two, one], wishes="3: 2")
    assert message == ""
    order = [text(rows).index(name) for name in ("Back", "1.png", "10.png", "two.png", "a_IUV.png")]
    assert order == sorted(order)
    assert columns(clicks._transfer.asked[-2][2]) == (50, 70)


def test_the_photos_of_poses_are_shown_with_their_maps_and_those_without_anybody_with_the_remedy(clicks, two, nobody):
    *_, (first, message) = clicks.see([two, nobody], wait=False)
    assert first.count("<img") == 2 and whom.LOOKING in message
    *going, (shown, message) = clicks.see([two, nobody], "2: 2")  # by their names the empty one is the first
    assert [panels for panels, _ in going] == [None, None] and "making the map of two.png" in going[1][1]
    empty, full = re.findall('data-photo="[12]".*?(?=<div class="asked"|$)', shown)
    assert "nobody found in it" in empty and 'role="alert"' in empty and "<rect" not in empty
    assert "person 2 of 2" in full and full.count("<rect") == 2 and "alert" not in full and message == ""
    assert list(clicks.see([])) == [("", "")]


def test_more_photos_than_poses_are_painted_are_refused_before_anybody_is_looked_for(clicks, two):
    ((shown, message),) = clicks.see([two] * 25)
    assert shown == "" and "25 poses are too many at once: give 24 at most" in message
    *_, (message, _, _) = clicks.paint(two, None, ["Front"], [], photos=[two] * 24)
    assert "25 poses are too many at once" in message


def test_a_turn_goes_over_photos_and_maps_by_their_names(clicks, two, tmp_path):
    photo = toys.save(tmp_path / "2.png", posing.photo(ONE, height=90))
    own = [toys.save(tmp_path / f"{k}.png", toys.body(90, 80, part=k)) for k in (10, 1)]
    steps = list(clicks.turn(two, None, OWN, own, photos=[photo]))
    assert 'download="turn.gif"' in steps[-1][1] and any("making the map of 2.png" in said for said, _ in steps)
    assert [target[..., 0].max() for *_, target in clicks._transfer.asked] == [1, 9, 10]


def test_wishes_of_several_photos_are_read_and_what_is_none_is_left_out():
    assert estimating.wishes("1: 2; 3: whole;2:1,2,3,4; x: 1; 7") == {1: "2", 3: "whole", 2: "1,2,3,4"}
    assert estimating.wishes(None) == {} and estimating.wishes("1" * 999 + ": 1") == {}


def test_without_an_estimator_the_page_says_that_a_map_is_needed(folder, two):
    clicks = Clicks(toys.Model(), 32, folder)
    assert "No network that makes maps is here, so that a photo needs its map" in whom.hint(clicks.maps.name)
    shown, message = clicks.look(two, None)
    assert shown.count("<img") == 1 and message == ""
    *_, (message, _, _) = clicks.paint(two, None, ["Front"], [])
    assert "two.png has no map yet: upload its IUV map beside it" in message
    *_, (message, _, _) = clicks.paint(*clicks.first, ["Front"], [], photos=[two])
    assert "two.png has no map yet" in message


def test_the_page_starts_without_the_network_that_ships_but_not_without_one_that_was_named(monkeypatch):
    def absent(name=None):
        raise UserError(f"{name}: not here")

    monkeypatch.setattr(choosing, "open_estimator", absent)
    maps, told = command._maps(None)
    assert maps.name == "" and told.startswith("photos need their maps") and "\n" not in told
    with pytest.raises(UserError, match="small: not here"):
        command._maps("small")
    monkeypatch.setattr(choosing, "open_estimator", lambda name: posing.ByColour(name))
    maps, told = command._maps("densepose_rcnn_R_50_FPN_s1x")
    assert told == "maps of photos by densepose_rcnn_R_50_FPN_s1x" and maps.name == "densepose_rcnn_R_50_FPN_s1x"


def test_of_a_crowd_no_more_are_offered_than_one_can_choose_from(two):
    class Crowd:
        name = "crowd"

        def people(self, photo, boxes=None):
            return [Person((k, 0, k + 2, 9), 1 - k / 20, photo // 10) for k in range(20)]

    assert len(Maps(Crowd()).look(two).boxes) == estimating.MOST_PEOPLE
