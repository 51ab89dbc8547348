"""How kernels are compiled: kept on disk, and compiled anew when any source of this package changes.

numba's disk cache looks only at the file of the function itself, so that an edit in a function it calls, or
in a constant it names, would go unnoticed. Every cached kernel here is stamped with the hash of all sources
of the package instead. Where no cache can be written, kernels are compiled for the process alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit, types
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

__all__ = ["POLICY_SIGNATURE", "inlined", "kernel", "policy_kernel"]

_VECTOR = types.float64[::1]
_MATRIX = types.float64[:, ::1]

#: event, state, constants, memory, sizes, vmaf, ladder, durations -> rung; see `abr.policy_state`.
POLICY_SIGNATURE = types.int64(types.int64, _VECTOR, _VECTOR, _VECTOR, _MATRIX, _MATRIX, _VECTOR, _VECTOR)


@cache
def _sources() -> tuple[float, int]:
    """Return the stamp of all sources of the package, in the shape that numba's index holds."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return (0.0, int.from_bytes(digest.digest()[:7]))


def _stamped(function: Any) -> Any:
    """Key the disk cache of a dispatcher or C callback to all sources."""
    file = getattr(function._cache, "_cache_file", None)
    if file is not None:
        file._source_stamp = _sources()
    return function


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function into every kernel that calls it."""
    return njit(nogil=True, error_model="numpy", forceinline=True, _nrt=False)(function)


def kernel(signature: Any = None, *, allocates: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a kernel without the interpreter's lock; with a signature at once, else when first called."""

    def decorate(function: Callable[..., Any]) -> Any:
        # most kernels allocate nothing, so that numba need not count references to arrays: a third of the time
        options = {"nogil": True, "error_model": "numpy", "_nrt": allocates}
        try:
            dispatcher = _stamped(njit(cache=True, **options)(function))
        except RuntimeError:  # numba found no place that it may write to
            dispatcher = njit(**options)(function)
        if signature is not None:
            dispatcher.compile(signature)
            dispatcher.disable_compile()
        return dispatcher

    return decorate


def policy_kernel(function: Callable[..., int], *, stored: bool = True) -> Any:
    """Compile a policy to a callback that the session kernel calls through a pointer.

    Parameters
    ----------
    function : callable
        Python function of `POLICY_SIGNATURE`, in the part of the language that numba compiles.
    stored : bool
        Keep the result on disk; not possible for a function that is not in a file.
    """
    options = {"error_model": "numpy", "_nrt": not stored}
    callback = CFunc(function, normalize_signature(POLICY_SIGNATURE), locals={}, options=options)
    if stored:
        with suppress(RuntimeError):  # numba found no place that it may write to
            callback.enable_caching()
            _stamped(callback)
    callback.compile()
    return callback
