"""What a map becomes in a mirror: parts change sides, and on some of them U or V turns round.

  mirrored(p, u, v) = (MIRRORED[p], 255 - u if p in U_TURNS else u, 255 - v if p in V_TURNS else v)

Only the middle parts and the ends of limbs turn: torsos V, which runs round them; hands, feet and the two halves of the
head U. Arms and legs of the two sides have the same numbers, as the atlas is that of a body whose limbs were
unfolded as mirror images.

Measured on 174 real maps of two people who turn round, one in a studio and one outdoors: each map, flipped, was laid
over those of the same person that look most like it (752 pairs; 70 % of the pixels have the mirrored part), each part
shifted and scaled to the other's mean and spread, and U and V were compared under the eight laws that keep a square.
Mean error in levels, of U and V together: of this law, of the next best, and of the method itself (unflipped maps, laid
over others of that person by the same means, where no law is needed):

  torso back 6.0, 47, 5.0; front 5.6, 38, 3.6         upper arms 5.9-6.9, 40, 5
  hands 17, 48, 13; feet 18, 38, 13                   lower arms 8.8-9.8, 40, 8
  upper legs 6.3-7.2, 34, 6; lower legs 7.9-9.6, 40, 9    head 8.4, 59, 7

An affine law fitted to the pairs is about a level better (hands and torsos: two), and no more: its slopes are 1 and
-1, its offsets 0 and 255, as far as the method sees.
"""

from typing import TYPE_CHECKING

import numpy as np

from dpt_tf.iuv.parts import MIRRORED, NUM_PARTS, U_TURNS, V_TURNS

if TYPE_CHECKING:
    import tensorflow as tf

# Row p, for LAW[p] ^ (0, u, v): the part that p becomes, and what to flip the bits of U and V with, as 255 - u is
# u ^ 255.
LAW = np.array([(MIRRORED[p], 255 * (p in U_TURNS), 255 * (p in V_TURNS)) for p in range(NUM_PARTS + 1)], np.uint8)
_COORDINATES = np.array([0, 255, 255], np.uint8)


def mirror(iuv: np.ndarray) -> np.ndarray:
    """The map of the picture that is flipped left to right, uint8 `[..., H, W, 3]`. Twice is not at all."""
    flipped = iuv[..., ::-1, :]
    return LAW[flipped[..., 0]] ^ (flipped & _COORDINATES)


def change_sides(iuv: "tf.Tensor") -> "tf.Tensor":
    """What `mirror` does to each pixel, in the graph and left where it is: uint8 `[..., 3] -> [..., 3]`."""
    import tensorflow as tf

    return tf.gather(LAW, tf.cast(iuv[..., 0], tf.int32)) ^ (iuv & _COORDINATES)
