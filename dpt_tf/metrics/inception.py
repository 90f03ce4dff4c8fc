"""The Inception score of generated pictures (Salimans et al. 2016).

For pictures x with class probabilities p(y|x) = softmax of the logits and their mean p(y),

  IS = exp(E_x KL(p(y|x) || p(y))) = exp(E_x sum_y p(y|x) log p(y|x) - sum_y p(y) log p(y)),

computed in each of 10 splits; "IS" is the mean over them, "IS deviation" their deviation (dividing by 10). Split i of n
pairs holds the pairs n i // 10 to n (i + 1) // 10 in the order of the pairs, so n must be known at the start. A split
needs three sums: of p, of sum p log p, and its count.
"""

from collections.abc import Mapping

import numpy as np
from scipy import special

from dpt_tf.metrics import networks
from dpt_tf.system.errors import UserError

SPLITS = 10


class InceptionScore:
    """Streaming IS; the truth is not looked at."""

    higher_is_better = True

    def __init__(self, network: networks.Inception, pairs: int):
        """An empty score.

        Args:
          network: shared with the Frechet distance, so that each batch is computed once.
          pairs: how many there are in all.

        Raises:
          UserError: fewer pairs than splits.
        """
        if pairs < SPLITS:
            raise UserError(f"the Inception score is a mean over {SPLITS} splits: it needs {SPLITS} pairs, got {pairs}")
        self.names = (network.named("IS"), network.named("IS deviation"))
        self._network = network
        self._ends = np.arange(1, SPLITS + 1) * pairs // SPLITS
        self._place = 0
        self._counts = np.zeros(SPLITS)
        self._p = np.zeros((SPLITS, network.classes))
        self._p_log_p = np.zeros(SPLITS)

    def update(self, y, y_hat, foreground=None) -> dict[str, np.ndarray]:
        """Adds a batch of generated pictures, uint8 `[B, H, W, 3]`; a single pair has no value.

        Raises:
          ValueError: more pairs than were announced.
        """
        logits = self._network(y_hat)["logits"].astype(np.float64)
        places = self._place + np.arange(len(logits))
        if len(places) and places[-1] >= self._ends[-1]:
            raise ValueError(f"the Inception score was announced {self._ends[-1]} pairs and is given more")
        splits = np.searchsorted(self._ends, places, side="right")
        log_p = special.log_softmax(logits, axis=1)
        p = np.exp(log_p)
        np.add.at(self._counts, splits, 1)
        np.add.at(self._p, splits, p)
        np.add.at(self._p_log_p, splits, (p * log_p).sum(axis=1))
        self._place += len(logits)
        return {}

    def result(self) -> dict[str, float]:
        """Mean and deviation over the splits.

        Raises:
          ValueError: pairs are missing.
        """
        sizes = np.diff(self._ends, prepend=0)
        if not np.array_equal(self._counts, sizes):
            raise ValueError(f"the splits of the Inception score hold {self._counts.astype(int)} pairs, not {sizes}")
        mean_p = self._p / self._counts[:, None]
        scores = np.exp(self._p_log_p / self._counts - special.xlogy(mean_p, mean_p).sum(axis=1))
        return dict(zip(self.names, (float(scores.mean()), float(scores.std())), strict=True))

    def state(self) -> dict[str, np.ndarray]:
        """Per split its end, count, sum of p and sum of sum p log p, `[10]` but for `p` `[10, K]`; the next place."""
        return {
            "ends": self._ends.copy(),
            "place": np.array(self._place),
            "counts": self._counts.copy(),
            "p": self._p.copy(),
            "p_log_p": self._p_log_p.copy(),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the sums.

        Raises:
          ValueError: the state is of another number of pairs or of another network.
        """
        self._expect(state["ends"], state["p"])
        self._place = int(state["place"])
        self._counts, self._p, self._p_log_p = (np.array(state[name]) for name in ("counts", "p", "p_log_p"))

    def _expect(self, ends: np.ndarray, p: np.ndarray) -> None:
        if not np.array_equal(ends, self._ends) or p.shape != self._p.shape:
            ours, theirs = (self._ends[-1], self._p.shape[1]), (ends[-1], p.shape[1])
            raise ValueError(f"an Inception score of {ours} pairs and classes has no use for sums of {theirs}")
