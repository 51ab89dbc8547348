"""Refine single chunks: give encodes more time, or other settings, where what viewers fetch less is worth it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from encoder import get_codec
from ladders.ladder import Rung
from ladders.probing.curve_fit import Curves
from ladders.probing.prober import ProbePoint, Prober, spread
from ladders.rd.curves import CEILING, Curve, RatePoint
from ladders.rd.uncertainty import expected_improvement

__all__ = ["TrafficModel", "refine"]

#: So many chunks are tried with every override: they show what it takes and about what it saves.
PILOTS = 3
#: What is believed of an override before any trial, as one chunk's worth of evidence: that it saves nothing, give or
#: take such a share of the bits.
DOUBT = 0.05
#: Share of the bits that all overrides together save at most, about: what cannot even pay for pilots is not begun.
AT_MOST = 0.15


@dataclass(frozen=True, slots=True)
class TrafficModel:
    """What bits are worth against the time to encode them.

    Attributes
    ----------
    count : float
        How often the film will be watched.
    cpu_hour : float
        Gigabytes of traffic that cost as much as a CPU core for an hour.
    """

    count: float
    cpu_hour: float = 4.0

    @property
    def bits_a_second(self) -> float:
        """Bits of traffic that cost as much as a CPU second."""
        return self.cpu_hour * 8e9 / 3600


def refine(
    prober: Prober,
    curves: Curves,
    rungs: Sequence[Rung],
    shares: NDArray[np.float64],
    views: TrafficModel,
    *,
    budget: float | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> None:
    """Choose each chunk's override by trials, and tell the prober.

    Parameters
    ----------
    prober : Prober
        Knows the trials that the curves were drawn by.
    curves : mapping
        Of unrefined encodes: from every size to one curve a chunk.
    rungs : sequence of Rung
        That they give.
    shares : ndarray of float64, shape (rungs,)
        Of the views on each rung.
    views : Views
    budget : float, optional
        CPU seconds that all trials of the prober may take.
    progress : callable, optional
        Takes (share done, 1).

    Notes
    -----
    Everything is counted in bits of traffic. An override is worth what viewers then fetch less of the chunk, at equal
    quality, over all views, less what the longer encodes of all rungs cost. A few chunks are tried with every
    override. From then on what is known of an override makes a normal distribution of what it saves in another
    chunk, and a trial there is run if what it is expected to add to the best choice so far (expected improvement) is
    more than it costs itself. Only what was tried is taken. One encode tells: at the size and quantiser of one that
    there is without override. On each rung bits change in the ratio that the two show, and so does distortion, which
    is worth what the whole rung would have to spend on so much (at equal slope that is alike in all chunks).
    """
    _Refining(prober, curves, rungs, shares, views, budget).run(progress)


@dataclass(slots=True)
class _Known:
    """What is known of an override: CPU seconds a pixel of its encodes, and what it saves of chunks it was tried on.

    Savings are shares of what viewers fetch of a chunk.
    """

    seconds: float
    savings: dict[int, float] = field(default_factory=dict)

    def belief(self) -> tuple[float, float]:
        """Return mean and standard deviation of what it saves in another chunk."""
        found = np.array(list(self.savings.values()))
        mean = found.sum() / (len(found) + 1)
        return float(mean), float(np.sqrt((DOUBT**2 + ((found - mean) ** 2).sum()) / (len(found) + 1)))


class _Refining:
    """One title's choice of overrides."""

    def __init__(
        self,
        prober: Prober,
        curves: Curves,
        rungs: Sequence[Rung],
        shares: NDArray[np.float64],
        views: TrafficModel,
        budget: float | None,
    ) -> None:
        self.prober, self.curves, self.views, self.budget = prober, curves, views, budget
        self.step = get_codec(prober.encoding.codec).step
        quality = float(shares @ [rung.quality for rung in rungs])
        #: a final encode of each chunk that has one, and its point
        self.plain: dict[int, ProbePoint] = {}
        for (n, size), found in prober.found.items():
            for quantiser, point in found.items():
                best = self.plain.get(n)
                if best is None or abs(point.quality - quality) < abs(self._found(best).quality - quality):
                    self.plain[n] = ProbePoint(n, size, quantiser)
        frames = np.array([chunk.frame_count for chunk in prober.chunks], np.float64)
        #: traffic of each chunk by rung, in bits; what of it its distortion is worth; and pixels to encode in all
        self.traffic, self.distortion = np.zeros((2, len(rungs), len(frames)))
        self.pixels = frames * sum(rung.width * rung.height for rung in rungs)
        for r, (rung, share) in enumerate(zip(rungs, shares, strict=True)):
            row = curves[rung.width, rung.height]
            at = np.array([np.searchsorted(c.quantisers, q) for c, q in zip(row, rung.quantisers, strict=True)])
            bits, loss = _at(row, at)
            more, less = _at(row, np.maximum(at - round(1 / self.step), 0))
            price = (more.sum() - bits.sum()) / max(float((loss - less) @ frames), 1e-9)
            self.traffic[r] = views.count * share * bits
            self.distortion[r] = views.count * share * price * frames * loss
        self.fetched = self.traffic.sum(axis=0)
        self.known: dict[str, _Known] = {}

    def run(self, progress: Callable[[float, float], None] | None) -> None:
        """Try, and take what is worth it."""
        names = self.prober.encoding.overrides
        if not (names and self.plain and self._worth_beginning(len(names))):
            return
        self._pilots(names)
        rounds = len(names)
        for number in range(rounds):
            if progress:
                progress(number, rounds)
            trials = self._worth_trying()
            if not trials:
                break
            self.prober.run(trials)
            self._learn(trials)
        for n, (name, worth) in self._best().items():
            if worth > 0:
                self.prober.overrides[n] = name
        if progress:
            progress(1.0, 1.0)

    def _worth_beginning(self, count: int) -> bool:
        cost = self.prober.cost
        seconds = cost.cpu_seconds / cost.probes * count * PILOTS
        left = np.inf if self.budget is None else self.budget - cost.cpu_seconds
        return bool(seconds <= left and AT_MOST * self.fetched.sum() > seconds * self.views.bits_a_second)

    def _pilots(self, names: Sequence[str]) -> None:
        chunks = sorted(self.plain)
        pilots = [self.plain[chunks[n]] for n in spread(PILOTS, len(chunks))]
        # beside what there is, or nothing would be timed
        beside = []
        for point in pilots:
            quantisers = point.quantiser + self.step * np.arange(1, 9)
            fresh = [float(q) for q in quantisers if q not in self.prober.known(point)]
            beside.append(replace(point, quantiser=fresh[0]))
        self.known[""] = _Known(self._timed(beside))
        for name in names:
            trials = [replace(point, override=name) for point in pilots]
            self.known[name] = _Known(self._timed(trials))
            self._learn(trials)

    def _timed(self, points: Sequence[ProbePoint]) -> float:
        """Run trials and return the CPU seconds of encoding that they took a pixel."""
        before = self.prober.cost.encode_cpu_seconds
        self.prober.run(points)
        return (self.prober.cost.encode_cpu_seconds - before) / sum(map(self._pixels, points))

    def _pixels(self, point: ProbePoint) -> float:
        return float(self.prober.chunks[point.chunk].frame_count * point.size[0] * point.size[1])

    def _found(self, point: ProbePoint) -> RatePoint:
        return self.prober.known(point)[point.quantiser]

    def _learn(self, trials: Iterable[ProbePoint]) -> None:
        """Take down what trials saved."""
        for trial in trials:
            n = trial.chunk
            plain, fine = self._found(self.plain[n]), self._found(trial)
            bits, distortion = fine.bits / plain.bits, (CEILING - fine.quality) / (CEILING - plain.quality)
            worth = self.traffic[:, n] * (1 - bits) + self.distortion[:, n] * (1 - distortion)
            self.known[trial.override].savings[n] = float(worth.sum() / self.fetched[n])

    def _extra(self, name: str) -> NDArray[np.float64]:
        """Return what the longer encodes of each chunk cost, in bits of traffic."""
        seconds = self.known[name].seconds - self.known[""].seconds
        return seconds * self.pixels * self.views.bits_a_second

    def _best(self) -> dict[int, tuple[str, float]]:
        """Return the best that was found for each chunk, and what it is worth."""
        best = dict.fromkeys(self.plain, ("", 0.0))
        for name, known in self.known.items():
            extra = self._extra(name)
            for n, saving in known.savings.items():
                worth = float(self.fetched[n] * saving - extra[n])
                if worth > best[n][1]:
                    best[n] = name, worth
        return best

    def _worth_trying(self) -> list[ProbePoint]:
        """Return the next trial of every chunk that has one which is worth its time, as far as the budget goes."""
        best = self._best()
        chunks = np.array(list(self.plain))
        pixels = np.array([self._pixels(point) for point in self.plain.values()])
        worth = np.array([best[n][1] for n in self.plain])
        fetched = self.fetched[chunks]
        wanted: dict[int, tuple[float, float, ProbePoint]] = {}
        for name in self.prober.encoding.overrides:
            known = self.known[name]
            mean, deviation = known.belief()
            seconds = known.seconds * pixels
            gains = expected_improvement(fetched * mean - self._extra(name)[chunks] - worth, fetched * deviation)
            gains -= seconds * self.views.bits_a_second
            for n, gain, cost in zip(self.plain, gains.tolist(), seconds.tolist(), strict=True):
                if n not in known.savings and gain > 0 and (n not in wanted or gain > wanted[n][0]):
                    wanted[n] = gain, cost, replace(self.plain[n], override=name)
        ordered = sorted(wanted.values(), key=lambda trial: -trial[0] / trial[1])
        if self.budget is not None:
            bills = np.cumsum([seconds for _, seconds, _ in ordered])
            left = self.budget - self.prober.cost.cpu_seconds
            ordered = ordered[: int(np.searchsorted(bills, left, side="right"))]
        return [point for _, _, point in ordered]


def _at(row: Sequence[Curve], places: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bits and distortion of all chunks at places on their curves."""
    each = list(zip(row, places, strict=True))
    return np.array([c.bits[i] for c, i in each]), np.array([CEILING - c.quality[i] for c, i in each])
