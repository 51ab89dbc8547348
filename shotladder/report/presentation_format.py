"""`presentation.json` as a typed value.

The structs are the one definition of the format: the JSON Schema and `docs/presentation.md` are generated from them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shotladder.report.presentation_tracks import (
    AudioEntry,
    BitsPerSecond,
    Bytes,
    CpuSeconds,
    Index,
    Part,
    Percent,
    Seconds,
    SkippedTrackEntry,
    TextEntry,
    ThumbnailsEntry,
    Vmaf,
    unit,
)
from shotladder.report.readable_units import format_count

__all__ = [
    "ActiveConstraints",
    "Comparison",
    "Cost",
    "EncryptionEntry",
    "LadderEntry",
    "MadeWith",
    "MetricEntry",
    "PooledMeasure",
    "Presentation",
    "ShotEntry",
    "ShotResult",
    "SourceEntry",
    "TimelineSegment",
    "VideoRendition",
    "VideoSegment",
    "VmafPool",
]


class SourceEntry(Part, frozen=True, kw_only=True):
    """The video that was encoded."""

    name: Annotated[str, Meta(description="File name, or the last part of the URL.")]
    bytes: Annotated[Bytes | None, Meta(description="Size of the file; null for a URL.")]
    codec: Annotated[str, Meta(description="Video codec, as ffmpeg names it.")]
    pixel_format: Annotated[str, Meta(description="Pixel format, as ffmpeg names it.")]
    width: Annotated[int, unit("pixels"), Meta(description="Width of an upright frame in square pixels.")]
    height: Annotated[int, unit("pixels"), Meta(description="Height of an upright frame in square pixels.")]
    transfer: Annotated[str | None, Meta(description="Transfer function, as ffmpeg names it; null if unstated.")]
    crop: (
        Annotated[
            list[int],
            unit("pixels"),
            Meta(description="Removed at the left, top, right and bottom of a decoded frame; absent without a crop."),
        ]
        | UnsetType
    ) = UNSET
    frame_count: Annotated[int, unit("frames"), Meta(description="Number of frames.")]
    audio_tracks: Annotated[int, Meta(description="Number of audio tracks.")]
    subtitle_tracks: Annotated[int, Meta(description="Number of subtitle tracks.")]


class TimelineSegment(Part, frozen=True, kw_only=True):
    """One segment of the timeline; all renditions have the same segments."""

    start: Annotated[Seconds, Meta(description="Presentation time of the first frame.")]
    duration: Annotated[Seconds, Meta(description="Duration.")]
    shots: Annotated[list[Index], Meta(description="Indices of the shots that have frames in the segment.")]


class PooledMeasure(Part, frozen=True, kw_only=True):
    """Statistics of a complexity measure over the frames of a shot."""

    mean: Annotated[float, Meta(description="Mean.")]
    std: Annotated[float, Meta(description="Standard deviation.")]
    p95: Annotated[float, Meta(description="95th percentile.")]


class ShotEntry(Part, frozen=True, kw_only=True):
    """One shot. The shots cover all frames of the source in order."""

    first_frame: Annotated[int, unit("frame"), Meta(description="Number of the first frame, from 0.")]
    frame_count: Annotated[int, unit("frames"), Meta(description="Number of frames.")]
    start: Annotated[Seconds, Meta(description="Time of the first frame.")]
    end: Annotated[Seconds, Meta(description="Time at which the last frame ends.")]
    transition: Annotated[
        str,
        Meta(
            pattern="^(start|cut|dissolve|fade|wipe)$",
            description="Transition that begins the shot: start (of the source), cut, dissolve, fade or wipe.",
        ),
    ]
    transition_frames: Annotated[
        list[int] | None,
        unit("frame"),
        Meta(description="Start and stop (exclusive) of the frames inside the transition; null for a cut."),
    ]
    complexity: Annotated[
        dict[str, PooledMeasure | None],
        Meta(description="Complexity measures by name; null where a shot has too few frames for the measure."),
    ]


class VmafPool(Part, frozen=True, kw_only=True):
    """Pooled VMAF of all frames of a rendition."""

    mean: Annotated[Vmaf, Meta(description="Arithmetic mean.")]
    harmonic_mean: Annotated[Vmaf, Meta(description="Harmonic mean.")]
    p5: Annotated[Vmaf, Meta(description="5th percentile.")]
    min: Annotated[Vmaf, Meta(description="Minimum.")]


class VideoSegment(Part, frozen=True, kw_only=True):
    """One media segment of a video rendition."""

    bytes: Annotated[Bytes, Meta(description="Size.")]
    vmaf: Annotated[Vmaf, Meta(description="Mean VMAF of the frames.")]
    url: Annotated[str, Meta(description="File, relative to the directory of the presentation.")]
    offset: Annotated[Bytes, Meta(description="Position in the file; only with one file per track.")] | UnsetType = (
        UNSET
    )


class ShotResult(Part, frozen=True, kw_only=True):
    """Size and quality of one shot in a video rendition."""

    bits: Annotated[int, unit("bits"), Meta(description="Size of the coded frames.")]
    vmaf: Annotated[Vmaf, Meta(description="Mean VMAF of the frames.")]
    vmaf_min: Annotated[Vmaf, Meta(description="Minimum VMAF of a frame.")]


class ActiveConstraints(Part, frozen=True, kw_only=True):
    """Shots of a rendition for which an allocation constraint is active; empty lists unless the mode is per-shot."""

    floor: Annotated[list[Index], Meta(description="Shots at the minimum VMAF relative to the mean of the rung.")]
    cap: Annotated[list[Index], Meta(description="Shots at the maximum VMAF, where the scale saturates.")]
    peak: Annotated[list[Index], Meta(description="Shots at the peak bitrate.")]
    max_quality_step: Annotated[
        list[Index], Meta(description="Shots at the maximum VMAF difference from an adjacent shot.")
    ]


class DynamicHdr(Part, frozen=True, kw_only=True):
    """Dynamic HDR metadata in the frames of a rendition."""

    kind: Annotated[str, Meta(description="Dolby Vision or HDR10+.")]
    profile: Annotated[str | None, Meta(description="Dolby Vision profile; null for HDR10+.")]
    level: Annotated[int | None, Meta(description="Dolby Vision level; null for HDR10+.")]
    frames: Annotated[int, unit("frames"), Meta(description="Number of frames that have it.")]


class VideoRendition(Part, frozen=True, kw_only=True):
    """One encoded rung of the ladder; the renditions of a codec are ordered by bitrate."""

    id: Annotated[str, Meta(description="Name: codec, nominal height and average bitrate.")]
    codec: Annotated[str, Meta(description="Codec: h264, hevc, vp9, av1 or one of a user's codec table.")]
    codecs: Annotated[str, Meta(description="Codec string of RFC 6381.")]
    video_range: Annotated[str, Meta(description="HLS VIDEO-RANGE: SDR, HLG or PQ.")]
    width: Annotated[int, unit("pixels"), Meta(description="Width.")]
    height: Annotated[int, unit("pixels"), Meta(description="Height.")]
    average_bitrate: Annotated[BitsPerSecond, Meta(description="Bytes of all segments over the duration.")]
    peak_bitrate: Annotated[BitsPerSecond, Meta(description="Maximum bitrate of a segment.")]
    vbv_bitrate: Annotated[
        BitsPerSecond,
        Meta(description="Bitrate that fills the decoder buffer: the peak, or more if `vbv_seconds` requires it."),
    ]
    vbv_bits: Annotated[
        int, unit("bits"), Meta(description="Minimum decoder buffer size (VBV) at that bitrate without underflow.")
    ]
    vmaf: Annotated[VmafPool, Meta(description="VMAF of the rendition against the source.")]
    quantisers: Annotated[list[float], unit("CRF or QP"), Meta(description="Quantiser of each shot.")]
    active_constraints: Annotated[ActiveConstraints, Meta(description="Shots at a constraint of the allocation.")]
    constraint_costs: Annotated[
        dict[str, float],
        Meta(description="Percentage of the bits that a constraint of the allocation costs, by the fitted curves."),
    ] = msgspec.field(default_factory=dict)
    playlist: Annotated[str, Meta(description="HLS media playlist.")]
    init: Annotated[str, Meta(description="Initialisation segment.")]
    segments: Annotated[list[VideoSegment], Meta(description="Media segments, one per entry of the timeline.")]
    shots: Annotated[
        list[ShotResult], Meta(description="Size and quality of each shot; empty in documents of earlier versions.")
    ] = msgspec.field(default_factory=list)
    dynamic_hdr: Annotated[list[DynamicHdr], Meta(description="Absent without dynamic HDR.")] | UnsetType = UNSET
    scores: (
        Annotated[
            dict[str, float],
            Meta(
                description="Score of the rendition by the other metrics that were measured: neg, psnr, ssim, xpsnr,"
                " cambi, or the name of a user's metric; PSNR and XPSNR in dB. Absent without."
            ),
        ]
        | UnsetType
    ) = UNSET


class EncryptionEntry(Part, frozen=True, kw_only=True):
    """Common Encryption; the document never contains a key."""

    scheme: Annotated[str, Meta(description="Protection scheme: cbcs or cenc.")]
    key_ids: Annotated[dict[str, str], Meta(description="Key ID (hexadecimal) by label, VIDEO or AUDIO.")]
    clear_lead: Annotated[Seconds, Meta(description="Unencrypted duration at the start.")]


class ZoneEntry(Part, frozen=True, kw_only=True):
    """A part of the source for which the user set limits."""

    first_frame: Annotated[int, unit("frame"), Meta(description="Number of the first frame, from 0.")]
    frame_count: Annotated[int, unit("frames"), Meta(description="Number of frames.")]
    settings: Annotated[str, Meta(description="The limits.")]
    vmaf: Annotated[dict[str, Vmaf], Meta(description="Mean VMAF of its frames in the top rung, by codec.")]


class FilmGrainEntry(Part, frozen=True, kw_only=True):
    """Synthesised film grain of one codec, and encodes at the same quantisers with the grain of the source."""

    codec: Annotated[str, Meta(description="Codec.")]
    strengths: Annotated[list[int], Meta(description="Strength of each shot, 1 to 50; 1 adds none.")]
    source_grain_vmaf: Annotated[list[Vmaf], Meta(description="Mean VMAF of each rung with the source's grain.")]
    source_grain_bitrate: Annotated[list[BitsPerSecond], Meta(description="Average bitrate of each rung with it.")]


class MetricEntry(Part, frozen=True, kw_only=True):
    """The metric by which the ladder was searched instead of VMAF."""

    name: Annotated[str, Meta(description="xpsnr, or the name of a user's metric.")]
    unit: Annotated[str, Meta(description="Unit of its scores; empty for none.")]
    target: Annotated[float, Meta(description="Target score of the top rung.")]


class LadderEntry(Part, frozen=True, kw_only=True):
    """Settings and estimates of the bitrate ladder."""

    mode: Annotated[str, Meta(description="per-shot, per-title, constant-quality or fixed.")]
    preset: Annotated[str, Meta(description="Encoder preset; CODEC=NAME,... with several codecs.")]
    tune: Annotated[str, Meta(description="visual or metric.")]
    pooling: Annotated[str, Meta(description="Temporal pooling of VMAF: mean or harmonic.")]
    vbv_seconds: Annotated[
        Seconds | None, Meta(description="Requested decoder buffer at twice the average bitrate; null if unlimited.")
    ]
    max_quality_step: Annotated[
        Vmaf | None, Meta(description="Requested maximum VMAF step between adjacent shots; null if unlimited.")
    ]
    target_vmaf: Annotated[
        Vmaf | None, Meta(description="Target VMAF of the top rung; null if `metric` has the target.")
    ]
    metric: Annotated[MetricEntry, Meta(description="Absent if the search used VMAF.")] | UnsetType = UNSET
    zones: Annotated[list[ZoneEntry], Meta(description="Zones of --zones; absent without.")] | UnsetType = UNSET
    film_grain: Annotated[list[FilmGrainEntry], Meta(description="Absent without it.")] | UnsetType = UNSET
    frame_stride: Annotated[int, Meta(description="Frames per measured frame; absent if 1.")] | UnsetType = UNSET
    overrides: Annotated[
        dict[str, list[str]],
        Meta(description="Per-shot encoder overrides by codec: one name per shot, empty where there is none."),
    ]
    expected_excess_percent: Annotated[
        dict[str, Percent | None],
        Meta(description="Bitrate that further probes are expected to save, by codec; null if not estimated."),
    ]


class Comparison(Part, frozen=True, kw_only=True):
    """A measured comparison of one codec's ladder with a fixed ladder. Negative percentages are savings."""

    codec: Annotated[str, Meta(description="Codec.")]
    anchor: Annotated[str, Meta(description="Name of the fixed ladder.")]
    points: Annotated[
        list[tuple[int, float]],
        unit("bit/s, VMAF"),
        Meta(description="Bitrate and VMAF of each rung of the fixed ladder."),
    ]
    sampled_chunks: Annotated[int, Meta(description="Number of chunks that were encoded with the fixed ladder.")]
    chunks: Annotated[int, Meta(description="Number of chunks of the source.")]
    bd_rate_percent: Annotated[
        Percent | None, Meta(description="BD-rate against the fixed ladder; null without a common VMAF range.")
    ]
    bd_rate_error_percent: Annotated[
        Percent | None, Meta(description="Standard error of the BD-rate from the sampling of chunks.")
    ]
    vmaf_low: Annotated[Vmaf | None, Meta(description="Lower end of the common VMAF range.")]
    vmaf_high: Annotated[Vmaf | None, Meta(description="Upper end of the common VMAF range.")]
    stored_bits_percent: Annotated[Percent, Meta(description="Difference of the bits of all rungs together.")]
    top_rung_percent: Annotated[Percent, Meta(description="Difference of the bitrates of the top rungs.")]


class Cost(Part, frozen=True, kw_only=True):
    """CPU time of the run that created the artefacts; a cached artefact keeps its original cost."""

    analysis_cpu_seconds: Annotated[CpuSeconds, Meta(description="Shot detection and complexity.")]
    probe_cpu_seconds: Annotated[CpuSeconds, Meta(description="Probe encodes and their VMAF.")]
    encode_cpu_seconds: Annotated[CpuSeconds, Meta(description="Final encodes.")]
    measure_cpu_seconds: Annotated[CpuSeconds, Meta(description="VMAF of the final encodes.")]
    comparison_cpu_seconds: Annotated[CpuSeconds, Meta(description="Sample encodes of the fixed ladder.")]
    probes: Annotated[int, Meta(description="Number of probe encodes.")]


class MadeWith(Part, frozen=True, kw_only=True):
    """Versions of the tools."""

    shotladder: Annotated[str, Meta(description="Version of shotladder.")]
    ffmpeg: Annotated[str, Meta(description="Version of ffmpeg.")]
    vmaf_model: Annotated[str, Meta(description="VMAF model.")]
    vmaf_engine: Annotated[str, Meta(description="VMAF implementation: native or libvmaf.")]
    packager: Annotated[str, Meta(description="Version of Shaka Packager.")]
    x264: Annotated[str, Meta(description="Version of x264; absent without an H.264 rendition.")] | UnsetType = UNSET
    x265: Annotated[str, Meta(description="Version of x265; absent without its renditions.")] | UnsetType = UNSET
    svt_av1: Annotated[str, Meta(description="Version of SVT-AV1; absent without its renditions.")] | UnsetType = UNSET
    libvpx: Annotated[str, Meta(description="Version of libvpx; absent without its renditions.")] | UnsetType = UNSET


class Presentation(Part, frozen=True, kw_only=True):
    """The content of `presentation.json`; every number was measured on the files beside it."""

    version: Annotated[int, Meta(description="Version of this format.")]
    title: Annotated[str, Meta(description="Name of the source file without its extension.")]
    duration: Annotated[Seconds, Meta(description="Duration of the video.")]
    frame_rate: Annotated[
        str, unit("frames/s"), Meta(description="Mean frame rate as a fraction, for example `24000/1001`.")
    ]
    source: Annotated[SourceEntry | None, Meta(description="The source; null in documents of earlier versions.")] = None
    segments: Annotated[list[TimelineSegment], Meta(description="Timeline.")]
    shots: Annotated[list[ShotEntry], Meta(description="Shots.")]
    video: Annotated[list[VideoRendition], Meta(description="Video renditions, codec by codec, lowest bitrate first.")]
    audio: Annotated[list[AudioEntry], Meta(description="Audio tracks.")]
    text: Annotated[list[TextEntry], Meta(description="Subtitle tracks.")]
    skipped_tracks: Annotated[list[SkippedTrackEntry], Meta(description="Source tracks that were skipped.")]
    thumbnails: Annotated[ThumbnailsEntry, Meta(description="Thumbnails; absent without.")] | UnsetType = UNSET
    encryption: Annotated[EncryptionEntry | None, Meta(description="Encryption; null if there is none.")]
    ladder: Annotated[LadderEntry, Meta(description="Settings and estimates of the ladder.")]
    comparisons: Annotated[list[Comparison], Meta(description="Comparisons with the fixed ladder, one per codec.")]
    cost: Annotated[Cost, Meta(description="CPU time.")]
    made_with: Annotated[MadeWith, Meta(description="Versions of the tools.")]
    request: Annotated[str, Meta(description="Hash of the request; an identical request does nothing.")]
    files: Annotated[list[str], Meta(description="All files of the presentation; `--overwrite` deletes only these.")]

    def __repr__(self) -> str:
        """Return one line: the title, its duration and the sizes of the lists."""
        return (
            f"Presentation({self.title!r}, {self.duration:.2f} s,"
            f" {format_count(len(self.shots), 'shot')}, {format_count(len(self.segments), 'segment')},"
            f" {format_count(len(self.video), 'rendition')})"
        )
