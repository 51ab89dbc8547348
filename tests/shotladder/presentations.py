"""Presentations made by hand, for tests that need no encodes."""

from shotladder.report.presentation_format import (
    ActiveConstraints,
    Comparison,
    Cost,
    LadderEntry,
    MadeWith,
    Presentation,
    ShotEntry,
    ShotResult,
    TimelineSegment,
    VideoRendition,
    VideoSegment,
    VmafPool,
)

#: Bitrate (bits/s) and VMAF of the rungs, and of the fixed ladder, which needs twice the bits.
RUNGS = ((500_000, 70.0), (1_000_000, 80.0), (2_000_000, 90.0))
FIXED = ((1_000_000, 70.0), (2_000_000, 80.0), (4_000_000, 90.0), (8_000_000, 95.0))


def make_presentation(shots=3, rungs=RUNGS, fixed=FIXED, bd_rate=-50.0):
    """Return a presentation with shots of two seconds; the last shot is the weakest."""
    duration = 2.0 * shots
    return Presentation(
        version=2,
        title="<b>video</b>",
        duration=duration,
        frame_rate="24/1",
        segments=[TimelineSegment(start=0.0, duration=duration, shots=list(range(shots)))],
        shots=[_shot(n) for n in range(shots)],
        video=[_rendition(*rung, shots) for rung in rungs],
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
            target_vmaf=90.0,
            overrides={},
            expected_excess_percent={"h264": None},
        ),
        comparisons=[_comparison(fixed, bd_rate)] if fixed else [],
        cost=Cost(
            analysis_cpu_seconds=1.0,
            probe_cpu_seconds=20.0,
            encode_cpu_seconds=70.0,
            measure_cpu_seconds=9.0,
            comparison_cpu_seconds=0.0,
            probes=12,
        ),
        made_with=MadeWith(shotladder="0", ffmpeg="7", vmaf_model="v", vmaf_engine="native", packager="3"),
        request="0",
        files=[],
    )


def _shot(n):
    return ShotEntry(
        first_frame=48 * n,
        frame_count=48,
        start=2.0 * n,
        end=2.0 * n + 2,
        transition="cut" if n else "start",
        transition_frames=None,
        complexity={},
    )


def _rendition(bitrate, vmaf, shots):
    return VideoRendition(
        id=f"h264-360p-{bitrate // 1000}k",
        codec="h264",
        codecs="avc1.640028",
        video_range="SDR",
        width=640,
        height=360,
        average_bitrate=bitrate,
        peak_bitrate=2 * bitrate,
        vbv_bitrate=2 * bitrate,
        vbv_bits=2 * bitrate,
        vmaf=VmafPool(mean=vmaf, harmonic_mean=vmaf, p5=vmaf - 5, min=vmaf - 9),
        quantisers=[20.0] * shots,
        active_constraints=ActiveConstraints(floor=[shots - 1], cap=[], peak=[], max_quality_step=[]),
        playlist="video.m3u8",
        init="init.mp4",
        segments=[VideoSegment(bytes=bitrate * shots // 4, vmaf=vmaf, url="1.m4s")],
        shots=[ShotResult(bits=2 * bitrate, vmaf=vmaf - n, vmaf_min=vmaf - n - 5) for n in range(shots)],
    )


def _comparison(fixed, bd_rate):
    return Comparison(
        codec="h264",
        anchor="Apple's fixed H.264 ladder",
        points=list(fixed),
        sampled_chunks=3,
        chunks=5,
        bd_rate_percent=bd_rate,
        bd_rate_error_percent=None if bd_rate is None else 2.0,
        vmaf_low=None if bd_rate is None else 70.0,
        vmaf_high=None if bd_rate is None else 90.0,
        stored_bits_percent=-77.0,
        top_rung_percent=-75.0,
    )
