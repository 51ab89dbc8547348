"""Rows of the report on what a presentation has besides its ladder: one row for each feature that is used."""

from __future__ import annotations

from shotladder.pipeline.source.film_grain import format_strengths
from shotladder.report.presentation_format import FilmGrainEntry, Presentation
from shotladder.report.readable_units import format_bitrate

__all__ = ["feature_rows"]


def feature_rows(presentation: Presentation) -> list[tuple[str, str]]:
    """Return name and description of each feature that a presentation uses."""
    rows = [("dynamic HDR metadata", text) for text in _describe_dynamic_hdr(presentation)]
    crop = presentation.source.crop if presentation.source else None
    if crop:
        left, top, right, bottom = crop
        rows.append(("cropped", f"{left} at the left, {top} at the top, {right} at the right, {bottom} at the bottom"))
    for track in presentation.audio:
        if track.loudness:
            name = f"loudness of audio {track.language or 'und'} {track.codec}"
            measured = f"{track.loudness.integrated:.1f} LUFS, range {track.loudness.range:.1f} LU"
            rows.append((name, f"{measured}, true peak {track.loudness.true_peak:.1f} dBTP"))
    film_grain = presentation.ladder.film_grain or ()
    thumbnails = presentation.thumbnails
    if thumbnails:
        size = f"{thumbnails.width}x{thumbnails.height}"
        rows.append(("thumbnails", f"{thumbnails.count} of {size}, one per {thumbnails.interval:g} s"))
    rows += [(f"film grain of {grain.codec}", _describe_film_grain(presentation, grain)) for grain in film_grain]
    for zone in presentation.ladder.zones or ():
        measured = ", ".join(f"{codec} {vmaf:.1f}" for codec, vmaf in zone.vmaf.items())
        frames = f"zone of frames {zone.first_frame} to {zone.first_frame + zone.frame_count - 1}"
        rows.append((frames, f"{zone.settings}; VMAF of the top rung: {measured}"))
    return rows


def _describe_film_grain(presentation: Presentation, grain: FilmGrainEntry) -> str:
    top = [rung for rung in presentation.video if rung.codec == grain.codec][-1]
    return (
        f"synthesised at strength {format_strengths(grain.strengths)}; top rung: {format_bitrate(top.average_bitrate)}"
        f" at VMAF {top.vmaf.mean:.1f} instead of {format_bitrate(grain.source_grain_bitrate[-1])} at VMAF"
        f" {grain.source_grain_vmaf[-1]:.1f} with the grain of the source (VMAF counts synthesised grain as an error)"
    )


def _describe_dynamic_hdr(presentation: Presentation) -> list[str]:
    """Return a sentence for each kind of dynamic metadata, with the renditions of each codec that carry it."""
    described: dict[tuple[str, str, int], int] = {}
    for rung in presentation.video:
        for each in rung.dynamic_hdr or ():
            key = (" ".join(filter(None, (each.kind, each.profile))), rung.codec, each.frames)
            described[key] = described.get(key, 0) + 1
    return [
        f"{kind} on {frames} of {presentation.source.frame_count if presentation.source else frames} frames"
        f" of {count} {codec} rungs"
        for (kind, codec, frames), count in described.items()
    ]
