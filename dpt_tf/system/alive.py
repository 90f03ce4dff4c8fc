"""A program that is kept running by another tells it that it is not stuck.

The keeper gives it the end of a pipe, by number, in the environment; each step is a byte.
"""

import os

KEPT = "DPT_KEPT"


def kept() -> bool:
    """Whether somebody keeps this program running."""
    return os.environ.get(KEPT, "").isdecimal()


def tell() -> bool:
    """Says that a step was taken; False where there was a keeper and is none any more."""
    if not kept():
        return True
    try:
        os.write(int(os.environ[KEPT]), b".")
    except BlockingIOError:  # it has not read for 64 KiB: it is stuck itself
        return True
    except OSError:
        return False
    return True
