"""Detectron2's chart-based DensePose R-CNN, without Detectron2 and without torch.

`architecture` says which network a file holds, `backbone`, `heads` and `network` build it, `folding` gives it the
file's numbers; `boxes` and `roi` find people, `charts` makes maps of what the network says of them.
"""
