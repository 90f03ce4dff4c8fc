"""What stands on the pyramid: proposals, boxes, and the maps of people.

  pyramid p2 .. p6 `[1, H/s, W/s, P]`
  proposals  `[1, H/s, W/s, 3]` logits, one for each ratio of an anchor's sides, and `[1, H/s, W/s, 12]` deltas
  boxes      `[N, 7, 7, P]` -> `[N, 2]` logits (person, nobody) and `[N, 4]` deltas
  decoder    p2 .. p5 -> `[1, H/4, W/4, P]`, summed at the finest scale
  people     `[N, 28, 28, P]` of the decoder's -> `[N, 112, 112, 77]`: 2 coarse, 25 fine, 25 U, 25 V

Ren et al. 2015; Alp Guler et al. 2018; the DeepLab head after Chen et al. 2017 (branches dilated by 6, 12 and 56).
"""

import keras
import tensorflow as tf

from dpt_tf.densepose.rcnn import blocks
from dpt_tf.densepose.rcnn.architecture import (
    HEAD,
    LEVELS,
    OUTPUTS,
    POOLED,
    PREDICTOR,
    RATIOS,
    ROI,
    RPN,
    Architecture,
    steps,
)

_DILATIONS = (1, 6, 12, 56)


def proposals(architecture: Architecture) -> keras.Model:
    """One level of the pyramid -> (logits, deltas)."""
    x = level = keras.Input((None, None, architecture.pyramid), name="level")
    x = blocks.conv(x, architecture.pyramid, f"{RPN}.conv")
    logits = blocks.conv(x, RATIOS, f"{RPN}.objectness_logits", 1, relu=False)
    deltas = blocks.conv(x, 4 * RATIOS, f"{RPN}.anchor_deltas", 1, relu=False)
    return keras.Model(level, [logits, deltas], name="proposals")


def boxes(architecture: Architecture) -> keras.Model:
    """Pooled features -> (logits, deltas)."""
    x = pooled = keras.Input((POOLED, POOLED, architecture.pyramid), name="pooled")
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dense(architecture.hidden, "relu", name=f"{ROI}.box_head.fc1", **blocks.BLANK)(x)
    x = keras.layers.Dense(architecture.hidden, "relu", name=f"{ROI}.box_head.fc2", **blocks.BLANK)(x)
    logits = keras.layers.Dense(2, name=f"{ROI}.box_predictor.cls_score", **blocks.BLANK)(x)
    deltas = keras.layers.Dense(4, name=f"{ROI}.box_predictor.bbox_pred", **blocks.BLANK)(x)
    return keras.Model(pooled, [logits, deltas], name="boxes")


def decoder(architecture: Architecture) -> keras.Model:
    """{"p2": ..., "p5": ...} -> one map."""
    levels = {
        f"p{level}": keras.Input((None, None, architecture.pyramid), batch_size=1, name=f"p{level}") for level in LEVELS
    }
    decoded = []
    for level in LEVELS:
        x = levels[f"p{level}"]
        for step in range(steps(level)):
            x = blocks.conv(x, architecture.pyramid, f"{ROI}.decoder.p{level}.{2 * step}")
            if level > 2:
                x = blocks.doubled(x, f"{ROI}.decoder.p{level}.{2 * step + 1}", "bilinear")
        decoded.append(x)  # [1, H/4, W/4, P]
    x = keras.layers.Add(name=f"{ROI}.decoder.sum")(decoded)
    x = blocks.conv(x, architecture.pyramid, f"{ROI}.decoder.predictor", 1, relu=False)
    return keras.Model(levels, x, name="decoder")


def people(architecture: Architecture) -> keras.Model:
    """Pooled features -> logits of coarse and fine parts, U, V, in this order."""
    x = pooled = keras.Input((28, 28, architecture.pyramid), name="pooled")
    if architecture.deeplab:
        x = _pyramid_of_dilations(x, architecture.pyramid)
    for number in range(1, 9):
        name = f"{HEAD}.body_conv_fcn{number}"
        if architecture.deeplab:
            x = blocks.normed(x, architecture.head, name, f"{name}.norm")
        else:
            x = blocks.conv(x, architecture.head, name)
    channels = sum(OUTPUTS.values())
    x = keras.layers.Conv2DTranspose(channels, 4, 2, "same", name=PREDICTOR, **blocks.BLANK)(x)  # [N, 56, 56, 77]
    x = blocks.doubled(x, f"{PREDICTOR}.doubled", "bilinear")
    return keras.Model(pooled, x, name="people")


def _pyramid_of_dilations(x, channels: int):
    branches = []
    for branch, dilation in enumerate(_DILATIONS):
        name = f"{HEAD}.ASPP.convs.{branch}"
        branches.append(blocks.normed(x, channels, f"{name}.0", f"{name}.1", 3 if branch else 1, dilation))
    name = f"{HEAD}.ASPP.convs.4"
    whole = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}.0")(x)
    whole = blocks.normed(whole, channels, f"{name}.1", f"{name}.2", 1)
    spread = keras.layers.UpSampling2D(x.shape[1], interpolation="nearest", name=f"{name}.spread")(whole)
    x = keras.layers.Concatenate(name=f"{HEAD}.ASPP.concat")([*branches, spread])  # [N, 28, 28, 5 P]
    return blocks.conv(x, channels, f"{HEAD}.ASPP.project.0", 1, bias=False)


def split(outputs: tf.Tensor) -> list[tf.Tensor]:
    """`[..., 77] -> coarse [..., 2], fine [..., 25], u [..., 25], v [..., 25]`."""
    return tf.split(outputs, list(OUTPUTS.values()), -1)
