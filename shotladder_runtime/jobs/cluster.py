"""Run jobs on the workers of a Dask cluster; the scheduler repeats jobs of lost workers on other workers."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
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
        If there is no scheduler or no worker, or a worker has another ffmpeg or no access to the store.
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

        def count_workers() -> None:
            while not stopped.wait(COUNT_INTERVAL):
                with contextlib.suppress(OSError):
                    executor.resize(_count_threads(client))
                executor.repeat_overdue()

        counter = threading.Thread(target=count_workers, daemon=True)
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
    """Check that there are workers, and that each has the same ffmpeg and access to the store."""
    try:
        client.wait_for_workers(1, timeout=TIMEOUT)
    except TimeoutError as error:
        raise ClusterError(f"{address}: the scheduler has no workers") from error
    token = uuid.uuid4().hex
    store.write_json("hello", {"token": token}, token)
    replies: dict[str, tuple[str, bool]] = client.run(_probe_worker, store, token)
    for worker, (version, has_store) in sorted(replies.items()):
        if version != ffmpeg_version():
            raise ClusterError(
                f"worker {worker} has ffmpeg {version}, this machine {ffmpeg_version()}; use one version for all"
            )
        if not has_store:
            raise ClusterError(
                f"worker {worker} has no access to {store.location}; name a store that all machines share, or a URL"
            )


def _probe_worker(store: Store, token: str) -> tuple[str, bool]:
    """Return, on a worker, the version of its ffmpeg and whether it can read what the client stored."""
    return ffmpeg_version(), store.read_json("hello", {"token": token}) == token
