"""Compile policies to C callbacks, which the session kernel calls through a pointer."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from abr.policies.policy_state import STATE_SIZE
from shotladder_runtime.kernels.compiler import stamp

__all__ = ["CALLBACK_SIGNATURE", "TABLE", "address", "policy_kernel"]

#: event, address of a table of `TABLE` words -> rung. No more, because an array alone would be seven words, and a
#: session calls its policy hundreds of times.
CALLBACK_SIGNATURE = types.int64(types.int64, types.int64)
#: addresses of state, constants, memory, sizes, vmaf, ladder, durations; segments, rungs, how many constants, memory
TABLE = 11


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
            _named(stamp(made, function.__module__, __name__), f"{function.__module__}.{function.__qualname__}")
    made.compile()
    return made


def _named(callback: Any, name: str) -> None:
    """Key the disk cache of a callback to the policy's name: what it closes over has no lasting one."""
    callback._cache._index_key = lambda signature, codegen: (signature, codegen.magic_tuple(), name)
