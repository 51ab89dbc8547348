"""What is told of a ladder beside the fixed one follows from what was measured of both."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from encoder import Chunk, Segment
from ladders import Anchor, FinalEncodes, Ladder, ProbeCost, Rung
from ladders.final.final_encodes import FinalChunk
from shotladder.report.baseline_comparison import compare_with_fixed
from tests.ladders.synthetic import film

CURVE = ((250_000, 60.0), (500_000, 75.0), (1_000_000, 86.0), (2_000_000, 93.0))


def compared(points, errors=(0.0,) * 4, pooling="mean", spread=0.0):
    """Ten seconds of one shot, encoded at the rates and qualities of the curve, beside an anchor."""
    source = film(240)
    seconds = float(source.duration / Fraction(1))
    scores = [quality + spread * np.where(np.arange(240) % 2, 1, -1) for _, quality in CURVE]
    rows = tuple(
        (FinalChunk(Path("chunk"), (round(rate * seconds),), score, "native", "v", 0.0, 0.0),)
        for (rate, _), score in zip(CURVE, scores, strict=True)
    )
    rungs = tuple(Rung(1280, 720, (24.0,), rate, quality) for rate, quality in CURVE)
    ladder = Ladder(
        mode="per-shot", codec="h264", preset="medium", tune="visual", target=93.0, content_id="known",
        chunks=(Chunk(0, 240, (0,), (0,)),), segments=(Segment(0, 240),), rungs=rungs, pooling=pooling,
    )  # fmt: skip
    return compare_with_fixed(
        source, ladder, FinalEncodes(rows, 0.0, 0.0), Anchor(tuple(points), errors, 1, ProbeCost())
    )


def test_half_the_bits_are_told_as_such():
    told = compared([(2 * rate, quality) for rate, quality in CURVE])
    assert told.bd_rate_percent == pytest.approx(-50, abs=0.01)
    assert told.bd_rate_error_percent == 0
    assert (told.vmaf_low, told.vmaf_high) == (60, 93)
    assert told.stored_bits_percent == told.top_rung_percent == pytest.approx(-50, abs=0.01)


def test_an_error_of_the_anchor_is_one_of_the_bd_rate():
    one, two = (compared(CURVE, (error,) * 4).bd_rate_error_percent for error in (0.5, 1.0))
    assert 0 < one < two
    # twice the bits buy 15 to 7 VMAF here
    assert two == pytest.approx(7, abs=3)


def test_where_the_two_have_no_quality_in_common_their_bits_are_told_alone():
    told = compared([(3_000_000, 94.0), (4_000_000, 96.0), (6_000_000, 98.0), (8_000_000, 99.5)])
    assert told.bd_rate_percent is None and told.vmaf_low is None
    assert told.top_rung_percent == -75


def test_both_sides_are_pooled_alike():
    harmonic = [
        240 / np.sum(1 / (quality + 10.0 * np.where(np.arange(240) % 2, 1, -1) + 1)) - 1 for _, quality in CURVE
    ]
    points = [(rate, float(quality)) for (rate, _), quality in zip(CURVE, harmonic, strict=True)]
    assert compared(points, pooling="harmonic", spread=10.0).bd_rate_percent == pytest.approx(0, abs=0.01)
    assert abs(compared(points, spread=10.0).bd_rate_percent) > 1
