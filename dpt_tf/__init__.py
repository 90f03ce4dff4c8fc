"""Dense Pose Transfer (Neverova, Güler, Kokkinos, ECCV 2018): a person in a new pose from one photo.

Names resolve when they are first used: `import dpt_tf` itself loads neither TensorFlow nor Keras.
"""

import importlib
from typing import Any

_MODULES = (
    "config",
    "data",
    "densepose",
    "iuv",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "study",
    "synthetic",
    "transfer",
)


def __getattr__(name: str) -> Any:
    if name in ("load", "pose"):
        quiet = importlib.import_module("dpt_tf.system.quiet")
        quiet.start_tensorflow()  # before anything imports it with its greetings
    if name == "load":
        return importlib.import_module("dpt_tf.transfer.painter").load
    if name == "pose":
        return importlib.import_module("dpt_tf.densepose").pose
    if name in _MODULES:
        return importlib.import_module(f"dpt_tf.{name}")
    raise AttributeError(f"module 'dpt_tf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_MODULES, "load", "pose"])
