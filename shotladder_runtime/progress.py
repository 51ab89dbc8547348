"""Progress of long calls: the callback type that all packages share, and a plain progress bar on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

__all__ = ["Progress", "progress_callback"]

#: Called with (done, total) in any one unit.
Progress = Callable[[float, float], None]

#: s between two updates of the bar; chosen by hand: often enough to look alive, too seldom to cost time
_INTERVAL = 0.2
#: characters; chosen by hand so that the label, the bar and the time left fit into 80 columns
_BAR_WIDTH = 30


def progress_callback(progress: bool | Progress | None, label: str = "") -> Progress:
    """Return the callback for the `progress` argument of a long call.

    Parameters
    ----------
    progress : bool, callable or None
        True draws a progress bar on stderr, a callable is returned as it is, False and None report nothing.
    label : str
        What the progress bar names in front of it.

    Returns
    -------
    callable
        Call it with (done, total), in any one unit. The progress bar is redrawn at most five times a second, and once
        when done reaches total.

    Examples
    --------
    >>> reports = []
    >>> report = progress_callback(lambda done, total: reports.append((done, total)))
    >>> report(1, 2)
    >>> reports
    [(1, 2)]
    >>> progress_callback(None)(1, 2)
    """
    if callable(progress):
        return progress
    return _ProgressBar(label) if progress else _report_nothing


def _report_nothing(done: float, total: float) -> None:
    pass


class _ProgressBar:
    """A bar on stderr that is redrawn in place: fraction done, elapsed time, estimated time left."""

    def __init__(self, label: str) -> None:
        self._label = f"{label} " if label else ""
        self._start = time.monotonic()
        self._drawn_at = float("-inf")
        self._is_finished = False

    def __call__(self, done: float, total: float) -> None:
        """Redraw the bar if it is due."""
        now = time.monotonic()
        is_last = done >= total
        if self._is_finished or (not is_last and now - self._drawn_at < _INTERVAL):
            return
        self._drawn_at, self._is_finished = now, is_last
        fraction = min(done / total, 1.0) if total > 0 else 1.0
        elapsed = now - self._start
        remaining = f", {elapsed / fraction - elapsed:.0f} s left" if 0 < fraction < 1 else ""
        bar = ("#" * round(fraction * _BAR_WIDTH)).ljust(_BAR_WIDTH)
        line = f"{self._label}[{bar}] {fraction:4.0%} {elapsed:.0f} s{remaining}"
        # the spaces overwrite the end of a longer line before
        sys.stderr.write(f"\r{line:<79}" + "\n" * is_last)
        sys.stderr.flush()
