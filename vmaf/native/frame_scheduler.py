"""The work queue of the native engine: it assigns frames of the reference and of the renditions to threads.

Frames of a video can only be decoded one after another, but everything else about a frame can run in parallel. So a job
is one frame of one video. Its thread decodes the frame and releases the video; another thread then decodes the next
frame while the first thread works on its own. The reference runs ahead of the renditions: each of its frames is
prepared in a slot, is compared with the same frame of every rendition, and the slot is used again.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["REFERENCE", "FrameJob", "FrameScheduler"]

#: index of the reference among the videos; the renditions come before it
REFERENCE = -1


@dataclass(frozen=True, slots=True)
class FrameJob:
    """One frame of one video.

    Attributes
    ----------
    video : int
        Index of the rendition, or `REFERENCE`.
    frame : int
        Number of the frame in the reference.
    """

    video: int
    frame: int


class FrameScheduler:
    """Assign the frames of a reference and its renditions to threads.

    Parameters
    ----------
    span : (int, int)
        Frames [start, stop) of the reference to decode: those to compare, and those that motion needs around them.
    compared : (int, int)
        Frames [start, stop) to decode of the renditions, by their number in the reference.
    selected : collection of int
        Frames to compare; the others are only decoded.
    renditions, threads : int
    """

    def __init__(
        self, span: tuple[int, int], compared: tuple[int, int], selected: Collection[int], renditions: int, threads: int
    ) -> None:
        self._start, self._stop = span
        self._compared_start, self._compared_stop = compared
        self._selected = selected
        self._threads = threads
        self._change = threading.Condition()
        self._closed = False
        self._next = [self._compared_start] * renditions + [self._start]
        self._reading: set[int] = set()
        self._prepared: set[int] = set()
        #: number of uses left of a prepared frame: its own preparation, the motion of the next frame, comparisons
        self._uses: dict[int, int] = {}
        self._slots: dict[int, int] = {}
        self.slots = min(threads + 2, self._stop - self._start)
        self._free = list(range(self.slots))
        self.compared = 0

    def take(self) -> FrameJob | None:
        """Wait for the next job and return it; None if no job is left."""
        with self._change:
            while not (self._closed or self._all_taken()):
                if job := self._choose():
                    return job
                self._change.wait()
            return None

    def read(self, job: FrameJob) -> None:
        """Release the video of a job, whose frame has been decoded."""
        with self._change:
            self._reading.discard(job.video)
            self._change.notify_all()

    def done(self, job: FrameJob) -> None:
        """Mark a job as finished."""
        with self._change:
            if job.video == REFERENCE:
                self._prepared.add(job.frame)
                self._release(job.frame)
                if job.frame > self._start:
                    self._release(job.frame - 1)
            else:
                self.compared += 1
                if job.frame in self._selected:
                    self._release(job.frame)
            self._change.notify_all()

    def close(self) -> None:
        """Assign no further jobs."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def slot(self, frame: int) -> int:
        """Return the index of the slot that holds a frame of the reference."""
        return self._slots[frame]

    def _all_taken(self) -> bool:
        return self._next[REFERENCE] == self._stop and all(n == self._compared_stop for n in self._next[:REFERENCE])

    def _choose(self) -> FrameJob | None:
        reading, ahead = self._reading, self._next[REFERENCE]
        ready = [
            r
            for r, frame in enumerate(self._next[:REFERENCE])
            if r not in reading
            and frame < self._compared_stop
            and (frame in self._prepared or frame not in self._selected)
        ]
        # one frame ahead for each thread keeps all threads busy; more would only evict data from the caches
        is_short = ahead - min(self._next[:REFERENCE]) < self._threads
        if ahead < self._stop and REFERENCE not in reading and self._free and (is_short or not ready):
            self._slots[ahead] = self._free.pop()
            comparisons = len(self._next) - 1 if ahead in self._selected else 0
            self._uses[ahead] = 1 + (ahead + 1 < self._stop) + comparisons
            return self._assign(REFERENCE)
        return self._assign(min(ready, key=self._next.__getitem__)) if ready else None

    def _assign(self, video: int) -> FrameJob:
        frame = self._next[video]
        self._next[video] += 1
        self._reading.add(video)
        return FrameJob(video, frame)

    def _release(self, frame: int) -> None:
        self._uses[frame] -= 1
        if self._uses[frame] == 0:
            self._free.append(self._slots.pop(frame))
            self._prepared.discard(frame)
            del self._uses[frame]
