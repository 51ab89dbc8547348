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
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from shotladder_runtime.passwords import without_password
from shotladder_runtime.printable_text import printable

__all__ = ["Advance", "Reporter"]

#: Minimum time between two progress lines without a terminal, s; chosen by hand.
PLAIN_INTERVAL = 10.0


class Advance(Protocol):
    """Callback of a library for its progress: units done, total units."""

    def __call__(self, done: float, total: float, /) -> None:
        """Report the progress."""


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
            TimeRemainingColumn(),
        )
        with self._lock:
            if self._live is None:
                self._live = Progress(*columns, console=self._console)
                self._live.start()
            live = self._live
            task = live.add_task(printable(without_password(title)), total=None)
            self._stages += 1
        try:
            yield lambda done, total: live.update(task, completed=done, total=total)
            # a stage may do less than its total, for example where results are in the cache
            total = live.tasks[live.task_ids.index(task)].total or 1
            live.update(task, completed=total, total=total)
        finally:
            with self._lock:
                self._stages -= 1
                if not self._stages:
                    live.stop()
                    self._live = None

    def _plain(self, title: str, start: float) -> Advance:
        last = start
        self._print(f"{title} ...")

        def advance(done: float, total: float) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < PLAIN_INTERVAL or not done:
                return
            last = now
            left = (now - start) * (total - done) / done
            self._print(f"{title}: {done / total:.0%}, {left:.0f} s left")

        return advance
