"""Workers on other machines, through a Dask scheduler: it places jobs, and gives those of a lost worker to another."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from shotladder_runtime.errors import ClusterError, MissingToolError
from shotladder_runtime.jobs.executor import ThrottledExecutor
from shotladder_runtime.store.store import Store
from shotladder_runtime.tools import ffmpeg_version

__all__ = ["cluster_executor"]

#: Seconds in which the scheduler must answer, and have a worker.
ANSWER = 20
#: Seconds after which workers are counted again: some come, some are lost.
FOLLOW = 2


@contextmanager
def cluster_executor(address: str, store: Store) -> Iterator[Executor]:
    """Give an executor that runs jobs on the workers of a Dask cluster.

    Parameters
    ----------
    address : str
        Of the scheduler, as `tcp://host:8786`.
    store : Store
        That jobs will use; all workers must see it.

    Raises
    ------
    MissingToolError
        If Dask is not installed.
    ClusterError
        If there is no scheduler, no worker, or one that sees another store or has another ffmpeg.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingToolError("a cluster needs Dask: pip install 'shotladder[cluster]'") from error
    try:
        client = Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"{address}: no Dask scheduler answers ({error})") from error
    with client:
        _check(client, address, store)
        # a job that is tried again is another task than the one that failed
        farm = ThrottledExecutor(client.get_executor(pure=False), _threads(client))
        stopped = threading.Event()

        def follow() -> None:
            while not stopped.wait(FOLLOW):
                with contextlib.suppress(OSError):
                    farm.resize(_threads(client))

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield farm
        finally:
            stopped.set()
            follower.join()
            farm.shutdown(wait=False)


def _threads(client: Any) -> int:
    """Return how many jobs the workers do at a time; one waits while there is no worker at all."""
    return max(1, sum(client.nthreads().values()))


def _check(client: Any, address: str, store: Store) -> None:
    """Make sure that there are workers, and that each makes what this machine would, and puts it where it is found."""
    try:
        client.wait_for_workers(1, timeout=ANSWER)
    except TimeoutError as error:
        raise ClusterError(f"{address}: the scheduler has no workers") from error
    token = uuid.uuid4().hex
    store.write_json("hello", {"token": token}, token)
    answers: dict[str, tuple[str, bool]] = client.run(_look, store, token)
    for worker, (version, sees) in sorted(answers.items()):
        if version != ffmpeg_version():
            raise ClusterError(
                f"worker {worker} has ffmpeg {version}, this machine {ffmpeg_version()}; use one for all"
            )
        if not sees:
            where = store.url or store.root
            raise ClusterError(f"worker {worker} does not see {where}; name a store that all machines share, or a URL")


def _look(store: Store, token: str) -> tuple[str, bool]:
    """Tell, on a worker, which ffmpeg it has and whether it sees what the client has stored."""
    return ffmpeg_version(), store.read_json("hello", {"token": token}) == token
