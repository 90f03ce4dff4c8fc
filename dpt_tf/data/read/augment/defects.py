"""What is wrong with photos and maps outside of a studio: blur, noise, scaling, JPEG; holes, lost parts, jitter."""

import tensorflow as tf

from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.iuv import NUM_PARTS

_BLURRED, _NOISY, _SCALED, _JPEG = 0.2, 0.3, 0.25, 0.35
_HOLED, _LOST, _JITTERED, _EDGED = 0.15, 0.08, 0.3, 0.3
_BLOBS = 16  # cells of the noise that holes and jitter follow, along a picture


def of_photo(photo: tf.Tensor, draws: Draws) -> tf.Tensor:
    """A photo, uint8 `[S, S, 3]`, each defect with its own chance; most have one or none."""
    size = photo.shape[0]
    blurred, noisy, scaled, packed = (draws.chance(share) for share in (_BLURRED, _NOISY, _SCALED, _JPEG))
    softness, amplitude = draws.uniform(0.3, 1), 12.0 * draws.uniform(0.1, 1) ** 2
    side = tf.cast(size * draws.uniform(0.4, 0.9), tf.int32)
    quality, seed = tf.cast(draws.uniform(25, 95), tf.int32), draws.seed()

    def blur():
        mean = tf.nn.avg_pool2d(tf.cast(photo, tf.float32)[None], 3, 1, "SAME")[0]
        return _bytes(_mixed(photo, mean, softness))

    def noise():
        return _bytes(tf.cast(photo, tf.float32) + amplitude * tf.random.stateless_normal([size, size, 3], seed))

    def scale():
        small = tf.image.resize(photo, [side, side], tf.image.ResizeMethod.AREA)
        return _bytes(tf.image.resize(small, [size, size]))

    def pack():
        packed = tf.raw_ops.EncodeJpegVariableQuality(images=photo, quality=quality)
        return tf.ensure_shape(tf.io.decode_jpeg(packed, channels=3), [size, size, 3])

    for wanted, spoil in ((blurred, blur), (noisy, noise), (scaled, scale), (packed, pack)):
        photo = tf.cond(wanted, spoil, lambda photo=photo: photo)
    return photo


def _mixed(photo, other, share):
    photo = tf.cast(photo, tf.float32)
    return photo + share * (other - photo)


def _bytes(values):
    return tf.saturate_cast(tf.round(values), tf.uint8)


def of_map(iuv: tf.Tensor, draws: Draws) -> tf.Tensor:
    """A map, uint8 `[S, S, 3]`, each defect with its own chance.

    Holes are blobs of a few percent of the picture; a lost part is wholly background; jitter moves U and V by some
    levels, alike in neighbouring pixels and a little in each; edges come forward or go back by a pixel.
    """
    size = iuv.shape[0]
    holed, lost, jittered, edged = (draws.chance(share) for share in (_HOLED, _LOST, _JITTERED, _EDGED))
    part, grows = 1 + draws.whole(NUM_PARTS), draws.chance(0.5)
    threshold, levels, fine = draws.uniform(1.2, 2.2), draws.uniform(0.5, 6), draws.uniform(0, 3)
    blobs, one = draws.normal([_BLOBS, _BLOBS, 3]), draws.seed()

    def holes():
        hole = tf.image.resize(blobs[..., :1], [size, size], tf.image.ResizeMethod.BICUBIC) > threshold
        return iuv * tf.cast(~hole, tf.uint8)

    def lose():
        return iuv * tf.cast(iuv[..., :1] != tf.cast(part, tf.uint8), tf.uint8)

    def jitter():
        smooth = tf.image.resize(blobs[..., 1:], [size, size])
        away = levels * smooth + fine * tf.random.stateless_normal([size, size, 2], one)
        moved = _bytes(tf.cast(iuv[..., 1:], tf.float32) + away)
        return tf.concat([iuv[..., :1], moved * tf.cast(iuv[..., :1] > 0, tf.uint8)], -1)

    def edge():
        padded = tf.pad(iuv, [[1, 1], [1, 1], [0, 0]])
        beside = [padded[1 + j : 1 + j + size, 1 + i : 1 + i + size] for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1))]

        def grow():
            grown = iuv
            for other in beside:
                grown += other * tf.cast(grown[..., :1] == 0, tf.uint8)
            return grown

        def shrink():
            return iuv * tf.cast(tf.reduce_min(tf.stack([other[..., :1] for other in beside]), 0) > 0, tf.uint8)

        return tf.cond(grows, grow, shrink)

    for wanted, spoil in ((jittered, jitter), (edged, edge), (holed, holes), (lost, lose)):
        iuv = tf.cond(wanted, spoil, lambda iuv=iuv: iuv)
    return iuv
