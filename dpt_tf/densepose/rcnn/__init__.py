"""Detectron2's chart-based DensePose R-CNN, without Detectron2 and without torch.

`load` makes an estimator of a published network's name or a file of weights; `convert` writes such a file anew, so that
it loads in seconds. `architecture` says which network a file holds, `stored` reads the original's files, `folding`
turns their numbers into those of `network` (`backbone`, `heads`), `converted` keeps these. `boxes` and `roi` find
people, `charts` makes maps of what the network says of them.
"""

from dpt_tf.densepose.rcnn.estimator import RCNN, convert, load

__all__ = ["RCNN", "convert", "load"]
