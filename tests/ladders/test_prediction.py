"""What a title will cost follows from its pieces."""

from dataclasses import replace

import numpy as np
import pytest

from encoder import Chunk
from ladders import LadderRequest, find_ladder
from ladders.final.cost_prediction import _Counting, _Imagined, _pieces, _Work, _work
from ladders.probing.curve_fit import fit_all
from ladders.probing.prober import ProbePoint
from ladders.rd.uncertainty import SIGMA_TRANSFER
from tests.ladders.test_making import KnownFilm, SlowFilm, known


def chunks(*lengths):
    firsts = [sum(lengths[:n]) for n in range(len(lengths))]
    return tuple(Chunk(first, first + n, (first,), (0,)) for first, n in zip(firsts, lengths, strict=True))


def imagined(prober, pieces, curves, first=0.0):
    mine = prober.source, prober.chunks, prober.encoding, prober.store, prober.executor
    return _Imagined(*mine, pieces=pieces, curves=curves, first=first)


@pytest.mark.parametrize(("law", "preset"), [(KnownFilm, "veryfast"), (SlowFilm, "slow")])
def test_a_search_on_the_curves_of_pieces_takes_about_as_many_trials_and_finds_the_same_rungs(law, preset):
    prober, segments = known(law, 24, preset=preset)
    request = LadderRequest()
    truth = find_ladder(prober, segments, request)
    # every third chunk's hardness is uniform_quantiser_curve, so that neighbours speak for no more than themselves
    curves = fit_all(prober, list(dict.fromkeys(size for _, size in prober.found | prober.fast)))
    title = imagined(prober, prober.chunks, curves)
    ladder = title.ladder(request)
    points = sum(len(found) for known in (title.found, title.fast) for found in known.values())
    assert points == pytest.approx(prober.cost.probes, rel=0.25)
    assert [rung.height for rung in ladder.rungs] == [rung.height for rung in truth.rungs]


def test_longer_chunks_have_more_bits_but_one_key_frame():
    prober, segments = known(count=6)
    find_ladder(prober, segments, LadderRequest())
    size = (1280, 720)
    pieces = tuple(replace(chunk, stop=chunk.start + 32) for chunk in prober.chunks)
    curves = fit_all(prober, [size])
    title = imagined(prober, pieces, curves, first=0.5)
    point = ProbePoint(2, size, 24.0)
    title.run([point])
    bits = title.found[2, size][24.0].bits
    assert bits == pytest.approx(title.apart(point) * curves[size][2].bits[48] * (0.5 + 0.5 * 95 / 31), rel=1e-3)


def test_chunks_differ_at_each_size_as_far_as_lent_curves_do():
    title = imagined(known(count=2)[0], (), {})
    sizes = ((1280, 720), (640, 360))
    apart = np.log([[title.apart(ProbePoint(n, size, 24.0)) for n in range(500)] for size in sizes])
    assert apart.std() == pytest.approx(SIGMA_TRANSFER, rel=0.1)
    assert abs(np.corrcoef(apart)[0, 1]) < 0.15
    assert apart[0, 3] == np.log(title.apart(ProbePoint(3, sizes[0], 30.0)))


def test_a_job_decodes_once_and_encodes_all_its_points():
    prober, _ = known(count=2)
    both = _work(prober.source, prober.chunks[0], [1280.0 * 720, 640.0 * 360], 11)
    one = _work(prober.source, prober.chunks[0], [1280.0 * 720], 11)
    assert both.encode - one.encode == pytest.approx(96 * 0.25)
    assert both.measure == 2 * one.measure
    assert one + one == _Work(2 * one.encode, 2 * one.measure, 2)


def test_what_was_tried_is_not_counted_again():
    class Counting(_Counting):
        def answer(self, points, progress):
            KnownFilm.run(self, points)

        law = KnownFilm.law

    prober, _ = known(count=2)
    counting = Counting(prober.source, prober.chunks, prober.encoding, prober.store, None)
    counting.run([ProbePoint(0, (640, 360), 24.0), ProbePoint(1, (640, 360), 24.0)])
    first = counting.work
    counting.run([ProbePoint(0, (640, 360), 24.0)])
    assert counting.work == first
    assert first.jobs == 2


def test_pieces_are_the_beginnings_of_chunks_over_the_whole_title():
    pieces = _pieces(chunks(100, 300, 40, 60, 200))
    assert [(piece.start, piece.stop) for piece in pieces] == [(100, 132), (500, 532)]
    assert len(_pieces(chunks(1, 1))) == 2
