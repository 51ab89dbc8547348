"""What a compiled policy is called with: the events, the state record and the context.

A compiled policy is a function ``(event, state, context, constants, memory) -> int``, compiled by `numba.njit`:

``event``      one of the constants below
``state``      record of `STATE_DTYPE`, read as ``state.buffer``; time in ms, sizes in bits, rates in bit/ms (= kbit/s)
``context``    `PolicyContext`: the presentation and what the player knows before the session
``constants``  float64 vector of the policy's own, made once for a presentation
``memory``     float64 vector of the policy's own, zero when a session starts

On `DECIDE` the policy returns the rung (0 is the lowest) of segment ``state.segment``, and may set ``state.delay``.
On `PROGRESS` it returns the rung for which it abandons the running download, or -1 to keep the download.
On `WILL_KEEP` it returns 1 if nothing that can still happen would make it abandon the running download, else 0. With
0 it may narrow down when it could: it sets ``state.keep_until`` and ``state.keep_rate``, and the player assumes that
the download is kept until that time, and afterwards while its average rate since the first byte is at least that
rate. The player then skips ahead to the moment when neither holds, instead of a `PROGRESS` every 50 ms. The result of
the other events is ignored.

Example, a policy that looks at the buffer alone::

    @numba.njit
    def half_full(event, state, context, constants, memory):
        if event != DECIDE or state.buffer < 0.5 * state.buffer_capacity:
            return 0
        return context.bitrates.shape[0] - 1

    abr.simulate(presentation, trace, half_full)
"""

from typing import Any, Final, NamedTuple

import numpy as np

__all__ = ["DECIDE", "DOWNLOADED", "PROGRESS", "START", "STATE_DTYPE", "WAITED", "WILL_KEEP", "PolicyContext"]

START: Final = 0  #: a session starts; the memory is zero
DECIDE: Final = 1  #: choose the rung of the next segment
PROGRESS: Final = 2  #: a download is running: keep or abandon it
DOWNLOADED: Final = 3  #: a download has ended, complete or abandoned
WAITED: Final = 4  #: the player has waited because its buffer was full
WILL_KEEP: Final = 5  #: can the policy rule out that it abandons the running download

STATE_DTYPE: Final = np.dtype(
    [
        ("now", np.float64),  # ms since the session started
        ("buffer", np.float64),  # ms of video in the buffer
        ("segment", np.int64),  # index of the next segment
        ("last_rung", np.int64),  # rung of the last segment, -1 before the first
        ("throughput", np.float64),  # the player's estimate, bit/ms; 0 while there is none
        ("latency", np.float64),  # the player's estimate, ms
        ("buffer_capacity", np.float64),  # ms
        ("delay", np.float64),  # set by the policy on DECIDE: ms to wait before the request
        ("requested_bits", np.float64),  # size of the running or ended download
        ("received_bits", np.float64),  # part of it that has arrived
        ("elapsed", np.float64),  # ms since its request
        ("time_to_first_byte", np.float64),  # ms from its request to its first byte
        ("rung", np.int64),  # its rung
        ("waited", np.float64),  # on WAITED: ms
        ("is_playing", np.bool_),  # whether video plays
        ("abandon_target", np.int64),  # rung for which the ended download was abandoned, -1 if it is complete
        ("segment_count", np.int64),  # number of segments of the session
        ("trace_time", np.float64),  # ms since the start of the trace; runs on when the trace loops
        ("last_throughput", np.float64),  # bit/ms of the last sample of the estimate, 0 before the first
        ("keep_until", np.float64),  # set by the policy on WILL_KEEP: ms since the request; 0 before the event
        ("keep_rate", np.float64),  # set by the policy on WILL_KEEP: bit/ms; infinite before the event
        ("replaced_segment", np.int64),  # buffered segment that the download replaces, -1 for the next segment
        ("playback_rate", np.float64),  # s of video per s; 1 unless a live session catches up
        ("live_latency", np.float64),  # ms behind the live edge, 0 in a session that is not live
    ],
    align=True,
)


class PolicyContext(NamedTuple):
    """What a policy knows before a session starts.

    Attributes
    ----------
    sizes : ndarray of float64
        Bits, shape (segments, rungs); rung 0 is the lowest.
    vmaf : ndarray of float64
        0 to 100, shape (segments, rungs); NaN where it was not measured.
    bitrates : ndarray of float64
        Nominal bitrate of each rung, bit/ms, shape (rungs,).
    durations : ndarray of float64
        Duration of each segment, ms, shape (segments,).
    buffer_capacity : float
        ms.
    target_vmaf : float
        VMAF that the session should reach.
    """

    sizes: Any
    vmaf: Any
    bitrates: Any
    durations: Any
    buffer_capacity: float
    target_vmaf: float = 93.0
