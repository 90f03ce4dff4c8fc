"""What `dpt_tf.iuv.read` does to the map in a PNG, as TensorFlow ops: equal bytes for the same file.

  pixels `[B, H, W, 3]` uint8 (R, G, B)   iuv `[B, H, W, 3]` uint8 (I, U, V)

Which channel is I is decided by content, damage is refused, wrap-around of U and V is undone. One thing is stricter: of
several people `dpt_tf.iuv` keeps one, and here a map of several is refused.
"""

import functools

import tensorflow as tf

from dpt_tf.export import checks
from dpt_tf.iuv import NUM_PARTS
from dpt_tf.iuv.faults import HIGH, LOW, MOST_LONELY, MOST_LONELY_SMALL, MOST_STAINED, MOSTLY
from dpt_tf.iuv.people import SMALLEST, TRUNK
from dpt_tf.ops.patches import components, pairs


def read(name: str, pixels: tf.Tensor) -> tf.Tensor:
    """`pixels -> iuv`; `name` is the input's, for what is said of a map that is refused.

    Note: one graph for maps of one size, whatever they are called.
    """
    return _read(tf.constant(name), pixels)


@functools.partial(tf.function, autograph=False)
def _read(name: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    iuv = _ordered(name, pixels)
    iuv = checks.after([_refuse_damaged(name, iuv)], iuv)
    iuv = checks.after([_refuse_several(name, iuv)], iuv)
    return tf.stack([iuv[..., 0], *(_undo_wrap_around(iuv[..., 0], iuv[..., channel]) for channel in (1, 2))], -1)


def _ordered(name: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """I is the first channel or the last: the one that stays at 24 or below.

    Where both do, the one that is 0 on the background only, and where that does not tell either, the one that changes
    less often from pixel to pixel.
    """
    ends = first, last = pixels[..., 0], pixels[..., 2]
    highest = [tf.cast(tf.reduce_max(channel, [1, 2]), tf.int32) for channel in ends]
    first_small, last_small = (most <= NUM_PARTS for most in highest)
    empty = tf.reduce_all(pixels == 0, [1, 2, 3])
    alike = tf.reduce_all(tf.equal(first, last), [1, 2])
    background = tf.reduce_all(pixels == 0, -1)
    first_exact, last_exact = (tf.reduce_all(tf.equal(channel == 0, background), [1, 2]) for channel in ends)
    by_background = tf.not_equal(first_exact, last_exact)
    in_doubt = tf.where(by_background, last_exact, _changes(last) < _changes(first))
    is_last = tf.where(tf.not_equal(first_small, last_small), last_small, in_doubt)
    refused = [
        checks.refuse_any(empty, name, lambda _: ["shows no person: it is 0 everywhere; it should be a DensePose map"]),
        checks.refuse_any(
            ~(first_small | last_small),
            name,
            lambda i: [
                "is no DensePose map, or one in an order of channels that cannot be told: red goes up to ",
                highest[0][i],
                " and blue up to ",
                highest[1][i],
                f"; one of them should be the part number, 0..{NUM_PARTS}",
            ],
        ),
        checks.refuse_any(
            alike & first_small & ~empty,
            name,
            lambda _: ["is a grey picture, so the order of its channels cannot be told; it should hold I, U and V"],
        ),
    ]
    return checks.after(refused, tf.where(is_last[:, None, None, None], pixels[..., ::-1], pixels))


def _changes(channel: tf.Tensor) -> tf.Tensor:
    differ = (tf.not_equal(channel[:, 1:], channel[:, :-1]), tf.not_equal(channel[:, :, 1:], channel[:, :, :-1]))
    return tf.add_n([tf.math.count_nonzero(d, [1, 2]) for d in differ])


def _refuse_damaged(name: tf.Tensor, iuv: tf.Tensor) -> tf.Operation:
    """A body whose part numbers are no patches, or colour where no body is."""
    part = iuv[..., 0]
    body = part > 0
    rows, columns = (tf.not_equal(part[:, 1:], part[:, :-1]), tf.not_equal(part[:, :, 1:], part[:, :, :-1]))
    up, down = ([[0, 0], [1, 0], [0, 0]], [[0, 0], [0, 1], [0, 0]])
    left, right = ([[0, 0], [0, 0], [1, 0]], [[0, 0], [0, 0], [0, 1]])
    alone = body
    for differ, edge in ((rows, up), (rows, down), (columns, left), (columns, right)):
        alone &= tf.pad(differ, edge, constant_values=True)
    stains = ~body & tf.reduce_any(iuv[..., 1:] > 0, -1)
    pixels = tf.math.count_nonzero(body, [1, 2], dtype=tf.float64)
    by_itself, off_body = (tf.math.count_nonzero(mask, [1, 2], dtype=tf.float64) for mask in (alone, stains))
    lonely, stained = by_itself / pixels, off_body / pixels
    too_many = (lonely > MOST_LONELY) & (by_itself * by_itself > MOST_LONELY_SMALL**2 * pixels)
    return checks.refuse_any(
        too_many | (stained > MOST_STAINED),
        name,
        lambda i: [
            "is a colour picture, or a map damaged by JPEG compression or smooth resizing: ",
            tf.cast(tf.round(100 * lonely[i]), tf.int32),
            "% of the part numbers differ from all their neighbours, colour lies on ",
            tf.cast(tf.round(100 * stained[i]), tf.int32),
            "% as much background; it should be a DensePose map as it was written",
        ],
    )


def _refuse_several(name: tf.Tensor, iuv: tf.Tensor) -> tf.Operation:
    """People as `iuv.people` tells them: pieces with torso or head that the largest has too, and not tiny."""
    part = tf.cast(iuv[..., 0], tf.int32)
    batch, count = tf.shape(part)[0], tf.size(part)
    piece = components(tf.cast(part > 0, tf.int32))

    def of_piece(pixels):
        return tf.reshape(
            tf.math.unsorted_segment_sum(tf.cast(tf.reshape(pixels, [-1]), tf.int32), piece, count), [batch, -1]
        )

    size = of_piece(part > 0)  # [B, H * W], 0 but at the pixel that a piece is named after
    largest = tf.argmax(size, -1)[:, None]
    most = tf.gather(size, largest, batch_dims=1)
    has_trunk = tf.zeros_like(size, tf.bool)
    for number in TRUNK:
        has = of_piece(tf.equal(part, number)) > 0
        has_trunk |= has & tf.gather(has, largest, batch_dims=1)
    large = tf.cast(size, tf.float64) >= SMALLEST * tf.cast(most, tf.float64)
    others = has_trunk & large & tf.not_equal(tf.range(tf.shape(size)[1], dtype=tf.int64), largest)
    people = 1 + tf.math.count_nonzero(others, -1, dtype=tf.int32)
    return checks.refuse_any(
        people > 1,
        name,
        lambda i: ["shows ", people[i], " people; it should show one: choose with dpt inspect --person=N --write"],
    )


def _undo_wrap_around(part: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """`values`, U or V, `[B, H, W]` uint8, with what wrapped put back to 0 as `iuv.faults.undo_wrap_around` does.

    A piece of high values within a part has wrapped if nearly all of the part's pixels around it are low.
    """
    part, shape = tf.cast(part, tf.int32), tf.shape(part)
    high = (part > 0) & (values >= HIGH)
    piece, count = components(tf.where(high, part, 0)), tf.size(part)
    flat_high = tf.reshape(high, [-1])

    a, b = pairs(
        tf.where(high, -part, part), lambda a, b: tf.equal(a, -b) & tf.not_equal(a, 0)
    )  # one is high, the other is not
    inside, beside = tf.where(tf.gather(flat_high, a), a, b), tf.where(tf.gather(flat_high, a), b, a)
    # A pixel beside a piece counts once, however many of the piece's pixels it touches.
    long = tf.cast(count, tf.int64)
    touching, _ = tf.unique(tf.cast(tf.gather(piece, inside), tf.int64) * long + tf.cast(beside, tf.int64))
    touched, beside = touching // long, touching % long
    low = tf.gather(tf.reshape(values, [-1]), beside) <= LOW
    ring, low_ring = (
        tf.math.unsorted_segment_sum(tf.cast(mask, tf.float64), touched, count) for mask in (tf.ones_like(low), low)
    )
    wrapped = tf.math.divide_no_nan(low_ring, ring) >= MOSTLY
    return tf.where(tf.reshape(flat_high & tf.gather(wrapped, piece), shape), tf.zeros_like(values), values)
