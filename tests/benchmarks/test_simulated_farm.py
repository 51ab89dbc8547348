"""The simulated farm orders and repeats jobs as the executors do."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from benchmarks.scale import simulated_farm
from benchmarks.scale.simulated_farm import Chain, Farm, Faults, Title, bound

WORKERS = 20


@dataclass(frozen=True)
class Work:
    """A job of a farm that cannot be split."""

    seconds: float
    cost: float = 1.0
    memory: int = 0

    def split(self, count):
        return [self]


def make_title(*chains):
    return Title(Chain("analysis", (), ()), chains)


def run(seconds, faults):
    titles = [make_title(Chain("codec", (tuple(Work(each) for each in seconds),), (0.0,)))]
    farm = Farm(titles, WORKERS, 0, faults)
    return farm.run() / bound(titles, WORKERS), farm.repeated


def test_farm_repeats_a_job_that_began_before_enough_jobs_had_ended():
    # a slow one among the first jobs of a round, which begin together
    ratio, repeated = run([1.0] * (WORKERS - 1) + [3.0], Faults())
    assert repeated == 1
    assert ratio == pytest.approx(1.0), "both attempts take 3 s here, because the job itself is slow"


def test_farm_runs_each_job_once_without_faults():
    assert run([1.0] * 2 * WORKERS, Faults()) == (pytest.approx(1.0), 0)


@pytest.mark.parametrize(("repeats", "seconds"), [(True, 400.0), (False, 500.0)])
def test_farm_repeats_a_slow_job_on_the_first_free_worker(repeats, seconds):
    title = make_title(Chain("codec", (tuple([Work(100.0)] * 3 * WORKERS),), (0.0,)))
    farm = Farm([title], WORKERS, 0, Faults(slow=0.5, repeats=repeats))
    # two numbers for each attempt: whether it is slow, and whether it is lost; a job of the third wave is slow
    numbers = iter([*[1.0] * (2 * 2 * WORKERS), 0.0, *[1.0] * 1000])
    farm.rng = SimpleNamespace(random=lambda: next(numbers))
    assert farm.run() == pytest.approx(seconds), "an overdue job would be repeated at 325 s"
    assert farm.repeated == repeats


def test_farm_runs_a_lost_job_again():
    title = make_title(Chain("codec", ((Work(1.0),),), (0.0,)))
    farm = Farm([title], WORKERS, 0, Faults(lost=0.5, repeats=False))
    # the first attempt is lost after 0.75 of its duration
    numbers = iter([1.0, 0.0, 0.75, 1.0, 1.0])
    farm.rng = SimpleNamespace(random=lambda: next(numbers))
    assert farm.run() == pytest.approx(1.75)


def test_farm_starts_the_jobs_of_the_longest_remaining_chain_first():
    short = Chain("short", (tuple(Work(1.0) for _ in range(2 * WORKERS)),), (0.0,))
    rounds = ((Work(1.0),),) * 3
    for tails, seconds in (((2.0, 1.0, 0.0), 3.0), ((-1.0, -1.0, 0.0), 5.0)):
        long = Chain("long", rounds, tails)
        assert Farm([make_title(short, long)], WORKERS, 0, Faults()).run() == seconds


def test_farm_opens_a_title_when_a_worker_is_idle(monkeypatch):
    title = make_title(Chain("codec", ((Work(1.0),) * (WORKERS // 2),), (0.0,)))
    assert Farm([title] * 2, WORKERS, 0, Faults()).run() == 1.0
    assert Farm([title] * 3, WORKERS, 0, Faults()).run() == 2.0
    monkeypatch.setattr(simulated_farm, "MAX_OPEN", 1)
    assert Farm([title] * 2, WORKERS, 0, Faults()).run() == 2.0
