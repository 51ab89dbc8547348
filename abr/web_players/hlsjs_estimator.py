"""The bandwidth estimator of hls.js 1.7.4 (Apache-2.0): `utils/ewma.ts`, `utils/ewma-bandwidth-estimator.ts`."""

from __future__ import annotations

import math

__all__ = ["BandwidthEstimator"]

#: Estimate without samples, bit/s; `abrEwmaDefaultEstimate`
DEFAULT_RATE = 5e5
#: Half-lives of the averages, s; `abrEwmaFastVoD`, `abrEwmaSlowVoD`
FAST_HALF_LIFE, SLOW_HALF_LIFE = 3.0, 9.0
#: `utils/ewma-bandwidth-estimator.ts`: time to the first byte without samples and its lower bound, ms; lower bound of
#: the duration of a sample, ms; smallest weight for an estimate, s
DEFAULT_TTFB, MIN_TTFB, MIN_TIME, MIN_WEIGHT = 100.0, 5.0, 50.0, 1e-3


class _Average:
    """`utils/ewma.ts`."""

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._sum = self.weight = 0.0

    def add(self, weight: float, value: float) -> None:
        alpha = 0.5 ** (weight / self._half_life)
        self._sum = value * (1 - alpha) + alpha * self._sum
        self.weight += weight

    def value(self) -> float:
        factor = 1 - 0.5 ** (self.weight / self._half_life)
        return self._sum / factor if factor else self._sum


class BandwidthEstimator:
    """`utils/ewma-bandwidth-estimator.ts`; rates in bit/s, times in ms."""

    def __init__(self, default: float = DEFAULT_RATE) -> None:
        self._default = default
        self._fast, self._slow = _Average(FAST_HALF_LIFE), _Average(SLOW_HALF_LIFE)
        self._ttfb = _Average(SLOW_HALF_LIFE)

    def sample(self, milliseconds: float, size: float) -> None:
        """Add a download of a number of bytes."""
        if size <= 0:
            return
        seconds = max(milliseconds, min(MIN_TIME, size / 1e5)) / 1e3
        self._fast.add(seconds, 8 * size / seconds)
        self._slow.add(seconds, 8 * size / seconds)

    def sample_ttfb(self, milliseconds: float) -> None:
        """Add a time to the first byte."""
        seconds = milliseconds / 1e3
        self._ttfb.add(math.sqrt(2) * math.exp(-(seconds**2) / 2), max(milliseconds, MIN_TTFB))

    def forecast(self, milliseconds: float, ttfb: float | None, got: float, expected: float) -> tuple[float, float]:
        """Return the seconds until a running download ends, and its throughput; `abr-controller.ts`.

        Parameters
        ----------
        milliseconds : float
            Since the request.
        ttfb : float or None
            Time to the first byte, ms; None before it.
        got, expected : float
            Bytes that have arrived, and bytes of the whole segment.
        """
        if ttfb is None:
            return 8 * expected / self.rate + self.ttfb / 1e3, self.rate
        rate = 1e3 * got / max(milliseconds - ttfb, 1.0)
        return (expected - got) / rate, 8 * rate

    @property
    def can_estimate(self) -> bool:
        """Whether there are samples."""
        return self._fast.weight >= MIN_WEIGHT

    @property
    def rate(self) -> float:
        """The estimate, bit/s."""
        return min(self._fast.value(), self._slow.value()) if self.can_estimate else self._default

    @property
    def ttfb(self) -> float:
        """The expected time to the first byte, ms."""
        return self._ttfb.value() if self._ttfb.weight >= MIN_WEIGHT else DEFAULT_TTFB
