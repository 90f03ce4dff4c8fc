"""LPIPS (Zhang et al., CVPR 2018): the distance of two pictures in a trained network's features.

There is no LPIPS without the authors' weights, and each backbone has its own: the SavedModel given is asked, with two
batches of float32 `[B, H, W, 3]` in [-1, 1] in the order of its inputs' names (the distance is symmetric), for one
distance per pair, and its name is part of the score's.
"""

from collections.abc import Mapping

import numpy as np

from dpt_tf.metrics import networks, streams
from dpt_tf.system.errors import UserError


class Lpips:
    """Streaming mean of the distance."""

    higher_is_better = False

    def __init__(self, network: networks.Network):
        """An empty mean; `network` of `networks.perceptual`."""
        self.names = (f"LPIPS ({network.short})",)
        self._network = network
        self._means = streams.Means(self.names)

    def update(self, y, y_hat, foreground=None) -> dict[str, np.ndarray]:
        """Adds a batch, uint8 `[B, H, W, 3]` twice; gives each pair's distance.

        Raises:
          UserError: the network does not give one finite number per pair.
        """
        parts = [next(iter(part.values())) for part in self._network(networks.unit(y), networks.unit(y_hat))]
        distances = np.concatenate([np.atleast_1d(part) for part in parts])
        numbers = np.issubdtype(distances.dtype, np.number)
        if distances.size != len(y) or not numbers or not np.isfinite(distances).all():
            found = f"{list(distances.shape)} for {len(y)} pairs"
            if distances.size == len(y):
                found += ", some infinite or NaN" if numbers else f" of {distances.dtype}"
            raise UserError(f"{self._network.handle}: needs one finite distance per pair; found {found}")
        values = {self.names[0]: distances.reshape(-1).astype(np.float32)}
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
