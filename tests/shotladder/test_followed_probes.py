"""Probes that are followed: their progress is that of their work, and their rungs become those of the ladder."""

import pytest

from ladders import LadderRequest, StoppingRule, find_ladder
from shotladder.pipeline.timing.followed_probes import FollowedProbes
from tests.ladders.synthetic import KnownFilm, SlowFilm, known


class CostlyFilm(KnownFilm):
    """Probes that once took far longer than now, as results from the store did."""

    def seconds(self, point):
        return 1000.0


def follow(law=SlowFilm, count=12, preset="medium"):
    """Find a ladder; return it, and what was shown and expected."""
    prober, segments = known(law, count, preset=preset)
    request = LadderRequest(encoding=prober.encoding, stopping=StoppingRule.for_effort("balanced"))
    shown, expected = [], []
    followed = FollowedProbes(
        prober,
        request,
        lambda done, total: shown.append((done, total)),
        lambda rungs, probed: expected.append((rungs, probed)),
    )
    prober.runner = followed
    ladder = find_ladder(prober, segments, request)
    followed.finish()
    return ladder, prober, shown, expected


def test_followed_probes_have_the_results_and_the_cost_of_all_probes():
    ladder, prober, _, _ = follow()
    plain, segments = known(SlowFilm, 12, preset="medium")
    expected = find_ladder(plain, segments, LadderRequest(encoding=plain.encoding))
    assert ladder.rungs == expected.rungs
    assert prober.cost == plain.cost


def test_followed_probes_show_work_that_grows_to_its_total():
    _, _, shown, _ = follow()
    done = [each for each, _ in shown]
    assert done == sorted(done)
    assert shown[-1][0] == shown[-1][1] > 0
    # before the first round ends, the total is a guess
    assert shown[0][1] == pytest.approx(shown[-1][1], rel=0.5)


def test_followed_probes_expect_about_the_rungs_of_the_ladder_after_the_pilots():
    # of 21 chunks, the pilots are one of each kind
    ladder, _, _, expected = follow(count=21)
    (first, pilots), *_, (last, probed) = expected
    assert (pilots, probed) == (3, 21)
    rates = [sum(rung.rate for rung in rungs) for rungs in (first, ladder.rungs)]
    assert rates[0] == pytest.approx(rates[1], rel=0.3)
    assert abs(len(first) - len(ladder.rungs)) <= 1
    assert [rung.rate for rung in last] == pytest.approx([rung.rate for rung in ladder.rungs], rel=0.05)


def test_followed_probes_do_not_count_results_from_the_store():
    _, _, shown, _ = follow(CostlyFilm, preset="veryfast")
    assert shown[-1] == (0.0, 0.0)
