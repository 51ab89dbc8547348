"""The rungs of a presentation as a table."""

from __future__ import annotations

from shotladder.report.presentation_format import Presentation
from shotladder.report.readable_units import format_bitrate

__all__ = ["RUNG_HEAD", "rung_rows"]

RUNG_HEAD = ("rung", "size", "bitrate", "peak bitrate", "VMAF", "harmonic", "5th pct", "min", "quantisers")


def rung_rows(presentation: Presentation) -> list[tuple[str, ...]]:
    """Return one row per rung, in the order of `RUNG_HEAD`; VMAF is the mean, the next three columns pool it too."""
    return [
        (
            rung.id,
            f"{rung.width}x{rung.height}",
            format_bitrate(rung.average_bitrate),
            format_bitrate(rung.peak_bitrate),
            *(f"{value:.1f}" for value in (rung.vmaf.mean, rung.vmaf.harmonic_mean, rung.vmaf.p5, rung.vmaf.min)),
            f"{min(rung.quantisers):g} to {max(rung.quantisers):g}",
        )
        for rung in presentation.video
    ]
