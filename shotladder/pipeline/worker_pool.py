"""The executor of a run, and how an interrupt stops the work that waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TypeVar

from shotladder.pipeline.encode_request import EncodeRequest
from shotladder_runtime.jobs import LocalExecutor, cluster_executor, run_concurrently
from shotladder_runtime.process import stop_all

__all__ = ["open_executor", "run_interruptibly"]

Result = TypeVar("Result")


@contextmanager
def open_executor(request: EncodeRequest) -> Iterator[Executor]:
    """Open the executor of a request; if the block fails, cancel queued jobs and kill the local processes."""
    if request.cluster:
        with cluster_executor(request.cluster, request.store) as executor:
            yield executor
        return
    with LocalExecutor(request.workers) as executor:
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            stop_all()
            raise


def run_interruptibly(function: Callable[[], Result], executor: Executor) -> Result:
    """Run a function that waits for jobs of an executor on a helper thread, and wait for it here.

    Python raises KeyboardInterrupt on the main thread. If that thread waited for futures itself, the interrupt could
    arrive while it holds one of their locks, and the locks would never be released. Here the main thread waits for one
    queue only; on an interrupt it shuts the executor down, kills the processes, and lets the helper thread end.
    """
    return run_concurrently(executor, [function])[0]
