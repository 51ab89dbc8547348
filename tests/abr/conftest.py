"""Presentations and traces for the tests of `abr`."""

import numpy as np
import pytest

import abr


@pytest.fixture(scope="session")
def film() -> abr.Presentation:
    """Return a presentation of 60 segments and five rungs with varying sizes and VMAF."""
    rng = np.random.default_rng(7)
    rates = np.array([300, 750, 1500, 3000, 6000]) * 1000
    durations = rng.choice([3.0, 4.0, 5.0], 60)
    weight = np.exp(rng.normal(0, 0.35, 60))
    weight /= (weight * durations).sum() / durations.sum()
    sizes = np.round(np.outer(durations * weight, rates) / 8).astype(np.int64)
    vmaf = np.clip(np.array([40, 62, 78, 90, 96]) - 8 * np.log(weight)[:, None], 5, 100)
    rungs = tuple(
        abr.Rung(f"{h}p", int(r), h * 16 // 9, h) for r, h in zip(rates, (240, 360, 540, 720, 1080), strict=True)
    )
    return abr.Presentation("film", rungs, durations, sizes, vmaf)


def random_trace(seed: int, mean: float = 2e6) -> abr.Trace:
    """Return a trace with random throughput and latency, and with outages."""
    rng = np.random.default_rng(seed)
    count = 200
    rates = mean * np.exp(np.cumsum(rng.normal(0, 0.25, count)) % 2 - 1)
    rates[rng.random(count) < 0.06] = 0.0
    return abr.Trace(f"random{seed}", rng.uniform(0.3, 4, count), rates, rng.uniform(0.02, 0.3, count))


@pytest.fixture(scope="session")
def networks() -> tuple[abr.Trace, ...]:
    """Return random traces with a mean throughput of 0.3 to 40 Mbit/s."""
    return tuple(random_trace(seed, mean) for seed, mean in enumerate((3e5, 1e6, 2e6, 4e6, 1e7, 4e7)))
