"""What a graph is made for: the device that it will run on, and whether anybody will train it.

Some functions compute the same thing in another way on a CPU than on a GPU, and some bring a gradient of their own.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

DEVICES = ("cpu", "gpu")

_exporting_for: list[str] = []


def device() -> str:
    """`gpu` where TensorFlow sees one, else `cpu`; inside `export_for` what it says."""
    if _exporting_for:
        return _exporting_for[-1]
    return "gpu" if tf.config.list_logical_devices("GPU") else "cpu"


@contextlib.contextmanager
def export_for(name: str) -> Iterator[None]:
    """Graphs traced inside are made for `cpu` or `gpu`, whatever this machine has, and for the way forward alone.

    Raises:
      ValueError: no such device.
    """
    if name not in DEVICES:
        raise ValueError(f"no such device: {name}; have {', '.join(DEVICES)}")
    _exporting_for.append(name)
    try:
        yield
    finally:
        _exporting_for.pop()


def custom_gradient(function: Callable) -> Callable:
    """`tf.custom_gradient`; inside `export_for` the value alone, since a SavedModel would carry each gradient along."""
    with_gradient = tf.custom_gradient(function)

    @functools.wraps(function)
    def chosen(*args: Any) -> Any:
        return function(*args)[0] if _exporting_for else with_gradient(*args)

    return chosen
