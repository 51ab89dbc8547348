"""Kernels of the network: a link whose rate and latency are constant within each interval of a trace, looping.

The link is ``n = [interval, ms left in it, clock in ms]``. The order of the operations
follows UMass-LIDS/sabre (commit 09b03bb, BSD-2), so that its sessions come out equal to the last digit.
"""

import numpy as np

from abr.compiled import inlined

__all__ = ["LINK_SIZE", "enter", "request", "transfer", "transfer_some", "transfer_while", "wait"]

LINK_SIZE = 3


@inlined
def _next_interval(n, durations):  # type: ignore[no-untyped-def]
    i = int(n[0]) + 1
    if i == durations.shape[0]:
        i = 0
    n[0] = i
    n[1] = durations[i]


@inlined
def enter(n, start, edges):  # type: ignore[no-untyped-def]
    """Stand on the trace `start` ms after its beginning; `edges` are where its intervals end."""
    i = np.searchsorted(edges, start, side="left")
    i = min(i, edges.shape[0] - 1)
    n[0] = i
    n[1] = edges[i] - start
    n[2] = start


@inlined
def wait(n, time, durations):  # type: ignore[no-untyped-def]
    """Let time pass; return what was left of it in the interval where it ended."""
    n[2] += time
    while time > n[1]:
        time -= n[1]
        _next_interval(n, durations)
    n[1] -= time
    return time


@inlined
def request(n, durations, latencies):  # type: ignore[no-untyped-def]
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
    n[2] += total
    return total


@inlined
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
    n[2] += total
    return total


@inlined
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
    n[2] += total
    return got, total


@inlined
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
    n[2] += total
    return got, total
