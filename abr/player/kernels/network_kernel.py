"""Kernels of the network: a link whose rate and latency are constant within each interval of a trace, looping.

The link is ``n = [interval, ms left in it, clock in ms, window in bits, clock at the end of the last transfer]``.
The order of the operations follows UMass-LIDS/sabre (commit 09b03bb, BSD-2), so that its sessions come out equal to
the last digit.
"""

import numpy as np

from shotladder_runtime.kernels.compiler import inline, noinline

__all__ = [
    "LINK_SIZE",
    "begin",
    "enter",
    "flights",
    "rest",
    "transfer",
    "transfer_some",
    "transfer_while",
    "wait",
]

CLOCK, WINDOW, BUSY = 2, 3, 4
LINK_SIZE = 5
#: bits that TCP sends before the first acknowledgement: ten segments of 1460 bytes (RFC 6928)
FIRST_WINDOW = 10 * 1460 * 8.0


@inline
def _next_interval(n, durations):  # type: ignore[no-untyped-def]
    i = int(n[0]) + 1
    if i == durations.shape[0]:
        i = 0
    n[0] = i
    n[1] = durations[i]


@inline
def enter(n, start, edges, idle):  # type: ignore[no-untyped-def]
    """Stand on the trace `start` ms after its beginning; `edges` are where its intervals end.

    A new connection starts slowly wherever one does that was idle for a time.
    """
    i = np.searchsorted(edges, start, side="left")
    i = min(i, edges.shape[0] - 1)
    n[0] = i
    n[1] = edges[i] - start
    n[CLOCK] = start
    n[WINDOW] = FIRST_WINDOW if idle < np.inf else np.inf
    n[BUSY] = start


@inline
def wait(n, time, durations):  # type: ignore[no-untyped-def]
    """Let time pass; return what was left of it in the interval where it ended."""
    n[CLOCK] += time
    while time > n[1]:
        time -= n[1]
        _next_interval(n, durations)
    n[1] -= time
    return time


@inline
def _request(n, durations, latencies):  # type: ignore[no-untyped-def]
    """Wait one latency, pro rata where it changes on the way; return the ms it took."""
    units = 1.0
    total = 0.0
    while units > 0:
        latency = latencies[int(n[0])]
        time = units * latency
        if time <= n[1]:
            total += time
            n[1] -= time
            units = 0.0
        else:
            total += n[1]
            units -= n[1] / latency
            _next_interval(n, durations)
    n[CLOCK] += total
    return total


@inline
def begin(n, idle, fixed, durations, latencies):  # type: ignore[no-untyped-def]
    """Send a request; return the ms until its first bit: `fixed`, of no trace time, or if negative the trace's latency.

    A connection that was without a transfer for more than `idle` ms has closed its window (RFC 5681, 4.1).
    """
    if idle < np.inf and n[CLOCK] - n[BUSY] > idle:
        n[WINDOW] = FIRST_WINDOW
    return fixed if fixed >= 0 else _request(n, durations, latencies)


@inline
def rest(n):  # type: ignore[no-untyped-def]
    """End a transfer: from now on the connection is idle."""
    n[BUSY] = n[CLOCK]


@inline
def transfer(n, bits, durations, rates):  # type: ignore[no-untyped-def]
    """Transfer all bits; return the ms it took."""
    total = 0.0
    i = int(n[0])
    left = n[1]
    while bits > 0:
        rate = rates[i]
        if bits <= left * rate:
            time = bits / rate
            total += time
            left -= time
            bits = 0.0
        else:
            total += left
            bits -= left * rate
            i += 1
            if i == durations.shape[0]:
                i = 0
            left = durations[i]
    n[0] = i
    n[1] = left
    n[CLOCK] += total
    return total


@inline
def transfer_some(n, size, least_bits, least_time, durations, rates):  # type: ignore[no-untyped-def]
    """Transfer until `least_bits` have come and `least_time` ms have passed, or all; return (bits, ms)."""
    got = 0.0
    total = 0.0
    while size > 0 and (least_bits > 0 or least_time > 0):
        rate = rates[int(n[0])]
        if rate > 0:
            wanted = max(least_bits, least_time * rate)
            here = n[1] * rate
            if size <= wanted and size <= here:
                bits = size
                time = bits / rate
                n[1] -= time
            elif wanted <= here:
                bits = wanted
                time = bits / rate
                least_bits = 0.0
                least_time = 0.0
                n[1] -= time
            else:
                bits = here
                time = n[1]
                _next_interval(n, durations)
        else:
            bits = 0.0
            if least_bits > 0 or least_time > n[1]:
                time = n[1]
                _next_interval(n, durations)
            else:
                time = least_time
                n[1] -= time
        got += bits
        total += time
        size -= bits
        least_bits -= bits
        least_time -= time
    n[CLOCK] += total
    return got, total


@inline
def transfer_while(n, size, got, elapsed, latency, until, least_rate, durations, rates):  # type: ignore[no-untyped-def]
    """Transfer until all `size` bits have come, or `until` ms are over and the average rate falls below `least_rate`.

    `got` bits have come in the `elapsed` ms so far, of which none in the first `latency`; return how many have at
    the end, and the ms it took. Within an interval the average only falls or only rises.
    """
    total = 0.0
    i = int(n[0])
    left = n[1]
    stopped = False
    while got < size and not stopped:
        rate = rates[i]
        here = left * rate
        whole = size - got <= here
        time = (size - got) / rate if whole else left
        bits = size if whole else got + here
        begin = elapsed + total
        end = begin + time
        if end > until:
            at = max(until, begin)
            come = got + rate * (at - begin)
            if not come >= least_rate * (at - latency):
                stopped = True
            elif bits < least_rate * (end - latency):
                stopped = True
                at += (come - least_rate * (at - latency)) / (least_rate - rate)
            if stopped:
                time = at - begin
                bits = min(got + rate * time, size)
        got = bits
        total += time
        left -= time
        if left <= 0:
            i += 1
            if i == durations.shape[0]:
                i = 0
            left = durations[i]
    n[0] = i
    n[1] = left
    n[CLOCK] += total
    return got, total


@noinline
def flights(n, size, latency, durations, rates):  # type: ignore[no-untyped-def]
    """Transfer what slow start holds back of `size` bits; return (bits, ms): (0, 0) while the window is open.

    A flight of one window is sent at the link's rate; the next, longer by what came, a latency after it began. The
    window is open for good once a flight fills its latency, because the link then never waits.
    """
    got = 0.0
    total = 0.0
    while got < size and n[WINDOW] < np.inf:
        whole = size - got <= n[WINDOW]
        bits = min(size - got, n[WINDOW])
        time = transfer(n, bits, durations, rates)
        n[WINDOW] = n[WINDOW] + bits if time < latency else np.inf
        got = size if whole else got + bits
        if not whole and time < latency:
            wait(n, latency - time, durations)
            time = latency
        total += time
    return got, total
