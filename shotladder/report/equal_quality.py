"""The bitrate of a ladder at the quality of each rung of the fixed ladder, and its quality at equal bitrate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shotladder.report.baseline_comparison import SATURATED_VMAF
from shotladder.report.presentation_format import Comparison, Presentation

__all__ = ["RungChange", "compare_rungs"]


@dataclass(frozen=True, slots=True)
class RungChange:
    """One rung of the fixed ladder, and what the ladder needs in its place.

    Attributes
    ----------
    bitrate, vmaf : float
        Of the rung of the fixed ladder.
    equal_quality_bitrate : float or None
        Bitrate of the ladder at that VMAF, bits/s; None outside of its VMAF range.
    equal_bitrate_vmaf : float or None
        VMAF of the ladder at that bitrate; None outside of its bitrate range.
    """

    bitrate: float
    vmaf: float
    equal_quality_bitrate: float | None
    equal_bitrate_vmaf: float | None

    @property
    def percent(self) -> float | None:
        """Change of the bits at equal quality; negative is a saving."""
        if self.equal_quality_bitrate is None:
            return None
        return 100 * (self.equal_quality_bitrate / self.bitrate - 1)


def compare_rungs(presentation: Presentation, comparison: Comparison) -> list[RungChange]:
    """Return one comparison for each rung of the fixed ladder on which VMAF is not saturated.

    Between rungs the curve of the ladder is monotone cubic in log bitrate, as it is in the BD-rate.
    """
    rungs = [rung for rung in presentation.video if rung.codec == comparison.codec]
    points = sorted((rung.average_bitrate, rung.vmaf.mean) for rung in rungs)
    # the rungs rise in quality, apart from the noise of a correction
    kept = [point for n, point in enumerate(points) if all(point[1] > before[1] for before in points[:n])]
    rates = np.log([rate for rate, _ in kept])
    qualities = np.array([quality for _, quality in kept])
    changes = []
    for rate, quality in comparison.points:
        if quality < SATURATED_VMAF:
            log_rate = _interpolate(qualities, rates, quality)
            equal_rate = None if log_rate is None else float(np.exp(log_rate))
            changes.append(RungChange(rate, quality, equal_rate, _interpolate(rates, qualities, float(np.log(rate)))))
    return changes


def _interpolate(x: NDArray[np.float64], y: Sequence[float] | NDArray[np.float64], at: float) -> float | None:
    """Return the value of a monotone curve, or None outside of its points."""
    if len(x) < 2 or not x[0] <= at <= x[-1]:
        return None
    from scipy.interpolate import PchipInterpolator

    return float(PchipInterpolator(x, y)(at))
