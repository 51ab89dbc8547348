"""Run jobs on the workers of a Dask cluster; the scheduler repeats jobs of lost workers on other workers."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from typing import Any
from weakref import WeakValueDictionary

from shotladder_runtime.errors import ClusterError, MissingToolError
from shotladder_runtime.jobs.cluster_progress import PROGRESS_TOPIC, run_reporting
from shotladder_runtime.jobs.executor import Call, ThrottledExecutor
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_version

__all__ = ["cluster_executor"]

#: Seconds within which the scheduler must respond and have a worker (chosen by hand).
TIMEOUT = 20
#: Seconds between counts of the workers, whose number may change (chosen by hand).
COUNT_INTERVAL = 2

#: Seconds without a heartbeat after which a worker is removed, and other workers do its jobs (chosen by hand:
#: Dask waits 300 s, and compiling a kernel blocks a worker for some seconds).
SILENCE_TIMEOUT = 60.0
#: Heartbeats of a worker that may be missing; a worker of a large cluster sends few (chosen by Dask for its own limit).
MISSING_HEARTBEATS = 10

#: Loggers of Dask, and of the event loop under it, that have a level of their own.
LOGGERS = ("distributed", "distributed.client", "tornado.application")

#: Seconds without any worker after which a run ends (chosen by hand: an orchestrator starts machines within it).
NO_WORKER_TIMEOUT = 600.0


@contextmanager
def cluster_executor(
    address: str, store: Store, report: Callable[[str], None] = lambda line: None
) -> Iterator[ThrottledExecutor]:
    """Yield an executor that runs jobs on the workers of a Dask cluster.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as `tcp://host:8786`.
    store : Store
        Store of the jobs; all workers must have access to it.
    report : callable, optional
        Receives a line for each worker that is removed because it sends no heartbeats.

    Raises
    ------
    MissingToolError
        If Dask is not installed.
    ClusterError
        If the scheduler or all workers are missing, or a worker has other versions or no access to the store.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingToolError("a cluster needs Dask: pip install 'shotladder[cluster]'") from error
    with _silence_loggers():
        try:
            client = Client(address, timeout=TIMEOUT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(f"{address}: no Dask scheduler answers ({error})") from error
        with client:
            _check_workers(client, address, store)
            executor = _ClusterExecutor(client)
            watch = Watch(client, executor, address, store, report)
            watch.start()
            try:
                yield executor
            finally:
                watch.stop()
                executor.shutdown(wait=False)


@contextmanager
def _silence_loggers() -> Iterator[None]:
    """Log nothing of Dask: a lost connection is reported once, as the error of the run."""
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


class _ClusterExecutor(ThrottledExecutor):
    """Runs jobs on the workers of a Dask client."""

    def __init__(self, client: Any) -> None:
        # pure=False: a repeated job must be a new task, or Dask would return the failure of the first one
        super().__init__(client.get_executor(pure=False), _count_threads(client))
        self._client = client
        self._run = uuid.uuid4().hex
        self._numbers = itertools.count()
        #: Calls whose first attempt reports its progress.
        self._reporting: WeakValueDictionary[int, Call] = WeakValueDictionary()
        self._subscribe()

    def prepare_attempt(self, call: Call, function: Callable[[], Any]) -> Callable[[], Any]:
        """Return a function that reports its progress if it is the first attempt, and ends when it is cancelled."""
        number = None
        if not call.attempt_count:
            number = next(self._numbers)
            self._reporting[number] = call
        return partial(run_reporting, self._run, number, function)

    def repeat_overdue(self) -> int:
        """Repeat jobs as the base does; a scheduler to which the connection was lost may have lost the subscription."""
        if self._cancelled:
            self._subscribe()
        return super().repeat_overdue()

    def _subscribe(self) -> None:
        self._client.subscribe_topic(PROGRESS_TOPIC, self._take_report)

    def _take_report(self, event: tuple[float, tuple[str, int, float]]) -> None:
        """Take an event of Dask: the time, and the run, the number and the fraction of a job."""
        run, number, fraction = event[1]
        call = self._reporting.get(number) if run == self._run else None
        if call is not None:
            self.report(call, fraction)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End; a client that has lost its scheduler cannot cancel the jobs there."""
        try:
            super().shutdown(wait, cancel_futures=cancel_futures)
        except Exception:
            if not _has_lost_scheduler(self._client):
                raise


def _has_lost_scheduler(client: Any) -> bool:
    """Return whether a client has closed itself, because it could not connect to its scheduler again."""
    return client.status in ("closing", "closed")


class Heartbeats:
    """Counts, for each worker, the looks at it since its last heartbeat.

    Looks are counted instead of seconds: while the scheduler or this process is suspended, nobody looks.
    """

    def __init__(self) -> None:
        self._looks: dict[str, tuple[float, int]] = {}

    def find_silent(self, last_seen: Mapping[str, float], max_looks: int) -> list[str]:
        """Return the workers whose last heartbeat did not change within the last `max_looks` calls."""
        before, self._looks = self._looks, {}
        for worker, moment in last_seen.items():
            known, count = before.get(worker, (None, 0))
            self._looks[worker] = moment, count + 1 if known == moment else 0
        return [worker for worker, (_, count) in self._looks.items() if count >= max_looks]


class Watch:
    """Follows the workers of a cluster on a thread: counts them, and removes those that are suspended."""

    def __init__(
        self, client: Any, executor: ThrottledExecutor, address: str, store: Store, report: Callable[[str], None]
    ) -> None:
        self._client, self._executor, self._report = client, executor, report
        self._address, self._store = address, store
        self._heartbeats = Heartbeats()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look at the workers."""
        self._thread.start()

    def stop(self) -> None:
        """End; a scheduler that does not answer is not waited for."""
        self._stopped.set()
        self._thread.join(COUNT_INTERVAL)

    def _run(self) -> None:
        seen = time.monotonic()
        while not self._stopped.wait(COUNT_INTERVAL):
            count = 0
            is_lost = _has_lost_scheduler(self._client)
            # a client without a connection fails in ways that differ between versions of Dask
            with contextlib.suppress(Exception):
                count = 0 if is_lost else self._look()
            if count:
                seen = time.monotonic()
                self._executor.resize(count)
                self._executor.repeat_overdue()
            elif is_lost:
                self._abort(f"the scheduler did not answer for {TIMEOUT} s")
                return
            elif time.monotonic() - seen > NO_WORKER_TIMEOUT:
                self._abort(f"there was no worker for {NO_WORKER_TIMEOUT:.0f} s")
                return

    def _abort(self, reason: str) -> None:
        self._executor.abort(
            ClusterError(
                f"{self._address}: {reason}; finished results are in {self._store.location}, and the same command goes"
                " on from there"
            )
        )

    def _look(self) -> int:
        """Remove silent workers and return the number of threads of the others."""
        from distributed.scheduler import heartbeat_interval

        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        timeout = max(SILENCE_TIMEOUT, MISSING_HEARTBEATS * heartbeat_interval(len(workers)))
        last_seen = {worker: info["last_seen"] for worker, info in workers.items()}
        silent = self._heartbeats.find_silent(last_seen, math.ceil(timeout / COUNT_INTERVAL))
        for worker in silent:
            self._executor.expect_lost_locks()
            self._client.sync(
                self._client.scheduler.unregister, address=worker, stimulus_id=f"shotladder-{uuid.uuid4().hex}"
            )
            self._report(
                f"worker {worker} was removed: it sent no heartbeat for {timeout:.0f} s; its jobs run elsewhere"
            )
        return sum(info["nthreads"] for worker, info in workers.items() if worker not in silent)


def _count_threads(client: Any) -> int:
    """Return the number of concurrent jobs; at least one, which waits while there is no worker."""
    return max(1, sum(client.nthreads().values()))


def _check_workers(client: Any, address: str, store: Store) -> None:
    """Check that there are workers, and that each has the versions of this machine and access to the store."""
    try:
        client.wait_for_workers(1, timeout=TIMEOUT)
    except TimeoutError as error:
        raise ClusterError(f"{address}: the scheduler has no workers") from error
    token = uuid.uuid4().hex
    store.write_json("hello", {"token": token}, token)
    replies = client.run(probe_worker, store, token, on_error="return")
    store.delete(store.path("hello", {"token": token}, ".json"))
    here = tool_versions()
    for worker, reply in sorted(replies.items()):
        if isinstance(reply, Exception):
            # a worker without this function, without the package, or with a tool that does not run
            raise ClusterError(f"worker {worker} cannot run jobs ({reply}); use one version of shotladder for all")
        versions, has_store = reply
        for name, version in here.items():
            if versions.get(name) != version:
                raise ClusterError(
                    f"worker {worker} has {name} {versions.get(name)}, this machine {version}; use one version for all"
                )
        if not has_store:
            raise ClusterError(
                f"worker {worker} has no access to {store.location}; name a store that all machines share, or a URL"
            )


def tool_versions() -> dict[str, str]:
    """Return the versions that decide the results of jobs, and whether jobs can be exchanged."""
    return {
        "shotladder": metadata.version("shotladder"),
        "ffmpeg": ffmpeg_version(),
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }


def probe_worker(store: Store, token: str) -> tuple[dict[str, str], bool]:
    """Return, on a worker, its versions and whether it can read what the client stored."""
    return tool_versions(), store.read_json("hello", {"token": token}) == token
