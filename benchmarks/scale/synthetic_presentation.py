"""A presentation of any number of shots, made of formulas, with images of the usual size for its report."""

from __future__ import annotations

import math

import cv2
import numpy as np

from shotladder.report.frame_images import (
    IMAGE_QUALITY,
    MAX_THUMBNAILS,
    THUMBNAIL_QUALITY,
    WEAK_SHOTS,
    FrameImage,
    ReportImages,
    WeakShotImages,
    _encode_jpeg,
)
from shotladder.report.presentation_format import (
    ActiveConstraints,
    Comparison,
    Cost,
    LadderEntry,
    MadeWith,
    PooledMeasure,
    Presentation,
    ShotEntry,
    ShotResult,
    TimelineSegment,
    VideoRendition,
    VideoSegment,
    VmafPool,
)
from shotladder.report.verdict import weak_shots

__all__ = ["make_long_presentation", "make_report_images"]

#: Bitrate (bits/s) and mean VMAF of the rungs.
RUNGS = (
    (200_000, 38.0),
    (450_000, 55.0),
    (900_000, 68.0),
    (1_700_000, 79.0),
    (3_000_000, 88.0),
    (4_800_000, 93.0),
)
#: Seconds of a shot; each is a segment.
SECONDS = 4.8
MEASURES = ("si", "ti", "edges", "motion", "noise", "texture")


def make_long_presentation(shots: int) -> Presentation:
    """Return a presentation whose shots last 4.8 s."""
    names = {f"video/h264-{bitrate}/{n}.m4s" for bitrate, _ in RUNGS for n in range(shots)}
    return Presentation(
        version=2,
        title="video",
        duration=SECONDS * shots,
        frame_rate="24/1",
        segments=[TimelineSegment(start=SECONDS * n, duration=SECONDS, shots=[n]) for n in range(shots)],
        shots=[_shot(n) for n in range(shots)],
        video=[_rendition(bitrate, vmaf, shots) for bitrate, vmaf in RUNGS],
        audio=[],
        text=[],
        skipped_tracks=[],
        encryption=None,
        ladder=LadderEntry(
            mode="per-shot",
            preset="medium",
            tune="visual",
            pooling="mean",
            vbv_seconds=None,
            max_quality_step=None,
            target_vmaf=93.0,
            overrides={},
            expected_excess_percent={"h264": 1.0},
        ),
        comparisons=[_comparison(shots)],
        cost=Cost(
            analysis_cpu_seconds=1e3,
            probe_cpu_seconds=2e4,
            encode_cpu_seconds=7e4,
            measure_cpu_seconds=9e3,
            comparison_cpu_seconds=1e3,
            probes=20 * shots,
        ),
        made_with=MadeWith(shotladder="0", ffmpeg="7", vmaf_model="v", vmaf_engine="native", packager="3"),
        request="0",
        files=sorted(names),
    )


def make_report_images(presentation: Presentation) -> ReportImages:
    """Return noise as thumbnails and frames, in the sizes of a report."""
    random = np.random.default_rng(1)
    shots = len(presentation.shots)
    thumbnail = _encode_jpeg(_noise(random, 160, 90), THUMBNAIL_QUALITY)
    frame = _encode_jpeg(_noise(random, 640, 360), IMAGE_QUALITY)
    weak = tuple(
        WeakShotImages(shot, 0, 0.0, tuple(FrameImage(name, frame) for name in ("Source", "top", "middle")))
        for shot in weak_shots(presentation, WEAK_SHOTS)
    )
    return ReportImages(dict.fromkeys(range(0, shots, -(-shots // MAX_THUMBNAILS)), thumbnail), weak)


def _noise(random: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Return noise with the spectrum of natural images, about 1/f."""
    image = np.zeros((height, width, 3))
    for octave in range(6):
        step = 2**octave
        part = random.normal(0, step, (-(-height // step), -(-width // step), 3))
        image += cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 2 * image, 0, 255).astype(np.uint8)


def _shot(n: int) -> ShotEntry:
    return ShotEntry(
        first_frame=115 * n,
        frame_count=115,
        start=SECONDS * n,
        end=SECONDS * (n + 1),
        transition="cut" if n else "start",
        transition_frames=None,
        complexity={
            name: PooledMeasure(mean=10.0 + math.sin(n), std=1.2345, p95=12.0 + math.cos(n)) for name in MEASURES
        },
    )


def _rendition(bitrate: int, vmaf: float, shots: int) -> VideoRendition:
    scores = [vmaf + 5 * math.sin(7.0 * n) for n in range(shots)]
    sizes = [round(bitrate * SECONDS * 1.8 ** math.sin(11.0 * n)) for n in range(shots)]
    return VideoRendition(
        id=f"h264-{bitrate // 1000}k",
        codec="h264",
        codecs="avc1.640028",
        video_range="SDR",
        width=1280,
        height=720,
        average_bitrate=bitrate,
        peak_bitrate=2 * bitrate,
        vbv_bitrate=2 * bitrate,
        vbv_bits=2 * bitrate,
        vmaf=VmafPool(mean=vmaf, harmonic_mean=vmaf, p5=vmaf - 5, min=vmaf - 9),
        quantisers=[20.0 + n % 17 / 4 for n in range(shots)],
        active_constraints=ActiveConstraints(floor=list(range(0, shots, 9)), cap=[], peak=[], max_quality_step=[]),
        playlist="video.m3u8",
        init="init.mp4",
        segments=[
            VideoSegment(bytes=sizes[n] // 8, vmaf=scores[n], url=f"video/h264-{bitrate}/{n}.m4s") for n in range(shots)
        ],
        shots=[ShotResult(bits=sizes[n], vmaf=scores[n], vmaf_min=scores[n] - 5) for n in range(shots)],
    )


def _comparison(shots: int) -> Comparison:
    return Comparison(
        codec="h264",
        anchor="Apple's fixed H.264 ladder",
        points=[(2 * bitrate, vmaf) for bitrate, vmaf in RUNGS],
        sampled_chunks=24,
        chunks=shots,
        bd_rate_percent=-40.0,
        bd_rate_error_percent=2.0,
        vmaf_low=50.0,
        vmaf_high=93.0,
        stored_bits_percent=-40.0,
        top_rung_percent=-40.0,
    )
