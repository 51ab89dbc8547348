"""Executors run jobs longest first, within memory, and repeat failed jobs."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pytest

from shotladder_runtime.errors import JobLockedError, JobsError, MissingToolError, ProcessError
from shotladder_runtime.jobs import (
    JobQueue,
    LocalExecutor,
    ThrottledExecutor,
    longest_first,
    run_all,
    run_concurrently,
    split_long_jobs,
)
from shotladder_runtime.jobs.executor import read_free_memory


@dataclass(frozen=True)
class Work:
    cost: float
    memory: int = 0

    def split(self, count):
        return [Work(self.cost / count, self.memory)] * count


def test_split_long_jobs_divides_the_longest_job():
    jobs = [Work(12), Work(2), Work(2)]
    assert split_long_jobs(jobs, 1) == jobs
    assert split_long_jobs(jobs, 2) == [Work(6), Work(6), Work(2), Work(2)]
    assert split_long_jobs(jobs, 4) == [*[Work(4)] * 3, Work(2), Work(2)]
    assert split_long_jobs([], 4) == []


def test_longest_first_is_stable():
    jobs = [Work(2, 1), Work(5), Work(2, 2), Work(9)]
    assert longest_first(jobs) == [Work(9), Work(5), Work(2, 1), Work(2, 2)]
    begun = []
    with ThreadPoolExecutor(1) as executor:
        results = dict(run_all(executor, lambda job: begun.append(job) or job.cost, jobs))
    assert begun == longest_first(jobs)
    assert results == {job: job.cost for job in jobs}


def failing(times, error, calls):
    """Return a function that fails `times` times for the job of cost 3."""

    def run(job):
        calls.append(job.cost)
        if job.cost == 3 and calls.count(3) <= times:
            raise error
        return -job.cost

    return run


BROKEN = ProcessError(("ffmpeg", "-i", "a video.mp4"), 1, "the cause\nthe end")


def test_run_all_repeats_a_failed_job():
    calls = []
    with ThreadPoolExecutor(2) as executor:
        results = dict(run_all(executor, failing(1, BROKEN, calls), [Work(n) for n in range(6)]))
    assert results == {Work(n): -n for n in range(6)}
    assert calls.count(3) == 2


def test_run_all_reports_failures_after_all_other_jobs():
    calls, done = [], []
    with ThreadPoolExecutor(2) as executor, pytest.raises(JobsError) as caught:
        for job, _ in run_all(executor, failing(9, BROKEN, calls), [Work(n) for n in range(6)]):
            done.append(job.cost)
    assert sorted(done) == [0, 1, 2, 4, 5]
    assert calls.count(3) == 2
    assert str(caught.value) == (
        "1 of 6 jobs failed 2 times, the others are done and in the store; the first failure: "
        "ffmpeg failed (status 1): the cause ... the end; the command was: ffmpeg -i 'a video.mp4'"
    )


def test_run_all_stops_after_many_failures():
    def fail(job):
        raise BROKEN

    with ThreadPoolExecutor(1) as executor, pytest.raises(JobsError, match=r"^10 of 500 jobs failed .* are skipped"):
        list(run_all(executor, fail, [Work(n) for n in range(500)]))


@pytest.mark.parametrize("error", [MissingToolError("no ffmpeg"), OSError(28, "No space left on device")])
def test_run_all_raises_common_causes_at_once(error):
    calls = []
    with ThreadPoolExecutor(1) as executor, pytest.raises(type(error)):
        list(run_all(executor, failing(9, error, calls), [Work(3)]))
    assert calls == [3]


def test_run_all_waits_for_jobs_of_another_run():
    calls = []
    with ThreadPoolExecutor(1) as executor:
        results = dict(run_all(executor, failing(3, JobLockedError("taken"), calls), [Work(1), Work(3)]))
    assert results == {Work(1): -1, Work(3): -3}
    assert calls.count(3) == 4


def test_throttled_executor_limits_memory():
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


def test_throttled_executor_starts_the_costliest_job_first():
    begun, gate = [], threading.Event()

    def run(job):
        gate.wait()
        begun.append(job.cost)

    with LocalExecutor(1) as executor:
        rounds = [[Work(5), Work(1)], [Work(3), Work(9)]]
        futures = [executor.submit(run, job) for jobs in rounds for job in jobs]
        gate.set()
    assert all(future.done() for future in futures)
    # the first had begun when the others came
    assert begun == [5, 9, 3, 1]


def test_run_all_starts_the_jobs_of_the_longest_remaining_chain_first():
    begun, gate = [], threading.Event()

    def run(job):
        gate.wait()
        begun.append(job.cost)

    with LocalExecutor(1) as executor:
        first = executor.submit(gate.wait)
        rounds = [([Work(9), Work(8)], 0), ([Work(1), Work(2)], 7.5)]
        calls = [partial(run_all, executor.share(), run, jobs, tail=tail) for jobs, tail in rounds]
        threads = [threading.Thread(target=lambda call=call: list(call())) for call in calls]
        for thread in threads:
            thread.start()
        while executor.waiting_count < 4:
            time.sleep(0.001)
        gate.set()
        for thread in threads:
            thread.join()
    assert first.done()
    assert begun == [2, 9, 1, 8]


def test_job_queue_takes_the_first_job_that_fits_into_memory_and_keeps_the_others():
    queue = JobQueue()
    for name, job in {"large": Work(9, 100), "middle": Work(5, 50), "small": Work(1, 10)}.items():
        queue.add(job, name)
    assert queue.take(60) == (50, "middle")
    assert queue.take(5) is None
    assert [queue.take(), queue.take(), queue.take()] == [(100, "large"), (10, "small"), None]


@pytest.mark.parametrize(("workers", "order"), [(1, "abcd"), (4, "cabd")])
def test_job_queue_takes_a_later_run_first_if_its_chain_decides_when_the_last_job_ends(workers, order):
    queue = JobQueue()
    for name, cost, rank, tail in (("a", 9, 0, 0), ("b", 8, 0, 0), ("c", 2, 1, 8), ("d", 1, 1, 0)):
        queue.add(Work(cost), name, (0.0, rank), tail)
    assert "".join(queue.take(workers=workers)[1] for _ in range(4)) == order
    assert (len(queue), queue.take()) == (0, None)


def test_job_queue_takes_a_job_without_cost_first_in_its_run():
    queue = JobQueue()
    for name, job, rank in (("costly", Work(9), 0), ("unknown", object(), 0), ("unknown of a later run", object(), 1)):
        queue.add(job, name, (0.0, rank))
    assert [queue.take(workers=2)[1] for _ in range(3)] == ["unknown", "costly", "unknown of a later run"]


def test_job_queue_takes_no_job_of_lower_priority_first():
    queue = JobQueue()
    queue.add(Work(1), "urgent", (-1.0, 1))
    queue.add(Work(1), "long", (0.0, 0), 100.0)
    queue.add(object(), "urgent and unknown", (-1.0, 0))
    taken = [queue.take(workers=1000)[1] for _ in range(3)]
    assert taken == ["urgent and unknown", "urgent", "long"]


def test_resize_changes_the_number_of_concurrent_jobs():
    together, lock, most = [0], threading.Lock(), []

    def run(job):
        with lock:
            together[0] += 1
            most.append(together[0])
        time.sleep(0.01)
        with lock:
            together[0] -= 1

    with ThrottledExecutor(ThreadPoolExecutor(8), 1) as executor:
        list(run_all(executor, run, [Work(n) for n in range(6)]))
        assert max(most) == 1
        executor.resize(4)
        list(run_all(executor, run, [Work(n) for n in range(12)]))
        assert max(most) == 4


def test_shutdown_cancels_waiting_jobs():
    gate = threading.Event()
    executor = LocalExecutor(1)
    first, second = executor.submit(gate.wait), executor.submit(gate.wait)
    executor.shutdown(wait=False)
    gate.set()
    assert first.result(timeout=10)
    assert second.cancelled()


def test_run_concurrently_raises_after_all_calls_end():
    barrier, ended = threading.Barrier(2), []

    def chain(name, fails):
        barrier.wait(timeout=10)
        with LocalExecutor(1) as executor:
            list(run_all(executor, lambda job: job.cost, [Work(n) for n in range(3)]))
        if fails:
            raise BROKEN
        ended.append(name)
        return name

    with LocalExecutor(1) as executor:
        calls = [partial(chain, name, False) for name in "ab"]
        assert run_concurrently(executor, calls) == ["a", "b"]
        with pytest.raises(ProcessError):
            run_concurrently(executor, [partial(chain, "a", True), partial(chain, "c", False)])
    assert "c" in ended


def test_free_memory_is_below_the_memory_of_the_machine():
    assert 10**7 < read_free_memory() < 10**14


def test_shutdown_returns_if_workers_refuse_jobs():
    pool = ThreadPoolExecutor(1)
    executor = ThrottledExecutor(pool, 1)
    pool.shutdown()
    refused = [executor.submit(print) for _ in range(3)]
    assert all(isinstance(future.exception(timeout=10), RuntimeError) for future in refused)
    executor.shutdown()


def test_submit_after_shutdown_raises():
    executor = LocalExecutor(1)
    begun, go = threading.Event(), threading.Event()

    def slow(_):
        begun.set()
        go.wait(10)

    running, waiting = executor.submit(slow, None), executor.submit(slow, None)
    begun.wait(10)
    executor.shutdown(wait=False)
    assert waiting.cancelled()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(slow, None)
    go.set()
    executor.shutdown()
    assert running.done()


def test_run_concurrently_ends_calls_on_interrupt():
    executor, begun, done = LocalExecutor(1), threading.Event(), []

    def slow(job):
        begun.set()
        time.sleep(0.05)
        done.append(job)

    def interrupt():
        begun.wait(timeout=10)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    chain = partial(run_all, executor, slow, [Work(n) for n in range(100)])
    with pytest.raises(KeyboardInterrupt):
        run_concurrently(executor, [lambda: list(chain()), lambda: list(chain())])
    assert executor.closed
    assert len(done) < 100


def test_shared_executor_runs_jobs_of_a_smaller_rank_first():
    gate, done = threading.Event(), []
    with LocalExecutor(1) as executor:
        executor.submit(gate.wait)
        later, earlier = executor.share(0, 1), executor.share(0, 0)
        for name in ("x", "y"):
            later.submit(done.append, name)
        earlier.submit(done.append, "a")
        assert later.width == 1 and later.is_local
        gate.set()
    assert done == ["a", "x", "y"]


def test_shared_executor_cancels_its_own_jobs_only():
    gate, done = threading.Event(), []
    with LocalExecutor(1) as executor:
        executor.submit(gate.wait)
        failed, other = executor.share(0, 0), executor.share(0, 1)
        future = failed.submit(done.append, "failed")
        other.submit(done.append, "other")
        failed.shutdown(wait=False, cancel_futures=True)
        assert failed.closed and not other.closed and not executor.closed
        gate.set()
    assert future.cancelled()
    assert done == ["other"]


def test_run_all_repeats_a_killed_job_alone():
    running, seen, lock = [], [], threading.Lock()

    def run(job):
        with lock:
            running.append(job)
            if job.cost == 3:
                seen.append(len(running))
        time.sleep(0.02)
        with lock:
            running.remove(job)
        if job.cost == 3 and len(seen) == 1:
            raise ProcessError(("ffmpeg",), -signal.SIGKILL, "")
        return job.cost

    with LocalExecutor(3, memory=1000) as executor:
        results = [result for _, result in run_all(executor.share(0), run, [Work(3), *[Work(2)] * 6])]
    assert sorted(results) == [2] * 6 + [3]
    assert seen[-1] == 1


def test_run_all_reports_a_job_that_is_killed_alone_as_well():
    def run(job):
        raise ProcessError(("ffmpeg",), -signal.SIGKILL, "")

    with LocalExecutor(2) as executor, pytest.raises(JobsError, match="lack of memory, also when no other job ran"):
        list(run_all(executor, run, [Work(3)]))
