"""Which thread does what next: frames of the reference are prepared ahead, those of renditions compared with them.

Reading a film is a chain, each frame after the one before; all else of a frame is its own. So a job is one frame of one
film: its thread reads it, lets go of the film, and goes on with the frame while another thread reads the next.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["REFERENCE", "Job", "Schedule"]

#: The reference's place among the films, behind the renditions.
REFERENCE = -1


@dataclass(frozen=True, slots=True)
class Job:
    """One frame, by its number in the reference, of one film."""

    film: int
    frame: int


class Schedule:
    """Hand out the frames of a reference and its renditions to threads.

    Parameters
    ----------
    span : (int, int)
        Frames [start, stop) of the reference to read: those to compare, and what motion needs around them.
    compared : (int, int)
        Frames [first, last) that the renditions hold.
    wanted : collection of int
        Frames to compare; the others are read and passed over.
    renditions, threads : int
    """

    def __init__(
        self, span: tuple[int, int], compared: tuple[int, int], wanted: Collection[int], renditions: int, threads: int
    ) -> None:
        self._start, self._stop = span
        self._first, self._last = compared
        self._wanted = wanted
        self._threads = threads
        self._change = threading.Condition()
        self._closed = False
        self._next = [self._first] * renditions + [self._start]
        self._reading: set[int] = set()
        self._prepared: set[int] = set()
        #: what a slot's frame is still needed for: its own preparation, the motion after it, comparisons
        self._uses: dict[int, int] = {}
        self._slots: dict[int, int] = {}
        self.slots = min(threads + 2, self._stop - self._start)
        self._free = list(range(self.slots))
        self.compared = 0

    def take(self) -> Job | None:
        """Return the next job, waiting until there is one; `None` if none is left."""
        with self._change:
            while not (self._closed or self._all_taken()):
                if job := self._choose():
                    return job
                self._change.wait()
            return None

    def read(self, job: Job) -> None:
        """Let others read on in the film of a job."""
        with self._change:
            self._reading.discard(job.film)
            self._change.notify_all()

    def done(self, job: Job) -> None:
        """Take note that a job is finished."""
        with self._change:
            if job.film == REFERENCE:
                self._prepared.add(job.frame)
                self._release(job.frame)
                if job.frame > self._start:
                    self._release(job.frame - 1)
            else:
                self.compared += 1
                if job.frame in self._wanted:
                    self._release(job.frame)
            self._change.notify_all()

    def close(self) -> None:
        """Hand out nothing more."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def slot(self, frame: int) -> int:
        """Return where a frame of the reference is kept while it is needed."""
        return self._slots[frame]

    def _all_taken(self) -> bool:
        return self._next[REFERENCE] == self._stop and all(n == self._last for n in self._next[:REFERENCE])

    def _choose(self) -> Job | None:
        reading, ahead = self._reading, self._next[REFERENCE]
        able = [
            r
            for r, frame in enumerate(self._next[:REFERENCE])
            if r not in reading and frame < self._last and (frame in self._prepared or frame not in self._wanted)
        ]
        # one frame a thread ahead keeps all of them busy; more would only cool the caches
        short = ahead - min(self._next[:REFERENCE]) < self._threads
        if ahead < self._stop and REFERENCE not in reading and self._free and (short or not able):
            self._slots[ahead] = self._free.pop()
            comparisons = len(self._next) - 1 if ahead in self._wanted else 0
            self._uses[ahead] = 1 + (ahead + 1 < self._stop) + comparisons
            return self._taken(REFERENCE)
        return self._taken(min(able, key=self._next.__getitem__)) if able else None

    def _taken(self, film: int) -> Job:
        frame = self._next[film]
        self._next[film] += 1
        self._reading.add(film)
        return Job(film, frame)

    def _release(self, frame: int) -> None:
        self._uses[frame] -= 1
        if self._uses[frame] == 0:
            self._free.append(self._slots.pop(frame))
            self._prepared.discard(frame)
            del self._uses[frame]
