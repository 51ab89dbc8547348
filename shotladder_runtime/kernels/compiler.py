"""How kernels are compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

__all__ = ["kernel"]

#: numba notices a change of a kernel's own file only, so what is written here is part of its name.
_DIGEST = hashlib.sha256(Path(__file__).with_name("vector.py").read_bytes()).hexdigest()[:12]


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a kernel: it runs beside other threads, and what was compiled is kept on disk."""
    function.__qualname__ += f"-{_DIGEST}"
    return njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")(function)
