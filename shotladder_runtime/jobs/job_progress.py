"""Progress within a job: a job on a local worker reports what part of it is done, without a parameter for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["job_part", "receive_job_progress", "report_job_progress"]

#: Takes the fraction of a job that is done.
Receiver = Callable[[float], None]

# a job runs on one thread; on a cluster it has no receiver, and its progress is reported when it ends
_thread = threading.local()


@contextmanager
def receive_job_progress(receiver: Receiver) -> Iterator[None]:
    """Pass what the block reports on this thread to a receiver."""
    before: Receiver | None = getattr(_thread, "receiver", None)
    _thread.receiver = receiver
    try:
        yield
    finally:
        _thread.receiver = before


@contextmanager
def job_part(start: float, stop: float) -> Iterator[None]:
    """Map what the block reports to a part of the job, given as fractions.

    Examples
    --------
    >>> seen = []
    >>> with receive_job_progress(seen.append), job_part(0.5, 1.0):
    ...     report_job_progress(1, 4)
    >>> seen
    [0.625]
    """
    receiver: Receiver | None = getattr(_thread, "receiver", None)
    if receiver is None:
        yield
        return
    with receive_job_progress(lambda fraction: receiver(start + (stop - start) * fraction)):
        yield


def report_job_progress(done: float, total: float) -> None:
    """Report what is done of the job that runs on this thread; without a receiver, do nothing."""
    receiver: Receiver | None = getattr(_thread, "receiver", None)
    if receiver is not None and total > 0:
        receiver(min(max(done / total, 0.0), 1.0))
