"""Laws of the R-CNN's layers and of choosing boxes, each against arithmetic written out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_rcnn import TINY

from dpt_tf.densepose.rcnn import backbone, blocks, boxes, roi

RNG = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape, np.float32)


def by_torch(x: np.ndarray, kernel: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """A convolution as torch defines it: zeros on all sides alike, then every `stride`-th place."""
    size = len(kernel)
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (1, 2))[:, ::stride, ::stride]
    return np.einsum("bhwcij,ijco->bhwo", windows, kernel, optimize=True)


@pytest.mark.parametrize(("size", "stride"), [(7, 2), (3, 1), (1, 2), (1, 1)])
@pytest.mark.parametrize("side", [12, 13])
def test_convolutions_pad_as_torch_does(size, stride, side):
    x = floats(1, side, side + 3, 5)
    given = keras.Input((None, None, 5), batch_size=1)
    model = keras.Model(given, blocks.conv(given, 6, "one", size, stride, relu=False))
    kernel, bias = floats(size, size, 5, 6), floats(6)
    model.get_layer("one").set_weights([kernel, bias])
    np.testing.assert_allclose(model(x), by_torch(x, kernel, stride, size // 2) + bias, atol=1e-4)


@pytest.mark.parametrize("sides", [(32, 28), (25, 33), (1, 1), (6, 31)])
def test_the_faster_convolution_takes_any_size(sides):
    x, kernel = floats(2, *sides, 128), floats(3, 3, 128, 130)
    layer = blocks.AnySize(130, 3, padding="same", use_bias=False)
    layer.build(x.shape)
    layer.set_weights([kernel])
    dynamic = tf.function(layer.__call__, input_signature=[tf.TensorSpec([None, None, None, 128])])
    expected = tf.nn.conv2d(x, kernel, 1, "SAME")
    for made in (layer(x), dynamic(x)):
        np.testing.assert_allclose(made, expected, atol=3e-5 * np.std(expected) + 1e-2)
        assert np.abs(made - expected).max() < 1e-4 * np.std(expected)


def test_group_norm_is_over_positions_and_neighbouring_channels():
    x = floats(2, 5, 6, 64) * 3 + 7
    layer = blocks.GroupNorm()
    layer.build(x.shape)
    gamma, beta = floats(64), floats(64)
    layer.set_weights([gamma, beta])
    groups = x.reshape(2, 30, 32, 2).astype(np.float64)
    mean, variance = groups.mean((1, 3), keepdims=True), groups.var((1, 3), keepdims=True)
    expected = ((groups - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape) * gamma + beta
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_doubling_is_by_half_pixel_centres():
    x = np.array([0.0, 4.0, 8.0], np.float32).reshape(1, 1, 3, 1)
    doubled = blocks.Doubled("bilinear")(x)
    np.testing.assert_allclose(doubled[0, :, :, 0], [[0, 1, 3, 5, 7, 8]] * 2)
    np.testing.assert_allclose(blocks.Doubled("nearest")(x)[0, :, :, 0], [[0, 0, 4, 4, 8, 8]] * 2)


def test_strides_of_the_pyramid_are_4_to_64():
    shapes = {name: tuple(level.shape) for name, level in backbone.create(TINY)(np.zeros((1, 96, 160, 3))).items()}
    assert shapes == {f"p{k}": (1, -(-96 // 2**k), -(-160 // 2**k), 8) for k in range(2, 7)}


def aligned(features: np.ndarray, box: np.ndarray, stride: int, size: int) -> np.ndarray:
    """One box, point by point."""
    height, width, channels = features.shape
    x0, y0, x1, y1 = (side / stride for side in box)
    step_x, step_y = max(x1 - x0, 1) / size, max(y1 - y0, 1) / size
    made = np.zeros((size, size, channels))
    for i in range(size):
        for j in range(size):
            for a in (0.25, 0.75):
                for b in (0.25, 0.75):
                    y, x = y0 + (i + a) * step_y, x0 + (j + b) * step_x
                    if not (-1 <= y <= height and -1 <= x <= width):
                        continue
                    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
                    top, left = int(y), int(x)
                    below, right = min(top + 1, height - 1), min(left + 1, width - 1)
                    dy, dx = y - top, x - left
                    upper = features[top, left] * (1 - dx) + features[top, right] * dx
                    lower = features[below, left] * (1 - dx) + features[below, right] * dx
                    made[i, j] += (upper * (1 - dy) + lower * dy) / 4
    return made


BOXES = {
    "inside": (8, 12, 40, 30),
    "all": (0, 0, 64, 48),
    "thinner than a cell": (20.5, 10.25, 21, 40),
    "over the edges": (-3, -2, 66, 50),
    "far beyond": (-40, -40, 100, 90),
    "outside": (200, 200, 300, 300),
    "empty": (5, 5, 5, 5),
}


@pytest.mark.parametrize("name", BOXES)
def test_pooling_a_box_is_the_mean_of_four_points_a_bin(name):
    features = floats(12, 16, 3)
    box = np.array([BOXES[name]], np.float32)
    for size in (7, 2):
        made = roi.align(tf.constant(features[None]), tf.constant(box), 4, size)
        np.testing.assert_allclose(made[0], aligned(features, box[0], 4, size), atol=2e-5)


def test_a_ramp_pools_to_the_centres_of_bins():
    """Rows and columns are told apart: the ramp is in x alone, and the box is wider than high."""
    ramp = np.broadcast_to(np.arange(16, dtype=np.float32)[None, None, :, None], (1, 12, 16, 1))
    made = roi.align(tf.constant(ramp), tf.constant([[8.0, 4.0, 48.0, 12.0]]), 4, 2)
    np.testing.assert_allclose(made[0, :, :, 0], [[4.5, 9.5]] * 2, atol=1e-5)


def test_each_box_is_pooled_from_the_level_of_its_size():
    sides = np.array([1, 111, 112, 223, 224, 447, 448, 3000], np.float32)
    some = np.stack([0 * sides, 0 * sides, sides, sides], -1)
    levels = [2, 2, 3, 3, 4, 4, 5, 5]
    assert roi.level_of(tf.constant(some)).numpy().tolist() == levels
    pyramid = {f"p{k}": tf.fill([1, 64, 64, 1], float(k)) for k in range(2, 6)}
    order = RNG.permutation(6)  # without the ones that reach over the map
    made = roi.align_levels(pyramid, tf.constant(some[order]), 7)
    assert made.shape == (6, 7, 7, 1)
    np.testing.assert_allclose(made[:, 0, 0, 0], np.array(levels)[order], rtol=1e-6)


def test_no_box_pools_to_nothing():
    pyramid = {f"p{k}": tf.zeros([1, 8, 8, 3]) for k in range(2, 6)}
    assert roi.align_levels(pyramid, tf.zeros([0, 4]), 7).shape == (0, 7, 7, 3)


def test_anchors_are_centred_at_corners_of_cells_and_keep_their_area():
    made = boxes.anchors(3, 2, 5).numpy().reshape(2, 5, 3, 4)
    sides = made[..., 2:] - made[..., :2]
    np.testing.assert_allclose(sides.prod(-1), 64**2, rtol=1e-5)
    np.testing.assert_allclose(sides[0, 0, :, 1] / sides[0, 0, :, 0], [0.5, 1, 2], rtol=1e-5)
    np.testing.assert_allclose(made[1, 4].reshape(3, 2, 2).mean(1), [[32, 8]] * 3, atol=1e-4)


def test_deltas_move_by_sides_and_grow_by_powers_and_the_picture_cuts():
    some = tf.constant([[10.0, 20, 30, 60], [10, 20, 30, 60], [0, 0, 8, 8]])
    deltas = tf.constant([[0.5, 0.25, 0, 0], [0, 0, np.log(2), np.log(0.5)], [0, 0, 99, 99]])
    made = boxes.moved(some, deltas, tf.constant([90, 100]))
    np.testing.assert_allclose(made, [[20, 30, 40, 70], [0, 30, 40, 50], [0, 0, 100, 90]], atol=1e-4)


def greedy(some: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    left = []
    area = (some[:, 2:] - some[:, :2]).prod(-1)
    for i in np.argsort(-scores):
        corner, end = np.maximum(some[i, :2], some[left, :2]), np.minimum(some[i, 2:], some[left, 2:])
        both = np.maximum(end - corner, 0).prod(-1)
        if not (both / (area[i] + area[left] - both) > overlap).any():
            left.append(int(i))
    return left


def test_what_overlaps_a_surer_box_by_more_than_the_threshold_is_dropped():
    corner = RNG.uniform(0, 60, (300, 2))
    some = np.concatenate([corner, corner + RNG.uniform(5, 50, (300, 2))], 1).astype(np.float32)
    scores = RNG.permutation(300).astype(np.float32)
    for overlap in (0.3, 0.5, 0.7):
        assert boxes.suppressed(some, scores, overlap, 300).numpy().tolist() == greedy(some, scores, overlap)
    assert boxes.suppressed(some, scores, 0.7, 5).numpy().tolist() == greedy(some, scores, 0.7)[:5]


def test_an_overlap_of_just_the_threshold_is_kept():
    some = np.array([[0, 0, 2, 1], [0, 0, 1, 1], [0, 0, 1.001, 1]], np.float32)
    assert boxes.suppressed(some, np.array([3, 2, 1], np.float32), 0.5, 9).numpy().tolist() == [0, 1]


def test_proposals_are_the_likeliest_of_all_levels_and_have_an_area():
    levels = {level: (floats(1, 8, 8, 3), floats(1, 8, 8, 12)) for level in range(2, 7)}
    levels[4][0][0, 3, 3, 1] = 50
    levels[4][1][0, 3, 3, 4:8] = 0
    made, logits = boxes.proposed(levels, tf.constant([100, 120]))
    np.testing.assert_allclose(made[0], [0, 0, 112, 100])
    assert (np.diff(logits) <= 0).all()
    assert ((made[:, 2:] - made[:, :2]).numpy() > 0).all()
    assert made.numpy().min() >= 0
    assert (made.numpy().max(0) <= [120, 100, 120, 100]).all()


def test_detections_are_surer_than_one_in_twenty():
    some = tf.constant([[0.0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50]])
    chance = np.array([0.04, 0.9, 0.06])
    logits = np.stack([np.log(chance), np.log(1 - chance)], -1).astype(np.float32)
    deltas = np.array([[0] * 4, [10, 0, 0, 0], [0] * 4], np.float32)
    found, scores = boxes.detected(some, tf.constant(logits), tf.constant(deltas), tf.constant([100, 100]))
    np.testing.assert_allclose(found, [[30, 20, 40, 30], [40, 40, 50, 50]], atol=1e-4)
    np.testing.assert_allclose(scores, [0.9, 0.06], atol=1e-6)
