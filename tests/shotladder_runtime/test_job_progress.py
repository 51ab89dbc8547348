"""Jobs on local workers report how far they are."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shotladder_runtime.jobs import LocalExecutor, job_part, report_job_progress, run_all
from shotladder_runtime.jobs.job_progress import receive_job_progress


@dataclass(frozen=True)
class Work:
    cost: float
    memory: int = 0

    def split(self, count):
        return [self]


def work_in_two_parts(job):
    with job_part(0, 0.5):
        report_job_progress(1, 2)
    with job_part(0.5, 1):
        report_job_progress(1, 2)
    return job.cost


def test_run_all_reports_progress_within_a_local_job():
    seen = []
    with LocalExecutor(1) as executor:
        results = [done for _, done in run_all(executor, work_in_two_parts, [Work(8)], lambda *now: seen.append(now))]
    assert results == [8]
    assert seen == [(2, 8), (6, 8), (8, 8)]


def test_run_all_reports_whole_jobs_of_other_executors():
    seen = []
    with ThreadPoolExecutor(1) as executor:
        list(run_all(executor, work_in_two_parts, [Work(3), Work(1)], lambda *now: seen.append(now)))
    assert seen == [(3, 4), (4, 4)]


def test_run_all_does_not_count_a_second_attempt_from_0():
    seen, attempts = [], []

    def fail_once(job):
        report_job_progress(len(attempts) or 3, 4)
        attempts.append(job)
        if len(attempts) == 1:
            raise ValueError

    with LocalExecutor(1) as executor:
        list(run_all(executor, fail_once, [Work(4)], lambda *now: seen.append(now)))
    assert seen == [(3, 4), (4, 4)]


def test_run_all_ends_with_the_exact_total():
    seen, jobs = [], [Work(0.1) for _ in range(30)]
    with ThreadPoolExecutor(1) as executor:
        list(run_all(executor, work_in_two_parts, jobs, lambda *now: seen.append(now)))
    done, total = zip(*seen, strict=True)
    assert done[-1] == total[-1]
    assert list(done) == sorted(done)


def test_report_job_progress_without_a_receiver_does_nothing():
    report_job_progress(1, 2)


def test_receive_job_progress_restores_the_receiver_before():
    outer, inner = [], []
    with receive_job_progress(outer.append):
        with receive_job_progress(inner.append):
            report_job_progress(1, 4)
        report_job_progress(3, 4)
    assert (outer, inner) == ([0.75], [0.25])
