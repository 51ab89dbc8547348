"""A link that the kernel shapes: a token bucket (`tc`, tbf) on the loopback interface of a network namespace.

The rate follows the trace, and TCP sees a queue. The latency of a request is that of the server, because a kernel need
not have `netem`. The recorder runs in a namespace of its own, as root.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator

from benchmarks.fidelity.recorded_link import RecordedLink

__all__ = ["SEND_BUFFER", "KernelLink", "network_namespace"]

#: Bytes of a bucket: three packets, so that a transfer does not begin with a burst.
BUCKET = 4500
#: Longest delay in the queue; a usual home router.
QUEUE = "200ms"
#: Lowest rate, bit/s: the kernel has no rate of 0.
MIN_RATE = 1000
#: Size of a packet, bytes.
MTU = 1500
#: Send buffer of the server, bytes: what is in it counts as sent.
SEND_BUFFER = 16_384


class KernelLink(RecordedLink):
    """A link whose rate the kernel limits; it logs nothing, since the server does not see the packets."""

    def begin(self) -> None:
        """Follow the trace from now on; before, the page and its rehearsals are not limited."""
        threading.Thread(target=self._follow, daemon=True).start()

    def reserve(self, count: int, ready: float) -> float:
        """Return at once."""
        return ready

    def _follow(self) -> None:
        """Change the rate whenever that of the trace changes, until the process ends."""
        end, last = 0.0, None
        while True:
            for duration, rate in zip(self.trace.durations, self.trace.rates, strict=True):
                if rate != last:
                    bucket = ("rate", f"{max(int(rate), MIN_RATE)}bit", "burst", str(BUCKET), "latency", QUEUE)
                    subprocess.run(["tc", "qdisc", "replace", "dev", "lo", "root", "tbf", *bucket], check=True)
                last = rate
                end += float(duration)
                time.sleep(max(0.0, self._origin + end - self._clock()))


@contextlib.contextmanager
def network_namespace(name: str) -> Iterator[list[str]]:
    """Create a network namespace with small packets; yield the words that run a command in it."""
    words = ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run([*words, "ip", "link", "set", "lo", "up", "mtu", str(MTU)], check=True)
        yield words
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)
