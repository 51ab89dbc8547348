"""The kernel that turns one session into its metrics; formulas and constants with their sources.

QoE: Pensieve (Mao 2017; test/bb.py for linear and HD, mu 2.66 of the paper for the logarithmic one), Yin 2015
(kbit/s, lambda 1, mu and mu_s 3000), Puffer (Yan 2020; code: 1 and 20), Comyco (Huang 2019; rl_test.py), Sabre
(score, gamma p 5).
"""

import math

import numpy as np
from numba import types

from abr.player.session_layout import (
    O_BEHIND,
    O_BITS,
    O_END,
    O_FAST,
    O_FIRST_STALL,
    O_STALL,
    O_STALLS,
    O_STARTUP,
    O_WASTED,
)
from shotladder_runtime.kernels.compiler import inline, kernel

__all__ = ["score", "score_one"]

_HD = np.array([1.0, 2.0, 3.0, 12.0, 15.0, 20.0])


@inline
def _percentile(rungs, rank, by_rank, durations, total, marks, segments):  # type: ignore[no-untyped-def]
    """Return the index, in ascending order, of the value below which 5 % of the time lies."""
    for n in range(segments):
        marks[rank[n, rungs[n]]] = n + 1
    share = 0.0
    found = -1
    for i in range(by_rank.shape[0]):
        n = marks[i] - 1
        if n >= 0:
            share += durations[n]
            if share >= 0.05 * total:
                found = i
                break
    for n in range(segments):
        marks[rank[n, rungs[n]]] = 0
    return found


@inline
def score(  # type: ignore[no-untyped-def]
    rungs, segments, first, sizes, vmaf, ssim, ladder, logs, durations, enough, rank, by_rank, marks, o, target, out
):
    """Fill `out` in the order of `abr.results.metrics`; QoE sums begin with segment `first`; NaN is absent.

    `ssim` has no rows where none was measured.
    """
    played = 0.0
    quality = 0.0
    reached = 0.0
    bits = 0.0
    above = 0.0
    switches = 0.0
    magnitude = 0.0
    linear = logarithmic = hd = utility = comyco = puffer = 0.0
    base = logs[0]
    measured = ssim.shape[0] > 0
    for n in range(segments):
        q = rungs[n]
        d = durations[n]
        v = vmaf[n, q]
        played += d
        quality += v * d
        bits += sizes[n, q]
        if v >= target:
            reached += d
            above += sizes[n, q] - enough[n]
        utility += (logs[q] - base) * d
        last = rungs[n - 1] if n > 0 else q
        if q != last:
            switches += 1
            magnitude += abs(v - vmaf[n, last])
        if n >= first:
            linear += ladder[q] - abs(ladder[q] - ladder[last])
            logarithmic += logs[q] - base - abs(logs[q] - logs[last])
            comyco += 0.8469011 * v - 2.66161856
            if measured:
                puffer += ssim[n, q]
                if n > 0:
                    puffer -= abs(ssim[n, q] - ssim[n - 1, last])
            if n > 0:
                change = v - vmaf[n - 1, last]
                comyco += 0.29797156 * change if change > 0 else 1.06099887 * change
            if ladder.shape[0] == 6:
                hd += _HD[q] - abs(_HD[q] - _HD[last])
    stall = o[O_STALL] / 1e3
    missing = math.isnan(quality)
    out[0] = quality / played
    out[1] = np.nan
    if not missing:
        place = _percentile(rungs, rank, by_rank, durations, played, marks, segments)
        out[1] = by_rank[place]
    out[2] = np.nan if missing else reached / played
    out[3] = bits / played * 1e3
    out[4] = o[O_STALL] / (o[O_STALL] + played)
    out[5] = o[O_STALLS]
    out[6] = o[O_STARTUP] / 1e3
    out[7] = switches
    out[8] = magnitude / switches if switches > 0 else np.nan
    out[9] = o[O_BITS] / 8
    out[10] = o[O_WASTED] / 8
    out[11] = np.nan if missing else above / 8
    counted = stall if first == 0 else stall - o[O_FIRST_STALL] / 1e3
    out[12] = linear / 1e3 - 4.3 * counted
    out[13] = logarithmic - 2.66 * counted
    out[14] = hd - 8.0 * counted if ladder.shape[0] == 6 else np.nan
    out[15] = linear - 3000.0 * counted - 3.0 * o[O_STARTUP]
    out[16] = (puffer - 20.0 * counted) / (segments - first) if measured else np.nan
    out[17] = comyco - 28.79591348 * counted
    out[18] = (utility - 5.0 * o[O_STALL]) / o[O_END]
    since = o[O_END] - o[O_STARTUP]
    live = o[O_BEHIND] > 0
    out[19] = o[O_BEHIND] / since / 1e3 if live else np.nan
    out[20] = o[O_FAST] / (since - o[O_STALL]) if live else np.nan


_FLOATS = types.float64[::1]
_TABLE = types.float64[:, ::1]

SCORE_SIGNATURE = types.void(
    types.int64[::1],  # rungs
    *(types.int64,) * 2,  # segments, first scored one
    *(_TABLE,) * 3,  # sizes, vmaf, ssim
    *(_FLOATS,) * 4,  # ladder and its logarithms, durations, enough
    types.int64[:, ::1],  # rank
    _FLOATS,  # by_rank
    types.int64[::1],  # scratch: marks
    _FLOATS,  # outcome
    types.float64,  # target
    _FLOATS,  # metrics, out
)


@kernel(signature=SCORE_SIGNATURE, counts_references=False)
def score_one(  # type: ignore[no-untyped-def]
    rungs, segments, first, sizes, vmaf, ssim, ladder, logs, durations, enough, rank, by_rank, marks, o, target, out
):
    """Score one session, for callers that are not compiled."""
    score(
        rungs, segments, first, sizes, vmaf, ssim, ladder, logs, durations, enough, rank, by_rank, marks, o, target, out
    )
