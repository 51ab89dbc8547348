"""Kernels of the network: a link whose rate and latency are constant within each interval of a trace, looping.

`link` is a record of `LINK_DTYPE`, `trace` a `TraceArrays`.
The order of the operations follows UMass-LIDS/sabre (commit 09b03bb, BSD-2), so that its sessions come out equal to
the last digit.
"""

import numpy as np

from shotladder_runtime.kernels.compiler import inline, noinline

__all__ = [
    "close_transfer",
    "seek",
    "send_request",
    "transfer",
    "transfer_slow_start",
    "transfer_some",
    "transfer_while",
    "wait",
]

#: bits that TCP sends before the first acknowledgement: ten segments of 1460 bytes (RFC 6928)
FIRST_WINDOW = 10 * 1460 * 8.0


@inline
def _next_interval(link, trace):  # type: ignore[no-untyped-def]
    i = link.interval + 1
    if i == trace.durations.shape[0]:
        i = 0
    link.interval = i
    link.left = trace.durations[i]


@inline
def seek(link, trace, start, idle):  # type: ignore[no-untyped-def]
    """Stand on the trace `start` ms after its beginning; `trace.ends` are where its intervals end.

    A new connection starts slowly wherever one does that was idle for a time.
    """
    i = np.searchsorted(trace.ends, start, side="left")
    i = min(i, trace.ends.shape[0] - 1)
    link.interval = i
    link.left = trace.ends[i] - start
    link.clock = start
    link.window = FIRST_WINDOW if idle < np.inf else np.inf
    link.last_transfer_end = start


@inline
def wait(link, trace, time):  # type: ignore[no-untyped-def]
    """Let time pass; return what was left of it in the interval where it ended."""
    link.clock += time
    while time > link.left:
        time -= link.left
        _next_interval(link, trace)
    link.left -= time
    return time


@inline
def _request(link, trace):  # type: ignore[no-untyped-def]
    """Wait one latency, pro rata where it changes on the way; return the ms it took."""
    units = 1.0
    total = 0.0
    while units > 0:
        latency = trace.latencies[link.interval]
        time = units * latency
        if time <= link.left:
            total += time
            link.left -= time
            units = 0.0
        else:
            total += link.left
            units -= link.left / latency
            _next_interval(link, trace)
    link.clock += total
    return total


@inline
def send_request(link, trace, idle, fixed):  # type: ignore[no-untyped-def]
    """Send a request; return the ms until its first bit: `fixed`, of no trace time, or if negative the trace's latency.

    A connection that was without a transfer for more than `idle` ms has closed its window (RFC 5681, 4.1).
    """
    if idle < np.inf and link.clock - link.last_transfer_end > idle:
        link.window = FIRST_WINDOW
    return fixed if fixed >= 0 else _request(link, trace)


@inline
def close_transfer(link):  # type: ignore[no-untyped-def]
    """End a transfer: from now on the connection is idle."""
    link.last_transfer_end = link.clock


@inline
def transfer(link, trace, bits):  # type: ignore[no-untyped-def]
    """Transfer all bits; return the ms it took."""
    total = 0.0
    i = link.interval
    left = link.left
    while bits > 0:
        rate = trace.rates[i]
        if bits <= left * rate:
            time = bits / rate
            total += time
            left -= time
            bits = 0.0
        else:
            total += left
            bits -= left * rate
            i += 1
            if i == trace.durations.shape[0]:
                i = 0
            left = trace.durations[i]
    link.interval = i
    link.left = left
    link.clock += total
    return total


@inline
def transfer_some(link, trace, size, min_bits, min_time):  # type: ignore[no-untyped-def]
    """Transfer until `min_bits` have come and `min_time` ms have passed, or all; return (bits, ms)."""
    got = 0.0
    total = 0.0
    while size > 0 and (min_bits > 0 or min_time > 0):
        rate = trace.rates[link.interval]
        if rate > 0:
            wanted = max(min_bits, min_time * rate)
            here = link.left * rate
            if size <= wanted and size <= here:
                bits = size
                time = bits / rate
                link.left -= time
            elif wanted <= here:
                bits = wanted
                time = bits / rate
                min_bits = 0.0
                min_time = 0.0
                link.left -= time
            else:
                bits = here
                time = link.left
                _next_interval(link, trace)
        else:
            bits = 0.0
            if min_bits > 0 or min_time > link.left:
                time = link.left
                _next_interval(link, trace)
            else:
                time = min_time
                link.left -= time
        got += bits
        total += time
        size -= bits
        min_bits -= bits
        min_time -= time
    link.clock += total
    return got, total


@inline
def transfer_while(link, trace, state):  # type: ignore[no-untyped-def]
    """Transfer until the download is complete, or until the policy might abandon it; return (received bits, ms).

    The policy keeps the download until `state.keep_until`, and afterwards while its average rate since the first
    byte is at least `state.keep_rate`. Within an interval of the trace the average only falls or only rises.
    """
    size = state.requested_bits
    got = state.received_bits
    elapsed = state.elapsed
    latency = state.time_to_first_byte
    until = state.keep_until
    least_rate = state.keep_rate
    total = 0.0
    i = link.interval
    left = link.left
    stopped = False
    while got < size and not stopped:
        rate = trace.rates[i]
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
            if i == trace.durations.shape[0]:
                i = 0
            left = trace.durations[i]
    link.interval = i
    link.left = left
    link.clock += total
    return got, total


@noinline
def transfer_slow_start(link, trace, size, latency):  # type: ignore[no-untyped-def]
    """Transfer what slow start holds back of `size` bits; return (bits, ms): (0, 0) while the window is open.

    A flight of one window is sent at the link's rate; the next, longer by what came, a latency after it began. The
    window is open for good once a flight fills its latency, because the link then never waits.
    """
    got = 0.0
    total = 0.0
    while got < size and link.window < np.inf:
        whole = size - got <= link.window
        bits = min(size - got, link.window)
        time = transfer(link, trace, bits)
        link.window = link.window + bits if time < latency else np.inf
        got = size if whole else got + bits
        if not whole and time < latency:
            wait(link, trace, latency - time)
            time = latency
        total += time
    return got, total
