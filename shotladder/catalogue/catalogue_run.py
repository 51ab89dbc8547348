"""Encode the sources of a catalogue on one pool of workers; a source that fails does not stop the others."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from shotladder.pipeline.cost_estimate import measure_spent
from shotladder.pipeline.encode_pipeline import encode
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.encode_result import EncodeResult
from shotladder.pipeline.store_limit import enforce_store_limit
from shotladder.pipeline.worker_pool import open_executor, run_interruptibly
from shotladder.reporter import Advance, Reporter
from shotladder_runtime.errors import ShotladderError
from shotladder_runtime.jobs import SharedExecutor, ThrottledExecutor

__all__ = ["CatalogueError", "CatalogueItem", "SourceResult", "encode_catalogue"]

#: Maximum number of sources in work at the same time: each keeps its curves in memory. Chosen by hand.
MAX_OPEN = 32
#: Seconds between two looks for idle workers. Chosen by hand: short beside a job, long beside the look.
POLL_INTERVAL = 0.2


class CatalogueError(ShotladderError, RuntimeError):
    """Some sources of a catalogue failed; the others are done."""


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """A source of a catalogue: the name of its output, its request, its priority (higher comes first)."""

    name: str
    request: EncodeRequest
    priority: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceResult:
    """What came of one source.

    Attributes
    ----------
    name, source, output : str
    status : {"done", "up to date", "failed"}
    error : str or None
        Why it failed.
    seconds : float
        From the start of its inspection to its end, s.
    duration, cpu_seconds, bytes, rungs, vmaf, bitrate : number or None
        Duration of the video (s), CPU time (s), size of the presentation, number of rungs, mean VMAF and bitrate
        (bits/s) of the highest rung; None if it failed.
    """

    name: str
    source: str
    output: str
    status: str
    error: str | None
    seconds: float
    duration: float | None = None
    cpu_seconds: float | None = None
    bytes: int | None = None
    rungs: int | None = None
    vmaf: float | None = None
    bitrate: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return asdict(self)


class _SourceReporter(Reporter):
    """Puts the name of a source before its messages and stages."""

    def __init__(self, reporter: Reporter, name: str) -> None:
        super().__init__(quiet=reporter.quiet)
        self._inner, self._name = reporter, name

    def say(self, text: str) -> None:
        self._inner.say(f"{self._name}: {text}")

    @contextmanager
    def stage(self, title: str) -> Iterator[Advance]:
        with self._inner.stage(f"{self._name}: {title}") as advance:
            yield advance


def encode_catalogue(
    items: Sequence[CatalogueItem], reporter: Reporter, store_limit: int | None = None
) -> list[SourceResult]:
    """Encode all sources, those of higher priority first.

    The jobs of all sources share the workers. Those of an earlier source come first, unless one of a later source would
    end last (see `JobQueue`); the next source is opened as soon as a worker is idle.

    Parameters
    ----------
    items : sequence of CatalogueItem
        All with the same workers, cluster and store.
    reporter : Reporter
    store_limit : int, optional
        Maximum size of the store, bytes; enforced when a source ends, except for what other sources use.

    Returns
    -------
    list of SourceResult
        In the order of the items.
    """
    first = items[0].request
    try:
        with open_executor(first, reporter) as executor:
            run = _CatalogueRun(items, executor, reporter, store_limit)
            return run_interruptibly(run.run, executor)
    except KeyboardInterrupt:
        reporter.say(f"Finished sources are complete, and finished encodes are kept in {first.store.location}.")
        raise


class _CatalogueRun:
    """The state of one run: what waits, what is open, what is done."""

    def __init__(
        self,
        items: Sequence[CatalogueItem],
        executor: ThrottledExecutor,
        reporter: Reporter,
        store_limit: int | None,
    ) -> None:
        self._items, self._executor, self._reporter, self._store_limit = items, executor, reporter, store_limit
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._results: dict[int, SourceResult] = {}
        self._open: dict[int, SharedExecutor] = {}

    def run(self) -> list[SourceResult]:
        """Open sources while workers are idle, until all have ended."""
        waiting = sorted(range(len(self._items)), key=lambda n: -self._items[n].priority)
        threads = []
        while (waiting and not self._executor.closed) or self._open:
            if waiting and not self._executor.closed and self._has_capacity():
                threads.append(self._start(waiting.pop(0)))
                continue
            try:
                self._open.pop(self._ended.get(timeout=POLL_INTERVAL if waiting else None))
            except queue.Empty:
                continue
            if self._store_limit is not None:
                enforce_store_limit(self._items[0].request.store, self._store_limit, self._reporter)
        for thread in threads:
            thread.join()
        return [self._results[n] for n in sorted(self._results)]

    def _has_capacity(self) -> bool:
        """Whether another source may be opened: a worker is idle, and every open source has had jobs."""
        if len(self._open) >= MAX_OPEN:
            return False
        return not self._open or (self._executor.is_idle and all(each.has_begun for each in self._open.values()))

    def _start(self, n: int) -> threading.Thread:
        shared = self._executor.share(-self._items[n].priority, n)
        self._open[n] = shared
        thread = threading.Thread(target=self._encode, args=(n, shared), name=f"source {n}", daemon=True)
        thread.start()
        return thread

    def _encode(self, n: int, shared: SharedExecutor) -> None:
        item, started = self._items[n], time.monotonic()
        reporter = _SourceReporter(self._reporter, item.name)
        try:
            work = partial(encode, item.request, reporter, shared)
            self._results[n] = _attempt(item, work, started)
            if error := self._results[n].error:
                reporter.say(f"failed: {error}")
        finally:
            shared.shutdown(wait=False, cancel_futures=True)
            self._ended.put(n)


def _attempt(item: CatalogueItem, work: Callable[[], EncodeResult], started: float) -> SourceResult:
    """Return the result of a source, whether it succeeds or fails."""
    named = (item.name, item.request.source, str(item.request.output))
    try:
        result = work()
        measured = _summarise(result)
    except (Exception, CancelledError) as error:  # whatever one source does, the others go on
        text = str(error) if isinstance(error, ShotladderError | OSError) else f"{type(error).__name__}: {error}"
        return SourceResult(*named, "failed", " ".join(text.split()), time.monotonic() - started)
    status = "up to date" if result.already_there else "done"
    return SourceResult(*named, status, None, time.monotonic() - started, **measured)


def _summarise(result: EncodeResult) -> dict[str, Any]:
    presentation = result.presentation
    cpu_seconds, size = measure_spent(result)
    top = max(presentation.video, key=lambda rung: rung.average_bitrate)
    return {
        "duration": presentation.duration,
        "cpu_seconds": cpu_seconds,
        "bytes": size,
        "rungs": len(presentation.video),
        "vmaf": top.vmaf.mean,
        "bitrate": top.average_bitrate,
    }
