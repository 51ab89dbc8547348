"""Choose the encoder preset of a title that minimises the cost of CPU time and traffic together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from encoder import Chunk, Source, get_codec
from ladders.ladder import LadderError, ProbeCost
from ladders.ladder_request import AUTO, EncodeSettings, LadderRequest, TrafficModel
from ladders.probing.probe_results import ProbePoint
from ladders.probing.prober import Prober
from ladders.probing.sampling import evenly_spaced
from ladders.rd.curves import VMAF_CEILING
from ladders.resolutions import candidate_sizes
from shotladder_runtime.store import Store

__all__ = ["PresetChoice", "choose_preset"]

#: Number of evenly spaced chunks that are probed with every preset. Chosen by hand.
PILOTS = 3
#: Fraction of the quantiser range of the encoder at which every preset is probed. Chosen by hand.
QUANTISER_FRACTION = 0.45
#: A finer one, at which the default preset is probed as well, to learn the slope of its curve. Chosen by hand.
FINER_QUANTISER_FRACTION = 0.35

#: From settings and chunks to a prober of these chunks.
MakeProber = Callable[[EncodeSettings, tuple[Chunk, ...]], Prober]


@dataclass(frozen=True, slots=True)
class _PresetCost:
    """Bits, deficit weighted by frames, and CPU seconds of the pilot encodes of one preset."""

    bits: float
    deficit: float
    seconds: float


def choose_preset(
    request: LadderRequest,
    source: Source,
    chunks: Sequence[Chunk],
    store: Store,
    executor: Executor,
    *,
    make_prober: MakeProber | None = None,
) -> tuple[LadderRequest, ProbeCost]:
    """Return the request with its preset chosen if it is `AUTO`, and the cost of the choice.

    Parameters
    ----------
    request : LadderRequest
        With a traffic model, if its preset is `AUTO`.
    source : Source
    chunks : sequence of Chunk
        Of the title.
    store : Store
    executor : Executor
    make_prober : callable, optional
        Makes the prober of the pilot chunks from settings and chunks. By default it encodes.

    Returns
    -------
    LadderRequest
    ProbeCost

    Raises
    ------
    LadderError
        If the preset is `AUTO` and there is no traffic model.
    """
    if request.encoding.preset != AUTO:
        return request, ProbeCost()
    if request.traffic is None:
        raise LadderError(f'preset "{AUTO}" requires the expected number of views')

    def encode(encoding: EncodeSettings, pilots: tuple[Chunk, ...]) -> Prober:
        return Prober(source, pilots, encoding, store, executor, frame_stride=request.frame_stride)

    choice = PresetChoice(request, request.traffic, source, chunks, make_prober or encode)
    preset = choice.run()
    return replace(request, encoding=replace(request.encoding, preset=preset)), choice.cost


class PresetChoice:
    """Choice of the preset of one title.

    Every preset is valued by a few chunks at a middle size and quantiser. The traffic is counted as if all viewers
    received these encodes. Deficits are made comparable with the default preset by the slope between two of its
    encodes. From the default preset on, slower presets are probed while they decrease the cost, otherwise faster ones.
    Overrides of single chunks are chosen later (`OverrideChoice`).

    Parameters
    ----------
    request : LadderRequest
    traffic : TrafficModel
    source : Source
    chunks : sequence of Chunk
        Of the title.
    make_prober : callable
        Makes the prober of the pilot chunks from settings and chunks.

    Attributes
    ----------
    cost : ProbeCost
        Of the probes so far.
    """

    def __init__(
        self,
        request: LadderRequest,
        traffic: TrafficModel,
        source: Source,
        chunks: Sequence[Chunk],
        make_prober: MakeProber,
    ) -> None:
        self.request, self.traffic, self.source, self.make_prober = request, traffic, source, make_prober
        self.cost = ProbeCost()
        self.codec = get_codec(request.encoding.codec)
        sizes = list(candidate_sizes(source.display_size, request.max_height).values())
        self.size = sizes[len(sizes) // 2]
        self.pilots = tuple(chunks[n] for n in evenly_spaced(PILOTS, len(chunks)))
        self.frames = np.array([chunk.frame_count for chunk in self.pilots], np.float64)
        #: frames of the title per frame of the pilots, and pixels of all sizes of the title per pixel of the pilots
        self.longer = source.frame_count / float(self.frames.sum())
        self.larger = self.longer * sum(width * height for width, height in sizes) / (self.size[0] * self.size[1])

    def run(self) -> str:
        """Return the preset from which no adjacent preset decreases the cost."""
        default = self._probe(self.codec.preset, QUANTISER_FRACTION)
        finer = self._probe(self.codec.preset, FINER_QUANTISER_FRACTION)
        # bits that remove a unit of deficit
        slope = (finer.bits - default.bits) / max(default.deficit - finer.deficit, 1e-9)

        def cost(probed: _PresetCost) -> float:
            """Return the total cost of a preset in bits of traffic."""
            bits = probed.bits + slope * (probed.deficit - default.deficit)
            views = self.traffic.expected_views
            return views * bits * self.longer + probed.seconds * self.larger * self.traffic.bits_per_cpu_second

        presets = self.codec.presets
        index = presets.index(self.codec.preset)
        min_cost = cost(default)
        for direction in (1, -1):
            moved = False
            while 0 <= index + direction < len(presets):
                adjacent = cost(self._probe(presets[index + direction], QUANTISER_FRACTION))
                if adjacent >= min_cost:
                    break
                index, min_cost, moved = index + direction, adjacent, True
            if moved:
                break
        return presets[index]

    def _probe(self, preset: str, fraction: float) -> _PresetCost:
        """Probe the pilot chunks with a preset at a fraction of the quantiser range."""
        prober = self.make_prober(replace(self.request.encoding, preset=preset), self.pilots)
        quantiser = self.codec.quantiser_at(fraction)
        points = [ProbePoint(n, self.size, quantiser) for n in range(len(self.frames))]
        prober.run(points)
        self.cost += prober.cost
        results = [prober.results.like(point)[quantiser] for point in points]
        deficit = self.frames @ [VMAF_CEILING - result.quality for result in results]
        return _PresetCost(sum(r.bits for r in results), float(deficit), prober.cost.encode_cpu_seconds)
