"""The weights of a generator as a small file, and back into one.

An array has the name of its layer, from the outermost network on, and its own: `warping/inpainting/encode_1/kernel`.
It is float16: a weight moves by 1 part in 2000 at most, a picture by less than rounding to 8 bits does. The digest is
over the format, the hyper-parameters and every array; nothing is pickled.
"""

import dataclasses
import hashlib
import json
import pathlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dpt_tf import bounds, config
from dpt_tf.shipped import CARD, HPARAMS, WEIGHTS
from dpt_tf.system import atomic, files
from dpt_tf.system.errors import UserError

FORMAT = 1

_ANEW = "install dpt_tf anew, or write the model again with `dpt ship`"


@dataclasses.dataclass(frozen=True)
class Model:
    """What a folder holds, its digest checked."""

    hparams: config.HParams
    arrays: dict[str, np.ndarray]
    card: dict[str, Any]


def of(network: Any) -> dict[str, np.ndarray]:
    """The weights of a Keras model as float16, by name.

    Raises:
      ValueError: one is beyond float16 or not finite, or two have one name.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, variable in _named(network):
        with np.errstate(over="ignore"):
            array = np.asarray(variable).astype(np.float16)
        if name in arrays or not np.isfinite(array).all():
            raise ValueError(f"{name}: " + ("twice" if name in arrays else "not finite as float16"))
        arrays[name] = array
    return arrays


def assign(network: Any, arrays: Mapping[str, np.ndarray], folder: pathlib.Path) -> None:
    """Gives a Keras model the weights of `folder`.

    Raises:
      UserError: they are of other networks.
    """
    variables = dict(_named(network))
    for name in sorted(variables.keys() | arrays.keys()):
        here, there = (tuple(of[name].shape) if name in of else None for of in (variables, arrays))
        if here != there:
            raise UserError(
                f"{folder / WEIGHTS} does not fit the networks of {HPARAMS}: {name} is {there} there and {here} in "
                f"this version; use the version of dpt_tf that wrote it, or write it again with `dpt ship`"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name].astype(np.float32))


def write(folder: pathlib.Path, hparams: config.HParams, arrays: Mapping[str, np.ndarray], card: dict) -> dict:
    """Writes weights, hyper-parameters and the card, which gets format and digest; returns the card."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic.written(folder / WEIGHTS) as aside, aside.open("wb") as file:
        np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]
    hparams.save(folder / HPARAMS)
    card = {"format": FORMAT, "digest": digest(dataclasses.asdict(hparams), arrays)} | card
    atomic.write_json(folder / CARD, card)
    return card


def read(folder: pathlib.Path) -> Model:
    """What `write` wrote.

    Raises:
      UserError: a file is missing or damaged, the digest is another, or the format is another version's.
    """
    card = read_card(folder)
    path = folder / HPARAMS
    try:
        hparams, values = config.load(path), files.read_facts(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({_reason(error)}); {_ANEW}") from None
    path = folder / WEIGHTS
    try:
        with files.opened(path) as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({_reason(error)}); {_ANEW}") from None
    if digest(values, arrays) != card.get("digest"):
        raise UserError(f"{path} with {HPARAMS} does not match the digest in {CARD}: one of them was changed; {_ANEW}")
    return Model(hparams, arrays, card)


def read_card(folder: pathlib.Path) -> dict[str, Any]:
    """The card.

    Raises:
      UserError: it is missing or damaged, or of another format than this version's.
    """
    path = folder / CARD
    try:
        card = files.read_facts(path)
        version = card["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({_reason(error)}); {_ANEW}") from None
    if version != FORMAT:
        raise UserError(
            f"{path} is of format {version}, and this version of dpt_tf reads format {FORMAT}: use the version of "
            f"dpt_tf that wrote it, or write it again with `dpt ship`"
        )
    steps = card.get("steps")
    if not (isinstance(steps, dict) and all(type(count) is int for count in steps.values())):
        raise UserError(f"{path} cannot be read (steps is {bounds.shown(steps)}); {_ANEW}")
    if not isinstance(card.get("provenance"), dict):
        raise UserError(f"{path} cannot be read (it has no provenance); {_ANEW}")
    return card


def digest(hparams: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the format, the hyper-parameters and all arrays, whatever their order."""
    made = hashlib.sha256(json.dumps([FORMAT, dict(hparams)], sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        made.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        made.update(np.ascontiguousarray(array).tobytes())
    return made.hexdigest()


def _named(network: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every variable by the names of its layers; a variable's own path leaves the outer networks out."""
    for layer in network.layers:
        if hasattr(layer, "layers"):
            yield from _named(layer, f"{above}{layer.name}/")
        else:
            # A layer of layers (attention) has several of one name; a path ends in the inner layer's and its own.
            inner = len({variable.name for variable in layer.variables}) < len(layer.variables)
            for variable in layer.variables:
                own = "/".join(variable.path.split("/")[-2:]) if inner else variable.name
                yield f"{above}{layer.name}/{own}", variable


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).partition("\n")[0]
