"""Predict the CPU time of encoding a title from short excerpts and a simulated search."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from encoder import Chunk, Segment, Source, read_track_samples
from ladders.construction.find_ladder import find_ladder
from ladders.construction.ladder_builder import LadderBuilder
from ladders.final.final_encodes import FinalEncodes, encode_final_chunks
from ladders.final.fixed_baseline import fixed_anchor
from ladders.ladder import Ladder
from ladders.ladder_request import LadderRequest
from ladders.probing.curve_fit import fit_all
from ladders.probing.probe_results import ProbePoint
from ladders.probing.probe_runner import EncodeRunner, Progress
from ladders.probing.prober import Prober
from ladders.probing.simulated_runners import SimulatedRunner, Work, WorkCountingRunner, job_work
from shotladder_runtime.store import Store

__all__ = ["EncodePrediction", "choose_excerpts", "predict_cost", "predict_encode", "simulate_ladder"]

#: Number of excerpts. Chosen by hand.
EXCERPTS = 3
#: Maximum frames of an excerpt. Chosen by hand.
EXCERPT_FRAMES = 32
#: Fraction of the final encodes that corrections encode again, as benchmarks.ladder_exhaustive shows.
AGAIN = 0.05


@dataclass(frozen=True, slots=True)
class EncodePrediction:
    """What the encode of a title in one codec is expected to take.

    Attributes
    ----------
    cpu_seconds : mapping
        By stage: "probes", "comparison", "encode", "measure".
    bitrate : float
        Of all rungs together, bits/s.
    """

    cpu_seconds: dict[str, float]
    bitrate: float


def predict_cost(
    source: Source,
    chunks: Sequence[Chunk],
    request: LadderRequest,
    executor: Executor,
    progress: Progress | None = None,
    *,
    compare: bool = False,
) -> dict[str, float]:
    """Predict the CPU seconds of the probes, of the final encodes and of measuring them; see `predict_encode`.

    Returns
    -------
    dict
        CPU seconds by stage: "probes", "comparison", "encode", "measure".
    """
    return predict_encode(source, chunks, request, executor, progress, compare=compare).cpu_seconds


def predict_encode(
    source: Source,
    chunks: Sequence[Chunk],
    request: LadderRequest,
    executor: Executor,
    progress: Progress | None = None,
    *,
    compare: bool = False,
) -> EncodePrediction:
    """Predict the CPU seconds of the probes, of the final encodes and of measuring them, and the bitrate of the ladder.

    Parameters
    ----------
    source : Source
    chunks : sequence of Chunk
        Of the whole title.
    request : LadderRequest
    executor : Executor
        Runs the probes and final encodes of the excerpts.
    progress : callable, optional
        Receives (done, total).
    compare : bool
        Whether the comparison with the fixed ladder is included.

    Returns
    -------
    EncodePrediction

    Notes
    -----
    The first frames of a few evenly spaced chunks get a ladder of their own, and are encoded and measured with it. The
    first frame of each is encoded alone as well, which gives the cost of a job that does not depend on its length (the
    process, and decoding from the preceding key frame). The number of probes is found by simulating the search on the
    whole title, with probe results drawn from the curves of the excerpts and a chunk-to-chunk variation; the rungs are
    those of the curves without the variation. Encoder overrides are assumed to be probed on the same fraction of the
    chunks as on the excerpts. The probes cost no more than their budget.
    """
    chunks, excerpts = tuple(chunks), choose_excerpts(chunks)
    encoding, stride = request.encoding, request.frame_stride
    with tempfile.TemporaryDirectory(prefix="shotladder-") as folder:
        store = Store(Path(folder))
        encodes = EncodeRunner(source, excerpts, encoding, store, executor, stride)
        counted = WorkCountingRunner(encodes, source, excerpts, encoding, stride)
        prober = Prober(source, excerpts, encoding, store, executor, stride, runner=counted)
        small = find_ladder(prober, _segments(excerpts), request, progress)
        finals = encode_final_chunks(prober, small)
        singles = tuple(replace(excerpt, stop=excerpt.start + 1) for excerpt in excerpts)
        single_finals = encode_final_chunks(prober, replace(small, chunks=singles))
        simulation = SimulatedRunner(
            chunks, excerpts, fit_all(prober, prober.results.sizes()), _first_frame_fraction(finals)
        )
    title_work = WorkCountingRunner(simulation, source, chunks, encoding, stride)
    title = Prober(source, chunks, encoding, store, executor, stride, runner=title_work)
    whole = simulate_ladder(title, simulation, replace(request, traffic=None))
    comparison_work = WorkCountingRunner(simulation, source, chunks, encoding, stride)
    if compare and request.mode != "fixed":
        # the final encodes are known at that time
        results = title.results.extended(simulation.run(_points(whole)).points)
        fixed_anchor(replace(title.sibling(), results=results, runner=comparison_work), whole, request)
    frames = [sum(chunk.frame_count for chunk in part) for part in (chunks, excerpts)]
    override_work = counted.override_work.scaled(frames[0] / frames[1], len(chunks) / len(excerpts))
    done, single, todo = (_finals_work(source, ladder) for ladder in (small, replace(small, chunks=singles), whole))
    costs = {
        "encode": (finals.encode_cpu_seconds, single_finals.encode_cpu_seconds, small.cost.encode_cpu_seconds),
        "measure": (finals.measure_cpu_seconds, single_finals.measure_cpu_seconds, small.cost.measure_cpu_seconds),
    }
    probe_work = title_work.work + override_work
    predicted: dict[str, float] = {"probes": 0.0, "comparison": 0.0}
    for stage, (excerpts_cost, singles_cost, probes_cost) in costs.items():
        amounts = [getattr(work, stage) for work in (done, single, todo, counted.work)]
        each = max(excerpts_cost - singles_cost, 0.0) / max(amounts[0] - amounts[1], 1e-9)
        job = max(excerpts_cost - each * amounts[0], 0.0) / done.jobs
        predicted[stage] = (each * amounts[2] + job * todo.jobs) * (1 + AGAIN)
        # probes have another preset and so another cost per frame
        per_probe = max(probes_cost - job * counted.work.jobs, probes_cost / 2) / amounts[3]
        for name, work in (("probes", probe_work), ("comparison", comparison_work.work)):
            predicted[name] += per_probe * getattr(work, stage) + job * work.jobs
    if request.stopping.budget is not None:
        predicted["probes"] = min(predicted["probes"], request.stopping.budget)
    return EncodePrediction(
        {stage: round(seconds, 1) for stage, seconds in predicted.items()},
        float(sum(rung.rate for rung in whole.rungs)),
    )


def simulate_ladder(prober: Prober, simulation: SimulatedRunner, request: LadderRequest) -> Ladder:
    """Return the ladder of a title by a simulated search.

    The search probes chunks that vary, as those of a title do; the rungs are those of the curves without variation.
    """
    found = find_ladder(prober, _segments(prober.chunks), request)
    curves = {size: [simulation.curve(chunk, size) for chunk in prober.chunks] for size in simulation.curves}
    return replace(found, rungs=LadderBuilder(prober.source, prober.chunks, request).rungs(curves))


def choose_excerpts(chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
    """Return the starts of chunks that are evenly spaced over the frames of the title."""
    count = min(EXCERPTS, len(chunks))
    frames = [chunks[-1].stop * (2 * n + 1) / (2 * count) for n in range(count)]
    chosen = dict.fromkeys(next(chunk for chunk in chunks if chunk.stop > frame) for frame in frames)
    return tuple(
        replace(chunk, stop=min(chunk.start + EXCERPT_FRAMES, chunk.stop), keyframes=(chunk.start,), cuts=())
        for chunk in chosen
    )


def _points(ladder: Ladder) -> list[ProbePoint]:
    """Return the encodes of a ladder as probe points."""
    return [
        ProbePoint(n, (rung.width, rung.height), quantiser)
        for rung in ladder.rungs
        for n, quantiser in enumerate(rung.quantisers)
    ]


def _finals_work(source: Source, ladder: Ladder) -> Work:
    """Return the work of the final encodes of a ladder."""
    pixels = [float(rung.width * rung.height) for rung in ladder.rungs]
    return sum((job_work(source, chunk, pixels, chunk.frame_count) for chunk in ladder.chunks), Work())


def _first_frame_fraction(finals: FinalEncodes) -> float:
    """Return the bits of the first frames of all chunks as a fraction of all bits."""
    samples = [read_track_samples(chunk.path)[0] for row in finals.chunks for chunk in row]
    return float(sum(bits[0] for bits in samples) / sum(bits.sum() for bits in samples))


def _segments(chunks: Sequence[Chunk]) -> tuple[Segment, ...]:
    return tuple(Segment(chunk.start, chunk.stop) for chunk in chunks)
