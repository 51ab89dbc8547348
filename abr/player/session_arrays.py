"""The records and named tuples that the session kernels read and change; ms, bits, bit/ms.

Records of structured dtypes hold what one value is enough for; named tuples hold arrays and records that travel
together. numba passes both by reference, at the speed of plain arrays.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import from_dtype, types

from abr.policy_interface.policy_compiler import CALL_DTYPE
from abr.policy_interface.policy_state import STATE_DTYPE
from abr.results.metrics import METRICS
from abr.results.session import EVENT_KINDS

__all__ = [
    "BATCH_TYPE",
    "CATCH_UP_DASHJS",
    "CATCH_UP_LOLP",
    "EVENT_DTYPE",
    "METRICS_DTYPE",
    "MODEL_DTYPE",
    "PRESENTATION_TYPE",
    "REPLACE_EARLIEST",
    "REPLACE_LATEST",
    "SESSION_TYPE",
    "TRACE_TYPE",
    "BatchArrays",
    "PresentationArrays",
    "SessionArrays",
    "TraceArrays",
    "new_session_arrays",
    "tuple_type",
]

REPLACE_EARLIEST: Final = 1  #: `replacement` of the model: the earliest buffered segment of a lower rung
REPLACE_LATEST: Final = 2  #: `replacement` of the model: the latest one
CATCH_UP_DASHJS: Final = 1  #: `catch_up` of the model: the rule of dash.js
CATCH_UP_LOLP: Final = 2  #: `catch_up` of the model: the rule of LoL+

#: the session model; `SessionModel.record` makes it
MODEL_DTYPE: Final = np.dtype(
    [
        ("buffer_capacity", np.float64),  # ms
        ("startup_buffer", np.float64),  # playback starts with this much in the buffer, ms
        ("resume_buffer", np.float64),  # and resumes after a stall with this much, ms
        ("fixed_latency", np.float64),  # ms that take no trace time; negative: the trace's latency, which does
        ("first_rung", np.int64),  # rung of the first segment; -1: the policy decides
        ("segment_count", np.int64),  # segments that are downloaded
        ("may_abandon", np.bool_),  # whether the policy may abandon downloads
        ("honours_abandon_target", np.bool_),  # the rung of an abandonment is fetched next, its bits are estimated
        ("wait_quantum", np.float64),  # a full buffer waits in steps of this, after the download; 0: exactly, before
        ("startup_is_stall", np.bool_),  # the wait for the first segment counts as a stall
        ("is_exact", np.bool_),  # every download is stepped through, as Sabre does
        ("progress_bits", np.float64),  # a step of a download ends after this many bits
        ("progress_time", np.float64),  # and after this long, ms
        ("fast_half_life", np.float64),  # of the throughput estimate, ms
        ("slow_half_life", np.float64),  # of the throughput estimate, ms
        ("estimates_throughput", np.bool_),  # whether the policy reads the throughput estimate
        ("idle_timeout", np.float64),  # ms without a transfer before slow start; infinite: never
        ("replacement", np.int64),  # which buffered segment is fetched again: 0 none, or REPLACE_*
        ("abandons_late_replacement", np.bool_),  # whether a replacement that comes too late is abandoned
        ("target_latency", np.float64),  # of a live session, ms; infinite: on demand
        ("catch_up", np.int64),  # who sets the playback rate of a live session: 0 nobody, or CATCH_UP_*
        ("is_video_on_demand", np.bool_),  # neither audio nor a live edge, which is simulated faster
    ],
    align=True,
)

#: what has happened in a session
OUTCOME_DTYPE: Final = np.dtype(
    [
        ("startup", np.float64),  # ms until playback started
        ("stall", np.float64),  # ms of all stalls
        ("stall_count", np.int64),
        ("bits", np.float64),  # of all transfers
        ("wasted_bits", np.float64),  # never played
        ("end", np.float64),  # ms
        ("event_count", np.int64),  # events, logged or not
        ("invalid_action", np.float64),  # the invalid rung or delay that the policy returned
        ("first_segment_stall", np.float64),  # ms of stall while the first segment was fetched
        ("latency_integral", np.float64),  # latency behind the live edge over time since playback started, ms x ms
        ("fast_playback", np.float64),  # ms played at a raised rate
    ],
    align=True,
)

#: the state of playback
PLAYBACK_DTYPE: Final = np.dtype(
    [
        ("segment", np.int64),  # the segment that plays
        ("played", np.float64),  # ms of it that have played
        ("is_playing", np.bool_),
        ("has_started", np.bool_),
        ("stall", np.float64),  # ms of the running stall
        ("audio_end", np.float64),  # end of the audio that has arrived, ms; infinite when none is missing
        ("audio_segment", np.int64),  # the next audio segment
        ("is_recovering", np.bool_),  # a live session has stalled and its buffer is still low
    ],
    align=True,
)

#: the position on the trace and the TCP connection
LINK_DTYPE: Final = np.dtype(
    [
        ("interval", np.int64),  # of the trace
        ("left", np.float64),  # ms left in the interval
        ("clock", np.float64),  # ms since the start of the trace
        ("window", np.float64),  # congestion window in bits; infinite when it does not constrain
        ("last_transfer_end", np.float64),  # ms
    ],
    align=True,
)

#: one of the two exponential averages of the throughput estimate
AVERAGE_DTYPE: Final = np.dtype(
    [
        ("throughput", np.float64),  # bit/ms, biased towards 0
        ("throughput_bias", np.float64),  # weight of the initial 0
        ("latency", np.float64),  # ms, biased towards 0
        ("latency_bias", np.float64),  # weight of the initial 0
        ("time", np.float64),  # ms of all samples
        ("count", np.float64),  # number of samples
        ("latency_factor", np.float64),  # weight that one sample leaves to the past
        ("factor_duration", np.float64),  # segment duration that the factor is for, ms
    ],
    align=True,
)

#: a row of the event log; `kind` is an index of `abr.results.session.EVENT_KINDS`
EVENT_DTYPE: Final = np.dtype(
    [
        ("kind", np.int64),
        ("segment", np.int64),
        ("rung", np.int64),
        ("time", np.float64),
        ("duration", np.float64),
        ("bits", np.float64),
        ("buffer", np.float64),
        ("throughput_estimate", np.float64),
        ("stall", np.float64),
        ("latency", np.float64),
    ],
    align=True,
)

EVENT_DOWNLOAD: Final = EVENT_KINDS.index("download")
EVENT_ABANDON: Final = EVENT_KINDS.index("abandon")
EVENT_STALL: Final = EVENT_KINDS.index("stall")
EVENT_WAIT: Final = EVENT_KINDS.index("wait")
EVENT_STARTUP: Final = EVENT_KINDS.index("startup")
EVENT_END: Final = EVENT_KINDS.index("end")
EVENT_AUDIO: Final = EVENT_KINDS.index("audio")
EVENT_REPLACE: Final = EVENT_KINDS.index("replace")

#: the metrics of a session, by the names of `abr.METRICS`
METRICS_DTYPE: Final = np.dtype([(name, np.float64) for name in METRICS])


class SessionArrays(NamedTuple):
    """Everything that a running session changes, the policy's vectors and the session model."""

    state: Any  #: record of STATE_DTYPE
    constants: Any  #: the policy's
    memory: Any  #: the policy's
    model: Any  #: record of MODEL_DTYPE
    playback: Any  #: record of PLAYBACK_DTYPE
    link: Any  #: record of LINK_DTYPE
    averages: Any  #: two of AVERAGE_DTYPE, slow and fast
    outcome: Any  #: record of OUTCOME_DTYPE
    rungs: Any  #: int64, rung of each segment
    events: Any  #: EVENT_DTYPE; no rows: nothing is logged
    call: Any  #: record of CALL_DTYPE, which the policy is called with
    marks: Any  #: int64, scratch of the score kernel: one for each segment and rung


class PresentationArrays(NamedTuple):
    """A presentation as the kernels read it."""

    sizes: Any  #: bits, shape (segments, rungs)
    vmaf: Any  #: 0 to 100, same shape; NaN where it was not measured
    ssim: Any  #: dB, same shape; no rows where it was not measured
    bitrates: Any  #: nominal, bit/ms, shape (rungs,)
    log_bitrates: Any  #: their natural logarithms
    durations: Any  #: ms, shape (segments,)
    edges: Any  #: start of each segment and end of the last, ms, shape (segments + 1,)
    min_sizes: Any  #: bits of the smallest rung of each segment that reaches the target VMAF
    audio_sizes: Any  #: bits of each audio segment; empty if no audio is fetched
    audio_ends: Any  #: end of each audio segment, ms
    vmaf_ranks: Any  #: int64, index of each value of `vmaf` in `sorted_vmaf`
    sorted_vmaf: Any  #: all values of `vmaf` in ascending order
    buffer_capacity: float  #: ms
    target_vmaf: float


class TraceArrays(NamedTuple):
    """A trace as the kernels read it."""

    durations: Any  #: of the intervals, ms
    rates: Any  #: bit/ms
    latencies: Any  #: ms
    ends: Any  #: end of each interval, ms


class BatchArrays(NamedTuple):
    """The sessions of a batch and their results."""

    first_intervals: Any  #: int64, first interval of each trace in the joined arrays, and the end
    traces: Any  #: int64, trace of each session
    starts: Any  #: ms into the trace, of each session
    metrics: Any  #: METRICS_DTYPE, of each session; filled
    invalid_actions: Any  #: what the policy returned in a failed session, NaN in the others; filled


def tuple_type(kind: type, *members: Any) -> Any:
    """Return the numba type of a named tuple of arrays."""
    if len(set(members)) == 1:
        return types.NamedUniTuple(members[0], len(members), kind)
    return types.NamedTuple(members, kind)


_FLOATS = types.float64[::1]
_TABLE = types.float64[:, ::1]
_INTEGERS = types.int64[::1]

SESSION_TYPE: Final = tuple_type(
    SessionArrays,
    from_dtype(STATE_DTYPE),
    *(_FLOATS,) * 2,
    from_dtype(MODEL_DTYPE),
    from_dtype(PLAYBACK_DTYPE),
    from_dtype(LINK_DTYPE),
    from_dtype(AVERAGE_DTYPE)[::1],
    from_dtype(OUTCOME_DTYPE),
    _INTEGERS,
    from_dtype(EVENT_DTYPE)[::1],
    from_dtype(CALL_DTYPE),
    _INTEGERS,
)
PRESENTATION_TYPE: Final = tuple_type(
    PresentationArrays,
    *(_TABLE,) * 3,
    *(_FLOATS,) * 7,
    types.int64[:, ::1],
    _FLOATS,
    *(types.float64,) * 2,
)
TRACE_TYPE: Final = tuple_type(TraceArrays, *(_FLOATS,) * 4)


BATCH_TYPE: Final = tuple_type(BatchArrays, _INTEGERS, _INTEGERS, _FLOATS, from_dtype(METRICS_DTYPE)[::1], _FLOATS)


def _record(dtype: Any) -> Any:
    return np.zeros(1, dtype)[0]


def new_session_arrays(
    model: Any, presentation: PresentationArrays, constants: Any, memory: Any, log_rows: int = 0
) -> SessionArrays:
    """Return arrays for one session after another of the same policy, model and presentation.

    Parameters
    ----------
    model : record of MODEL_DTYPE
    presentation : PresentationArrays
    constants, memory : ndarray of float64
        The policy's.
    log_rows : int
        Events that are logged; the kernel counts the others.
    """
    return SessionArrays(
        _record(STATE_DTYPE),
        constants,
        memory,
        model,
        _record(PLAYBACK_DTYPE),
        _record(LINK_DTYPE),
        np.zeros(2, AVERAGE_DTYPE),
        _record(OUTCOME_DTYPE),
        np.zeros(len(presentation.durations), np.int64),
        np.zeros(log_rows, EVENT_DTYPE),
        _record(CALL_DTYPE),
        np.zeros(presentation.sorted_vmaf.size, np.int64),
    )
