"""Frechet Inception distance (Heusel et al. 2017): how far the generated pictures' features lie from the real ones'.

With mean m and covariance C (dividing by n - 1) of the pooled features of each side,

  FID = |m - m'|^2 + Tr C + Tr C' - 2 Tr (C C')^(1/2).

Both sides stream: count, sum of x, sum of x x^T, float64.

Note: the last trace is taken as the sum of the singular values of C^(1/2) C'^(1/2), which keeps it real and exact to
rounding (1e-12) even with fewer pictures than features. There scipy.linalg.sqrtm(C C') takes roots of rounding errors,
1e-8 in each idle direction.

Note: FID of few pictures is biased upwards: compare scores over the same number of pairs only.

Which pictures are the real ones and how both sides come to Inception's 299 x 299 is worth as much as a better model, so
every number carries it: a protocol is the real set, after it the filter, after that the form of the files: `test`,
`train@256.png`.

  test     the truths of the pairs, at the run's size, each as often as pairs have it.
  train    every picture of the split train that is not held out: what this field takes.

  (no @)   as they are, training pictures at the run's size; the network's own way to 299 x 299 follows (`networks`).
  @256     PIL's bicubic filter to 256 x 256, rounded to uint8; training pictures from the size they are stored in.
  @299     the same filter to 299 x 299, each channel in float32, clipped to 0..255 and not rounded: clean-fid's. PIL
           widens a filter where it reduces, which is the smoothing that TensorFlow's and PyTorch's lack.

  (no .)   arrays of uint8.
  .png     through a PNG file, which gives the same array back.
  .jpeg    through a JPEG file by PIL's defaults: quality 75, colours at half the size.

A picture is filtered to 256, then goes through its file, then is filtered to 299, as by those who save their pictures;
both sides do alike.

Note: GFLA's author names training pictures, bicubic to 256 x 256 and JPEG files: `train@256.jpeg`. With GFLA's weights
others got 9.87 where its paper has 10.57, from training pictures made by a bilinear filter (thread 70 of its tracker,
and 47 of dressing-in-order's). Copies of the Inception of 2015-12-05 agree on equal input (pytorch-fid's pull request
16): what codes differ in is what is named here.
"""

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image
from scipy import linalg

from dpt_tf.metrics import networks

REAL_SETS = ("test", "train")
_FILTERS = ("", "@256", "@299")
_FORMS = ("", ".png", ".jpeg")
FID_PROTOCOLS = tuple(real + way + form for real in REAL_SETS for way in _FILTERS for form in _FORMS)


class FrechetDistance:
    """Streaming FID between the real pictures of a protocol and the generated ones."""

    higher_is_better = False

    def __init__(
        self, network: networks.Inception, protocol: str = "test", real: "Callable[[], Moments] | None" = None
    ):
        """An empty distance.

        Args:
          network: shared with the Inception score, so that each batch is computed once.
          protocol: one of `FID_PROTOCOLS`.
          real: gives the moments of the real pictures, prepared by this protocol, where these are not the truths.

        Raises:
          ValueError: no such protocol; `train` without moments, or `test` with them.
        """
        if protocol not in FID_PROTOCOLS:
            raise ValueError(f"no such FID protocol: {protocol!r}; have {', '.join(FID_PROTOCOLS)}")
        if (real_set(protocol) == "train") != (real is not None):
            raise ValueError(
                f"FID ({protocol}): {'needs' if real is None else 'has no use for'} moments of real pictures"
            )
        self.names = (network.named("FID", protocol),)
        self._network, self._protocol, self._moments = network, protocol, real
        self._real, self._generated = (Moments(network.features) for _ in range(2))

    def update(self, y, y_hat, foreground=None) -> dict[str, np.ndarray]:
        """Adds a batch, uint8 `[B, H, W, 3]` twice; a single pair has no value."""
        self._generated.add(features(self._network, y_hat, self._protocol))
        if self._moments is None:
            self._real.add(features(self._network, y, self._protocol))
        return {}

    def result(self) -> dict[str, float]:
        """The distance.

        Raises:
          ValueError: fewer than two pairs.
        """
        real = self._moments() if self._moments else self._real
        return {self.names[0]: distance(*real.gaussian(), *self._generated.gaussian())}

    def state(self) -> dict[str, np.ndarray]:
        """For each side count, sum `[D]` and the upper triangle of the sum of outer products `[D (D + 1) / 2]`."""
        sides = {"real": self._real, "generated": self._generated}
        return {f"{side}_{name}": value for side, sums in sides.items() for name, value in sums.state().items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the sums.

        Raises:
          ValueError: the state is of a network with another number of features.
        """
        for side, sums in (("real", self._real), ("generated", self._generated)):
            sums.restore({name: state[f"{side}_{name}"] for name in ("count", "sum", "outer")})


def real_set(protocol: str) -> str:
    """`test` or `train`."""
    return protocol.partition(".")[0].partition("@")[0]


def features(network: networks.Inception, pictures: np.ndarray, protocol: str) -> np.ndarray:
    """Pooled features of pictures under a protocol, uint8 `[B, H, W, 3] -> [B, D]`."""
    return network(prepared(pictures, protocol))["pool_3"]


def prepared(pictures: np.ndarray, protocol: str) -> np.ndarray:
    """What the network is shown of pictures, uint8 `[B, H, W, 3]`: alike, or by `@299` float32 `[B, 299, 299, 3]`."""
    whole, _, form = protocol.partition(".")
    side = int(whole.partition("@")[2] or 0)
    if side == 256:
        pictures = np.stack([_resized(picture, side) for picture in pictures])
    if form:
        pictures = np.stack([_through_file(picture, form) for picture in pictures])
    if side == 299:
        pictures = np.stack([_resized_in_floats(picture, side) for picture in pictures])
    return pictures


def _resized(picture: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


def _resized_in_floats(picture: np.ndarray, side: int) -> np.ndarray:
    channels = [Image.fromarray(channel) for channel in picture.astype(np.float32).transpose(2, 0, 1)]
    large = [np.asarray(channel.resize((side, side), Image.Resampling.BICUBIC)) for channel in channels]
    return np.stack(large, axis=-1).clip(0, 255)


def _through_file(picture: np.ndarray, form: str) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, form)
    with Image.open(file) as read:
        return np.asarray(read.convert("RGB"))


def distance(mean: np.ndarray, covariance: np.ndarray, mean_2: np.ndarray, covariance_2: np.ndarray) -> float:
    """The squared Frechet (2-Wasserstein) distance of two Gaussians, `[D]` and `[D, D]` each; never negative."""
    root = linalg.svdvals(_root(covariance).T @ _root(covariance_2)).sum()
    squared = ((mean - mean_2) ** 2).sum() + np.trace(covariance) + np.trace(covariance_2) - 2 * root
    return max(0.0, float(squared))


def _root(covariance: np.ndarray) -> np.ndarray:
    """R with R R^T = covariance, `[D, D] -> [D, D]`."""
    values, vectors = linalg.eigh(covariance)
    return vectors * np.sqrt(np.clip(values, 0, None))


class Moments:
    """Count, sum and sum of outer products of vectors `[D]`."""

    def __init__(self, features: int):
        """None yet, of `features` numbers each."""
        self._count, self._sum, self._outer = 0, np.zeros(features), np.zeros((features, features))

    @property
    def count(self) -> int:
        """How many vectors."""
        return self._count

    def add(self, x: np.ndarray) -> None:
        """Adds vectors `[B, D]`."""
        x = x.astype(np.float64)
        self._count += len(x)
        self._sum += x.sum(axis=0)
        self._outer += x.T @ x

    def gaussian(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean `[D]` and covariance `[D, D]`.

        Raises:
          ValueError: fewer than two vectors.
        """
        if self._count < 2:
            raise ValueError(f"FID needs at least two pairs, got {self._count}")
        mean = self._sum / self._count
        return mean, (self._outer - self._count * np.outer(mean, mean)) / (self._count - 1)

    def state(self) -> dict[str, np.ndarray]:
        """Count, sum and the upper triangle of the sum of outer products, `[D (D + 1) / 2]`."""
        upper = self._outer[np.triu_indices(len(self._sum))]
        return {"count": np.array(self._count), "sum": self._sum.copy(), "outer": upper}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the sums.

        Raises:
          ValueError: they are of another number of features.
        """
        self._expect(len(state["sum"]))
        upper = np.zeros_like(self._outer)
        upper[np.triu_indices(len(self._sum))] = state["outer"]
        self._count, self._sum = int(state["count"]), np.array(state["sum"])
        self._outer = upper + np.triu(upper, 1).T

    def _expect(self, features: int) -> None:
        if features != len(self._sum):
            raise ValueError(f"sums of {features} features do not belong to an FID of {len(self._sum)}")
