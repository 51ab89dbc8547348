"""Progress on standard error: a live bar on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from shotladder_runtime.passwords import without_password
from shotladder_runtime.printable_text import printable

__all__ = ["Advance", "Reporter", "RunClock", "format_left"]

#: Minimum time between two progress lines without a terminal, s; chosen by hand.
PLAIN_INTERVAL = 10.0

#: A shorter time left is shown in seconds, a longer one in minutes; s; chosen by hand.
SHOWN_IN_SECONDS = 120
#: Name of the bar of all stages together.
WHOLE_RUN = "whole run"


class Advance(Protocol):
    """Callback of a library for its progress: units done, total units."""

    def __call__(self, done: float, total: float, /) -> None:
        """Report the progress."""


class RunClock(Protocol):
    """Follows a run and knows how much time is left."""

    @property
    def fraction(self) -> float:
        """Fraction of the run that is done."""

    def advance(self, title: str, fraction: float, /) -> None:
        """Record the progress of a stage."""

    def exclude(self, seconds: float, /) -> None:
        """Leave time that says nothing about the stages out of the time taken."""

    def seconds_left(self) -> float:
        """Return the time to the end of the run, s."""


class Reporter:
    """Prints progress and notes on standard error, without the passwords of URLs.

    Parameters
    ----------
    quiet : bool
        Print nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._console = Console(stderr=True, highlight=False)
        # stages may overlap, and a terminal shows one set of bars
        self._lock = threading.Lock()
        self._live: Progress | None = None
        self._stages = 0
        self._clock: RunClock | None = None
        self._whole: TaskID | None = None

    def follow(self, clock: RunClock) -> None:
        """Show the time left of the whole run, which the stages after this call belong to."""
        self._clock = clock

    def exclude(self, seconds: float) -> None:
        """Leave time that says nothing about the stages, such as the compilation of kernels, out of the time taken."""
        if self._clock:
            self._clock.exclude(seconds)

    def say(self, text: str) -> None:
        """Print one line: a note of the run."""
        self._print(text)

    def _print(self, text: str) -> None:
        if not self.quiet:
            self._console.print(printable(without_password(text)), markup=False, soft_wrap=True)

    def say_notes(self, notes: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Print the notes on inputs, given as (name, notes); a note that several inputs have is printed once."""
        names: dict[str, list[str]] = {}
        for name, texts in notes:
            for text in texts:
                names.setdefault(text, []).append(name)
        for text, (name, *others) in names.items():
            self.say(f"{name}{f' and {len(others)} others' if others else ''}: {text}")

    @contextmanager
    def stage(self, title: str) -> Iterator[Advance]:
        """Show the progress of a stage; yields the callback that takes (done, total)."""
        if self._clock:
            self._clock.advance(title, 0.0)
        if self.quiet:
            yield lambda done, total: None
        elif sys.stderr.isatty():
            with self._bar(title) as advance:
                yield advance
        else:
            start = time.monotonic()
            yield self._plain(title, start)
            self._print(f"{title}: done in {time.monotonic() - start:.1f} s")

    @contextmanager
    def _bar(self, title: str) -> Iterator[Advance]:
        columns = (
            SpinnerColumn(finished_text="\N{CHECK MARK}"),
            TextColumn("{task.description:<24}", markup=False),
            BarColumn(),
            TaskProgressColumn(show_speed=True),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
        )
        with self._lock:
            if self._live is None:
                self._live = Progress(*columns, console=self._console)
                self._live.start()
            live = self._live
            if self._whole is not None:
                # the whole run stands below its stages
                live.remove_task(self._whole)
            task = live.add_task(printable(without_password(title)), total=None, left="")
            self._whole = live.add_task(WHOLE_RUN, total=1.0, left="") if self._clock else None
            self._stages += 1

        def advance(done: float, total: float) -> None:
            live.update(task, completed=done, total=total)
            self._update_whole(live, title, done / total if total else 0.0)

        try:
            yield advance
            # a stage may do less than its total, for example where results are in the cache
            total = live.tasks[live.task_ids.index(task)].total or 1
            advance(total, total)
        finally:
            with self._lock:
                self._stages -= 1
                if not self._stages:
                    if self._whole is not None:
                        live.remove_task(self._whole)
                        self._whole = None
                    live.stop()
                    self._live = None

    def _update_whole(self, live: Progress, title: str, fraction: float) -> None:
        """Show how far the whole run is."""
        if self._clock is None:
            return
        self._clock.advance(title, fraction)
        with self._lock:
            if self._whole is not None:
                left = format_left(self._clock.seconds_left())
                live.update(self._whole, completed=self._clock.fraction, left=left)

    def _plain(self, title: str, start: float) -> Advance:
        last = start
        self._print(f"{title} ...")

        def advance(done: float, total: float) -> None:
            nonlocal last
            now = time.monotonic()
            if self._clock:
                self._clock.advance(title, done / total if total else 0.0)
            if now - last < PLAIN_INTERVAL or not done:
                return
            last = now
            if self._clock:
                whole = f"the whole run {self._clock.fraction:.0%}, {format_left(self._clock.seconds_left())}"
            else:
                whole = format_left((now - start) * (total - done) / done)
            self._print(f"{title}: {done / total:.0%}, {whole}")

        return advance


def format_left(seconds: float) -> str:
    """Return a time left as people write it.

    Examples
    --------
    >>> format_left(8.4), format_left(250), format_left(7260)
    ('8 s left', '4 min left', '2 h 1 min left')
    """
    if seconds < SHOWN_IN_SECONDS:
        return f"{max(seconds, 0):.0f} s left"
    minutes = round(seconds / 60)
    return f"{minutes} min left" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min left"
