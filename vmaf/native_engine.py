"""The native engine: one pass over a reference and all its renditions.

Each frame of the reference is prepared once; every rendition then brings its own frame and compares. Preparing a
frame and comparing one are jobs; a few frames of the reference are kept, so that no thread waits for another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from vmaf.pairing import misplaced, refuse_shift, thumbnail
from vmaf.pictures import Pictures
from vmaf.prediction import interval, predict
from vmaf.reference_side import Geometry, Reference, Scratch
from vmaf.rendition_side import Comparison
from vmaf.request import Request
from vmaf.scores import Scores

__all__ = ["GENERATION", "lacks", "measure", "warm_up"]

#: Which libvmaf the numbers follow.
GENERATION = "3.2"

#: Reference frames that are kept at once.
DEPTH = 4


def lacks(request: Request) -> str | None:
    """Return what of a request this engine cannot do, `None` if nothing."""
    if not request.model.native:
        return f"the features of the model {request.model.name}"
    if request.model.gain_limit != int(request.model.gain_limit):
        return "a gain limit that is not whole"
    if request.bit_depth > 12:
        return "samples of more than 12 bits"
    if request.preparation:
        return "deinterlacing, tone mapping or a change of range"
    formats = (each.pixel_format for each in (request.reference, *request.renditions))
    if odd := next((name for name in formats if not name.startswith(("yuv4", "yuvj4", "gray", "nv12", "p010"))), None):
        return f"pictures stored as {odd}"
    missing = [name for name in request.companions if name not in ("neg", "interval")]
    return missing[0] if missing else None


def measure(request: Request, progress: Callable[[float, float], None] | None = None) -> tuple[Scores, ...]:
    """Measure with the kernels of this package."""
    with ThreadPoolExecutor(request.threads, thread_name_prefix="vmaf") as pool:
        return _Run(request, progress, pool).scores()


def warm_up(bit_depth: int = 8) -> None:
    """Compile the kernels, or load them from the cache on disk.

    Call it once before worker processes start, lest each of them compile the same: half a minute on a fresh machine,
    less than a second later.

    Parameters
    ----------
    bit_depth : int
        Of the pictures that are to be compared.
    """
    geometry = Geometry(64, 64, bit_depth)
    samples = np.zeros((64, 64), geometry.sample)
    scratch, reference = Scratch(geometry), Reference(geometry)
    reference.prepare(samples, scratch)
    reference.motion_from(reference, scratch)
    Comparison(geometry, 1, neg=False).features(reference, samples, scratch)


class _Run:
    """One measurement on its way."""

    def __init__(
        self, request: Request, progress: Callable[[float, float], None] | None, pool: ThreadPoolExecutor
    ) -> None:
        self.request = request
        self.progress = progress
        self.pool = pool
        self.geometry = Geometry(request.width, request.height, request.bit_depth)
        # motion looks one frame back and one ahead
        self.start = max(0, request.first - 1)
        self.stop = min(request.reference.frame_count, request.last + 1)
        self.wanted = set(request.frames)
        self.slots = [Reference(self.geometry) for _ in range(min(DEPTH, self.stop - self.start))]
        self.motion = {0: 0.0}
        size, depth = request.size, request.bit_depth
        self.reference = Pictures(request.reference, self.start, self.stop, size, depth)
        self.renditions = [
            Pictures(each, request.first - request.offset, request.last - request.offset, size, depth)
            for each in request.renditions
        ]
        neg = "neg" in request.companions
        limit = int(request.model.gain_limit)
        self.comparisons = [Comparison(self.geometry, limit, neg=neg) for _ in request.renditions]
        self.features: list[list[Any]] = [[] for _ in request.renditions]
        # (reference, then each rendition) by frame
        self.thumbnails: list[dict[int, Any]] = [{} for _ in range(len(request.renditions) + 1)]
        self.seconds = [0.0] * (len(request.renditions) + 1)
        self.scratch = threading.local()

    def scores(self) -> tuple[Scores, ...]:
        """Run to the end and collect."""
        ready, moving = self.start, False
        at = [self.request.first] * len(self.renditions)
        busy: dict[Future[None], int] = {}
        while ready < self.stop or min(at) < self.request.last:
            idle = set(range(len(at))) - set(busy.values())
            if not moving and ready < self.stop and ready - min(*at, ready) < len(self.slots):
                busy[self.pool.submit(self._timed, -1, self._prepare, ready)] = -1
                moving = True
            for r in sorted(idle, key=lambda r: at[r]):
                if at[r] < min(ready, self.request.last):
                    busy[self.pool.submit(self._timed, r, self._compare, at[r])] = r
            done, _ = wait(busy, return_when=FIRST_COMPLETED)
            for future in done:
                r = busy.pop(future)
                future.result()
                if r < 0:
                    ready, moving = ready + 1, False
                else:
                    at[r] += 1
            if self.progress:
                self.progress(
                    sum(at) - len(at) * self.request.first, len(at) * (self.request.last - self.request.first)
                )
        return tuple(self._collected(r) for r in range(len(at)))

    def _timed(self, who: int, job: Callable[[int, int], None], frame: int) -> None:
        began = time.thread_time()
        job(who, frame)
        self.seconds[who] += time.thread_time() - began

    def _working_memory(self) -> Scratch:
        if not hasattr(self.scratch, "memory"):
            self.scratch.memory = Scratch(self.geometry)
        memory: Scratch = self.scratch.memory
        return memory

    def _slot(self, frame: int) -> Reference:
        return self.slots[(frame - self.start) % len(self.slots)]

    def _prepare(self, _: int, frame: int) -> None:
        scratch = self._working_memory()
        slot = self._slot(frame)
        samples = self.reference.luma()
        if frame in self.wanted:
            slot.prepare(samples, scratch)
            self.thumbnails[-1][frame] = thumbnail(slot.planes[3], self.geometry.layouts[3])
        else:
            slot.fill(samples)
        if frame > self.start:
            self.motion[frame] = slot.motion_from(self._slot(frame - 1), scratch)

    def _compare(self, r: int, frame: int) -> None:
        if frame not in self.wanted:
            self.renditions[r].skip()
            return
        samples = self.renditions[r].luma()
        comparison = self.comparisons[r]
        self.features[r].append(comparison.features(self._slot(frame), samples, self._working_memory()))
        self.thumbnails[r][frame] = thumbnail(comparison.planes[3], self.geometry.layouts[3])

    def _motion2(self, frame: int) -> float:
        """Return libvmaf's motion2: the smaller of the motion into a frame and out of it, 0 for the first."""
        if frame == 0:
            return 0.0
        return min(self.motion[frame], self.motion.get(frame + 1, self.motion[frame]))

    def _collected(self, r: int) -> Scores:
        request, model = self.request, self.request.model
        strays = misplaced(self.thumbnails[-1], self.thumbnails[r])
        refuse_shift(request.renditions[r].path, strays)
        frames = np.array(request.frames, np.int64)
        motion2 = np.array([self._motion2(n) for n in request.frames])
        found = np.stack(self.features[r])
        features = np.insert(found, 1, motion2[:, None], axis=2)
        plain = features[:, 0]
        series = {"vmaf": predict(model, plain), "adm2": plain[:, 0], "motion2": plain[:, 1]}
        series |= {f"vif_scale{s}": plain[:, 2 + s] for s in range(4)}
        if "neg" in request.companions:
            series["vmaf_neg"] = predict(model, features[:, 1])
        if "interval" in request.companions:
            series["vmaf_low"], series["vmaf_high"] = interval(model, plain)
        for array in (frames, *series.values()):
            array.flags.writeable = False
        return Scores(
            path=request.renditions[r].path,
            reference=request.reference.path,
            model=model.name,
            model_digest=model.digest,
            engine="native",
            libvmaf=GENERATION,
            width=request.width,
            height=request.height,
            bit_depth=request.bit_depth,
            every=request.every,
            frames=frames,
            misplaced=strays,
            cpu_seconds=self.seconds[r] + self.seconds[-1] / len(request.renditions),
            **series,
        )
