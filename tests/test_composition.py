"""The networks decide at S x S, and the picture has the photo's own pixels: sharp, in any frame, without a halo."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from exporting import encoded, strings
from people import striped, upright
from PIL import Image
from scipy import ndimage
from toy import TINY

from dpt_tf.export import any_size
from dpt_tf.images import framing
from dpt_tf.iuv import relations
from dpt_tf.models import composition
from dpt_tf.ops import atlas, carrying, frame, levels, surface
from dpt_tf.training import networks
from dpt_tf.transfer import painter

SIZES = ((32, 32), (61, 40), (16, 16), (30, 97), (128, 128))
LAYERED = TINY.replace(blending="layers", surface_prior=1, palette=1)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def generator():
    keras.utils.set_random_seed(0)
    return networks.generator_of(LAYERED)


@pytest.fixture(scope="module")
def exported(generator):
    """The functions of its export."""
    return any_size.of(generator, LAYERED)


@pytest.fixture(scope="module")
def graphs(exported):
    return exported._source, exported._rendered


@pytest.fixture(scope="module")
def halves(graphs):
    return painter.composing(*graphs)


@pytest.fixture
def paint(generator, halves):
    return painter.Transfer(lambda inputs: generator(inputs), LAYERED.image_size, {}, generator, halves)


def enlarged(generator, photo, source_iuv, target_iuv):
    """The networks' own picture at the pose's size."""
    square = painter.Transfer(lambda x: generator({k: tf.constant(v) for k, v in x.items()}), 32, {}, generator)
    return square(photo, source_iuv, target_iuv)["image"]


def psnr(picture, truth, where):
    error = (picture.astype(float) - truth)[where]
    return 10 * np.log10(255**2 / np.mean(error**2))


@pytest.mark.parametrize("size", SIZES)
def test_a_graph_makes_the_squares_that_framing_makes(size):
    photo, iuv = RNG.integers(0, 256, (2, *size, 3)).astype(np.uint8)
    made = frame.square_photo(tf.constant(photo[None]), 32)[0]
    assert np.abs(made - framing.square_photo(photo, 32).astype(float)).max() <= 1
    np.testing.assert_array_equal(frame.square_map(tf.constant(iuv[None]), 32)[0], framing.square_map(iuv, 32))
    back = frame.unsquare(made[None], *size)[0]
    assert back.shape == (*size, 3)


def test_of_a_square_a_pictures_own_part_comes_back():
    x = tf.tile(tf.range(8, dtype=tf.float32)[None, None, :, None], [1, 8, 1, 1])
    wide, high = frame.unsquare(x, 8, 16), frame.unsquare(x, 16, 8)
    np.testing.assert_allclose(wide[0, 3, :5, 0], [0, 0.25, 0.75, 1.25, 1.75])
    np.testing.assert_allclose(high[0, 3, :, 0], np.arange(8) / 2 + 1.75)
    np.testing.assert_allclose(frame.shares(16, 8)[0, 0, 0], [4.5 / 16, 0.5 / 16])


@pytest.mark.parametrize("size", SIZES)
def test_the_picture_has_the_frame_of_the_pose_whatever_the_photos(paint, size):
    iuv = upright(48, 64)
    result = paint(striped(iuv), iuv, upright(*size))
    assert {name: value.shape for name, value in result.items()} == {
        **dict.fromkeys(("image", "warped", "predicted", "backdrop", "layers"), (*size, 3)),
        "provenance": (*size, 1),
        "texture": (24, 64, 64, 3),
        "observed": (24, 64, 64, 1),
    }
    assert all(value.dtype == np.uint8 for value in result.values())
    assert np.abs(result["layers"].astype(int).sum(-1) - 255).max() <= 2
    body = upright(*size)[..., 0] > 0
    assert (result["provenance"][body] > 200).mean() > 0.9 and not result["provenance"][~body].any()
    np.testing.assert_array_equal(np.unique(result["observed"]), [0, 1])


def test_stripes_too_fine_for_the_networks_are_in_the_picture(paint, generator):
    iuv = upright(128, 128)
    photo, seen = striped(iuv), iuv[..., 0] > 0
    result = paint(photo, iuv, iuv)
    sharp, blurred = psnr(result["image"], photo, seen), psnr(enlarged(generator, photo, iuv, iuv), photo, seen)
    assert sharp > blurred + 6 and sharp > 20


def test_stripes_are_carried_to_a_larger_pose_and_to_the_side_that_nobody_saw(paint):
    iuv, back = upright(128, 128), upright(128, 128)
    back[..., 0][back[..., 0] == 2] = 1
    photo = striped(iuv, wide=8)
    seen, unseen = (paint(photo, iuv, pose) for pose in (iuv, back))
    trunk = back[..., 0] == 1
    assert not unseen["provenance"][trunk].any()
    assert unseen["warped"][trunk].std() > 0.7 * seen["warped"][trunk].std() > 30


def test_nothing_bleeds_over_an_outline(paint, generator):
    iuv = upright(128, 128)
    photo = np.where(iuv[..., :1] > 0, (230, 30, 30), (40, 60, 200)).astype(np.uint8)
    off = np.abs(paint(photo, iuv, iuv)["image"].astype(int) - photo).max(-1)
    network = np.abs(enlarged(generator, photo, iuv, iuv).astype(int) - photo).max(-1)
    assert np.quantile(off, 0.999) < 20 < 60 < np.quantile(network, 0.98)


def test_the_backdrop_has_the_photos_own_pixels_and_not_the_person(paint):
    iuv = upright(128, 128)
    photo = striped(iuv)
    photo[::3, :8] = (90, 90, 90)  # finer than the networks' pixels
    backdrop = paint(photo, iuv, iuv)["backdrop"].astype(int)
    np.testing.assert_array_equal(backdrop[:, :4], photo[:, :4])
    red, _, blue = np.moveaxis(backdrop[:, 20:], -1, 0)  # the grey of the border may go on behind the person
    assert red.max() < 150 and blue.min() > 60


def test_a_photo_without_light_a_body_that_fills_it_and_a_single_pixel_of_one_give_pictures(paint):
    full = np.zeros((40, 40, 3), np.uint8)
    full[...] = (2, 128, 128)
    dot = np.zeros((40, 40, 3), np.uint8)
    dot[20, 20] = (2, 128, 128)
    dark = paint(np.zeros((40, 40, 3), np.uint8), upright(40, 40), full)
    assert dark["image"].mean() < 40
    for source, target in ((full, upright(50, 30)), (dot, full), (full, dot)):
        result = paint(striped(upright(40, 40)), source, target)
        assert result["image"].std() > 0


def test_a_photo_is_unwrapped_once_for_all_its_poses_and_anew_when_its_pixels_change(generator, halves):
    asked = []

    def counted(*arrays):
        asked.append(arrays)
        return halves[0](*arrays)

    paint = painter.Transfer(None, LAYERED.image_size, {}, generator, (counted, halves[1]))
    iuv = upright(40, 40)
    photo = striped(iuv)
    first, second = paint(photo, iuv, iuv)["image"], paint(photo.copy(), iuv.copy(), upright(64, 64))["image"]
    assert len(asked) == 1 and first.shape != second.shape
    photo[...] = 255 - photo
    assert np.abs(paint(photo, iuv, iuv)["image"].astype(int) - first).mean() > 50
    assert len(asked) == 2


def test_what_is_too_large_is_composed_smaller_and_enlarged(paint, halves, monkeypatch):
    monkeypatch.setattr(composition, "LARGEST", 64)
    iuv = upright(128, 100)
    photo = striped(iuv, wide=16)
    result = paint(photo, iuv, upright(160, 128))
    assert result["image"].shape == (160, 128, 3) and result["texture"].shape == (24, 64, 64, 3)
    assert paint._last[1].of_pose(iuv)["person"].shape == (1, 64, 50, 5)
    np.testing.assert_array_equal(framing.within(iuv, 200), iuv)
    assert framing.within(np.zeros((3000, 2, 3), np.uint8), 300).shape == (300, 1, 3)
    assert framing.enlarged(np.zeros((300, 1, 1), np.uint8), 3000, 2).shape == (3000, 2, 1)


def test_what_somebody_knows_to_be_the_person_is_not_left_in_the_backdrop(paint):
    iuv = upright(128, 128)
    photo = np.where(iuv[..., :1] > 0, np.uint8(220), np.uint8(90)).repeat(3, -1)
    columns = np.flatnonzero((iuv[..., 0] > 0).any(0))
    scarf = slice(60, 70), slice(max(0, columns[0] - 30), columns[0])
    photo[scarf] = (255, 0, 0)
    coverage = np.zeros([128, 128, 1], np.uint8)
    coverage[scarf] = 255

    def red(made):
        behind = made["backdrop"][scarf].astype(int)
        return (behind[..., 0] - behind[..., 1]).mean()

    assert red(paint(photo, iuv, iuv)) > 25  # these weights see half of it
    assert red(paint(photo, iuv, iuv, coverage=coverage)) < 5
    with pytest.raises(ValueError, match=r"coverage must be uint8 \[128, 128, 1\], got"):
        paint(photo, iuv, iuv, coverage=coverage[:64])


def test_a_map_that_is_too_wide_puts_no_wall_on_the_person(paint):
    wide = upright(128, 128)
    person = ndimage.binary_erosion(wide[..., 0] > 0, iterations=3)[..., None]
    photo = np.where(person, np.uint8(220), np.uint8(10)).repeat(3, -1)
    coverage = 255 * person.astype(np.uint8)
    beside, body = coverage * 0, person[..., 0]
    beside[:3] = 255

    def dark(made):
        return (made["warped"][wide[..., 0] > 0] < 60).mean()

    assert dark(paint(photo, wide, wide)) > 0.1  # the map is believed
    assert dark(paint(photo, wide, wide, coverage=beside)) > 0.1  # nothing was told of the body
    told = paint(photo, wide, wide, coverage=coverage)
    assert dark(told) < 0.02 and (told["warped"][body] > 200).mean() > 0.9


def test_examples_of_a_batch_do_not_know_of_each_other(graphs):
    source, render = graphs
    iuv = np.stack([upright(48, 40), upright(48, 40)[::-1, ::-1]])
    photos = np.stack([striped(iuv[0]), 255 - striped(iuv[1])])
    poses = np.stack([upright(70, 70), upright(70, 70)[:, ::-1]])
    unknown = np.zeros_like(photos[..., :1])

    def painted(which):
        return render(
            dict(source(*map(tf.constant, (photos[which], iuv[which], unknown[which])))), tf.constant(poses[which])
        )

    both = painted(slice(None))
    for k in range(2):
        for name, value in painted(slice(k, k + 1)).items():
            assert np.abs(both[name][k].numpy().astype(int) - value[0].numpy()).max() <= 1, name


def test_an_export_answers_what_the_library_paints(exported, paint):
    iuv, pose = upright(61, 40), upright(48, 70)
    photo = striped(iuv)
    expected = paint(photo, iuv, pose)
    unwrapped = exported.texture(tf.constant(photo[None]), tf.constant(iuv[None]))
    rendered = exported.render(*(unwrapped[name] for name in exported._kept), tf.constant(pose[None]))
    for name, value in rendered.items():
        np.testing.assert_array_equal(value[0], expected[name], err_msg=name)
    (file,) = exported.serving_default(*(strings(encoded(x)) for x in (photo, iuv, pose)))["image_bytes"].numpy()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))), expected["image"])


@pytest.mark.parametrize(
    ("signature", "inputs", "said"),
    [
        (
            "texture",
            (upright(60, 40), upright(40, 60)),
            "source_iuv is 60 x 40 pixels and source 40 x 60; give the map",
        ),
        ("texture", (upright(8, 2050), upright(8, 2050)), "source is 2050 x 8 pixels; the longer side should be 2048"),
        ("texture", (upright(8, 8), 0 * upright(8, 8)), r"source_iuv\[0\] shows no person"),
        (
            "serving_default",
            (upright(60, 40), upright(40, 60), upright(9, 9)),
            "source_iuv_bytes is 60 x 40 pixels and s",
        ),
        (
            "serving_default",
            3 * (upright(8, 2050),),
            r"source_bytes\[0\] is 2050 x 8 pixels; the longer side should be",
        ),
    ],
)
def test_what_an_export_cannot_compose_it_refuses_in_a_sentence(exported, signature, inputs, said):
    def sent(x):
        return strings(encoded(x)) if signature == "serving_default" else tf.constant(x[None])

    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        getattr(exported, signature)(*map(sent, inputs))


def test_files_of_one_request_are_of_one_size(exported):
    one, other = encoded(striped(upright(32, 32))), encoded(striped(upright(32, 40)))
    iuv = strings(*2 * [encoded(upright(32, 32))])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"source_bytes\[1\] is 40 x 32 pixels and .*\[0\] 32 x 32"
    ):
        exported.serving_default(strings(one, other), iuv, iuv)


def test_between_two_levels_of_u_there_are_others():
    ramp = np.repeat(np.arange(20, 40), 4).astype(np.uint8)  # a level every four pixels
    iuv = np.zeros((1, 8, 80, 3), np.uint8)
    iuv[..., 0], iuv[..., 1] = 2, ramp
    smooth = 255 * levels.uv(tf.constant(iuv)).numpy()[0, :, 8:-8, 0]
    np.testing.assert_allclose(smooth, np.broadcast_to((np.arange(8, 72) - 1.5) / 4 + 20, (8, 64)), atol=0.13)
    assert np.abs(255 * levels.uv(tf.constant(iuv)).numpy()[0, ..., 0] - ramp).max() <= 0.5 + 1e-4
    iuv[:, :, 40:] = (3, 200, 0)
    assert 255 * levels.uv(tf.constant(iuv)).numpy()[0, 0, 39, 0] <= ramp[39] + 1e-4


def test_a_surface_of_any_resolution_is_completed_as_one_of_a_known_one():
    observed = (RNG.random((2, 24, 1, 1, 1)) < 0.4) * (np.indices((64, 64))[0] < 30)[None, None, ..., None]
    texture = observed * RNG.random((2, 24, 64, 64, 3))
    x, known = (tf.constant(value, tf.float32) for value in (texture, observed))
    free = tf.function(
        surface.complete,
        input_signature=[tf.TensorSpec([None, 24, None, None, channels]) for channels in (3, 1)],
        autograph=False,
    )
    np.testing.assert_allclose(free(x, known), surface.complete(x, known), atol=1e-5)
    some = surface.complete(x, known, tf.constant([3, 20]))
    np.testing.assert_allclose(some, tf.gather(surface.complete(x, known), [3, 20], axis=1), atol=1e-5)


@pytest.mark.parametrize("kind", relations.KINDS)
def test_partners_in_between_are_nearly_those_of_the_charts(kind):
    own, between = relations.partners(96)[kind].ravel(), surface._partners(kind, tf.constant(96), None).numpy()
    (p, *a), (q, *b) = (np.unravel_index(x, (24, 96, 96)) for x in (own, between))
    assert (p == q).mean() > 0.99
    assert (np.abs(np.subtract(a, b)).max(0) <= 1).mean() > 0.98


def test_some_pixels_are_looked_up_as_all_of_them():
    texture = RNG.integers(0, 256, (2, 24, 8, 8, 3)).astype(np.uint8)
    iuv = np.stack([upright(20, 20), upright(20, 20)[::-1]])
    part, uv = atlas.coordinates(iuv)
    where = np.argwhere(part.numpy() > 0)
    sheet = 24 * where[:, 0] + part.numpy()[tuple(where.T)] - 1
    found = atlas.lookup_at(tf.constant(texture), tf.constant(sheet, tf.int32), tf.gather_nd(uv, where))
    np.testing.assert_allclose(found, atlas.sample(tf.constant(texture), iuv).numpy()[tuple(where.T)], atol=1e-3)


def test_a_hole_among_what_was_seen_is_closed_and_what_lies_beyond_its_edge_is_not():
    hit = np.zeros((1, 1, 64, 64, 1), np.float32)
    hit[:, :, :, :32] = 1
    hit[:, :, 20:25, 10:15] = 0
    texture, observed, _ = atlas.fill_some(tf.constant(hit * 7), tf.constant(hit), tf.constant(2.0))
    assert observed[0, 0, :, :32].numpy().all() and not observed[0, 0, :, 36:].numpy().any()
    np.testing.assert_allclose(texture[0, 0, 20:25, 10:15], 7, atol=1e-4)


def test_a_torn_field_does_not_sweep_over_what_lies_between():
    field = np.zeros((1, 16, 16, 2), np.float32)
    centre = (np.arange(16) + 0.5) / 16
    field[..., 0], field[..., 1] = centre, centre[:, None]
    smooth = field.copy()
    field[:, :, 8:, 0] -= 0.5  # the right half comes from half a picture to the left
    here = frame.shares(32, 32)[0].numpy().reshape(-1, 2)
    example = np.zeros(len(here), np.int64)
    found = carrying.field_at(tf.constant(field), example, tf.constant(here)).numpy()
    moved = here[:, 0] - found[:, 0]
    assert np.isclose(moved, 0, atol=0.07).sum() + np.isclose(moved, 0.5, atol=0.07).sum() == len(here)
    inner = (np.abs(here - 0.5) < 0.4).all(-1)
    np.testing.assert_allclose(
        carrying.field_at(tf.constant(smooth), example, tf.constant(here)).numpy()[inner], here[inner], atol=1e-6
    )
