"""The kernel that turns one session into its metrics; formulas and constants with their sources.

QoE: Pensieve (Mao 2017; test/bb.py for linear and HD, mu 2.66 of the paper for the logarithmic one), Yin 2015
(kbit/s, lambda 1, mu and mu_s 3000), Puffer (Yan 2020; code: 1 and 20), Comyco (Huang 2019; rl_test.py), Sabre
(score, gamma p 5).
"""

import math

import numpy as np
from numba import from_dtype, types

from abr.player.session_arrays import METRICS_DTYPE, PRESENTATION_TYPE, SESSION_TYPE
from shotladder_runtime.kernels.compiler import inline, kernel

__all__ = ["compute_metrics", "compute_session_metrics"]

_HD = np.array([1.0, 2.0, 3.0, 12.0, 15.0, 20.0])


@inline
def _find_percentile(session, presentation, total):  # type: ignore[no-untyped-def]
    """Return the index in `sorted_vmaf` of the value below which 5 % of the `total` ms lie."""
    rungs, marks, ranks = session.rungs, session.marks, presentation.vmaf_ranks
    for n in range(session.model.segment_count):
        marks[ranks[n, rungs[n]]] = n + 1
    time = 0.0
    found = -1
    for i in range(marks.shape[0]):
        n = marks[i] - 1
        if n >= 0:
            time += presentation.durations[n]
            if time >= 0.05 * total:
                found = i
                break
    for n in range(session.model.segment_count):
        marks[ranks[n, rungs[n]]] = 0
    return found


@inline
def compute_metrics(session, presentation, metrics):  # type: ignore[no-untyped-def]
    """Fill the record `metrics` of one session; NaN is absent.

    Where startup counts as a stall, as in Pensieve, the QoE sums start with the second segment.
    """
    rungs, outcome = session.rungs, session.outcome
    segments = session.model.segment_count
    first = 1 if session.model.startup_is_stall else 0
    sizes, vmaf, ssim = presentation.sizes, presentation.vmaf, presentation.ssim
    bitrates, logs, durations = presentation.bitrates, presentation.log_bitrates, presentation.durations
    target = presentation.target_vmaf
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
            above += sizes[n, q] - presentation.min_sizes[n]
        utility += (logs[q] - base) * d
        last = rungs[n - 1] if n > 0 else q
        if q != last:
            switches += 1
            magnitude += abs(v - vmaf[n, last])
        if n >= first:
            linear += bitrates[q] - abs(bitrates[q] - bitrates[last])
            logarithmic += logs[q] - base - abs(logs[q] - logs[last])
            comyco += 0.8469011 * v - 2.66161856
            if measured:
                puffer += ssim[n, q]
                if n > 0:
                    puffer -= abs(ssim[n, q] - ssim[n - 1, last])
            if n > 0:
                change = v - vmaf[n - 1, last]
                comyco += 0.29797156 * change if change > 0 else 1.06099887 * change
            if bitrates.shape[0] == 6:
                hd += _HD[q] - abs(_HD[q] - _HD[last])
    stall = outcome.stall / 1e3
    missing = math.isnan(quality)
    metrics.vmaf_mean = quality / played
    metrics.vmaf_p5 = np.nan
    if not missing:
        index = _find_percentile(session, presentation, played)
        metrics.vmaf_p5 = presentation.sorted_vmaf[index]
    metrics.time_at_target = np.nan if missing else reached / played
    metrics.bitrate = bits / played * 1e3
    metrics.rebuffer_ratio = outcome.stall / (outcome.stall + played)
    metrics.rebuffer_count = outcome.stall_count
    metrics.startup_delay = outcome.startup / 1e3
    metrics.switches = switches
    metrics.switch_magnitude = magnitude / switches if switches > 0 else np.nan
    metrics.downloaded_bytes = outcome.bits / 8
    metrics.wasted_bytes = outcome.wasted_bits / 8
    metrics.bytes_above_target = np.nan if missing else above / 8
    counted = stall if first == 0 else stall - outcome.first_segment_stall / 1e3
    metrics.qoe_lin = linear / 1e3 - 4.3 * counted
    metrics.qoe_log = logarithmic - 2.66 * counted
    metrics.qoe_hd = hd - 8.0 * counted if bitrates.shape[0] == 6 else np.nan
    metrics.qoe_yin = linear - 3000.0 * counted - 3.0 * outcome.startup
    metrics.qoe_puffer = (puffer - 20.0 * counted) / (segments - first) if measured else np.nan
    metrics.qoe_comyco = comyco - 28.79591348 * counted
    metrics.qoe_sabre = (utility - 5.0 * outcome.stall) / outcome.end
    since = outcome.end - outcome.startup
    live = outcome.latency_integral > 0
    metrics.live_latency = outcome.latency_integral / since / 1e3 if live else np.nan
    metrics.catch_up = outcome.fast_playback / (since - outcome.stall) if live else np.nan


@kernel(signature=types.void(SESSION_TYPE, PRESENTATION_TYPE, from_dtype(METRICS_DTYPE)), counts_references=False)
def compute_session_metrics(session, presentation, metrics):  # type: ignore[no-untyped-def]
    """Fill the metrics of one session, for callers that are not compiled."""
    compute_metrics(session, presentation, metrics)
