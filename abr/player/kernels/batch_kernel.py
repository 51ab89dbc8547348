"""The kernel of a batch: many sessions of one policy over one presentation, each with its metrics."""

from numba import types

from abr.player.kernels.qoe_kernel import compute_metrics
from abr.player.kernels.session_kernel import play_session
from abr.player.session_arrays import (
    BATCH_TYPE,
    PRESENTATION_TYPE,
    SESSION_TYPE,
    TRACE_TYPE,
    TraceArrays,
)
from abr.policy_interface.policy_compiler import CALLBACK_SIGNATURE
from shotladder_runtime.kernels.compiler import kernel

__all__ = ["play_sessions"]


@kernel(
    signature=types.void(
        types.FunctionType(CALLBACK_SIGNATURE),
        SESSION_TYPE,
        PRESENTATION_TYPE,
        TRACE_TYPE,
        BATCH_TYPE,
        types.int64,
        types.int64,
    ),
    counts_references=False,
)
def play_sessions(policy, session, presentation, traces, batch, start, stop):  # type: ignore[no-untyped-def]
    """Play sessions `start` to `stop` of the batch; `traces` are all traces, joined. The metrics start as NaN."""
    for i in range(start, stop):
        a = batch.first_intervals[batch.traces[i]]
        b = batch.first_intervals[batch.traces[i] + 1]
        trace = TraceArrays(traces.durations[a:b], traces.rates[a:b], traces.latencies[a:b], traces.ends[a:b])
        if play_session(policy, session, presentation, trace, batch.starts[i]):
            batch.invalid_actions[i] = session.outcome.invalid_action
        else:
            compute_metrics(session, presentation, batch.metrics[i])
