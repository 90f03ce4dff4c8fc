"""Training examples varied, in the graph: the same people on either side, before any wall, in any light.

What is done to an example follows from its seed alone. All its views undergo the same mirror, shift, scale and rotation
(`geometry`), get the same backdrop where the person's coverage of all of them is known (`backdrops`), and the same
light and colour (`colour`), so source and target stay a pair. The source's photo and map, and rarely a target's map,
get the defects of real ones (`defects`).
"""

import tensorflow as tf

from dpt_tf.data.read.augment import backdrops, colour, defects, geometry
from dpt_tf.data.read.augment.draws import Draws
from dpt_tf.data.read.stored import Seen

__all__ = ["vary"]

_NEW_BACKDROP = 0.5
_TARGET_MAP = 0.1  # share of the target maps that may get a defect


def vary(seen: Seen, seed: tf.Tensor) -> Seen:
    """Decoded views with opacity -> the same, varied; `seed` int `[2]`."""
    draws = Draws(seed)
    photos, maps = tf.stack(seen.photos), tf.stack(seen.maps)
    count, size = photos.shape[:2]
    have_mattes = tf.reduce_all(tf.reduce_any(photos[..., 3] < 255, [1, 2]))

    change, mirrors = geometry.draw(draws, photos, maps)
    joints = geometry.apply_to_joints(seen.joints, change, mirrors, size)
    changed, maps = geometry.apply(photos, maps, change, mirrors)

    behind = Draws(draws.seed())
    changed = tf.cond(
        have_mattes & draws.chance(_NEW_BACKDROP),
        lambda: backdrops.replace(changed, backdrops.draw(behind, size)),
        lambda: changed,
    )
    coloured = colour.vary(changed[..., :3], draws)
    photos = tf.saturate_cast(tf.round(tf.concat([coloured, changed[..., 3:]], -1)), tf.uint8)

    sources = tf.concat([defects.of_photo(photos[0, ..., :3], draws), photos[0, ..., 3:]], -1)
    spoilt = [defects.of_map(maps[0], draws)]
    for row in range(1, count):
        rarely, own = draws.chance(_TARGET_MAP), Draws(draws.seed())
        target = maps[row]
        spoilt.append(
            tf.cond(rarely, lambda target=target, own=own: defects.of_map(target, own), lambda target=target: target)
        )
    return Seen([sources, *tf.unstack(photos)[1:]], spoilt, joints)
