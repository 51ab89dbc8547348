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
from numba.core import cgutils
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from abr.policies.policy_state import STATE_SIZE

__all__ = ["CALLBACK_SIGNATURE", "TABLE", "address", "apart", "inlined", "kernel", "policy_kernel"]

#: event, address of a table of `TABLE` words -> rung. No more, because an array alone would be seven words, and a
#: session calls its policy hundreds of times.
CALLBACK_SIGNATURE = types.int64(types.int64, types.int64)
#: addresses of state, constants, memory, sizes, vmaf, ladder, durations; segments, rungs, how many constants, memory
TABLE = 11


@cache
def _sources() -> tuple[float, int]:
    """Return the stamp of all sources of the package, in the shape that numba's index holds."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
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


def apart(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call: what few sessions need, kept out of the way of all others."""
    return njit(nogil=True, error_model="numpy", _nrt=False)(function)


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


@intrinsic
def address(typing: Any, array: Any) -> Any:
    """Return where an array's first element lies."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        return builder.ptrtoint(data, context.get_value_type(types.int64))

    return types.int64(array), code


@intrinsic
def _array(typing: Any, place: Any, shape: Any) -> Any:
    """Return the array of some shape that lies at an address; numba's own `carray` counts references."""
    kind = types.Array(types.float64, len(shape), "C")
    return kind(place, shape), _at_address


@intrinsic
def _words(typing: Any, place: Any) -> Any:
    """Return the table that lies at an address."""
    kind = types.Array(types.int64, 1, "C")

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        length = context.make_tuple(builder, types.UniTuple(types.intp, 1), [context.get_constant(types.intp, TABLE)])
        return _at_address(context, builder, signature, (args[0], length))

    return kind(place), code


def _at_address(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    kind = signature.return_type
    data = builder.inttoptr(args[0], context.get_value_type(types.CPointer(kind.dtype)))
    lengths = cgutils.unpack_tuple(builder, args[1])
    strides = [context.get_constant(types.intp, 8)]
    for length in reversed(lengths[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    array = context.make_array(kind)(context, builder)
    populate_array(array, data, lengths, strides, context.get_constant(types.intp, 8), None)
    return array._getvalue()


def policy_kernel(function: Any, *, stored: bool = True) -> Any:
    """Compile a policy to a callback that the session kernel calls through a pointer.

    Parameters
    ----------
    function : callable
        What `abr.policies.policy_state` describes.
    stored : bool
        Keep the result on disk; not possible for a function that is not in a file.
    """
    if not hasattr(function, "py_func"):
        function = njit(function)

    def callback(event, table):  # type: ignore[no-untyped-def]
        w = _words(table)
        segments, rungs = w[7], w[8]
        return function(
            event, _array(w[0], (STATE_SIZE,)), _array(w[1], (w[9],)), _array(w[2], (w[10],)),
            _array(w[3], (segments, rungs)), _array(w[4], (segments, rungs)), _array(w[5], (rungs,)),
            _array(w[6], (segments,)),
        )  # fmt: skip

    options = {"error_model": "numpy", "_nrt": not stored}
    made = CFunc(callback, normalize_signature(CALLBACK_SIGNATURE), locals={}, options=options)
    if stored:
        with suppress(RuntimeError):  # numba found no place that it may write to
            made.enable_caching()
            _named(_stamped(made), f"{function.__module__}.{function.__qualname__}")
    made.compile()
    return made


def _named(callback: Any, name: str) -> None:
    """Key the disk cache of a callback to the policy's name: what it closes over has no lasting one."""
    callback._cache._index_key = lambda signature, codegen: (signature, codegen.magic_tuple(), name)
