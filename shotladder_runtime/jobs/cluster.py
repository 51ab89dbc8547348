"""Run jobs on the workers of a Dask cluster; the scheduler repeats jobs of lost workers on other workers."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from shotladder_runtime.errors import ClusterError, MissingToolError
from shotladder_runtime.jobs.executor import ThrottledExecutor
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_version

__all__ = ["cluster_executor"]

#: Seconds within which the scheduler must respond and have a worker (chosen by hand).
TIMEOUT = 20
#: Seconds between counts of the workers, whose number may change (chosen by hand).
COUNT_INTERVAL = 2

#: Seconds without any worker after which a run ends (chosen by hand: an orchestrator starts machines within it).
NO_WORKER_TIMEOUT = 600.0


@contextmanager
def cluster_executor(address: str, store: Store) -> Iterator[ThrottledExecutor]:
    """Yield an executor that runs jobs on the workers of a Dask cluster.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as `tcp://host:8786`.
    store : Store
        Store of the jobs; all workers must have access to it.

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
    try:
        client = Client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"{address}: no Dask scheduler answers ({error})") from error
    with client:
        _check_workers(client, address, store)
        # pure=False: a repeated job must be a new task, or Dask would return the failure of the first one
        executor = ThrottledExecutor(client.get_executor(pure=False), _count_threads(client))
        stopped = threading.Event()

        def watch_workers() -> None:
            seen = time.monotonic()
            while not stopped.wait(COUNT_INTERVAL):
                count = 0
                with contextlib.suppress(OSError, RuntimeError):
                    count = sum(client.nthreads().values())
                if count:
                    seen = time.monotonic()
                    executor.resize(count)
                    executor.repeat_overdue()
                elif time.monotonic() - seen > NO_WORKER_TIMEOUT:
                    executor.abort(
                        ClusterError(
                            f"{address}: there was no worker for {NO_WORKER_TIMEOUT:.0f} s; finished results are in"
                            f" {store.location}, and the same command goes on from there"
                        )
                    )
                    return

        counter = threading.Thread(target=watch_workers, daemon=True)
        counter.start()
        try:
            yield executor
        finally:
            stopped.set()
            counter.join()
            executor.shutdown(wait=False)


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
