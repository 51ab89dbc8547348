"""Dynamic HDR metadata in a run: read it from the source, report what is left out, and check what is packaged."""

from __future__ import annotations

from pathlib import Path

import encoder
from encoder import DynamicMetadata, PackagedTrack, RenditionMetadata, Source, StitchError
from encoder.packaging.packaged_metadata import count_packaged_metadata
from shotladder.pipeline.encode_request import EncodeRequest
from shotladder.reporter import Reporter

__all__ = ["check_packaged_metadata", "read_dynamic_hdr"]


def read_dynamic_hdr(request: EncodeRequest, source: Source, reporter: Reporter) -> DynamicMetadata:
    """Return the dynamic metadata that renditions carry, and report what is left out."""
    if not request.dynamic_hdr:
        for kind in source.hdr.dynamic:
            reporter.say(f"{source.path}: {kind} metadata is left out, as requested")
        return DynamicMetadata()
    metadata = encoder.read_dynamic_metadata(source)
    for note in metadata.notes:
        reporter.say(f"{source.path}: {note}")
    for codec in request.codecs if metadata.kinds else ():
        if metadata.for_rendition(source, codec, source.display_size) is None:
            reporter.say(
                f"{source.path}: {' and '.join(metadata.kinds)} metadata is left out of {codec}, which cannot carry it"
            )
    return metadata


def check_packaged_metadata(folder: Path, track: PackagedTrack, metadata: RenditionMetadata) -> None:
    """Check that every frame of a packaged track has the metadata of the source.

    Raises
    ------
    StitchError
        If the number of frames with metadata differs.
    """
    expected = len(metadata.rpus), sum(map(bool, metadata.hdr10_plus))
    found = count_packaged_metadata(folder, track, metadata.family)
    for kind, count, total in zip(("Dolby Vision", "HDR10+"), found, expected, strict=True):
        if count != total:
            raise StitchError(f"{track.playlist}: {count} frames have {kind} metadata instead of {total}")
