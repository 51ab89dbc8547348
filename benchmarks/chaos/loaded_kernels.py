"""Load the machine code of all kernels from numba's cache, so that processes forked later need not load it.

A run of the trials spends a third of its CPU time on this otherwise (43 kernels, 0.5 s, 2026-11-30).
"""

from __future__ import annotations

import contextlib
import sys

from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError


def load_kernels() -> int:
    """Load what the cache has of each kernel of the imported modules, and return the number of loaded signatures."""
    count = 0
    kernels = {
        id(each): each for module in [*sys.modules.values()] for each in vars(module).values() if is_kernel(each)
    }
    for kernel in kernels.values():
        # numba offers no public list of the signatures in its cache
        with contextlib.suppress(AttributeError, OSError, NumbaError):
            for key in kernel._cache._cache_file._load_index():
                kernel.compile(key[0])
                count += 1
    return count


def is_kernel(value: object) -> bool:
    """Return whether a value is a kernel that is kept in a cache and can still be compiled for other types."""
    return isinstance(value, Dispatcher) and value._can_compile and hasattr(value._cache, "_cache_file")


load_kernels()
