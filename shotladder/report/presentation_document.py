"""Describe a finished run as a `Presentation`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import m3u8
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

import encoder
import vmaf
from encoder import AudioStream, AudioTrack, Encryption, Packaged, Rendition, Source, TextStream, TextTrack
from encoder.packaging.packager import HLS_MANIFEST
from ladders import Anchor, Constraints, EncodeSettings, FinalEncodes, Ladder, Shot
from ladders import active_constraints as find_active_constraints
from shotladder import __version__
from shotladder.report.baseline_comparison import compare_with_fixed
from shotladder.report.presentation import (
    ActiveConstraints,
    AudioEntry,
    AudioSegment,
    Cost,
    EncryptionEntry,
    LadderEntry,
    MadeWith,
    PooledMeasure,
    Presentation,
    ShotEntry,
    SkippedTrackEntry,
    TextEntry,
    TimelineSegment,
    VideoRendition,
    VideoSegment,
    VmafPool,
)
from shotladder.report.presentation_file import FORMAT_VERSION
from shotladder_runtime.tools import ffmpeg_version, packager_version

__all__ = ["PackagedLadder", "PresentationInputs", "SkippedTrack", "TrackSamples", "describe", "shot_document"]

Value = TypeVar("Value")


class TrackSamples(NamedTuple):
    """Samples of a video track in decoding order: `bits` (n,) int64 and `times` (n,) float64, s."""

    bits: NDArray[np.int64]
    times: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SkippedTrack:
    """A track of the source that the presentation does not contain, and the reason."""

    stream: AudioStream | TextStream
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class PackagedLadder:
    """The encoded and packaged ladder of one codec.

    Attributes
    ----------
    ladder : Ladder
    finals : FinalEncodes
    renditions : sequence of Rendition
        One per rung.
    packaged : sequence of Packaged
        Of each rendition.
    samples : sequence of TrackSamples
        Of each rendition's track.
    anchor : Anchor or None
        The fixed ladder that it is compared with; None without a comparison.
    """

    ladder: Ladder
    finals: FinalEncodes
    renditions: Sequence[Rendition]
    packaged: Sequence[Packaged]
    samples: Sequence[TrackSamples]
    anchor: Anchor | None


@dataclass(frozen=True, slots=True, eq=False)
class PresentationInputs:
    """All results of a run; the ladders of all codecs have the same segments."""

    source: Source
    shots: Sequence[Shot]
    ladders: Sequence[PackagedLadder]
    audio: Sequence[tuple[AudioTrack, Packaged]]
    text: Sequence[tuple[TextTrack, Packaged]]
    skipped_tracks: Sequence[SkippedTrack]
    encryption: Encryption | None
    constraints: Constraints
    analysis_cpu_seconds: float


def describe(folder: Path, inputs: PresentationInputs, fingerprint: str) -> Presentation:
    """Return the description of a presentation, without the list of its files.

    Parameters
    ----------
    folder : Path
        Directory of the packaged files.
    inputs : PresentationInputs
        Results of the run.
    fingerprint : str
        Hash of the request, by which a later run recognises that nothing is left to do.
    """
    source, ladder = inputs.source, inputs.ladders[0].ladder
    shot_starts = [shot.start for shot in inputs.shots]
    return Presentation(
        version=FORMAT_VERSION,
        # JSON is UTF-8, a file name need not be
        title=Path(source.path).stem.encode(errors="replace").decode(),
        duration=float(source.duration),
        frame_rate=f"{source.frame_rate.numerator}/{source.frame_rate.denominator}",
        segments=[
            TimelineSegment(
                start=float(source.time(s.start)),
                duration=float(source.time(s.stop) - source.time(s.start)),
                shots=_shots_within(shot_starts, s.start, s.stop),
            )
            for s in ladder.segments
        ],
        shots=[_describe_shot(source, shot) for shot in inputs.shots],
        video=[
            _describe_video(folder, inputs, each, n) for each in inputs.ladders for n in range(len(each.renditions))
        ],
        audio=[_describe_audio(track, packaged) for track, packaged in inputs.audio],
        text=[
            TextEntry(**_tags(track.stream), codec="webvtt", playlist=packaged.playlist)
            for track, packaged in inputs.text
        ],
        skipped_tracks=[
            SkippedTrackEntry(stream=t.stream.index, codec=t.stream.codec, language=t.stream.language, reason=t.reason)
            for t in inputs.skipped_tracks
        ],
        encryption=_describe_encryption(inputs.encryption),
        ladder=_describe_ladder(inputs),
        comparisons=[
            compare_with_fixed(source, each.ladder, each.finals, each.anchor) for each in inputs.ladders if each.anchor
        ],
        cost=_sum_cost(inputs),
        made_with=_describe_versions(inputs.ladders),
        request=fingerprint,
        files=[],
    )


def shot_document(source: Source, shot: Shot) -> dict[str, Any]:
    """Return a shot as a JSON object of `shots --json`."""
    return _describe_shot(source, shot).to_dict()


def _describe_shot(source: Source, shot: Shot) -> ShotEntry:
    measures = {
        name: None if pooled is None else PooledMeasure(**pooled) for name, pooled in asdict(shot.complexity).items()
    }
    return ShotEntry(
        first_frame=shot.start,
        frame_count=shot.frame_count,
        start=float(source.time(shot.start)),
        end=float(source.time(shot.stop)),
        transition=shot.transition,
        transition_frames=None if shot.mixed is None else list(shot.mixed),
        complexity=measures,
    )


def _describe_ladder(inputs: PresentationInputs) -> LadderEntry:
    ladder = inputs.ladders[0].ladder
    return LadderEntry(
        mode=ladder.mode,
        preset=_presets(inputs.ladders),
        tune=ladder.tune,
        pooling=ladder.pooling,
        vbv_seconds=inputs.constraints.buffer,
        max_quality_step=inputs.constraints.max_quality_step,
        target_vmaf=ladder.target,
        overrides={each.ladder.codec: _overrides(inputs.shots, each.ladder) for each in inputs.ladders},
        expected_excess_percent={
            each.ladder.codec: _rounded(each.ladder.expected_excess_rate) for each in inputs.ladders
        },
    )


def _sum_cost(inputs: PresentationInputs) -> Cost:
    ladders = inputs.ladders
    return Cost(
        analysis_cpu_seconds=round(inputs.analysis_cpu_seconds, 3),
        probe_cpu_seconds=round(sum(each.ladder.cost.cpu_seconds for each in ladders), 3),
        encode_cpu_seconds=round(sum(each.finals.encode_cpu_seconds for each in ladders), 3),
        measure_cpu_seconds=round(sum(each.finals.measure_cpu_seconds for each in ladders), 3),
        comparison_cpu_seconds=round(sum(each.anchor.cost.cpu_seconds for each in ladders if each.anchor), 3),
        probes=sum(each.ladder.cost.probes for each in ladders),
    )


def _describe_versions(ladders: Sequence[PackagedLadder]) -> MadeWith:
    chunk = ladders[0].finals.chunks[0][0]
    return MadeWith(
        shotladder=__version__,
        ffmpeg=ffmpeg_version(),
        vmaf_model=chunk.model,
        vmaf_engine=chunk.engine,
        packager=packager_version(),
        x264=_x264_version(ladders),
    )


def _rounded(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 2)


def _presets(ladders: Sequence[PackagedLadder]) -> str:
    """Return the presets in the syntax of `--preset`."""
    if len(ladders) == 1:
        return ladders[0].ladder.preset
    return ",".join(f"{each.ladder.codec}={each.ladder.preset}" for each in ladders)


def _shots_within(starts: Sequence[int], start: int, stop: int) -> list[int]:
    """Return the indices of the shots that have frames in [start, stop)."""
    ends = [*starts[1:], stop]
    return [n for n, (begin, end) in enumerate(zip(starts, ends, strict=True)) if begin < stop and end > start]


def _describe_video(folder: Path, inputs: PresentationInputs, ladder: PackagedLadder, number: int) -> VideoRendition:
    rendition, packaged, samples = ladder.renditions[number], ladder.packaged[number], ladder.samples[number]
    sizes = packaged.sizes
    spans = [(s.start, s.stop) for s in ladder.ladder.segments]
    durations = [float(inputs.source.time(b) - inputs.source.time(a)) for a, b in spans]
    peak = round(max(8 * size / time for size, time in zip(sizes, durations, strict=True)))
    scores = ladder.finals.vmaf(number)
    vbv_bitrate, vbv_seconds = peak, inputs.constraints.buffer
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
        quantisers=_per_shot(inputs.shots, ladder.ladder, ladder.ladder.rungs[number].quantisers),
        active_constraints=_constrained_shots(inputs, ladder, number),
        playlist=packaged.playlist,
        init=packaged.init,
        segments=[
            VideoSegment(bytes=size, vmaf=round(float(scores[a:b].mean()), 4), url=url, offset=offset)
            for size, (a, b), (url, offset) in zip(sizes, spans, _locations(packaged), strict=True)
        ],
    )


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


def _overrides(shots: Sequence[Shot], ladder: Ladder) -> list[str]:
    return _per_shot(shots, ladder, ladder.overrides) if ladder.overrides else []


def _per_shot(shots: Sequence[Shot], ladder: Ladder, values: Sequence[Value]) -> list[Value]:
    """Return the value of each shot: that of the chunk in which it begins."""
    ends = np.array([chunk.stop for chunk in ladder.chunks])
    return [values[int(np.searchsorted(ends, shot.start, side="right"))] for shot in shots]


def _describe_audio(track: AudioTrack, packaged: Packaged) -> AudioEntry:
    return AudioEntry(
        **_tags(track.stream),
        codec=track.codec,
        channels=track.channels,
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


def _locations(packaged: Packaged) -> list[tuple[str, int | UnsetType]]:
    """Return the file of each segment, and its position if several segments are in one file."""
    if packaged.offsets is None:
        return [(url, UNSET) for url in packaged.urls]
    return list(zip(packaged.urls, packaged.offsets, strict=True))


def _tags(stream: AudioStream | TextStream) -> dict[str, Any]:
    return {"language": stream.language, "title": stream.title, "dispositions": list(stream.dispositions)}


def _describe_encryption(encryption: Encryption | None) -> EncryptionEntry | None:
    """Return the scheme and the key IDs; the document is public and never contains a key."""
    if encryption is None:
        return None
    key_ids = {key.label: key.key_id for key in encryption.keys}
    return EncryptionEntry(scheme=encryption.scheme, key_ids=key_ids, clear_lead=encryption.clear_lead)


def _manifest_tags(folder: Path, playlist: str) -> dict[str, str]:
    """Return the video part of CODECS, and VIDEO-RANGE, from the master playlist."""
    for variant in m3u8.load(str(folder / HLS_MANIFEST)).playlists:
        if variant.uri == playlist:
            info = variant.stream_info
            # RFC 8216bis, section 4.4.6.2: an absent VIDEO-RANGE means SDR
            return {"codecs": (info.codecs or "").split(",")[0], "video_range": info.video_range or "SDR"}
    return {"codecs": "", "video_range": "SDR"}


def _x264_version(ladders: Sequence[PackagedLadder]) -> str | UnsetType:
    """Return the version that x264 wrote into its stream; the versions of other encoders follow from ffmpeg's."""
    for each in ladders:
        found = re.search(rb"x264 - core (\d+(?: r\d+)?)", each.finals.chunks[0][0].path.read_bytes())
        if found:
            return found[1].decode()
    return UNSET
