"""The level controller of hls.js (`abr-controller.ts` of afe5b8bf1, about 1.7.1, Apache-2.0).

Estimate: the smaller of two EWMAs of 3 and 9 s over transfers without their first byte, 500 kbit/s at first.
From the top: the first level that 0.7 of the estimate carries going up (0.95 staying or going down) and whose
next fragment comes before the buffer runs out; else, with up to 4 s of stall allowed, the same again. A
download is abandoned when it would outlast the buffer and a lower level would be there sooner.
"""

from abr.policies.ewma import average, feed
from abr.policies.policy import Policy
from abr.policies.policy_state import (
    BUFFER,
    DECIDE,
    DOWNLOADED,
    ELAPSED,
    GOT,
    LAST_RUNG,
    PLAYING,
    PROGRESS,
    REQUESTED,
    RUNG,
    SAFE,
    SAFE_RATE,
    SAFE_UNTIL,
    SEGMENT,
    TTFB,
)
from abr.policies.throughput import MARGIN
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

FAST, SLOW = 3.0, 9.0  #: s
DEFAULT_RATE = 500.0  #: bit/ms
DEFAULT_TTFB = 100.0  #: ms
LEAST_TIME = 50.0  #: ms of a sample
UP, DOWN = 0.7, 0.95
STARVATION = 4_000.0  #: ms of stall allowed when nothing fits
M_FAST, M_SLOW, M_TTFB, SAMPLES = 0, 2, 4, 6


@inline
def _rate(m):  # type: ignore[no-untyped-def]
    if m[SAMPLES] == 0.0:
        return DEFAULT_RATE
    return min(average(m, M_FAST, FAST), average(m, M_SLOW, SLOW))


@inline
def _ttfb(m):  # type: ignore[no-untyped-def]
    return average(m, M_TTFB, SLOW) if m[SAMPLES] > 0 else DEFAULT_TTFB


@inline
def _observe(s, m):  # type: ignore[no-untyped-def]
    time = max(s[ELAPSED] - min(s[TTFB], _ttfb(m)), min(LEAST_TIME, s[GOT] / 8e5))
    if time <= 0 or s[GOT] <= 0:
        return
    feed(m, M_FAST, time / 1e3, s[GOT] / time, FAST)
    feed(m, M_SLOW, time / 1e3, s[GOT] / time, SLOW)
    feed(m, M_TTFB, 1.0, max(s[TTFB], 5.0), SLOW)
    m[SAMPLES] += 1


@inline
def _pick(s, m, sizes, ladder, durations, patience, up, down):  # type: ignore[no-untyped-def]
    n = int(s[SEGMENT])
    rate = _rate(m)
    last = int(s[LAST_RUNG])
    for rung in range(ladder.shape[0] - 1, -1, -1):
        factor = up if rung > last else down
        if factor * rate < ladder[rung]:
            continue
        # the manifest's rate times the duration is all that it knows of the fragment
        if _ttfb(m) + ladder[rung] * durations[n] / (factor * rate) < s[BUFFER] + patience:
            return rung
    return -1


@inline
def _decide(s, m, sizes, ladder, durations):  # type: ignore[no-untyped-def]
    rung = -1
    if s[BUFFER] > 0:
        rung = _pick(s, m, sizes, ladder, durations, 0.0, UP, DOWN)
    if rung < 0:
        patience = min(durations[int(s[SEGMENT])], STARVATION)
        # starved: the up factor counts only while something is buffered
        factor = UP if s[BUFFER] > 0 else DOWN
        rung = _pick(s, m, sizes, ladder, durations, patience, factor, DOWN)
    return max(rung, 0)


@inline
def _abandon(s, m, ladder, duration):  # type: ignore[no-untyped-def]
    time = s[ELAPSED] - s[TTFB]
    if s[ELAPSED] <= max(s[TTFB], duration / 2) or time <= 0 or s[BUFFER] >= 2 * duration:
        return -1
    rate = s[GOT] / time
    left = (s[REQUESTED] - s[GOT]) / rate
    if left <= s[BUFFER]:
        return -1
    for rung in range(int(s[RUNG]) - 1, -1, -1):
        other = _ttfb(m) + ladder[rung] * duration / (UP * rate)
        if other < s[BUFFER] or rung == 0:
            return rung if other < left else -1
    return -1


@inline
def _safe(s, duration):  # type: ignore[no-untyped-def]
    """Name the rate at which all comes before the buffer is empty."""
    s[SAFE_UNTIL] = max(duration / 2, s[ELAPSED] + s[BUFFER] - 2 * duration)
    time = s[ELAPSED] - s[TTFB] + s[BUFFER]
    if s[PLAYING] == 1.0 and s[BUFFER] > 0:
        s[SAFE_RATE] = MARGIN * s[REQUESTED] / time
    return 0


@inline
def hlsjs(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: three averages, samples."""
    if event == DECIDE:
        return _decide(s, m, sizes, ladder, durations)
    if event == DOWNLOADED:
        _observe(s, m)
    elif event == PROGRESS:
        return _abandon(s, m, ladder, durations[int(s[SEGMENT])])
    elif event == SAFE:
        return _safe(s, durations[int(s[SEGMENT])])
    return 0


POLICIES = (
    Policy(
        "hlsjs",
        "1.7.1",
        "video-dev/hls.js afe5b8bf1, abr-controller.ts",
        hlsjs,
        memory=7,
        abandons=True,
        estimates=False,
    ),
)
