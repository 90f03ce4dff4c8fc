"""What the processor can do."""

import pathlib


def computes_in_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; elsewhere it is several times slower than float32."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
