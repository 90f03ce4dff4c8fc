"""The page puts clothes of another person on, without a browser, with a run of random weights."""

import html
import re

import numpy as np
import posing
import pytest
import web_toys as toys

from dpt_tf.iuv.parts import KINDS
from dpt_tf.transfer import painter
from serving.web import clothes
from serving.web.clicks import Clicks
from serving.web.estimating import Maps
from serving.web.painting import read_person


@pytest.fixture(scope="module")
def clicks(toy_layers, tmp_path_factory):
    return Clicks(painter.load(toy_layers / "run"), 64, tmp_path_factory.mktemp("people"))


def given(clicks, name):
    return *clicks.examples[name], ""


def said(steps):
    message, shown = list(steps)[-1]
    assert not shown and 'role="alert"' in message
    return html.unescape(re.sub("<[^>]*>", "", message))


@pytest.mark.slow
def test_the_person_stays_where_it_stands_and_wears_the_others_top(clicks):
    *_, (message, shown) = clicks.dress(given(clicks, "Ada"), given(clicks, "Ben"), ["top"])
    photo, iuv, *_ = read_person(*clicks.examples["Ada"])
    assert message == "" and shown.count("<img") == 3 and 'download="dressed.png"' in shown
    result = toys.picture(shown, 3)  # the one to be saved
    assert result.shape == photo.shape
    changed = (result != photo).any(-1)
    assert changed[iuv[..., 0] == 2].mean() > 0.5  # the trunk's front
    assert not changed[np.isin(iuv[..., 0], (3, 4, 5, 6))].any()  # neither hands nor feet


def test_what_cannot_be_put_on_is_the_one_sentence_that_the_library_says(clicks, tmp_path):
    ada, ben = given(clicks, "Ada"), given(clicks, "Ben")
    assert said(clicks.dress(ada, ben, [])) == "there is nothing to put on: choose top, bottom, shoes or hair"
    assert "there is no photo of the clothes yet" in said(clicks.dress(ada, (None, None, ""), ["top"]))
    assert "there is no photo yet" in said(clicks.dress((None, None, ""), ben, ["top"]))
    assert "ben.png has no map yet: upload its IUV map" in said(clicks.dress(ada, (ben[0], None, ""), ["top"]))
    trunk = (
        toys.save(tmp_path / "t.png", np.full((48, 40, 3), 60, np.uint8)),
        toys.save(tmp_path / "t_IUV.png", toys.body()),
    )
    assert "show nothing of shoes" in said(clicks.dress(ada, (*trunk, ""), ["shoes"]))
    assert "the person's photo shows nothing of these parts" in said(clicks.dress((*trunk, ""), ben, ["shoes"]))


def test_where_nobody_wears_them_the_photo_is_named(clicks, tmp_path):
    looking = Clicks(clicks._transfer, 64, tmp_path / "people", Maps(posing.ByColour()))
    nobody = toys.save(tmp_path / "wall.png", posing.photo())
    assert "wall.png: nobody found" in said(looking.dress(given(clicks, "Ada"), (nobody, None, ""), ["top"]))


def test_a_model_without_layers_says_so(toy_export, tmp_path):
    plain = Clicks(painter.load(toy_export / "run"), 32, tmp_path)
    sentence = said(plain.dress(given(plain, "Ada"), given(plain, "Ben"), ["top"]))
    assert "blending=layers" in sentence and "other clothes" in sentence


def test_each_kind_has_a_tile_that_shows_where_it_is_worn(clicks):
    made = clothes.tiles(clicks.ready["Front"])
    assert list(made) == list(KINDS)
    coloured = [(tile != tile[..., :1]).any(-1) for tile in made.values()]
    assert all(one.any() for one in coloured) and not np.sum(coloured, 0).max() > 1
