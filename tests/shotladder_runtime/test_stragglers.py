"""Jobs that take much longer than expected run a second time, and only one result counts."""

import threading
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from shotladder_runtime.errors import JobLockedError
from shotladder_runtime.jobs import ThrottledExecutor, executor
from shotladder_runtime.jobs.stragglers import (
    LATE_FACTOR,
    LATE_SAMPLES,
    LATE_SLACK,
    LATE_WORKERS,
    MIN_SAMPLES,
    MIN_SECONDS,
    OVERDUE_FACTOR,
    DurationModel,
    Stragglers,
)
from shotladder_runtime.store import Store, locks
from shotladder_runtime.store.locks import number_attempt


def test_duration_model_expects_the_median_duration_of_a_kind():
    model = DurationModel()
    for n in range(MIN_SAMPLES):
        assert model.expect("encode", 2.0) is None
        model.add("encode", 10.0, 30.0 + n)
    assert model.expect("encode", 2.0) == pytest.approx(2.0 * 3.2)
    assert model.expect("scan", 2.0) is None
    assert model.expect("encode", 0.0) is None


def run_jobs(watch, count, seconds, checkpoints=()):
    """Let jobs of a kind start at 0 and end after some seconds, with the checkpoints that they report before."""
    for n in range(count):
        watch.start(n, "encode", 1.0, 0.0)
        for fraction, moment in checkpoints:
            watch.report(n, fraction, moment)
        watch.end(n, seconds)


def test_take_overdue_returns_each_overdue_job_once():
    watch = Stragglers()
    watch.start("unknown", "encode", 0.0, 0.0)
    watch.start("before", "encode", 1.0, 0.0)
    run_jobs(watch, MIN_SAMPLES, 10.0)
    watch.start("slow", "encode", 2.0, 0.0)
    watch.start("ended", "encode", 1.0, 0.0)
    watch.end("ended")
    assert watch.next_due() == OVERDUE_FACTOR * 10.0
    assert watch.take_overdue(OVERDUE_FACTOR * 10.0 - 0.1) is None
    assert watch.take_overdue(OVERDUE_FACTOR * 10.0) == "before"
    assert watch.take_overdue(OVERDUE_FACTOR * 20.0) == "slow"
    assert watch.take_overdue(OVERDUE_FACTOR * 20.0) is None


def test_take_overdue_repeats_a_repeated_job_after_twice_the_time():
    watch = Stragglers()
    run_jobs(watch, MIN_SAMPLES, 10.0)
    watch.start("slow", "encode", 1.0, 0.0)
    assert watch.take_overdue(20.0) == "slow"
    assert watch.take_overdue(20.0 + 2 * OVERDUE_FACTOR * 10.0 - 0.1) is None
    assert watch.take_overdue(20.0 + 2 * OVERDUE_FACTOR * 10.0) == "slow"


def test_take_late_returns_a_job_that_misses_a_checkpoint_which_others_reach():
    watch = Stragglers()
    watch.start("before", "encode", 1.0, 0.0)
    run_jobs(watch, LATE_SAMPLES, 100.0, [(0.1, 10.0)])
    due = LATE_FACTOR * 10.0 + LATE_SLACK
    assert watch.next_due() == due
    assert watch.take_late(due - 0.1, 4) is None
    assert watch.take_late(due, 4) == "before"
    watch.start("in time", "encode", 1.0, 0.0)
    watch.report("in time", 0.1, due)
    assert watch.take_late(due + 50.0, 400) is None, "the next checkpoint has no times"
    assert watch.take_late(LATE_FACTOR * 100.0 + LATE_SLACK, 400) == "in time", "it stands still later"


@pytest.mark.parametrize(("moment", "taken"), [(31.0, "slow"), (199.0, "slow"), (201.0, None)])
def test_take_late_repeats_a_job_that_was_late_at_a_checkpoint_if_that_helps(moment, taken):
    watch = Stragglers()
    run_jobs(watch, LATE_SAMPLES, 100.0, [(0.1, 10.0)])
    watch.start("slow", "encode", 1.0, 0.0)
    watch.report("slow", 0.1, 30.0)
    assert watch.take_late(moment, 4) == taken, (
        "three times slower, it ends after 300 s, and another attempt takes 100 s"
    )


def test_report_of_0_begins_a_job_again():
    watch = Stragglers()
    run_jobs(watch, LATE_SAMPLES, 100.0, [(0.1, 10.0)])
    watch.start("lost", "encode", 1.0, 0.0)
    watch.report("lost", 0.1, 10.0)
    watch.report("lost", 0.0, 40.0)
    due = 40.0 + LATE_FACTOR * 10.0 + LATE_SLACK
    assert watch.take_late(due - 0.1, 4) is None
    assert watch.take_late(due, 4) == "lost"


def test_take_late_ignores_kinds_and_jobs_without_enough_others():
    watch = Stragglers()
    run_jobs(watch, LATE_SAMPLES - 1, 100.0, [(0.1, 10.0)])
    watch.start("few others", "encode", 1.0, 0.0)
    watch.start("another kind", "scan", 1.0, 0.0)
    assert watch.take_late(1e9, 4) is None


def test_take_late_limits_the_workers_that_repeat_jobs():
    watch = Stragglers()
    run_jobs(watch, LATE_SAMPLES, 100.0, [(0.1, 10.0)])
    for n in range(4):
        watch.start(f"slow {n}", "encode", 1.0, 0.0)
    width = round(2 / LATE_WORKERS)
    assert [watch.take_late(50.0, width) for _ in range(3)] == ["slow 0", "slow 1", None]
    watch.end("slow 0", 120.0)
    assert watch.take_late(50.0, width) == "slow 2"


def test_take_late_waits_longer_when_jobs_turn_out_to_vary():
    watch = Stragglers()
    run_jobs(watch, LATE_SAMPLES, 100.0, [(0.1, 10.0)])
    watch.start("hard", "encode", 1.0, 0.0)
    run_jobs(watch, LATE_SAMPLES, 300.0, [(0.1, 30.0)])
    assert watch.take_late(LATE_FACTOR * 10.0 + LATE_SLACK, 4) is None
    assert watch.take_late(LATE_FACTOR * 30.0 + LATE_SLACK, 4) == "hard"


def test_end_learns_nothing_from_results_of_the_store():
    watch = Stragglers()
    run_jobs(watch, MIN_SAMPLES, MIN_SECONDS / 2)
    watch.start("computed", "encode", 1.0, 0.0)
    assert watch.next_due() is None


@dataclass
class Job:
    name: str
    cost: float = 1.0
    memory: int = 0


class ManualExecutor(Executor):
    """Holds the futures of its calls, which the test ends."""

    def __init__(self):
        self.calls = []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.calls.append((future, fn))
        return future

    def end(self, number):
        future, fn = self.calls[number]
        future.set_result(fn())

    def shutdown(self, wait=True, *, cancel_futures=False):
        pass


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(executor, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


@pytest.fixture
def farm(clock):
    """An executor of two workers that has run enough jobs of 10 s, and a job that runs."""
    inner = ManualExecutor()
    throttled = ThrottledExecutor(inner, 2)
    for n in range(MIN_SAMPLES):
        throttled.submit(lambda job: job.name, Job("fast"))
        clock.seconds += 10.0
        inner.end(n)
    future = throttled.submit(lambda job: job.name, Job("slow"))
    return throttled, inner, future


def test_repeat_overdue_starts_an_overdue_job_a_second_time(farm, clock):
    throttled, inner, future = farm
    assert throttled.repeat_overdue() == 0
    clock.seconds += 10.0 * OVERDUE_FACTOR
    assert throttled.repeat_overdue() == 1
    assert throttled.repeat_overdue() == 0
    first, second = inner.calls[-2][0], inner.calls[-1][0]
    inner.end(-1)
    assert future.result(timeout=0) == "slow"
    assert throttled.repeat_overdue() == 0
    assert first.cancelled() and not second.cancelled()


def test_repeat_overdue_leaves_workers_to_waiting_jobs(farm, clock):
    throttled, inner, _ = farm
    throttled.submit(lambda job: job.name, Job("other"))
    clock.seconds += 1e6
    assert throttled.repeat_overdue() == 0
    assert len(inner.calls) == MIN_SAMPLES + 2


def test_throttled_executor_repeats_a_late_job_ahead_of_waiting_ones(clock):
    inner = ManualExecutor()
    throttled = ThrottledExecutor(inner, 2)
    started = []
    keep = throttled.prepare_attempt
    throttled.prepare_attempt = lambda call, function: started.append(call) or keep(call, function)
    slow = throttled.submit(lambda job: job.name, Job("slow"))
    for n in range(LATE_SAMPLES + 2):
        throttled.submit(lambda job: job.name, Job(f"fast {n}"))
    for n in range(LATE_SAMPLES):
        clock.seconds += 1.0
        throttled.report(started[-1], 0.1)
        inner.end(n + 1)
    late = [call for call in started if call.future is slow]
    assert len(late) == 2, "the first attempt has reported nothing"
    assert throttled.waiting_count, "jobs still wait"
    inner.end(inner.calls.index(next(each for each in inner.calls[LATE_SAMPLES:] if each[1]() == "slow")))
    assert slow.result(timeout=0) == "slow"


def test_local_executor_repeats_no_jobs(clock):
    with executor.LocalExecutor(2) as local:
        for _ in range(MIN_SAMPLES):
            local.submit(lambda job: setattr(clock, "seconds", clock.seconds + 10.0), Job("fast")).result(timeout=10)
        go = threading.Event()
        slow = local.submit(lambda job: go.wait(10), Job("slow"))
        clock.seconds += 1e6
        assert local.repeat_overdue() == 0
        go.set()
        assert slow.result(timeout=10)


def test_throttled_executor_fails_a_job_only_if_all_attempts_fail(farm, clock):
    throttled, inner, future = farm
    clock.seconds += 1e6
    throttled.repeat_overdue()
    inner.calls[-1][0].set_exception(JobLockedError("the first attempt has the lock"))
    assert not future.done()
    inner.calls[-2][0].set_exception(OSError("broken"))
    assert isinstance(future.exception(timeout=0), OSError)


def test_expect_lost_locks_runs_a_locked_job_again_as_another_attempt(tmp_path):
    (tmp_path / ".jobs").mkdir()
    inner = ManualExecutor()
    throttled = ThrottledExecutor(inner, 2)

    def run(job):
        with locks.lock_job(tmp_path, job.name):
            return job.name

    def end_locked(number):
        inner.calls[number][0].set_exception(JobLockedError("a suspended process has the lock"))

    unknown = throttled.submit(run, Job("other run"))
    end_locked(0)
    assert isinstance(unknown.exception(timeout=0), JobLockedError)
    future = throttled.submit(run, Job("removed worker"))
    throttled.expect_lost_locks()
    with locks.lock_job(tmp_path, "removed worker"):
        end_locked(1)
        assert not future.done()
        inner.end(2)
    assert future.result(timeout=0) == "removed worker"


def test_expect_lost_locks_gives_up_after_some_attempts():
    inner = ManualExecutor()
    throttled = ThrottledExecutor(inner, 2)
    future = throttled.submit(lambda job: job.name, Job("locked"))
    throttled.expect_lost_locks()
    while not future.done():
        inner.calls[-1][0].set_exception(JobLockedError("locked"))
    assert isinstance(future.exception(timeout=0), JobLockedError)
    assert len(inner.calls) == executor.MAX_ATTEMPTS
    again = throttled.submit(lambda job: job.name, Job("locked"))
    inner.calls[-1][0].set_exception(JobLockedError("locked"))
    assert not again.done(), "jobs that begin later may be locked too"


def cancel_attempt(inner):
    """End the last attempt as a Dask client that loses its scheduler."""
    inner.calls[-1][0].cancel()
    inner.calls[-1][0].set_running_or_notify_cancel()


def test_repeat_overdue_begins_cancelled_jobs_again():
    inner = ManualExecutor()
    throttled = ThrottledExecutor(inner, 1)
    future = throttled.submit(lambda job: job.name, Job("lost"))
    cancel_attempt(inner)
    assert not future.done(), "the connection may come back"
    throttled.repeat_overdue()
    inner.end(-1)
    assert future.result(timeout=0) == "lost"


def test_abort_and_shutdown_end_cancelled_jobs():
    for end, error in (
        (lambda throttled: throttled.abort(JobLockedError("lost")), JobLockedError),
        (lambda throttled: throttled.shutdown(wait=False), CancelledError),
    ):
        inner = ManualExecutor()
        throttled = ThrottledExecutor(inner, 1)
        future = throttled.submit(lambda job: job.name, Job("lost"))
        cancel_attempt(inner)
        end(throttled)
        assert isinstance(future.exception(timeout=0), error)


def test_number_attempt_lets_attempts_run_beside_each_other_but_not_two_of_one_number(tmp_path):
    (tmp_path / ".jobs").mkdir()
    with locks.lock_job(tmp_path, "a"):
        with pytest.raises(JobLockedError), locks.lock_job(tmp_path, "a"):
            pass
        with (
            number_attempt(2),
            locks.lock_job(tmp_path, "a"),
            pytest.raises(JobLockedError),
            locks.lock_job(tmp_path, "a"),
        ):
            pass


def test_store_write_keeps_the_artefact_of_the_first_writer(tmp_path):
    store = Store(tmp_path / "store")
    path = store.path("score", {"n": 1}, ".json")

    def make(part):
        # another writer is faster
        store.write(path, lambda other: other.write_text("[1]"))
        part.write_text("[2]")

    store.write(path, make)
    assert store.fetch(path).read_text() == "[1]"
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []


def test_lock_publication_takes_the_lock_from_a_suspended_holder(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PUBLICATION_TIMEOUT", 0.0)
    path = tmp_path / ".jobs" / "a.publication"
    with locks.lock_publication(tmp_path, "a"):
        first = path.stat().st_ino
        second = locks.lock_publication(tmp_path, "a")
        second.__enter__()
        assert path.stat().st_ino != first
    assert path.exists(), "the first holder must not release the lock of the second one"
    second.__exit__(None, None, None)
    assert not path.exists()
