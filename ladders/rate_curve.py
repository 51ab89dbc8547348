"""Bitrate-VMAF curves of encoded or predicted points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["RateCurve"]


@dataclass(frozen=True, slots=True)
class RateCurve:
    """A bitrate-VMAF curve, linear in the logarithm of the bitrate between its points.

    Attributes
    ----------
    bitrates : tuple of float
        Bits/s, increasing.
    vmaf : tuple of float
        VMAF at each bitrate, increasing.

    Examples
    --------
    >>> curve = RateCurve.through([(1e6, 80.0), (4e6, 90.0)])
    >>> curve.vmaf_at(2e6)
    85.0
    >>> round(curve.bitrate_at(85.0))
    2000000
    """

    bitrates: tuple[float, ...]
    vmaf: tuple[float, ...]

    @classmethod
    def through(cls, points: Iterable[tuple[float, float]]) -> RateCurve:
        """Return the curve through the (bitrate, VMAF) points that no cheaper point equals or exceeds in VMAF."""
        best: list[tuple[float, float]] = []
        for bitrate, vmaf in sorted(points, key=lambda point: (point[0], -point[1])):
            if not best or vmaf > best[-1][1]:
                best.append((float(bitrate), float(vmaf)))
        return cls(tuple(bitrate for bitrate, _ in best), tuple(vmaf for _, vmaf in best))

    def vmaf_at(self, bitrate: float) -> float:
        """Return the VMAF at a bitrate in bits/s; NaN outside the range of the curve."""
        log_bitrates = np.log(self.bitrates)
        return float(np.interp(np.log(bitrate), log_bitrates, self.vmaf, left=np.nan, right=np.nan))

    def bitrate_at(self, vmaf: float) -> float:
        """Return the bitrate in bits/s at a VMAF; NaN outside the range of the curve."""
        return float(np.exp(np.interp(vmaf, self.vmaf, np.log(self.bitrates), left=np.nan, right=np.nan)))
