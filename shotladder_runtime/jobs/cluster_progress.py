"""Progress of jobs on the workers of a Dask cluster, and the end of attempts whose job has another result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from shotladder_runtime.jobs.job_progress import receive_job_progress
from shotladder_runtime.jobs.stragglers import CHECKPOINTS

__all__ = ["PROGRESS_TOPIC", "JobCancelledError", "run_reporting"]

#: Topic of Dask events that have the run, the number and the fraction of a job. All runs share it, because a scheduler
#: keeps each topic for ever.
PROGRESS_TOPIC = "shotladder-progress"

R = TypeVar("R")


class JobCancelledError(Exception):
    """Another attempt of a job has ended first; only Dask sees this error, and ignores it."""


def run_reporting(run: str, number: int | None, function: Callable[[], R]) -> R:
    """Run a job in a task of a worker: report the checkpoints that it passes, and end it when the task is cancelled.

    Parameters
    ----------
    run : str
        Identifies the coordinator that the reports are for.
    number : int or None
        Number of the job; None reports nothing.
    function : callable
        The job; it calls `report_job_progress`.

    Raises
    ------
    JobCancelledError
        When the job reports progress after its task was cancelled. Tools that report their progress are killed.
    """
    from distributed import get_worker

    reporter = _CheckpointReporter(get_worker(), run, number)
    # Dask begins a task again when its worker is lost
    reporter(0.0)
    with receive_job_progress(reporter):
        return function()


class _CheckpointReporter:
    """Receives the progress of the task of this thread, and sends the checkpoints that it passes."""

    def __init__(self, worker: Any, run: str, number: int | None) -> None:
        self._worker, self._task = worker, worker.get_current_task()
        self._run, self._number = run, number
        # the end of a job is known from its result
        self._left = [0.0, *CHECKPOINTS[:-1]]

    def __call__(self, fraction: float) -> None:
        task = self._worker.state.tasks.get(self._task)
        if task is None or task.state == "cancelled":
            raise JobCancelledError
        passed = [each for each in self._left if each <= fraction]
        if passed and self._number is not None:
            self._worker.log_event(PROGRESS_TOPIC, [self._run, self._number, passed[-1]])
        del self._left[: len(passed)]
