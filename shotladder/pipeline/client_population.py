"""The viewers that a ladder is placed for: what they would get of it on networks that were recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import abr
from ladders.allocation.rung_placement import RungChoice

__all__ = ["Viewers"]

#: A session of so many seconds stands for a longer film.
LONGEST = 600.0
#: Their players, and sessions on each network: a single player and few sessions would fit the rungs to chance.
POLICIES = ("bba-2", "bola-e", "throughput")
STARTS = 8
#: Of the logarithm of segments' sizes, and the largest against the mean.
SPREAD, HEAVIEST = 0.4, 2.0


@dataclass(frozen=True, slots=True)
class Viewers:
    """Scores a ladder, before it is encoded, by replaying networks over it; see `abr.expected_quality`.

    Attributes
    ----------
    networks : str
        Hash of the traces: what a ladder's name says of its viewers.
    duration, segment : float
        Of the film, and of its segments, s.
    traces : tuple of Trace
    """

    networks: str
    duration: float
    segment: float
    traces: tuple[abr.Trace, ...] = field(repr=False, compare=False)

    @classmethod
    def on(cls, paths: Sequence[Path], duration: float, segment: float) -> Viewers:
        """Return the viewers on the networks that files and folders hold."""
        traces = abr.load_traces(paths)
        digest = hashlib.blake2b(digest_size=16)
        for trace in traces:
            for column in (trace.durations, trace.rates, trace.latencies):
                digest.update(column.tobytes())
        return cls(digest.hexdigest(), duration, segment, traces)

    def __call__(self, ladder: Sequence[RungChoice]) -> float:
        """Return the mean delivered VMAF less the price of stalls."""
        device = "tv-4k" if max(choice.height for choice in ladder) > 1080 else "tv-1080p"
        pres = self.presentation(ladder)
        scores = [abr.audience(self.traces, policy, device=device, starts=STARTS)(pres) for policy in POLICIES]
        return sum(scores) / len(scores)

    def presentation(self, ladder: Sequence[RungChoice]) -> abr.Presentation:
        """Return the ladder as a player would see it, before anybody knows its segments: they vary as films' do."""
        count = max(1, round(min(self.duration, LONGEST) / self.segment))
        weight = np.minimum(np.random.default_rng(0).lognormal(0.0, SPREAD, count), HEAVIEST)
        sizes = np.outer(weight / weight.mean(), [choice.rate * self.segment / 8 for choice in ladder])
        vmaf = np.tile([choice.quality for choice in ladder], (count, 1))
        rungs = tuple(abr.Rung(str(n), round(c.rate), height=c.height) for n, c in enumerate(ladder))
        return abr.Presentation("ladder", rungs, np.full(count, self.segment), np.ceil(sizes).astype(np.int64), vmaf)
