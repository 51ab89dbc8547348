"""A plot of what ladders save over what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def draw(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw BD-rate over CPU time, both relative to the fixed ladder at its preset: one panel per video.

    The line joins the presets of the fixed ladder. A ladder below the line saves more bits than a fixed ladder that
    costs as much.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(results), figsize=(4.5 * len(results), 4), squeeze=False)
    for panel, result in zip(panels[0], results, strict=True):
        base = result["anchor"]["cpu"]
        fixed = sorted((each["cpu"] / base, each["bd_rate"]) for each in result["slower_presets"])
        panel.plot(*zip(*fixed, strict=True), "o-", color="grey", label="fixed ladder, slower presets")
        for name, ours in result["modes"].items():
            if ours["bd_rate"]["mean"] is not None:
                panel.plot(ours["cpu_ratio"], ours["bd_rate"]["mean"], "o", label=name)
        panel.set(title=result["video"], xlabel="CPU time relative to the fixed ladder", ylabel="BD-rate, %")
        panel.legend(fontsize="small")
        panel.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
