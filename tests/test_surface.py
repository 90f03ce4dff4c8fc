"""What an unseen texel is guessed from, and what stands behind and beside a person: laws and hand examples."""

import numpy as np
import pytest
import tensorflow as tf

from dpt_tf import iuv
from dpt_tf.iuv import relations
from dpt_tf.ops import backdrop, carrying, surface, surroundings

R, S = 16, 32


def atlas_of(*texels):
    """Nothing but these: (part, row, column, colour)."""
    texture, observed = np.zeros([1, 24, R, R, 3], np.float32), np.zeros([1, 24, R, R, 1], np.float32)
    for part, i, j, colour in texels:
        texture[0, part - 1, i, j], observed[0, part - 1, i, j] = colour, 1
    return tf.constant(texture), tf.constant(observed)


def place(index):
    """(part, row, column) of a flat index."""
    return index // R**2 + 1, index // R % R, index % R


def standing(row=6, column=10, part=2):
    """A trunk of 12 x 8 pixels at (row, column), U down, V across, as a torso's front has them."""
    made = np.zeros([1, S, S, 3], np.uint8)
    u, v = np.meshgrid(np.linspace(16, 220, 12), np.linspace(214, 40, 8), indexing="ij")
    made[0, row : row + 12, column : column + 8] = np.stack([np.full_like(u, part), u, v], -1)
    return tf.constant(made)


# Relations


@pytest.mark.parametrize("part", range(1, 25))
def test_the_mirrored_texel_is_of_the_mirrored_part(part):
    assert place(relations.partners(R)["mirror"][part - 1, R // 2, R // 2])[0] == iuv.MIRRORED[part]


@pytest.mark.parametrize(("part", "behind"), [(1, 2), (2, 1), (7, 9), (10, 8), (13, 11), (23, 23), (24, 24)])
def test_what_is_behind_a_part_is_the_other_side_of_its_limb(part, behind):
    assert place(relations.partners(R)["through"][part - 1, R // 2, R // 2])[0] == behind


@pytest.mark.parametrize("kind", relations.KINDS)
def test_the_partner_of_a_partner_is_near_where_one_began(kind):
    partners = relations.partners(R)[kind].ravel()
    there_and_back, here = partners[partners], np.arange(24 * R**2)
    (part, i, j), (own, row, column) = place(there_and_back), place(here)
    same = part == own
    assert same.mean() > 0.8
    assert np.median(np.hypot(i - row, j - column)[same]) <= 1.5


def test_the_left_breast_answers_the_right_one():
    """On a torso's front V falls from the right side to the left: what is mirrored keeps its height."""
    _, row, column = place(relations.partners(R)["mirror"][1, 12, 5])
    assert (row, column) == (pytest.approx(16 * 254 / 256 - 12, abs=1.5), pytest.approx(5, abs=1))


def test_kin_counts_less_with_every_step_away():
    kin = relations.kinship()
    np.testing.assert_array_equal(kin.diagonal(), 1)
    left_arm = kin[15 - 1]
    assert left_arm[16 - 1] > left_arm[2 - 1] > left_arm[5 - 1] > 0
    np.testing.assert_array_equal(kin, kin.T)


# The prior


def test_what_was_seen_stays_and_everything_else_gets_a_colour():
    random = np.random.default_rng(0)
    texture = random.uniform(-1, 1, [2, 24, R, R, 3]).astype(np.float32)
    observed = (random.random([2, 24, R, R, 1]) < 0.1).astype(np.float32)
    completed = surface.complete(tf.constant(texture * observed), tf.constant(observed)).numpy()
    np.testing.assert_array_equal(completed * observed, texture * observed)
    assert np.abs(completed).max() <= 1 and (np.abs(completed).max(-1) > 0).all()


def test_one_colour_seen_is_the_colour_of_everything():
    completed = surface.complete(*atlas_of((2, 5, 5, (0.25, -0.5, 1.0)))).numpy()
    np.testing.assert_allclose(completed, np.broadcast_to((0.25, -0.5, 1.0), completed.shape), atol=1e-5)


@pytest.mark.parametrize("kind", ["mirror", "through"])
def test_an_unseen_texel_takes_after_its_partner(kind):
    part, i, j = place(int(relations.partners(R)[kind][1, 9, 7]))
    texture, observed = atlas_of((part, i, j, (1.0, 0.0, -1.0)), (2, 0, 0, (0.5, 0.5, 0.5)))
    np.testing.assert_array_equal(surface.complete(texture, observed)[0, 1, 9, 7], (1.0, 0.0, -1.0))


def test_the_back_of_the_head_gets_no_face():
    part, i, j = place(int(relations.partners(R)["through"][22, 8, 3]))
    texture, observed = atlas_of((part, i, j, (1.0, 1.0, 1.0)), (23, 8, 4, (-1.0, -1.0, -1.0)))
    assert part == 23
    assert surface.complete(texture, observed)[0, 22, 8, 3, 0] < 0.5


def test_of_nothing_nothing_is_made_and_no_number_is_lost():
    np.testing.assert_array_equal(surface.complete(*atlas_of()), np.zeros([1, 24, R, R, 3]))


# The backdrop


def test_a_plain_backdrop_comes_back_without_the_person_and_the_skirt():
    """The map knows the body; a skirt beside it, of another colour than the wall, is the person's, too."""
    body = backdrop.body_of(standing())
    photo = np.full([1, S, S, 3], 0.5, np.float32)
    photo[0, 6:18, 10:18] = -1
    photo[0, 12:18, 8:20] = -1
    guess, logit = backdrop.first_guess(tf.constant(photo), body, S)
    np.testing.assert_allclose(guess, np.full([1, S, S, 3], 0.5), atol=1e-5)
    assert logit.numpy()[0, 12:18, 8:20].min() > 1 and logit.numpy()[0, :, 24:].max() < -1
    without = backdrop.without(tf.constant(photo), tf.sigmoid(logit)).numpy()
    np.testing.assert_allclose(without, np.full([1, S, S, 3], 0.5), atol=0.02)


@pytest.mark.parametrize("covered", [0.0, 1.0])
def test_a_photo_without_a_person_is_its_own_backdrop_and_one_without_a_backdrop_has_none(covered):
    photo = tf.random.stateless_uniform([1, S, S, 3], [0, 0], -1, 1)
    without = backdrop.without(photo, tf.fill([1, S, S, 1], covered)).numpy()
    np.testing.assert_allclose(without, photo * (1 - covered), atol=1e-6)


def someone_before(photo):
    """Where somebody stands who is a quarter of the picture wide, with an arm."""
    side = photo.shape[1]
    hidden = np.zeros([1, side, side, 1], np.float32)
    hidden[:, side // 5 : side * 7 // 8, side * 3 // 8 : side * 5 // 8] = 1
    hidden[:, side // 3 : side * 3 // 8, side // 4 : side // 2] = 1
    return tf.constant(hidden)


def test_a_continued_backdrop_has_the_grain_of_what_stands_beside_it():
    photo = tf.random.stateless_normal([1, 64, 64, 3], [0, 0])
    hidden = someone_before(photo)
    hole = hidden.numpy()[..., 0] > 0
    continued, smear = (fill(photo, hidden, 8).numpy() for fill in (backdrop.continued, backdrop.filled))
    assert smear[hole].std() < 0.2 and 0.8 < continued[hole].std() < 1.3
    np.testing.assert_array_equal(continued[~hole], photo.numpy()[~hole])


def test_a_continued_backdrop_of_layers_and_in_a_slope_of_light_is_what_stood_there():
    y, x = np.indices([64, 64])[..., None] / 64
    photo = np.sign(np.sin(40 * y)) * [0.5, 0.2, 0.1] + 0.3 * x
    photo = tf.constant(photo[None].astype(np.float32))
    continued = backdrop.continued(photo, someone_before(photo), 8)
    np.testing.assert_allclose(continued, photo, atol=0.1)


def test_where_neither_side_has_enough_a_continued_backdrop_is_a_mean():
    photo, hidden = tf.random.stateless_normal([1, S, S, 3], [0, 0]), np.ones([1, S, S, 1], np.float32)
    hidden[:, :3] = 0
    np.testing.assert_array_equal(backdrop.continued(photo, hidden, 6), backdrop.filled(photo, hidden, 6))


@pytest.mark.parametrize("fill", [backdrop.without, lambda photo, hidden: backdrop.continued(photo, hidden, 8)])
def test_height_and_width_may_be_unknown(fill):
    photo, matte = tf.random.stateless_uniform([1, 20, 33, 3], [0, 0]), tf.zeros([1, 20, 33, 1])
    unknown = tf.function(fill, input_signature=[tf.TensorSpec([None, None, None, c]) for c in (3, 1)])
    matte = tf.tensor_scatter_nd_update(matte, [[0, 10, 10, 0]], [1.0])
    np.testing.assert_allclose(unknown(photo, matte), fill(photo, matte), atol=1e-6)


# What is carried along


def shifted(right, down):
    pose = standing()
    return pose, tf.roll(pose, [down, right], [1, 2])


@pytest.mark.parametrize(("right", "down"), [(0, 0), (6, 3), (-4, -5)])
def test_who_moves_takes_what_is_beside_along(right, down):
    source, target = shifted(right, down)
    field = surroundings.field(surroundings.places(source, backdrop.body_of(source), R), target).numpy()[0]
    y, x = np.meshgrid(np.arange(S) + 0.5, np.arange(S) + 0.5, indexing="ij")
    expected = np.stack([x - right, y - down], -1) / S
    np.testing.assert_allclose(field[4:26, 6:26, :2], expected[4:26, 6:26], atol=1.2 / S)


def test_seen_from_behind_left_and_right_change_places():
    """Front and back of one trunk: U runs alike down it, V the other way across."""
    source, back = standing(), np.zeros([1, S, S, 3], np.uint8)
    u, v = np.meshgrid(np.linspace(33, 243, 12), np.linspace(28, 226, 8)[::-1], indexing="ij")
    back[0, 6:18, 10:18] = np.stack([np.ones_like(u), u, v], -1)
    field = surroundings.field(surroundings.places(source, backdrop.body_of(source), R), tf.constant(back)).numpy()[0]
    left, right = field[12, 8, 0], field[12, 20, 0]
    assert abs(left - right) > 10 / S
    straight = surroundings.field(surroundings.places(source, backdrop.body_of(source), R), source).numpy()[0]
    assert np.sign(right - left) in (-1, 1) and straight[12, 20, 0] > straight[12, 8, 0]


def test_carry_by_hand():
    image = tf.constant([[[[0.0], [1.0]], [[2.0], [3.0]]]])
    places = tf.constant([[[[0.25, 0.25], [0.5, 0.5], [0.75, 0.5], [9.0, 9.0]]]])  # (x, y)
    np.testing.assert_allclose(carrying.carry(image, places)[0, 0, :, 0], [0, 1.5, 2, 0])


def test_the_gradient_of_carrying_is_its_transpose():
    random = np.random.default_rng(0)
    image = tf.constant(random.normal(size=[2, 5, 6, 3]), tf.float32)
    places = tf.constant(random.uniform(-0.1, 1.1, [2, 4, 7, 2]), tf.float32)
    upstream = tf.constant(random.normal(size=[2, 4, 7, 3]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(image)
        carried = carrying.carry(image, places)
        product = tf.reduce_sum(carried * upstream)
    np.testing.assert_allclose(product, tf.reduce_sum(image * tape.gradient(product, image)), rtol=1e-4)


def test_a_skirt_beside_the_body_comes_along_and_the_wall_does_not():
    source, target = shifted(6, 0)
    photo, matte = np.full([1, S, S, 3], 1.0, np.float32), np.zeros([1, S, S, 1], np.float32)
    photo[0, 12:18, 8:20] = -1
    matte[0, 6:18, 10:18], matte[0, 12:18, 8:20] = 1, 1
    field = surroundings.field(surroundings.places(source, backdrop.body_of(source), R), target)
    colour, share, left = carrying.overhang(tf.constant(photo), tf.constant(matte), source, target, field)
    assert share.numpy()[0, 14:16, 15].min() > 0.9 and share.numpy()[0, 14:16, 24].min() > 0.9
    np.testing.assert_allclose(colour[0, 14:16, 15], np.full([2, 3], -1.0), atol=0.01)
    assert share.numpy()[0, :, 27:].max() < 0.05 and share.numpy()[0, 6:18, 16:24].max() == 0
    assert not left.numpy().any()


def test_between_the_legs_it_is_left_open_whether_cloth_hangs_there():
    source, target = np.zeros([1, S, S, 3], np.uint8), np.zeros([1, S, S, 3], np.uint8)
    for pose, apart in ((source, 0), (target, 4)):
        pose[0, 8:24, 8 - apart : 16 - apart] = (9, 100, 100)
        pose[0, 8:24, 16 + apart : 24 + apart] = (10, 100, 100)
        pose[0, 8:24, :, 2] = np.arange(16, dtype=np.uint8)[:, None] * 15
    source, target = tf.constant(source), tf.constant(target)
    photo, matte = tf.where(source[..., :1] > 0, tf.ones([1, S, S, 3]) * 0.5, -1.0), backdrop.body_of(source)
    field = surroundings.field(surroundings.places(source, backdrop.body_of(source), R), target)
    colour, share, left = carrying.overhang(photo, matte, source, target, field)
    assert left.numpy()[0, 12:20, 14:18].min() > 0.9 and share.numpy()[0, 12:20, 14:18].max() < 0.1
    np.testing.assert_allclose(colour[0, 12:20, 14:18], np.full([8, 4, 3], 0.5), atol=0.01)
    assert left.numpy()[0, :, 30:].max() < 0.1


def legs(*lefts):
    """Two legs, 6 pixels wide each, from row 6 to 26; from which column on."""
    pose = np.zeros([1, S, S, 3], np.uint8)
    for part, left in zip((9, 10), lefts, strict=True):
        pose[0, 6:26, left : left + 6] = (part, 100, 100)
        pose[0, 6:26, left : left + 6, 1] = 50 + 8 * np.arange(20, dtype=np.uint8)[:, None]
    return tf.constant(pose)


def carried(source, target, cloth):
    """Where the person is beside the target's legs, if in the source it is at `cloth` [S, S], too."""
    matte = tf.maximum(backdrop.body_of(source), tf.constant(cloth, tf.float32)[None, ..., None])
    field = surroundings.field(surroundings.places(source, matte, R), target)
    return carrying.overhang(tf.zeros([1, S, S, 3]), matte, source, target, field)[1].numpy()[0, ..., 0]


def test_a_skirt_hangs_about_both_legs_and_ends_at_its_hem():
    source, target, skirt = legs(8, 18), legs(6, 20), np.zeros([S, S])
    skirt[6:16, 8:24] = 1
    share = carried(source, target, skirt)
    assert share[8:13, 12:20].min() > 0.9  # wider than it was, where the legs are farther apart
    assert share[20:25, 13:19].max() < 0.1
    assert carried(source, target, np.zeros([S, S]))[8:25, 13:19].max() < 0.1  # trousers


def test_a_wide_skirt_stays_wide_when_the_legs_close():
    source, target, skirt = legs(6, 20), legs(10, 16), np.zeros([S, S])
    skirt[6:16, 4:28] = 1
    share = carried(source, target, skirt)
    assert share[8:13, 6:10].min() > 0.9 and share[8:13, 22:26].min() > 0.9
    assert share[20:25, :9].max() < 0.1


def test_a_hem_far_from_the_body_was_far_from_it():
    source, target = shifted(0, 0)
    matte = np.zeros([1, S, S, 1], np.float32)
    matte[0, 10:16, 18:21] = 1
    field = surroundings.field(surroundings.places(source, backdrop.body_of(source), R), target)
    field += tf.constant([-4 / S, 0.0, 0.0]) * tf.cast(tf.range(S)[None, None, :, None] > 20, tf.float32)
    photo = tf.zeros([1, S, S, 3])
    _, share, left = carrying.overhang(photo, tf.constant(matte), source, target, field)
    assert share.numpy()[0, 12, 18:20].min() > 0.9  # where it was
    assert share.numpy()[0, 12, 22] < 0.1 < 0.9 < left.numpy()[0, 12, 22]  # the same cloth, one pixel from the body
