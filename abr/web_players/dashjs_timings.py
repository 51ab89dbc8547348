"""The responses that a browser lists for a page, as dash.js 5.2.1 (BSD-3) reads them: Resource Timing."""

from __future__ import annotations

import math

__all__ = ["ResourceTimings"]

#: Bytes of response headers that `transferSize` counts as well (Resource Timing, section 4.3)
HEADER_BYTES = 300.0
#: Entries that a browser keeps (Resource Timing, section 4.2); `ThroughputController` clears a full list.
MAX_ENTRIES = 250
#: Shortest time of a response, ms, so that a rate exists; chosen by hand
MIN_TIME = 1e-3

Url = tuple[str, int | None, int | None]


class ResourceTimings:
    """Bytes and time of the first response of each URL.

    `HTTPLoader._addResourceTimingValues` takes the first entry of the browser's list with the URL of the request, so
    that a segment that is downloaded again repeats the sample of its first download.

    Examples
    --------
    >>> timings = ResourceTimings()
    >>> timings.add(("video", 0, 1), 9700.0, 0.1)
    >>> timings.add(("video", 0, 1), 9700.0, 0.2)
    >>> timings.sample(("video", 0, 1))
    (800.0, 100.0)
    """

    def __init__(self) -> None:
        self._entries: dict[Url, tuple[float, float]] = {}
        self._count = 0

    def add(self, url: Url, size: float, seconds: float) -> None:
        """Add a response of a number of bytes that took a time from its headers to its end, s."""
        if self._count >= MAX_ENTRIES:
            self._entries.clear()
            self._count = 0
        self._count += 1
        self._entries.setdefault(url, (size + HEADER_BYTES, max(1e3 * seconds, MIN_TIME)))

    def sample(self, url: Url) -> tuple[float, float]:
        """Return the throughput, kbit/s, and the time, ms, that dash.js takes for a response that has ended."""
        size, time = self._entries[url]
        return float(math.floor(8 * size / time + 0.5)), time
