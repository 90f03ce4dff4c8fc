"""Estimators by name: the small network that ships, the published ones, files of weights, and runs of one's own.

Networks are imported when one of theirs is asked for.
"""

import importlib
import os
import pathlib
from typing import Any

from dpt_tf import shipped
from dpt_tf.densepose.estimator import Estimator
from dpt_tf.system.errors import UserError

SMALL = "small"
"""What the network that ships is called, whatever it is in this version."""

PUBLISHED = "densepose_rcnn_"
WEIGHTS = (".pkl", ".pth", ".npz")


def open_estimator(name: str | os.PathLike | Estimator | None = None) -> Estimator:
    """The estimator that `name` means.

    Args:
      name: None or `small`, the small network that ships; a published one, such as `densepose_rcnn_R_50_FPN_s1x`; a
        file of weights (`.pkl`, `.pth`, `.npz`); the folder of a run of our own network; or an estimator, which is
        given back. What exists wins over a name.

    Raises:
      UserError: nothing of that name; the message lists what there is.
    """
    if name is not None and not isinstance(name, str | os.PathLike):
        return name
    if name is None:
        return _small().load()
    refuse_unknown(name)
    path = pathlib.Path(name)
    if path.is_dir():
        return _small().load(path)
    if path.exists():
        if path.suffix.lower() not in WEIGHTS:
            raise UserError(f"{path}: not a file of weights ({', '.join(WEIGHTS)}); give one, or the folder of a run")
        if path.name == shipped.WEIGHTS and shipped.is_model(path.parent):
            return _small().load(path.parent)
        return _network("rcnn").load(path)
    if str(name) == SMALL:
        return _small().load()
    if str(name) in shipped.names():
        return _small().load(str(name))
    return _network("rcnn").load(str(name))


def refuse_unknown(name: str | os.PathLike | Estimator | None) -> None:
    """Whether `name` means anything, before it is known that there is a map to make; loads nothing.

    Raises:
      UserError: it does not; the message lists what there is.
    """
    if name is None or not isinstance(name, str | os.PathLike) or pathlib.Path(name).exists():
        return
    if not (str(name) in (SMALL, *shipped.names()) or str(name).startswith(PUBLISHED)):
        raise UserError(
            f"{name}: no estimator of maps is called so and no such file exists; give {SMALL}, a published name such "
            f"as {PUBLISHED}R_50_FPN_s1x, a file of weights ({', '.join(WEIGHTS)}) or the folder of a run"
        )


def convert(source: pathlib.Path, destination: pathlib.Path) -> None:
    """Writes published weights, a `.pkl`, a `.pth` or a name, in the form that is read quickest, `.npz`.

    Raises:
      UserError: no such weights.
    """
    _network("rcnn").convert(source, destination)


def _small() -> Any:
    return _network("small")


def _network(module: str) -> Any:
    name = f"dpt_tf.densepose.{module}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UserError(f"this installation has no {name}, which that estimator needs; install dpt_tf anew") from None
