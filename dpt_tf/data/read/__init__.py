"""Prepared items -> batches of (inputs, target), decoded and scaled in the graph.

Predictive and joint stage: `(inputs, target)`, inputs `source` float32 `[B, S, S, 3]`, `source_iuv` and `target_iuv`
uint8 `[B, S, S, 3]` and, where a conditioning needs them, `source_keypoints` and `target_keypoints` int32 `[B, 18, 2]`.
Inpainting stage: inputs `source` and `source_iuv`, target a dict `image` `[B, K, S, S, 3]` and `iuv`: K other views
of the item.
Stage of maps: inputs `photo`, target a dict `part`, `uv`, `person` and `has_person`; of people with single points
`part`, `uv`, `person` and `head`, as `densepose` says.

Training batches are varied where `hparams.augment` is 1, as `augment` says. Those of pairs have four more inputs where
`hparams.matte_weight` is not 0: `source_matte` and `target_matte` uint8 `[B, S, S, 1]`, the person's coverage of each
pixel, `source_has_matte` and `target_has_matte` float32 `[B]`, 1 where it is known: the stored picture has an alpha
channel that is not opaque everywhere. Else the matte is 0.

Pictures that are stored larger than the run's by a whole factor are reduced on reading: photos to the mean of their
pixels, maps to the nearest.
"""

from dpt_tf.data.read.evaluation import count_eval_pairs, eval_pairs, list_eval_pairs
from dpt_tf.data.read.pictures import count_pictures, pictures
from dpt_tf.data.read.training import steps_per_epoch, train_batches

__all__ = [
    "count_eval_pairs",
    "count_pictures",
    "eval_pairs",
    "list_eval_pairs",
    "pictures",
    "steps_per_epoch",
    "train_batches",
]
