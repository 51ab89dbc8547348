"""Throughput average and three rules of dash.js 5.2.1 (BSD-3).

Sources: `ThroughputModel.js`, `BolaRule.js`, `SwitchHistoryRule.js`, `AbandonRequestsRule.js`.
"""

from __future__ import annotations

import math

__all__ = [
    "BOLA_MIN_BUFFER",
    "BUFFER_TARGET",
    "HISTORY_SIZE",
    "BolaRule",
    "ThroughputAverage",
    "abandonment_rung",
    "highest_rung",
    "history_rung",
]

#: Multiple of its duration that a segment may take; `abr.rules.abandonRequestsRule`
ABANDON_MULTIPLE = 1.8
#: Buffer target below the top rung, s; `core/Settings.js`, `buffer.bufferTimeDefault`
BUFFER_TARGET = 18.0
#: Half-lives of the throughput averages, s, and weight of a sample per ms; `abr.throughput.ewma`
FAST_HALF_LIFE, SLOW_HALF_LIFE, SAMPLE_WEIGHT = 3.0, 8.0, 0.0015
#: `BolaRule.js`: smallest buffer, buffer for each rung, s, and decay of the placeholder buffer for each segment
BOLA_MIN_BUFFER, BOLA_BUFFER_PER_RUNG, PLACEHOLDER_DECAY = 10.0, 2.0, 0.99
#: Window and threshold of the switch-history rule; `abr.rules.switchHistoryRule`
HISTORY_SIZE, HISTORY_THRESHOLD = 8, 0.075


class ThroughputAverage:
    """The throughput averages of one media type; `ThroughputModel._updateEwmaValues`."""

    def __init__(self) -> None:
        self.fast = self.slow = self.weight = 0.0

    def add(self, value: float, milliseconds: float) -> None:
        """Add a sample in kbit/s of a download that took a number of milliseconds."""
        weight = SAMPLE_WEIGHT * milliseconds
        fast, slow = 0.5 ** (weight / FAST_HALF_LIFE), 0.5 ** (weight / SLOW_HALF_LIFE)
        self.fast = (1 - fast) * value + fast * self.fast
        self.slow = (1 - slow) * value + slow * self.slow
        self.weight += weight

    def estimate(self) -> float:
        """Return the rounded estimate, kbit/s; NaN without a sample."""
        if self.weight <= 0:
            return math.nan
        fast = self.fast / (1 - 0.5 ** (self.weight / FAST_HALF_LIFE))
        slow = self.slow / (1 - 0.5 ** (self.weight / SLOW_HALF_LIFE))
        return float(math.floor(min(fast, slow) + 0.5))


class BolaRule:
    """`BolaRule.js`; times in s."""

    def __init__(self, bitrates: list[float]) -> None:
        self.bitrates = bitrates
        self.utilities = [math.log(rate) - math.log(bitrates[0]) + 1 for rate in bitrates]
        buffer = max(BUFFER_TARGET, BOLA_MIN_BUFFER + BOLA_BUFFER_PER_RUNG * len(bitrates))
        self.gp = (self.utilities[-1] - 1) / (buffer / BOLA_MIN_BUFFER - 1)
        self.vp = BOLA_MIN_BUFFER / self.gp
        self.is_steady = False
        self.placeholder = 0.0
        self.most_advanced = math.nan
        self.was_replacement = False
        self.last_duration = math.nan
        self.last_finish = math.nan
        self.last_call = math.nan
        self.current = 0

    def clear(self) -> None:
        """Start again after a seek; `clearBolaStateOnSeek`."""
        self.is_steady, self.placeholder = False, 0.0
        self.most_advanced = self.last_duration = self.last_finish = self.last_call = math.nan

    def min_level(self, rung: int) -> float:
        """Return the buffer level above which a rung is preferred to all lower rungs, s."""
        level = 0.0
        for lower in range(rung):
            u, v = self.utilities[lower], self.utilities[rung]
            if u < v:
                step = (self.bitrates[rung] * u - self.bitrates[lower] * v) / (
                    self.bitrates[rung] - self.bitrates[lower]
                )
                level = max(level, self.vp * (self.gp + step))
        return level

    def max_level(self, rung: int) -> float:
        """Return the buffer level above which the rule waits rather than download a rung, s."""
        return self.vp * (self.utilities[rung] + self.gp)

    def best(self, level: float) -> int:
        """Return the rung of the highest score at a buffer level, s."""
        best, top = 0, -math.inf
        for rung, rate in enumerate(self.bitrates):
            score = (self.vp * (self.utilities[rung] - 1 + self.gp) - level) / rate
            if score >= top:
                best, top = rung, score
        return best

    def loaded(self, start: float, duration: float, rung: int, level: float, begun: float, finish: float) -> None:
        """Take note of a segment; `_onMediaFragmentLoaded` and `_checkNewSegment`."""
        self.was_replacement = not (math.isnan(self.most_advanced) or start > self.most_advanced)
        if not self.was_replacement:
            self.most_advanced = start
        self.last_duration = duration
        self.current = rung
        self.placeholder *= PLACEHOLDER_DECAY
        at_request = level + finish - begun
        self.placeholder = min(self.placeholder, max(0.0, self.max_level(rung) - at_request))
        if self.was_replacement:
            self.placeholder += duration
        self.last_finish = finish


def highest_rung(bitrates: list[float], rate: float) -> int:
    """Return the highest rung up to a bitrate in kbit/s; `getOptimalRepresentationForBitrate`."""
    found = [rung for rung, bitrate in enumerate(bitrates) if bitrate <= rate]
    return found[-1] if found and rate > 0 else 0


def abandonment_rung(
    bitrates: list[float], rung: int, duration: float, size: float, events: list[tuple[float, float]]
) -> int | None:
    """Return the rung that replaces a download which takes too long; None if it does not.

    Parameters
    ----------
    bitrates : list of float
        kbit/s.
    rung : int
    duration, size : float
        Of the segment, s and bytes.
    events : list of (float, float)
        Time, s, and received bytes of each progress event.
    """
    (begin, first), (now, got) = events[0], events[-1]
    rate = math.floor(8 * (got - first) / max(1e3 * (now - begin), 1.0) + 0.5)
    if rate <= 0 or round(size * 8 / rate / 1000, 2) < duration * ABANDON_MULTIPLE:
        return None
    lower = highest_rung(bitrates, rate)
    return lower if size - got > size * bitrates[lower] / bitrates[rung] else None


def history_rung(history: list[tuple[int, int]], count: int) -> int | None:
    """Return the highest rung that recent switches down permit; None without a constraint.

    Parameters
    ----------
    history : list of (int, int)
        Rung before and after each of the last decisions, at most `HISTORY_SIZE`.
    count : int
        Number of rungs.
    """
    drops = keeps = 0
    for rung in range(count):
        here = [new < old for old, new in history if old == rung]
        drops += sum(here)
        keeps += len(here) - sum(here)
        if drops + keeps >= HISTORY_SIZE and drops > HISTORY_THRESHOLD * keeps:
            return rung - 1 if rung > 0 and sum(here) > 0 else rung
    return None
