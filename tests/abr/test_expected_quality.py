"""`ExpectedQuality` values a ladder by the VMAF and the stalls of simulated sessions."""

import numpy as np

import abr
from tests.abr.conftest import random_trace


def test_expected_quality_prefers_the_ladder_that_fits_the_networks(film):
    def select_rungs(*rungs):
        keep = list(rungs)
        return abr.Presentation(
            film.title, tuple(film.rungs[i] for i in keep), film.durations, film.sizes[:, keep], film.vmaf[:, keep]
        )

    slow = abr.ExpectedQuality([random_trace(seed, 0.6e6) for seed in range(6)], "bola-e")
    fast = abr.ExpectedQuality([random_trace(seed, 2e7) for seed in range(6)], "bola-e")
    low, high = select_rungs(0, 1, 2), select_rungs(2, 3, 4)
    assert slow(low) > slow(high)
    assert fast(high) > fast(low)
    assert np.isfinite(slow(film))
