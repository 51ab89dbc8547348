"""Compare a measured ladder with the measured fixed ladder."""

from __future__ import annotations

from collections.abc import Sequence

from encoder import Source
from ladders import Anchor, EncodeSettings, FinalEncodes, Ladder, bd_rate
from shotladder.report.presentation_format import Comparison
from shotladder.report.readable_units import codec_label

__all__ = ["compare_with_fixed"]

#: VMAF from which the scale saturates: more bits no longer raise the score, so a BD-rate there has no meaning.
#: Chosen by hand, not tuned.
SATURATED_VMAF = 99.0


def compare_with_fixed(source: Source, ladder: Ladder, finals: FinalEncodes, anchor: Anchor) -> Comparison:
    """Compare the measured rungs of a ladder with those of the fixed ladder, pooled in the same way."""
    points, encoding = anchor.points, EncodeSettings(pooling=ladder.pooling)
    duration = float(source.duration)
    measured = [
        (sum(chunk.bits for chunk in row) / duration, encoding.pool(finals.vmaf(n)))
        for n, row in enumerate(finals.chunks)
    ]
    return Comparison(
        codec=ladder.codec,
        anchor=f"Apple's fixed {codec_label(ladder.codec)} ladder",
        points=[(rate, vmaf) for rate, vmaf in points],
        sampled_chunks=anchor.chunks,
        chunks=len(ladder.chunks),
        **_bd_rate(anchor, measured),
        stored_bits_percent=round(100 * (sum(rate for rate, _ in measured) / sum(r for r, _ in points) - 1), 2),
        top_rung_percent=round(100 * (measured[-1][0] / points[-1][0] - 1), 2),
    )


def _bd_rate(anchor: Anchor, measured: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    """Return the BD-rate, its standard error and its VMAF range; None for each without a common VMAF range.

    The error is half the difference of the BD-rates with the anchor's VMAF moved down and up by its standard error.
    """
    pairs = zip(anchor.points, anchor.errors, strict=True)
    kept = [(rate, vmaf, error) for (rate, vmaf), error in pairs if vmaf < SATURATED_VMAF]
    try:
        result, worse, better = (
            bd_rate([(r, q + side * e) for r, q, e in kept], measured, drop_dominated=True) for side in (0, -1, 1)
        )
    except ValueError:
        return dict.fromkeys(("bd_rate_percent", "bd_rate_error_percent", "vmaf_low", "vmaf_high"))
    return {
        "bd_rate_percent": round(result.percent, 2),
        "bd_rate_error_percent": round(abs(worse.percent - better.percent) / 2, 2),
        "vmaf_low": round(result.low, 2),
        "vmaf_high": round(result.high, 2),
    }
