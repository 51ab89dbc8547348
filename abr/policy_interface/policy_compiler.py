"""Compile policies to C callbacks, which the session kernel calls through a pointer.

The session kernel is compiled once and cached on disk, while there are dozens of policies, among them those of users.
So a policy is not compiled into the kernel: it becomes a C function, and the kernel gets its address (numba's
`FunctionType`). numba passes an array to such a function as seven words, and the conversions of eight arguments would
take longer than a typical policy; a session calls its policy hundreds of times. So the kernel writes the addresses and
shapes of everything that the policy reads into one record, `CALL_DTYPE`, when the session starts, and each call passes
two integers: the event and the address of that record. The callback made here, `callback` in `compile_policy`, turns
the addresses back into a record, arrays and the `PolicyContext`, and calls the policy. LLVM compiles the policy into
the callback, so what the policy does not read is never loaded.

The arrays must outlive the session: the caller of the kernel holds them (`abr.player.session_arrays`). The views are
built by hand because numba's own `carray` counts references, which takes a third of the time of a short policy.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import numpy as np
from numba import from_dtype, njit, types
from numba.core import cgutils
from numba.core.caching import IndexDataCacheFile
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from abr.policy_interface.policy_state import STATE_DTYPE, PolicyContext
from shotladder_runtime.kernels.compiler import stamp

__all__ = ["CALLBACK_SIGNATURE", "CALL_DTYPE", "address", "compile_policy"]

#: (event, address of a record of `CALL_DTYPE`) -> rung
CALLBACK_SIGNATURE: Final = types.int64(types.int64, types.int64)

#: what a policy is called with: addresses in bytes, array lengths, and the two scalars of the context
CALL_DTYPE: Final = np.dtype(
    [
        ("state", np.int64),
        ("constants", np.int64),
        ("memory", np.int64),
        ("sizes", np.int64),
        ("vmaf", np.int64),
        ("bitrates", np.int64),
        ("durations", np.int64),
        ("segment_count", np.int64),
        ("rung_count", np.int64),
        ("constant_count", np.int64),
        ("memory_size", np.int64),
        ("buffer_capacity", np.float64),
        ("target_vmaf", np.float64),
    ],
    align=True,
)

_STATE = from_dtype(STATE_DTYPE)
_CALL = from_dtype(CALL_DTYPE)


@intrinsic
def address(typing: Any, value: Any) -> Any:
    """Return the address of an array's first element, or of a record, in compiled code."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = args[0] if isinstance(value, types.Record) else context.make_array(value)(context, builder, args[0]).data
        return builder.ptrtoint(data, context.get_value_type(types.int64))

    return types.int64(value), code


def _record_at(kind: Any) -> Any:
    """Return an intrinsic that takes an address to the record of numba type `kind` that lies there."""

    @intrinsic
    def record(typing: Any, place: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(kind))

        return kind(place), code

    return record


_call_at = _record_at(_CALL)
_state_at = _record_at(_STATE)


@intrinsic
def _array_at(typing: Any, place: Any, shape: Any) -> Any:
    """Return the contiguous float64 array of some shape that lies at an address, without a reference count."""
    kind = types.Array(types.float64, len(shape), "C")

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = builder.inttoptr(args[0], context.get_value_type(types.CPointer(kind.dtype)))
        lengths = cgutils.unpack_tuple(builder, args[1])
        strides = [context.get_constant(types.intp, 8)]
        for length in reversed(lengths[1:]):
            strides.insert(0, builder.mul(strides[0], length))
        array = context.make_array(kind)(context, builder)
        populate_array(array, data, lengths, strides, context.get_constant(types.intp, 8), None)
        return array._getvalue()

    return kind(place, shape), code


def compile_policy(function: Any, *, stored: bool = True) -> Any:
    """Compile a policy to the callback that the session kernel calls through a pointer.

    Parameters
    ----------
    function : callable
        The policy; `abr.policy_interface.policy_state` describes its arguments.
    stored : bool
        Keep the machine code on disk; not possible for a function that is not in a file.
    """
    if not hasattr(function, "py_func"):
        function = njit(function)

    def callback(event, call_address):  # type: ignore[no-untyped-def]
        call = _call_at(call_address)
        shape = (call.segment_count, call.rung_count)
        context = PolicyContext(
            _array_at(call.sizes, shape),
            _array_at(call.vmaf, shape),
            _array_at(call.bitrates, (call.rung_count,)),
            _array_at(call.durations, (call.segment_count,)),
            call.buffer_capacity,
            call.target_vmaf,
        )
        constants = _array_at(call.constants, (call.constant_count,))
        memory = _array_at(call.memory, (call.memory_size,))
        return function(event, _state_at(call.state), context, constants, memory)

    options = {"error_model": "numpy", "_nrt": not stored}
    compiled = CFunc(callback, normalize_signature(CALLBACK_SIGNATURE), locals={}, options=options)
    if stored:
        with suppress(RuntimeError):  # numba found no folder that it may write to
            compiled.enable_caching()
            _name_cache(compiled, f"{function.__module__}.{function.__qualname__}")
            stamp(compiled, function.__module__, __name__)
    compiled.compile()
    return compiled


def _name_cache(callback: Any, name: str) -> None:
    """Give the disk cache of a callback a file and a key of the policy's name: all callbacks share one function.

    In one file for all, each policy would delete the others, because the stamp of the file covers one policy. numba
    would key it to the values that the function closes over, whose hashes differ from process to process.
    """
    file = callback._cache._cache_file
    callback._cache._cache_file = IndexDataCacheFile(file._cache_path, f"policy.{name}", file._source_stamp)
    callback._cache._index_key = lambda signature, codegen: (signature, codegen.magic_tuple(), name)
