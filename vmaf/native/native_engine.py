"""The native engine: one pass over a reference and all its renditions.

Each frame of the reference is prepared once; every rendition then brings its own frame and compares. `Schedule`
spreads both over threads, frames of one rendition too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from av.video.reformatter import VideoReformatter

from encoder.media.frames import Frame
from vmaf.alignment.frame_times import runs
from vmaf.alignment.pairing import misplaced, refuse_shift, thumbnail
from vmaf.errors import PairingError
from vmaf.measurement_request import Request
from vmaf.native.distorted import Comparison
from vmaf.native.frame_planes import FramePlanes
from vmaf.native.frame_scheduler import REFERENCE, Job, Schedule
from vmaf.native.psnr_ssim import FIDELITY, fidelity
from vmaf.native.reference import Geometry, Reference, Scratch
from vmaf.native.regression import interval, predict
from vmaf.scores import Scores

__all__ = ["GENERATION", "lacks", "measure", "warm_up"]

#: Which libvmaf the numbers follow.
GENERATION = "3.2"


def lacks(request: Request) -> str | None:
    """Return what of a request this engine cannot do, `None` if nothing."""
    if not request.model.native:
        return f"the features of the model {request.model.name}"
    if request.model.gain_limit != int(request.model.gain_limit):
        return "a gain limit that is not whole"
    if request.bit_depth > 12:
        return "samples of more than 12 bits"
    if request.preparation or any(each.colour.range == "pc" for each in request.renditions):
        return "deinterlacing, tone mapping or a change of range"
    formats = (each.pixel_format for each in (request.reference, *request.renditions))
    if odd := next((name for name in formats if not name.startswith(("yuv4", "yuvj4", "gray", "nv12", "p010"))), None):
        return f"pictures stored as {odd}"
    if "cambi" in request.companions:
        return "CAMBI"
    if set(FIDELITY) & set(request.companions):
        for film in (request.reference, *request.renditions):
            if film.rotation or not film.pixel_format.startswith("yuv4"):
                return f"chroma of pictures stored as {film.pixel_format}, rotated by {film.rotation} degrees"
    return None


def measure(request: Request, progress: Callable[[float, float], None] | None = None) -> tuple[Scores, ...]:
    """Measure with the kernels of this package."""
    run = _Run(request)
    helpers = min(request.threads, run.total) - 1
    with ThreadPoolExecutor(max(helpers, 1), thread_name_prefix="vmaf") as pool:
        others = [pool.submit(run.work) for _ in range(helpers)]
        run.work(progress)
    for each in others:
        each.result()
    if progress:
        progress(run.total, run.total)
    return run.scores()


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
    reference.fill(samples)
    reference.prepare(scratch)
    reference.motion_from(reference, scratch)
    Comparison(geometry, 1, neg=False).features(reference, samples, scratch)


class _Desk:
    """What one thread works with."""

    def __init__(self, run: _Run) -> None:
        self.scratch = Scratch(run.geometry)
        neg = "neg" in run.request.companions
        self.comparison = Comparison(run.geometry, int(run.request.model.gain_limit), neg=neg)
        self.reformatters = [VideoReformatter() for _ in run.films]


class _Run:
    """One measurement on its way."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.geometry = Geometry(request.width, request.height, request.bit_depth)
        # motion looks one frame back and one ahead
        self.start = max(0, request.start - 1)
        stop = min(request.reference.frame_count, request.stop + 1)
        self.wanted = frozenset(request.frames)
        count = len(request.renditions)
        self.total = count * (request.stop - request.start)
        self.schedule = Schedule((self.start, stop), (request.start, request.stop), self.wanted, count, request.threads)
        self.slots = [Reference(self.geometry) for _ in range(self.schedule.slots)]
        shape = request.size, request.bit_depth, request.pixel_format
        self.films = [
            FramePlanes(each, _numbers(request, missing), *shape, partial=request.partial)
            for each, missing in zip(request.renditions, request.missing, strict=True)
        ]
        self.films.append(FramePlanes(request.reference, range(self.start, stop), *shape, partial=False))
        self.measures = [name for name in FIDELITY if name in request.companions]
        # planes of the reference that slots hold
        self.planes: list[Any] = [()] * self.schedule.slots
        self.fidelity: list[dict[int, dict[str, float]]] = [{} for _ in request.renditions]
        self.motion = {0: 0.0}
        self.missing: list[list[int]] = [[] for _ in request.renditions]
        self.features: list[dict[int, Any]] = [{} for _ in request.renditions]
        # of each rendition, then of the reference, by frame
        self.thumbnails: list[dict[int, Any]] = [{} for _ in self.films]
        self.seconds: list[list[float]] = [[] for _ in self.films]

    def work(self, progress: Callable[[float, float], None] | None = None) -> None:
        """Do jobs until none is left, as one of several threads."""
        desk = _Desk(self)
        try:
            while job := self.schedule.take():
                began = time.thread_time()
                (self._prepare if job.film == REFERENCE else self._compare)(job, desk)
                self.seconds[job.film].append(time.thread_time() - began)
                self.schedule.done(job)
                if progress:
                    progress(self.schedule.compared, self.total)
        finally:
            # who ends has found nothing left, or has failed
            self.schedule.close()

    def _planes(self, job: Job, frame: Frame, desk: _Desk) -> tuple[Any, ...]:
        """Return the planes of a frame that will be looked at."""
        film, reformatter = self.films[job.film], desk.reformatters[job.film]
        return film.planes(frame, reformatter) if self.measures else (film.luma(frame, reformatter),)

    def _prepare(self, job: Job, desk: _Desk) -> None:
        place = self.schedule.slot(job.frame)
        slot = self.slots[place]
        frame = self.films[REFERENCE].read()
        assert frame is not None, "only renditions may lack frames"
        self.planes[place] = self._planes(job, frame, desk)
        slot.fill(self.planes[place][0])
        self.schedule.read(job)
        if job.frame > self.start:
            before = self.slots[self.schedule.slot(job.frame - 1)]
            self.motion[job.frame] = slot.motion_from(before, desk.scratch)
        if job.frame in self.wanted:
            slot.prepare(desk.scratch)
            self.thumbnails[REFERENCE][job.frame] = thumbnail(slot.planes[3], self.geometry.layouts[3])

    def _compare(self, job: Job, desk: _Desk) -> None:
        frame = self.films[job.film].read()
        self.schedule.read(job)
        if frame is None:
            self.missing[job.film].append(job.frame)
            return
        if job.frame not in self.wanted:
            return
        planes = self._planes(job, frame, desk)
        place = self.schedule.slot(job.frame)
        self.features[job.film][job.frame] = desk.comparison.features(self.slots[place], planes[0], desk.scratch)
        if self.measures:
            self.fidelity[job.film][job.frame] = fidelity(
                self.measures, self.planes[place], planes, self.request.bit_depth
            )
        self.thumbnails[job.film][job.frame] = thumbnail(desk.comparison.planes[3], self.geometry.layouts[3])

    def scores(self) -> tuple[Scores, ...]:
        """Return what all the work gave."""
        return tuple(self._collected(r) for r in range(len(self.request.renditions)))

    def _motion2(self, frame: int) -> float:
        """Return libvmaf's motion2: the smaller of the motion into a frame and out of it, 0 for the first."""
        if frame == 0:
            return 0.0
        return min(self.motion[frame], self.motion.get(frame + 1, self.motion[frame]))

    def _collected(self, r: int) -> Scores:
        request, model = self.request, self.request.model
        strays = misplaced(self.thumbnails[REFERENCE], self.thumbnails[r])
        refuse_shift(request.renditions[r].path, strays)
        measured = sorted(self.features[r])
        if not measured:
            raise PairingError(f"{request.renditions[r].path}: not one frame could be compared")
        frames = np.array(measured, np.int64)
        motion2 = np.array([self._motion2(n) for n in measured])
        found = np.stack([self.features[r][n] for n in measured])
        features = np.insert(found, 1, motion2[:, None], axis=2)
        plain = features[:, 0]
        series = {"vmaf": predict(model, plain), "adm2": plain[:, 0], "motion2": plain[:, 1]}
        series |= {f"vif_scale{s}": plain[:, 2 + s] for s in range(4)}
        if "neg" in request.companions:
            series["vmaf_neg"] = predict(model, features[:, 1])
        if "interval" in request.companions:
            series["vmaf_low"], series["vmaf_high"] = interval(model, plain)
        rows = [self.fidelity[r][n] for n in measured] if self.measures else [{}]
        series |= {name: np.array([row[name] for row in rows]) for name in rows[0]}
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
            missing=runs(sorted(self.missing[r])),
            cpu_seconds=sum(self.seconds[r]) + sum(self.seconds[REFERENCE]) / len(request.renditions),
            **series,
        )


def _numbers(request: Request, missing: frozenset[int]) -> list[int | None]:
    """Return a rendition's own numbers of the frames that are to be compared; `None` for those that it lacks."""
    number = request.start - request.offset - sum(n < request.start for n in missing)
    numbers: list[int | None] = []
    for n in range(request.start, request.stop):
        numbers.append(None if n in missing else number)
        number += n not in missing
    return numbers
