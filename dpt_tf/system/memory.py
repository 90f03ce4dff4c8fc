"""How much memory there is for this process and all others, and whether something else than the processor computes."""

import os
import pathlib

from dpt_tf.system import files

_LIMIT = pathlib.Path("/sys/fs/cgroup/memory.max")
_GPU = pathlib.Path("/dev/nvidia0")


def installed() -> int | None:
    """Bytes: the machine's, or what its container may take, if that is less; None where the system does not say."""
    found = []
    if hasattr(os, "sysconf") and {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= os.sysconf_names.keys():
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    try:
        limit = files.read_text(_LIMIT).strip()
    except (OSError, ValueError):
        limit = ""
    found += [int(limit)] if limit.isdecimal() else []
    return min(found, default=None)


def has_gpu() -> bool:
    """Whether there may be a GPU, whose memory nobody knows before TensorFlow has started."""
    return _GPU.exists()
