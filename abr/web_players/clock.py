"""A queue of timers: the clock of a simulated session of a web player."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

__all__ = ["Clock", "Timer"]


class Timer:
    """An action that the clock runs at a time, unless it is cancelled."""

    __slots__ = ("action", "time")

    def __init__(self, time: float, action: Callable[[], object] | None) -> None:
        self.time = time
        self.action = action

    def cancel(self) -> None:
        """Do not run the action."""
        self.action = None


class Clock:
    """Runs actions in the order of their times; equal times in the order in which they were set.

    Examples
    --------
    >>> clock, seen = Clock(), []
    >>> for delay in (2.0, 1.0):
    ...     timer = clock.after(delay, lambda: seen.append(clock.now))
    >>> clock.run(10.0)
    >>> seen
    [1.0, 2.0]
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        self._is_stopped = False

    def at(self, time: float, action: Callable[[], object]) -> Timer:
        """Run an action at a time, s; at once if the time has passed."""
        timer = Timer(max(time, self.now), action)
        heapq.heappush(self._queue, (timer.time, next(self._numbers), timer))
        return timer

    def after(self, delay: float, action: Callable[[], object]) -> Timer:
        """Run an action after a delay, s."""
        return self.at(self.now + delay, action)

    def stop(self) -> None:
        """Let `run` return after the current action."""
        self._is_stopped = True

    def run(self, until: float) -> None:
        """Run actions until `stop` is called, none is left, or the time is reached, s."""
        while self._queue and not self._is_stopped:
            time, _, timer = heapq.heappop(self._queue)
            if time > until:
                break
            if timer.action is None:
                continue
            self.now = time
            timer.action()
