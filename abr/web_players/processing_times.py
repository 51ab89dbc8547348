"""How long a web player and its browser work between the end of a download and what follows it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DASHJS_TIMES", "HLSJS_TIMES", "SHAKA_TIMES", "ProcessingTimes"]


class ProcessingTimes(NamedTuple):
    """Times that depend on the machine, s."""

    start: float  #: from the end of the manifest to the next request
    first_append: float  #: from the end of the first video segment to the next request
    append: float  #: from the end of a later segment to the next request

    def append_time(self, index: int) -> float:
        """Return the time for the segment with an index, s."""
        return self.append if index else self.first_append


# Tenth percentiles, which stand for a machine without other work, of the first 62 rehearsals that
# `python -m benchmarks.fidelity times` reads: the start of a presentation without a link, in Chromium 156 on two
# virtual cores, 2026-11-30. The percentile was chosen by hand, between the tenth and the median, after a look at `dev`
# sessions.

DASHJS_TIMES = ProcessingTimes(0.040, 0.021, 0.009)
#: `first_append` is long because hls.js starts a worker.
HLSJS_TIMES = ProcessingTimes(0.006, 0.201, 0.015)
SHAKA_TIMES = ProcessingTimes(0.026, 0.019, 0.018)
