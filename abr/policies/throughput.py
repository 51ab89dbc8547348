"""The throughput rule of UMass-LIDS/sabre (`ThroughputRule`, commit 09b03bb, BSD-2), as in dash.js 2 and 3.

The highest rung whose segments arrive, latency included, as fast as they play at 0.9 of the estimate; the
insufficient-buffer rule; a download is abandoned when it would take longer than 1.8 segments.
"""

from abr.policies.policy import Policy
from abr.policies.policy_state import (
    BUFFER,
    DECIDE,
    ELAPSED,
    GOT,
    LATENCY,
    PROGRESS,
    REQUESTED,
    RESET,
    RUNG,
    SAFE,
    SAFE_RATE,
    SAFE_UNTIL,
    SEGMENT,
    THROUGHPUT,
    TTFB,
)
from shotladder_runtime.kernels.compiler import inline

__all__ = ["MARGIN", "POLICIES", "cheaper", "rung_for", "throughput", "within_buffer"]

SAFETY = 0.9
IBR_FIRST = 0.9  #: safety of the insufficient-buffer rule, multiplied by itself with every segment
IBR_LEAST = 0.5
ABANDON_MULTIPLE = 1.8
ABANDON_GRACE = 500.0  #: ms
MARGIN = 1 + 1e-9  #: for what rounding does to a rate that is named safe


@inline
def rung_for(rate, latency, duration, ladder):  # type: ignore[no-untyped-def]
    """Return the highest rung that plays as fast as it comes."""
    rung = 0
    while rung + 1 < ladder.shape[0] and latency + duration * ladder[rung + 1] / rate <= duration:
        rung += 1
    return rung


@inline
def within_buffer(rung, safety, s, ladder, duration):  # type: ignore[no-untyped-def]
    """Return the rung that the buffer insures: the insufficient-buffer rule."""
    safe = safety * (s[BUFFER] - s[LATENCY]) * s[THROUGHPUT]
    for lower in range(rung):
        if ladder[lower + 1] * duration > safe:
            return lower
    return rung


@inline
def _abandon(s, ladder, duration):  # type: ignore[no-untyped-def]
    time = s[ELAPSED] - s[TTFB]
    if s[ELAPSED] < ABANDON_GRACE or time <= 0:
        return -1
    rate = s[GOT] / time
    left = s[REQUESTED] - s[GOT]
    if not s[ELAPSED] + left / rate > ABANDON_MULTIPLE * duration:
        return -1
    current = int(s[RUNG])
    rung = rung_for(rate * SAFETY, s[LATENCY], duration, ladder)
    if rung >= current or s[REQUESTED] * ladder[rung] / ladder[current] >= left:
        return -1
    return rung


@inline
def cheaper(s, ladder):  # type: ignore[no-untyped-def]
    """Return the highest rung below the running download's that is smaller than what is left of it, or -1."""
    current = int(s[RUNG])
    unit = s[REQUESTED] / ladder[current]
    rung = current - 1
    while rung >= 0 and unit * ladder[rung] >= s[REQUESTED] - s[GOT]:
        rung -= 1
    return rung


@inline
def _safe(s, ladder, duration):  # type: ignore[no-untyped-def]
    """Name the rate at which it would not come too late, or not be worth a change."""
    rung = cheaper(s, ladder)
    if rung < 0:
        return 1
    s[SAFE_UNTIL] = ABANDON_GRACE
    budget = ABANDON_MULTIPLE * duration - s[TTFB]
    if budget > 0:
        s[SAFE_RATE] = s[REQUESTED] / budget
    if duration > s[LATENCY]:
        s[SAFE_RATE] = min(s[SAFE_RATE], duration * ladder[rung + 1] / (SAFETY * (duration - s[LATENCY])))
    s[SAFE_RATE] *= MARGIN
    return 0


@inline
def throughput(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: safety of the insufficient-buffer rule."""
    if event == RESET:
        m[0] = IBR_FIRST
    elif event == DECIDE:
        if s[THROUGHPUT] == 0.0:
            return 0
        duration = durations[int(s[SEGMENT])]
        rung = rung_for(s[THROUGHPUT] * SAFETY, s[LATENCY], duration, ladder)
        safety = m[0]
        m[0] = max(m[0] * IBR_FIRST, IBR_LEAST)
        return within_buffer(rung, safety, s, ladder, duration)
    elif event == PROGRESS:
        return _abandon(s, ladder, durations[int(s[SEGMENT])])
    elif event == SAFE:
        return _safe(s, ladder, durations[int(s[SEGMENT])])
    return 0


POLICIES = (Policy("throughput", "sabre", "UMass-LIDS/sabre 09b03bb, ThroughputRule", throughput, abandons=True),)
