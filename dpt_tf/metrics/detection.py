"""The detection score (Siarohin et al., CVPR 2018): is there a person in the generated picture, for a detector?

The best confidence among a picture's detections of the class person, 0 if there is none; the mean over the pictures.

Note: the score of the literature comes from an SSD300 trained on PASCAL VOC. TF-Hub's `ssd_mobilenet_v2` is trained on
COCO: its scores are of another kind, which is why the name of the score says what the detector was trained on.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from dpt_tf.metrics import networks, streams

PERSON = {"coco": ("COCO", 1), "voc": ("PASCAL VOC", 15)}  # how it is printed, and the number of the class person


class DetectionScore:
    """Streaming mean of the best confidence of class person; the truth is not looked at."""

    higher_is_better = True

    def __init__(self, network: networks.Network, trained_on: str = "coco"):
        """An empty score.

        Args:
          network: of `networks.detector`.
          trained_on: `coco` or `voc`, which number their classes differently.

        Raises:
          ValueError: another data set.
        """
        if trained_on not in PERSON:
            raise ValueError(f"no such data set of detectors: {trained_on!r}; have {', '.join(PERSON)}")
        printed, self._person = PERSON[trained_on]
        self.names = (f"DS ({printed} detector {network.short})",)
        self._network = network
        self._means = streams.Means(self.names)

    def update(self, y, y_hat, foreground=None) -> dict[str, np.ndarray]:
        """Adds a batch of generated pictures, uint8 `[B, H, W, 3]`; gives each one's best confidence."""
        best = [
            np.where(part["detection_classes"].astype(int) == self._person, part["detection_scores"], 0).max(
                1, initial=0
            )
            for part in self._network(tf.constant(y_hat))
        ]
        values = {self.names[0]: np.concatenate(best).astype(np.float32)}
        self._means.add(values)
        return values

    def result(self) -> dict[str, float]:
        """The mean."""
        return self._means.mean()

    def state(self) -> dict[str, np.ndarray]:
        """See `streams.Means`."""
        return self._means.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """See `streams.Means`."""
        self._means.restore(state)

    def merge(self, other: "DetectionScore") -> None:
        """See `streams.Means`."""
        self._means.merge(other._means)
