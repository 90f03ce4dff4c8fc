"""Several photos of a person, a person's file, and the own build, on the page without a browser."""

import base64
import html
import re

import numpy as np
import posing
import pytest
import web_toys as toys

from dpt_tf.transfer import person_file
from serving.web import painting
from serving.web.clicks import OWN, SYNTHETIC, Clicks
from serving.web.estimating import Maps


@pytest.fixture(scope="module")
def clicks(tmp_path_factory):
    """The page's clicks, after it has warmed up."""
    made = Clicks(toys.painter(), 64, tmp_path_factory.mktemp("people"), Maps(posing.ByColour()))
    made.warm_up()
    return made


def text(shown):
    return html.unescape(re.sub("<[^>]*>", " ", shown)).strip()


def said(steps):
    message, *shown = list(steps)[-1]
    assert 'role="alert"' in message and not any(shown)
    return text(message)


def test_of_several_photos_more_is_seen_than_of_one(clicks):
    ada = clicks.albums["Ada"]

    def seen(photo, iuv):
        message, rows, _ = list(clicks.paint(photo, iuv, ["Back"], []))[-1]
        assert message == ""
        return int(re.search(r"(\d+)% of the body is seen", rows)[1])

    assert seen(*clicks.first) < 50 < seen(ada, None)
    steps = [text(message) for message, *_ in clicks.paint(ada[::-1], None, ["Back"], [])]
    assert steps[:4] == [*(f"looking at ada_{k}.png" for k in (1, 2, 3)), "bringing 3 photos together"]


def test_photos_are_shown_with_the_maps_that_are_given_or_made_and_the_person_meant(clicks, tmp_path):
    two = toys.save(tmp_path / "two.png", posing.photo((4, 10, 40, 90), (50, 20, 70, 60)))
    *_, (shown, message) = clicks.album([two, *clicks.albums["Ada"][:2]], "2: 2")
    assert message == "" and shown.count("<img") == 4
    assert "as it was given" in shown and "person 2 of 2" in shown
    assert re.findall('data-field="whom_each" data-photo="(.)"', shown) == ["1", "2"]
    assert list(clicks.album([])) == [("", "")]


def test_photos_of_different_people_are_doubted_by_their_names_and_with_how_sure(clicks):
    ada, ben = clicks.albums["Ada"][:2], clicks.albums["Ben"][:2]
    message, rows, _ = list(clicks.paint([*ada, *ben], None, ["Front"], []))[-1]
    assert re.search(
        r"photo 2, ben_1.png, may show somebody else, .* differ by \d+ of 255, photos of one person by less than 40",
        text(message),
    )
    assert rows


def test_a_file_that_the_page_made_is_painted_from_wherever_a_photo_is(clicks, tmp_path):
    message, shown = list(clicks.keep(clicks.albums["Ada"], None))[-1]
    name, data = re.search('base64,([^"]*)" download="([^"]*)"', shown).group(2, 1)
    assert message == "" and name == "ada_1.person" and "of the body's surface is seen" in shown
    file = toys.Upload(tmp_path / "upload", name)
    file.path.write_bytes(base64.b64decode(data))
    assert [one["name"] for one in person_file.read(file.path).facts["photos"]] == [f"ada_{k}.png" for k in (1, 2, 3)]
    assert clicks.file(file)[0].count("<img") == 2
    one = toys.picture(list(clicks.paint(file, None, ["Walking"], []))[-1][1], 1)
    other = toys.picture(list(clicks.paint(clicks.albums["Ada"], None, ["Walking"], []))[-1][1], 1)
    assert np.abs(one.astype(int) - other).mean() < 4
    own = [toys.save(tmp_path / f"{k}.png", pose) for k, pose in enumerate(list(clicks.ready.values())[:2])]
    assert 'download="turn.gif"' in list(clicks.turn(file, None, OWN, own, own_build=True))[-1][1]
    assert 'download="ada.person"' in list(clicks.keep(*clicks.first))[-1][1]


def test_a_file_lies_ready_and_holds_the_first_example(clicks):
    assert clicks.file_there.name == "ada.person"
    shown, message = clicks.file(clicks.file_there)
    assert shown.count("<img") == 2 and message == "" and clicks.file(None) == ("", "")


def test_the_own_build_stands_beside_that_of_whoever_strikes_the_pose(clicks):
    steps = list(clicks.build(*clicks.first, ["A heavy adult", "A child"], []))
    assert [message.count("<progress") for message, _ in steps] == [1, 1, 0]
    rows = steps[-1][1]
    assert rows.count('class="views"') == 2 and rows.count("<img") == 8
    struck, redrawn = (toys.picture(rows, which)[..., :3].any(-1).sum() for which in (0, 2))
    assert redrawn < 0.9 * struck  # thinner
    assert "there is no pose to paint" in said(clicks.build(*clicks.first, [], []))


def test_what_cannot_be_one_person_is_one_line_without_a_path(clicks, tmp_path):
    photo, made = clicks.albums["Ada"][:2]
    damaged = toys.Upload(tmp_path / "x", "torn & cut.person")
    damaged.path.write_bytes(clicks.file_there.path.read_bytes()[:5000])
    wall = toys.save(tmp_path / "wall.png", posing.photo())
    for given, says in (
        ([], "there are no photos yet: upload some in step 1"),
        ([photo] * 9, "9 photos of one person are too many at once: give 8 at most"),
        ([made], "ada_1_IUV.png: a map, and no photo of that name is among the others"),
        ([photo, made, wall], "wall.png: nobody found in it by by colour"),
        (damaged, "torn & cut.person: no person can be read (File is not a zip file); make it anew"),
        (toys.Upload(tmp_path / "gone", "gone.person"), "gone.person: no longer here"),
        (None, "there is no photo yet, nor a person's file"),
    ):
        for steps in (
            clicks.paint(given, None, ["Front"], []),
            clicks.turn(given, None, SYNTHETIC, []),
            clicks.build(given, None, ["A child"], []),
            clicks.keep(given, None),
        ):
            sentence = said(steps)
            assert says in sentence and "\n" not in sentence and str(tmp_path) not in sentence, sentence
    assert "torn &amp; cut.person: no person" in clicks.file(damaged)[1]


def test_large_photos_are_joined_at_a_size_that_is_bounded(clicks):
    photo, iuv = np.full((2000, 1000, 3), 9, np.uint8), np.full((2000, 1000, 3), 2, np.uint8)
    large = painting.Person(photo, iuv, np.full((2000, 1000, 1), 255, np.uint8))
    joined = painting.several([(toys.Upload(None, "x.png"), large)] * 2, clicks._transfer)
    assert [one.shape for one in joined.made.sources.maps] == [(1024, 512, 3)] * 2


def test_a_file_of_more_photos_than_the_page_takes_is_refused(clicks, monkeypatch):
    monkeypatch.setattr(painting, "MOST_PHOTOS", 2)
    assert "photos are a list of 1 to 2" in clicks.file(clicks.file_there)[1]


def test_a_model_without_layers_says_what_it_cannot_do(tmp_path):
    plain = Clicks(toys.Model(), 32, tmp_path)
    plain.warm_up()
    assert plain.file_there is None
    assert "several need one trained with blending=layers" in said(
        plain.paint(plain.albums["Ada"], None, ["Front"], [])
    )
