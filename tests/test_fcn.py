"""The network that finds maps: its glimpse, its outputs, its crops of a photo."""

import numpy as np
import pytest
import tensorflow as tf

from dpt_tf import layers, models
from dpt_tf.densepose.crops import CropEstimator
from dpt_tf.iuv import symmetry
from dpt_tf.ops import charts

SIZE = 32


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def test_a_glimpse_is_what_the_heat_points_at():
    picture = noise(1, 64, 64, 3)
    logits = np.full([1, 16, 16, 1], -20.0, np.float32)
    logits[0, 2:6, 9:13] = 20  # rows 8..24, columns 36..52 of the picture
    glimpse = layers.Glimpse(32)(picture, logits)
    half = 2.6 * np.sqrt((4**2 - 1) / 12) * 4  # the deviation of four places in a row, of 4 pixels each
    rows, columns = (np.linspace(c - half, c + half, 33) for c in (16, 44))
    at = lambda edges: np.clip(np.round((edges[:-1] + edges[1:]) / 2 - 0.5).astype(int), 0, 63)  # noqa: E731
    expected = picture[0][np.ix_(at(rows), at(columns))]
    inside = (rows[:-1] > 1) & (rows[1:] < 63)
    assert np.corrcoef(glimpse[0].numpy()[inside].ravel(), expected[inside].ravel())[0, 1] > 0.6
    elsewhere = picture[0][np.ix_(at(rows + 20), at(columns - 20))]
    assert abs(np.corrcoef(glimpse[0].numpy()[inside].ravel(), elsewhere[inside].ravel())[0, 1]) < 0.2


def test_a_glimpse_of_a_picture_without_heat_is_finite():
    for logit in (-30.0, 30.0):
        assert np.isfinite(layers.Glimpse(8)(noise(2, 32, 32, 3), np.full([2, 8, 8, 1], logit, np.float32))).all()


def test_no_gradient_goes_through_where_to_look():
    logits = tf.Variable(noise(1, 8, 8, 1))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layers.Glimpse(8)(noise(1, 32, 32, 3), logits))
    assert tape.gradient(total, logits) is None


@pytest.mark.parametrize("backbone", ["small", "MobileNetV2"])
def test_outputs_are_half_the_photos_size(backbone):
    network = models.fcn.build(64, backbone, 32)
    found = network(noise(2, 64, 64, 3))
    shapes = {name: tuple(value.shape) for name, value in found.items()}
    assert shapes == {
        "part": (2, 32, 32, 25),
        "uv": (2, 32, 32, 48),
        "person": (2, 32, 32, 1),
        "head": (2, 16, 16, 1),
        "facing": (2, 1),
    }
    assert all(value.dtype == tf.float32 for value in found.values())


def test_the_papers_backbone_is_a_resnet_101():
    backbone = models.fcn.build(64, width=32).get_layer("backbone")
    kernels = [w for w in backbone.weights if len(w.shape) == 4 and w.shape[-1] <= 512]
    assert len([w for w in kernels if w.shape[:2] == (3, 3)]) == 3 + 4 + 23 + 3  # one a block


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match=r"no such backbone: ResNet7; have small, .*ResNet101"):
        models.fcn.build(64, "ResNet7")


def test_weights_fit_pictures_of_another_size():
    small, large = (models.fcn.build(size, "small", 32) for size in (32, 64))
    large.set_weights(small.get_weights())


def test_a_map_has_the_likeliest_part_and_its_own_coordinates():
    part, uv = np.zeros([1, 1, 2, 25], np.float32), np.zeros([1, 1, 2, 48], np.float32)
    part[0, 0, 0, 3] = 1
    uv[0, 0, 0, 2], uv[0, 0, 0, 26] = 0.2, 1.7
    part[0, 0, 1, 0] = 1
    uv[0, 0, 1] = 0.5
    np.testing.assert_array_equal(charts.iuv_of(part, uv)[0, 0], [[3, 51, 255], [0, 0, 0]])


@pytest.mark.parametrize("side", [2, 15, 31, 64, 97])
def test_a_map_made_in_bands_is_the_map_of_enlarged_planes(side):
    part, uv = noise(15, 15, 25), 2 * noise(15, 15, 48, seed=1)
    whole = charts.iuv_of(*(tf.image.resize(planes[None], [side, side]) for planes in (part, uv)))[0]
    assert len(np.unique(whole[..., 0])) > 2
    np.testing.assert_array_equal(charts.enlarged(part, uv, side), whole)


def painted(photo):
    """A network of nothing but arithmetic: blue is part 5, red how far right in it, green how far down."""
    small = tf.nn.avg_pool2d(tf.cast(photo, tf.float32), 2, 2, "VALID") / 2 + 0.5
    there = tf.cast(small[..., 2] > 0.5, tf.float32)
    part = tf.one_hot(tf.cast(5 * there, tf.int32), 25) * 20
    zero = tf.zeros_like(there)
    uv = tf.stack([*[zero] * 4, small[..., 0], *[zero] * 19, *[zero] * 4, small[..., 1], *[zero] * 19], -1)
    return {"part": part, "uv": uv, "person": 20 * there[..., None] - 10}


def scene(height, width, *rectangles):
    """A black photo with blue rectangles (x0, y0, x1, y1), on which red and green run from 0 to 1; its map."""
    photo = np.zeros([height, width, 3], np.uint8)
    true = np.zeros([height, width, 3], np.uint8)
    for x0, y0, x1, y1 in rectangles:
        u, v = np.meshgrid((np.arange(x1 - x0) + 0.5) / (x1 - x0), (np.arange(y1 - y0) + 0.5) / (y1 - y0))
        photo[y0:y1, x0:x1] = np.stack([255 * u, 255 * v, np.full_like(u, 255)], -1)
        true[y0:y1, x0:x1] = np.stack([np.full_like(u, 5), 255 * u, 255 * v], -1)
    return photo, true


@pytest.mark.parametrize(("height", "width"), [(120, 90), (90, 200), (257, 301)])
def test_a_person_is_found_and_mapped_where_they_are(height, width):
    photo, true = scene(height, width, (40, 20, 70, 80))
    (found,) = CropEstimator(painted, 64, "toy", flips=False).people(photo)
    np.testing.assert_allclose(found.box, (40, 20, 70, 80), atol=max(height, width) / 16)
    same = found.map[..., 0] == true[..., 0]
    assert same.mean() > 0.97
    both = (found.map[..., 0] == 5) & (true[..., 0] == 5)
    inner = both & (np.abs(true[..., 1:].astype(int) - 128) < 100).all(-1)
    assert np.abs(found.map[inner].astype(int) - true[inner]).max() <= 16
    assert found.score > 0.9


def test_everybody_is_found_and_the_largest_first():
    photo, _ = scene(100, 160, (10, 20, 30, 60), (80, 10, 130, 90))
    first, second = CropEstimator(painted, 64, "toy", flips=False).people(photo)
    assert first.box[0] > 70 and second.box[2] < 40
    assert not (first.map[..., 0] * second.map[..., 0]).any()


def test_a_given_box_is_taken_also_at_the_edge():
    photo, true = scene(64, 64, (0, 0, 20, 64))
    (found,) = CropEstimator(painted, 64, "toy", flips=False).people(photo, [(0, 0, 20, 64)])
    assert found.box == (0, 0, 20, 64) and found.score == 1
    assert (found.map[..., 0] == true[..., 0]).mean() > 0.96


def test_nobody_is_nobody():
    assert CropEstimator(painted, 64, "toy").people(np.zeros([50, 40, 3], np.uint8)) == []


def test_who_is_seen_in_the_padding_alone_is_nobody():
    def ghost(photo):
        part = tf.one_hot([[[5] * 8 + [0] * 24] * 32], 25) * 20  # the left quarter, beside a tall photo
        return painted(photo) | {"part": part}

    assert CropEstimator(ghost, 64, "toy", flips=False).people(np.zeros([80, 40, 3], np.uint8)) == []


def test_the_whole_person_is_had_as_a_share_of_each_pixel():
    photo, true = scene(100, 100, (30, 20, 60, 90))
    (found,) = CropEstimator(painted, 64, "toy", flips=False).people(photo, [(30, 20, 60, 90)])
    assert found.coverage.shape == (100, 100, 1) and found.coverage.dtype == np.uint8
    assert ((found.coverage[..., 0] > 127) == (true[..., 0] > 0)).mean() > 0.97


def test_a_faint_doubt_is_nobody():
    def doubting(photo):
        return painted(photo) | {"person": painted(photo)["person"] * 0 + tf.math.log(0.15 / 0.85)}

    photo, _ = scene(100, 100, (30, 20, 60, 90))
    (found,) = CropEstimator(doubting, 64, "toy", flips=False).people(photo, [(30, 20, 60, 90)])
    assert found.map[..., 0].any() and not found.coverage.any()


def test_a_look_in_the_mirror_gives_the_mirrored_map():
    network = models.fcn.build(SIZE, "small", 32)
    rng = np.random.default_rng(0)
    network.set_weights([w + 0.05 * rng.normal(size=w.shape) for w in network.get_weights()])
    estimator = CropEstimator(lambda x: network(x, training=False), SIZE, "toy")
    photo = rng.integers(0, 256, [SIZE, SIZE, 3]).astype(np.uint8)
    box = (4, 4, 28, 28)
    (there,), (mirrored,) = (
        estimator.people(picture, [box]) for picture in (photo, np.ascontiguousarray(photo[:, ::-1]))
    )
    back = symmetry.mirror(mirrored.map)
    same = there.map[..., 0] == back[..., 0]
    assert same.mean() > 0.98
    assert np.abs(there.map.astype(int) - back)[same].max() <= 1
    assert len(np.unique(there.map[..., 0])) > 2
