"""Describe a finished run as a `Presentation`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import UNSET, UnsetType

from encoder import Encryption, Source, get_codec
from encoder.media.container import is_url
from encoder.packaging.thumbnails import PLAYLIST, POSTER, Thumbnails
from ladders import Ladder, Shot
from shotladder import __version__
from shotladder.report.baseline_comparison import compare_with_fixed
from shotladder.report.encoder_versions import LIBRARIES, library_version
from shotladder.report.presentation_format import (
    Cost,
    EncryptionEntry,
    FilmGrainEntry,
    LadderEntry,
    MadeWith,
    MetricEntry,
    PooledMeasure,
    Presentation,
    ShotEntry,
    TimelineSegment,
    ZoneEntry,
)
from shotladder.report.presentation_inputs import PackagedLadder, PresentationInputs
from shotladder.report.presentation_reader import FORMAT_VERSION
from shotladder.report.presentation_tracks import SkippedTrackEntry, TextEntry, ThumbnailsEntry
from shotladder.report.source_description import describe_source
from shotladder.report.track_description import describe_audio, describe_video, stream_tags, value_per_shot
from shotladder_runtime.tools import ffmpeg_version, packager_version

__all__ = ["describe", "shot_document"]


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
        title=_make_title(source.path),
        duration=float(source.duration),
        frame_rate=f"{source.frame_rate.numerator}/{source.frame_rate.denominator}",
        source=describe_source(source),
        segments=[
            TimelineSegment(
                start=float(source.time(s.start)),
                duration=float(source.time(s.stop) - source.time(s.start)),
                shots=_shots_within(shot_starts, s.start, s.stop),
            )
            for s in ladder.segments
        ],
        shots=[_describe_shot(source, shot) for shot in inputs.shots],
        video=[describe_video(folder, inputs, each, n) for each in inputs.ladders for n in range(len(each.renditions))],
        audio=[describe_audio(track, packaged) for track, packaged in inputs.audio],
        text=[
            TextEntry(**stream_tags(track.stream), codec="webvtt", playlist=packaged.playlist)
            for track, packaged in inputs.text
        ],
        skipped_tracks=[
            SkippedTrackEntry(stream=t.stream.index, codec=t.stream.codec, language=t.stream.language, reason=t.reason)
            for t in inputs.skipped_tracks
        ],
        thumbnails=_describe_thumbnails(inputs.thumbnails),
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


def _make_title(path: str) -> str:
    """Return the name of a source without its suffix, of a URL without its query."""
    name = Path(unquote(urlsplit(path).path) if is_url(path) else path).stem or "video"
    # JSON is UTF-8, a file name need not be
    return name.encode(errors="replace").decode()


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
        transition_frames=None if shot.transition_frames is None else list(shot.transition_frames),
        complexity=measures,
    )


def _describe_ladder(inputs: PresentationInputs) -> LadderEntry:
    ladder = inputs.ladders[0].ladder
    stride = max(each.finals.frame_stride for each in inputs.ladders)
    return LadderEntry(
        mode=ladder.mode,
        preset=_presets(inputs.ladders),
        tune=ladder.tune,
        pooling=ladder.pooling,
        vbv_seconds=inputs.constraints.vbv_seconds,
        max_quality_step=inputs.constraints.max_quality_step,
        target_vmaf=ladder.target if inputs.metric is None else None,
        metric=UNSET
        if inputs.metric is None
        else MetricEntry(name=inputs.metric.name, unit=inputs.metric.unit, target=inputs.metric.target),
        zones=_describe_zones(inputs) if inputs.zones else UNSET,
        film_grain=_describe_film_grain(inputs) or UNSET,
        frame_stride=UNSET if stride == 1 else stride,
        overrides={each.ladder.codec: _overrides(inputs.shots, each.ladder) for each in inputs.ladders},
        expected_excess_percent={
            each.ladder.codec: _rounded(each.ladder.expected_excess_rate) for each in inputs.ladders
        },
    )


def _describe_thumbnails(thumbnails: Thumbnails | None) -> ThumbnailsEntry | UnsetType:
    if thumbnails is None:
        return UNSET
    return ThumbnailsEntry(
        interval=float(thumbnails.interval),
        width=thumbnails.width,
        height=thumbnails.height,
        columns=thumbnails.columns,
        rows=thumbnails.rows,
        count=thumbnails.count,
        playlist=PLAYLIST,
        poster=POSTER,
    )


def _describe_zones(inputs: PresentationInputs) -> list[ZoneEntry]:
    tops = {each.ladder.codec: each.finals.vmaf(len(each.renditions) - 1) for each in inputs.ladders}
    return [
        ZoneEntry(
            first_frame=zone.start,
            frame_count=zone.stop - zone.start,
            settings=zone.zone.settings,
            vmaf={codec: round(float(scores[zone.start : zone.stop].mean()), 4) for codec, scores in tops.items()},
        )
        for zone in inputs.zones
    ]


def _describe_film_grain(inputs: PresentationInputs) -> list[FilmGrainEntry]:
    """Return the strength of synthesised film grain, and what the encodes with the grain of the source measure."""
    return [
        FilmGrainEntry(
            codec=each.ladder.codec,
            strengths=value_per_shot(inputs.shots, each.ladder, [chunk.film_grain for chunk in each.ladder.chunks]),
            source_grain_vmaf=[
                round(float(each.source_grain.vmaf(n).mean()), 4) for n in range(len(each.ladder.rungs))
            ],
            source_grain_bitrate=[
                round(sum(chunk.bits for chunk in row) / float(inputs.source.duration))
                for row in each.source_grain.chunks
            ],
        )
        for each in inputs.ladders
        if each.source_grain is not None
    ]


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
        **_library_versions(ladders),
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


def _overrides(shots: Sequence[Shot], ladder: Ladder) -> list[str]:
    return value_per_shot(shots, ladder, ladder.overrides) if ladder.overrides else []


def _describe_encryption(encryption: Encryption | None) -> EncryptionEntry | None:
    """Return the scheme and the key IDs; the document is public and never contains a key."""
    if encryption is None:
        return None
    key_ids = {key.label: key.key_id for key in encryption.keys}
    return EncryptionEntry(scheme=encryption.scheme, key_ids=key_ids, clear_lead=encryption.clear_lead)


def _x264_version(ladders: Sequence[PackagedLadder]) -> str | UnsetType:
    """Return the version that x264 wrote into its stream."""
    for each in ladders:
        found = re.search(rb"x264 - core (\d+(?: r\d+)?)", each.finals.chunks[0][0].path.read_bytes())
        if found:
            return found[1].decode()
    return UNSET


def _library_versions(ladders: Sequence[PackagedLadder]) -> dict[str, str]:
    """Return the versions of the other encoder libraries, by their keys."""
    encoders = [get_codec(each.ladder.codec).encoder for each in ladders]
    versions = {LIBRARIES[name][0]: library_version(name) for name in encoders if name in LIBRARIES}
    return {key: version for key, version in versions.items() if version}
