"""The prediction of CPU time from excerpts and a simulated search."""

from dataclasses import replace

import numpy as np
import pytest

from encoder import Chunk
from ladders import LadderRequest, find_ladder
from ladders.final.cost_prediction import choose_excerpts, simulate_ladder
from ladders.probing.curve_fit import fit_all
from ladders.probing.probe_results import ProbePoint, ProbeResults
from ladders.probing.simulated_runners import SimulatedRunner, Work, WorkCountingRunner, job_work
from ladders.rd.uncertainty import SIGMA_TRANSFER
from tests.ladders.synthetic import KnownFilm, SlowFilm, known


def chunks(*lengths):
    firsts = [sum(lengths[:n]) for n in range(len(lengths))]
    return tuple(Chunk(first, first + n, (first,), (0,)) for first, n in zip(firsts, lengths, strict=True))


@pytest.mark.parametrize(("law", "preset"), [(KnownFilm, "veryfast"), (SlowFilm, "slow")])
def test_simulate_ladder_needs_about_as_many_probes_and_finds_the_same_rungs(law, preset):
    prober, segments = known(law, 24, preset=preset)
    request = LadderRequest()
    truth = find_ladder(prober, segments, request)
    # every third chunk's hardness is the same, so that adjacent chunks say nothing of each other
    curves = fit_all(prober, prober.results.sizes())
    simulation = SimulatedRunner(prober.chunks, prober.chunks, curves)
    title = replace(prober.sibling(), results=ProbeResults(), runner=simulation)
    ladder = simulate_ladder(title, simulation, request)
    points = sum(len(title.results.plain_points(fast=fast)) for fast in (False, True))
    assert points == pytest.approx(prober.cost.probes, rel=0.25)
    assert [rung.height for rung in ladder.rungs] == [rung.height for rung in truth.rungs]


def test_simulated_runner_scales_bits_but_not_the_key_frame():
    prober, segments = known(count=6)
    find_ladder(prober, segments, LadderRequest())
    size = (1280, 720)
    pieces = tuple(replace(chunk, stop=chunk.start + 32) for chunk in prober.chunks)
    curves = fit_all(prober, [size])
    simulation = SimulatedRunner(prober.chunks, pieces, curves, 0.5)
    point = ProbePoint(2, size, 24.0)
    ((_, result),) = simulation.run([point]).points
    bits = result.bits
    assert bits == pytest.approx(
        simulation.bits_factor(point) * curves[size][2].bits[48] * (0.5 + 0.5 * 95 / 31), rel=1e-3
    )


def test_bits_factor_has_the_sigma_of_transferred_curves():
    simulation = SimulatedRunner(known(count=2)[0].chunks, (), {})
    sizes = ((1280, 720), (640, 360))
    apart = np.log([[simulation.bits_factor(ProbePoint(n, size, 24.0)) for n in range(500)] for size in sizes])
    assert apart.std() == pytest.approx(SIGMA_TRANSFER, rel=0.1)
    assert abs(np.corrcoef(apart)[0, 1]) < 0.15
    assert apart[0, 3] == np.log(simulation.bits_factor(ProbePoint(3, sizes[0], 30.0)))


def test_job_work_decodes_once_for_all_encodes():
    prober, _ = known(count=2)
    both = job_work(prober.source, prober.chunks[0], [1280.0 * 720, 640.0 * 360], 11)
    one = job_work(prober.source, prober.chunks[0], [1280.0 * 720], 11)
    assert both.encode - one.encode == pytest.approx(96 * 0.25)
    assert both.measure == 2 * one.measure
    assert one + one == Work(2 * one.encode, 2 * one.measure, 2)


def test_work_counting_runner_counts_every_point_once():
    prober, _ = known(count=2)
    counting = WorkCountingRunner(prober.runner, prober.source, prober.chunks, prober.encoding, prober.frame_stride)
    prober = replace(prober, runner=counting)
    prober.run([ProbePoint(0, (640, 360), 24.0), ProbePoint(1, (640, 360), 24.0)])
    first = counting.work
    prober.run([ProbePoint(0, (640, 360), 24.0)])
    assert counting.work == first
    assert first.jobs == 2


def test_choose_excerpts_spaces_chunk_starts_evenly():
    pieces = choose_excerpts(chunks(100, 300, 40, 60, 200))
    assert [(piece.start, piece.stop) for piece in pieces] == [(100, 132), (500, 532)]
    assert len(choose_excerpts(chunks(1, 1))) == 2
