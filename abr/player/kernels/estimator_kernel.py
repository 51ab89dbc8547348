"""The player's own throughput estimate: two debiased EWMAs, the smaller one counts.

As in UMass-LIDS/sabre (`Ewma`, commit 09b03bb, BSD-2), and so in dash.js: a sample weighs as long as its
transfer took; the latency's half-lives are counted in segments, and the larger one counts.
"""

import math

import numpy as np

from abr.policies.policy_state import ELAPSED, GOT, LATENCY, SAMPLE, THROUGHPUT, TTFB
from shotladder_runtime.kernels.compiler import inline

__all__ = ["ESTIMATOR_SIZE", "observe", "reset"]

#: throughput, weight left, latency, count left: each slow and fast; latency factors, and the duration they are of
ESTIMATOR_SIZE = 13
VALUE, WEIGHT, DELAY, COUNT, FACTOR, OF, TIME, NUMBER = 0, 2, 4, 6, 8, 10, 11, 12


@inline
def reset(e):  # type: ignore[no-untyped-def]
    """Forget everything."""
    e[:] = 0.0
    e[WEIGHT] = e[WEIGHT + 1] = e[COUNT] = e[COUNT + 1] = 1.0


@inline
def observe(e, s, slow, fast, segment, exact):  # type: ignore[no-untyped-def]
    """Feed the transfer that the state describes; half-lives in ms.

    What is left of the weight, 0.5 to the power of the time so far, is a running product; `exact` computes the
    power itself, whose last digits are Sabre's.
    """
    time = s[ELAPSED] - s[TTFB]
    if time <= 0:
        return
    sample = s[GOT] / time
    e[TIME] += time
    e[NUMBER] += 1.0
    if e[OF] != segment:
        e[OF] = segment
        e[FACTOR] = math.pow(0.5, 1 / (slow / segment))
        e[FACTOR + 1] = math.pow(0.5, 1 / (fast / segment))
    throughput = np.inf
    latency = 0.0
    for i in range(2):
        half = slow if i == 0 else fast
        alpha = math.pow(0.5, time / half)
        beta = e[FACTOR + i]
        e[VALUE + i] = alpha * e[VALUE + i] + (1 - alpha) * sample
        e[DELAY + i] = beta * e[DELAY + i] + (1 - beta) * s[TTFB]
        if exact:
            e[WEIGHT + i] = math.pow(0.5, e[TIME] / half)
            e[COUNT + i] = math.pow(0.5, e[NUMBER] / (half / segment))
        else:
            e[WEIGHT + i] *= alpha
            e[COUNT + i] *= beta
        throughput = min(throughput, e[VALUE + i] / (1 - e[WEIGHT + i]))
        latency = max(latency, e[DELAY + i] / (1 - e[COUNT + i]))
    s[THROUGHPUT] = throughput
    s[LATENCY] = latency
    s[SAMPLE] = sample
