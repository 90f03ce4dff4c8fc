"""Moments of the training pictures, which FID compares with by the protocols `train...` of `metrics.fid`.

  fid-train@256.png.npz    count and sums, and what they are of; in the report's folder

They are computed once, before the pairs are scored. The file is written on the way, too, and a call that was stopped
goes on from it.
"""

import json
import pathlib
import time
import zipfile
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from dpt_tf.data import fingerprint, read
from dpt_tf.evaluation import digests
from dpt_tf.metrics import fid, networks
from dpt_tf.system import atomic, files

_SPLIT = "train"
_BATCH = 8
_SECONDS = 20.0


class RealSet:
    """The training pictures of one data set, under any protocol."""

    def __init__(self, data_dir: pathlib.Path, size: int, folder: pathlib.Path):
        """Nothing is read yet.

        Args:
          data_dir: a prepared data set.
          size: of the run's pictures.
          folder: keeps the moments.
        """
        self._data_dir, self._size, self._folder = data_dir, size, folder
        self._wanted: dict[str, networks.Inception] = {}
        self._found: dict[str, fid.Moments] = {}

    def moments(self, protocol: str, network: networks.Inception) -> Callable[[], fid.Moments]:
        """What gives the moments under a protocol once `compute` has been called."""
        self._wanted[protocol] = network
        return lambda: self._found[protocol]

    def compute(self) -> None:
        """Reads or computes the moments of every protocol that was asked for.

        Raises:
          UserError: the data set has no split train; the network fails.
        """
        for protocol, network in self._wanted.items():
            if protocol not in self._found:
                self._found[protocol] = self._of(protocol, network)

    def _of(self, protocol: str, network: networks.Inception) -> fid.Moments:
        path = self._folder / f"fid-{protocol}.npz"
        facts = {"protocol": protocol, "size": self._size, "data": fingerprint.of(self._data_dir)["digest"]}
        facts |= {"network": network.label, "digest": digests.of_network(network.handle)}
        mark = json.dumps(facts, sort_keys=True)
        moments, total = _restored(path, mark, network.features), read.count_pictures(self._data_dir, _SPLIT)
        if moments.count == total:
            return moments
        path.parent.mkdir(parents=True, exist_ok=True)
        with tqdm(total=total, initial=moments.count, desc=f"FID ({protocol})", unit="picture", leave=False) as bar:
            saved, torn = time.monotonic(), False
            try:
                for batch in read.pictures(self._data_dir, _SPLIT, moments.count, _BATCH).as_numpy_iterator():
                    pictures = batch if "@" in protocol else _reduced(batch, self._size)
                    found = fid.features(network, pictures, protocol)
                    torn = True  # sums that know half of a batch are worth nothing
                    moments.add(found)
                    torn = False
                    bar.update(len(batch))
                    if time.monotonic() - saved > _SECONDS:
                        _save(path, moments, mark)
                        saved = time.monotonic()
            finally:
                if not torn:
                    _save(path, moments, mark)
        return moments


def _reduced(pictures: np.ndarray, size: int) -> np.ndarray:
    """To the run's size as every reading does, the mean of whole blocks, `[B, S, S, 3]`."""
    count, stored = pictures.shape[:2]
    blocks = pictures.reshape(count, size, stored // size, size, stored // size, 3)
    return np.rint(blocks.mean((2, 4))).astype(np.uint8)


def _restored(path: pathlib.Path, mark: str, features: int) -> fid.Moments:
    """What the file holds; nothing where it is of something else."""
    moments = fid.Moments(features)
    try:
        with files.opened(path) as file, np.load(file) as saved:
            state = dict(saved)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile):
        return moments
    if str(state.pop("of", "")) == mark:
        moments.restore(state)
    return moments


def _save(path: pathlib.Path, moments: fid.Moments, mark: str) -> None:
    with atomic.written(path) as aside, aside.open("wb") as file:
        np.savez(file, of=np.array(mark), **moments.state())  # type: ignore[arg-type]
