"""The native engine: one pass over a reference and all its renditions.

Each frame of the reference is prepared once and then compared with the same frame of every rendition. `FrameScheduler`
assigns the frames of all videos, also those of one rendition, to threads.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from av.video.reformatter import VideoReformatter

from encoder.media.frames import Frame
from shotladder_runtime.progress import Progress
from vmaf.alignment.frame_content import duplicated_frames, reject_offset
from vmaf.alignment.frame_times import frame_ranges
from vmaf.colour_matrix import is_full_range
from vmaf.errors import PairingError
from vmaf.measurement_request import MeasurementRequest
from vmaf.native.distorted import DistortedMeasurement
from vmaf.native.frame_planes import FramePlanes
from vmaf.native.frame_scheduler import REFERENCE, FrameJob, FrameScheduler
from vmaf.native.psnr_ssim import PSNR_SSIM, psnr_ssim
from vmaf.native.reference import Geometry, Reference, Scratch
from vmaf.native.regression import interval, predict
from vmaf.native.thumbnail import thumbnail
from vmaf.scores import Scores

__all__ = ["LIBVMAF_VERSION", "measure", "unsupported_feature", "warm_up"]

#: version of libvmaf whose numbers the engine reproduces
LIBVMAF_VERSION = "3.2"


def unsupported_feature(request: MeasurementRequest) -> str | None:
    """Return what this engine does not support in a request, None if it supports all of it."""
    if not request.model.is_native:
        return f"the features of the model {request.model.name}"
    if request.model.gain_limit != int(request.model.gain_limit):
        return "a gain limit that is not an integer"
    if request.crop:
        return "a crop of the reference"
    if request.bit_depth > 12:
        return "samples of more than 12 bits"
    if request.preparation or any(is_full_range(each) for each in (request.reference, *request.renditions)):
        return "deinterlacing, tone mapping or a change of range"
    formats = (each.pixel_format for each in (request.reference, *request.renditions))
    if odd := next((name for name in formats if not name.startswith(("yuv4", "yuvj4", "gray", "nv12", "p010"))), None):
        return f"frames stored as {odd}"
    for name in ("cambi", "xpsnr"):
        if name in request.metrics:
            return name.upper()
    if set(PSNR_SSIM) & set(request.metrics):
        for video in (request.reference, *request.renditions):
            if video.is_mirrored or video.rotation or not video.pixel_format.startswith("yuv4"):
                return f"chroma of frames stored as {video.pixel_format}, mirrored or rotated"
    return None


def measure(request: MeasurementRequest, progress: Progress) -> tuple[Scores, ...]:
    """Measure with the kernels of this package.

    Parameters
    ----------
    request : MeasurementRequest
        One for which `unsupported_feature` returns None.
    progress : callable
        Called with (frames done, total frames) by the calling thread.
    """
    measurement = _Measurement(request)
    other_threads = min(request.threads, measurement.total) - 1
    with ThreadPoolExecutor(max(other_threads, 1), thread_name_prefix="vmaf") as pool:
        others = [pool.submit(measurement.work) for _ in range(other_threads)]
        measurement.work(progress)
    for each in others:
        each.result()
    progress(measurement.total, measurement.total)
    return measurement.scores()


def warm_up(bit_depth: int = 8) -> None:
    """Compile the kernels, or load them from the cache on disk.

    Call it once before worker processes start; otherwise each of them compiles the same kernels. It takes half a minute
    on a fresh machine, and less than a second with the cache.

    Parameters
    ----------
    bit_depth : int
        Bits of the samples that will be compared.
    """
    geometry = Geometry(64, 64, bit_depth)
    samples = np.zeros((64, 64), geometry.sample)
    scratch, reference = Scratch(geometry), Reference(geometry)
    reference.fill(samples)
    reference.prepare(scratch)
    reference.motion_from(reference, scratch)
    thumbnail(reference.planes[3], geometry.layouts[3])
    DistortedMeasurement(geometry, 1, neg=False).features(reference, samples, scratch)


class _Workspace:
    """The memory of one thread."""

    def __init__(self, measurement: _Measurement) -> None:
        self.scratch = Scratch(measurement.geometry)
        neg = "neg" in measurement.request.metrics
        self.distorted = DistortedMeasurement(measurement.geometry, int(measurement.request.model.gain_limit), neg=neg)
        self.reformatters = [VideoReformatter() for _ in measurement.videos]


class _Measurement:
    """One measurement: its videos, its work queue, and the results by frame.

    Threads write results for different frames of different videos, so the dictionaries need no lock of their own.
    """

    def __init__(self, request: MeasurementRequest) -> None:
        self.request = request
        self.geometry = Geometry(request.width, request.height, request.bit_depth)
        # motion needs one frame before and one after
        self.start = max(0, request.start - 1)
        stop = min(request.reference.frame_count, request.stop + 1)
        self.selected = frozenset(request.frames)
        count = len(request.renditions)
        self.total = count * (request.stop - request.start)
        self.scheduler = FrameScheduler(
            (self.start, stop), (request.start, request.stop), self.selected, count, request.threads
        )
        self.slots = [Reference(self.geometry) for _ in range(self.scheduler.slots)]
        shape = request.size, request.bit_depth, request.pixel_format
        self.videos = [
            FramePlanes(each, _numbers(request, missing), *shape, partial=request.partial)
            for each, missing in zip(request.renditions, request.missing, strict=True)
        ]
        self.videos.append(FramePlanes(request.reference, range(self.start, stop), *shape, partial=False))
        self.plane_metrics = [name for name in PSNR_SSIM if name in request.metrics]
        # planes of the reference frame in each slot
        self.planes: list[Any] = [()] * self.scheduler.slots
        self.psnr_ssim: list[dict[int, dict[str, float]]] = [{} for _ in request.renditions]
        self.motion = {0: 0.0}
        self.missing: list[list[int]] = [[] for _ in request.renditions]
        self.features: list[dict[int, Any]] = [{} for _ in request.renditions]
        # by video, the reference last, and by frame
        self.thumbnails: list[dict[int, Any]] = [{} for _ in self.videos]
        self.seconds: list[list[float]] = [[] for _ in self.videos]

    def work(self, progress: Progress | None = None) -> None:
        """Run jobs until none is left, as one of several threads."""
        workspace = _Workspace(self)
        try:
            while job := self.scheduler.take():
                began = time.thread_time()
                (self._prepare if job.video == REFERENCE else self._compare)(job, workspace)
                self.seconds[job.video].append(time.thread_time() - began)
                self.scheduler.done(job)
                if progress:
                    progress(self.scheduler.compared, self.total)
        finally:
            # no job is left, or this thread has failed; the other threads must not wait
            self.scheduler.close()

    def _planes(self, job: FrameJob, frame: Frame, workspace: _Workspace) -> tuple[Any, ...]:
        """Return the planes of a frame that the metrics need."""
        video, reformatter = self.videos[job.video], workspace.reformatters[job.video]
        return video.planes(frame, reformatter) if self.plane_metrics else (video.luma(frame, reformatter),)

    def _prepare(self, job: FrameJob, workspace: _Workspace) -> None:
        slot_index = self.scheduler.slot(job.frame)
        slot = self.slots[slot_index]
        frame = self.videos[REFERENCE].read()
        assert frame is not None, "only renditions may have missing frames"
        self.planes[slot_index] = self._planes(job, frame, workspace)
        slot.fill(self.planes[slot_index][0])
        self.scheduler.read(job)
        if job.frame > self.start:
            before = self.slots[self.scheduler.slot(job.frame - 1)]
            self.motion[job.frame] = slot.motion_from(before, workspace.scratch)
        if job.frame in self.selected:
            slot.prepare(workspace.scratch)
            self.thumbnails[REFERENCE][job.frame] = thumbnail(slot.planes[3], self.geometry.layouts[3])

    def _compare(self, job: FrameJob, workspace: _Workspace) -> None:
        frame = self.videos[job.video].read()
        self.scheduler.read(job)
        if frame is None:
            self.missing[job.video].append(job.frame)
            return
        if job.frame not in self.selected:
            return
        planes = self._planes(job, frame, workspace)
        slot_index = self.scheduler.slot(job.frame)
        self.features[job.video][job.frame] = workspace.distorted.features(
            self.slots[slot_index], planes[0], workspace.scratch
        )
        if self.plane_metrics:
            self.psnr_ssim[job.video][job.frame] = psnr_ssim(
                self.plane_metrics, self.planes[slot_index], planes, self.request.bit_depth
            )
        self.thumbnails[job.video][job.frame] = thumbnail(workspace.distorted.planes[3], self.geometry.layouts[3])

    def scores(self) -> tuple[Scores, ...]:
        """Return the scores of all renditions."""
        return tuple(self._scores_of(r) for r in range(len(self.request.renditions)))

    def _motion2(self, frame: int) -> float:
        """Return libvmaf's motion2: the smaller of the motion into a frame and out of it, 0 for the first."""
        if frame == 0:
            return 0.0
        return min(self.motion[frame], self.motion.get(frame + 1, self.motion[frame]))

    def _scores_of(self, r: int) -> Scores:
        request, model = self.request, self.request.model
        duplicated = duplicated_frames(self.thumbnails[REFERENCE], self.thumbnails[r])
        if request.check_content:
            reject_offset(request.renditions[r].path, duplicated)
        measured = sorted(self.features[r])
        if not measured:
            raise PairingError(f"{request.renditions[r].path}: no frame could be compared")
        motion2 = np.array([self._motion2(n) for n in measured])
        found = np.stack([self.features[r][n] for n in measured])
        features = np.insert(found, 1, motion2[:, None], axis=2)
        plain = features[:, 0]
        series = {"vmaf": predict(model, plain), "adm2": plain[:, 0], "motion2": plain[:, 1]}
        series |= {f"vif_scale{s}": plain[:, 2 + s] for s in range(4)}
        if "neg" in request.metrics:
            series["vmaf_neg"] = predict(model, features[:, 1])
        if "interval" in request.metrics:
            series["vmaf_low"], series["vmaf_high"] = interval(model, plain)
        rows = [self.psnr_ssim[r][n] for n in measured] if self.plane_metrics else [{}]
        series |= {name: np.array([row[name] for row in rows]) for name in rows[0]}
        return Scores(
            path=request.renditions[r].path,
            reference=request.reference.path,
            model=model.name,
            model_digest=model.digest,
            engine="native",
            libvmaf=LIBVMAF_VERSION,
            width=request.width,
            height=request.height,
            bit_depth=request.bit_depth,
            frame_stride=request.frame_stride,
            frames=np.array(measured),
            times=np.array([float(request.reference.time(n)) for n in measured]),
            series=series,
            duplicated_frames=duplicated,
            missing=frame_ranges(sorted(self.missing[r])),
            cpu_seconds=sum(self.seconds[r]) + sum(self.seconds[REFERENCE]) / len(request.renditions),
        )


def _numbers(request: MeasurementRequest, missing: frozenset[int]) -> list[int | None]:
    """Return the rendition's own numbers of the frames to compare; None for those that it does not hold."""
    number = request.start - request.offset - sum(n < request.start for n in missing)
    numbers: list[int | None] = []
    for n in range(request.start, request.stop):
        numbers.append(None if n in missing else number)
        number += n not in missing
    return numbers
