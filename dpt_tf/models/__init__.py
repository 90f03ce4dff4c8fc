"""The networks, one file each; `build(...)` of each returns a functional `keras.Model`."""

import importlib
from typing import Any

_MODULES = ("blending", "blocks", "discriminator", "generator", "inpainting", "predictive", "vgg", "warping")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"dpt_tf.models.{name}")
    raise AttributeError(f"module 'dpt_tf.models' has no attribute {name!r}")
