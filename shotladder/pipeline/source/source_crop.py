"""The crop of a run: given by the user, or found in every frame of the source by jobs."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any

import encoder
from encoder import Source, SourceError
from encoder.media.black_bars import BarScan, crop_source, join_scans, parse_crop, place_crop, scan_bars
from ladders.shots.parallel_scan import plan_ranges
from shotladder.reporter import Reporter
from shotladder_runtime.errors import JobsError
from shotladder_runtime.jobs import run_all
from shotladder_runtime.store import Store

__all__ = ["BarsJob", "apply_given_crop", "crop_black_bars"]

#: Version of the search for bars; part of the keys of its results in the store.
_VERSION = 1


@dataclass(frozen=True, slots=True)
class BarsJob:
    """The search for black bars in the frames [start, stop), as a job that an executor runs."""

    source: Source
    start: int
    stop: int
    store: Store

    @property
    def cost(self) -> float:
        """Relative duration: the number of pixels that are decoded."""
        return float((self.stop - self.start) * self.source.width * self.source.height)

    @property
    def memory(self) -> int:
        """Estimated memory in bytes."""
        return encoder.estimate_memory(self.source.width * self.source.height)

    def split(self, count: int) -> list[BarsJob]:
        """Return the job itself: ranges do not depend on the number of workers."""
        return [self]


def apply_given_crop(source: Source, crop: str) -> Source:
    """Return a source with the crop that a user gave as WIDTH:HEIGHT:X:Y; unchanged for `auto` and `none`.

    Raises
    ------
    SourceError
        If the crop is not within the frame.
    """
    if crop in ("auto", "none"):
        return source
    return crop_source(source, place_crop(source, *parse_crop(crop)))


def crop_black_bars(source: Source, store: Store, executor: Executor, reporter: Reporter) -> tuple[Source, float]:
    """Return a source without its black bars, and CPU seconds; report what is cropped.

    Every frame is read, so that nothing that appears in a bar, such as a subtitle, is lost.
    """
    jobs = [BarsJob(source, start, stop, store) for start, stop in plan_ranges(source)]
    done, cpu = 0, 0.0
    scans = []
    with reporter.stage("black bars") as advance:
        try:
            for job, value in run_all(executor, find_bars, jobs):
                done += job.stop - job.start
                advance(done, source.frame_count)
                cpu += value.pop("cpu_seconds")
                scans.append(_read_scan(value))
        except JobsError as error:
            if isinstance(error.__cause__, SourceError):
                raise error.__cause__ from None
            raise
    crop, notes = join_scans(scans).crop_for(source)
    for note in notes:
        reporter.say(f"{source.path}: {note}")
    return crop_source(source, crop), cpu


def find_bars(job: BarsJob) -> dict[str, Any]:
    """Find the bars of a range, or read them from the store; return them as a JSON value."""
    source = job.source
    key = {
        "source": source.content_id,
        "stream": source.stream_index,
        "frames": [job.start, job.stop],
        "ticks": [source.pts[job.start], source.pts[job.stop - 1], source.frame_count],
        "version": _VERSION,
    }
    with job.store.lock_job("bars", [key]):
        known: dict[str, Any] | None = job.store.read_json("bars", key)
        if known is None:
            started = time.thread_time()
            scan = scan_bars(source, job.start, job.stop)
            known = {**asdict(scan), "cpu_seconds": time.thread_time() - started}
            job.store.write_json("bars", key, known)
    return dict(known)


def _read_scan(value: dict[str, Any]) -> BarScan:
    common, largest = value["common"], value["largest"]
    return BarScan(
        None if common is None else tuple(common),
        None if largest is None else tuple(largest),
        value["has_other_sizes"],
    )
