"""Synthetic people outside the studio: the same bodies before other things, in other cloth and light."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from dpt_tf import synthetic
from dpt_tf.commands import training_data
from dpt_tf.data import records
from dpt_tf.synthetic import backdrops, fabric, lettering, light, paint, wardrobe
from dpt_tf.synthetic import dataset as making
from dpt_tf.system.errors import UserError

STILL = {("shoulder_left", "z"): 12, ("shoulder_right", "z"): 12}


def unpack(image):
    return np.array(Image.open(io.BytesIO(image)))


def views_of(backdrop, index=0, views=2, size=48, faults=True):
    order = making.Order(making.number(0, "train", index), "x", views, size, faults, backdrop)
    return making.make_item(order)["views"]


def test_bodies_maps_and_keypoints_are_those_of_the_studio():
    for index in range(3):
        for studio, elsewhere in zip(views_of("studio", index), views_of("every", index), strict=True):
            assert studio["iuv"] == elsewhere["iuv"]
            np.testing.assert_array_equal(studio["keypoints"], elsewhere["keypoints"])
            before, after = unpack(studio["image"]).astype(int), unpack(elsewhere["image"])
            np.testing.assert_array_equal(before[..., 3], after[..., 3])
            assert np.abs(before - after)[..., :3].mean() > 10


@pytest.mark.parametrize("kind", backdrops.KINDS)
def test_a_backdrop_is_a_picture_the_same_for_its_number_and_no_other(kind):
    one, other = backdrops.paint(kind, 1, 32), backdrops.paint(kind, 2, 32)
    backdrops.paint.cache_clear()
    np.testing.assert_array_equal(one, backdrops.paint(kind, 1, 32))
    assert one.shape == (32, 32, 3) and one.dtype == np.float32
    assert one.min() >= 0 and one.max() <= 1
    assert np.abs(one - other).mean() > 0.01


def test_a_small_backdrop_is_a_large_one_reduced():
    for kind in ("wall", "bricks", "park", "street"):
        large = backdrops.paint(kind, 3, 128).reshape(32, 4, 32, 4, 3).mean((1, 3))
        assert np.abs(large - backdrops.paint(kind, 3, 32)).mean() < 0.05, kind


def test_backdrops_are_dark_and_bright():
    rng = np.random.default_rng(0)
    means = np.array([backdrops.paint(*backdrops.choose(rng), 16).mean() for _ in range(150)])
    assert (means < 0.3).mean() > 0.08 and (means > 0.65).mean() > 0.08 and 0.35 < np.median(means) < 0.6


def test_all_views_of_a_person_stand_before_one_backdrop():
    studio = light.elsewhere(synthetic.Camera(), np.random.default_rng(1))
    other = studio.framed_anew(np.random.default_rng(2))
    moved = {f.name for f in dataclasses.fields(studio) if getattr(studio, f.name) != getattr(other, f.name)}
    assert moved <= {"distance", "elevation", "fill", "lower", "shift"} and "distance" in moved


def test_a_shadow_falls_away_from_the_light_and_on_the_backdrop_only():
    dark = synthetic.Camera(scene=("wall", 0), light=(-0.8, 0.1, 0.6), wall=0.3, cast=0.5, floor=0.0)
    without = dataclasses.replace(dark, cast=0.0)
    (shadowed, _, _), (plain, _, _) = (synthetic.render(synthetic.person(0), STILL, c, 64) for c in (dark, without))
    lost = (plain.astype(int) - shadowed)[..., :3].sum(-1)
    assert lost.min() >= 0 and not lost[plain[..., 3] == 255].any()
    x = np.broadcast_to(np.arange(64), (64, 64))
    assert np.average(x, weights=lost) > np.average(x, weights=plain[..., 3]) + 3


def test_the_light_has_a_colour_and_a_side():
    camera = synthetic.Camera(scene=("wall", 0), light=(1.0, 0.0, 0.0), tint=(1.2, 1.0, 0.8), ambient=0.4)
    normal = np.array([[1.0, 0, 0], [-1.0, 0, 0]], np.float32)
    grey = np.full((2, 3), 0.4, np.float32)
    clear = lambda origin, rays: np.zeros(len(origin), bool)  # noqa: E731
    lit, dark = light.on_person(camera, clear, grey, normal, np.zeros((2, 3), np.float32), np.zeros(2, int))
    assert lit.mean() > 1.5 * dark.mean()
    assert lit[0] > lit[1] > lit[2] and np.ptp(dark) < 1e-6


def test_letters_read_from_left_to_right_and_stand_upright():
    letter = next(
        k for k, dots in enumerate(lettering.DOTS) if (dots[:, 0].all() and dots[6].all() and not dots[0, 1])
    )  # L
    at = np.array([[0.05, 0.85], [0.05, 0.15], [0.7, 0.15], [0.7, 0.7]])
    inked = lettering.inked(np.full(4, letter), *at.T)
    assert inked.tolist() == [True, True, True, False]


def test_lettering_on_a_chest_is_no_mirror_image_of_itself():
    who = synthetic.person(3)
    plain = fabric.Fabric("plain", ((1.0, 1.0, 1.0),) * 3, 8, 0)
    outfit = dataclasses.replace(
        who.outfit, top=plain, badge=0, lettering=8, badge_colour=(0.0, 0.0, 0.0), neckline="round", creases=0.0
    )
    phi, height = (g.ravel() for g in np.meshgrid(np.linspace(-40, 40, 81), np.linspace(0.68, 0.76, 60)))
    chest = paint.colours(dataclasses.replace(who, outfit=outfit), "torso", height, phi)[:, 0].reshape(60, 81)
    assert 0.05 < (chest < 0.5).mean() < 0.6
    assert np.abs(chest - chest[:, ::-1]).mean() > 0.05 and np.abs(chest - chest[::-1]).mean() > 0.05


def test_people_elsewhere_wear_what_people_wear():
    worn = [wardrobe.dressed(synthetic.person(seed)) for seed in range(120)]
    kinds = {who.outfit.top.kind for who in worn} | {who.outfit.bottom.kind for who in worn}
    assert {"plain", "heather", "denim", "tartan", "floral", "fine"} <= kinds
    assert any(who.outfit.lettering for who in worn) and any(who.outfit.sleeves for who in worn)
    tones = np.array([who.skin for who in worn])
    assert tones[:, 0].min() < 0.4 and tones[:, 0].max() > 0.9
    assert worn[7] == wardrobe.dressed(synthetic.person(7))


def test_people_to_score_on_stay_in_the_studio_and_the_description_tells(tmp_path):
    size = {"people": 1, "test_people": 1, "views": 1, "image_size": 24, "workers": 1}
    synthetic.generate(tmp_path, backdrops="every", **size)
    prepared = records.open_prepared(tmp_path)
    order = making.Order(making.number(0, "test", 0), "x", 1, 24, False, "studio")
    stranger = making.make_item(order)["views"][0]["image"]
    import tensorflow as tf

    assert any(stranger in record for record in tf.data.TFRecordDataset(prepared.files["test"]).as_numpy_iterator())
    synthetic.refuse_others(tmp_path, views=1, backdrops="every")
    for others in ({}, {"backdrops": "every", "test_backdrops": "every"}, {"backdrops": "white"}):
        with pytest.raises(UserError, match="holds other people"):
            synthetic.refuse_others(tmp_path, views=1, **others)


def test_backdrops_that_there_are_not_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no such backdrops: beach; have studio, white, every"):
        synthetic.generate(tmp_path, backdrops="beach")


def test_training_does_not_take_other_people_from_the_usual_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    usual = synthetic.generate("data/synthetic-16", people=1, test_people=0, views=8, image_size=16, workers=1)
    with pytest.raises(UserError, match="holds other people"):
        training_data.find("synthetic", None, 16)
    assert training_data.find("synthetic", usual, 16) == usual
