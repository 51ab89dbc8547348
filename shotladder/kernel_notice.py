"""Report that kernels are compiled, which takes up to a minute in the first run after an installation."""

from __future__ import annotations

import time
from typing import Any

from shotladder.reporter import Reporter

__all__ = ["announce_compilation"]


def announce_compilation(reporter: Reporter) -> None:
    """Report the first compilation of a kernel in this process; kernels from the cache on disk are not reported.

    Call it before the import of a package with kernels, some of which are compiled when they are imported.
    """
    from numba.core import event

    class Announcement(event.Listener):  # type: ignore[misc]
        """Reports the first compilation, and counts the time of all."""

        is_announced = False

        def __init__(self) -> None:
            # compilations of kernels that a kernel calls are nested
            self.depth = 0
            self.start = 0.0

        def on_start(self, event: Any) -> None:
            if not self.is_announced:
                self.is_announced = True
                reporter.say("compiling kernels for this machine, once after an installation: up to a minute")
            if not self.depth:
                self.start = time.monotonic()
            self.depth += 1

        def on_end(self, event: Any) -> None:
            self.depth -= 1
            if not self.depth:
                reporter.exclude(time.monotonic() - self.start)

    event.register("numba:compile", Announcement())
