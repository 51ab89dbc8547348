"""A search tries what is worth its cost, and stops where it is told to."""

import numpy as np
import pytest

from ladders import LadderRequest, StoppingRule, find_ladder
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


def test_sizes_that_no_rung_comes_near_are_tried_on_a_few_chunks_only():
    prober, ladder = searched()
    taken = {(rung.width, rung.height) for rung in ladder.rungs}
    assert taken == {(1280, 720)}
    assert tried(prober, (1280, 720)) == len(prober.chunks)
    assert tried(prober, (416, 234)) <= 5
    # far fewer than two of every chunk at every size
    assert prober.cost.probes < 0.6 * len(prober.chunks) * 5 * 2


@pytest.mark.parametrize(("law", "preset"), [(Costly, "veryfast"), (CostlySlowFilm, "slow")])
def test_a_budget_is_kept_and_what_it_does_not_reach_is_told(law, preset):
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


def test_the_least_budget_tries_one_chunk_and_has_one_quantiser_for_all():
    prober, ladder = searched(budget=1e-3)
    assert {chunk for chunk, _ in exact_counts(prober)} == {3}
    # but for chunks whose next step on the hull is taken, or half taken
    assert all(len(set(rung.quantisers)) <= 3 for rung in ladder.rungs)
    assert ladder.expected_excess_rate > 10


def test_a_loss_that_is_allowed_saves_trials():
    probes = [searched(CloseFilm, tolerance_percent=loss)[0].cost.probes for loss in (0.5, 20.0)]
    assert probes[1] < 0.9 * probes[0]


def test_one_trial_serves_where_another_size_lends_its_curve():
    prober, ladder = searched(CloseFilm)
    taken = {(rung.width, rung.height) for rung in ladder.rungs}
    others = [count for (_, size), count in exact_counts(prober).items() if size not in taken]
    assert sum(count == 1 for count in others) > len(prober.chunks) / 2
    for rung in ladder.rungs:
        rate, quality = achieved(prober, rung)
        assert (rung.rate, rung.quality) == (pytest.approx(rate, rel=0.03), pytest.approx(quality, abs=0.5))


def test_what_a_rung_promises_stands_on_its_own_trials_whatever_loss_is_allowed():
    prober, ladder = searched(tolerance_percent=100.0)
    for rung in ladder.rungs:
        assert tried(prober, (rung.width, rung.height)) == len(prober.chunks)
        rate, quality = achieved(prober, rung)
        assert (rung.rate, rung.quality) == (pytest.approx(rate, rel=0.03), pytest.approx(quality, abs=0.5))


def test_progress_rises_to_one():
    prober, segments = known()
    told = []
    find_ladder(prober, segments, LadderRequest(), lambda done, total: told.append(done / total))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert np.isfinite(told).all()
