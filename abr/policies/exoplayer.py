"""The track selection of ExoPlayer (243e6c292a, Apache-2.0): `AdaptiveTrackSelection`, `DefaultBandwidthMeter`.

Estimate: the median of past transfers weighted by the square root of their bytes, window 2000; 1 Mbit/s until
2 s or 512 KiB have been measured. A rung within 0.7 of it; up only with 10 s buffered, down put off with 25 s
or more. Its discarding of a queue beyond 25 s is left out.
"""

from abr.policies.policy import Policy
from abr.policies.policy_state import BUFFER, DECIDE, DOWNLOADED, ELAPSED, GOT, LAST_RUNG
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

FRACTION = 0.7
UP_BUFFER, DOWN_BUFFER = 10_000.0, 25_000.0  #: ms
WINDOW = 2_000.0  #: weight kept
DEFAULT_RATE = 1_000.0  #: bit/ms
ENOUGH_TIME, ENOUGH_BITS = 2_000.0, 512 * 1024 * 8.0
MOST = 64  #: samples kept; 2000 of weight are fewer for segments above 8 kB
TIME, BITS, COUNT, ESTIMATE, FIRST = 0, 1, 2, 3, 4


@inline
def _trim(m):  # type: ignore[no-untyped-def]
    """Drop the oldest samples until the rest weighs no more than the window."""
    count = int(m[COUNT])
    total = 0.0
    for i in range(count):
        total += m[FIRST + 2 * i]
    first = 0
    while first < count - 1 and (total > WINDOW or count - first > MOST):
        excess = total - WINDOW
        if m[FIRST + 2 * first] <= excess or count - first > MOST:
            total -= m[FIRST + 2 * first]
            first += 1
        else:
            m[FIRST + 2 * first] -= excess
            total = WINDOW
    for i in range(first, count):
        m[FIRST + 2 * (i - first)] = m[FIRST + 2 * i]
        m[FIRST + 2 * (i - first) + 1] = m[FIRST + 2 * i + 1]
    m[COUNT] = count - first


@inline
def _median(m):  # type: ignore[no-untyped-def]
    """Return the smallest sample below which, itself included, half of the weight lies."""
    count = int(m[COUNT])
    total = 0.0
    for i in range(count):
        total += m[FIRST + 2 * i]
    best = m[FIRST + 1]
    found = False
    for i in range(count):
        value = m[FIRST + 2 * i + 1]
        below = 0.0
        for j in range(count):
            if m[FIRST + 2 * j + 1] <= value:
                below += m[FIRST + 2 * j]
        if below >= 0.5 * total and (not found or value < best):
            best, found = value, True
    return best


@inline
def _observe(s, m):  # type: ignore[no-untyped-def]
    if s[ELAPSED] <= 0:
        return
    count = int(m[COUNT])
    m[FIRST + 2 * count] = (s[GOT] / 8) ** 0.5
    m[FIRST + 2 * count + 1] = s[GOT] / s[ELAPSED]
    m[COUNT] += 1
    _trim(m)
    m[TIME] += s[ELAPSED]
    m[BITS] += s[GOT]
    if m[TIME] >= ENOUGH_TIME or m[BITS] >= ENOUGH_BITS:
        m[ESTIMATE] = _median(m)


@inline
def exoplayer(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: time and bits measured, the estimate, samples with their weights."""
    if event == DOWNLOADED:
        _observe(s, m)
    if event != DECIDE:
        return 0
    rate = FRACTION * (m[ESTIMATE] if m[ESTIMATE] > 0 else DEFAULT_RATE)
    rung = 0
    while rung + 1 < ladder.shape[0] and ladder[rung + 1] <= rate:
        rung += 1
    last = int(s[LAST_RUNG])
    if last >= 0 and ((rung > last and s[BUFFER] < UP_BUFFER) or (rung < last and s[BUFFER] >= DOWN_BUFFER)):
        return last
    return rung


POLICIES = (
    Policy(
        "exoplayer",
        "2024",
        "google/ExoPlayer 243e6c292a, AdaptiveTrackSelection",
        exoplayer,
        memory=FIRST + 2 * (MOST + 2),
        estimates=False,
    ),
)
