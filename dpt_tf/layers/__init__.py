"""Keras layers: geometry of the surface, what is known beforehand, norms, fast convolutions, a closer look.

image `[B, H, W, C]`   iuv `[B, H, W, 3]` uint8 (I, U, V)   atlas `[B, 24, R, R, C]`, part p at index p - 1
"""

from dpt_tf.layers.conv import Conv2D
from dpt_tf.layers.exact import Float32Layer
from dpt_tf.layers.geometry import Sample, Unwrap
from dpt_tf.layers.glimpse import Glimpse
from dpt_tf.layers.norm import BatchNorm, InstanceNorm
from dpt_tf.layers.parts import JoinParts, PartConv, PartConvTranspose, PartNorm, SplitParts
from dpt_tf.layers.surface import Backdrop, BackdropGuess, Enlarge, Matte, Palette, Prior, Surroundings

__all__ = [
    "Backdrop",
    "BackdropGuess",
    "BatchNorm",
    "Conv2D",
    "Enlarge",
    "Float32Layer",
    "Glimpse",
    "InstanceNorm",
    "JoinParts",
    "Matte",
    "Palette",
    "PartConv",
    "PartConvTranspose",
    "PartNorm",
    "Prior",
    "Sample",
    "SplitParts",
    "Surroundings",
    "Unwrap",
]
