"""Describe the packaged video and audio tracks of a presentation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import m3u8
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

import encoder
import vmaf
from encoder import AudioStream, AudioTrack, PackagedTrack, RenditionMetadata, SubtitleStream
from encoder.packaging.packager import HLS_MANIFEST
from ladders import EncodeSettings, Ladder, Shot
from ladders import active_constraints as find_active_constraints
from shotladder.report.presentation_format import (
    ActiveConstraints,
    DynamicHdr,
    ShotResult,
    VideoRendition,
    VideoSegment,
    VmafPool,
)
from shotladder.report.presentation_inputs import PackagedLadder, PresentationInputs, TrackSamples
from shotladder.report.presentation_tracks import AudioEntry, AudioSegment, LoudnessEntry

__all__ = ["describe_audio", "describe_video", "stream_tags", "value_per_shot"]

Value = TypeVar("Value")


def value_per_shot(shots: Sequence[Shot], ladder: Ladder, values: Sequence[Value]) -> list[Value]:
    """Return the value of each shot: that of the chunk in which it begins."""
    ends = np.array([chunk.stop for chunk in ladder.chunks])
    return [values[int(np.searchsorted(ends, shot.start, side="right"))] for shot in shots]


def describe_video(folder: Path, inputs: PresentationInputs, ladder: PackagedLadder, number: int) -> VideoRendition:
    """Return the description of one rendition: its bitrates, VMAF, quantisers, constraints and segments."""
    rendition, packaged, samples = ladder.renditions[number], ladder.packaged[number], ladder.samples[number]
    sizes = packaged.sizes
    spans = [(s.start, s.stop) for s in ladder.ladder.segments]
    durations = [float(inputs.source.time(b) - inputs.source.time(a)) for a, b in spans]
    peak = round(max(8 * size / time for size, time in zip(sizes, durations, strict=True)))
    scores = ladder.finals.vmaf(number)
    vbv_bitrate, vbv_seconds = peak, inputs.constraints.vbv_seconds
    if vbv_seconds is not None:
        vbv_bitrate = max(peak, math.ceil(encoder.min_vbv_bitrate(samples.bits, samples.times, vbv_seconds)))
    return VideoRendition(
        id=rendition.id,
        codec=rendition.codec,
        **_manifest_tags(folder, packaged.playlist),
        width=rendition.width,
        height=rendition.height,
        average_bitrate=round(8 * sum(sizes) / float(inputs.source.duration)),
        peak_bitrate=peak,
        vbv_bitrate=vbv_bitrate,
        vbv_bits=math.ceil(encoder.min_vbv_size(samples.bits, samples.times, vbv_bitrate)),
        vmaf=pool_vmaf(scores),
        quantisers=value_per_shot(inputs.shots, ladder.ladder, ladder.ladder.rungs[number].quantisers),
        active_constraints=_constrained_shots(inputs, ladder, number),
        constraint_costs=dict(ladder.constraint_costs[number]) if ladder.constraint_costs else {},
        playlist=packaged.playlist,
        init=packaged.init,
        segments=[
            VideoSegment(bytes=size, vmaf=round(float(scores[a:b].mean()), 4), url=url, offset=offset)
            for size, (a, b), (url, offset) in zip(sizes, spans, _locations(packaged), strict=True)
        ],
        shots=_shot_results(inputs.shots, samples, scores),
        dynamic_hdr=_describe_dynamic_hdr(ladder.metadata[number] if ladder.metadata else None),
        scores={name: round(score, 4) for name, score in ladder.scores[number].items()} if ladder.scores else UNSET,
    )


def _describe_dynamic_hdr(metadata: RenditionMetadata | None) -> list[DynamicHdr] | UnsetType:
    if metadata is None:
        return UNSET
    kinds = []
    if metadata.rpus:
        profile = f"{metadata.profile}.{metadata.compatibility}"
        frames = len(metadata.rpus)
        kinds.append(DynamicHdr(kind="Dolby Vision", profile=profile, level=metadata.level, frames=frames))
    if metadata.hdr10_plus:
        frames = sum(map(bool, metadata.hdr10_plus))
        kinds.append(DynamicHdr(kind="HDR10+", profile=None, level=None, frames=frames))
    return kinds


def _shot_results(shots: Sequence[Shot], samples: TrackSamples, scores: NDArray[np.float64]) -> list[ShotResult]:
    """Return size and quality of every shot of a rendition."""
    # samples come in decoding order, shots are ranges of frames in presentation order
    sizes = samples.bits[np.argsort(samples.times, kind="stable")]
    return [
        ShotResult(
            bits=int(sizes[shot.start : shot.stop].sum()),
            vmaf=round(float(scores[shot.start : shot.stop].mean()), 4),
            vmaf_min=round(float(scores[shot.start : shot.stop].min()), 4),
        )
        for shot in shots
    ]


def _constrained_shots(inputs: PresentationInputs, ladder: PackagedLadder, number: int) -> ActiveConstraints:
    """Return the indices of the shots at each constraint of a rung; only per-shot ladders have constraints."""
    plan = ladder.ladder
    if plan.mode != "per-shot":
        return ActiveConstraints(floor=[], cap=[], peak=[], max_quality_step=[])
    active = find_active_constraints(
        inputs.source,
        plan.chunks,
        plan.rungs[number].quantisers,
        ladder.finals.chunks[number],
        inputs.constraints.for_target(plan.target),
        EncodeSettings(pooling=plan.pooling),
    )
    shots = {name: sorted({s for n in chunks for s in plan.chunks[n].shots}) for name, chunks in active.items()}
    return ActiveConstraints(**shots)


def pool_vmaf(scores: NDArray[np.float64]) -> VmafPool:
    """Return the pools of per-frame scores, rounded as the document holds them."""
    return VmafPool(**{key: round(value, 4) for key, value in asdict(vmaf.Pool.of(scores)).items()})


def describe_audio(track: AudioTrack, packaged: PackagedTrack) -> AudioEntry:
    """Return the description of one audio track."""
    return AudioEntry(
        **stream_tags(track.stream),
        codec=track.codec,
        channels=track.channels,
        loudness=UNSET if track.loudness is None else LoudnessEntry(**asdict(track.loudness)),
        average_bitrate=round(8 * sum(packaged.sizes) / sum(packaged.durations)),
        playlist=packaged.playlist,
        init=packaged.init,
        segments=[
            AudioSegment(bytes=size, duration=duration, url=url, offset=offset)
            for size, duration, (url, offset) in zip(
                packaged.sizes, packaged.durations, _locations(packaged), strict=True
            )
        ],
    )


def _locations(packaged: PackagedTrack) -> list[tuple[str, int | UnsetType]]:
    """Return the file of each segment, and its position if several segments are in one file."""
    if packaged.offsets is None:
        return [(url, UNSET) for url in packaged.urls]
    return list(zip(packaged.urls, packaged.offsets, strict=True))


def stream_tags(stream: AudioStream | SubtitleStream) -> dict[str, Any]:
    """Return the tags of a source track that its entry repeats."""
    return {"language": stream.language, "title": stream.title, "dispositions": list(stream.dispositions)}


def _manifest_tags(folder: Path, playlist: str) -> dict[str, str]:
    """Return the video part of CODECS, and VIDEO-RANGE, from the master playlist."""
    for variant in m3u8.load(str(folder / HLS_MANIFEST)).playlists:
        if variant.uri == playlist:
            info = variant.stream_info
            # RFC 8216bis, section 4.4.6.2: an absent VIDEO-RANGE means SDR
            return {"codecs": (info.codecs or "").split(",")[0], "video_range": info.video_range or "SDR"}
    return {"codecs": "", "video_range": "SDR"}
