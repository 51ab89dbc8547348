"""A ladder beside the fixed one, both measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from encoder import Source
from ladders import Anchor, EncodeSettings, FinalEncodes, Ladder, bd_rate

__all__ = ["against_fixed"]

#: VMAF from which its scale ends: more bits no longer show.
SATURATED = 99.0


def against_fixed(source: Source, ladder: Ladder, finals: FinalEncodes, anchor: Anchor) -> dict[str, Any]:
    """Return what `presentation.json` says of measured rungs and the fixed ladder."""
    points, encoding = anchor.points, EncodeSettings(pooling=ladder.pooling)
    duration = float(source.duration)
    measured = [
        (sum(chunk.bits for chunk in row) / duration, encoding.pool(finals.vmaf(n)))
        for n, row in enumerate(finals.chunks)
    ]
    return {
        "codec": ladder.codec,
        "anchor": f"Apple's fixed {ladder.codec} ladder",
        "points": [list(point) for point in points],
        # so many of them were tried
        "chunks_tried": anchor.chunks,
        "chunks": len(ladder.chunks),
        **_bd_rate(anchor, measured),
        # of all rungs together, and of the dearest
        "stored_bits_percent": round(100 * (sum(rate for rate, _ in measured) / sum(r for r, _ in points) - 1), 2),
        "top_rung_percent": round(100 * (measured[-1][0] / points[-1][0] - 1), 2),
    }


def _bd_rate(anchor: Anchor, measured: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    """Return the BD-rate, its standard error where but a sample was tried, and its range; nulls where there is none."""
    # quality at the end of its scale says nothing of rates
    pairs = zip(anchor.points, anchor.errors, strict=True)
    kept = [(rate, quality, error) for (rate, quality), error in pairs if quality < SATURATED]
    try:
        result, worse, better = (bd_rate([(r, q + side * e) for r, q, e in kept], measured) for side in (0, -1, 1))
    except ValueError:
        return dict.fromkeys(("bd_rate_percent", "bd_rate_error_percent", "vmaf_low", "vmaf_high"))
    return {
        "bd_rate_percent": round(result.percent, 2),
        "bd_rate_error_percent": round(abs(worse.percent - better.percent) / 2, 2),
        "vmaf_low": round(result.low, 2),
        "vmaf_high": round(result.high, 2),
    }
