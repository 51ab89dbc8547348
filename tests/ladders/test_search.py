"""The search for curves: which probes it makes, and where it stops."""

import numpy as np
import pytest

from encoder import get_codec
from ladders import LadderRequest, StoppingRule, find_ladder
from ladders.probing.search import SHIFT_FRACTION
from ladders.rd.uncertainty import SIGMA_PRIOR, sigma_of_excess
from tests.ladders.synthetic import KnownFilm, SlowFilm, achieved, exact_counts, known


class Costly(KnownFilm):
    """Trials take time by their pixels."""

    def seconds(self, point):
        pixels = point.size[0] * point.size[1] * (1 if point.fast else 3) + 300_000
        return self.chunks[point.chunk].frame_count * pixels / 1e8


class CloseFilm(Costly):
    """Small sizes lose less, so that several are nearly as good."""

    def law(self, chunk, size, quantiser):
        bits, quality = super().law(chunk, size, quantiser)
        area = size[0] * size[1] / (1280 * 720)
        return bits, quality + 14 * (1 / area**0.35 - 1)


class CostlySlowFilm(Costly, SlowFilm):
    pass


def searched(law=Costly, count=20, preset="veryfast", **stop):
    prober, segments = known(law, count, preset=preset)
    return prober, find_ladder(prober, segments, LadderRequest(stopping=StoppingRule(**stop)))


def tried(prober, size):
    return sum(len(prober.results.exact(n, size)) > 1 for n in range(len(prober.chunks)))


def test_probe_search_probes_unused_sizes_on_few_chunks():
    prober, ladder = searched()
    taken = {(rung.width, rung.height) for rung in ladder.rungs}
    assert taken == {(1280, 720)}
    assert tried(prober, (1280, 720)) == len(prober.chunks)
    assert tried(prober, (416, 234)) <= 5
    # far fewer than two of every chunk at every size
    assert prober.cost.probes < 0.6 * len(prober.chunks) * 5 * 2


@pytest.mark.parametrize(("law", "preset"), [(Costly, "veryfast"), (CostlySlowFilm, "slow")])
def test_probe_search_stays_within_the_budget_and_reports_the_excess(law, preset):
    free, ladder = searched(law, preset=preset)
    whole = free.cost.cpu_seconds
    losses = [ladder.expected_excess_rate]
    for share in (0.7, 0.4):
        prober, ladder = searched(law, preset=preset, budget=share * whole)
        assert 0.5 * share * whole < prober.cost.cpu_seconds < 1.15 * share * whole
        assert ladder.rungs
        losses.append(ladder.expected_excess_rate)
    assert losses == sorted(losses)
    assert losses[0] < losses[-1]


def test_probe_search_with_minimum_budget_probes_one_chunk():
    prober, ladder = searched(budget=1e-3)
    assert {chunk for chunk, _ in exact_counts(prober)} == {3}
    # but for chunks whose next step on the hull is taken, or half taken
    assert all(len(set(rung.quantisers)) <= 3 for rung in ladder.rungs)
    # more than the prior error of every chunk costs
    assert sigma_of_excess(ladder.expected_excess_rate) > SIGMA_PRIOR


def test_probe_search_with_a_larger_tolerance_needs_fewer_probes():
    probes = [searched(CloseFilm, tolerance_percent=loss)[0].cost.probes for loss in (0.5, 20.0)]
    assert probes[1] < 0.9 * probes[0]


def test_probe_search_probes_a_transferred_size_once():
    prober, ladder = searched(CloseFilm, tolerance_percent=0.25)
    taken = {(rung.width, rung.height) for rung in ladder.rungs}
    others = [count for (_, size), count in exact_counts(prober).items() if size not in taken]
    assert sum(count == 1 for count in others) > len(prober.chunks) / 2
    for rung in ladder.rungs:
        rate, quality = achieved(prober, rung)
        assert (rung.rate, rung.quality) == (pytest.approx(rate, rel=0.03), pytest.approx(quality, abs=0.5))


def test_probe_search_probes_every_chunk_with_any_tolerance():
    prober, ladder = searched(tolerance_percent=100.0)
    assert {chunk for chunk, _ in exact_counts(prober)} == set(range(20))
    assert 0 < ladder.expected_excess_rate < 100


def test_probe_search_probes_selected_rungs_with_a_small_tolerance():
    prober, ladder = searched(tolerance_percent=0.25)
    for rung in ladder.rungs:
        assert tried(prober, (rung.width, rung.height)) == len(prober.chunks)
        rate, quality = achieved(prober, rung)
        assert (rung.rate, rung.quality) == (pytest.approx(rate, rel=0.03), pytest.approx(quality, abs=0.5))


def test_find_ladder_progress_increases_to_one():
    prober, segments = known()
    fractions = []
    find_ladder(prober, segments, LadderRequest(), lambda done, total: fractions.append(done / total))
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert np.isfinite(fractions).all()


def calibrated(prober):
    """Chunks with a target-preset probe at the quantiser of calibrations."""
    quantiser = get_codec("h264").quantiser_at(SHIFT_FRACTION)
    return {point.chunk for point, _ in prober.results.plain_points() if point.quantiser == quantiser}


def test_probe_search_calibrates_by_the_pilots_alone_with_a_large_tolerance():
    prober, ladder = searched(CostlySlowFilm, preset="slow", tolerance_percent=6.0)
    assert len(calibrated(prober)) == 3
    for rung in ladder.rungs:
        rate, quality = achieved(prober, rung)
        assert (rung.rate, rung.quality) == (pytest.approx(rate, rel=0.1), pytest.approx(quality, abs=1.5))


@pytest.mark.parametrize(("count", "tolerance"), [(20, 2.0), (6, 6.0)])
def test_probe_search_calibrates_every_chunk_of_short_titles_and_with_the_usual_tolerance(count, tolerance):
    prober, _ = searched(CostlySlowFilm, count, "slow", tolerance_percent=tolerance)
    assert calibrated(prober) == set(range(count))
