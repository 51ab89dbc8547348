"""Follows the probe encodes of a title: how much of them is done, and which ladder the probes so far lead to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ladders import LadderRequest, ProbeCost, Prober, Rung
from ladders.construction.ladder_builder import LadderBuilder
from ladders.probing.curve_fit import fit_all
from ladders.probing.probe_results import ProbeBatch, ProbePoint
from ladders.probing.probe_runner import Progress
from ladders.probing.sampling import frame_stride_for
from shotladder.pipeline.timing.cost_model import ProbeEncode, codec_factor, expect_probe_bits, probe_seconds
from shotladder.pipeline.timing.run_estimate import JOB_SECONDS

__all__ = ["FollowedProbes"]

#: Time of a frame that is probed after the pilots, which are probed at all sizes, relative to a frame of a pilot.
#: Measured on three titles: 0.46 to 0.68.
LATER_FRAME_FACTOR = 0.55
#: Time of all rounds after a round, relative to it. Measured on three titles: 0 to 0.5.
LATER_ROUNDS_FACTOR = 0.2
#: Probes that take less than this fraction of the time that their encodes once took come from the store. Chosen by
#: hand.
STORED_FRACTION = 0.25


@dataclass(slots=True)
class FollowedProbes:
    """Runs the probes of a title, and reports after each round what is expected of the rest.

    Attributes
    ----------
    prober : Prober
        Of the title; it is not changed, and its results are not used.
    request : LadderRequest
    show : callable
        Receives the time of the probes that are done, and of all that are expected, CPU seconds.
    expect : callable
        Receives the rungs that the title would have by the probes so far, and the number of probed chunks.
    """

    prober: Prober
    request: LadderRequest
    show: Progress
    expect: Callable[[Sequence[Rung], int], None]
    _known: Prober = field(init=False)
    _probed: frozenset[int] = field(init=False, default=frozenset())
    _done: float = field(init=False, default=0.0)
    _pixels: float = field(init=False, default=0.0)
    _bits: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._known = self.prober.sibling()

    def run(self, points: Sequence[ProbePoint], progress: Progress | None = None) -> ProbeBatch:
        """Return the results of all points and their cost."""
        before, expected = self._done, self._predict(points)
        total = before + expected + self._predict_rest(points, expected)
        start = time.monotonic()
        self._known.cost = ProbeCost()
        self._known.run(points, lambda done, of: self.show(before + expected * done / max(of, 1e-9), total))
        results = [self._known.results.like(point)[point.quantiser] for point in points]
        self._probed |= {point.chunk for point in points}
        self._bits += sum(result.bits for result in results)
        self._pixels += sum(self._pixels_of(point) for point in points)
        # now by their bits
        expected = self._predict(points)
        width = getattr(self.prober.executor, "width", 1)
        if (time.monotonic() - start) * width > STORED_FRACTION * self._known.cost.cpu_seconds:
            self._done += expected
        self.show(self._done, self._done + self._predict_rest(points, expected))
        self.expect(self._find_rungs(), len(self._probed))
        return ProbeBatch(tuple(zip(points, results, strict=True)), self._known.cost)

    def finish(self) -> None:
        """Report that no probes follow."""
        self.show(self._done, self._done)

    def _find_rungs(self) -> tuple[Rung, ...]:
        """Return the rungs of the probed chunks alone: the curves that others have by them have too few bits.

        A curve is imputed as a geometric mean, and titles have the arithmetic mean of their chunks.
        """
        probed = sorted(self._probed)
        builder = LadderBuilder(self.prober.source, [self.prober.chunks[n] for n in probed], self.request)
        curves = fit_all(self._known, list(builder.sizes.values()))
        return builder.rungs({size: [row[n] for n in probed] for size, row in curves.items()})

    def _predict(self, points: Sequence[ProbePoint]) -> float:
        """Return the expected CPU time of probes, s: by their own bits if they are known."""
        own = self.prober
        factor = codec_factor(own.encoding.codec, own.encoding.preset)
        mean = self._bits / self._pixels if self._pixels else expect_probe_bits(own.source)
        seconds = JOB_SECONDS * len({point.chunk for point in points})
        for point in points:
            chunk = own.chunks[point.chunk]
            result = self._known.results.like(point).get(point.quantiser)
            bits = result.bits if result else mean * self._pixels_of(point)
            measured = math.ceil(chunk.frame_count / frame_stride_for(chunk, own.frame_stride))
            probe = ProbeEncode(point.size[0] * point.size[1], bits, chunk.frame_count, measured, point.fast)
            seconds += probe_seconds(own.source, probe, factor)
        return seconds

    def _predict_rest(self, points: Sequence[ProbePoint], expected: float) -> float:
        """Return the expected CPU time of the probes after a round, s, given the time of that round."""
        chunks, now = self.prober.chunks, {point.chunk for point in points}
        frames = sum(chunks[n].frame_count for n in now)
        unprobed = sum(chunk.frame_count for n, chunk in enumerate(chunks) if n not in now | self._probed)
        next_round = LATER_FRAME_FACTOR * expected * unprobed / frames
        return next_round + LATER_ROUNDS_FACTOR * (next_round or expected)

    def _pixels_of(self, point: ProbePoint) -> float:
        return float(self.prober.chunks[point.chunk].frame_count * point.size[0] * point.size[1])
