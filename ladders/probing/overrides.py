"""Choose encoder overrides of single chunks where the traffic that they save is worth more than their CPU time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from encoder import get_codec
from ladders.ladder import Rung
from ladders.ladder_request import TrafficModel
from ladders.probing.curve_fit import Curves
from ladders.probing.probe_results import ProbePoint
from ladders.probing.probe_runner import Progress
from ladders.probing.prober import Prober
from ladders.probing.sampling import evenly_spaced
from ladders.rd.curves import VMAF_CEILING, Curve, RatePoint, Size
from ladders.rd.uncertainty import expected_improvement

__all__ = ["OverrideChoice"]

#: Number of chunks that are probed with every override, to learn what it costs and saves. Chosen by hand.
PILOTS = 3
#: Prior standard deviation of the saving of an override, as a fraction of the bits, with the weight of one probed chunk
#: and mean 0. From benchmarks.refinements.
PRIOR_SIGMA = 0.05
#: Maximum fraction of the bits that overrides save, about: if that is worth less than the pilots cost, none are probed.
#: From benchmarks.refinements.
MAX_SAVING = 0.15


@dataclass(slots=True)
class _OverrideModel:
    """Measured cost and savings of an override.

    Attributes
    ----------
    seconds : float
        CPU seconds per pixel of its encodes.
    savings : dict
        From indices of probed chunks to the saving as a fraction of the traffic of the chunk.
    """

    seconds: float
    savings: dict[int, float] = field(default_factory=dict)

    def predict(self) -> tuple[float, float]:
        """Return mean and standard deviation of the saving in a chunk that was not probed."""
        found = np.array(list(self.savings.values()))
        mean = found.sum() / (len(found) + 1)
        return float(mean), float(np.sqrt((PRIOR_SIGMA**2 + ((found - mean) ** 2).sum()) / (len(found) + 1)))


class OverrideChoice:
    """Choice of the encoder override of every chunk of one title.

    All values are in bits of traffic. The value of an override is the traffic that it saves in a chunk at equal VMAF,
    over all views, minus the value of the CPU time that its encodes of all rungs take in addition. A few pilot chunks
    are probed with every override. Then the saving in another chunk is modelled as normally distributed, and a probe is
    made if its expected improvement over the best override so far (Jones et al. 1998) is more than its own cost. Only
    probed overrides are chosen.

    One probe suffices: at size and quantiser of an encode without an override. The ratio of the bits of both is assumed
    for all rungs, and so is the ratio of the deficits (100.5 - VMAF). A deficit is valued by the bits that the whole
    rung would need to remove it, which at equal slope is the same for all chunks.

    Parameters
    ----------
    prober : Prober
        With the probes to which the curves were fitted.
    curves : mapping
        From every size to the curves of all chunks without overrides.
    rungs : sequence of Rung
        The rungs of these curves.
    view_fractions : ndarray of float64, shape (rungs,)
        Fraction of the views of each rung.
    traffic : TrafficModel
    budget : float, optional
        CPU seconds of all probes of the prober, including the earlier ones.
    """

    def __init__(
        self,
        prober: Prober,
        curves: Curves,
        rungs: Sequence[Rung],
        view_fractions: NDArray[np.float64],
        traffic: TrafficModel,
        budget: float | None = None,
    ) -> None:
        self.prober, self.curves, self.traffic_model, self.budget = prober, curves, traffic, budget
        self.step = get_codec(prober.encoding.codec).step
        quality = float(view_fractions @ [rung.quality for rung in rungs])
        #: the target-preset probe of each chunk that is nearest to the mean VMAF of the views
        self.plain: dict[int, ProbePoint] = {}
        for point, result in prober.results.plain_points():
            best = self.plain.get(point.chunk)
            if best is None or abs(result.quality - quality) < abs(self._result(best).quality - quality):
                self.plain[point.chunk] = point
        frames = np.array([chunk.frame_count for chunk in prober.chunks], np.float64)
        #: bits of traffic of each chunk by rung, value of its deficit in bits of traffic, and pixels of all its encodes
        self.traffic, self.deficit_value = np.zeros((2, len(rungs), len(frames)))
        self.pixels = frames * sum(rung.width * rung.height for rung in rungs)
        for r, (rung, fraction) in enumerate(zip(rungs, view_fractions, strict=True)):
            row = curves[rung.width, rung.height]
            at = np.array([np.searchsorted(c.quantisers, q) for c, q in zip(row, rung.quantisers, strict=True)])
            bits, deficit = _at(row, at)
            finer_bits, finer_deficit = _at(row, np.maximum(at - round(1 / self.step), 0))
            value = (finer_bits.sum() - bits.sum()) / max(float((deficit - finer_deficit) @ frames), 1e-9)
            self.traffic[r] = traffic.expected_views * fraction * bits
            self.deficit_value[r] = traffic.expected_views * fraction * value * frames * deficit
        self.fetched = self.traffic.sum(axis=0)
        self._models: dict[str, _OverrideModel] = {}

    def run(self, progress: Progress | None = None) -> dict[int, str]:
        """Probe overrides, and return the chosen override by the index of the chunk."""
        names = self.prober.encoding.other_overrides
        if not (names and self.plain and self._pays_for_pilots(len(names))):
            return {}
        self._probe_pilots(names)
        rounds = len(names)
        for number in range(rounds):
            if progress:
                progress(number, rounds)
            probes = self._next_probes()
            if not probes:
                break
            self.prober.run(probes)
            self._learn(probes)
        if progress:
            progress(1.0, 1.0)
        return {n: name for n, (name, value) in self._best().items() if value > 0}

    def _pays_for_pilots(self, count: int) -> bool:
        cost = self.prober.cost
        seconds = cost.cpu_seconds / cost.probes * count * PILOTS
        left = np.inf if self.budget is None else self.budget - cost.cpu_seconds
        cost_in_bits = seconds * self.traffic_model.bits_per_cpu_second
        return bool(seconds <= left and MAX_SAVING * self.fetched.sum() > cost_in_bits)

    def _probe_pilots(self, names: Sequence[str]) -> None:
        chunks = sorted(self.plain)
        pilots = [self.plain[chunks[n]] for n in evenly_spaced(PILOTS, len(chunks))]
        # at quantisers without a result, because cached results are not timed
        timed = []
        for point in pilots:
            quantisers = point.quantiser + self.step * np.arange(1, 9)
            fresh = [float(q) for q in quantisers if q not in self.prober.results.like(point)]
            timed.append(replace(point, quantiser=fresh[0]))
        self._models[""] = _OverrideModel(self._timed(timed))
        for name in names:
            probes = [replace(point, override=name) for point in pilots]
            self._models[name] = _OverrideModel(self._timed(probes))
            self._learn(probes)

    def _timed(self, points: Sequence[ProbePoint]) -> float:
        """Run probes and return their CPU seconds of encoding per pixel."""
        before = self.prober.cost.encode_cpu_seconds
        self.prober.run(points)
        return (self.prober.cost.encode_cpu_seconds - before) / sum(map(self._pixels, points))

    def _pixels(self, point: ProbePoint) -> float:
        return float(self.prober.chunks[point.chunk].frame_count * point.size[0] * point.size[1])

    def _result(self, point: ProbePoint) -> RatePoint:
        return self.prober.results.like(point)[point.quantiser]

    def _learn(self, probes: Iterable[ProbePoint]) -> None:
        """Add the savings of probes to the models."""
        for probe in probes:
            n = probe.chunk
            plain, fine = self._result(self.plain[n]), self._result(probe)
            bits, deficit = fine.bits / plain.bits, (VMAF_CEILING - fine.quality) / (VMAF_CEILING - plain.quality)
            value = self.traffic[:, n] * (1 - bits) + self.deficit_value[:, n] * (1 - deficit)
            self._models[probe.override].savings[n] = float(value.sum() / self.fetched[n])

    def _extra(self, name: str) -> NDArray[np.float64]:
        """Return the additional CPU cost of an override for each chunk, in bits of traffic."""
        seconds = self._models[name].seconds - self._models[""].seconds
        return seconds * self.pixels * self.traffic_model.bits_per_cpu_second

    def _best(self) -> dict[int, tuple[str, float]]:
        """Return the best probed override of each chunk and its value in bits of traffic."""
        best = dict.fromkeys(self.plain, ("", 0.0))
        for name, known in self._models.items():
            extra = self._extra(name)
            for n, saving in known.savings.items():
                value = float(self.fetched[n] * saving - extra[n])
                if value > best[n][1]:
                    best[n] = name, value
        return best

    def _next_probes(self) -> list[ProbePoint]:
        """Return the most valuable probe of every chunk whose expected value exceeds its cost, within the budget."""
        best = self._best()
        chunks = np.array(list(self.plain))
        pixels = np.array([self._pixels(point) for point in self.plain.values()])
        value = np.array([best[n][1] for n in self.plain])
        fetched = self.fetched[chunks]
        candidates: dict[int, tuple[float, float, ProbePoint]] = {}
        for name in self.prober.encoding.other_overrides:
            known = self._models[name]
            mean, deviation = known.predict()
            seconds = known.seconds * pixels
            gains = expected_improvement(fetched * mean - self._extra(name)[chunks] - value, fetched * deviation)
            gains -= seconds * self.traffic_model.bits_per_cpu_second
            for n, gain, cost in zip(self.plain, gains.tolist(), seconds.tolist(), strict=True):
                if n not in known.savings and gain > 0 and (n not in candidates or gain > candidates[n][0]):
                    candidates[n] = gain, cost, replace(self.plain[n], override=name)
        ordered = sorted(candidates.values(), key=lambda probe: -probe[0] / probe[1])
        if self.budget is not None:
            costs = np.cumsum([seconds for _, seconds, _ in ordered])
            left = self.budget - self.prober.cost.cpu_seconds
            ordered = ordered[: int(np.searchsorted(costs, left, side="right"))]
        return [point for _, _, point in ordered]


def probe_overrides(prober: Prober, given: Mapping[int, str], sizes: Sequence[Size]) -> None:
    """Probe each chunk once with the override that a user gives it, to learn by how much it shifts its curves.

    Parameters
    ----------
    prober : Prober
    given : mapping
        From indices of chunks to encoder overrides.
    sizes : sequence of (int, int)
        Tallest first; a chunk without a probe of the target preset is probed at the tallest.
    """
    codec = get_codec(prober.encoding.codec)
    known = {point.chunk: point for point, _ in prober.results.plain_points()}
    points = [known.get(n, ProbePoint(n, sizes[0], codec.quantiser_at(0.5))) for n in given]
    prober.run([replace(point, override=given[point.chunk]) for point in points])


def _at(row: Sequence[Curve], indices: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bits and deficit of all chunks at indices on their curves."""
    each = list(zip(row, indices, strict=True))
    return np.array([c.bits[i] for c, i in each]), np.array([VMAF_CEILING - c.quality[i] for c, i in each])
