"""Stitch the encoded chunks to tracks and package them as DASH and HLS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import encoder
from encoder import Encryption, PackagingRequest, Rendition, Source
from ladders import FinalEncodes, Ladder
from shotladder.pipeline.codec_ladders import EncodedLadder
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.key_files import keys_file
from shotladder.pipeline.side_tracks import SideTracks
from shotladder.pipeline.source_analysis import SourceAnalysis
from shotladder.report.presentation_inputs import PackagedLadder, PresentationInputs, TrackSamples
from shotladder.reporter import Reporter
from shotladder_runtime.temporary_folder import temporary_folder

__all__ = ["choose_encryption", "package_presentation", "save_new_keys"]


def choose_encryption(request: EncodeRequest) -> Encryption | None:
    """Return how to encrypt, with new keys if the request has none."""
    requested = request.encryption
    if requested is None:
        return None
    keys = requested.keys or encoder.new_keys()
    return Encryption(requested.scheme, keys, requested.key_uri, requested.clear_lead)


def save_new_keys(request: EncodeRequest, encryption: Encryption | None, reporter: Reporter) -> None:
    """Save new keys and report where, after packaging: a run that ends earlier leaves no keys."""
    if encryption is None or request.encryption is None or request.encryption.keys is not None:
        return
    path = keys_file(encryption.keys[0].key_id)
    encoder.save_keys(encryption.keys, path)
    reporter.say(f"keys written to {path} (mode 0600)")


def package_presentation(
    folder: Path,
    request: EncodeRequest,
    analysis: SourceAnalysis,
    encoded: Sequence[EncodedLadder],
    tracks: SideTracks,
    encryption: Encryption | None,
) -> PresentationInputs:
    """Write the manifests and segments of all tracks to a directory, and return what describes them.

    Parameters
    ----------
    folder : Path
        Empty directory. Clear frames of an encrypted presentation are never in it.
    request : EncodeRequest
    analysis : SourceAnalysis
    encoded : sequence of EncodedLadder
        One per codec, all with the same segments.
    tracks : SideTracks
    encryption : Encryption or None
    """
    source = analysis.source
    named = [name_renditions(source, each.ladder, each.finals) for each in encoded]
    # stitched in the store, which contains clear frames anyway, and never in a directory that may be served
    with temporary_folder(request.store.root, ".tracks.") as stitching:
        stitched = [
            _stitch_ladder(stitching, source, each, renditions) for each, renditions in zip(encoded, named, strict=True)
        ]
        samples = [[TrackSamples(*encoder.read_track_samples(path)) for path in ladder] for ladder in stitched]
        packaged = encoder.package(
            folder,
            source,
            encoded[0].ladder.segments,
            [
                (r, p)
                for renditions, ladder in zip(named, stitched, strict=True)
                for r, p in zip(renditions, ladder, strict=True)
            ],
            tracks.audio,
            tracks.text,
            PackagingRequest(encryption, request.single_file),
        )
    # the packager returns its tracks in the order of the arguments: video, audio, subtitles
    video_count, audio_count = sum(map(len, named)), len(tracks.audio)
    video = packaged[:video_count]
    audio = packaged[video_count : video_count + audio_count]
    text = packaged[video_count + audio_count :]
    ladders, start = [], 0
    for each, renditions, ladder_samples in zip(encoded, named, samples, strict=True):
        stop = start + len(renditions)
        ladders.append(
            PackagedLadder(
                each.ladder,
                each.finals,
                renditions,
                video[start:stop],
                ladder_samples,
                each.anchor,
                each.constraint_costs,
            )
        )
        start = stop
    return PresentationInputs(
        source,
        analysis.shots,
        ladders,
        audio=list(zip(tracks.audio, audio, strict=True)),
        text=list(zip(tracks.text, text, strict=True)),
        skipped_tracks=tracks.skipped,
        encryption=encryption,
        constraints=request.constraints,
        analysis_cpu_seconds=analysis.cpu_seconds,
    )


def _stitch_ladder(folder: Path, source: Source, encoded: EncodedLadder, renditions: Sequence[Rendition]) -> list[Path]:
    """Join the chunks of each rendition to one track, and return the files of the tracks."""
    ladder = encoded.ladder
    paths = [folder / f"{rendition.id}.mp4" for rendition in renditions]
    for path, row in zip(paths, encoded.finals.chunks, strict=True):
        encoder.stitch(source, ladder.chunks, [chunk.path for chunk in row], path, ladder.segments)
    return paths


def name_renditions(source: Source, ladder: Ladder, finals: FinalEncodes) -> tuple[Rendition, ...]:
    """Return the renditions of a ladder, named by the measured bitrates."""
    rates = [round(sum(c.bits for c in row) / float(source.duration)) for row in finals.chunks]
    rungs = tuple(replace(rung, rate=rate) for rung, rate in zip(ladder.rungs, rates, strict=True))
    return replace(ladder, rungs=rungs).renditions()
