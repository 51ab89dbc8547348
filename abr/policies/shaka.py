"""The manager of Shaka Player (`simple_abr_manager.js` of 35b290e41, about 5.2.7, Apache-2.0).

Estimate: the smaller of two EWMAs of 2 and 5 s over whole requests, first byte included, of at least 16 kB; 1
Mbit/s until 128 kB have come. The rung i with rate_i / 0.95 <= estimate <= rate_(i+1) / 0.85; one switch in 8
s at most.
"""

from abr.policies.ewma import average, feed
from abr.policies.policy import Policy
from abr.policies.policy_state import DECIDE, DOWNLOADED, ELAPSED, GOT, LAST_RUNG, NOW
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

FAST, SLOW = 2.0, 5.0  #: s
DEFAULT_RATE = 1_000.0  #: bit/ms
LEAST_BITS, ENOUGH_BITS = 16e3 * 8, 128e3 * 8
CACHED = 5.0  #: ms
DOWNGRADE, UPGRADE = 0.95, 0.85
INTERVAL = 8_000.0  #: ms
M_FAST, M_SLOW, TOTAL, SWITCHED = 0, 2, 4, 5


@inline
def _observe(s, m):  # type: ignore[no-untyped-def]
    if s[GOT] < LEAST_BITS or s[ELAPSED] < CACHED:
        return
    feed(m, M_FAST, s[ELAPSED] / 1e3, s[GOT] / s[ELAPSED], FAST)
    feed(m, M_SLOW, s[ELAPSED] / 1e3, s[GOT] / s[ELAPSED], SLOW)
    m[TOTAL] += s[GOT]


@inline
def shaka(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: two averages, bits sampled, when it switched."""
    if event == DOWNLOADED:
        _observe(s, m)
    if event != DECIDE:
        return 0
    rate = DEFAULT_RATE
    if m[TOTAL] >= ENOUGH_BITS:
        rate = min(average(m, M_FAST, FAST), average(m, M_SLOW, SLOW))
    last = int(s[LAST_RUNG])
    if last >= 0 and s[NOW] - m[SWITCHED] < INTERVAL:
        return last
    rung = 0
    top = ladder.shape[0] - 1
    for i in range(top + 1):
        if rate >= ladder[i] / DOWNGRADE and (i == top or rate <= ladder[i + 1] / UPGRADE):
            rung = i
            if i == top or rate < ladder[i + 1] / DOWNGRADE:
                break
    if rung != last:
        m[SWITCHED] = s[NOW]
    return rung


POLICIES = (
    Policy(
        "shaka",
        "5.2.7",
        "shaka-project/shaka-player 35b290e41, simple_abr_manager.js",
        shaka,
        memory=6,
        estimates=False,
    ),
)
