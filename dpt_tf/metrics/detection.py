"""The detection score (Siarohin et al., CVPR 2018): is there a person in the generated picture, for a detector?

The best confidence among a picture's detections of the class person, 0 if there is none; the mean over the pictures.

Note: the score of the literature comes from an SSD300 trained on PASCAL VOC. TF-Hub's `ssd_mobilenet_v2` is trained on
COCO: its scores are of another kind, which is why the name of the score says what the detector was trained on. The
detector `ssdlite` was trained on PASCAL VOC's people, but is a smaller network than SSD300: still another kind.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from dpt_tf.metrics import networks, streams
from dpt_tf.system.errors import UserError

# How it is printed, and the number of the class person.
PERSON = {"coco": ("COCO", 1), "voc": ("PASCAL VOC", 15), "voc_person": ("PASCAL VOC", 1)}


class DetectionScore:
    """Streaming mean of the best confidence of class person; the truth is not looked at."""

    higher_is_better = True

    def __init__(self, network: networks.Network, trained_on: str = "coco"):
        """An empty score.

        Args:
          network: of `networks.detector`.
          trained_on: `coco`, `voc` or `voc_person`, VOC's people alone: they number their classes differently.

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
        """Adds a batch of generated pictures, uint8 `[B, H, W, 3]`; gives each one's best confidence.

        Raises:
          UserError: the network does not give one row of confidences in 0..1 and of classes for each picture.
        """
        parts = list(self._network(tf.constant(y_hat)))
        scores, classes = (self._rows(parts, name, len(y_hat)) for name in ("detection_scores", "detection_classes"))
        if scores.shape != classes.shape or not ((scores >= 0) & (scores <= 1)).all():
            found = f"{list(scores.shape)} scores, {list(classes.shape)} classes"
            found += f", scores from {scores.min():.4g} to {scores.max():.4g}" if scores.size else ""
            raise UserError(
                f"{self._network.handle}: needs as many classes as scores, and scores in 0..1; found {found}"
            )
        best = np.where(classes.astype(int) == self._person, scores, 0).max(1, initial=0)
        values = {self.names[0]: best.astype(np.float32)}
        self._means.add(values)
        return values

    def _rows(self, parts: list[dict[str, np.ndarray]], name: str, pictures: int) -> np.ndarray:
        """One output of all calls, `[B, N]`; they may differ in N, what is missing is 0."""
        arrays = [part[name] for part in parts]
        if any(array.ndim != 2 or not np.issubdtype(array.dtype, np.number) for array in arrays) or (
            sum(map(len, arrays)) != pictures
        ):
            found = ", ".join(f"{array.dtype} {list(array.shape)}" for array in arrays[:1])
            raise UserError(
                f"{self._network.handle}: needs {name} of one row of numbers per picture; found {found} "
                f"for {pictures // len(arrays)}"
            )
        width = max(array.shape[1] for array in arrays)
        return np.concatenate([np.pad(array, ((0, 0), (0, width - array.shape[1]))) for array in arrays])

    def result(self) -> dict[str, float]:
        """The mean."""
        return self._means.mean()

    def state(self) -> dict[str, np.ndarray]:
        """See `streams.Means`."""
        return self._means.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """See `streams.Means`."""
        self._means.restore(state)
