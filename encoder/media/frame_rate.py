"""The nominal and the mean frame rate of a source."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median

__all__ = ["find_mean_rate", "find_nominal_rate"]

#: Frame rates of films and television, per second.
_COMMON = tuple(Fraction(n * 1000, 1001) for n in (24, 30, 60, 120)) + tuple(map(Fraction, (24, 25, 30, 50, 60)))


def find_mean_rate(pts: Sequence[int], time_base: Fraction, stated: Fraction | None) -> Fraction:
    """Return the mean frame rate: a common one, or the stated one, if the times agree with it.

    Parameters
    ----------
    pts : sequence of int
        Presentation times, at least two, increasing, ticks.
    time_base : Fraction
        Seconds per tick.
    stated : Fraction or None
        Frame rate that the container states.

    Notes
    -----
    The number of frames and the time from the first to the last one leave the mean uncertain by a part of a frame; in
    this range, the regression line of the times decides. It is exact for periodic times such as those of soft telecine.

    Examples
    --------
    >>> find_mean_rate([0, 2, 5, 7, 10, 12, 15, 17, 20], Fraction(1001, 60000), None)
    Fraction(24000, 1001)
    """
    count = len(pts)
    mean = Fraction(pts[-1] - pts[0], count - 1)
    uncertainty = Fraction(median(b - a for a, b in pairwise(pts))) / (count - 1)
    # the sum of n - (count - 1) / 2, squared, is count (count^2 - 1) / 12
    slope = Fraction(6 * sum((2 * n - count + 1) * p for n, p in enumerate(pts)), count * (count**2 - 1))

    def distance(rate: Fraction) -> Fraction:
        return abs(1 / (rate * time_base) - slope)

    agreeing = [r for r in (stated, *_COMMON) if r and abs(1 / (r * time_base) - mean) <= uncertainty]
    return min(agreeing, key=distance, default=(1 / (mean * time_base)).limit_denominator(1001))


def find_nominal_rate(pts: Sequence[int], time_base: Fraction, stated: Fraction | None) -> tuple[Fraction, Fraction]:
    """Return the frame rate without gaps, and the mean duration of such a frame in ticks.

    The rate is the stated one, or a common one, if it agrees with the times.

    Parameters
    ----------
    pts : sequence of int
        Presentation times, increasing, ticks.
    time_base : Fraction
        Seconds per tick.
    stated : Fraction or None
        Frame rate that the container states.
    """
    if len(pts) == 1:
        rate = stated or Fraction(25)
        return rate, 1 / (rate * time_base)
    steps = sorted(b - a for a, b in pairwise(pts))
    middle = steps[len(steps) // 2]
    # without gaps and bursts, the rounding of a coarse time base averages out
    regular = [step for step in steps if 4 * abs(step - middle) <= middle] or [middle]
    step = Fraction(sum(regular), len(regular))
    broadcast = (Fraction(n * 1000, 1001) for n in (24, 30, 60, 120))
    for candidate in (stated, *broadcast, (1 / (step * time_base)).limit_denominator(1)):
        # equal to the measured rate within one tick over all frames
        if candidate and abs(1 / candidate - step * time_base) * len(regular) <= time_base:
            return candidate, step
    return (1 / (step * time_base)).limit_denominator(1001), step
