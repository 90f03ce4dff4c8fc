"""The networks, one file each; `build(...)` of each returns a functional `keras.Model`.

`blocks` and `conditioning` are what they share. A module is loaded when its name is first used.
"""

import importlib
import pkgutil
from types import ModuleType

_MODULES = sorted(module.name for module in pkgutil.iter_modules(__path__))


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return _MODULES
