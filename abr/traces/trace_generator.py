"""Generate network traces from Markov models, for demonstrations and tests without recorded traces.

A model is a Markov chain of states with one step for each second. Within a state, the logarithm of the rate is an AR(1)
process around the logarithm of the state's mean. All parameters are chosen by hand, not fitted. For comparison, the
means of the models and of measured sets, Mbit/s:

======= ====== ============================================================================
network model  measured set
======= ====== ============================================================================
3g      1.14   1.15 (Riiser et al. 2013, commutes in Norway on HSDPA)
4g      16.4   31.4 (van der Hooft et al. 2016, Ghent on LTE)
cable   28.7   17.1 (FCC, Measuring Broadband America, as Sabre's `hd_fs` holds it)
wifi    14.9   none; outages follow the idea of Gilbert 1960 and Elliott 1963
======= ====== ============================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abr.errors import TraceError
from abr.traces.trace import Trace

__all__ = ["NETWORKS", "Network", "generate_trace"]

#: correlation of the logarithm of the rate between two seconds of a state; chosen by hand
CORRELATION = 0.8


@dataclass(frozen=True, slots=True)
class Network:
    """A Markov model of a network; when it leaves a state, all other states are equally likely.

    Attributes
    ----------
    rates : tuple of float
        Mean throughput of every state, bit/s; 0 is an outage.
    dwell_times : tuple of float
        Mean time in every state, s.
    log_rate_sigma : float
        Standard deviation of the natural logarithm of the rate within a state.
    latency : float
        Seconds from a request to its first bit.
    """

    rates: tuple[float, ...]
    dwell_times: tuple[float, ...]
    log_rate_sigma: float
    latency: float

    @property
    def mean_rate(self) -> float:
        """Long-run mean throughput, bit/s: states are entered equally often, so dwell times are their weights."""
        weighted = sum(rate * time for rate, time in zip(self.rates, self.dwell_times, strict=True))
        return weighted / sum(self.dwell_times)


#: name -> model; all parameters are chosen by hand, see the docstring of the module
NETWORKS = {
    "3g": Network((0.15e6, 0.8e6, 2.0e6), (12, 40, 30), 0.35, 0.1),
    "4g": Network((1.5e6, 10e6, 30e6), (10, 40, 30), 0.35, 0.05),
    "cable": Network((18e6, 30e6), (30, 240), 0.1, 0.02),
    "wifi": Network((0.0, 4e6, 18e6), (4, 20, 90), 0.3, 0.03),
}


def generate_trace(network: str | Network, *, seed: int = 0, duration: float = 600.0) -> Trace:
    """Generate a trace with an interval for each second.

    Parameters
    ----------
    network : str or Network
        A name in `NETWORKS`, or a model.
    seed : int
        The same seed gives the same trace. The chain starts in its stationary distribution.
    duration : float
        Seconds, at least 1.

    Returns
    -------
    Trace

    Raises
    ------
    TraceError
        When the network is unknown or the duration is below 1 s.

    Examples
    --------
    >>> trace = generate_trace("4g", seed=3, duration=60)
    >>> len(trace.durations), trace.name
    (60, '4g-3')
    """
    name = network if isinstance(network, str) else "network"
    if isinstance(network, str):
        if network not in NETWORKS:
            raise TraceError(f"unknown network {network!r} (choose from {', '.join(NETWORKS)})")
        network = NETWORKS[network]
    count = int(duration)
    if count < 1:
        raise TraceError(f"a trace cannot last {duration} s; the minimum is 1 s")
    rng = np.random.default_rng(seed)
    dwell = np.array(network.dwell_times, np.float64)
    sigma = network.log_rate_sigma
    state = int(rng.choice(len(dwell), p=dwell / dwell.sum()))
    deviation = rng.normal()  # of the AR(1) process, in units of sigma
    rates = np.zeros(count)
    for second in range(count):
        # minus sigma^2 / 2: the mean of the log-normal rate is then the mean of the state
        rates[second] = network.rates[state] * np.exp(sigma * deviation - sigma**2 / 2)
        deviation = CORRELATION * deviation + np.sqrt(1 - CORRELATION**2) * rng.normal()
        if rng.random() < 1 / dwell[state]:
            state = int(rng.choice([other for other in range(len(dwell)) if other != state]))
    if not rates.any():
        rates[-1] = max(network.rates)  # a trace that is one outage would never end a download
    return Trace(f"{name}-{seed}", np.ones(count), rates, np.full(count, network.latency))
