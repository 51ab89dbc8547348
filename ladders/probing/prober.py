"""Probe the chunks of a title, and keep the results and their cost."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from encoder import Chunk, Source
from ladders.ladder import ProbeCost
from ladders.ladder_request import EncodeSettings
from ladders.probing.probe_results import ProbePoint, ProbeResults
from ladders.probing.probe_runner import EncodeRunner, ProbeRunner, Progress
from shotladder_runtime.store import Store

__all__ = ["Prober"]


@dataclass(slots=True)
class Prober:
    """The probes of one title: what to encode, the results so far and their cost.

    Attributes
    ----------
    source : Source
    chunks : tuple of Chunk
    encoding : EncodeSettings
    store : Store
        Cache of the encodes.
    executor : Executor
        Runs the encodes.
    frame_stride : int
        Maximum frame stride of the measurement of probes, odd.
    cost : ProbeCost
        Of all probes so far.
    results : ProbeResults
        Of all probes so far. Probing replaces the value; it does not change it.
    runner : ProbeRunner, optional
        Measures probe points. By default an `EncodeRunner`; a simulation takes its place in tests and predictions.
    """

    source: Source
    chunks: tuple[Chunk, ...]
    encoding: EncodeSettings
    store: Store
    executor: Executor
    frame_stride: int = 9
    cost: ProbeCost = field(default_factory=ProbeCost)
    results: ProbeResults = field(default_factory=ProbeResults)
    runner: ProbeRunner | None = None

    def run(self, points: Iterable[ProbePoint], progress: Progress | None = None) -> None:
        """Probe all points that have no result yet."""
        missing = self.results.missing(points)
        if not missing:
            return
        runner = self.runner or EncodeRunner(
            self.source, self.chunks, self.encoding, self.store, self.executor, self.frame_stride
        )
        batch = runner.run(missing, progress)
        self.results = self.results.extended(batch.points)
        self.cost += batch.cost

    def sibling(self) -> Prober:
        """Return a prober with the same results and a cost of its own."""
        return replace(self, cost=ProbeCost())
