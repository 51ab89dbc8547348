"""A debiased exponential average, as dash.js, hls.js and Shaka Player keep it: estimate and weight, two floats."""

import math

from shotladder_runtime.kernels.compiler import inline

__all__ = ["average", "feed"]


@inline
def feed(m, at, weight, sample, half_life):  # type: ignore[no-untyped-def]
    """Take a sample of some weight, in the unit of the half-life."""
    alpha = math.pow(0.5, weight / half_life)
    m[at] = alpha * m[at] + (1 - alpha) * sample
    m[at + 1] += weight


@inline
def average(m, at, half_life):  # type: ignore[no-untyped-def]
    """Return the average; there must have been a sample."""
    return m[at] / (1 - math.pow(0.5, m[at + 1] / half_life))
