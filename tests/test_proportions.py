"""Builds measured on maps, and a pose's map redrawn for another build."""

import dataclasses
import functools
import math

import numpy as np
import pytest
import tensorflow as tf
from people import ramps, striped, upright
from PIL import Image

from dpt_tf import synthetic
from dpt_tf.commands import main
from dpt_tf.iuv import charts, relations
from dpt_tf.system.errors import UserError
from dpt_tf.transfer import builds, painter, proportions
from dpt_tf.transfer.person_file import Person
from dpt_tf.transfer.sources import Sources

BUILDS = {
    "slim": {"girth": 0.92, "limbs": 0.8, "head": 0.92},
    "heavy": {"girth": 1.6, "limbs": 1.42, "head": 0.95},
    "child": {"girth": 1.05, "limbs": 0.95, "head": 1.4, "legs": -0.055, "arms": 0.9},
}
STANDING = {("shoulder_left", "z"): 25, ("shoulder_right", "z"): 35, ("elbow_right", "x"): -30, ("pelvis", "y"): 15}
STRIDING = STANDING | {("hip_left", "x"): -20, ("hip_right", "x"): 15, ("pelvis", "y"): -25}
POINTING = STANDING | {("shoulder_left", "z"): 5, ("shoulder_left", "x"): -55, ("pelvis", "y"): 0}


@functools.cache
def made(build, pose="STANDING", fill=0.9):
    who = synthetic.person(7)
    who = dataclasses.replace(who, shape=dataclasses.replace(who.shape, **BUILDS[build]))
    return synthetic.render(who, globals()[pose], synthetic.Camera(fill=fill), 160)[1]


@functools.cache
def build(*which):
    return builds.build([made(*which)])


def overlap(one, other):
    one, other = one[..., 0] > 0, other[..., 0] > 0
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("piece", charts.PIECES)
def test_a_pixels_station_is_where_its_chart_says(piece):
    chart = charts.PIECES[piece][0]
    t, s = np.array([0.2, 0.5, 0.9]), np.array([0.3, 0.5, 0.6])
    t_found, phi = relations.stations(np.concatenate([np.full([3, 1], chart.part), chart.at(t, s).round()], 1))
    if not piece.startswith("foot"):  # whose second chart lies over the first
        np.testing.assert_allclose(t_found, t, atol=0.05)
        np.testing.assert_allclose(phi, chart.phi[0] + s * (chart.phi[1] - chart.phi[0]), atol=15)


def test_how_near_the_camera_was_is_no_build():
    sizes = proportions.ratios(build("slim", "STANDING", 0.9), build("slim", "STANDING", 0.6))
    for name, size in sizes.items():
        assert np.abs(size).max() < (0.2 if name in ("hand", "foot", "hips", "shoulders") else 0.08), name


def test_thickness_is_told_where_it_is_and_length_stays():
    sizes = proportions.ratios(build("heavy", "STRIDING"), build("slim", "STANDING"))
    for limb in ("arm", "thigh", "calf"):
        assert abs(sizes[limb][1:].mean() - math.log(1.42 / 0.8)) < 0.15
        assert abs(sizes[limb][0]) < 0.12
    assert sizes["trunk"][3] > 0.35 > sizes["trunk"][1]  # the belly, not the shoulders


def test_a_foreshortened_arm_is_as_long():
    def height(iuv):
        return np.ptp(np.nonzero(np.isin(iuv[..., 0], builds.SEGMENTS["arm_left"].parts))[0])

    assert height(made("slim", "POINTING")) < 0.6 * height(made("slim", "STANDING"))
    across, towards = (builds.lying(made("slim", pose))["arm_left"].long for pose in ("STANDING", "POINTING"))
    assert abs(across - towards) < 0.22  # of a logarithm that would be 0.51


def test_ones_own_build_changes_little():
    iuv = made("child")
    again = proportions.fitted(iuv, [iuv])
    assert overlap(again, iuv) > 0.97
    assert (np.abs(again.astype(int) - iuv).max(-1) > 8).mean() < 0.01


@pytest.mark.parametrize(("own", "poses"), [("slim", "heavy"), ("heavy", "slim"), ("heavy", "child")])
def test_the_fitted_map_is_much_nearer_to_the_persons_own(own, poses):
    pose, truth = made(poses, "STRIDING"), made(own, "STRIDING")
    fitted = proportions.fitted(pose, build(own, "STANDING", 0.6))
    assert overlap(fitted, truth) > overlap(pose, truth) + 0.1
    rows = [np.flatnonzero((iuv[..., 0] > 0).any(1)) for iuv in (pose, fitted)]
    assert abs(rows[0][-1] - rows[1][-1]) <= 2  # on the same floor
    assert abs(np.ptp(rows[0]) / np.ptp(rows[1]) - 1) < 0.06  # as tall


def test_parts_stay_apart_and_none_is_made_up():
    pose = made("slim", "STRIDING")
    fitted = proportions.fitted(pose, build("heavy"))
    for part in range(1, 25):
        before, after = (iuv[iuv[..., 0] == part][:, 1:].astype(int) for iuv in (pose, fitted))
        if len(after):
            assert (after.min(0) >= before.min(0) - 12).all() and (after.max(0) <= before.max(0) + 12).all()
    assert not fitted[fitted[..., 0] == 0].any()


def test_what_the_frame_cuts_off_stays_cut_off():
    pose = made("heavy", "STRIDING")
    pose = pose[: int(0.7 * len(pose))]
    fitted = proportions.fitted(pose, build("child"))
    assert fitted.shape == pose.shape and fitted[-1, :, 0].any()


def test_several_maps_say_what_one_does_not():
    head = made("child").copy()
    head[~np.isin(head[..., 0], (23, 24, 1, 2))] = 0
    assert "calf" not in builds.build([head]).sizes
    both = builds.build([head, made("child", "STRIDING")])
    difference = both.sizes["calf"] - both.sizes["trunk"]
    np.testing.assert_allclose(difference, build("child").sizes["calf"] - build("child").sizes["trunk"], atol=0.15)


def test_what_shows_nothing_in_common_is_refused():
    legs, head = np.zeros([2, 64, 64, 3], np.uint8)
    ramps(legs, slice(20, 60), slice(20, 34), 9)
    ramps(head, slice(20, 60), slice(20, 50), 23)
    with pytest.raises(UserError, match="no piece of the body in common") as caught:
        proportions.fitted(legs, [head])
    assert "\n" not in str(caught.value)


# Painting


def network(inputs):
    """Paints nothing, and asks for nothing that a network needs."""
    shape = inputs["target_iuv"].shape[:3]
    colour = tf.constant(inputs["target_iuv"], tf.float32) / 255
    names = dict.fromkeys(("image", "warped", "predicted"), colour)
    return names | {"provenance": tf.zeros([*shape, 1]), "texture": colour, "observed": tf.zeros([*shape, 1])}


def test_the_fitted_map_is_what_is_painted_and_comes_along():
    paint = painter.Transfer(network, 64, {}, None)
    source, pose = upright(64, 64), made("slim")[::2, ::2]
    kept = paint(striped(source), source, pose, keep_proportions=True)
    fitted = proportions.fitted(pose, [source])
    np.testing.assert_array_equal(kept["target_iuv"], fitted)
    assert (fitted != pose).any()
    plain = paint(striped(source), source, fitted)
    assert "target_iuv" not in plain
    np.testing.assert_array_equal(kept["image"], plain["image"])


def test_a_person_without_photos_keeps_its_build_too(monkeypatch):
    paint = painter.Transfer(network, 64, {}, None, (network, network), atlas_size=16)
    source, pose = made("heavy"), made("slim", "STRIDING")
    monkeypatch.setattr(paint, "_compose", lambda halves, of, target_iuv: {"image": target_iuv})
    person = Person(Sources([], [source], []), {"image_size": 64, "atlas_size": 16})
    fitted = proportions.fitted(pose, [source])
    np.testing.assert_array_equal(paint(person, target_iuv=pose, keep_proportions=True)["image"], fitted)
    np.testing.assert_array_equal(paint(person, target_iuv=pose)["image"], pose)
    other = Person(Sources([], [pose], []), {"image_size": 64, "atlas_size": 16})
    again = paint(other, target_iuv=pose, keep_proportions=True)["image"]  # not the build of the one before
    np.testing.assert_array_equal(again, proportions.fitted(pose, [pose]))


@pytest.mark.parametrize("flags", [[], ["--keep_proportions"]])
def test_the_flag_reaches_the_painter(tmp_path, monkeypatch, flags):
    source = upright(64, 64)
    Image.fromarray(striped(source)).save(tmp_path / "a.png")
    for name in ("a_IUV.png", "pose_IUV.png"):
        Image.fromarray(source[..., ::-1]).save(tmp_path / name)
    asked = []

    def paint(*_, keep_proportions=False, **__):
        asked.append(keep_proportions)
        picture = np.zeros([64, 64, 3], np.uint8)
        named = dict.fromkeys(("image", "warped", "predicted"), picture)
        return named | {"provenance": picture[..., :1], "target_iuv": source}

    monkeypatch.setattr(painter, "load", lambda _model: paint)
    given = [f"--source={tmp_path / 'a.png'}", f"--target_iuv={tmp_path / 'pose_IUV.png'}"]
    outputs = [f"--output={tmp_path / 'out.png'}", f"--sheet={tmp_path / 'sheet.png'}"]
    assert main.dispatch(["transfer", "--model=run", *given, *outputs, *flags]) == 0
    assert asked == [bool(flags)]
