"""Networks made up by rule, for demonstrations and tests where no real trace may be shipped.

Each is a Markov chain of states, one draw a second; within a state the logarithm of the rate wanders as an AR(1)
process of correlation 0.8 around the state's mean. The parameters are stated, not fitted: they resemble public
sets of such networks in character, and are no substitute for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abr.errors import TraceError
from abr.traces.trace import Trace

__all__ = ["NETWORKS", "Network", "generate"]

CORRELATION = 0.8


@dataclass(frozen=True, slots=True)
class Network:
    """A Markov model.

    Attributes
    ----------
    rates : tuple of float
        Mean bits/s of every state; 0 is an outage.
    stay : tuple of float
        Mean seconds in every state.
    spread : float
        Standard deviation of the logarithm of the rate within a state.
    latency : float
        Seconds.
    """

    rates: tuple[float, ...]
    stay: tuple[float, ...]
    spread: float
    latency: float

    @property
    def mean_rate(self) -> float:
        """Long-run bits/s: every other state follows with equal chance, so that time goes as `stay`."""
        return sum(rate * stay for rate, stay in zip(self.rates, self.stay, strict=True)) / sum(self.stay)


NETWORKS = {
    "3g": Network((0.15e6, 0.8e6, 2.0e6), (12, 40, 30), 0.35, 0.1),
    "4g": Network((1.5e6, 10e6, 30e6), (10, 40, 30), 0.35, 0.05),
    "cable": Network((18e6, 30e6), (30, 240), 0.1, 0.02),
    "wifi": Network((0.0, 4e6, 18e6), (4, 20, 90), 0.3, 0.03),
}


def generate(network: str | Network, *, seed: int = 0, duration: float = 600.0) -> Trace:
    """Return a trace of one sample a second.

    Parameters
    ----------
    network : str or Network
        A name in `NETWORKS`, or a model.
    seed : int
        The same seed gives the same trace.
    duration : float
        Seconds, at least one.

    Examples
    --------
    >>> trace = generate("4g", seed=3, duration=60)
    >>> len(trace.durations), trace.name
    (60, '4g-3')
    """
    name = network if isinstance(network, str) else "network"
    if isinstance(network, str):
        if network not in NETWORKS:
            raise TraceError(f"no network is called {network!r}; there are {', '.join(NETWORKS)}")
        network = NETWORKS[network]
    count = int(duration)
    if count < 1:
        raise TraceError(f"a trace of {duration} s; at least one is needed")
    rng = np.random.default_rng(seed)
    stay = np.array(network.stay, np.float64)
    state = int(rng.choice(len(stay), p=stay / stay.sum()))
    wander = rng.normal()
    rates = np.zeros(count)
    for second in range(count):
        noise = np.exp(network.spread * wander - network.spread**2 / 2)
        rates[second] = network.rates[state] * noise
        wander = CORRELATION * wander + np.sqrt(1 - CORRELATION**2) * rng.normal()
        if rng.random() < 1 / stay[state]:
            state = int(rng.choice([other for other in range(len(stay)) if other != state]))
    if not rates.any():
        rates[-1] = max(network.rates)
    return Trace(f"{name}-{seed}", np.ones(count), rates, np.full(count, network.latency))
