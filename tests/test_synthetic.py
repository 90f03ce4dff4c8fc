"""Synthetic people: solid, jointed, dressed, the same for the same seed."""

import dataclasses
import io
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dpt_tf import iuv, synthetic
from dpt_tf.data import read, records
from dpt_tf.ops import picture_files
from dpt_tf.synthetic import cloth, fabric, hat, skeleton, wardrobe
from dpt_tf.synthetic import dataset as making
from dpt_tf.system.errors import UserError

WHITE = synthetic.Camera(backdrop=(1.0, 1.0, 1.0), floor=0.0)
STILL: skeleton.Pose = {("shoulder_left", "z"): 12, ("shoulder_right", "z"): 12}


def person_with(seed=3, **outfit):
    who = synthetic.person(seed)
    return dataclasses.replace(who, outfit=dataclasses.replace(who.outfit, **outfit))


def foreground(image):
    return image[..., 3] > 0


def unpack(image):
    return np.array(Image.open(io.BytesIO(image)))


def test_a_view_has_a_picture_a_valid_map_and_keypoints():
    image, uv_map, keypoints = synthetic.render(synthetic.person(0), STILL, WHITE, 96)
    assert image.shape == (96, 96, 4)
    assert uv_map.shape == (96, 96, 3)
    assert image.dtype == uv_map.dtype == np.uint8
    assert keypoints.shape == (18, 2)
    assert keypoints.dtype == np.int32
    assert uv_map[..., 0].max() <= 24
    assert not uv_map[uv_map[..., 0] == 0].any()


def test_all_24_parts_are_seen_from_all_sides():
    who = synthetic.person(1)
    maps = [synthetic.render(who, STILL | {("pelvis", "y"): turned}, WHITE, 96)[1] for turned in (0, 90, 180, 270)]
    assert set(np.unique(np.stack(maps)[..., 0])) == set(range(25))


def test_the_person_fills_the_frame():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        camera = dataclasses.replace(synthetic.Camera.sample(rng), backdrop=(1.0, 1.0, 1.0), floor=0, gradient=0)
        pose = skeleton.sample_pose(rng, 30.0)
        image, _, _ = synthetic.render(synthetic.person(seed), pose, camera, 96)
        rows = np.flatnonzero(foreground(image).any(1))
        assert 0.6 < (rows[-1] - rows[0] + 1) / 96 <= 1.0


def test_keypoints_lie_on_their_parts():
    on = {0: (23, 24), 3: (16, 18, 20, 22), 6: (15, 17, 19, 21), 9: (9, 13), 12: (10, 14), 10: (6, 13), 13: (5, 14)}
    for seed in range(4):
        _, uv_map, keypoints = synthetic.render(synthetic.person(seed), STILL, WHITE, 128)
        for joint, parts in on.items():
            y, x = keypoints[joint]
            assert uv_map[y, x, 0] in parts, (seed, joint)


def test_keypoints_are_minus_one_outside_the_picture_and_on_a_face_turned_away():
    who = synthetic.person(2)
    close = dataclasses.replace(WHITE, lower=0.5)
    _, _, keypoints = synthetic.render(who, STILL | {("pelvis", "y"): 180.0}, close, 96)
    assert (keypoints[[10, 13]] == -1).all()  # ankles
    assert (keypoints[[0, 14, 15]] == -1).all()  # nose and eyes
    assert (keypoints[[2, 5]] >= 0).all()  # shoulders


def test_left_and_right_change_places_with_the_view():
    who = synthetic.person(2)
    front = synthetic.render(who, STILL, WHITE, 96)[2]
    back = synthetic.render(who, STILL | {("pelvis", "y"): 180.0}, WHITE, 96)[2]
    assert front[5, 1] > front[2, 1]
    assert back[5, 1] < back[2, 1]


@pytest.mark.parametrize("turned", [0.0, 90.0, 180.0, 270.0])
def test_the_body_has_no_holes(turned):
    for seed in range(3):
        _, uv_map, _ = synthetic.render(synthetic.person(seed), STILL | {("pelvis", "y"): turned}, WHITE, 192)
        body = uv_map[..., 0] > 0
        holes, count = ndimage.label(~body)
        sizes = np.bincount(holes.ravel())[1:]
        assert not (sizes < 5).any(), (seed, count)


def test_a_skirt_leaves_the_body():
    who = person_with(bottom_kind="skirt", hem=0.25, flare=0.6, untucked=0.0)
    image, uv_map, _ = synthetic.render(who, STILL, WHITE, 128)
    cloth_off_body = foreground(image) & (uv_map[..., 0] == 0)
    legs = np.isin(uv_map[..., 0], (9, 10, 13, 14))
    thighs = np.flatnonzero(legs.any(1))[: legs.any(1).sum() // 2]
    assert cloth_off_body[thighs].sum() > 0.15 * foreground(image)[thighs].sum()


def test_legs_are_mapped_under_a_skirt():
    trousers = person_with(bottom_kind="trousers", hem=0.05, flare=0.0, untucked=0.0)
    skirt = person_with(bottom_kind="skirt", hem=0.25, flare=0.05, untucked=0.0, folds=7)
    parts = [set(np.unique(synthetic.render(who, STILL, WHITE, 96)[1][..., 0])) for who in (trousers, skirt)]
    assert {9, 10} <= parts[0] & parts[1]


def test_long_hair_is_more_than_the_body():
    who = synthetic.person(5)
    bald = dataclasses.replace(who, hair=dataclasses.replace(who.hair, style="bald"))
    long = dataclasses.replace(who, hair=dataclasses.replace(who.hair, style="long", length=0.7, volume=0.015))
    pictures = [synthetic.render(someone, STILL, WHITE, 128) for someone in (bald, long)]
    off_body = [(foreground(image) & (uv_map[..., 0] == 0))[:35].sum() for image, uv_map, _ in pictures]
    assert off_body[1] > off_body[0] + 60


def test_pictures_are_anti_aliased_and_maps_are_not():
    plain = fabric.Fabric("plain", ((0.0, 0.0, 0.0),) * 3, 8, 0)
    who = person_with(top=plain, bottom=plain, bottom_kind="trousers", sleeve=1.0, badge=0, belt=False)
    image, uv_map, _ = synthetic.render(who, STILL, WHITE, 128)
    shins = np.s_[80:105]  # black trousers on white, so what is grey is between the two
    between = (image[shins, :, 0] > 40) & (image[shins, :, 0] < 235)
    border = np.abs(np.diff(foreground(image)[shins].astype(int), axis=1)).sum()
    assert between.sum() > 0.4 * border
    assert set(np.unique(uv_map[shins][..., 0])) <= {0, 9, 10, 13, 14}


@pytest.mark.parametrize("kind", (*fabric.KINDS, *cloth.PATTERNS))
def test_a_pattern_closes_round_the_body(kind):
    cloth = fabric.Fabric(kind, ((0.1, 0.1, 0.1), (0.9, 0.9, 0.9), (0.5, 0.1, 0.1)), 9, 5)
    height = np.linspace(0.4, 0.8, 60)
    inside = np.full(60, 0.03)
    np.testing.assert_allclose(cloth.at(inside, height), cloth.at(inside + 1.0, height), atol=1e-4)
    np.testing.assert_allclose(cloth.at(inside - 1.0, height), cloth.at(inside, height), atol=1e-4)


def test_a_dress_is_striped_at_the_same_heights_all_round():
    stripes = fabric.Fabric("stripes", ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5)), 10, 0)
    around = stripes.at(np.linspace(0, 1, 50), np.full(50, 0.617))
    assert (around == around[0]).all()


def test_a_bent_knee_carries_the_shin_and_spares_the_thigh():
    who = synthetic.person(0)
    still, _, _ = who.pose({})
    bent, _, _ = who.pose({("knee_left", "x"): 90.0})
    leg = next(span for span, chain, _ in who._rigs[0] if chain[0] == "knee_left")
    rest = who.naked.points[leg][:, 1]
    rise = (bent - still)[leg, 1] - (bent - still)[leg, 1][rest > 0.4].mean()
    assert np.abs(rise[rest > 0.4]).max() < 1e-5
    assert rise[rest < 0.06].min() > 0.15


@pytest.mark.parametrize("sample", [skeleton.sample_pose, skeleton.lively_pose])
def test_joints_stay_within_human_limits(sample):
    for seed in range(200):
        rng = np.random.default_rng(seed)
        for dof, angle in sample(rng, rng.uniform(-720, 720)).items():
            low, high = skeleton.LIMITS[dof]
            assert low <= angle <= high, dof


def test_alpha_is_the_clothed_person_and_not_the_shadow():
    who = person_with(bottom_kind="skirt", hem=0.25, flare=0.6, untucked=0.0)
    lit, dark = (
        synthetic.render(who, STILL, dataclasses.replace(WHITE, backdrop=(shade,) * 3, floor=0.4), 128)
        for shade in (1.0, 0.0)
    )
    alpha = lit[0][..., 3] / 255
    np.testing.assert_array_equal(dark[0][..., 3], lit[0][..., 3])
    shown = 1 - (lit[0].astype(float) - dark[0])[..., :3].max(-1) / 255  # how much of the backdrop is hidden
    still = np.abs(shown - alpha) > 0.01
    assert not still[:110].any() and 0 < still.sum() < 400  # the rest is the shadow at the feet
    assert (alpha[lit[1][..., 0] > 0] > 0).mean() > 0.99
    assert set(np.unique(lit[0][..., 3])) == {0, 64, 128, 191, 255}


def test_stored_pictures_are_the_photo_for_readers_without_alpha():
    order = making.Order(making.number(0, "test", 1), "x", 1, 48, False)
    stored = making.make_item(order)["views"][0]["image"]
    assert Image.open(io.BytesIO(stored)).mode == "RGBA"
    np.testing.assert_array_equal(picture_files.decode(stored), unpack(stored)[..., :3])


def test_two_people_differ_and_one_does_not():
    same = [synthetic.render(synthetic.person(7), STILL, WHITE, 64) for _ in range(2)]
    other = synthetic.render(synthetic.person(8), STILL, WHITE, 64)
    for first, second in zip(*same, strict=True):
        np.testing.assert_array_equal(first, second)
    assert (same[0][0] != other[0]).any()


@pytest.mark.parametrize(
    ("seed", "split", "index", "means", "mapped"),
    [
        (0, "train", 3, (225.6, 195.5, 225.6, 219.1, 164.9, 219.1, 212.5, 165.2, 212.5, 205.9, 185.4, 205.9), 151),
        (0, "test", 1, (234.7, 216.4, 234.7, 230.1, 153.0, 230.1, 225.4, 165.4, 225.4, 220.4, 198.1, 220.6), 226),
        (7, "train", 0, (231.8, 195.1, 233.1, 219.7, 122.8, 227.2, 223.4, 180.6, 223.4, 216.2, 190.1, 210.3), 289),
    ],
)
def test_studio_people_are_those_of_earlier_versions(seed, split, index, means, mapped):
    # Means of the picture's 4 x 3 fields: one more or one fewer random draw anywhere gives other people, while another
    # processor's last digits do not matter.
    order = making.Order(making.number(seed, split, index), "x", 2, 48, True)
    view = making.make_item(order)["views"][1]
    fields = unpack(view["image"])[..., :3].reshape(4, 12, 3, 16, 3).mean((1, 3, 4))
    np.testing.assert_allclose(fields.ravel(), means, atol=0.3)
    assert abs(int((unpack(view["iuv"])[..., 0] > 0).sum()) - mapped) <= 3


def test_people_of_train_and_test_are_disjoint():
    numbers = [making.number(seed, split, k) for seed in range(3) for split in ("train", "test") for k in range(500)]
    assert len(set(numbers)) == len(numbers)
    with pytest.raises(ValueError, match="room"):
        making.number(0, "train", 1 << 24)


def test_views_of_one_person_share_outfit_and_studio():
    order = making.Order(making.number(0, "train", 0), "x", 4, 64, False)
    pictures = [unpack(view["image"]) for view in making.make_item(order)["views"]]
    corners = np.stack([picture[0, 0].astype(int) for picture in pictures])
    assert np.ptp(corners, axis=0).max() <= 2


def stored(directory):
    prepared = records.open_prepared(directory)
    return {
        path.rsplit("/", 1)[1]: pathlib.Path(path).read_bytes()
        for several in prepared.files.values()
        for path in several
    }


def test_a_script_that_guards_nothing_is_told_so_and_ends(tmp_path):
    script = tmp_path / "make.py"
    script.write_text(
        "from dpt_tf import synthetic\n"
        "synthetic.generate('out', people=2, test_people=1, views=1, image_size=16, workers=2)\n"
    )
    root = str(pathlib.Path(synthetic.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": root},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0 and 'if __name__ == "__main__"' in done.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.tfrecord*"))


def test_what_is_written_does_not_depend_on_the_number_of_workers(tmp_path):
    size = {"people": 3, "test_people": 2, "views": 2, "image_size": 32, "seed": 4}
    directory = synthetic.generate(tmp_path / "one", workers=1, **size)
    synthetic.generate(tmp_path / "three", workers=3, **size)
    assert stored(tmp_path / "one") == stored(tmp_path / "three")
    prepared = records.open_prepared(directory)
    assert prepared.items == {"train": 3, "test": 2}
    assert json.loads((directory / "dataset_info.json").read_text())["name"] == "synthetic"
    for split, count in prepared.items.items():
        people = {item for item, _, _ in read.list_eval_pairs(directory, split)}
        assert people == {f"{split}-{index:06d}" for index in range(count)}


def test_a_count_that_makes_no_sense_is_refused(tmp_path):
    with pytest.raises(ValueError, match="views is 0"):
        synthetic.generate(tmp_path, views=0)


def test_white_backdrops_change_the_backdrop_and_nothing_else():
    orders = [making.Order(making.number(0, "test", 1), "x", 2, 48, False, name) for name in ("studio", "white")]
    for tinted, white in zip(*(making.make_item(order)["views"] for order in orders), strict=True):
        before, after, person = unpack(tinted["image"]), unpack(white["image"]), unpack(white["iuv"])[..., 0] > 0
        assert tinted["iuv"] == white["iuv"]
        assert (after[0, 0, :3] == 255).all() and (before[0, 0] < 255).any()
        inside = ndimage.binary_erosion(person)
        np.testing.assert_array_equal(after[inside], before[inside])


def test_maps_pass_the_examination_of_real_ones():
    order = making.Order(making.number(0, "train", 5), "x", 3, 96, True)
    for view in making.make_item(order)["views"]:
        assert iuv.decode(view["iuv"], view["name"]).iuv[..., 0].any()


def test_what_a_killed_generation_left_behind_is_no_data_set(tmp_path):
    assert synthetic.is_missing(tmp_path / "none")
    (tmp_path / ".synthetic.partial-1").mkdir()
    assert synthetic.is_missing(tmp_path)
    (tmp_path / "synthetic").mkdir()
    assert not synthetic.is_missing(tmp_path)


def test_other_people_than_were_asked_for_are_not_taken(tmp_path):
    synthetic.generate(tmp_path, people=1, test_people=0, views=2, image_size=16, seed=1, workers=1)
    synthetic.refuse_others(tmp_path, views=2, seed=1)
    for others in ({"seed": 0}, {"views": 3, "seed": 1}, {"seed": 1, "backdrops": "every"}):
        with pytest.raises(UserError, match=r"holds other people \(.*seed 1, 2 views.*; give another --data_dir"):
            synthetic.refuse_others(tmp_path, **{"views": 2} | others)


def test_lively_people_move_more_than_calm_ones_and_are_another_data_set(tmp_path):
    def spread(sample):
        angles = [sample(np.random.default_rng(seed), 0.0)["shoulder_left", "x"] for seed in range(100)]
        return np.std(angles)

    assert spread(skeleton.lively_pose) > 2 * spread(skeleton.sample_pose)
    synthetic.generate(tmp_path, people=1, test_people=0, views=2, image_size=32, workers=1, poses="lively")
    making.refuse_others(tmp_path, views=2, poses="lively")
    with pytest.raises(UserError, match="other people"):
        making.refuse_others(tmp_path, views=2)
    with pytest.raises(ValueError, match="no such poses"):
        synthetic.generate(tmp_path, poses="asleep")


def test_near_views_turn_by_little_from_the_first_which_is_often_a_front(monkeypatch, tmp_path):
    def turns(kind, seed):
        order = making.Order(seed, "one", views=8, image_size=16, faults=False, turns=kind)
        asked = []
        monkeypatch.setattr(making, "sample_pose", lambda rng, turned: (asked.append(turned), {})[1])
        monkeypatch.setattr(making, "render", lambda *given: (np.zeros([1, 1, 4], np.uint8), None, None))
        monkeypatch.setattr(making, "_png", lambda pixels: b"")
        list(making.make_views(order))
        return np.deg2rad(asked)

    def apart(angles):
        return np.rad2deg(np.abs(np.angle(np.exp(1j * (angles[:, None] - angles)))))

    near, others = (
        np.concatenate([apart(turns("near", seed)[first::2]).ravel() for seed in range(40)]) for first in (0, 1)
    )
    assert np.quantile(near, 0.9) < 75 < np.median(others)
    fronts = {kind: np.mean([np.cos(turns(kind, seed)[0]) > 0.7 for seed in range(80)]) for kind in making.TURNS}
    assert fronts["near"] > 0.5 > fronts["round"]
    with pytest.raises(ValueError, match="no such turns"):
        synthetic.generate(tmp_path, turns="sideways")


def test_other_hair_hats_and_wide_clothes_change_the_picture_and_not_the_map():
    changed = {"swept": 0, "waved": 0, "hat": 0, "loose": 0}
    for seed in range(24):
        who = synthetic.person(seed)
        other = wardrobe.varied(who)
        assert (other.naked.points == who.naked.points).all()
        changed["swept"] += other.hair.swept != 0
        changed["waved"] += other.hair.waved != 0
        changed["hat"] += other.hat is not None
        changed["loose"] += other.outfit.loose > 0
    assert all(0 < count < 24 for count in changed.values()), changed


@pytest.mark.parametrize("kind", hat.KINDS)
def test_a_hat_is_on_the_head_and_of_its_colour(kind):
    who = dataclasses.replace(person_with(), hair=dataclasses.replace(synthetic.person(3).hair, style="short"))
    worn = dataclasses.replace(who, hat=hat.Hat(kind, (0.0, 0.9, 0.0)))
    for turned in (0, 180):
        bare, _, _ = synthetic.render(who, STILL | {("pelvis", "y"): turned}, WHITE, 96)
        image, uv_map, _ = synthetic.render(worn, STILL | {("pelvis", "y"): turned}, WHITE, 96)
        green = [one[..., 1] - one[..., ::2].max(-1) for one in (image[..., :3].astype(int), bare[..., :3].astype(int))]
        rows = np.flatnonzero((green[0] > green[1] + 40).any(1))
        heads = np.flatnonzero(np.isin(uv_map[..., 0], (23, 24)).any(1))
        assert rows[0] <= heads[0] + 1
        assert rows[-1] < (heads[0] + heads[-1]) / 2
        assert foreground(image).sum() >= foreground(bare).sum()


def test_hair_over_a_shoulder_leaves_the_nape_and_wide_sleeves_cover_more():
    who = synthetic.person(3)
    long = dataclasses.replace(who, hair=dataclasses.replace(who.hair, style="long", length=0.7))
    swept = dataclasses.replace(long, hair=dataclasses.replace(long.hair, swept=1.0))
    behind = STILL | {("pelvis", "y"): 180.0}
    seen = [synthetic.render(one, behind, WHITE, 96)[0][..., :3].astype(int) for one in (long, swept)]
    changed = np.nonzero(np.abs(seen[0] - seen[1]).sum(-1) > 60)
    assert len(changed[0]) > 20
    narrow, wide = (person_with(sleeve=1.0, loose=loose) for loose in (0.0, 1.0))
    covers = [foreground(synthetic.render(one, STILL, WHITE, 96)[0]).sum() for one in (narrow, wide)]
    assert covers[1] > 1.1 * covers[0]


def test_hair_shines_in_broad_patches_of_its_own():
    phi, height = np.meshgrid(np.linspace(0, 360, 60, endpoint=False), np.linspace(0.85, 1, 60))
    shines = [dataclasses.replace(synthetic.person(3).hair, patches=k).shine(height, phi) for k in range(8)]
    for shine in shines:
        assert 0.1 < shine.std() < 1
        assert np.abs(np.diff(shine, axis=0)).max() < 0.35  # of a cycle of a sixth of the head at least
    assert np.abs(shines[0] - shines[1]).mean() > 0.1
