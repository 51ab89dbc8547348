"""Jobs are run longest first, within memory, tried again, and one that fails costs no other."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from encoder import ClaimedError, JobsError, LocalExecutor, MissingToolError, ProcessError, longest_first, run_all
from encoder.farm import free_memory


@dataclass(frozen=True)
class Work:
    cost: float
    memory: int = 0


def test_the_longest_comes_first_and_equals_keep_their_order():
    jobs = [Work(2, 1), Work(5), Work(2, 2), Work(9)]
    assert longest_first(jobs) == [Work(9), Work(5), Work(2, 1), Work(2, 2)]
    begun = []
    with ThreadPoolExecutor(1) as executor:
        results = dict(run_all(executor, lambda job: begun.append(job) or job.cost, jobs))
    assert begun == longest_first(jobs)
    assert results == {job: job.cost for job in jobs}


def failing(times, error, calls):
    """Fail the job of cost 3 so many times."""

    def run(job):
        calls.append(job.cost)
        if job.cost == 3 and calls.count(3) <= times:
            raise error
        return -job.cost

    return run


BROKEN = ProcessError(("ffmpeg", "-i", "a film.mp4"), 1, "the cause\nthe end")


def test_a_job_that_fails_once_is_tried_again():
    calls = []
    with ThreadPoolExecutor(2) as executor:
        results = dict(run_all(executor, failing(1, BROKEN, calls), [Work(n) for n in range(6)]))
    assert results == {Work(n): -n for n in range(6)}
    assert calls.count(3) == 2


def test_a_job_that_fails_for_good_is_told_when_all_others_are_done():
    calls, done = [], []
    with ThreadPoolExecutor(2) as executor, pytest.raises(JobsError) as caught:
        for job, _ in run_all(executor, failing(9, BROKEN, calls), [Work(n) for n in range(6)]):
            done.append(job.cost)
    assert sorted(done) == [0, 1, 2, 4, 5]
    assert calls.count(3) == 2
    assert str(caught.value) == (
        "1 of 6 jobs failed 2 times, the others are done and in the store; the first: ffmpeg failed (status 1): "
        "the cause ... the end; the command was: ffmpeg -i 'a film.mp4'"
    )


def test_many_failures_end_the_round():
    def fail(job):
        raise BROKEN

    with ThreadPoolExecutor(1) as executor, pytest.raises(JobsError, match=r"^10 of 500 jobs failed .* no more"):
        list(run_all(executor, fail, [Work(n) for n in range(500)]))


@pytest.mark.parametrize("error", [MissingToolError("no ffmpeg"), OSError(28, "No space left on device")])
def test_what_would_meet_every_job_is_told_at_once(error):
    calls = []
    with ThreadPoolExecutor(1) as executor, pytest.raises(type(error)):
        list(run_all(executor, failing(9, error, calls), [Work(3)]))
    assert calls == [3]


def test_what_another_run_makes_is_waited_for():
    calls = []
    with ThreadPoolExecutor(1) as executor:
        results = dict(run_all(executor, failing(3, ClaimedError("taken"), calls), [Work(1), Work(3)]))
    assert results == {Work(1): -1, Work(3): -3}
    assert calls.count(3) == 4


def test_jobs_wait_for_memory_and_a_large_one_runs_alone():
    held, most, lock = [], [], threading.Lock()

    def run(job):
        with lock:
            held.append(job.memory)
            most.append(tuple(held))
        time.sleep(0.005)
        with lock:
            held.remove(job.memory)

    with LocalExecutor(8, memory=100) as executor:
        list(run_all(executor, run, [Work(n, memory) for n, memory in enumerate([500, *[40] * 12, 90])]))
    assert all(sum(together) <= 100 or len(together) == 1 for together in most)
    assert max(map(len, most)) == 2


def test_free_memory_is_some_of_this_machines():
    assert 10**7 < free_memory() < 10**14
