"""ResNet and feature pyramid: a picture -> its features at five scales.

  picture `[1, H, W, 3]`, blue, green, red less their means, H and W multiples of 32
  p2 .. p6 `[1, H/s, W/s, pyramid]`, s = 4, 8, 16, 32, 64 (rounded up)

He et al. 2016, in the variant of MSRA: a stage's stride is that of its first 1x1 convolution. Lin et al. 2017. The
batch norms are frozen, and part of the convolutions' weights here.
"""

import keras

from dpt_tf.densepose.rcnn import blocks
from dpt_tf.densepose.rcnn.architecture import BACKBONE, LEVELS, Architecture


def create(architecture: Architecture) -> keras.Model:
    """Picture -> {"p2": ..., "p6": ...}."""
    picture = keras.Input((None, None, 3), batch_size=1, name="picture")
    x = blocks.conv(picture, architecture.stem, f"{BACKBONE}.stem.conv1", 7, strides=2)
    x = keras.layers.ZeroPadding2D(1, name=f"{BACKBONE}.stem.padding")(x)  # nothing is below 0 after a relu
    x = keras.layers.MaxPooling2D(3, 2, name=f"{BACKBONE}.stem.pool")(x)  # [1, H/4, W/4, stem]
    stages = {}
    for level, count in zip(LEVELS, architecture.blocks, strict=True):
        narrow = architecture.stem * 2 ** (level - 2)
        for block in range(count):
            x = _bottleneck(x, narrow, f"{BACKBONE}.res{level}.{block}", 2 if level > 2 and block == 0 else 1)
        stages[level] = x  # [1, H/s, W/s, 4 narrow]
    pyramid = {}
    above = None
    for level in reversed(LEVELS):
        here = blocks.conv(stages[level], architecture.pyramid, f"backbone.fpn_lateral{level}", 1, relu=False)
        if above is not None:
            above = blocks.doubled(above, f"backbone.fpn_doubled{level}", "nearest")
            here = keras.layers.Add(name=f"backbone.fpn_sum{level}")([here, above])
        above = here
        pyramid[f"p{level}"] = blocks.conv(here, architecture.pyramid, f"backbone.fpn_output{level}", relu=False)
    pyramid["p6"] = keras.layers.MaxPooling2D(1, 2, name="backbone.fpn_p6")(pyramid["p5"])
    return keras.Model(picture, dict(sorted(pyramid.items())), name="backbone")


def _bottleneck(x, narrow: int, name: str, strides: int):
    """1x1 (with the stride), 3x3, 1x1, added to x: `[1, H, W, C] -> [1, H/s, W/s, 4 narrow]`."""
    shortcut = x
    if name.endswith(".0"):
        shortcut = blocks.conv(x, 4 * narrow, f"{name}.shortcut", 1, strides, relu=False)
    x = blocks.conv(x, narrow, f"{name}.conv1", 1, strides)
    x = blocks.conv(x, narrow, f"{name}.conv2")
    x = blocks.conv(x, 4 * narrow, f"{name}.conv3", 1, relu=False)
    return keras.layers.ReLU(name=f"{name}.relu")(keras.layers.Add(name=f"{name}.sum")([x, shortcut]))
