"""A Dask scheduler and four workers in processes of their own, one of which is slow."""

import signal
import threading

import pytest

from shotladder_runtime.jobs import cluster, cluster_executor, run_all, stragglers
from shotladder_runtime.store import Store
from tests.shotladder_runtime.cluster_jobs import STEPS, SteppedJob, run_steps
from tests.shotladder_runtime.dask_processes import Cluster

WORKERS, JOBS = 4, 16
#: Seconds for which the slow worker stands still between two steps; a job of a second then takes half a minute.
STILL, MOVING = 0.6, 0.01


@pytest.fixture
def farm(tmp_path):
    farm = Cluster(tmp_path, WORKERS)
    yield farm
    farm.stop()


@pytest.fixture
def slowed(farm):
    """Return a function that slows a worker until the end of the test, and then waits until it runs freely."""
    ended = threading.Event()

    def slow(process):
        while not ended.is_set():
            process.send_signal(signal.SIGSTOP)
            ended.wait(STILL)
            process.send_signal(signal.SIGCONT)
            ended.wait(MOVING)

    threads = []

    def start(process):
        threads.append(threading.Thread(target=slow, args=(process,)))
        threads[0].start()

    yield start
    ended.set()
    for thread in threads:
        thread.join()


def test_cluster_executor_repeats_a_slow_job_early_and_ends_its_first_attempt(farm, slowed, tmp_path, monkeypatch):
    for name, value in {"LATE_SAMPLES": 3, "LATE_SLACK": 0.5}.items():
        monkeypatch.setattr(stragglers, name, value)
    monkeypatch.setattr(cluster, "COUNT_INTERVAL", 0.2)
    slow = farm.workers[0]
    results = []
    with cluster_executor(farm.address, Store(tmp_path / "store")) as executor:
        executor.resize(WORKERS)
        slowed(slow)
        for job, process in run_all(executor, run_steps, [SteppedJob(n, tmp_path) for n in range(JOBS)]):
            results.append((job.number, process))
    assert sorted(number for number, _ in results) == list(range(JOBS)), "each job has one result"
    cancelled = list(tmp_path.glob(f"cancelled-*-{slow.pid}"))
    assert cancelled, "the attempt on the slow worker ends before its job"
    assert all(int(path.read_text()) < STEPS / 2 for path in cancelled)
