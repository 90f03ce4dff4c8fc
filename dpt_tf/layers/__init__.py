"""Keras layers: geometry of the surface, instance norm, per-part convolutions, fast 3x3 convolutions.

image `[B, H, W, C]`   iuv `[B, H, W, 3]` uint8 (I, U, V)   atlas `[B, 24, R, R, C]`, part p at index p - 1
"""

from dpt_tf.layers.conv import Conv2D
from dpt_tf.layers.geometry import Sample, Unwrap
from dpt_tf.layers.norm import InstanceNorm
from dpt_tf.layers.parts import JoinParts, PartConv, PartConvTranspose, PartNorm, SplitParts

__all__ = [
    "Conv2D",
    "InstanceNorm",
    "JoinParts",
    "PartConv",
    "PartConvTranspose",
    "PartNorm",
    "Sample",
    "SplitParts",
    "Unwrap",
]
