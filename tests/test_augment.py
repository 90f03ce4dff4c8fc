"""Laws of varied training examples: functions of the step alone, in which source, target, map and matte stay one."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from toy import make_item

from dpt_tf import config, iuv
from dpt_tf.data import read, records
from dpt_tf.data.keypoints import JOINTS
from dpt_tf.data.read import augment, opacity, stored
from dpt_tf.data.read.augment import backdrops, colour, defects, geometry
from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.ops import atlas, picture_files

SIZE = 32
HPARAMS = config.preset("small").replace(image_size=SIZE, batch_size=4, neighbours=2)
PLAIN = HPARAMS.replace(augment=0, matte_weight=0)
SEEDS = range(24)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def scene(shift: int = 0):
    """A person who is a disc, red where U is high and green where V is, on a grey slope: RGBA and map."""
    y, x = np.mgrid[:SIZE, :SIZE]
    away = np.hypot(x - 15.5 - shift, y - 15.5)
    coverage = np.clip(8.5 - away, 0, 1)[..., None]
    u, v = np.clip(16 * (x - 8 - shift), 0, 255), np.clip(16 * (y - 8), 0, 255)
    person = np.stack([u, v, np.full_like(u, 90)], -1)
    part = np.where(x < 15.5 + shift, 9, 10)
    maps = np.stack([part, u, v], -1) * (away < 8)[..., None]
    colours = coverage * person + (1 - coverage) * (60 + 4 * x)[..., None]
    return np.rint(np.concatenate([colours, 255 * coverage], -1)).astype(np.uint8), maps.astype(np.uint8)


def one_view(photo, coordinates) -> stored.Seen:
    """A pair of a view with itself."""
    padded = np.pad(coordinates, [(0, 0), (0, 0), (0, 1)])
    return stored.Seen([tf.constant(photo)] * 2, [tf.constant(padded)] * 2, tf.fill([2, 18, 2], -1))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """One person with mattes, one of the same pictures without, and one of a JPEG."""
    items = []
    for name in ("matted", "opaque", "jpeg"):
        item = make_item(name, 3, size=SIZE)
        for number, view in enumerate(item["views"]):
            picture, view_iuv = scene(number - 1)
            view["iuv"] = iuv.encode(view_iuv)
            view["image"] = png(picture if name == "matted" else picture[..., :3])
            if name == "jpeg":
                view["image"] = tf.io.encode_jpeg(picture[..., :3]).numpy()
        items.append(item)
    return records.write(
        tmp_path_factory.mktemp("prepared"), "toy", {"train": items, "test": items}, SIZE, "toy"
    ).directory


def batches(prepared, hparams, stage="joint", start=0, count=7):
    return list(read.train_batches(prepared, hparams, stage, start).take(count).as_numpy_iterator())


@pytest.mark.parametrize("stage", ["joint", "inpainting"])
def test_a_varied_batch_depends_on_seed_and_step_alone(prepared, stage):
    hparams = HPARAMS.replace(source_pose="keypoints")
    tf.random.set_seed(1)
    whole = batches(prepared, hparams, stage)
    tf.random.set_seed(2)
    tf.nest.map_structure(np.testing.assert_array_equal, batches(prepared, hparams, stage, 5, 2), whole[5:])
    plain = batches(prepared, hparams.replace(augment=0), stage, count=1)[0]
    assert not np.array_equal(plain[0]["source"], whole[0][0]["source"])
    assert not np.array_equal(plain[0]["source_iuv"], whole[0][0]["source_iuv"])


def test_another_seed_varies_otherwise():
    photo, coordinates = scene()
    first, second = (augment.vary(one_view(photo, coordinates), tf.constant([seed, 0])).photos[0] for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("stage", ["joint", "inpainting"])
def test_mattes_add_inputs_of_pairs_and_change_nothing_else(prepared, stage):
    for plain, matted in zip(
        batches(prepared, PLAIN, stage), batches(prepared, PLAIN.replace(matte_weight=1.0), stage), strict=True
    ):
        added = {name: matted[0].pop(name) for name in set(matted[0]) - set(plain[0])}
        mattes = {"source_matte", "source_has_matte", "target_matte", "target_has_matte", "source_coverage"}
        assert set(added) == (mattes if stage == "joint" else set())
        tf.nest.map_structure(np.testing.assert_array_equal, plain, matted)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_matte_is_the_alpha_where_the_stored_picture_has_one(prepared, side):
    alphas = {scene(shift)[0][..., 3].tobytes() for shift in (-1, 0, 1)}
    having = 0
    for inputs, _ in batches(prepared, PLAIN.replace(matte_weight=1.0)):
        assert inputs[f"{side}_matte"].shape == (4, SIZE, SIZE, 1)
        assert inputs[f"{side}_matte"].dtype == np.uint8
        for matte, has in zip(inputs[f"{side}_matte"], inputs[f"{side}_has_matte"], strict=True):
            having += has
            assert matte.tobytes() in alphas if has else not matte.any()
    assert 0 < having < 28


def test_every_other_source_is_covered_by_a_matte_of_soft_edges_in_the_joint_stage_of_layers(prepared):
    hparams, told, there = PLAIN.replace(matte_weight=1.0), 0, 0
    for inputs, _ in batches(prepared, hparams, count=12):
        for coverage, matte, has in zip(
            *(inputs[f"source_{of}"] for of in ("coverage", "matte", "has_matte")), strict=True
        ):
            there += has
            told += has and coverage.any()
            if coverage.any():
                assert has
                apart = coverage.astype(int) - matte
                assert np.abs(apart).max() > 0 and np.abs(apart.mean()) < 8
    assert 0.25 < told / there < 0.75
    assert "source_coverage" not in batches(prepared, hparams, "predictive", count=1)[0][0]
    for paper in (PLAIN, PLAIN.replace(matte_weight=1.0, blending="residual")):
        assert "source_coverage" not in batches(prepared, paper, count=1)[0][0]


def test_evaluation_is_neither_varied_nor_has_mattes(prepared):
    for varied, plain in zip(read.eval_pairs(prepared, HPARAMS), read.eval_pairs(prepared, PLAIN), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, varied, plain)


def test_opacity_leaves_the_colours_as_every_reader_has_them():
    noise = np.random.default_rng(0).integers(0, 256, (9, 11, 4), np.uint8)
    for data, alpha in (
        (png(noise), noise[..., 3]),
        (png(noise[..., :3]), 255),
        (png(noise[..., 0]), 255),
        (png(noise[..., 2:]), noise[..., 3]),
        (tf.io.encode_jpeg(noise[..., :3]).numpy(), 255),
    ):
        decoded = opacity.decode(tf.constant(data)).numpy()
        np.testing.assert_array_equal(decoded[..., :3], picture_files.decode(tf.constant(data)))
        assert (decoded[..., 3] == alpha).all()


def test_mattes_shrink_with_their_pictures(tmp_path):
    item = make_item("a", 1, size=2 * SIZE)
    picture = np.random.default_rng(0).integers(0, 256, (2 * SIZE, 2 * SIZE, 4), np.uint8)
    item["views"][0]["image"] = png(picture)
    prepared = records.write(tmp_path, "toy", {"train": [item]}, 2 * SIZE, "toy").directory
    inputs, _ = batches(prepared, PLAIN.replace(matte_weight=1.0, batch_size=1), count=1)[0]
    means = picture[..., 3:].reshape(1, SIZE, 2, SIZE, 2, 1).mean((2, 4))
    np.testing.assert_allclose(inputs["source_matte"], means, atol=0.51)


def resampled(photo, coordinates, change):
    """One photo and its map, changed, without anything else."""
    packed = [tf.bitcast(tf.constant(one), tf.int32) for one in (photo, np.pad(coordinates, [(0, 0), (0, 0), (0, 1)]))]
    places = geometry.places(change, SIZE)
    taps, taken = augment._taken(*(tf.reshape(one, [-1, 1]) for one in packed), places)
    planes = geometry.between([tap[..., 0] for tap in taps], places)
    (changed,) = augment._on_their_side(taken, places, change.mirrors)
    return tf.stack(planes, -1).numpy(), tf.bitcast(changed, tf.uint8).numpy()[..., :3]


def change_of(matrix, mirrors=False):
    everything = tf.constant([0.0, 0.0]), tf.constant([SIZE - 1.0, SIZE - 1.0])
    return geometry.Change(tf.constant(matrix), tf.constant(mirrors), *everything)


MIRROR = change_of([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], True)


def drawn(seed, low=8, high=24):
    people = tf.constant([low <= k < high for k in range(SIZE)])
    return geometry.draw(Draws(tf.constant([seed, 1])), people, people)


def test_a_mirror_is_exact_and_the_atlas_of_a_mirrored_pair_is_the_mirrored_atlas():
    photo, coordinates = scene()
    mirrored, swapped = resampled(photo, coordinates, MIRROR)
    np.testing.assert_array_equal(mirrored, photo[:, ::-1])
    np.testing.assert_array_equal(swapped, iuv.mirror(coordinates))
    before, _ = atlas.unwrap(photo[None, ..., :3], coordinates[None], 32)
    after, _ = atlas.unwrap(mirrored[None, ..., :3], swapped[None], 32)
    for part in range(1, 25):
        flipped = tf.reverse(
            before[0, part - 1], [1] * (part in iuv.parts.U_TURNS) or [0] * (part in iuv.parts.V_TURNS)
        )
        np.testing.assert_allclose(after[0, iuv.MIRRORED[part] - 1], flipped, atol=1e-3)


def test_maps_still_say_which_colour_is_where():
    photo, coordinates = scene()
    texture, _ = atlas.unwrap(photo[None, ..., :3], coordinates[None], 32)
    for seed in SEEDS:
        change = drawn(seed)
        changed, moved = resampled(photo, coordinates, change)
        assert (moved[..., 0] > 0).sum() > 90
        unchanged = iuv.mirror(moved) if change.mirrors else moved
        seen = atlas.sample(texture, unchanged[None])[0].numpy()
        seen = seen[:, ::-1] if change.mirrors else seen
        inner = changed[..., 3] == 255
        assert np.abs(seen - changed[..., :3])[inner & (moved[..., 0] > 0)].mean() < 6
        assert (moved[..., 0] > 0)[inner].mean() > 0.9


def test_people_stay_in_the_picture_and_nothing_comes_in_beside_those_whom_it_cuts():
    for seed in SEEDS:
        places = geometry.places(drawn(seed, 0, 20), SIZE)
        assert places.inside.numpy().all()
        assert resampled(*scene(), drawn(seed))[1][..., 0].any()
    assert not all(geometry.places(drawn(seed), SIZE).inside.numpy().all() for seed in SEEDS)


def test_joints_go_where_their_pixels_go():
    photo, coordinates = np.zeros((SIZE, SIZE, 4), np.uint8), np.zeros((SIZE, SIZE, 3), np.uint8)
    for seed in SEEDS:
        change = drawn(seed)
        joints = np.full((1, 18, 2), -1, np.int32)
        joints[0, JOINTS.index("left_knee")] = 20, 12
        coordinates[...] = 0
        coordinates[19:22, 11:14] = 9, 1, 1
        moved = geometry.move(tf.constant(joints), change, SIZE).numpy()[0]
        name = "right_knee" if change.mirrors else "left_knee"
        assert (np.delete(moved, JOINTS.index(name), 0) == -1).all()
        y, x = np.nonzero(resampled(photo, coordinates, change)[1][..., 0])
        np.testing.assert_allclose(moved[JOINTS.index(name)], (y.mean(), x.mean()), atol=1)


def test_joints_that_leave_the_picture_are_missing():
    away = change_of([[1.0, 0.0, 20.0], [0.0, 1.0, 0.0]])
    joints = tf.constant([[[5, 19], [5, 20], [-1, -1]] + [[9, 31]] * 15], tf.int32)
    assert geometry.move(joints, away, SIZE).numpy()[0, :4].tolist() == [[-1, -1], [5, 0], [-1, -1], [9, 11]]


def test_the_same_light_falls_on_all_photos():
    for seed in SEEDS:
        tones = colour.draw(Draws(tf.constant([seed, 2])))
        grey = [tf.constant([0.0, 128, 255])] * 3
        *planes, alpha = colour.apply([*grey, tf.constant([1.0, 2, 3])], tones)
        assert alpha.numpy().tolist() == [1, 2, 3]
        assert (np.diff(np.mean(planes, 0)) > 0).all(), "lighter stays lighter"
    stays = colour.Tones(tf.constant(0.0), tf.eye(3), tf.constant(0.0))
    np.testing.assert_allclose(colour.apply([*grey, alpha], stays)[0], grey[0], atol=1e-4)


def test_a_new_backdrop_leaves_no_trace_of_the_old():
    photo, _ = scene()
    rows = tf.reshape(tf.bitcast(tf.constant(photo), tf.int32), [-1, 1])
    block = geometry.places(change_of(np.eye(2, 3, dtype=np.float32)), SIZE).block
    old = tf.gather(backdrops.left_out(rows), block)[..., 0]
    new = np.full((SIZE, SIZE, 3), (200, 30, 60), np.float32)
    planes = [tf.constant(photo[..., k].astype(np.float32)) for k in range(4)]
    *painted, alpha = (plane.numpy() for plane in backdrops.behind(planes, new, old))
    painted = np.stack(painted, -1)
    np.testing.assert_array_equal(alpha, photo[..., 3])
    np.testing.assert_array_equal(painted[alpha == 0], new[alpha == 0])
    np.testing.assert_array_equal(painted[alpha == 255], photo[..., :3][alpha == 255])
    share = alpha[..., None] / 255
    y, x = np.mgrid[:SIZE, :SIZE]
    person = np.stack([np.clip(16 * (x - 8), 0, 255), np.clip(16 * (y - 8), 0, 255), np.full_like(x, 90)], -1)
    assert np.abs(painted - (share * person + (1 - share) * new)).max() < 30
    assert np.abs(painted - (share * photo[..., :3] + (1 - share) * new)).max() > 40, "what plain mixing gives"


def test_backdrops_are_of_every_kind():
    drawings = [backdrops.draw(Draws(tf.constant([seed, 3])), SIZE).numpy() for seed in SEEDS]
    assert all(drawing.shape == (SIZE, SIZE, 3) and drawing.min() >= 0 and drawing.max() <= 255 for drawing in drawings)
    spread = [drawing.std((0, 1)).mean() for drawing in drawings]
    assert min(spread) < 12 < 30 < max(spread)
    means = np.stack([drawing.mean((0, 1)) for drawing in drawings])
    assert (means.std(0) > 25).all()


def test_a_defect_of_a_map_leaves_most_of_it_and_invents_no_part():
    _, coordinates = scene()
    packed = tf.bitcast(tf.constant(np.pad(coordinates, [(0, 0), (0, 0), (0, 1)])), tf.int32)
    spoil = tf.function(lambda seed: defects.of_map(packed, Draws(seed)))
    spoilt = [tf.bitcast(spoil(tf.constant([seed, 4])), tf.uint8).numpy()[..., :3] for seed in range(60)]
    same = [np.array_equal(one, coordinates) for one in spoilt]
    assert 10 < sum(same) < 40
    body = coordinates[..., 0] > 0
    for one in spoilt:
        assert set(np.unique(one[..., 0])) <= {0, 9, 10}
        assert not one[one[..., 0] == 0].any()
        both = body & (one[..., 0] > 0)
        assert np.abs(one[both].astype(int) - coordinates[both])[:, 1:].mean() < 8
    sizes = [(one[..., 0] > 0).sum() / body.sum() for one in spoilt]
    assert min(sizes) < 0.9
    assert max(sizes) > 1.05


def test_defects_of_a_photo_leave_it_what_it_is():
    photo, _ = scene()
    packed = tf.bitcast(tf.constant(photo), tf.int32)
    spoil = tf.function(lambda seed: defects.of_photo(packed, Draws(seed)))
    spoilt = [tf.bitcast(spoil(tf.constant([seed, 5])), tf.uint8).numpy() for seed in range(60)]
    away = [np.abs(one[..., :3].astype(int) - photo[..., :3]).mean() for one in spoilt]
    assert 8 < away.count(0) < 40
    assert max(away) < 25
    assert all(np.array_equal(one[..., 3], photo[..., 3]) for one in spoilt)
    assert all(abs(one[..., :3].mean() - photo[..., :3].mean()) < 3 for one in spoilt)


def test_a_pair_of_one_view_stays_one_person_before_one_backdrop():
    seen = one_view(*scene())
    vary = tf.function(lambda seed: augment.vary(seen, seed))
    exact = 0
    for seed in SEEDS:
        varied = vary(tf.constant([seed, 6]))
        (source, target), (first, second) = ([one.numpy() for one in each] for each in varied[:2])
        np.testing.assert_array_equal(source[..., 3], target[..., 3])
        assert np.abs(source[..., :3].astype(int) - target[..., :3]).mean() < 25
        exact += np.array_equal(source, target) and np.array_equal(first, second)
    assert 0 < exact < len(SEEDS)


def alone(seed):
    """The scene as one view, varied."""
    photo, coordinates = scene()
    padded = np.pad(coordinates, [(0, 0), (0, 0), (0, 1)])
    seen = stored.Seen([tf.constant(photo)], [tf.constant(padded)], tf.fill([1, 18, 2], -1))
    return augment.vary_alone(seen, tf.constant([5, seed]))


def test_a_view_alone_keeps_its_exact_map_over_its_own_pixels():
    right = []
    for seed in SEEDS:
        seen = alone(seed)
        photo, made = seen.photos[0].numpy(), seen.maps[0].numpy()
        there = made[..., 0] > 0
        assert set(np.unique(made[..., 0])) <= {0, 9, 10}
        assert photo[there, 3].min(initial=255) > 20  # nobody's map lies off them, but for a pixel's edge
        if there.sum() > 20:
            levels = [np.corrcoef(made[there, 1 + k], photo[there, k])[0, 1] for k in (0, 1)]
            right.append(np.nanmean(levels))
    assert np.median(right) > 0.7  # colours change, their order does not


def test_views_alone_come_in_every_size_place_and_side():
    seen = [alone(seed) for seed in range(60)]
    sizes = [(one.maps[0].numpy()[..., 0] > 0).sum() for one in seen]
    assert max(sizes) > 3 * min(sizes)
    middles = [np.mean(np.nonzero(one.maps[0].numpy()[..., 0]), 1) for one in seen]
    assert np.std(middles, 0).min() > 1
    parts = [np.mean(np.nonzero(one.maps[0].numpy()[..., 0] == 9)[1]) for one in seen]
    others = [np.mean(np.nonzero(one.maps[0].numpy()[..., 0] == 10)[1]) for one in seen]
    # In a mirror part 9 lies right, and is called 10 there: so it always lies on its own side but for rotation.
    assert np.mean(np.array(parts) < np.array(others)) > 0.9


def test_a_batch_of_views_is_what_the_network_of_maps_learns_from(prepared):
    hparams = config.preset("pose").replace(image_size=SIZE, batch_size=4)
    x, truth = next(iter(read.train_batches(prepared, hparams, "pose")))
    assert {name: (value.dtype, tuple(value.shape)) for name, value in (x | truth).items()} == {
        "photo": (tf.float32, (4, SIZE, SIZE, 3)),
        "part": (tf.int32, (4, SIZE, SIZE)),
        "uv": (tf.float32, (4, SIZE, SIZE, 2)),
        "person": (tf.float32, (4, SIZE, SIZE)),
        "has_person": (tf.float32, (4,)),
    }
    again, _ = next(iter(read.train_batches(prepared, hparams, "pose", start_step=0)))
    np.testing.assert_array_equal(x["photo"], again["photo"])
    assert set(np.unique(truth["has_person"])) <= {0.0, 1.0}
    batches = read.train_batches(prepared, hparams, "pose").take(4)
    assert 0 < np.mean([truth["has_person"] for _, truth in batches]) < 1  # some are of pictures without alpha
