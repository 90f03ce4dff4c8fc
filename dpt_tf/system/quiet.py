"""TensorFlow without its greetings: a command prints what concerns its user, and an error is one line."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

# What Keras and TensorFlow import where they find it, for inputs that nobody here has: a tenth of the memory and time.
_UNWANTED = ("pandas", "scipy.sparse")


def start_tensorflow() -> None:
    """Imports TensorFlow and finds the devices, with what it writes to stderr meanwhile held back.

    What was held back is shown if that fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _stderr_held_back(), _without(_UNWANTED):
        import tensorflow as tf

        tf.config.list_physical_devices()


@contextlib.contextmanager
def errors_only() -> Iterator[None]:
    """Lets through what loggers and Abseil's say of errors only; a block or a decorator, and afterwards as before."""
    from absl import logging as absl_logging

    root = logging.getLogger()
    level, verbosity = root.level, absl_logging.get_verbosity()
    root.setLevel(logging.ERROR)
    absl_logging.set_verbosity(absl_logging.ERROR)
    try:
        yield
    finally:
        absl_logging.set_verbosity(verbosity)
        root.setLevel(level)


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    # The messages come from C++ before any log level applies, so the file descriptor itself has to be turned away.
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(before, held.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)


@contextlib.contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Modules that were not imported yet cannot be within the block, and can after it."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
