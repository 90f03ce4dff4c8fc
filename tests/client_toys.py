"""People, photos and a server of the toy for the client's tests, and the pictures that it should get."""

import contextlib

import numpy as np
import server_toy as toy

from dpt_tf.images import framing
from serving.client import Client


@contextlib.contextmanager
def painting(base):
    """A server of the toy, versions 1 and 2, of which 1 is `stable`."""
    base = toy.put(base, 1, 2)
    model = toy.configs.ModelConfig(name="dpt", base_path=str(base))
    model.model_version_policy.all.SetInParent()
    model.version_labels["stable"] = 1
    with toy.running(base, models=[model]) as server:
        yield server


def address(server, rest: bool) -> str:
    return f"127.0.0.1:{server.options.rest_port if rest else server.options.port}"


def connect(server, rest=False, **options) -> Client:
    return Client(address(server, rest), rest=rest, **options)


def person(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A map of one person of patches, U and V smooth and low."""
    iuv = np.zeros((height, width, 3), np.uint8)
    rows, columns = np.mgrid[: height - 8, : width - 8]
    inside = iuv[4:-4, 4:-4]
    inside[..., 0] = 1 + (rows // 6 + columns // 6 + seed) % 24
    inside[..., 1], inside[..., 2] = 40 + rows, 30 + columns
    return iuv


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def toy_painted(source, iuv, target, version):
    """What a client of the toy should get, by the frames of `dpt_tf`."""
    planes = {"source": framing.square_photo(source, toy.S), "source_iuv": framing.square_map(iuv, toy.S)}
    planes["target_iuv"] = framing.square_map(target, toy.S)
    square = toy.expected({name: plane[None] for name, plane in planes.items()}, version)[0]
    return framing.unsquare(square, *target.shape[:2])
