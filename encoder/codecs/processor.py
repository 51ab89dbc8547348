"""What the processor of this machine offers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["has_avx512"]

#: Description of the processors on Linux.
_CPU_INFO = Path("/proc/cpuinfo")


@cache
def has_avx512() -> bool:
    """Return whether the processor has vector instructions of 512 bits; False where Linux does not describe it."""
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return any(flag.startswith("avx512") for flag in flags)
