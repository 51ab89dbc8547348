"""The client population that rungs are placed for: simulated sessions over recorded networks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from markupsafe import Markup

import abr
from ladders.allocation.rung_placement import RungChoice
from shotladder.report.viewers.viewers_section import draw_viewers, simulate_viewers

__all__ = ["ClientPopulation"]

#: Maximum duration of a simulated session, s; a longer source has sessions of this duration. Chosen by hand, not tuned.
MAX_SESSION = 600.0
#: ABR policies of the clients; several, so that the rungs are not fitted to one player. Chosen by hand, not tuned.
POLICIES = ("bba-2", "bola-e", "throughput")
#: Sessions per trace, each from another offset, to reduce sampling noise. Chosen by hand, not tuned.
STARTS = 8
#: Devices whose sessions the report shows.
DEVICES = ("tv-1080p", "phone")
#: Standard deviation of the logarithm of segment sizes. Chosen by hand, not tuned.
SIZE_LOG_SIGMA = 0.4
#: Maximum size of a segment relative to the median. Chosen by hand, not tuned.
MAX_SIZE_RATIO = 2.0


@dataclass(frozen=True, slots=True)
class ClientPopulation:
    """Scores a ladder before it is encoded, by simulated sessions over network traces; see `abr.expected_quality`.

    Attributes
    ----------
    networks : str
        Hash of the traces; identifies the population.
    duration, segment : float
        Duration of the source, and of a segment, s.
    traces : tuple of Trace
    """

    networks: str
    duration: float
    segment: float
    traces: tuple[abr.Trace, ...] = field(repr=False, compare=False)

    @classmethod
    def from_traces(cls, paths: Sequence[Path], duration: float, segment: float) -> ClientPopulation:
        """Return the population of the traces in files and directories."""
        traces = abr.load_traces(paths)
        digest = hashlib.blake2b(digest_size=16)
        for trace in traces:
            for column in (trace.durations, trace.rates, trace.latencies):
                digest.update(column.tobytes())
        return cls(digest.hexdigest(), duration, segment, traces)

    def __call__(self, ladder: Sequence[RungChoice]) -> float:
        """Return the mean delivered VMAF minus the rebuffering penalty."""
        device = "tv-4k" if max(choice.height for choice in ladder) > 1080 else "tv-1080p"
        pres = self.presentation(ladder)
        scores = [abr.ExpectedQuality(self.traces, policy, device=device, starts=STARTS)(pres) for policy in POLICIES]
        return sum(scores) / len(scores)

    def draw_viewers(self, document: Path, target_vmaf: float) -> Markup:
        """Return the section of the report on the sessions of these clients with an encoded presentation.

        Parameters
        ----------
        document : Path
            `presentation.json`.
        target_vmaf : float
            Of the metric `time_at_target`.
        """
        pres = abr.load_presentation(document)
        model = replace(abr.MODES["default"], target_vmaf=target_vmaf)
        starts = abr.start_offsets(self.traces, STARTS, 0)
        return draw_viewers(simulate_viewers(pres, self.traces, POLICIES, DEVICES, starts=starts, model=model))

    def presentation(self, ladder: Sequence[RungChoice]) -> abr.Presentation:
        """Return the ladder as a player sees it, with log-normal segment sizes because none is encoded yet."""
        count = max(1, round(min(self.duration, MAX_SESSION) / self.segment))
        weight = np.minimum(np.random.default_rng(0).lognormal(0.0, SIZE_LOG_SIGMA, count), MAX_SIZE_RATIO)
        sizes = np.outer(weight / weight.mean(), [choice.rate * self.segment / 8 for choice in ladder])
        vmaf = np.tile([choice.quality for choice in ladder], (count, 1))
        rungs = tuple(abr.Rung(str(n), round(c.rate), height=c.height) for n, c in enumerate(ladder))
        return abr.Presentation("ladder", rungs, np.full(count, self.segment), np.ceil(sizes).astype(np.int64), vmaf)
