"""Stitch the encoded chunks to tracks and package them as DASH and HLS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import encoder
from encoder import DynamicMetadata, Encryption, PackagingRequest, Rendition, RenditionMetadata, Source
from encoder.encode.filters import keeps_hdr, make_colour_tags
from encoder.packaging.hls_media_playlist import PackagedTrack
from encoder.packaging.packager import DASH_MANIFEST, HLS_MANIFEST
from encoder.packaging.thumbnails import MAX_SIZE, Thumbnails, list_thumbnails, write_poster, write_thumbnails
from shotladder.pipeline.codec_ladders import EncodedLadder
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.pipeline.key_files import keys_file
from shotladder.pipeline.rendition_names import name_by_bitrate, rename_renditions
from shotladder.pipeline.source.source_analysis import SourceAnalysis
from shotladder.pipeline.source.zones import place_zones, read_zones
from shotladder.pipeline.tracks.dynamic_hdr import check_packaged_metadata
from shotladder.pipeline.tracks.side_tracks import SideTracks
from shotladder.report.presentation_inputs import PackagedLadder, PresentationInputs, TrackSamples
from shotladder.reporter import Reporter
from shotladder_runtime.store import Store
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
    dynamic: DynamicMetadata,
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
    dynamic : DynamicMetadata
    """
    source = analysis.source
    # the bits of the frames; after packaging, renditions are named by the sizes of their segments
    named = [
        name_by_bitrate(source, each.ladder, [sum(chunk.bits for chunk in row) for row in each.finals.chunks])
        for each in encoded
    ]
    carried = [[dynamic.for_rendition(source, r.codec, (r.width, r.height)) for r in each] for each in named]
    has_messages = {
        rendition.id
        for renditions, row in zip(named, carried, strict=True)
        for rendition, metadata in zip(renditions, row, strict=True)
        if metadata is not None and metadata.hdr10_plus
    }
    # stitched in the store, which contains clear frames anyway, and never in a directory that may be served
    with temporary_folder(request.store.root, ".tracks.") as stitching:
        stitched = [
            _stitch_ladder(stitching, source, each, renditions, row, request.store)
            for each, renditions, row in zip(encoded, named, carried, strict=True)
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
            [replace(track, path=request.store.fetch_known(track.path)) for track in tracks.audio],
            [replace(track, path=request.store.fetch_known(track.path)) for track in tracks.text],
            PackagingRequest(encryption, request.single_file, frozenset(has_messages)),
        )
        rungs = list(zip(named[0], stitched[0], strict=True))
        # images of an encrypted presentation would show its frames
        interval = request.thumbnails if encryption is None else None
        thumbnails = None if interval is None else _make_thumbnails(folder, interval, analysis, rungs)
    # the packager returns its tracks in the order of the arguments: video, audio, subtitles
    video_count, audio_count = sum(map(len, named)), len(tracks.audio)
    video, named = _name_by_size(folder, source, encoded, packaged[:video_count], named)
    audio = packaged[video_count : video_count + audio_count]
    text = packaged[video_count + audio_count :]
    ladders = [
        PackagedLadder(
            each.ladder,
            each.finals,
            renditions,
            ladder_tracks,
            ladder_samples,
            each.anchor,
            each.constraint_costs,
            row,
            each.source_grain,
            each.scores,
        )
        for each, renditions, ladder_tracks, ladder_samples, row in zip(
            encoded, named, video, samples, carried, strict=True
        )
    ]
    if encryption is None:
        # frames of an encrypted track cannot be read
        for each in ladders:
            _check_metadata(folder, each)
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
        thumbnails=thumbnails,
        metric=request.metric,
        zones=place_zones(read_zones(request.zones), source, analysis.shots) if request.zones else (),
    )


def _make_thumbnails(
    folder: Path, interval: Fraction, analysis: SourceAnalysis, rungs: Sequence[tuple[Rendition, Path]]
) -> Thumbnails:
    """Write thumbnails from the best rung of the smallest size that is large enough, and a poster from the top rung."""
    source = analysis.source
    enough = [rung for rung in rungs if rung[0].height >= MAX_SIZE[1]] or [rungs[-1]]
    height = min(rendition.height for rendition, _ in enough)
    rendition, path = [rung for rung in enough if rung[0].height == height][-1]
    if not keeps_hdr(source, encoder.get_codec(rendition.codec)):
        # the frames are those of SDR renditions, which are tone-mapped already
        source = replace(source, colour=make_colour_tags(source))
    thumbnails = write_thumbnails(folder, source, path, (rendition.width, rendition.height), interval)
    list_thumbnails(folder, thumbnails, DASH_MANIFEST, HLS_MANIFEST)
    longest = max(analysis.shots, key=lambda shot: shot.frame_count)
    top, path = rungs[-1]
    write_poster(folder, source, path, (top.width, top.height), source.time((longest.start + longest.stop) // 2))
    return thumbnails


def _stitch_ladder(
    folder: Path,
    source: Source,
    encoded: EncodedLadder,
    renditions: Sequence[Rendition],
    carried: Sequence[RenditionMetadata | None],
    store: Store,
) -> list[Path]:
    """Join the chunks of each rendition to one track, and return the files of the tracks."""
    ladder = encoded.ladder
    paths = [folder / f"{rendition.id}.mp4" for rendition in renditions]
    for path, row, metadata in zip(paths, encoded.finals.chunks, carried, strict=True):
        chunks = [store.fetch_known(chunk.path) for chunk in row]
        encoder.stitch(source, ladder.chunks, chunks, path, ladder.segments, metadata)
    return paths


def _check_metadata(folder: Path, ladder: PackagedLadder) -> None:
    """Check that the packaged tracks carry the dynamic HDR metadata of their renditions."""
    for track, metadata in zip(ladder.packaged, ladder.metadata, strict=True):
        if metadata is not None:
            check_packaged_metadata(folder, track, metadata)


def _name_by_size(
    folder: Path,
    source: Source,
    encoded: Sequence[EncodedLadder],
    tracks: Sequence[PackagedTrack],
    named: Sequence[Sequence[Rendition]],
) -> tuple[list[list[PackagedTrack]], list[tuple[Rendition, ...]]]:
    """Name the packaged renditions by the bitrates of their segments; return tracks and renditions of each ladder."""
    sizes = iter(8 * sum(track.sizes) for track in tracks)
    renamed = [name_by_bitrate(source, each.ladder, list(islice(sizes, len(each.ladder.rungs)))) for each in encoded]
    ids = {
        old.id: new.id for olds, news in zip(named, renamed, strict=True) for old, new in zip(olds, news, strict=True)
    }
    renamed_tracks = iter(rename_renditions(folder, tracks, ids))
    return [list(islice(renamed_tracks, len(each))) for each in renamed], renamed
