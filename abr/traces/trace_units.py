"""Units of times, rates and latencies: as headers write them, as a user states them, as numbers suggest them."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abr.errors import TraceError

__all__ = ["Units", "describe_units", "guess_rate_unit", "guess_time_unit", "parse_units", "rate_unit", "time_unit"]

Floats = NDArray[np.float64]

#: unit -> seconds
TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
#: unit -> bit/s
RATE_UNITS = {
    "bit/s": 1.0,
    "kbit/s": 1e3,
    "Mbit/s": 1e6,
    "Gbit/s": 1e9,
    "byte/s": 8.0,
    "kbyte/s": 8e3,
    "Mbyte/s": 8e6,
}

#: smallest median step between two times without a unit at which they are milliseconds; chosen by hand
MIN_MILLISECOND_STEP = 100.0
#: smallest time since 1970 in ms, us and ns, in these units: a day of 1973; the same number of seconds is in the year
#: 5138 or later
MIN_EPOCHS = {"ns": 1e17, "us": 1e14, "ms": 1e11}
#: range of the mean rate in which a unit is probable, bit/s; chosen by hand: the fastest traces of 5G have 1 Gbit/s
PROBABLE_RATES = (1e4, 2e9)

_RATE_NAMES = re.compile(r"(?P<prefix>[kmg]?)(?P<base>bits?|bytes?|b)(?:/s(?:ec)?|ps|_?per_?s(?:ec(?:ond)?)?)", re.I)
_TIME_NAMES = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"),
    "us": ("us", "usec", "micros", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nanos", "nanosecond", "nanoseconds"),
}


class Units(NamedTuple):
    """The units of the columns of a trace: keys of `TIME_UNITS` and `RATE_UNITS`."""

    time: str
    rate: str


def parse_units(text: str) -> Units:
    """Return the units that a user states, such as `s,kbit/s` or `ms,Mbps`.

    Raises
    ------
    TraceError
        When the text does not name a unit of time and one of rate.

    Examples
    --------
    >>> parse_units("ms,Mbps")
    Units(time='ms', rate='Mbit/s')
    """
    time, _, rate = text.partition(",")
    units = time_unit(time.strip()), rate_unit(rate.strip())
    if units[0] is None or units[1] is None:
        raise TraceError(
            f"{text!r} does not name the units of time and rate; choose one of {', '.join(TIME_UNITS)} and one of"
            f" {', '.join(RATE_UNITS)}, such as s,kbit/s"
        )
    return Units(units[0], units[1])


def time_unit(name: str) -> str | None:
    """Return the unit of time of a name, such as `milliseconds`; None when it is not one."""
    return next((unit for unit, names in _TIME_NAMES.items() if name.lower() in names), None)


def rate_unit(name: str) -> str | None:
    """Return the unit of rate of a name, such as `Mbps` or `kB/s`; None when it is not one.

    A capital B stands for bytes when the name is not in capitals only.
    """
    match = _RATE_NAMES.fullmatch(name.strip())
    if not match:
        return None
    base, prefix = match["base"], match["prefix"].lower()
    is_byte = base.lower().startswith("byte") or (base == "B" and name != name.upper())
    if base == "B" and "/" in name:
        is_byte = True
    unit = {"": "", "k": "k", "m": "M", "g": "G"}[prefix] + ("byte/s" if is_byte else "bit/s")
    return unit if unit in RATE_UNITS else None


def guess_time_unit(times: Floats, *, are_durations: bool = False) -> str:
    """Return the unit that times or durations without a unit have, by their size."""
    for unit, smallest in MIN_EPOCHS.items():
        if float(np.median(times)) >= smallest:
            return unit
    steps = times if are_durations else np.abs(np.diff(times))
    return "ms" if len(steps) and float(np.median(steps)) >= MIN_MILLISECOND_STEP else "s"


def guess_rate_unit(rates: Floats, time: str) -> str:
    """Return the unit that rates without a unit have: the usual one beside a unit of time, or one more probable.

    Pensieve's traces have seconds and Mbit/s, Oboe's have milliseconds and kbit/s.
    """
    order = ("Mbit/s", "kbit/s", "bit/s") if time == "s" else ("kbit/s", "Mbit/s", "bit/s")
    mean = float(np.abs(rates).mean())
    low, high = PROBABLE_RATES
    if time == "s" and mean * RATE_UNITS["Mbit/s"] <= high:
        return "Mbit/s"
    return next((unit for unit in order if low <= mean * RATE_UNITS[unit] <= high), order[0])


def describe_units(time: str, rate: str) -> str:
    """Return the note for columns whose units the file does not state."""
    return f"the file does not state its units; they are read as {time} and {rate} (--trace-units states others)"
