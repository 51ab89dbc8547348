"""The executor of a run, and how an interrupt stops the work that waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TypeVar

from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.reporter import Reporter
from shotladder_runtime.jobs import LocalExecutor, ThrottledExecutor, cluster_executor, run_concurrently
from shotladder_runtime.jobs.job_log import JobLog
from shotladder_runtime.jobs.job_metrics import serve_metrics
from shotladder_runtime.process import stop_all

__all__ = ["open_executor", "run_interruptibly", "run_on_workers"]

Result = TypeVar("Result")


@contextmanager
def open_executor(request: EncodeRequest, reporter: Reporter) -> Iterator[ThrottledExecutor]:
    """Open the executor of a request; if the block fails, cancel queued jobs and kill the local processes."""
    with ExitStack() as stack:
        # opened first: a log that cannot be written stops the run before any work
        log = stack.enter_context(closing(JobLog(request.log))) if request.log else None
        if request.cluster:
            executor = stack.enter_context(cluster_executor(request.cluster, request.store, reporter.say))
        else:
            executor = stack.enter_context(_open_local_executor(request.workers))
        if log is not None:
            executor.observers.append(log)
        if request.metrics_port is not None:
            stack.enter_context(serve_metrics(executor, request.metrics_port))
        yield executor


@contextmanager
def _open_local_executor(workers: int) -> Iterator[ThrottledExecutor]:
    with LocalExecutor(workers) as executor:
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            stop_all()
            raise


def run_on_workers(
    request: EncodeRequest, function: Callable[[Executor], Result], executor: Executor | None, reporter: Reporter
) -> Result:
    """Run a function on a given executor that several runs share, or on one of its own."""
    if executor is not None:
        return function(executor)
    with open_executor(request, reporter) as own:
        return run_interruptibly(partial(function, own), own)


def run_interruptibly(function: Callable[[], Result], executor: Executor) -> Result:
    """Run a function that waits for jobs of an executor on a helper thread, and wait for it here.

    Python raises KeyboardInterrupt on the main thread. If that thread waited for futures itself, the interrupt could
    arrive while it holds one of their locks, and the locks would never be released. Here the main thread waits for one
    queue only; on an interrupt it shuts the executor down, kills the processes, and lets the helper thread end.
    """
    return run_concurrently(executor, [function])[0]
