"""The exponentially weighted moving average of throughput samples that dash.js, hls.js and Shaka Player use.

An average occupies two floats of a policy's memory: the weighted sum and the total weight. The sum starts at 0; the
division by `1 - 0.5^(total weight / half-life)` removes the bias of that start.
"""

import math

from shotladder_runtime.kernels.compiler import inline

__all__ = ["add_sample", "average"]


@inline
def add_sample(memory, at, weight, sample, half_life):  # type: ignore[no-untyped-def]
    """Add a sample to the average at `memory[at]`; its weight has the unit of the half-life."""
    alpha = math.pow(0.5, weight / half_life)
    memory[at] = alpha * memory[at] + (1 - alpha) * sample
    memory[at + 1] += weight


@inline
def average(memory, at, half_life):  # type: ignore[no-untyped-def]
    """Return the average at `memory[at]`, which has at least one sample."""
    return memory[at] / (1 - math.pow(0.5, memory[at + 1] / half_life))
