"""The active constraints of an encoded rung."""

from dataclasses import replace

import numpy as np
import pytest

from ladders import Constraints, EncodeSettings, active_constraints
from tests.ladders.test_correction import encoded_by_the_law, final

LIMITS = Constraints(floor_below_mean=8.0, cap=98.5, peak_ratio=2.0)
SHIFT_FRACTION = 90.0


def told(changes, constraints=LIMITS):
    """Six chunks of equal bits and quality, but for (bits, quality) of some."""
    prober, ladder, _ = encoded_by_the_law()
    row = [final([10_000], SHIFT_FRACTION) for _ in ladder.chunks]
    for n, (bits, quality) in changes.items():
        row[n] = final([bits], quality)
    return active_constraints(
        prober.source, ladder.chunks, ladder.rungs[0].quantisers, row, constraints, EncodeSettings()
    )


def test_active_constraints_is_empty_for_equal_chunks():
    assert told({}) == {"floor": [], "cap": [], "peak": [], "max_quality_step": []}


@pytest.mark.parametrize(
    ("name", "there", "short_of_it"),
    [
        # the mean is a sixth of the way lower
        ("floor", (10_000, 80.6), (10_000, 82.0)),
        ("cap", (10_000, 98.2), (10_000, 97.0)),
        # five chunks of 10 000 and this one: the peak is twice the mean of the six
        ("peak", (23_500, SHIFT_FRACTION), (19_000, SHIFT_FRACTION)),
    ],
)
def test_active_constraints_reports_a_chunk_at_a_constraint(name, there, short_of_it):
    assert told({2: there})[name] == [2]
    assert told({2: short_of_it})[name] == []


def test_active_constraints_reports_both_sides_of_a_quality_step():
    constraints = replace(LIMITS, max_quality_step=5.0)
    assert told({5: (10_000, 94.8)}, constraints)["max_quality_step"] == [4, 5]
    assert told({5: (10_000, 94.0)}, constraints)["max_quality_step"] == []
    assert told({5: (10_000, 94.8)})["max_quality_step"] == []


def test_active_constraints_uses_the_worst_shot_of_a_chunk():
    prober, ladder, _ = encoded_by_the_law()
    vmaf = np.full(96, SHIFT_FRACTION)
    vmaf[:4] = 70
    row = [final([10_000], SHIFT_FRACTION) for _ in ladder.chunks]
    row[1] = replace(row[1], vmaf=vmaf)
    first = ladder.chunks[1].start
    chunks = [*ladder.chunks]
    assert told({})["floor"] == []
    for cuts, held in (((), []), ((first + 4,), [1])):
        chunks[1] = replace(chunks[1], cuts=cuts)
        found = active_constraints(prober.source, chunks, ladder.rungs[0].quantisers, row, LIMITS, EncodeSettings())
        assert found["floor"] == held
