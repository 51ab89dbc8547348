"""The player's own throughput estimate: two debiased exponential averages; the lower throughput counts.

As in UMass-LIDS/sabre (`Ewma`, commit 09b03bb, BSD-2), and so in dash.js: a throughput sample weighs as much as its
transfer took time; the half-lives of the latency are counted in segments, and the higher latency counts.
"""

import math

import numpy as np

from shotladder_runtime.kernels.compiler import inline

__all__ = ["reset_estimate", "update_estimate"]


@inline
def reset_estimate(averages):  # type: ignore[no-untyped-def]
    """Discard all samples."""
    for i in range(2):
        average = averages[i]
        average.throughput = average.latency = average.time = average.count = 0.0
        average.latency_factor = average.factor_duration = 0.0
        average.throughput_bias = average.latency_bias = 1.0


@inline
def update_estimate(session, segment_duration):  # type: ignore[no-untyped-def]
    """Add the transfer that the state describes, of a segment of so many ms.

    The bias, 0.5 to the power of the time so far, is a running product; an exact model computes the power itself, whose
    last digits are those of Sabre.
    """
    state = session.state
    model = session.model
    time = state.elapsed - state.time_to_first_byte
    if time <= 0:
        return
    sample = state.received_bits / time
    throughput = np.inf
    latency = 0.0
    for i in range(2):
        average = session.averages[i]
        half_life = model.slow_half_life if i == 0 else model.fast_half_life
        average.time += time
        average.count += 1.0
        if average.factor_duration != segment_duration:
            average.factor_duration = segment_duration
            average.latency_factor = math.pow(0.5, 1 / (half_life / segment_duration))
        alpha = math.pow(0.5, time / half_life)
        beta = average.latency_factor
        average.throughput = alpha * average.throughput + (1 - alpha) * sample
        average.latency = beta * average.latency + (1 - beta) * state.time_to_first_byte
        if model.is_exact:
            average.throughput_bias = math.pow(0.5, average.time / half_life)
            average.latency_bias = math.pow(0.5, average.count / (half_life / segment_duration))
        else:
            average.throughput_bias *= alpha
            average.latency_bias *= beta
        throughput = min(throughput, average.throughput / (1 - average.throughput_bias))
        latency = max(latency, average.latency / (1 - average.latency_bias))
    state.throughput = throughput
    state.latency = latency
    state.last_throughput = sample
