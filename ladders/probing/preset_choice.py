"""Choose an encoder's preset for a title: the one whose encodes and traffic together cost least."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from encoder import Chunk, Source, get_codec
from ladders.ladder import LadderError, ProbeCost
from ladders.ladder_request import LadderRequest
from ladders.probing.overrides import TrafficModel
from ladders.probing.prober import ProbePoint, Prober, spread
from ladders.rd.curves import CEILING
from ladders.resolutions import candidate_sizes
from shotladder_runtime.store import Store

__all__ = ["AUTO", "choose_preset"]

#: Stands for the preset that is to be chosen.
AUTO = "auto"
#: So many chunks, spread over the title, are tried by every preset that is looked at.
PILOTS = 3
#: Where in the encoder's range of quantisers; by the default preset at a finer one, too.
PLACES = (0.45, 0.35)


@dataclass(frozen=True, slots=True)
class _Tried:
    """Pilots by one preset: bits and distortion in all, weighted by frames, and the CPU seconds of encoding."""

    bits: float
    distortion: float
    seconds: float


def choose_preset(
    request: LadderRequest, source: Source, chunks: Sequence[Chunk], store: Store, executor: Executor
) -> tuple[LadderRequest, ProbeCost]:
    """Return a request whose preset is chosen, where it leaves that open, and what the choice took.

    Parameters
    ----------
    request : LadderRequest
        With `AUTO` for a preset, if it is to be chosen, and views.
    source : Source
    chunks : sequence of Chunk
        Of the title.
    store : Store
    executor : Executor

    Returns
    -------
    LadderRequest
    ProbeCost

    Raises
    ------
    LadderError
        If the preset is to be chosen, but no views say what bits are worth.

    Notes
    -----
    Each preset's worth is told by a few chunks at a middle size and quantiser. What is fetched is counted as if all
    saw that; distortion is brought to that of the default preset by the slope between two encodes of its own. From the
    default on, slower presets are tried while they cost less in all, else faster ones. Settings of single chunks beyond
    the preset are chosen later (`refine`).
    """
    if request.encoding.preset != AUTO:
        return request, ProbeCost()
    if request.views is None:
        raise LadderError("a preset is chosen by how many views the film will have, which are not stated")
    choice = _Choice(request, request.views, source, chunks, store, executor)
    return replace(request, encoding=replace(request.encoding, preset=choice.made())), choice.spent


class _Choice:
    """One title's choice."""

    def __init__(
        self,
        request: LadderRequest,
        views: TrafficModel,
        source: Source,
        chunks: Sequence[Chunk],
        store: Store,
        executor: Executor,
    ) -> None:
        self.request, self.views, self.source, self.store, self.executor = request, views, source, store, executor
        self.codec = get_codec(request.encoding.codec)
        self.spent = ProbeCost()
        sizes = list(candidate_sizes(source.display_size, request.max_height).values())
        self.size = sizes[len(sizes) // 2]
        self.pilots = tuple(chunks[n] for n in spread(PILOTS, len(chunks)))
        self.frames = np.array([chunk.frame_count for chunk in self.pilots], np.float64)
        #: how many times the title is as long as the pilots, and how many times more pixels its rungs have
        self.longer = source.frame_count / float(self.frames.sum())
        self.larger = self.longer * sum(width * height for width, height in sizes) / (self.size[0] * self.size[1])
        self.default, finer = (self.tried(self.codec.preset, place) for place in PLACES)
        #: bits that a little distortion is worth
        self.price = (finer.bits - self.default.bits) / max(self.default.distortion - finer.distortion, 1e-9)

    def made(self) -> str:
        """Walk from the default preset to where no step makes it cheaper."""
        presets = self.codec.presets
        at = presets.index(self.codec.preset)
        least = self.cost(self.default)
        for way in (1, -1):
            moved = False
            while 0 <= at + way < len(presets):
                cost = self.cost(self.tried(presets[at + way], PLACES[0]))
                if cost >= least:
                    break
                at, least, moved = at + way, cost, True
            if moved:
                break
        return presets[at]

    def tried(self, preset: str, place: float) -> _Tried:
        """Try the pilots by a preset."""
        encoding = replace(self.request.encoding, preset=preset)
        prober = Prober(self.source, self.pilots, encoding, self.store, self.executor, every=self.request.every)
        quantiser = self.codec.quantiser_at(place)
        points = [ProbePoint(n, self.size, quantiser) for n in range(len(self.frames))]
        prober.run(points)
        self.spent += prober.cost
        found = [prober.known(point)[quantiser] for point in points]
        distortion = self.frames @ [CEILING - point.quality for point in found]
        return _Tried(sum(point.bits for point in found), float(distortion), prober.cost.encode_cpu_seconds)

    def cost(self, tried: _Tried) -> float:
        """Return what a preset costs in all, in bits of traffic."""
        bits = tried.bits + self.price * (tried.distortion - self.default.distortion)
        return self.views.count * bits * self.longer + tried.seconds * self.larger * self.views.bits_a_second
