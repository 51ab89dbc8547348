"""The simulated farm repeats slow jobs as the executors do."""

from dataclasses import dataclass

import pytest

from benchmarks.scale.simulated_farm import Chain, Farm, Faults, bound

WORKERS = 20


@dataclass(frozen=True)
class Work:
    """A job of a farm that cannot be split."""

    seconds: float
    cost: float = 1.0
    memory: int = 0

    def split(self, count):
        return [self]


def run(seconds, faults):
    chain = Chain("codec", (tuple(Work(each) for each in seconds),))
    farm = Farm([chain], WORKERS, 0, faults)
    return farm.run() / bound([chain], WORKERS), farm.repeated


def test_farm_repeats_a_job_that_began_before_enough_jobs_had_ended():
    # a slow one among the first jobs of a round, which begin together
    ratio, repeated = run([1.0] * (WORKERS - 1) + [3.0], Faults())
    assert repeated == 1
    assert ratio == pytest.approx(1.0), "both attempts take 3 s here, because the job itself is slow"


def test_farm_runs_each_job_once_without_faults():
    assert run([1.0] * 2 * WORKERS, Faults()) == (pytest.approx(1.0), 0)
