"""The bundle that an evaluation streams its pairs through."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from dpt_tf.metrics import pixels
from dpt_tf.metrics.ms_ssim import ms_ssim as multi_scale
from dpt_tf.metrics.ssim import SSIM_PROTOCOLS, ssim
from dpt_tf.metrics.streams import Means, Metric

_PIXELS = 2 * 256 * 256  # so many go through the graph at once, which takes some 400 bytes for each


class Scores:
    """Streaming means of L1, PSNR, SSIM and, where asked for, MS-SSIM; `update` adds a batch, `result` gives the means.

    The names carry their protocol: `"L1"`, `"PSNR"`, `"SSIM (dsc)"`, `"MS-SSIM"`, and over the truth's person alone
    `"L1 (foreground)"`, `"PSNR (foreground)"`, `"SSIM (dsc, foreground)"`, `"MS-SSIM (foreground)"`. Pairs that have no
    foreground are left out of these, and counted in `left_out`.

    It is a `streams.Metric` but for `higher_is_better`, which has an answer for each name.
    """

    def __init__(
        self,
        protocol: str | Sequence[str] = "dsc",
        *,
        ms_ssim: bool = False,
        foreground: bool = False,
        others: Sequence[Metric] = (),
    ):
        """What is scored.

        Args:
          protocol: of the SSIM, one or several of `SSIM_PROTOCOLS`.
          ms_ssim: whether the MS-SSIM is too; pictures must then be 176 pixels wide and high.
          foreground: whether each of them is over the truth's person as well; `update` then needs it.
          others: further metrics, which get the same batches; their names follow.

        Raises:
          ValueError: two metrics of one name.
        """
        protocols = (protocol,) if isinstance(protocol, str) else tuple(protocol)
        if unknown := [name for name in protocols if name not in SSIM_PROTOCOLS]:
            raise ValueError(f"no such SSIM protocol: {', '.join(unknown)}; have {', '.join(SSIM_PROTOCOLS)}")
        functions: dict[str, Callable] = {"L1": pixels.l1, "PSNR": pixels.psnr}
        functions |= {f"SSIM ({name})": _ssim(name) for name in protocols}
        functions |= {"MS-SSIM": multi_scale} if ms_ssim else {}
        self._functions = functions
        self._foreground = {_of_foreground(name): name for name in functions} if foreground else {}
        self._means = {name: Means([name]) for name in (*functions, *self._foreground)}
        self._others = {metric.names[0]: metric for metric in others}
        self.names = (*self._means, *(name for metric in others for name in metric.names))
        if len(protocols) != len(set(protocols)) or len(self.names) != len(set(self.names)):
            raise ValueError(f"two scores of one name: {', '.join((*protocols, *self.names))}")
        self.higher_is_better = {name: not name.startswith("L1") for name in self._means}
        self.higher_is_better |= {name: metric.higher_is_better for metric in others for name in metric.names}

    def update(self, y, y_hat, foreground=None) -> dict[str, np.ndarray]:
        """Adds a batch of uint8 `[B, H, W, 3]` pictures; gives its values, `{name: [B]}`, NaN where a pair has none.

        Raises:
          ValueError: no `[B, H, W]` foreground where scores need it, no uint8 pictures, or too small ones.
        """
        y, y_hat = np.asarray(y), np.asarray(y_hat)
        if y.shape != y_hat.shape or y.ndim != 4 or y.dtype != np.uint8 or y_hat.dtype != np.uint8:
            raise ValueError(
                f"scores are of uint8 [B, H, W, 3] twice, got {y.dtype} {list(y.shape)} and "
                f"{y_hat.dtype} {list(y_hat.shape)}"
            )
        if self._foreground and np.shape(foreground) != y.shape[:3]:
            needed = f"{', '.join(self._foreground)}: need the truth's foreground {list(y.shape[:3])}"
            raise ValueError(f"{needed}, got {'none' if foreground is None else list(np.shape(foreground))}")
        inputs = [y, y_hat] + ([np.asarray(foreground, bool)] if self._foreground else [])
        forward, few = self._forward(y.shape[1:3]), max(1, _PIXELS // (y.shape[1] * y.shape[2]))
        parts = [forward(*(given[i : i + few] for given in inputs)) for i in range(0, len(y), few)]
        values = {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}
        for name, means in self._means.items():
            means.add({name: values[name]}, ~np.isnan(values[name]) if name in self._foreground else None)
        for metric in self._others.values():
            values |= metric.update(y, y_hat, foreground)
        return values

    def result(self) -> dict[str, float]:
        """The means so far, and what the other metrics say. Raises ValueError where a mean is over no pair."""
        return {name: value for means in self._means.values() for name, value in means.mean().items()} | {
            name: value for metric in self._others.values() for name, value in metric.result().items()
        }

    @property
    def left_out(self) -> dict[str, int]:
        """How many pairs had no foreground, for each score over the foreground."""
        return {name: self._means[name].left_out[name] for name in self._foreground}

    def state(self) -> dict[str, np.ndarray]:
        """The sums, as `np.savez` takes them: a few numbers a score."""
        return {f"{part}/{key}": value for part, held in self._parts() for key, value in held.state().items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the sums.

        Raises:
          ValueError: the state is of other scores.
        """
        saved: dict[str, dict[str, np.ndarray]] = {}
        for key in state:
            part, _, inner = key.partition("/")
            saved.setdefault(part, {})[inner] = state[key]
        self._expect(set(saved))
        for part, held in self._parts():
            held.restore(saved[part])

    def _parts(self) -> list[tuple[str, Any]]:
        return [*self._means.items(), *self._others.items()]

    def _expect(self, parts: set[str]) -> None:
        ours = {part for part, _ in self._parts()}
        if parts != ours:
            raise ValueError(f"sums of {', '.join(sorted(parts))} do not belong to scores of {', '.join(sorted(ours))}")

    def _forward(self, shape: tuple[int, ...]) -> Callable:
        return _compiled(tuple(self._functions.items()), tuple(self._foreground.items()), shape)


@functools.cache
def _ssim(protocol: str) -> Callable:
    return functools.partial(ssim, protocol=protocol)


@functools.lru_cache(maxsize=16)
def _compiled(functions: tuple, foreground: tuple, shape: tuple[int, ...]) -> Callable:
    """All values of a batch in one graph for each size of picture: what scores share is then computed once.

    Bundles of the same scores, one for each row of a table, share it.
    """
    picture, mask = tf.TensorSpec((None, *shape, 3), tf.uint8), tf.TensorSpec((None, *shape), tf.bool)
    by_name = dict(functions)

    def forward(y, y_hat, *masks):
        values = {name: function(y, y_hat) for name, function in functions}
        return values | {name: by_name[whole](y, y_hat, foreground=masks[0]) for name, whole in foreground}

    return tf.function(forward, [picture, picture] + ([mask] if foreground else []))


def _of_foreground(name: str) -> str:
    return f"{name[:-1]}, foreground)" if name.endswith(")") else f"{name} (foreground)"
