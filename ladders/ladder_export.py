"""Show a ladder in pandas, matplotlib and notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from shotladder_runtime.optional import require

if TYPE_CHECKING:
    from ladders.ladder import Ladder

__all__ = ["html_table", "plot_hull", "rung_table"]


def rung_table(ladder: Ladder) -> Any:
    """Return the rungs as a pandas DataFrame, one row per rung, lowest first."""
    rows = [
        {
            "id": rendition.id,
            "width": rung.width,
            "height": rung.height,
            "bitrate": rung.rate,
            "vmaf": rung.quality,
            "peak_bitrate": rung.peak_rate,
            "min_quantiser": min(rung.quantisers),
            "max_quantiser": max(rung.quantisers),
        }
        for rendition, rung in zip(ladder.renditions(), ladder.rungs, strict=True)
    ]
    return require("pandas", extra="pandas").DataFrame(rows)


def plot_hull(ladder: Ladder, axes: Any = None) -> Any:
    """Plot the curve of the title at each height and the rungs; return the matplotlib axes."""
    pyplot = require("matplotlib.pyplot", extra="plot")
    axes = pyplot.subplots()[1] if axes is None else axes
    for height in sorted({point.height for point in ladder.hull}, reverse=True):
        points = [point for point in ladder.hull if point.height == height]
        axes.plot([p.rate / 1e6 for p in points], [p.quality for p in points], linewidth=1, label=f"{height}p")
    bitrates, vmaf = [rung.rate / 1e6 for rung in ladder.rungs], [rung.quality for rung in ladder.rungs]
    axes.plot(bitrates, vmaf, "ko", label="rungs")
    axes.set(xscale="log", xlabel="bitrate (Mbit/s)", ylabel="VMAF", title=f"{ladder.mode} ladder, {ladder.codec}")
    axes.legend()
    return axes


def html_table(ladder: Ladder) -> str:
    """Return the rungs as an HTML table, lowest first."""
    rows = "".join(
        f"<tr><td>{rung.width}x{rung.height}</td><td>{rung.rate / 1000:.0f}</td><td>{rung.quality:.1f}</td></tr>"
        for rung in ladder.rungs
    )
    return (
        f"<table><caption>{escape(ladder.mode)} ladder, {escape(ladder.codec)}</caption>"
        f"<tr><th>size</th><th>bitrate (kbit/s)</th><th>VMAF</th></tr>{rows}</table>"
    )
